#include "date.h"

#include <string.h>

/* Day numbers by counting years from March, so that the leap day comes last. The same arithmetic is in every treatment
 * of the Julian day number. */
date_day date_from(int year, int month, int day)
{
	/* days of the year's months before, from March on */
	static const short before[] = {306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275};
	enum { TO_1970 = 719469 }; /* days from the day before 0000-03-01 */
	unsigned shifted = (unsigned)(year - (month <= 2));
	unsigned years = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400;
	return (date_day)years + before[month - 1] + day - TO_1970;
}

void date_split(date_day day, int *year, int *month, int *dom)
{
	int days = day + 719468;
	int era = (days >= 0 ? days : days - 146096) / 146097;
	int rest = days - era * 146097;
	int of_era = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
	int of_year = rest - (365 * of_era + of_era / 4 - of_era / 100);
	int shifted = (5 * of_year + 2) / 153;
	int m = shifted < 10 ? shifted + 3 : shifted - 9;
	if (year)
		*year = of_era + era * 400 + (m <= 2);
	if (month)
		*month = m;
	if (dom)
		*dom = of_year - (153 * shifted + 2) / 5 + 1;
}

int date_weekday(date_day day)
{
	int since_monday = (day + 3) % 7; /* 1970-01-01 was a Thursday */
	return since_monday < 0 ? since_monday + 8 : since_monday + 1;
}

int date_month_days(int year, int month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

date_day date_first(void)
{
	return date_from(1, 1, 1);
}

date_day date_last(void)
{
	return date_from(9999, 12, 31);
}

/* The same byte eight times. */
#define EIGHT(byte) (0x0101010101010101u * (byte))

/* The eight bytes at p, the first lowest. */
static inline uint64_t eight(const char *p)
{
	uint64_t bytes;
	memcpy(&bytes, p, sizeof bytes);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	bytes = __builtin_bswap64(bytes);
#endif
	return bytes;
}

/* Whether eight bytes have a form, of which a '0' stands for any digit and all else for itself. Leaves in each byte the
 * number of its digit, in the others 0. A sum's highest bit tells a byte that is over what may be: 9 for a digit, else
 * 0.
 */
static inline bool has_form(uint64_t *bytes, uint64_t form)
{
	uint64_t others = ((form ^ EIGHT('0')) + EIGHT(0x7f)) >> 7 & EIGHT(1);
	uint64_t over = EIGHT(0x7f - 9) + others * 9;
	*bytes ^= form;
	return (((*bytes + over) | *bytes) & EIGHT(0x80)) == 0;
}

/* The number of the two digits from byte `at` on. */
static inline int two(uint64_t digits, int at)
{
	unsigned both = (unsigned)(digits >> 8 * at);
	return (int)((both & 0xff) * 10 + (both >> 8 & 0xff));
}

/* The day of a date that has its form. Returns whether it exists. */
static inline bool day_of(uint64_t year_month, int day, date_day *to)
{
	int year = 100 * two(year_month, 0) + two(year_month, 2), month = two(year_month, 5);
	if (year < 1 || month < 1 || month > 12 || day < 1 || (day > 28 && day > date_month_days(year, month)))
		return false;
	*to = date_from(year, month, day);
	return true;
}

bool date_read(struct slice text, date_day *to)
{
	if (text.n != 10)
		return false;
	uint64_t year_month = eight(text.p), month_day = eight(text.p + 2);
	return has_form(&year_month, eight("0000-00-")) && has_form(&month_day, eight("00-00-00")) &&
	       day_of(year_month, two(month_day, 6), to);
}

bool date_time_read(struct slice text, date_day *day, int32_t *second)
{
	date_day d;
	if (text.n < 16)
		return false;
	uint64_t year_month = eight(text.p), rest = eight(text.p + 8);
	if (!has_form(&year_month, eight("0000-00-")) || !has_form(&rest, eight("00T00:00")) ||
	    !day_of(year_month, two(rest, 0), &d))
		return false;
	int hour = two(rest, 3), minute = two(rest, 6), s = 0;
	if (text.n > 16) {
		/* What follows the minute, up to the fourth digit of the fraction: eight bytes, or fewer and zeros. */
		size_t n = text.n < 24 ? text.n - 16 : 8;
		int none = 8 * (8 - (int)n);
		uint64_t seconds = eight(text.p + 16 + n - 8) >> none;
		if (n < 3 || n == 4 || text.n > 29 || !has_form(&seconds, eight(":00.0000") << none >> none))
			return false;
		s = two(seconds, 1);
		for (size_t i = 24; i < text.n; i++)
			if (text.p[i] < '0' || text.p[i] > '9')
				return false;
	}
	if (hour > 23 || minute > 59 || s > 59)
		return false;
	if (day)
		*day = d;
	if (second)
		*second = hour * 3600 + minute * 60 + s;
	return true;
}

void date_write(char to[DATE_TEXT], date_day day)
{
	int year, month, dom;
	date_split(day, &year, &month, &dom);
	to[0] = (char)('0' + year / 1000 % 10);
	to[1] = (char)('0' + year / 100 % 10);
	to[2] = (char)('0' + year / 10 % 10);
	to[3] = (char)('0' + year % 10);
	to[4] = '-';
	to[5] = (char)('0' + month / 10);
	to[6] = (char)('0' + month % 10);
	to[7] = '-';
	to[8] = (char)('0' + dom / 10);
	to[9] = (char)('0' + dom % 10);
	to[10] = '\0';
}
