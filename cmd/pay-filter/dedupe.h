/* dedupe: which payments were met before under other coordinates, kept in a SQLite file.
 *
 * A payment's identity is a 128-bit hash of the members that the user names. The first record with an identity claims
 * it: its coordinates and the day of its paymentDate are kept. Another record with that identity, under other
 * coordinates, whose payment day is at most `days` from the claim's, is a duplicate; that verdict is kept too. A record
 * met again under its own coordinates gets the verdict it had, whatever came after it, so a run that starts again
 * anywhere gives the same verdicts.
 *
 * Forgetting follows the stream, not the wall: a clock stands at the greatest payment day seen (it moves by at most a
 * day per record, so that one wrong date does not make it forget everything), and what was met more than `days` and a
 * week before it no longer counts, whether or not it is deleted yet. The week is for payments that come late, and for
 * what is read again after a crash. */
#ifndef PAYPIPE_FILTER_DEDUPE_H
#define PAYPIPE_FILTER_DEDUPE_H

#include <stdbool.h>
#include <stdint.h>
#include <xxhash.h>

#include "coordinates.h"
#include "database.h"
#include "date.h"
#include "record.h"

enum { IDENTITY_MEMBERS = 16 };

/* The members that make up an identity. */
struct identity {
	const char *spelled; /* as the user gave them: "a,b" */
	int name[IDENTITY_MEMBERS];
	int n;
	struct scratch text, decoded;
};

/* Reads a list of member names separated by commas and registers them; an empty or repeated name, or too many, ends
 * the program with 64. spelled must outlive identity. */
void identity_read(struct identity *identity, const char *spelled, struct names *names);

/* The hash of an object's members: each by its type and value, strings by their characters, amount by its number; an
 * absent member and null differ. Returns false if all of them are absent or null: nothing identifies such a record. */
bool identity_hash(struct identity *identity, const struct members *members, int64_t amount, XXH128_hash_t *to);

struct dedupe;

/* Opens the file, made when missing, for duplicates within `days` days by these members; lock_wait as in
 * database_open. A file made for other members ends the program with 78. dry: nothing is made or written, and what
 * this run claims is held in memory to its end. */
struct dedupe *dedupe_open(const char *path, const char *members, int days, double lock_wait, bool dry);

/* Whether a record is a duplicate; claims its identity if not. If it is, and claimant is not NULL and the claim is
 * known, *claimant gets the coordinates that hold it (else claimant->source.n is 0), valid until the next call. */
bool dedupe_met(struct dedupe *dedupe, XXH128_hash_t identity, const struct coordinates *own, date_day day,
		struct coordinates *claimant);

/* The end of a segment: writes what it claimed in one transaction and deletes some of what no longer counts. */
void dedupe_commit(struct dedupe *dedupe);

/* Closes the file and gives back memory; what was not committed is not kept. */
void dedupe_close(struct dedupe *dedupe);

#endif
