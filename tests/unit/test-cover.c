/* Cover is a set of disjoint intervals a source partition; a hole after what is known needs the operator's word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "cover.h"

static char folder[] = "/tmp/test-cover-XXXXXX";
static struct database database;

static struct mark mark_of(struct mark_range *range)
{
	return (struct mark){.ranges = range, .ranges_n = 1};
}

/* Takes [from, next) of payment/PARTITION in. */
static void take(int partition, int64_t from, int64_t next, bool allow_gap)
{
	struct mark_range range = {"payment", partition, from, next, NULL};
	struct mark mark = mark_of(&range);

	database_begin(&database);
	cover_apply(&database, &mark, allow_gap ? COVER_GAPS : 0);
	database_commit(&database);
}

/* The exit status of a child that takes a mark in; nothing is committed. */
static int status_of(struct mark *mark)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		database_begin(&database);
		cover_apply(&database, mark, 0);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int status_of_range(struct mark_range range)
{
	struct mark mark = mark_of(&range);

	return status_of(&mark);
}

static int status_of_taking(int partition, int64_t from, int64_t next)
{
	return status_of_range((struct mark_range){"payment", partition, from, next, NULL});
}

static int status_of_file(struct mark_file *file)
{
	struct mark mark = {.files = file, .files_n = 1};

	return status_of(&mark);
}

/* The intervals of payment/PARTITION as text: "0-10 20-30". */
static const char *intervals(int partition)
{
	static char text[256];
	sqlite3_stmt *all =
	    database_prepare(&database, "SELECT group_concat(lo || '-' || hi, ' ') FROM (SELECT lo, hi FROM cover"
					" WHERE source='payment' AND partition=?1 ORDER BY lo)");

	sqlite3_bind_int(all, 1, partition);
	assert_true(database_step(&database, all));
	snprintf(text, sizeof text, "%s", sqlite3_column_text(all, 0) ? (const char *)sqlite3_column_text(all, 0) : "");
	sqlite3_finalize(all);
	return text;
}

static void segments_that_touch_are_one_interval(void **state)
{
	(void)state;
	take(0, 0, 10, false);
	take(0, 10, 20, false);
	assert_string_equal(intervals(0), "0-20");
	take(0, 5, 12, false);
	assert_string_equal(intervals(0), "0-20");
	take(0, 15, 25, false);
	assert_string_equal(intervals(0), "0-25");
}

static void an_empty_range_covers_nothing(void **state)
{
	int64_t hi = -1;

	(void)state;
	take(1, 100, 100, false);
	assert_string_equal(intervals(1), "");
	assert_false(cover_high(&database, SLICE("payment"), 1, NULL, &hi));
}

static void a_hole_after_known_cover_is_refused_unless_allowed(void **state)
{
	(void)state;
	take(2, 0, 10, false);
	assert_int_equal(status_of_taking(2, 11, 20), EX_PROTOCOL);
	assert_int_equal(status_of_taking(2, 11, 11), EX_PROTOCOL);
	assert_int_equal(status_of_taking(2, 10, 20), 0);
	assert_string_equal(intervals(2), "0-10");
	take(2, 20, 30, true);
	assert_string_equal(intervals(2), "0-10 20-30");
	assert_int_equal(status_of_taking(2, 12, 15), EX_PROTOCOL);
	take(2, 40, 50, true);
	take(2, 5, 45, false);
	assert_string_equal(intervals(2), "0-50");
}

static void a_backfill_before_all_that_is_known_is_taken(void **state)
{
	int64_t hi;

	(void)state;
	take(3, 500, 600, false);
	take(3, 0, 100, false);
	assert_string_equal(intervals(3), "0-100 500-600");
	assert_true(cover_high(&database, SLICE("payment"), 3, NULL, &hi));
	assert_int_equal(hi, 600);
	take(3, 100, 500, false);
	assert_string_equal(intervals(3), "0-600");
}

static void the_greatest_offset_has_a_next(void **state)
{
	int64_t hi;

	(void)state;
	take(4, INT64_MAX - 1, INT64_MAX, false);
	assert_true(cover_high(&database, SLICE("payment"), 4, NULL, &hi));
	assert_int_equal(hi, INT64_MAX);
}

