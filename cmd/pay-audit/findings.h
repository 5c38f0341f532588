/* findings: the identities that do not hold. */
#ifndef PAYPIPE_AUDIT_FINDINGS_H
#define PAYPIPE_AUDIT_FINDINGS_H

#include <stddef.h>

#include "amount.h"

/* Zero-initialise. The texts are kept to the end of the program. */
struct findings {
	char **text;
	size_t n, capacity;
};

/* Adds one. */
void findings_add(struct findings *findings, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds "WHAT: A is not B" where a and b, two ways to come to the same number, differ. */
void findings_same(struct findings *findings, amount_sum a, amount_sum b, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds those of `more`, which holds none afterwards. */
void findings_move(struct findings *findings, struct findings *more);

/* Prints them, a line each, or that there is none. */
void findings_print(const struct findings *findings);

#endif
