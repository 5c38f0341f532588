/* A file's bad lines wait, and are given back as they came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/pay-consume/doubt.h"

static void add(struct doubt *doubt, const char *source, const char *reason, struct slice raw)
{
	doubt_add(doubt, &(struct deadletter_origin){slice_of(source), SLICE("\"k\""), true}, reason, raw, raw.n + 1);
}

static void take(void *self, const struct deadletter_origin *origin, const char *reason, struct slice raw,
		 uint64_t length)
{
	char *seen = self;
	assert_true(origin->key_base64 && slice_equal(origin->key, SLICE("\"k\"")));
	assert_int_equal(length, raw.n + 1);
	sprintf(seen + strlen(seen), "%.*s:%s:%zu ", (int)origin->source.n, origin->source.p, reason, raw.n);
}

static void lines_come_back_in_their_order(void **state)
{
	char seen[128] = "";
	struct doubt doubt = {0};
	struct slice source;
	(void)state;
	add(&doubt, "\"f/0/1\"", "one", SLICE(""));
	add(&doubt, "", "two", SLICE("a\0b"));
	assert_string_equal(doubt_first(&doubt, &source), "one");
	assert_true(slice_equal(source, SLICE("\"f/0/1\"")));
	doubt_each(&doubt, take, seen);
	assert_string_equal(seen, "\"f/0/1\":one:0 :two:3 ");
	doubt_free(&doubt);
	assert_int_equal(doubt.n, 0);
}

static void it_is_full_by_lines_or_by_text(void **state)
{
	struct doubt doubt = {0};
	struct slice large = {calloc(1, DOUBT_TEXT + 1), DOUBT_TEXT + 1};
	(void)state;
	for (int i = 1; i < DOUBT_LINES; i++)
		add(&doubt, "", "", SLICE(""));
	assert_false(doubt_full(&doubt));
	add(&doubt, "", "", SLICE(""));
	assert_true(doubt_full(&doubt));
	doubt_free(&doubt);
	add(&doubt, "", "", large);
	assert_true(doubt_full(&doubt));
	doubt_free(&doubt);
	free((char *)(uintptr_t)large.p);
}

static void of_the_beginning_so_much_is_kept(void **state)
{
	struct doubt doubt = {0};
	struct slice piece = {calloc(1, 60000), 60000};
	(void)state;
	assert_int_equal(doubt_start(&doubt).n, 0);
	doubt_see(&doubt, SLICE("ab"));
	doubt_see(&doubt, piece);
	doubt_see(&doubt, piece);
	assert_int_equal(doubt_start(&doubt).n, DOUBT_START);
	assert_memory_equal(doubt_start(&doubt).p, "ab", 3);
	doubt_free(&doubt);
	free((char *)(uintptr_t)piece.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_come_back_in_their_order),
	    cmocka_unit_test(it_is_full_by_lines_or_by_text),
	    cmocka_unit_test(of_the_beginning_so_much_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
