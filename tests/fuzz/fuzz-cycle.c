/* A cycle that is accepted is written back as the same text, and its day is the one that counting finds. The text goes
 * to the first line feed; then come the base day and holidays. */
#include "cycle.h"
#include "fuzz.h"

static size_t write_cycle(char *to, const struct cycle *cycle)
{
	static const char weekdays[][4] = {"MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"};
	int n = sprintf(to, "%c+%d", cycle->kind, cycle->count);
	if (cycle->kind == CYCLE_WEEK)
		n += sprintf(to + n, ":%s", weekdays[cycle->day - 1]);
	if (cycle->kind == CYCLE_MONTH)
		n += sprintf(to + n, ":%d", cycle->day);
	return (size_t)n;
}

/* The days that counting one by one finds; false where they lead behind the last. */
static bool count_days(const struct cycle *cycle, const struct calendar *calendar, date_day base, date_day *to)
{
	date_day day = base;
	int year, month, dom;
	switch (cycle->kind) {
	case CYCLE_BUSINESS:
		for (int n = 0; n < cycle->count && day <= date_last();)
			n += ++day <= date_last() && calendar_business(calendar, day);
		break;
	case CYCLE_CALENDAR: day += cycle->count; break;
	case CYCLE_WEEK:
		while (date_weekday(day) != 1)
			day--;
		day += 7 * cycle->count + cycle->day - 1;
		break;
	case CYCLE_MONTH:
		for (int k = 0; k < cycle->count && day <= date_last(); k++) {
			date_split(day, &year, &month, &dom);
			day += date_month_days(year, month) - dom + 1; /* the next month's first */
		}
		if (day > date_last())
			return false;
		date_split(day, &year, &month, &dom);
		day = date_from(year, month,
				cycle->day < date_month_days(year, month) ? cycle->day : date_month_days(year, month));
		break;
	}
	if (cycle->kind == CYCLE_WEEK || cycle->kind == CYCLE_MONTH)
		while (day <= date_last() && (day < date_first() || !calendar_business(calendar, day)))
			day++;
	*to = day;
	return day <= date_last();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const uint8_t *feed = n > 0 ? memchr(bytes, '\n', n) : NULL;
	size_t length = feed ? (size_t)(feed - bytes) : n;
	struct slice text = fuzz_slice(bytes, length);
	struct cycle cycle;
	if (cycle_read(text, &cycle)) {
		char again[32];
		struct slice written = {again, write_cycle(again, &cycle)};
		struct slice stem = {text.p, text.n < 4 ? 0 : text.n - 4};
		MUST(cycle.count >= 0 && cycle.count <= CYCLE_MAX);
		MUST(slice_equal(text, written) ||
		     (cycle.kind == CYCLE_MONTH && cycle.day == CYCLE_LAST && slice_begins(written, stem) &&
		      memcmp(text.p + stem.n, "LAST", 4) == 0));
		static struct calendar calendar;
		calendar_init(&calendar);
		uint32_t number = 0;
		size_t at = length + 1;
		for (int i = 0; i < 4 && at < n; i++)
			number = number << 8 | bytes[at++];
		date_day base = date_first() + (date_day)(number % (uint32_t)(date_last() - date_first() + 1));
		for (date_day day = base; at < n && (day += bytes[at] % 16) <= date_last(); at++)
			calendar_add(&calendar, day);
		date_day found = 0, counted = 0;
		bool is = cycle_date(&cycle, &calendar, base, &found);
		MUST(is == count_days(&cycle, &calendar, base, &counted));
		MUST(!is || found == counted);
		calendar_free(&calendar);
	}
	free((char *)text.p);
	return 0;
}
