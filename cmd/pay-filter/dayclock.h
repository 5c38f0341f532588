/* dayclock: which day it is in a stream of payments, as far as most of them agree.
 *
 * Every payment votes with its date. When a thousand have voted, the clock goes to the day that three quarters of them
 * have reached, but by no more than a week, and never back; then the next thousand vote. So neither single wrong dates
 * nor some hundreds in a row move it, and a flood of them by a few weeks at most while it lasts. Where the clock is
 * behind, more is remembered than need be, which does no harm. Before the first thousand it stands nowhere. */
#ifndef PAYPIPE_FILTER_DAYCLOCK_H
#define PAYPIPE_FILTER_DAYCLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "date.h"

enum {
	DAYCLOCK_VOTES = 1000,
	DAYCLOCK_STEP = 7,                        /* days that it goes at once, at most */
	DAYCLOCK_BYTES = 8 * (DAYCLOCK_VOTES - 1) /* that dayclock_write writes, at most */
};

/* Zero-initialise. Callers may read set, now and began. */
struct dayclock {
	bool set;
	date_day now, began;    /* where it stands; where it stood first */
	uint32_t votes, days_n; /* since it went last: of how many payments, on how many days */
	struct dayclock_day {
		date_day day;
		uint32_t votes;
	} days[DAYCLOCK_VOTES];
};

/* A payment votes. */
void dayclock_vote(struct dayclock *clock, date_day day);

/* What is met now gets this stamp. */
date_day dayclock_stamp(const struct dayclock *clock);

/* The stamp of the oldest that was met no more than so many days ago: what has a lower one was met before. */
date_day dayclock_since(const struct dayclock *clock, int days);

/* The votes that have been cast as bytes, which every machine reads alike; returns their number. */
size_t dayclock_write(const struct dayclock *clock, uint8_t *to);

/* The reverse, in a clock without votes; false: they are no such bytes. */
bool dayclock_read(struct dayclock *clock, const uint8_t *from, size_t n);

#endif
