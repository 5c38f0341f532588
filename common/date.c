#include "date.h"

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

/* What a digit stands for; over 9 where it is none. */
static inline unsigned digit(char c)
{
	return (unsigned)(c - '0');
}

/* Two decimal digits at p; *bad is set when one is none. */
static inline int two(const char *p, bool *bad)
{
	unsigned tens = digit(p[0]), ones = digit(p[1]);
	*bad |= (tens > 9) | (ones > 9);
	return (int)(10 * tens + ones);
}

/* The date at p, which has ten bytes. Returns whether it is one. */
static inline bool read_ten(const char *p, date_day *to)
{
	bool bad = (p[4] != '-') | (p[7] != '-');
	int century = two(p, &bad), year = 100 * century + two(p + 2, &bad), month = two(p + 5, &bad),
	    day = two(p + 8, &bad);
	if (bad || year < 1 || month < 1 || month > 12 || day < 1 || (day > 28 && day > date_month_days(year, month)))
		return false;
	*to = date_from(year, month, day);
	return true;
}

bool date_read(struct slice text, date_day *to)
{
	return text.n == 10 && read_ten(text.p, to);
}

bool date_time_read(struct slice text, date_day *day, int32_t *second)
{
	date_day d;
	const char *p = text.p;
	if (text.n < 16 || !read_ten(p, &d))
		return false;
	bool bad = (p[10] != 'T') | (p[13] != ':');
	int hour = two(p + 11, &bad), minute = two(p + 14, &bad), s = 0;
	if (text.n > 16) {
		if (text.n < 19)
			return false;
		bad |= p[16] != ':';
		s = two(p + 17, &bad);
	}
	if (text.n > 19) {
		if (text.n < 21 || text.n > 29)
			return false;
		bad |= p[19] != '.';
		for (size_t i = 20; i < text.n; i++)
			bad |= digit(p[i]) > 9;
	}
	if (bad || hour > 23 || minute > 59 || s > 59)
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
