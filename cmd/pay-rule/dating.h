/* dating: the dates that terms give a payment; each pair of terms and day is worked out once. */
#ifndef PAYPIPE_RULE_DATING_H
#define PAYPIPE_RULE_DATING_H

#include <stdbool.h>
#include <stdint.h>

#include "calendar.h"
#include "cycles.h"

enum { DATED_TEXT = 12 }; /* a date with its quotes: "2025-05-21" */

/* Dates as they are written into a record, not terminated. */
struct dated {
	char payout[DATED_TEXT], confirm[DATED_TEXT];
	bool beyond; /* the payout lies behind the last holiday that is known, if any is */
};

enum { DATING_TEXTS = 64 };

/* What a payment's day is taken for, and the business days. */
struct dating {
	const struct calendar *calendar;
	bool roll;                /* a payment on a day off counts from the next business day */
	struct dating_slot *slot; /* its own */
	struct dating_text {
		date_day day;
		char text[DATED_TEXT]; /* "": not written yet */
	} text[DATING_TEXTS];          /* days as they are written, by day */
};

void dating_init(struct dating *dating, const struct calendar *calendar, bool roll);
void dating_free(struct dating *dating);

/* The dates of a payment that counts for `day` (the cutoff applied already; it may be one past date_last()). The
 * terms must stay where and as they are. Returns NULL with *reason a constant text where the dates lie outside the
 * years 0001 to 9999. The result is valid until the next call. */
const struct dated *dating_find(struct dating *dating, const struct terms *terms, date_day day, const char **reason);

/* Writes a date with its quotes. */
void dating_write(struct dating *dating, char to[DATED_TEXT], date_day day);

#endif
