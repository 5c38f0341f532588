/* Source partitions keep the index at which they were met first, however many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "partitions.h"

static uint32_t index_of(struct partitions *partitions, const char *source, int32_t number)
{
	return partitions_index(partitions, slice_of(source), number);
}

static void the_index_stays(void **state)
{
	struct partitions partitions = {0};

	(void)state;
	assert_int_equal(index_of(&partitions, "a", 0), 0);
	assert_int_equal(index_of(&partitions, "a", 1), 1);
	assert_int_equal(index_of(&partitions, "b", 0), 2);
	assert_int_equal(index_of(&partitions, "", 0), 3);
	assert_int_equal(index_of(&partitions, "a", 0), 0);
	assert_int_equal(index_of(&partitions, "b", 0), 2);
	assert_int_equal(partitions.n, 4);
	partitions_free(&partitions);
}

static void many_are_told_apart(void **state)
{
	enum { SOURCES = 20000, TWICE = 2 };
	struct partitions partitions = {0};
	char name[32];

	(void)state;
	for (int round = 0; round < TWICE; round++)
		for (int i = 0; i < SOURCES; i++) {
			snprintf(name, sizeof name, "day-%d", i / 2);
			assert_int_equal(index_of(&partitions, name, i % 2), i);
		}
	assert_int_equal(partitions.n, SOURCES);
	for (int i = 0; i < SOURCES; i++) {
		snprintf(name, sizeof name, "day-%d", i / 2);
		assert_true(slice_equal(partitions.v[i].source, slice_of(name)));
		assert_int_equal(partitions.v[i].number, i % 2);
	}
	partitions_free(&partitions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_index_stays),
	    cmocka_unit_test(many_are_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
