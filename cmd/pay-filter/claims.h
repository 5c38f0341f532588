/* claims: who was met with which identity, in a SQLite file, so that many millions are added and asked for at the speed
 * of the stream.
 *
 * A b-tree by hash would change a page a claim. Here what a segment adds is a run: its claims in pieces by the first
 * bits of their hashes, written once, one behind the other. As soon as there are sixteen runs of a level they become
 * one of the next, until a run is large (a log-structured merge tree: O'Neil et al., Acta Informatica 33, 1996). Most
 * hashes have not been met, and a Bloom filter in memory says so; of the others each run has one piece to look at. A
 * run of which nothing counts any more is deleted whole, and single claims that do not are left out when runs are
 * merged. */
#ifndef PAYPIPE_FILTER_CLAIMS_H
#define PAYPIPE_FILTER_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "bloom.h"
#include "database.h"
#include "date.h"

/* What was found of a record with an identity. */
enum claim_verdict {
	CLAIM_HOLDS,     /* it has claimed the identity */
	CLAIM_DUPLICATE, /* another record of the same payment had */
	CLAIM_CONFLICT   /* a record of another payment had */
};

enum { CLAIM_VERDICT_BITS = 2 }; /* that a payment's hash leaves free for it */

struct claim {
	uint64_t high, low; /* the identity */
	uint64_t payment;   /* what is paid to whom, hashed, CLAIM_VERDICT_BITS of it 0 */
	int64_t source, offset;
	int32_t partition;
	date_day day, met; /* of the payment; where the clock stood then */
	enum claim_verdict verdict;
};

/* The file's tables for claims; `run` says which runs there are, `piece` has their claims: its id is the run's, shifted
 * by 24, plus the first bits of the hashes in it. */
#define CLAIMS_SCHEMA                                                                               \
	"CREATE TABLE run(id INTEGER PRIMARY KEY, level INTEGER NOT NULL, claims INTEGER NOT NULL," \
	" bits INTEGER NOT NULL, met INTEGER NOT NULL) STRICT;"                                     \
	"CREATE TABLE piece(id INTEGER PRIMARY KEY, claims BLOB NOT NULL) STRICT;"

struct run {
	int64_t id, claims;
	int level, bits; /* how often it was merged; how many first bits of a hash tell its piece */
	date_day met;    /* the latest in it */
	bool done;       /* is to be deleted */
};

/* Zero-initialise, then claims_open. */
struct claims {
	struct database *file; /* the caller's */
	struct run *runs;      /* by id */
	size_t runs_n, runs_capacity;
	size_t last;   /* the run in which the last search found something */
	int64_t next;  /* id of the next run */
	int64_t known; /* claims in all runs */
	struct bloom filter;
	uint64_t asked; /* searches without a filter */
	sqlite3_stmt *find, *range;
	struct entry *entries, *sorted; /* of one step of work */
	size_t entries_n, entries_capacity, sorted_capacity;
	uint32_t *ends; /* of pieces in `sorted` */
	size_t ends_capacity;
};

/* Reads which runs there are; file stays open as long as claims. */
void claims_open(struct claims *claims, struct database *file);

/* Calls each(context, claim) for every claim of an identity, in no order, until it returns false. */
void claims_find(struct claims *claims, uint64_t high, uint64_t low, bool (*each)(void *, const struct claim *),
		 void *context);

/* Adds n claims, at least one, within the caller's transaction; what was met before `counts` may be deleted. If the
 * transaction does not come to its commit, claims is of no use any more. */
void claims_add(struct claims *claims, const struct claim *v, size_t n, date_day counts);

/* Gives back memory and statements. */
void claims_close(struct claims *claims);

#endif
