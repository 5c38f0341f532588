#include "cycle.h"

const char cycle_forms[] = "D+N, C+N, W+k:FRI, M+k:15 or M+k:LAST, N and k from 0 to 3660";

/* Reads digits without leading zeros up to `most` from the front of text. */
static bool take_number(struct slice *text, int32_t most, int32_t *to)
{
	int32_t value = 0;
	size_t n = 0;
	while (n < text->n && text->p[n] >= '0' && text->p[n] <= '9') {
		value = 10 * value + (text->p[n++] - '0');
		if (value > most)
			return false;
	}
	if (!n || (n > 1 && text->p[0] == '0'))
		return false;
	*text = (struct slice){text->p + n, text->n - n};
	*to = value;
	return true;
}

static bool weekday_read(struct slice text, int32_t *to)
{
	static const char names[][4] = {"MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"};
	for (int32_t i = 0; i < 7; i++)
		if (slice_equal(text, (struct slice){names[i], 3})) {
			*to = i + 1;
			return true;
		}
	return false;
}

static bool month_day_read(struct slice text, int32_t *to)
{
	if (slice_equal(text, SLICE("LAST"))) {
		*to = CYCLE_LAST;
		return true;
	}
	return take_number(&text, 31, to) && !text.n && *to;
}

bool cycle_read(struct slice text, struct cycle *to)
{
	struct cycle cycle = {0};
	if (text.n < 3 || !memchr("DCWM", text.p[0], 4) || text.p[1] != '+')
		return false;
	cycle.kind = (enum cycle_kind)text.p[0];
	struct slice rest = {text.p + 2, text.n - 2};
	if (!take_number(&rest, CYCLE_MAX, &cycle.count))
		return false;
	if (cycle.kind == CYCLE_WEEK || cycle.kind == CYCLE_MONTH) {
		if (!slice_begins(rest, SLICE(":")))
			return false;
		rest = (struct slice){rest.p + 1, rest.n - 1};
		if (!(cycle.kind == CYCLE_WEEK ? weekday_read : month_day_read)(rest, &cycle.day))
			return false;
	} else if (rest.n) {
		return false;
	}
	*to = cycle;
	return true;
}

static bool month_date(const struct cycle *cycle, date_day base, date_day *to)
{
	int year, month;
	date_split(base, &year, &month, NULL);
	int months = 12 * year + month - 1 + cycle->count;
	year = months / 12;
	month = months % 12 + 1;
	if (year > 9999)
		return false;
	int last = date_month_days(year, month);
	*to = date_from(year, month, cycle->day < last ? cycle->day : last);
	return true;
}

bool cycle_date(const struct cycle *cycle, const struct calendar *calendar, date_day base, date_day *to)
{
	date_day day;
	switch (cycle->kind) {
	case CYCLE_BUSINESS: return calendar_after(calendar, base, cycle->count, to);
	case CYCLE_CALENDAR: return calendar_after(calendar, base + cycle->count, 0, to);
	case CYCLE_WEEK:
		day = base - date_weekday(base) + 7 * cycle->count + cycle->day;
		return calendar_roll(calendar, day, to);
	case CYCLE_MONTH: return month_date(cycle, base, &day) && calendar_roll(calendar, day, to);
	}
	return false;
}
