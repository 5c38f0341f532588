/* table: a CSV file of payments: a column for each of the eight members, and optionally channel and action. */
#ifndef PAYPIPE_TABLE_H
#define PAYPIPE_TABLE_H

#include <stdbool.h>

#include "csv.h"
#include "delivery.h"
#include "slice.h"

extern const struct csv_column table_columns[];

/* Whether a line (without its end) is a header: it names one of the eight. */
bool table_is(struct slice line);

/* Delivers a row, its fields in the order of table_columns, as a message; source: its coordinates as a JSON string.
 * What is missing or wrong in it is found where messages are checked. */
void table_deliver(struct delivery *delivery, struct slice source, const struct slice *fields);

#endif
