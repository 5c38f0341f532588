/* compare: a row that comes against what the store has of its coordinates. Equal coordinates are the same payment: that
 * is checked, not believed. */
#ifndef PAYPIPE_STORE_COMPARE_H
#define PAYPIPE_STORE_COMPARE_H

#include <stdbool.h>

#include "database.h"
#include "segment.h"

struct compare {
	struct database *database;
	sqlite3_stmt *payments, *message; /* what the store has of a row's coordinates */
	struct scratch came, kept;
};

/* Gets ready for an open store. */
void compare_open(struct compare *compare, struct database *database);

/* A payment: where the store has one of its coordinates, in base or unsettlement, with another amount, merchant, time,
 * action or method, the program ends with 76 and names both. Returns the table that has it; TABLES: none. `differing`
 * is increased where one differs in the rest that is judged about a payment: its dates, its reason, or whether it is
 * settled. */
enum table compare_payment(struct compare *compare, const struct segment *segment, const struct row *row,
			   uint64_t *differing);

/* A message: where the log has another of its coordinates, the program ends with 76 and names both. Members of the
 * toolkit's own (--with) and the spelling may differ. Returns whether the log has it. */
bool compare_message(struct compare *compare, const struct segment *segment, const struct row *row);

#endif
