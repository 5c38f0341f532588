#include "position.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "date.h"
#include "slice.h"

const char position_forms[] = "beginning, end, stored, OFFSET, -N, @TIME";

/* Digits alone, from 0 to INT64_MAX - 1. */
static bool read_number(const char *text, int64_t *to)
{
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value == INT64_MAX)
		return false;
	*to = value;
	return true;
}

/* The minutes that a zone at the end of a time is ahead of UTC, and the zone's length; 0 without one. */
static size_t read_zone(struct slice text, int *minutes)
{
	*minutes = 0;
	if (text.n > 1 && text.p[text.n - 1] == 'Z')
		return 1;
	if (text.n < 16 + 6)
		return 0;
	const char *zone = text.p + text.n - 6;
	if ((zone[0] != '+' && zone[0] != '-') || zone[3] != ':')
		return 0;
	for (int i = 1; i < 6; i++)
		if (i != 3 && (zone[i] < '0' || zone[i] > '9'))
			return 0;
	int hours = (zone[1] - '0') * 10 + zone[2] - '0', rest = (zone[4] - '0') * 10 + zone[5] - '0';
	if (hours > 23 || rest > 59)
		return 0;
	*minutes = (zone[0] == '-' ? -1 : 1) * (hours * 60 + rest);
	return 6;
}

static bool read_time(const char *text, int64_t *to)
{
	enum { SECONDS = sizeof "2025-05-25T00:00:00" - 1 };
	struct slice time = slice_of(text);
	date_day day;
	int32_t second;
	int ahead;
	if (read_number(text, to))
		return true;
	if (date_read(time, &day)) {
		*to = (int64_t)day * 86400000;
		return *to >= 0;
	}
	time.n -= read_zone(time, &ahead);
	if (!date_time_read(time, &day, &second))
		return false;
	int milliseconds = 0;
	for (size_t i = SECONDS + 1, unit = 100; i < time.n && unit > 0; i++, unit /= 10)
		milliseconds += (time.p[i] - '0') * (int)unit;
	*to = ((int64_t)day * 86400 + second - ahead * 60) * 1000 + milliseconds;
	return *to >= 0;
}

bool position_read(const char *text, struct position *to)
{
	static const struct {
		const char *word;
		enum position_kind kind;
	} words[] = {{"beginning", POSITION_BEGINNING}, {"end", POSITION_END}, {"stored", POSITION_STORED}};
	struct position position = {POSITION_OFFSET, 0};
	for (int i = 0; i < 3; i++)
		if (strcmp(text, words[i].word) == 0) {
			*to = (struct position){words[i].kind, 0};
			return true;
		}
	if (*text == '@')
		position.kind = POSITION_TIME;
	else if (*text == '-')
		position.kind = POSITION_LAST;
	bool read = position.kind == POSITION_TIME ? read_time(text + 1, &position.value)
						   : read_number(text + (*text == '-'), &position.value);
	if (read)
		*to = position;
	return read;
}
