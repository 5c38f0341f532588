/* coordinates: read from the right, since a source may hold slashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinates.h"

static void reads_source_partition_offset(void **state)
{
	(void)state;
	struct coordinates c;
	assert_true(coordinates_read(SLICE("payment/3/12"), &c));
	assert_true(slice_equal(c.source, SLICE("payment")));
	assert_int_equal(c.partition, 3);
	assert_int_equal(c.offset, 12);
	assert_true(coordinates_read(SLICE("a/b/0/0/1"), &c));
	assert_true(slice_equal(c.source, SLICE("a/b/0")));
	assert_true(coordinates_read(SLICE("p/2147483647/9223372036854775806"), &c));
	assert_int_equal(c.partition, INT32_MAX);
	assert_int_equal(c.offset, INT64_MAX - 1);
}

static void refuses_what_is_malformed(void **state)
{
	(void)state;
	static const char *const bad[] = {"",
					  "/",
					  "//",
					  "payment",
					  "payment/0",
					  "/0/1",
					  "p/0/",
					  "p//1",
					  "p/-1/2",
					  "p/0/-2",
					  "p/00/1",
					  "p/0/01",
					  "p/0/+1",
					  "p/0/1 ",
					  "p/0/1x",
					  "p/2147483648/1",
					  "p/0/9223372036854775807",
					  "p/0/99999999999999999999",
					  "p/0/1/"};
	struct coordinates c;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(coordinates_read(slice_of(bad[i]), &c));
	assert_false(coordinates_read(SLICE("p\0q/0/1"), &c));
}

static void reads_the_partitions_of_marks(void **state)
{
	(void)state;
	struct slice source;
	int32_t partition;
	assert_true(coordinates_partition_read(SLICE("day 1/x.csv/0"), &source, &partition));
	assert_true(slice_equal(source, SLICE("day 1/x.csv")));
	assert_int_equal(partition, 0);
	assert_false(coordinates_partition_read(SLICE("x"), &source, &partition));
	assert_false(coordinates_partition_read(SLICE("/1"), &source, &partition));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_source_partition_offset),
	    cmocka_unit_test(refuses_what_is_malformed),
	    cmocka_unit_test(reads_the_partitions_of_marks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
