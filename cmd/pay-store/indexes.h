/* indexes: the key of base and payment_log, and when the order by merchant and by payout date is kept row by row and
 * when it is sorted once. */
#ifndef PAYPIPE_STORE_INDEXES_H
#define PAYPIPE_STORE_INDEXES_H

#include <stdbool.h>
#include <stdint.h>

#include "database.h"
#include "mark.h"

struct indexes {
	struct database *database;
	bool keyed;    /* base and payment_log have the index that is their key */
	bool there;    /* the others are there */
	bool deferred; /* to a later run */
	int64_t bulk;  /* rows that full segments added one behind the other */
};

/* Looks whether a store has its indexes, and makes the key. deferred: more loads like this one follow, a later run
 * makes what is missing, and a store that has no key yet goes without. */
void indexes_open(struct indexes *indexes, struct database *database, bool deferred);

/* After a segment's transaction: added is how many rows it brought, total how many there are. Keeping the order of a
 * row costs about ten times what sorting it once does; so when a load in full segments has paid for keeping as much
 * as sorting all rows would cost, the indexes are dropped; deferred, ten loads share that. They are made again when the
 * stream has caught up with its source, which shows in a small segment. mark is NULL for plain input. */
void indexes_mind(struct indexes *indexes, const struct mark *mark, int64_t added, int64_t total);

/* Makes the key if it is not there, inside a transaction or not: once there it stays. Rows that are twice in a table
 * end the program with 65. */
void indexes_key(struct indexes *indexes);

/* Makes the key and the others if they are not there. */
void indexes_make(struct indexes *indexes);

/* At the end of the input: the same, unless deferred. */
void indexes_end(struct indexes *indexes);

#endif
