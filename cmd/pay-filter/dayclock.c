#include "dayclock.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_BACK = DAYCLOCK_VOTES / 4 }; /* votes for earlier days that do not keep the clock from going */

static const date_day before_all = INT32_MIN;

static int by_day(const void *a, const void *b)
{
	const struct dayclock_day *left = a, *right = b;
	return (left->day > right->day) - (left->day < right->day);
}

/* The day that three quarters of the votes have reached. */
static date_day agreed(struct dayclock *clock)
{
	uint32_t earlier = 0, i = 0;
	qsort(clock->days, clock->days_n, sizeof *clock->days, by_day);
	while (earlier + clock->days[i].votes <= HELD_BACK)
		earlier += clock->days[i++].votes;
	return clock->days[i].day;
}

static void go(struct dayclock *clock)
{
	date_day day = agreed(clock);
	if (!clock->set)
		clock->began = clock->now = day;
	else if (day > clock->now)
		clock->now += day - clock->now < DAYCLOCK_STEP ? day - clock->now : DAYCLOCK_STEP;
	clock->set = true;
	clock->votes = clock->days_n = 0;
}

void dayclock_vote(struct dayclock *clock, date_day day)
{
	uint32_t i = clock->days_n; /* the day of the last payments is mostly one of the last ones */
	while (i > 0 && clock->days[i - 1].day != day)
		i--;
	if (i == 0) {
		clock->days[clock->days_n++] = (struct dayclock_day){day, 1};
	} else {
		clock->days[i - 1].votes++;
	}
	if (++clock->votes == DAYCLOCK_VOTES)
		go(clock);
}

date_day dayclock_stamp(const struct dayclock *clock)
{
	return clock->set ? clock->now : before_all;
}

date_day dayclock_since(const struct dayclock *clock, int days)
{
	/* What was met before the clock stood anywhere counts as met when it did first. */
	if (!clock->set || clock->now - clock->began <= days)
		return before_all;
	return clock->now - days;
}

size_t dayclock_write(const struct dayclock *clock, uint8_t *to)
{
	size_t n = 0;
	for (uint32_t i = 0; i < clock->days_n; i++) {
		uint32_t pair[2] = {htole32((uint32_t)clock->days[i].day), htole32(clock->days[i].votes)};
		memcpy(to + n, pair, sizeof pair);
		n += sizeof pair;
	}
	return n;
}

bool dayclock_read(struct dayclock *clock, const uint8_t *from, size_t n)
{
	uint32_t pair[2];
	if (n % sizeof pair != 0 || n > DAYCLOCK_BYTES)
		return false;
	for (size_t at = 0; at < n; at += sizeof pair) {
		memcpy(pair, from + at, sizeof pair);
		uint32_t votes = le32toh(pair[1]);
		if (votes == 0 || votes >= DAYCLOCK_VOTES - clock->votes)
			return false;
		clock->days[clock->days_n++] = (struct dayclock_day){(date_day)le32toh(pair[0]), votes};
		clock->votes += votes;
	}
	return true;
}
