/* schema: the tables of a store. */
#ifndef PAYPIPE_STORE_SCHEMA_H
#define PAYPIPE_STORE_SCHEMA_H

#include "amount.h"
#include "database.h"
#include "slice.h"
#include "upgrade.h"

/* The tables that hold records, in the order of `tally`. */
enum table { TABLE_BASE, TABLE_UNSETTLEMENT, TABLE_LOG, TABLE_DEAD, TABLE_STATISTICS, TABLES };

/* Their names in the file. */
extern const char *const table_name[TABLES];

/* SQL that makes the tables of a new store; the caller frees it. */
char *schema_text(void);

/* What makes the present version of the store of an older one. */
extern const struct upgrade_step schema_steps[];

/* What a table holds, as the running count says (table tally): records, and the sum of their amounts, 0 in tables
 * without amounts. */
struct tally {
	int64_t records;
	amount_sum amount;
};

/* Reads the tallies of all tables out of the file; a tally that is not a number ends the program with 65. */
void tally_read(struct database *database, struct tally to[TABLES]);

/* Writes them; inside a transaction. */
void tally_write(struct database *database, const struct tally tally[TABLES]);

/* A column's text, {NULL, 0} for NULL; valid until the statement is stepped. */
struct slice column_text(sqlite3_stmt *statement, int column);

#endif
