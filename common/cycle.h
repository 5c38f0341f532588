/* cycle: when a payment is paid out, counted from a base day.
 *
 *   D+N       the N-th business day after the base day (D+0: the base day itself)
 *   C+N       N calendar days after it
 *   W+k:FRI   that weekday (MON to SUN) of the k-th ISO 8601 week after the base day's, W+0 being its own
 *   M+k:15    that day of the k-th month after the base day's; the month's last day where it is shorter
 *   M+k:LAST  the last day of that month
 *
 * W and M are rolled to the next business day where they fall on another; C and D+0 are not. N and k go from 0 to
 * CYCLE_MAX and are written in one way only (no sign, no leading zero, upper case), so that equal cycles are equal
 * texts. */
#ifndef PAYPIPE_CYCLE_H
#define PAYPIPE_CYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "calendar.h"
#include "date.h"
#include "slice.h"

enum { CYCLE_MAX = 3660 };
enum { CYCLE_LAST = 31 }; /* days of a month are cut to its length, so LAST is the 31st */

enum cycle_kind { CYCLE_BUSINESS = 'D', CYCLE_CALENDAR = 'C', CYCLE_WEEK = 'W', CYCLE_MONTH = 'M' };

struct cycle {
	enum cycle_kind kind;
	int32_t count; /* N or k */
	int32_t day;   /* CYCLE_WEEK: 1 Monday … 7 Sunday; CYCLE_MONTH: 1 … 31; else 0 */
};

/* The forms of a cycle, for messages: `D+N, C+N, …`. */
extern const char cycle_forms[];

/* Reads a cycle. Returns whether it is one; *to is set only then. */
bool cycle_read(struct slice text, struct cycle *to);

/* The day of a cycle for a base day from date_first() to date_last(). Returns false where it lies after date_last(). */
bool cycle_date(const struct cycle *cycle, const struct calendar *calendar, date_day base, date_day *to);

#endif
