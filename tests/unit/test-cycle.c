/* cycle: its grammar, and golden dates of each kind. */
#include "common/cycle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct calendar calendar;

static int set_up(void **state)
{
	(void)state;
	calendar_init(&calendar);
	return !calendar_add(&calendar, date_from(2025, 1, 1));
}

static int tear_down(void **state)
{
	(void)state;
	calendar_free(&calendar);
	return 0;
}

static void each_form_is_read(void **state)
{
	static const struct {
		const char *text;
		struct cycle cycle;
	} cases[] = {
	    {"D+0", {CYCLE_BUSINESS, 0, 0}},    {"D+3660", {CYCLE_BUSINESS, 3660, 0}},
	    {"C+2", {CYCLE_CALENDAR, 2, 0}},    {"W+1:MON", {CYCLE_WEEK, 1, 1}},
	    {"W+0:SUN", {CYCLE_WEEK, 0, 7}},    {"M+1:1", {CYCLE_MONTH, 1, 1}},
	    {"M+10:15", {CYCLE_MONTH, 10, 15}}, {"M+1:31", {CYCLE_MONTH, 1, 31}},
	    {"M+1:LAST", {CYCLE_MONTH, 1, 31}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cycle cycle;
		assert_true(cycle_read(slice_of(cases[i].text), &cycle));
		assert_int_equal(cycle.kind, cases[i].cycle.kind);
		assert_int_equal(cycle.count, cases[i].cycle.count);
		assert_int_equal(cycle.day, cases[i].cycle.day);
	}
}

static void other_texts_are_refused(void **state)
{
	static const char *const texts[] = {"",
					    "D",
					    "D+",
					    "D+-1",
					    "D+1 ",
					    " D+1",
					    "d+1",
					    "D2",
					    "D+01",
					    "D+3661",
					    "D+99999999999999999999",
					    "D+1:MON",
					    "X+1",
					    "C+1.5",
					    "W+1",
					    "W+1:",
					    "W+1:fri",
					    "W+1:FRIDAY",
					    "W+1:FR",
					    "M+1",
					    "M+1:",
					    "M+1:0",
					    "M+1:32",
					    "M+1:07",
					    "M+1:last",
					    "M+1:15x",
					    "+1",
					    "C++1"};
	struct cycle cycle = {CYCLE_WEEK, 99, 99};
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_false(cycle_read(slice_of(texts[i]), &cycle));
	assert_false(cycle_read(SLICE("\0+1"), &cycle));
	assert_int_equal(cycle.count, 99);
}

struct example {
	const char *base, *cycle, *date;
};

static void check(const struct example *examples, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct cycle cycle;
		date_day base, day;
		char text[DATE_TEXT];
		assert_true(date_read(slice_of(examples[i].base), &base));
		assert_true(cycle_read(slice_of(examples[i].cycle), &cycle));
		assert_true(cycle_date(&cycle, &calendar, base, &day));
		date_write(text, day);
		assert_string_equal(text, examples[i].date);
	}
}

static void days_are_counted(void **state)
{
	static const struct example examples[] = {
	    {"2025-05-23", "D+1", "2025-05-26"}, /* Friday to Monday */
	    {"2025-05-24", "D+1", "2025-05-26"}, /* Saturday likewise */
	    {"2025-05-24", "D+0", "2025-05-24"}, {"2025-05-23", "C+2", "2025-05-25"},
	    {"2025-05-23", "C+0", "2025-05-23"}, {"2024-12-31", "D+1", "2025-01-02"}, /* over the holiday */
	    {"2024-12-31", "C+1", "2025-01-01"}, {"2024-02-28", "C+1", "2024-02-29"},
	    {"2023-02-28", "C+1", "2023-03-01"}, {"1969-12-31", "D+1", "1970-01-01"},
	};
	(void)state;
	check(examples, sizeof examples / sizeof *examples);
}

static void weeks_begin_on_monday(void **state)
{
	static const struct example examples[] = {
	    {"2025-05-26", "W+0:FRI", "2025-05-30"}, {"2025-06-01", "W+0:FRI", "2025-05-30"}, /* Sunday: its week */
	    {"2025-06-01", "W+1:MON", "2025-06-02"}, {"2025-05-30", "W+1:SAT", "2025-06-09"}, /* rolled */
	    {"2020-12-31", "W+0:FRI", "2021-01-01"}, /* week 53 of 2020 goes on into 2021 */
	    {"2021-01-03", "W+1:MON", "2021-01-04"}, {"2024-12-30", "W+0:WED", "2025-01-02"}, /* a holiday */
	};
	(void)state;
	check(examples, sizeof examples / sizeof *examples);
}

static void months_are_cut_to_their_length(void **state)
{
	static const struct example examples[] = {
	    {"2025-05-31", "M+1:15", "2025-06-16"}, /* the 15th is a Sunday */
	    {"2025-01-31", "M+1:LAST", "2025-02-28"}, {"2024-01-31", "M+1:31", "2024-02-29"},
	    {"2025-01-10", "M+1:30", "2025-02-28"},   {"2024-11-30", "M+2:1", "2025-01-02"}, /* a holiday */
	    {"2025-05-10", "M+0:LAST", "2025-06-02"}, /* the 31st is a Saturday */
	    {"1900-01-01", "M+1:LAST", "1900-02-28"}, {"2025-12-31", "M+12:LAST", "2026-12-31"},
	};
	(void)state;
	check(examples, sizeof examples / sizeof *examples);
}

static void dates_after_the_last_are_none(void **state)
{
	static const char *const cycles[] = {"D+1", "C+1", "W+1:MON", "M+1:1", "M+3660:LAST"};
	(void)state;
	for (size_t i = 0; i < sizeof cycles / sizeof *cycles; i++) {
		struct cycle cycle;
		date_day day = 7;
		assert_true(cycle_read(slice_of(cycles[i]), &cycle));
		assert_false(cycle_date(&cycle, &calendar, date_last(), &day));
		assert_int_equal(day, 7);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(each_form_is_read),     TEST(other_texts_are_refused),        TEST(days_are_counted),
	    TEST(weeks_begin_on_monday), TEST(months_are_cut_to_their_length), TEST(dates_after_the_last_are_none),
	};
	return cmocka_run_group_tests_name("cycle", tests, NULL, NULL);
}
