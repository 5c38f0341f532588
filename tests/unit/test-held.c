/* held: lines that wait. */
#include "held.h"
#include "json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add(struct held *held, uint64_t number, size_t padding)
{
	char *text = malloc(padding + 32);
	assert_non_null(text);
	size_t n = (size_t)sprintf(text, "%llu", (unsigned long long)number);
	memset(text + n, 'x', padding);
	held_add(held, (struct slice){text, n + padding},
		 &(struct held_line){.line = number, .amount = (amount)number * 3, .given = number % 2});
	free(text);
}

static void is(const struct held *held, uint64_t number, size_t padding)
{
	struct held_line about;
	const char *p = held_first(held, &about);
	assert_int_equal(strtoull(p, NULL, 10), number);
	assert_int_equal(about.line, number);
	assert_int_equal(about.amount, number * 3);
	assert_int_equal(about.given, number % 2);
	assert_true(about.n >= padding);
	assert_int_equal(p[about.n], '\n');
	if (padding)
		assert_int_equal(p[about.n - 1], 'x');
	char readable = 0;
	for (int i = 0; i < JSON_PADDING; i++)
		readable |= p[about.n + 1 + (size_t)i];
	(void)readable; /* a sanitizer sees what may not be read */
}

static void lines_come_out_as_they_went_in(void **state)
{
	(void)state;
	enum { LINES = 100000 };
	struct held held = {0};
	unsigned seed = 1;
	uint64_t in = 0, out = 0;
	size_t bytes = 0;
	size_t *padding = malloc(LINES * sizeof *padding);
	assert_non_null(padding);
	while (out < LINES) {
		if (in < LINES && (in == out || rand_r(&seed) % 2)) {
			padding[in] = (size_t)rand_r(&seed) % (rand_r(&seed) % 100 ? 200 : 50000);
			add(&held, in, padding[in]);
			bytes += padding[in] + 1 + (size_t)snprintf(NULL, 0, "%llu", (unsigned long long)in);
			in++;
		} else {
			is(&held, out, padding[out]);
			bytes -= padding[out] + 1 + (size_t)snprintf(NULL, 0, "%llu", (unsigned long long)out);
			held_drop(&held);
			out++;
		}
		assert_int_equal(held.n, in - out);
		assert_int_equal(held.bytes, bytes);
	}
	free(padding);
	held_free(&held);
}

static void what_is_held_takes_the_room_of_the_most_that_was(void **state)
{
	(void)state;
	struct held held = {0};
	for (uint64_t i = 0; i < 100; i++)
		add(&held, i, 1000);
	for (uint64_t i = 100; i < 100000; i++) {
		add(&held, i, 1000);
		held_drop(&held);
	}
	assert_true(held.room < 1 << 20);
	assert_true(held.capacity <= 512);
	is(&held, 99900, 1000);
	held_free(&held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_come_out_as_they_went_in),
	    cmocka_unit_test(what_is_held_takes_the_room_of_the_most_that_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
