/* What is remembered of a source partition: as text and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "cmd/pay-consume/trace.h"

static void an_empty_trace_has_no_message_and_no_channel(void **state)
{
	struct trace trace;
	char text[TRACE_TEXT];
	(void)state;
	trace_init(&trace);
	assert_int_equal(trace.offset, -1);
	assert_int_equal(trace_days(&trace, SLICE("ONLINE")), -1);
	trace_write(&trace, text);
	assert_string_equal(text, "-1:0000000000000000");
	trace_read(&trace, text);
	assert_int_equal(trace.offset, -1);
}

static void what_is_written_is_read(void **state)
{
	struct trace trace, again;
	char text[TRACE_TEXT], same[TRACE_TEXT];
	(void)state;
	trace_init(&trace);
	trace.offset = INT64_MAX - 1;
	trace.hash = UINT64_MAX;
	trace_set_days(&trace, SLICE("ONLINE"), 3);
	trace_set_days(&trace, SLICE("OFFLINE"), INT64_MAX);
	trace_set_days(&trace, SLICE("ONLINE"), 4);
	size_t n = trace_write(&trace, text);
	assert_int_equal(n, strlen(text));
	assert_string_equal(text, "9223372036854775806:ffffffffffffffff;ONLINE=4;OFFLINE=9223372036854775807");
	trace_read(&again, text);
	trace_write(&again, same);
	assert_string_equal(text, same);
	trace.partitions = INT32_MAX;
	trace_write(&trace, text);
	assert_non_null(strstr(text, ";OFFLINE=9223372036854775807;+partitions=2147483647"));
	trace_read(&again, text);
	assert_int_equal(again.partitions, INT32_MAX);
	assert_int_equal(again.channels, 2);
	assert_int_equal(trace_days(&again, SLICE("ONLINE")), 4);
}

static void the_first_day_that_there_is_is_kept_like_others(void **state)
{
	struct trace trace;
	(void)state;
	trace_read(&trace, "7:0000000000000001;ONLINE=0;OFFLINE=2");
	assert_int_equal(trace_days(&trace, SLICE("ONLINE")), 0);
	assert_int_equal(trace_days(&trace, SLICE("OFFLINE")), 2);
}

static void a_full_trace_fits_its_text(void **state)
{
	struct trace trace;
	char text[TRACE_TEXT], name[TRACE_NAME + 16];
	(void)state;
	trace_init(&trace);
	trace.offset = INT64_MAX;
	trace.partitions = INT32_MAX;
	for (int i = 0; i < TRACE_CHANNELS + 3; i++) {
		snprintf(name, sizeof name, "channel-with-a-long-name-%06d", i);
		trace_set_days(&trace, slice_of(name), INT64_MAX);
	}
	assert_int_equal(trace.channels, TRACE_CHANNELS);
	assert_true(trace_write(&trace, text) < TRACE_TEXT - 1);
	trace_read(&trace, text);
	assert_int_equal(trace.channels, TRACE_CHANNELS);
}

static void names_that_cannot_stand_in_the_text_are_left_out(void **state)
{
	struct trace trace;
	(void)state;
	trace_init(&trace);
	trace_set_days(&trace, SLICE(""), 1);
	trace_set_days(&trace, SLICE("a=b"), 1);
	trace_set_days(&trace, SLICE("a;b"), 1);
	trace_set_days(&trace, SLICE("a\"b"), 1);
	trace_set_days(&trace, SLICE("12345678901234567890123456789012"), 1);
	assert_int_equal(trace.channels, 0);
	trace_set_days(&trace, SLICE("1234567890123456789012345678901"), 1);
	assert_int_equal(trace.channels, 1);
}

static void other_text_is_an_empty_trace(void **state)
{
	static const char *const texts[] = {NULL, "", "x", "12", "12:", ":ff", "-2:ff"};
	struct trace trace;
	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		trace_read(&trace, texts[i]);
		assert_int_equal(trace.offset, -1);
		assert_int_equal(trace.channels, 0);
	}
	trace_read(&trace, "12:ff;A;B=1");
	assert_int_equal(trace.offset, 12);
	trace_read(&trace, "12:ff;A=-1;B=x;C=3");
	assert_int_equal(trace_days(&trace, SLICE("A")), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_trace_has_no_message_and_no_channel),
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(the_first_day_that_there_is_is_kept_like_others),
	    cmocka_unit_test(a_full_trace_fits_its_text),
	    cmocka_unit_test(names_that_cannot_stand_in_the_text_are_left_out),
	    cmocka_unit_test(other_text_is_an_empty_trace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
