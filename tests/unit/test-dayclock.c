/* The clock of --dedupe goes with most payments, a week at a time, and by nothing that few of them say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cmd/pay-filter/dayclock.h"

enum { TODAY = 20000, FUTURE = 2900000, THREE_QUARTERS = DAYCLOCK_VOTES * 3 / 4 };

static void vote(struct dayclock *clock, date_day day, int times)
{
	while (times-- > 0)
		dayclock_vote(clock, day);
}

static void a_thousand_set_it(void **state)
{
	struct dayclock clock = {0};
	(void)state;
	vote(&clock, FUTURE, DAYCLOCK_VOTES - THREE_QUARTERS - 1);
	vote(&clock, TODAY, THREE_QUARTERS);
	assert_false(clock.set);
	assert_int_equal(dayclock_since(&clock, 0), INT32_MIN);
	vote(&clock, TODAY + 1, 1);
	assert_true(clock.set);
	assert_int_equal(clock.now, TODAY);
}

static void three_quarters_move_it_and_a_week_at_most(void **state)
{
	struct dayclock clock = {0};
	(void)state;
	vote(&clock, TODAY, DAYCLOCK_VOTES);
	vote(&clock, TODAY, DAYCLOCK_VOTES - THREE_QUARTERS + 1);
	vote(&clock, TODAY + 1, THREE_QUARTERS - 1);
	assert_int_equal(clock.now, TODAY);
	vote(&clock, TODAY, DAYCLOCK_VOTES - THREE_QUARTERS);
	vote(&clock, TODAY + 1, THREE_QUARTERS);
	assert_int_equal(clock.now, TODAY + 1);
	vote(&clock, FUTURE, DAYCLOCK_VOTES);
	assert_int_equal(clock.now, TODAY + 8);
	vote(&clock, TODAY - 100, DAYCLOCK_VOTES);
	assert_int_equal(clock.now, TODAY + 8);
	vote(&clock, INT32_MAX, DAYCLOCK_VOTES);
	assert_int_equal(clock.now, TODAY + 15);
}

static void what_was_met_before_it_stood_counts_from_then(void **state)
{
	struct dayclock clock = {0};
	(void)state;
	date_day first = dayclock_stamp(&clock);
	vote(&clock, TODAY, DAYCLOCK_VOTES);
	date_day second = dayclock_stamp(&clock);
	vote(&clock, TODAY + 7, DAYCLOCK_VOTES);
	assert_true(first >= dayclock_since(&clock, 7));
	vote(&clock, TODAY + 8, DAYCLOCK_VOTES);
	assert_true(first < dayclock_since(&clock, 7));
	assert_true(second < dayclock_since(&clock, 7));
	assert_true(second >= dayclock_since(&clock, 8));
	assert_int_equal(dayclock_since(&clock, 7), TODAY + 1);
}

static void votes_are_read_as_they_were_written(void **state)
{
	struct dayclock whole = {0}, parts = {0};
	uint8_t bytes[DAYCLOCK_BYTES];
	(void)state;
	for (int i = 0; i < 2 * DAYCLOCK_VOTES + 17; i++) {
		date_day day = TODAY + i * 7919 % 900;
		dayclock_vote(&whole, day);
		dayclock_vote(&parts, day);
		struct dayclock read = {.set = parts.set, .now = parts.now, .began = parts.began};
		assert_true(dayclock_read(&read, bytes, dayclock_write(&parts, bytes)));
		parts = read;
		assert_int_equal(whole.set, parts.set);
		assert_int_equal(whole.now, parts.now);
	}
}

static void bytes_that_are_no_votes_are_refused(void **state)
{
	static const uint8_t none[8] = {1}, most[8] = {1, 0, 0, 0, 0xe8, 3},
			     two[16] = {1, 0, 0, 0, 0xe7, 3, 0, 0, 2, 0, 0, 0, 1};
	static const uint8_t cut[7] = {1, 0, 0, 0, 1};
	(void)state;
	assert_false(dayclock_read(&(struct dayclock){0}, none, sizeof none));
	assert_false(dayclock_read(&(struct dayclock){0}, most, sizeof most));
	assert_false(dayclock_read(&(struct dayclock){0}, two, sizeof two));
	assert_false(dayclock_read(&(struct dayclock){0}, cut, sizeof cut));
	assert_true(dayclock_read(&(struct dayclock){0}, two, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_thousand_set_it),
					   cmocka_unit_test(three_quarters_move_it_and_a_week_at_most),
					   cmocka_unit_test(what_was_met_before_it_stood_counts_from_then),
					   cmocka_unit_test(votes_are_read_as_they_were_written),
					   cmocka_unit_test(bytes_that_are_no_votes_are_refused)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
