/* calendar: which days are business days. Saturdays and Sundays never are, nor are the holidays it was given. */
#ifndef PAYPIPE_CALENDAR_H
#define PAYPIPE_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#include "date.h"

struct calendar {
	uint64_t *holiday; /* a bit a day, from date_first() to date_last() */
	date_day last;     /* of the holidays; one before date_first(): there are none */
};

/* A calendar without holidays / gives back what it holds. */
void calendar_init(struct calendar *calendar);
void calendar_free(struct calendar *calendar);

/* Adds a holiday, a day from date_first() to date_last(). Returns whether it was new. */
bool calendar_add(struct calendar *calendar, date_day day);

/* Whether a day from date_first() to date_last() is a business day. */
bool calendar_business(const struct calendar *calendar, date_day day);

/* The functions below return false where the day they look for lies before date_first() or after date_last(); *to is
 * set only when they return true. `day` itself may lie anywhere. */

/* The first business day on or after day. */
bool calendar_roll(const struct calendar *calendar, date_day day, date_day *to);

/* The n-th business day after day; n = 0: day itself, whether or not it is a business day. */
bool calendar_after(const struct calendar *calendar, date_day day, int32_t n, date_day *to);

/* The last business day before day. */
bool calendar_before(const struct calendar *calendar, date_day day, date_day *to);

#endif
