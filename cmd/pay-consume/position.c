#include "position.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "date.h"
#include "fail.h"
#include "slice.h"

const char position_forms[] = "beginning, end, stored, OFFSET, -N, @TIME";

/* From 1973 to the year 9999. */
#define MILLISECONDS_LEAST INT64_C(100000000000)
#define MILLISECONDS_MOST  INT64_C(253402300799999)

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

/* Digits alone that are a date, or a date and a time, without what stands between its parts: written as we read it. */
static bool respell(const char *text, char to[sizeof "2025-05-25T00:00:00"])
{
	static const char form[] = "____-__-__T__:__:__";
	size_t n = strlen(text), at = 0, used = 0;
	if ((n != 8 && n != 12 && n != 14) || strspn(text, "0123456789") != n)
		return false;
	for (; used < n; at++)
		to[at] = form[at] == '_' ? text[used++] : form[at];
	to[at] = '\0';
	return n == 8 ? date_read(slice_of(to), &(date_day){0}) : date_time_read(slice_of(to), NULL, NULL);
}

/* Milliseconds in digits. Seconds, micro- and nanoseconds of our days, and a date without its hyphens, would be times
 * long before Kafka or after the year 9999: none of these is one. */
static bool read_milliseconds(const char *text, int64_t *to)
{
	char date[sizeof "2025-05-25T00:00:00"];
	int64_t value;
	if (!read_number(text, &value) || value < MILLISECONDS_LEAST || value > MILLISECONDS_MOST ||
	    respell(text, date))
		return false;
	*to = value;
	return true;
}

char *position_advice(const char *text)
{
	static const struct {
		const char *unit;
		int64_t most, times, parts;
	} units[] = {{"seconds", MILLISECONDS_LEAST - 1, 1000, 1},
		     {"microseconds", MILLISECONDS_MOST * 1000, 1, 1000},
		     {"nanoseconds", INT64_MAX - 1, 1, 1000000}};
	char date[sizeof "2025-05-25T00:00:00"];
	int64_t value;
	if (*text != '@' || !read_number(text + 1, &value))
		return NULL;
	if (respell(text + 1, date))
		return must_format("a date is written @%s, digits alone are milliseconds since 1970", date);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (value <= units[i].most)
			return must_format("digits alone are milliseconds since 1970, of which this is no likely time; "
					   "if it is in %s, write @%" PRId64 ", or a date",
					   units[i].unit, value * units[i].times / units[i].parts);
	return NULL;
}

static bool read_time(const char *text, int64_t *to)
{
	enum { SECONDS = sizeof "2025-05-25T00:00:00" - 1 };
	struct slice time = slice_of(text);
	date_day day;
	int32_t second;
	int ahead;
	if (read_milliseconds(text, to))
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
