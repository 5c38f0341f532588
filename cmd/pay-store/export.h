/* export: a store's records written back as a stream. */
#ifndef PAYPIPE_STORE_EXPORT_H
#define PAYPIPE_STORE_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "database.h"
#include "output.h"
#include "record.h"
#include "schema.h"
#include "slice.h"

/* Writes the records of a table in the order of its key as plain lines; where is an SQL condition over its columns, or
 * NULL. All are of one moment, also while another program writes. Another table, or a condition that is not one, ends
 * the program with 64. Returns how many were written. */
uint64_t export_table(struct database *database, const char *table, const char *where, struct output *output);

/* A statement that reads columns of a table or view where the condition is true (NULL: all), in an order; it may read
 * the store and compute, nothing else. A condition that is none ends the program with 64. */
sqlite3_stmt *export_prepare(struct database *database, const char *columns, const char *table, const char *where,
			     const char *order);

/* Steps it: whether there is a row. */
bool export_step(struct database *database, sqlite3_stmt *statement, const char *where);

/* --check: ends the program with 64 as export_table would for the table and the condition; reads no record. */
void export_check(struct database *database, const char *table, const char *where);

/* For sealed.h. The table of a name; another ends the program with 64. */
enum table export_find(const char *name);

/* SQL that reads the rows of a table of which a condition is true, in the order of its key; the caller frees it. */
char *export_select(enum table table, const char *where);

/* The coordinates and the amount of a row, and the row written as a line, of which the length is returned. */
struct coordinates export_coordinates(sqlite3_stmt *row);
int64_t export_amount(sqlite3_stmt *row);
size_t export_row(struct output *output, sqlite3_stmt *row, enum table table, struct scratch *scratch);

/* A reader of a store's records: a record's line, behind which are a line feed and JSON_PADDING bytes as json.h asks,
 * and what its column `amount` says. */
typedef void export_reader(void *self, struct slice line, int64_t money);

/* Calls each with every record of a table, in no particular order. */
void export_each(struct database *database, enum table table, export_reader *each, void *self);

#endif
