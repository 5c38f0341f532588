/* Where to begin and end in a topic, as it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/pay-consume/position.h"

static void reads(const char *text, enum position_kind kind, int64_t value)
{
	struct position position;
	print_message("%s\n", text);
	assert_true(position_read(text, &position));
	assert_int_equal(position.kind, kind);
	assert_int_equal(position.value, value);
}

static void refuses(const char *text)
{
	struct position position = {POSITION_END, 7};
	print_message("%s\n", text);
	assert_false(position_read(text, &position));
	assert_int_equal(position.value, 7);
}

static void words_and_numbers(void **state)
{
	(void)state;
	reads("beginning", POSITION_BEGINNING, 0);
	reads("end", POSITION_END, 0);
	reads("stored", POSITION_STORED, 0);
	reads("0", POSITION_OFFSET, 0);
	reads("9223372036854775806", POSITION_OFFSET, INT64_MAX - 1);
	reads("-5", POSITION_LAST, 5);
	refuses("9223372036854775807");
	refuses("");
	refuses("-");
	refuses("--5");
	refuses("+5");
	refuses("5x");
	refuses("5 ");
	refuses("Beginning");
}

static void times_of_messages_in_milliseconds(void **state)
{
	(void)state;
	reads("@1748131200000", POSITION_TIME, 1748131200000);
	reads("@2025-05-25", POSITION_TIME, 1748131200000);
	reads("@2025-05-25T00:00", POSITION_TIME, 1748131200000);
	reads("@2025-05-25T00:00Z", POSITION_TIME, 1748131200000);
	reads("@2025-05-25T09:00+09:00", POSITION_TIME, 1748131200000);
	reads("@2025-05-24T20:30:00-03:30", POSITION_TIME, 1748131200000);
	reads("@2025-05-25T00:00:01.5", POSITION_TIME, 1748131201500);
	reads("@2025-05-25T00:00:01.0079999Z", POSITION_TIME, 1748131201007);
	reads("@1970-01-01T00:00", POSITION_TIME, 0);
	refuses("@");
	refuses("@1969-12-31T23:59");
	refuses("@1969-12-31");
	refuses("@0225-05-25");
	refuses("@1970-01-01T00:00+00:01");
	refuses("@2025-02-29");
	refuses("@2025-05-25T24:00");
	refuses("@2025-05-25T00:00+24:00");
	refuses("@2025-05-25T00:00+09:60");
	refuses("@2025-05-25T00:00+0900");
	refuses("@2025-05-25T00:00z");
	refuses("@2025-05-25 00:00");
}

static void advises(const char *text, const char *form)
{
	refuses(text);
	char *advice = position_advice(text);
	assert_non_null(advice);
	print_message("%s\n", advice);
	assert_non_null(strstr(advice, form));
	free(advice);
}

static void other_units_and_dates_without_hyphens_are_no_times(void **state)
{
	(void)state;
	advises("@1764266040", "@1764266040000");
	advises("@0", "@0");
	advises("@99999999999", "@99999999999000");
	reads("@100000000000", POSITION_TIME, 100000000000);
	advises("@1764266040000000", "@1764266040000,");
	advises("@1764266040000000000", "@1764266040000,");
	reads("@253402300799999", POSITION_TIME, 253402300799999);
	advises("@253402300800000", "@253402300800,");
	advises("@20261127", "@2026-11-27,");
	advises("@202611271830", "@2026-11-27T18:30,");
	advises("@20261127183015", "@2026-11-27T18:30:15,");
	reads("@202613271830", POSITION_TIME, 202613271830);
	assert_null(position_advice("yesterday"));
	assert_null(position_advice("@yesterday"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(words_and_numbers),
					   cmocka_unit_test(other_units_and_dates_without_hyphens_are_no_times),
					   cmocka_unit_test(times_of_messages_in_milliseconds)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
