/* calendar: business days are found among weekends and holidays, up to the ends of the calendar. */
#include "common/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* May 2025: Monday the 5th is Children's Day and Tuesday the 6th its substitute. */
static int set_up(void **state)
{
	static struct calendar calendar;
	calendar_init(&calendar);
	assert_true(calendar_add(&calendar, date_from(2025, 5, 5)));
	assert_true(calendar_add(&calendar, date_from(2025, 5, 6)));
	*state = &calendar;
	return 0;
}

static int tear_down(void **state)
{
	calendar_free(*state);
	return 0;
}

static void weekends_and_holidays_are_no_business_days(void **state)
{
	assert_true(calendar_business(*state, date_from(2025, 5, 2)));    /* Friday */
	assert_false(calendar_business(*state, date_from(2025, 5, 3)));   /* Saturday */
	assert_false(calendar_business(*state, date_from(2025, 5, 4)));   /* Sunday */
	assert_false(calendar_business(*state, date_from(2025, 5, 5)));   /* holiday */
	assert_false(calendar_business(*state, date_from(2025, 5, 6)));   /* holiday */
	assert_true(calendar_business(*state, date_from(2025, 5, 7)));    /* Wednesday */
	assert_true(calendar_business(*state, date_from(2024, 5, 6)));    /* the same day of another year */
	assert_false(calendar_business(*state, date_from(2000, 1, 1)));   /* Saturday */
	assert_false(calendar_business(*state, date_from(1969, 12, 28))); /* Sunday before the epoch */
}

static void a_holiday_is_new_only_once(void **state)
{
	assert_false(calendar_add(*state, date_from(2025, 5, 5)));
	assert_true(calendar_add(*state, date_first()));
	assert_true(calendar_add(*state, date_last()));
	assert_false(calendar_add(*state, date_last()));
	assert_false(calendar_business(*state, date_first()));
}

static void rolling_stops_at_the_first_business_day(void **state)
{
	date_day day;
	assert_true(calendar_roll(*state, date_from(2025, 5, 2), &day));
	assert_int_equal(day, date_from(2025, 5, 2));
	assert_true(calendar_roll(*state, date_from(2025, 5, 3), &day));
	assert_int_equal(day, date_from(2025, 5, 7));
}

static void business_days_are_counted_from_any_day(void **state)
{
	date_day day;
	assert_true(calendar_after(*state, date_from(2025, 5, 2), 1, &day));
	assert_int_equal(day, date_from(2025, 5, 7));
	assert_true(calendar_after(*state, date_from(2025, 5, 4), 1, &day));
	assert_int_equal(day, date_from(2025, 5, 7));
	assert_true(calendar_after(*state, date_from(2025, 5, 4), 4, &day));
	assert_int_equal(day, date_from(2025, 5, 12));
	assert_true(calendar_after(*state, date_from(2025, 5, 4), 0, &day));
	assert_int_equal(day, date_from(2025, 5, 4));
}

static void the_business_day_before_is_never_the_day_itself(void **state)
{
	date_day day;
	assert_true(calendar_before(*state, date_from(2025, 5, 8), &day));
	assert_int_equal(day, date_from(2025, 5, 7));
	assert_true(calendar_before(*state, date_from(2025, 5, 7), &day));
	assert_int_equal(day, date_from(2025, 5, 2));
	assert_true(calendar_before(*state, date_from(2025, 5, 5), &day));
	assert_int_equal(day, date_from(2025, 5, 2));
}

static void nothing_lies_outside_the_calendar(void **state)
{
	date_day day = 7;
	assert_true(calendar_after(*state, date_last(), 0, &day)); /* a Friday */
	assert_int_equal(day, date_last());
	day = 7;
	assert_false(calendar_after(*state, date_last(), 1, &day));
	assert_false(calendar_after(*state, date_last() + 1, 0, &day));
	assert_false(calendar_roll(*state, date_last() + 1, &day));
	assert_false(calendar_before(*state, date_first(), &day)); /* a Monday */
	assert_int_equal(day, 7);
	assert_true(calendar_roll(*state, date_first() - 3, &day));
	assert_int_equal(day, date_first());
	assert_true(calendar_before(*state, date_last() + 100, &day));
	assert_int_equal(day, date_last());
}

static void the_last_holiday_is_known(void **state)
{
	struct calendar calendar;
	(void)state;
	calendar_init(&calendar);
	assert_true(calendar.last < date_first());
	calendar_add(&calendar, date_from(2025, 6, 6));
	calendar_add(&calendar, date_from(2025, 5, 5));
	assert_int_equal(calendar.last, date_from(2025, 6, 6));
	calendar_free(&calendar);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(weekends_and_holidays_are_no_business_days),
	    TEST(a_holiday_is_new_only_once),
	    TEST(rolling_stops_at_the_first_business_day),
	    TEST(business_days_are_counted_from_any_day),
	    TEST(the_business_day_before_is_never_the_day_itself),
	    TEST(nothing_lies_outside_the_calendar),
	    TEST(the_last_holiday_is_known),
	};
	return cmocka_run_group_tests_name("calendar", tests, NULL, NULL);
}
