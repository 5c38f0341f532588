/* table: a CSV file of payments: a column for each of the eight members, optionally channel and action, and further
 * columns, which become members of data. */
#ifndef PAYPIPE_TABLE_H
#define PAYPIPE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "csv.h"
#include "delivery.h"
#include "slice.h"

extern const struct csv_column table_columns[];

/* How many of the eight a line names; and whether it is taken for a header: it names one. */
size_t table_named(struct slice line);
bool table_is(struct slice line);

/* The names of a table's further columns. */
struct table {
	struct slice *names; /* each as `,"name":` */
	size_t n, names_size;
};

/* Takes the further columns' names, as csv_form's others. NULL, or why one cannot be a member. */
const char *table_name_others(struct table *table, const struct slice *names, size_t n);
void table_free(struct table *table);

/* Delivers a row, its fields in the order of table_columns, the further ones behind them, as a message; source: its
 * coordinates as a JSON string. What is missing or wrong in it is found where messages are checked. A further column's
 * field is a string, null where it is empty. */
void table_deliver(const struct table *table, struct delivery *delivery, struct slice source,
		   const struct slice *fields);

#endif
