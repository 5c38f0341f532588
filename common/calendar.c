#include "calendar.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"

static size_t words(void)
{
	return (size_t)(date_last() - date_first()) / 64 + 1;
}

static bool written(date_day day)
{
	return day >= date_first() && day <= date_last();
}

void calendar_init(struct calendar *calendar)
{
	size_t size = words() * sizeof *calendar->holiday;
	calendar->holiday = must_alloc(size);
	memset(calendar->holiday, 0, size);
	calendar->last = date_first() - 1;
}

void calendar_free(struct calendar *calendar)
{
	free(calendar->holiday);
	calendar->holiday = NULL;
}

bool calendar_add(struct calendar *calendar, date_day day)
{
	uint32_t at = (uint32_t)(day - date_first());
	uint64_t bit = UINT64_C(1) << at % 64;
	bool added = !(calendar->holiday[at / 64] & bit);
	calendar->holiday[at / 64] |= bit;
	if (day > calendar->last)
		calendar->last = day;
	return added;
}

bool calendar_business(const struct calendar *calendar, date_day day)
{
	uint32_t at = (uint32_t)(day - date_first());
	return date_weekday(day) <= 5 && !(calendar->holiday[at / 64] >> at % 64 & 1);
}

bool calendar_roll(const struct calendar *calendar, date_day day, date_day *to)
{
	if (day < date_first())
		day = date_first();
	while (day <= date_last() && !calendar_business(calendar, day))
		day++;
	if (day > date_last())
		return false;
	*to = day;
	return true;
}

bool calendar_after(const struct calendar *calendar, date_day day, int32_t n, date_day *to)
{
	for (; n > 0; n--)
		if (!calendar_roll(calendar, day + 1, &day))
			return false;
	if (!written(day))
		return false;
	*to = day;
	return true;
}

bool calendar_before(const struct calendar *calendar, date_day day, date_day *to)
{
	if (day > date_last())
		day = date_last() + 1;
	while (--day >= date_first())
		if (calendar_business(calendar, day)) {
			*to = day;
			return true;
		}
	return false;
}
