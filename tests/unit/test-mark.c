/* mark: written and read again, and refused where it is not one. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "mark.h"

/* A line in a buffer as json.h asks. */
static const char *line_of(const char *text)
{
	static char buffer[8192];
	memset(buffer, 0, sizeof buffer);
	snprintf(buffer, sizeof buffer - JSON_PADDING - 1, "%s\n", text);
	return buffer;
}

static const char *read_text(struct mark *mark, const char *text)
{
	static struct record record;
	struct names names;
	const char *reason;
	names_init(&names);
	if (!record_read(&record, &names, line_of(text), &reason))
		return reason;
	return mark_read(mark, &record.top.v[0]);
}

/* What mark_write makes of it; the caller frees. */
static char *written(const struct mark *mark)
{
	FILE *file = tmpfile();
	struct output output;
	assert_non_null(file);
	output_open(&output, dup(fileno(file)), "a temporary file");
	mark_write(mark, &output);
	output_close(&output, false);
	char *text = calloc(1, 8192);
	rewind(file);
	size_t n = fread(text, 1, 8191, file);
	fclose(file);
	char *feed = strchr(text, '\n');
	assert_true(feed && feed + 1 == text + n);
	*feed = '\0';
	return text;
}

static void writes_what_it_reads(void **state)
{
	(void)state;
	static const char *const lines[] = {
	    "{\"_mark\":{\"seq\":17,\"records\":998,\"in\":1000,\"dropped\":{\"pay-filter\":2},\"amount\":"
	    "\"123456789\","
	    "\"from\":{\"payment/0\":100},\"next\":{\"payment/0\":1100},\"end\":null}}",
	    "{\"_mark\":{\"seq\":0,\"records\":0,\"in\":0,\"dropped\":{},\"amount\":null,\"from\":{},\"next\":{},"
	    "\"end\":\"stop\"}}",
	    "{\"_mark\":{\"seq\":2,\"records\":0,\"in\":0,\"dropped\":{},\"amount\":\"-"
	    "170141183460469231731687303715884105\","
	    "\"from\":{\"a \\\"b\\\"/0\":1,\"c/7\":9},\"next\":{\"a \\\"b\\\"/0\":1,\"c/7\":10},"
	    "\"files\":{\"day.ndjson\":{\"lines\":null,\"places\":{\"1\":\"0123456789abcdef0123456789abcdef\"}}},"
	    "\"end\":\"complete\"}}",
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct mark mark;
		mark_init(&mark);
		assert_null(read_text(&mark, lines[i]));
		char *again = written(&mark);
		assert_string_equal(again, lines[i]);
		free(again);
		mark_free(&mark);
	}
}

#define MARK(seq, dropped, amount, from, next, end)                                                     \
	"{\"_mark\":{\"seq\":" seq ",\"records\":1,\"in\":1,\"dropped\":" dropped ",\"amount\":" amount \
	",\"from\":" from ",\"next\":" next ",\"end\":" end "}}"

static void refuses_what_is_no_mark(void **state)
{
	(void)state;
	static const char *const bad[] = {
	    "{\"_mark\":null}",
	    "{\"_mark\":{}}",
	    MARK("-1", "{}", "null", "{}", "{}", "null"),
	    MARK("1.0", "{}", "null", "{}", "{}", "null"),
	    MARK("\"1\"", "{}", "null", "{}", "{}", "null"),
	    MARK("1", "[]", "null", "{}", "{}", "null"),
	    MARK("1", "{\"x\":-1}", "null", "{}", "{}", "null"),
	    MARK("1", "{}", "12", "{}", "{}", "null"),
	    MARK("1", "{}", "\"1.5\"", "{}", "{}", "null"),
	    MARK("1", "{}", "null", "{\"p/0\":1}", "{}", "null"),
	    MARK("1", "{}", "null", "{}", "{\"p/0\":1}", "null"),
	    MARK("1", "{}", "null", "{\"p/0\":2}", "{\"p/0\":1}", "null"),
	    MARK("1", "{}", "null", "{\"p\":2}", "{\"p\":3}", "null"),
	    MARK("1", "{}", "null", "{\"p/0\":2,\"p/0\":2}", "{\"p/0\":3}", "null"),
	    MARK("1", "{}", "null", "{\"p/0\":2}", "{\"p/0\":3,\"p/0\":4}", "null"),
	    MARK("1", "{}", "null", "{\"p/0\":0,\"q/0\":0}", "{\"p/0\":3,\"p/0\":4}", "null"),
	    MARK("1,\"seq\":1", "{}", "null", "{}", "{}", "null"),
	    MARK("1", "{}", "null", "{}", "{}", "\"complete\",\"end\":null"),
	    MARK("1", "{}", "null", "{}", "{}", "\"done\""),
	    MARK("1", "{}", "null", "{}", "{}", "true"),
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct mark mark;
		mark_init(&mark);
		if (!read_text(&mark, bad[i]))
			fail_msg("taken for a mark: %s", bad[i]);
		mark_free(&mark);
	}
}

static void widens_ranges_and_adds_up_what_was_dropped(void **state)
{
	(void)state;
	struct mark mark;
	mark_init(&mark);
	mark_cover(&mark, SLICE("p"), 0, 10, 20);
	mark_cover(&mark, SLICE("p"), 1, 5, 5);
	mark_cover(&mark, SLICE("p"), 0, 20, 30);
	assert_int_equal(mark.ranges_n, 2);
	assert_int_equal(mark.ranges[0].from, 10);
	assert_int_equal(mark.ranges[0].next, 30);
	mark_drop(&mark, "pay-filter", 2);
	mark_drop(&mark, "pay-tobase", 1);
	mark_drop(&mark, "pay-filter", 3);
	assert_int_equal(mark.dropped_n, 2);
	assert_int_equal(mark_dropped_sum(&mark), 6);
	mark_free(&mark);
}

static void joins_only_what_goes_on(void **state)
{
	(void)state;
	struct mark mark, next;
	mark_init(&mark);
	mark_init(&next);
	assert_null(
	    read_text(&mark, MARK("1", "{}", "null", "{\"p/0\":2,\"p/1\":7}", "{\"p/0\":4,\"p/1\":7}", "null")));
	assert_null(
	    read_text(&next, MARK("2", "{}", "null", "{\"p/0\":4,\"q/0\":1}", "{\"p/0\":9,\"q/0\":3}", "null")));
	assert_true(mark_join(&mark, &next));
	assert_int_equal(mark.ranges_n, 3);
	assert_int_equal(mark.ranges[0].from, 2);
	assert_int_equal(mark.ranges[0].next, 9);
	assert_int_equal(mark.ranges[2].next, 3);
	assert_null(
	    read_text(&next, MARK("3", "{}", "null", "{\"q/0\":3,\"p/0\":10}", "{\"q/0\":4,\"p/0\":11}", "null")));
	assert_false(mark_join(&mark, &next));
	assert_int_equal(mark.ranges[0].next, 9);
	assert_int_equal(mark.ranges[2].next, 3);
	mark_free(&mark);
	mark_free(&next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_what_it_reads),
	    cmocka_unit_test(refuses_what_is_no_mark),
	    cmocka_unit_test(widens_ranges_and_adds_up_what_was_dropped),
	    cmocka_unit_test(joins_only_what_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