static char holes[256];

static void note_hole(void *self, struct slice source, int32_t partition, int64_t lo, int64_t hi)
{
	(void)self;
	snprintf(holes + strlen(holes), sizeof holes - strlen(holes), "%.*s/%d:%lld-%lld ", (int)source.n, source.p,
		 (int)partition, (long long)lo, (long long)hi);
}

static void holes_are_listed_by_partition(void **state)
{
	(void)state;
	database_run(&database, "DELETE FROM cover");
	take(0, 0, 10, true);
	take(0, 20, 30, true);
	take(0, 31, 32, true);
	take(1, 50, 60, true);
	assert_int_equal(cover_holes(&database, note_hole, NULL), 2);
	assert_string_equal(holes, "payment/0:10-20 payment/0:30-31 ");
}

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HASH_C "cccccccccccccccccccccccccccccccc"

/* Takes in what is said of a file. */
static void take_file(struct mark_file *file)
{
	struct mark mark = {.files = file, .files_n = 1};

	database_begin(&database);
	cover_apply(&database, &mark, 0);
	database_commit(&database);
}

static void a_finished_file_with_other_content_is_refused(void **state)
{
	struct mark_file begun = {.source = "day", .lines = -1};
	struct mark_file ended = {.source = "day", .lines = 9, .content = HASH_A};
	struct mark_file other = {.source = "day", .lines = 9, .content = HASH_B};
	struct mark_file longer = {.source = "day", .lines = 10, .content = HASH_B};
	struct mark_file grown = {.source = "day", .lines = 10, .content = HASH_B, .was = HASH_A};
	struct mark_file else_grown = {.source = "day", .lines = 10, .content = HASH_B, .was = HASH_C};
	char content[MARK_HASH];
	int64_t lines;

	(void)state;
	take_file(&begun);
	assert_false(cover_file(&database, SLICE("day"), &lines, content));
	assert_int_equal(status_of_file(&longer), 0); /* it has not ended yet: it may have grown */
	take_file(&ended);
	assert_true(cover_file(&database, SLICE("day"), &lines, content));
	assert_int_equal(lines, 9);
	assert_string_equal(content, HASH_A);
	assert_int_equal(status_of_file(&begun), 0);
	assert_int_equal(status_of_file(&ended), 0);
	assert_int_equal(status_of_file(&other), EX_PROTOCOL);
	assert_int_equal(status_of_file(&longer), EX_PROTOCOL);
	assert_int_equal(status_of_file(&grown), 0);
	assert_int_equal(status_of_file(&else_grown), EX_PROTOCOL);
}

static void first_lines_that_are_others_are_refused(void **state)
{
	struct mark_place known = {3, HASH_A}, same = {3, HASH_A}, other = {3, HASH_B}, later = {4, HASH_B};
	struct mark_file first = {.source = "begun", .lines = -1, .places = &known, .places_n = 1};
	struct mark_file again = {.source = "begun", .lines = -1, .places = &same, .places_n = 1};
	struct mark_file differs = {.source = "begun", .lines = -1, .places = &other, .places_n = 1};
	struct mark_file goes_on = {.source = "begun", .lines = -1, .places = &later, .places_n = 1};

	(void)state;
	take_file(&first);
	assert_int_equal(status_of_file(&again), 0);
	assert_int_equal(status_of_file(&differs), EX_PROTOCOL);
	assert_int_equal(status_of_file(&goes_on), 0);
}

static void where_cover_ends_the_lines_are_known_too(void **state)
{
	struct mark_range range = {"part", 0, 1, 21, COVER_FILE_STATE HASH_A};
	struct mark mark = mark_of(&range);
	struct mark_place same = {20, HASH_A}, other = {20, HASH_B};
	struct mark_file again = {.source = "part", .lines = -1, .places = &same, .places_n = 1};
	struct mark_file differs = {.source = "part", .lines = -1, .places = &other, .places_n = 1};

	(void)state;
	database_begin(&database);
	cover_apply(&database, &mark, 0);
	database_commit(&database);
	assert_int_equal(status_of_file(&again), 0);
	assert_int_equal(status_of_file(&differs), EX_PROTOCOL);
}

