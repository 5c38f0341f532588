/* totals and known: what pay-agg keeps in memory. */
#include "cmd/pay-agg/known.h"
#include "cmd/pay-agg/totals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void a_key_is_one_group(void **state)
{
	(void)state;
	struct totals totals;
	totals_init(&totals);
	struct group *group = totals_group(&totals, SLICE("a\0b"));
	assert_int_equal(group->count, 0);
	assert_true(group->sum == 0);
	group->count = 1;
	assert_ptr_equal(totals_group(&totals, SLICE("a\0b")), group);
	uint64_t hash = totals_begin(&totals, SLICE("a\0b"));
	totals_fetch(&totals, hash);
	assert_ptr_equal(totals_group_of(&totals, SLICE("a\0b"), hash), group);
	assert_ptr_not_equal(totals_group(&totals, SLICE("a\0c")), group);
	assert_ptr_not_equal(totals_group(&totals, SLICE("a")), group);
	assert_int_equal(totals.n, 3);
	totals_clear(&totals);
	assert_int_equal(totals.n, 0);
	assert_int_equal(totals_group(&totals, SLICE("a\0b"))->count, 0);
	totals_free(&totals);
}

static void groups_stay_where_they_are_while_the_table_grows(void **state)
{
	(void)state;
	enum { GROUPS = 20000 };
	struct totals totals;
	totals_init(&totals);
	struct group **groups = malloc(GROUPS * sizeof *groups);
	assert_non_null(groups);
	char key[16];
	for (int i = 0; i < GROUPS; i++) {
		size_t n = (size_t)sprintf(key, "%05d", (i * 7919) % GROUPS);
		groups[i] = totals_group(&totals, (struct slice){key, n});
		groups[i]->count = (uint64_t)i + 1;
	}
	assert_int_equal(totals.n, GROUPS);
	for (int i = 0; i < GROUPS; i++) {
		size_t n = (size_t)sprintf(key, "%05d", (i * 7919) % GROUPS);
		assert_ptr_equal(totals_group(&totals, (struct slice){key, n}), groups[i]);
		assert_int_equal(groups[i]->count, i + 1);
	}
	free(groups);
	struct group **sorted = totals_sorted(&totals);
	for (int i = 0; i < GROUPS; i++) {
		sprintf(key, "%05d", i);
		assert_memory_equal(sorted[i]->key, key, 5);
	}
	free(sorted);
	totals_free(&totals);
}

static void a_key_may_be_larger_than_a_block(void **state)
{
	(void)state;
	struct totals totals;
	totals_init(&totals);
	size_t n = 1 << 20;
	char *key = malloc(n);
	assert_non_null(key);
	memset(key, 'x', n);
	struct group *group = totals_group(&totals, (struct slice){key, n});
	totals_group(&totals, SLICE("small"));
	assert_ptr_equal(totals_group(&totals, (struct slice){key, n}), group);
	assert_int_equal(group->n, n);
	free(key);
	totals_free(&totals);
}

static struct known_chunk *chunk_of(struct known *known, const char *source, int32_t partition, int64_t offset)
{
	bool made;
	return known_chunk(known, partitions_index(&known->partitions, slice_of(source), partition), offset, &made);
}

static bool take(struct known *known, const char *source, int32_t partition, int64_t offset)
{
	return known_add(chunk_of(known, source, partition, offset), offset);
}

static void coordinates_are_new_once(void **state)
{
	(void)state;
	struct known known;
	known_init(&known);
	const int64_t offsets[] = {0, 65535, 65536, 65537, 1, INT64_MAX - 1, INT64_C(1) << 40};
	for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
		assert_true(take(&known, "a", 0, offsets[i]));
		assert_true(take(&known, "a", 1, offsets[i]));
		assert_true(take(&known, "a/0", 0, offsets[i]));
	}
	for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
		assert_false(take(&known, "a", 0, offsets[i]));
		assert_false(take(&known, "a", 1, offsets[i]));
		assert_false(take(&known, "a/0", 0, offsets[i]));
	}
	assert_true(take(&known, "a", 0, 2));
	known_free(&known);
}

/* A walk through all offsets of a chunk in a strange order: it turns from a list into a bitmap on the way. */
static void a_full_chunk_is_a_bitmap(void **state)
{
	(void)state;
	struct known known;
	known_init(&known);
	for (int64_t i = 0; i < KNOWN_BITS; i++) {
		int64_t offset = i * 40503 % KNOWN_BITS;
		assert_true(take(&known, "a", 0, offset));
		assert_false(take(&known, "a", 0, offset));
		if (i + 1 == KNOWN_LISTED)
			assert_int_equal(chunk_of(&known, "a", 0, 0)->n, 2 * KNOWN_LISTED);
	}
	struct known_chunk *chunk = chunk_of(&known, "a", 0, 0);
	assert_int_equal(chunk->n, KNOWN_BITMAP);
	for (int i = 0; i < KNOWN_BITMAP; i++)
		assert_int_equal(chunk->set[i], 0xff);
	known_free(&known);
}

static void a_set_can_be_loaded(void **state)
{
	(void)state;
	struct known known;
	known_init(&known);
	struct known_chunk *chunk = chunk_of(&known, "a", 0, 0);
	assert_true(known_load(chunk, (struct slice){"\x05\x00\x00\x01", 4})); /* 5 and 256 */
	assert_false(chunk->changed);
	assert_false(known_add(chunk, 5));
	assert_false(known_add(chunk, 256));
	assert_false(chunk->changed);
	assert_true(known_add(chunk, 6));
	assert_true(chunk->changed);
	assert_memory_equal(chunk->set, "\x05\x00\x06\x00\x00\x01", 6);
	known_free(&known);
}

static void a_damaged_set_is_refused(void **state)
{
	(void)state;
	static char large[KNOWN_BITMAP + 2];
	const struct slice damaged[] = {
	    {"\x05", 1}, {"", 0}, {"\x05\x00\x05\x00", 4}, {"\x05\x00\x04\x00", 4}, {large, sizeof large},
	};
	for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
		struct known known;
		known_init(&known);
		assert_false(known_load(chunk_of(&known, "a", 0, 0), damaged[i]));
		known_free(&known);
	}
}

static void count_changed(void *self, const struct known_chunk *chunk)
{
	(void)chunk;
	++*(int *)self;
}

static void only_changed_chunks_are_given(void **state)
{
	(void)state;
	struct known known;
	known_init(&known);
	int n = 0;
	for (int i = 0; i < 1000; i++)
		assert_true(take(&known, "a", i % 3, (int64_t)i * KNOWN_BITS));
	chunk_of(&known, "b", 0, 7);
	known_changed(&known, count_changed, &n);
	assert_int_equal(n, 1000);
	known_clear(&known);
	n = 0;
	known_changed(&known, count_changed, &n);
	assert_int_equal(n, 0);
	assert_true(take(&known, "a", 0, 0));
	known_free(&known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_key_is_one_group),
	    cmocka_unit_test(groups_stay_where_they_are_while_the_table_grows),
	    cmocka_unit_test(a_key_may_be_larger_than_a_block),
	    cmocka_unit_test(coordinates_are_new_once),
	    cmocka_unit_test(a_full_chunk_is_a_bitmap),
	    cmocka_unit_test(a_set_can_be_loaded),
	    cmocka_unit_test(a_damaged_set_is_refused),
	    cmocka_unit_test(only_changed_chunks_are_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
