/* stats and deadletter: reasons are counted each under its own number; base64 as RFC 4648 has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "deadletter.h"
#include "stats.h"

static void a_reason_keeps_its_number(void **state)
{
	(void)state;
	static struct stats stats;
	char copy[] = "DEAD";
	stats_start(&stats);
	unsigned dead = stats_reason(&stats, "DEAD"), known = stats_reason(&stats, "KNOWN");
	assert_int_not_equal(dead, known);
	assert_int_equal(stats_reason(&stats, copy), dead);
	stats_drop(&stats, known, -5);
	stats_drop(&stats, known, 7);
	assert_int_equal(stats.dropped[known].records, 2);
	assert_true(stats.dropped[known].amount == 2);
	assert_int_equal(stats.dropped[dead].records, 0);
}

static void reasons_beyond_the_last_are_counted_together(void **state)
{
	(void)state;
	static struct stats stats;
	static char names[STATS_REASONS + 10][16];
	stats_start(&stats);
	for (int i = 0; i < STATS_REASONS + 10; i++) {
		snprintf(names[i], sizeof names[i], "R%d", i);
		unsigned number = stats_reason(&stats, names[i]);
		assert_int_equal(number, i < STATS_REASONS ? i : STATS_REASONS - 1);
		stats_drop(&stats, number, 1);
	}
	assert_int_equal(stats.dropped_n, STATS_REASONS);
	assert_string_equal(stats.dropped[STATS_REASONS - 1].reason, "other");
	assert_int_equal(stats.dropped[STATS_REASONS - 1].records, 11);
}

/* The test vectors of RFC 4648, section 10, and bytes beyond ASCII. */
static void base64_is_that_of_rfc_4648(void **state)
{
	(void)state;
	static const struct {
		const char *bytes, *text;
	} cases[] = {
	    {"", ""},
	    {"f", "Zg=="},
	    {"fo", "Zm8="},
	    {"foo", "Zm9v"},
	    {"foob", "Zm9vYg=="},
	    {"fooba", "Zm9vYmE="},
	    {"foobar", "Zm9vYmFy"},
	    {"\xff\xfe\xfb\xff", "//77/w=="},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char to[16];
		size_t n = deadletter_base64(to, slice_of(cases[i].bytes));
		assert_true(slice_equal((struct slice){to, n}, slice_of(cases[i].text)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_reason_keeps_its_number),
	    cmocka_unit_test(reasons_beyond_the_last_are_counted_together),
	    cmocka_unit_test(base64_is_that_of_rfc_4648),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
