/* dedupe: which payments were met before under other coordinates, kept in a SQLite file.
 *
 * A payment's identity is a 128-bit hash of the members that the user names. The first record with an identity claims
 * it: its coordinates, the day of its paymentDate, and what is paid to whom (merchant, action and amount, hashed) are
 * kept. Another record with that identity, under other coordinates, whose payment day is at most `days` from the
 * claim's, is a duplicate where the same is paid to the same, and else in conflict with the claim: a cancel that
 * carries its payment's identity, or somebody else's payment. That verdict is kept too. A record met again under its
 * own coordinates gets the verdict it had, whatever came after it, so a run that starts again anywhere gives the same
 * verdicts. Hashes are made under a random key that lies in the file, so that no sender can make two payments one.
 *
 * Forgetting follows the stream, not the wall: by a clock that goes with the dates on which most payments agree (see
 * dayclock.h), what was met more than `days` and a week ago no longer counts, whether or not it is deleted yet. The
 * week is for payments that come late, and for what is read again after a crash. */
#ifndef PAYPIPE_FILTER_DEDUPE_H
#define PAYPIPE_FILTER_DEDUPE_H

#include <stdbool.h>
#include <stdint.h>

#include "claims.h"
#include "coordinates.h"
#include "database.h"
#include "date.h"
#include "record.h"
#include "siphash.h"

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

/* Whether any of the members is there and not null; else nothing identifies the record. */
bool identity_given(const struct identity *identity, const struct members *members);

/* What tells payments of one identity apart: merchant, action and amount, as far as they are no part of it. */
void identity_rest(struct identity *rest, const struct identity *identity);

/* The hash of an object's members: each by its type and value, strings by their characters, amount by its number; an
 * absent member and null differ. */
struct siphash identity_hash(struct identity *identity, const struct siphash_key *key, const struct members *members,
			     int64_t amount);

struct dedupe;

/* Opens the file, made when missing, for duplicates within `days` days by these members; lock_wait as in
 * database_open. A file made for other members ends the program with 78. dry: nothing is made or written, and what
 * this run claims is held in memory to its end. */
struct dedupe *dedupe_open(const char *path, const char *members, int days, double lock_wait, bool dry);

/* What identities and payments are hashed with. */
const struct siphash_key *dedupe_key(const struct dedupe *dedupe);

/* A record with the hashes of its identity and of what is paid to whom. */
struct dedupe_record {
	struct siphash identity, payment;
	struct coordinates own;
	date_day day;
};

/* What a record is; it claims its identity where nobody holds it. Where somebody does, and claimant is not NULL and the
 * claim is known, *claimant gets the coordinates that hold it (else claimant->source.n is 0), valid until the next
 * call. */
enum claim_verdict dedupe_met(struct dedupe *dedupe, const struct dedupe_record *record, struct coordinates *claimant);

/* The end of a segment: writes what it claimed in one transaction and deletes some of what no longer counts. */
void dedupe_commit(struct dedupe *dedupe);

/* Closes the file and gives back memory; what was not committed is not kept. */
void dedupe_close(struct dedupe *dedupe);

#endif