static void known_content_under_another_name_is_refused(void **state)
{
	struct mark_place few = {COVER_SAME / 2, HASH_B}, many = {COVER_SAME, HASH_C};
	struct mark_place first[] = {few, many};
	struct mark_file day = {.source = "x", .lines = 70, .content = "dd", .places = first, .places_n = 2};
	struct mark_file copy = {.source = "y", .lines = 70, .content = "dd"};
	struct mark_file shorter = {.source = "y", .lines = -1, .places = &few, .places_n = 1};
	struct mark_file edition = {.source = "y", .lines = 71, .content = "ee", .places = &many, .places_n = 1};
	struct mark_file empty = {.source = "e1", .lines = 0, .content = "00"};
	struct mark_file empty_too = {.source = "e2", .lines = 0, .content = "00"};

	(void)state;
	take_file(&day);
	assert_int_equal(status_of_file(&day), 0);
	assert_int_equal(status_of_file(&copy), EX_PROTOCOL);
	assert_int_equal(status_of_file(&shorter), 0);
	assert_int_equal(status_of_file(&edition), EX_PROTOCOL);
	copy.twice = edition.twice = true;
	assert_int_equal(status_of_file(&copy), 0);
	assert_int_equal(status_of_file(&edition), 0);
	take_file(&copy);
	assert_int_equal(status_of_file(&day), 0); /* it goes on under its own name */
	take_file(&empty);
	assert_int_equal(status_of_file(&empty_too), 0);
}

static void a_file_and_a_topic_of_one_name_are_refused(void **state)
{
	struct mark_range file = {"either", 0, 1, 11, COVER_FILE_STATE HASH_A};
	struct mark_range topic = {"either", 0, 11, 12, "10:0123456789abcdef"};
	struct mark_range more = {"either", 0, 11, 12, COVER_FILE_STATE HASH_B};
	struct mark mark = mark_of(&file);

	(void)state;
	database_begin(&database);
	cover_apply(&database, &mark, 0);
	database_commit(&database);
	assert_int_equal(status_of_range(topic), EX_PROTOCOL);
	assert_int_equal(status_of_range(more), 0);
}

static void a_finished_file_has_no_more_lines(void **state)
{
	struct mark_file ended = {.source = "whole", .lines = 9, .content = HASH_A, .twice = true};
	struct mark_range within = {"whole", 0, 1, 10, COVER_FILE_STATE HASH_A};
	struct mark_range beyond = {"whole", 0, 1, 11, COVER_FILE_STATE HASH_B};

	(void)state;
	take_file(&ended);
	assert_int_equal(status_of_range(within), 0);
	assert_int_equal(status_of_range(beyond), EX_PROTOCOL);
}

static int open_database(void **state)
{
	(void)state;
	if (!mkdtemp(folder) || chdir(folder) < 0)
		return -1;
	database_open(&database, "cover.db", DATABASE_STORE, cover_schema, 0, 1024);
	return 0;
}

static int remove_database(void **state)
{
	char command[64];

	(void)state;
	database_close(&database);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return chdir("/") || system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(segments_that_touch_are_one_interval),
	    cmocka_unit_test(an_empty_range_covers_nothing),
	    cmocka_unit_test(a_hole_after_known_cover_is_refused_unless_allowed),
	    cmocka_unit_test(a_backfill_before_all_that_is_known_is_taken),
	    cmocka_unit_test(the_greatest_offset_has_a_next),
	    cmocka_unit_test(holes_are_listed_by_partition),
	    cmocka_unit_test(a_finished_file_with_other_content_is_refused),
	    cmocka_unit_test(first_lines_that_are_others_are_refused),
	    cmocka_unit_test(where_cover_ends_the_lines_are_known_too),
	    cmocka_unit_test(known_content_under_another_name_is_refused),
	    cmocka_unit_test(a_file_and_a_topic_of_one_name_are_refused),
	    cmocka_unit_test(a_finished_file_has_no_more_lines),
	};
	return cmocka_run_group_tests(tests, open_database, remove_database);
}
