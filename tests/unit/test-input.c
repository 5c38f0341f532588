/* input: lines whole, cut, long and too long, however the bytes come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "input.h"
#include "json.h"

/* Bytes that come a few at a time. */
struct source {
	const char *text;
	size_t n, at, step;
};

static size_t some(void *self, char *to, size_t n)
{
	struct source *source = self;
	size_t left = source->n - source->at;
	size_t take = left < n ? left : n;
	take = take < source->step ? take : source->step;
	memcpy(to, source->text + source->at, take);
	source->at += take;
	return take;
}

/* The next line, which must be in that state and hold that text (NULL: any). */
static void expect(struct input *input, enum input_state state, const char *text)
{
	const char *p;
	uint64_t length;
	assert_int_equal(input_next(input, &p, &length, NULL, NULL), state);
	if (state == INPUT_END)
		return;
	const char *feed = memchr(p, '\n', INPUT_LINE_MAX);
	assert_non_null(feed);
	if (text) {
		assert_int_equal(feed - p, strlen(text));
		assert_memory_equal(p, text, strlen(text));
	}
	input_take(input, feed);
}

static void gives_lines_however_they_come(void **state)
{
	(void)state;
	for (size_t step = 1; step <= 20; step++) {
		struct source source = {"one\n\nthree\nfour", 15, 0, step};
		struct input input;
		input_open_fill(&input, "a test", some, &source);
		expect(&input, INPUT_LINE, "one");
		expect(&input, INPUT_LINE, "");
		assert_int_equal(input.line, 3);
		expect(&input, INPUT_LINE, "three");
		expect(&input, INPUT_CUT, "four");
		expect(&input, INPUT_END, NULL);
		expect(&input, INPUT_END, NULL);
		assert_int_equal(input.bytes, 15);
		input_close(&input);
	}
}

static void an_empty_input_has_no_line(void **state)
{
	(void)state;
	struct source source = {"", 0, 0, 1};
	struct input input;
	input_open_fill(&input, "a test", some, &source);
	expect(&input, INPUT_END, NULL);
	assert_int_equal(input.bytes, 0);
	input_close(&input);
}

/* `n` bytes of 'x', a line feed, "after", a line feed. */
static char *long_text(size_t n)
{
	char *text = malloc(n + 7);
	memset(text, 'x', n);
	memcpy(text + n, "\nafter\n", 7);
	return text;
}

static void takes_a_line_of_16_mib(void **state)
{
	(void)state;
	char *text = long_text(INPUT_LINE_MAX);
	struct source source = {text, INPUT_LINE_MAX + 7, 0, 1 << 20};
	struct input input;
	const char *p;
	uint64_t length;
	input_open_fill(&input, "a test", some, &source);
	assert_int_equal(input_next(&input, &p, &length, NULL, NULL), INPUT_LINE);
	const char *feed = rawmemchr(p, '\n');
	assert_int_equal(feed - p, INPUT_LINE_MAX);
	input_take(&input, feed);
	expect(&input, INPUT_LINE, "after");
	expect(&input, INPUT_END, NULL);
	input_close(&input);
	free(text);
}

static void leaves_out_the_rest_of_a_longer_line(void **state)
{
	(void)state;
	size_t n = (size_t)INPUT_LINE_MAX * 3;
	char *text = long_text(n);
	struct source source = {text, n + 7, 0, 1 << 20};
	struct input input;
	const char *p;
	uint64_t length;
	input_open_fill(&input, "a test", some, &source);
	assert_int_equal(input_next(&input, &p, &length, NULL, NULL), INPUT_TOO_LONG);
	assert_int_equal(length, n);
	assert_memory_equal(p, text, INPUT_TOO_LONG_KEPT);
	assert_true(input.capacity < (size_t)INPUT_LINE_MAX + (1 << 20));
	input_take(&input, NULL);
	assert_int_equal(input.line, 2);
	expect(&input, INPUT_LINE, "after");
	expect(&input, INPUT_END, NULL);
	input_close(&input);
	free(text);
}

static void a_longer_line_may_be_the_last(void **state)
{
	(void)state;
	size_t n = (size_t)INPUT_LINE_MAX * 2;
	char *text = long_text(n);
	struct source source = {text, n, 0, 77777};
	struct input input;
	const char *p;
	uint64_t length;
	input_open_fill(&input, "a test", some, &source);
	assert_int_equal(input_next(&input, &p, &length, NULL, NULL), INPUT_TOO_LONG);
	assert_int_equal(length, n);
	input_take(&input, NULL);
	expect(&input, INPUT_END, NULL);
	input_close(&input);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_lines_however_they_come), cmocka_unit_test(an_empty_input_has_no_line),
	    cmocka_unit_test(takes_a_line_of_16_mib),        cmocka_unit_test(leaves_out_the_rest_of_a_longer_line),
	    cmocka_unit_test(a_longer_line_may_be_the_last),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
