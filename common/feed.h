/* feed: rows that a program holds in memory, as a table that SQL reads from its first row to its last.
 *
 * One INSERT ... SELECT from it takes many rows: the b-trees' cursors stay open from row to row, and no statement is
 * started and ended for each. That halves what a row costs against one INSERT ... VALUES a row. */
#ifndef PAYPIPE_FEED_H
#define PAYPIPE_FEED_H

#include <stddef.h>

#include "database.h"
#include "slice.h"

struct feed {
	const char *name;    /* of the table */
	const char *columns; /* their names, with commas */
	void *self;          /* the caller's */
	/* Gives a column of a row by one of SQLite's sqlite3_result_* or feed_text; none: NULL. */
	void (*column)(const void *self, size_t row, int column, sqlite3_context *to);
	size_t n; /* how many rows there are; read whenever a statement is at a row's end */
};

/* Gives a connection the table; the feed must outlive it. */
void feed_register(struct database *database, const struct feed *feed);

/* Gives a text that stays where it is until the statement has ended; NULL where its p is. */
void feed_text(sqlite3_context *to, struct slice text);

#endif
