/* views: what a store's views say, written as lines or as a table: what is paid out when, and what is not. */
#ifndef PAYPIPE_STORE_VIEWS_H
#define PAYPIPE_STORE_VIEWS_H

#include <stdbool.h>
#include <stdint.h>

#include "output.h"

/* Whether there is a view of this name. */
bool views_known(const char *name);

/* Their names, for messages. */
extern const char views_listed[];

/* Writes a view of several stores, which hold different payments, as one, in the order of its keys: an object a line,
 * or with csv a table with a header. where is an SQL condition over its columns, or NULL. Sums are exact, beyond 64
 * bits too. A condition that is none ends the program with 64; `check`: nothing is written. */
void views_export(const char *const *paths, size_t n, const char *name, const char *where, bool csv,
		  struct output *output, bool check);

#endif
