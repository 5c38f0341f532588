/* A file of which no line became a payment is found, and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cmd/pay-tobase/sources.h"
#include "cover.h"

/* Ends a segment by a mark over [from, next) of a file, with which it ends where lines is 0 or more. */
static bool segment(struct sources *sources, const char *name, const char *state, int64_t from, int64_t next,
		    int64_t lines, struct sources_refused *refused)
{
	struct mark mark;
	mark_init(&mark);
	mark_cover(&mark, slice_of(name), 0, from, next);
	mark_state(&mark, slice_of(name), 0, slice_of(state));
	if (lines >= 0)
		mark_say(&mark, slice_of(name), &(struct mark_file){.lines = lines});
	bool is = sources_segment(sources, &mark, refused);
	mark_free(&mark);
	return is;
}

static void a_file_with_only_bad_records_is_refused_at_its_end(void **state)
{
	struct sources sources = {0};
	struct sources_refused refused;
	(void)state;
	sources_bad(&sources, SLICE("\"a/0/1\""), "one");
	sources_bad(&sources, SLICE("\"a/0/2\""), "two");
	assert_false(segment(&sources, "a", COVER_FILE_STATE "x", 1, 3, -1, &refused));
	assert_true(segment(&sources, "a", COVER_FILE_STATE "x", 3, 3, 2, &refused));
	assert_string_equal(refused.name, "a");
	assert_string_equal(refused.reason, "one");
	assert_int_equal(refused.bad, 2);
}

static void a_good_record_or_an_unseen_beginning_excuses_it(void **state)
{
	struct sources sources = {0};
	struct sources_refused refused;
	(void)state;
	sources_bad(&sources, SLICE("\"a/0/1\""), "one");
	sources_good(&sources, SLICE("\"a/0/2\""));
	assert_false(segment(&sources, "a", COVER_FILE_STATE "x", 1, 3, 2, &refused));
	sources_bad(&sources, SLICE("\"b/0/5\""), "one");
	assert_false(segment(&sources, "b", COVER_FILE_STATE "x", 5, 6, 5, &refused));
	sources_bad(&sources, SLICE("\"t/0/5\""), "one");
	assert_false(segment(&sources, "t", "-1:0000000000000000", 5, 6, -1, &refused));
	assert_false(sources_end(&sources, &refused));
}

static void names_that_begin_alike_are_told_apart(void **state)
{
	struct sources sources = {0};
	struct sources_refused refused;
	(void)state;
	sources_good(&sources, SLICE("\"a/0/1\""));
	sources_good(&sources, SLICE("\"a/0/2\""));
	sources_bad(&sources, SLICE("\"a/0/0/3\""), "one");
	assert_true(segment(&sources, "a/0", COVER_FILE_STATE "x", 1, 4, 3, &refused));
	assert_string_equal(refused.name, "a/0");
}

static void so_many_bad_ones_are_enough(void **state)
{
	struct sources sources = {0};
	struct sources_refused refused;
	(void)state;
	for (int i = 1; i < SOURCES_BAD; i++) {
		if (i == SOURCES_FIRST)
			assert_false(segment(&sources, "a", COVER_FILE_STATE "x", 1, 9, -1, &refused));
		sources_bad(&sources, SLICE("\"a/0/1\""), "one");
	}
	assert_false(segment(&sources, "a", COVER_FILE_STATE "x", 9, 10, -1, &refused));
	sources_bad(&sources, SLICE("\"a/0/1\""), "one");
	assert_true(segment(&sources, "a", COVER_FILE_STATE "x", 9, 10, -1, &refused));
}

static void a_first_segment_of_bad_ones_is_enough(void **state)
{
	struct sources sources = {0};
	struct sources_refused refused;
	(void)state;
	for (int i = 0; i < SOURCES_FIRST; i++)
		sources_bad(&sources, SLICE("\"a/0/1\""), "one");
	assert_true(segment(&sources, "a", COVER_FILE_STATE "x", 1, 9, -1, &refused));
}

static void a_range_is_judged_at_the_end_of_all(void **state)
{
	struct sources sources = {0};
	struct sources_refused refused;
	struct mark mark;
	(void)state;
	sources_bad(&sources, SLICE("\"a/0/1\""), "one");
	assert_false(segment(&sources, "a", COVER_FILE_STATE "x", 1, 2, -1, &refused));
	mark_init(&mark);
	mark.end = MARK_COMPLETE;
	assert_true(sources_segment(&sources, &mark, &refused));
	mark_free(&mark);
}

static void more_sources_than_are_told_apart_excuse_all(void **state)
{
	char text[32];
	struct sources sources = {0};
	struct sources_refused refused;
	(void)state;
	for (int i = 0; i < SOURCES_MOST + 10; i++) {
		sprintf(text, "\"%d/0/1\"", i);
		sources_bad(&sources, slice_of(text), "one");
	}
	assert_false(segment(&sources, "x", COVER_FILE_STATE "x", 1, 2, 1, &refused));
	assert_false(sources_end(&sources, &refused));
}

static void a_capture_is_judged_as_a_whole(void **state)
{
	struct sources sources = {0};
	struct sources_refused refused;
	(void)state;
	sources_bad(&sources, SLICE("\"t/0/1\""), "one");
	assert_false(segment(&sources, "k", COVER_FILE_STATE "x", 1, 2, 1, &refused));
	assert_true(sources_end(&sources, &refused));
	assert_null(refused.name);
	sources_good(&sources, SLICE(""));
	assert_false(sources_end(&sources, &refused));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_file_with_only_bad_records_is_refused_at_its_end),
	    cmocka_unit_test(a_good_record_or_an_unseen_beginning_excuses_it),
	    cmocka_unit_test(names_that_begin_alike_are_told_apart),
	    cmocka_unit_test(so_many_bad_ones_are_enough),
	    cmocka_unit_test(a_first_segment_of_bad_ones_is_enough),
	    cmocka_unit_test(a_range_is_judged_at_the_end_of_all),
	    cmocka_unit_test(more_sources_than_are_told_apart_excuse_all),
	    cmocka_unit_test(a_capture_is_judged_as_a_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
