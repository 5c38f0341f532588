/* export: a store's records written back as a stream. */
#ifndef PAYPIPE_STORE_EXPORT_H
#define PAYPIPE_STORE_EXPORT_H

#include <stdint.h>

#include "database.h"
#include "output.h"

/* Writes the records of a table in the order of its key as plain lines; where is an SQL condition over its columns, or
 * NULL. All are of one moment, also while another program writes. Another table, or a condition that is not one, ends
 * the program with 64. Returns how many were written. */
uint64_t export_table(struct database *database, const char *table, const char *where, struct output *output);

/* --check: ends the program with 64 as export_table would for the table and the condition; reads no record. */
void export_check(struct database *database, const char *table, const char *where);

#endif
