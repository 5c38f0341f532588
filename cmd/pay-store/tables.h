/* tables: a segment's rows taken into the store, each once. */
#ifndef PAYPIPE_STORE_TABLES_H
#define PAYPIPE_STORE_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "compare.h"
#include "database.h"
#include "feed.h"
#include "indexes.h"
#include "mark.h"
#include "segment.h"
#include "spans.h"
#include "terms.h"

/* The statements by which one table takes rows. */
struct intake {
	sqlite3_stmt *insert; /* adds a row unless it is there */
	int place;            /* of the rowid among its parameters; 0: rows have none */
	sqlite3_stmt *forget; /* takes a row away; gives its amount */
	/* Adds rows of one source partition that are not there (see feed.h); NULL: the table takes them singly. */
	sqlite3_stmt *insert_all;
	sqlite3_stmt *insert_usual; /* the same without ROW_OWN and ROW_RECORD; NULL: insert_all takes these too */
};

struct tables {
	struct database *database;
	struct indexes *indexes;
	bool log;            /* messages into payment_log, else payments into base and unsettlement */
	bool replace;        /* rows of known coordinates are overwritten */
	struct terms *terms; /* whose currency is kept with the rows; set by the caller, NULL: none */
	struct intake intake[TABLES];
	sqlite3_stmt *correct;         /* notes that a dead letter's record came after all */
	sqlite3_stmt *any_in[TABLES];  /* whether a table has rows in a range of offsets */
	sqlite3_stmt *pruned;          /* whether messages of a range of offsets were pruned */
	sqlite3_stmt *reaches, *widen; /* whether an extent reaches into a range of offsets; makes it hold one */
	struct feed fresh;             /* what insert_all takes */
	const struct segment *segment; /* the one at hand */
	const struct span *span;       /* whose rows are taken */
	struct spans spans;            /* of the segment at hand */
	struct tally tally[TABLES];    /* of the transaction at hand */
	struct compare compare;        /* of rows whose coordinates are known */
	uint64_t duplicates;           /* these, since the start */
	uint64_t differing;            /* of them, those that differ in dates, reason, or in being settled */
	int64_t added;                 /* rows that the last transaction brought base */
};

/* Gets ready to write to an open store; its indexes must stay where they are. */
void tables_open(struct tables *tables, struct database *database, struct indexes *indexes, bool log, bool replace);

/* One transaction: takes in the segment's rows and, where there is a mark, what it covers; then the segment is cleared.
 * Rows of coordinates that the store has are compared (compare.h) and left out, or overwrite with `replace` (a message
 * that was pruned is always left out); a payment is in one of base and unsettlement, in base when it came as both. A
 * store without its key gets it with the first segment that is not altogether new. Ends the program with 76 as
 * cover_apply does. */
void tables_take(struct tables *tables, struct segment *segment, const struct mark *mark, bool allow_gap);

#endif
