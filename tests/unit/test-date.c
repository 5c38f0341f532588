/* date: which dates exist, and day numbers against the C library's calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "date.h"

/* Every day from 0001 to 9999 against timegm, an independent reckoning of the same calendar. */
static void agrees_with_timegm_on_every_day(void **state)
{
	(void)state;
	int checked = 0;
	for (date_day day = date_first(); day <= date_last(); day++) {
		time_t seconds = (time_t)day * 86400;
		struct tm tm;
		int year, month, dom;
		gmtime_r(&seconds, &tm);
		date_split(day, &year, &month, &dom);
		if (year != tm.tm_year + 1900 || month != tm.tm_mon + 1 || dom != tm.tm_mday ||
		    date_weekday(day) != (tm.tm_wday ? tm.tm_wday : 7) || date_from(year, month, dom) != day)
			fail_msg("day %d is %04d-%02d-%02d here", day, year, month, dom);
		checked++;
	}
	assert_int_equal(checked, 3652059);
}

static void reads_and_writes_dates(void **state)
{
	(void)state;
	char text[DATE_TEXT];
	date_day day;
	assert_true(date_read(SLICE("1970-01-01"), &day));
	assert_int_equal(day, 0);
	assert_true(date_read(SLICE("2024-02-29"), &day));
	date_write(text, day);
	assert_string_equal(text, "2024-02-29");
	date_write(text, date_first());
	assert_string_equal(text, "0001-01-01");
	date_write(text, date_last());
	assert_string_equal(text, "9999-12-31");
}

static void refuses_days_that_do_not_exist(void **state)
{
	(void)state;
	static const char *const bad[] = {"2025-02-29", "1900-02-29", "2025-04-31",  "2025-00-10",  "2025-13-01",
					  "2025-01-00", "2025-01-32", "0000-01-01",  "2025-1-01",   "2025-01-1",
					  "20250101",   "2025/01/01", "2025-01-011", " 2025-01-01", "",
					  "-025-01-01", "2025-01-0:"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		date_day day = 7;
		assert_false(date_read(slice_of(bad[i]), &day));
		assert_int_equal(day, 7);
	}
}

static void reads_date_times(void **state)
{
	(void)state;
	date_day day;
	int32_t second;
	assert_true(date_time_read(SLICE("2025-05-19T21:48"), &day, &second));
	assert_int_equal(second, 21 * 3600 + 48 * 60);
	assert_true(date_time_read(SLICE("2025-05-19T21:48:15"), &day, &second));
	assert_int_equal(second, 21 * 3600 + 48 * 60 + 15);
	assert_true(date_time_read(SLICE("2025-05-19T23:59:59.9"), &day, &second));
	assert_int_equal(second, 86399);
	assert_true(date_time_read(SLICE("2025-05-19T00:00:00.123456789"), NULL, NULL));
}

static void refuses_other_date_times(void **state)
{
	(void)state;
	static const char *const bad[] = {"2025-05-19",
					  "2025-05-19T",
					  "2025-05-19 21:48",
					  "2025-05-19t21:48",
					  "2025-05-19T24:00",
					  "2025-05-19T21:60",
					  "2025-05-19T21:48:60",
					  "2025-05-19T21:48:15.",
					  "2025-05-19T21:48:15.1234567890",
					  "2025-05-19T21:48Z",
					  "2025-05-19T21:48:15Z",
					  "2025-05-19T21:48:15+09:00",
					  "2025-02-30T21:48:15",
					  "2025-05-19T21:48:15.1a",
					  "2025-05-19T21:48:1"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(date_time_read(slice_of(bad[i]), NULL, NULL));
}

/* Whether a text is a date-time, read byte by byte: what date_time_read, which takes eight at a time, is held to. */
static bool is_date_time(const char *text, size_t n)
{
	static const char form[] = "0000-00-00T00:00:00.000000000";
	int value[6] = {0}, field = 0;
	if (n < 16 || n > 29 || n == 17 || n == 18 || n == 20)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (form[i] != '0' && text[i] != form[i])
			return false;
		if (form[i] != '0')
			field++;
		else if (text[i] < '0' || text[i] > '9')
			return false;
		else if (i < 19)
			value[field] = value[field] * 10 + text[i] - '0';
	}
	return value[0] >= 1 && value[1] >= 1 && value[1] <= 12 && value[2] >= 1 &&
	       value[2] <= date_month_days(value[0], value[1]) && value[3] < 24 && value[4] < 60 && value[5] < 60;
}

/* Each byte of texts of each length in turn is each byte that there is. */
static void tells_every_byte(void **state)
{
	(void)state;
	static const char *const texts[] = {"2024-02-29T23:59:59.999999999", "1999-12-31T00:00:00.000000000"};
	for (size_t t = 0; t < 2; t++)
		for (size_t n = 0; n <= 29; n++)
			for (size_t i = 0; i < n; i++)
				for (int byte = 0; byte < 256; byte++) {
					char text[30];
					date_day day;
					memcpy(text, texts[t], sizeof text);
					text[i] = (char)byte;
					struct slice slice = {text, n};
					if (date_time_read(slice, NULL, NULL) != is_date_time(text, n))
						fail_msg("%.*s: byte %zu is %d", (int)n, texts[t], i, byte);
					/* A date is what the midnight after it begins with. */
					memcpy(text + 10, "T00:00", 6);
					if (n == 10 && date_read(slice, &day) != is_date_time(text, 16))
						fail_msg("%.10s: byte %zu is %d", texts[t], i, byte);
				}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(agrees_with_timegm_on_every_day), cmocka_unit_test(reads_and_writes_dates),
	    cmocka_unit_test(refuses_days_that_do_not_exist),  cmocka_unit_test(reads_date_times),
	    cmocka_unit_test(refuses_other_date_times),        cmocka_unit_test(tells_every_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
