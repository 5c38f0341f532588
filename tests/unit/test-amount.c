/* amount: which numbers are amounts, and sums beyond 64 bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amount.h"

static void reads_integers_of_64_bits(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		amount value;
	} good[] = {
	    {"0", 0},
	    {"-0", 0},
	    {"7", 7},
	    {"-65218", -65218},
	    {"9007199254740993", 9007199254740993},
	    {"9223372036854775807", INT64_MAX},
	    {"-9223372036854775808", INT64_MIN},
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		amount value = 1;
		assert_true(amount_read(slice_of(good[i].text), &value));
		assert_int_equal(value, good[i].value);
	}
}

static void refuses_what_is_no_amount(void **state)
{
	(void)state;
	static const char *const bad[] = {"",
					  "-",
					  "1.5",
					  "1e3",
					  "1E0",
					  "01",
					  "-01",
					  "+1",
					  " 1",
					  "1 ",
					  "\"12\"",
					  "null",
					  "9223372036854775808",
					  "-9223372036854775809",
					  "99999999999999999999"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		amount value = 42;
		assert_false(amount_read(slice_of(bad[i]), &value));
		assert_int_equal(value, 42);
	}
}

static void sums_are_exact_beyond_64_bits(void **state)
{
	(void)state;
	char text[AMOUNT_TEXT];
	amount_sum sum = 0, again;
	for (int i = 0; i < 3; i++)
		sum += INT64_MAX;
	assert_int_equal(amount_write(text, sum), 20);
	assert_string_equal(text, "27670116110564327421");
	assert_true(amount_sum_read(slice_of(text), &again));
	assert_true(again == sum);
	amount_write(text, -sum);
	assert_string_equal(text, "-27670116110564327421");
	assert_true(amount_sum_read(slice_of(text), &again));
	assert_true(again == -sum);
	amount_write(text, 0);
	assert_string_equal(text, "0");
}

static void refuses_sums_spelled_otherwise(void **state)
{
	(void)state;
	static const char *const bad[] = {"",   "-",   "-0",  "00",  "01",
					  "+1", "1.0", "0x1", "12a", "999999999999999999999999999999999999999"};
	amount_sum sum;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(amount_sum_read(slice_of(bad[i]), &sum));
}

static void narrows_only_what_fits(void **state)
{
	(void)state;
	int64_t value = 5;
	assert_true(amount_narrow((amount_sum)INT64_MAX, &value));
	assert_int_equal(value, INT64_MAX);
	assert_true(amount_narrow((amount_sum)INT64_MIN, &value));
	assert_int_equal(value, INT64_MIN);
	value = 5;
	assert_false(amount_narrow((amount_sum)INT64_MAX + 1, &value));
	assert_false(amount_narrow((amount_sum)INT64_MIN - 1, &value));
	assert_int_equal(value, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_integers_of_64_bits),     cmocka_unit_test(refuses_what_is_no_amount),
	    cmocka_unit_test(sums_are_exact_beyond_64_bits), cmocka_unit_test(refuses_sums_spelled_otherwise),
	    cmocka_unit_test(narrows_only_what_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
