/* state: totals kept in a database, with the coordinates they hold and the cover, so that each payment is counted once
 * whatever is fed again. Tables: setting, key (the members of each group's key), total (count and sum by key.id),
 * known (see known.h), sample (see below), cover, state and place (see cover.h); the view statistics joins key and
 * total.
 *
 * sample(source, partition, offset, hash): of the coordinates of which mark_is_place says so, what the payment was, so
 * that another payment under known coordinates is found, though no payments are kept. */
#ifndef PAYPIPE_STATE_H
#define PAYPIPE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "amount.h"
#include "currency.h"
#include "database.h"
#include "feed.h"
#include "grouping.h"
#include "known.h"
#include "mark.h"
#include "totals.h"
#include "upgrade.h"

/* What makes the present version of a database of totals of an older one. */
extern const struct upgrade_step state_steps[];

/* A record that waits to be applied. */
struct pending {
	struct group *group;
	amount amount;
	int64_t offset;
	uint32_t partition; /* in state.known */
	bool subtract;
};

/* What a record that waits was, see the table sample. */
struct sample {
	size_t pending; /* its number among those that wait */
	uint64_t hash;
};

/* A group that gains, by its row. */
struct gaining {
	int64_t id;
	struct group *group;
};

struct state {
	struct database database;
	struct known known; /* of the segment: read from the database and written back */
	struct pending *pending;
	size_t pending_n, pending_capacity;
	struct sample *samples; /* in the order of pending */
	size_t samples_n, samples_capacity;
	struct group **touched; /* groups to which the segment adds */
	size_t touched_n, touched_capacity;
	struct gaining *gaining; /* those of them whose rows one statement changes, see feed.h */
	struct feed gains;       /* these rows */
	size_t met;              /* how many of them the database had */
	int64_t *left;           /* ids of those whose sum leaves 64 bits or has left them: each is changed by itself */
	size_t left_n, left_capacity;
	const struct grouping *grouping;
	struct currency *currency; /* whose held one is kept; NULL: none */
	bool currency_kept;
	sqlite3_stmt *key_find, *key_insert, *total_find, *total_insert, *total_update, *total_gain;
	sqlite3_stmt *known_find, *known_write, *sample_find, *sample_write;
};

/* Opens or makes the database. One made with another grouping ends the program with 78. currency is the member that
 * --currency names; NULL: the one that the database has. */
void state_open(struct state *state, const char *path, const struct grouping *grouping, const char *currency,
		double lock_wait);

/* Sets up the currency that the database's amounts are in, and keeps from then on the one that it comes to hold. */
void state_currency(struct state *state, struct currency *currency, struct names *names);

/* Opens an existing database for reading and sets up the grouping it was made with. by and date are NULL where they
 * were not asked for; one asked for that differs from the database's, or net, ends the program with 78. */
void state_open_read(struct state *state, const char *path, const char *by, const char *date, bool net,
		     struct grouping *grouping);

/* Ends the program where the sums of two open databases have none in common: 78 where they were made with other signs
 * or another --currency, 65 where they are in two currencies. */
void state_demand_alike(struct state *state, struct state *other);

/* Ends the program with 78 when a database was made with another grouping, and with 73 or 77 where it could not be
 * written; one that is not there yet is fine. */
void state_check(const char *path, const struct grouping *grouping, const char *currency);

/* Keeps a record for the next state_commit. */
void state_add(struct state *state, const struct pending *pending);

/* Says what the record was that was kept last: hash, of all that makes it another payment. */
void state_sample(struct state *state, uint64_t hash);

/* One transaction: applies the first n records kept, those whose coordinates are not known yet, and the mark's cover
 * (NULL: none). Another payment under known coordinates ends the program with 76. Returns how many records were known.
 * Groups' counts and sums are used for the work and left at nothing.
 */
uint64_t state_commit(struct state *state, size_t n, const struct mark *mark, bool allow_gap);

/* The present total of a group; false when the database has none. */
bool state_total(struct state *state, struct group *group, uint64_t *count, amount_sum *sum);

/* A reader of totals. */
typedef void state_reader(void *self, struct slice key, uint64_t count, amount_sum sum);

/* Calls each with every total, in the order of the keys and all as they are at one moment. */
void state_read(struct state *state, state_reader *each, void *self);

#endif
