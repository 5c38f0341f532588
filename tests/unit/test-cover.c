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
	cover_apply(&database, &mark, allow_gap);
	database_commit(&database);
}

/* The exit status of taking [from, next) in; nothing is committed. */
static int status_of_taking(int partition, int64_t from, int64_t next)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct mark_range range = {"payment", partition, from, next, NULL};
		struct mark mark = mark_of(&range);

		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		database_begin(&database);
		cover_apply(&database, &mark, false);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int status_of_file(const struct mark_file *file)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct mark mark = {.files = (struct mark_file *)file, .files_n = 1};

		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		cover_check_files(&database, &mark);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
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

static void a_finished_file_with_other_content_is_refused(void **state)
{
	struct mark_file begun = {.source = "day.ndjson", .size = 100, .sample = "aa"};
	struct mark_file ended = {.source = "day.ndjson", .size = -1, .content = "cc"};
	struct mark_file longer = {.source = "day.ndjson", .size = 101, .sample = "ab"};
	struct mark_file other = {.source = "day.ndjson", .size = -1, .content = "dd"};
	struct mark_file elsewhere = {.source = "night.ndjson", .size = 101, .sample = "ab"};
	struct mark mark = {.files = &begun, .files_n = 1};
	struct mark_file known;

	(void)state;
	database_begin(&database);
	cover_apply(&database, &mark, false);
	assert_false(cover_file(&database, SLICE("day.ndjson"), &known));
	assert_int_equal(status_of_file(&longer), 0); /* it has not ended yet: it may have grown */
	mark.files = &ended;
	cover_apply(&database, &mark, false);
	database_commit(&database);

	assert_true(cover_file(&database, SLICE("day.ndjson"), &known));
	assert_int_equal(known.size, 100);
	assert_string_equal(known.sample, "aa");
	assert_string_equal(known.content, "cc");
	assert_int_equal(status_of_file(&begun), 0);
	assert_int_equal(status_of_file(&ended), 0);
	assert_int_equal(status_of_file(&longer), EX_PROTOCOL);
	assert_int_equal(status_of_file(&other), EX_PROTOCOL);
	assert_int_equal(status_of_file(&elsewhere), 0);
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
	};
	return cmocka_run_group_tests(tests, open_database, remove_database);
}
