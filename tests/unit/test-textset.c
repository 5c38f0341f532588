/* textset: what was added is there, nothing else is, however many there are. */
#include "common/textset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void an_empty_set_has_nothing(void **state)
{
	(void)state;
	struct textset *set = textset_new();
	assert_int_equal(textset_count(set), 0);
	assert_false(textset_has(set, SLICE("")));
	assert_false(textset_has(set, SLICE("m1")));
	textset_free(set);
	textset_free(NULL);
}

static void a_text_is_new_once(void **state)
{
	(void)state;
	struct textset *set = textset_new();
	char text[] = "merchant-1";
	assert_true(textset_add(set, slice_of(text)));
	assert_false(textset_add(set, SLICE("merchant-1")));
	text[9] = '2'; /* the set kept a copy */
	assert_true(textset_has(set, SLICE("merchant-1")));
	assert_false(textset_has(set, slice_of(text)));
	assert_false(textset_has(set, SLICE("merchant-")));
	assert_false(textset_has(set, SLICE("merchant-11")));
	assert_int_equal(textset_count(set), 1);
	textset_free(set);
}

static void any_bytes_are_a_text(void **state)
{
	(void)state;
	struct textset *set = textset_new();
	assert_true(textset_add(set, SLICE("")));
	assert_true(textset_add(set, SLICE("a\0b")));
	assert_true(textset_add(set, SLICE("a\0c")));
	assert_true(textset_has(set, SLICE("")));
	assert_true(textset_has(set, SLICE("a\0b")));
	assert_false(textset_has(set, SLICE("a")));
	assert_int_equal(textset_count(set), 3);
	textset_free(set);
}

static void many_texts_of_many_lengths_stay_apart(void **state)
{
	(void)state;
	enum { MANY = 100000 };
	struct textset *set = textset_new();
	char text[64];
	for (int i = 0; i < MANY; i++) {
		int n = snprintf(text, sizeof text, "%0*d", 1 + i % 40, i);
		assert_true(textset_add(set, (struct slice){text, (size_t)n}));
	}
	assert_int_equal(textset_count(set), MANY);
	for (int i = 0; i < MANY; i++) {
		int n = snprintf(text, sizeof text, "%0*d", 1 + i % 40, i);
		assert_true(textset_has(set, (struct slice){text, (size_t)n}));
		n = snprintf(text, sizeof text, "%0*dx", 1 + i % 40, i);
		assert_false(textset_has(set, (struct slice){text, (size_t)n}));
	}
	textset_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_set_has_nothing),
	    cmocka_unit_test(a_text_is_new_once),
	    cmocka_unit_test(any_bytes_are_a_text),
	    cmocka_unit_test(many_texts_of_many_lengths_stay_apart),
	};
	return cmocka_run_group_tests_name("textset", tests, NULL, NULL);
}
