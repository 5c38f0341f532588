/* A database is made once, written by one program at a time, and refuses what it does not know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "database.h"

static const char schema[] = "CREATE TABLE t (a TEXT NOT NULL, b INTEGER) STRICT";
static char folder[] = "/tmp/test-database-XXXXXX";

/* Runs a function in a process of its own; returns its exit status. */
static int status_of(void (*run)(void *), void *argument)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, STDERR_FILENO);
		run(argument);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void open_store(void *path)
{
	struct database database;

	database_open(&database, path, DATABASE_STORE, schema, 0.1, 1024);
	database_close(&database);
}

static void open_totals(void *path)
{
	struct database database;

	database_open(&database, path, DATABASE_TOTALS, schema, 0.1, 1024);
}

static void read_store(void *path)
{
	struct database database;

	database_open_read(&database, path, DATABASE_STORE);
	database_close(&database);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int64_t count(struct database *database)
{
	sqlite3_stmt *statement = database_prepare(database, "SELECT count(*) FROM t");

	assert_true(database_step(database, statement));
	int64_t n = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return n;
}

static void a_new_file_is_private_and_holds_what_was_committed(void **state)
{
	(void)state;
	struct database database;
	struct stat st;

	umask(0);
	database_open(&database, "new.db", DATABASE_STORE, schema, 0, 1024);
	assert_int_equal(stat("new.db", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat("new.db-wal", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	database_begin(&database);
	sqlite3_stmt *add = database_prepare(&database, "INSERT INTO t VALUES (?1, 1)");
	database_bind(&database, add, 1, (struct slice){NULL, 0});
	assert_int_equal(database_do(&database, add), 1);
	database_bind(&database, add, 1, SLICE("x\0y"));
	assert_int_equal(database_do(&database, add), 1);
	database_commit(&database);
	database_begin(&database);
	assert_int_equal(database_do(&database, add), 1);
	database_close(&database); /* not committed */

	database_open_read(&database, "new.db", DATABASE_STORE);
	assert_int_equal(count(&database), 2);
	database_close(&database);
}

static void crash(void *path)
{
	struct database database;

	database_open(&database, path, DATABASE_STORE, schema, 0, 1024);
	database_run(&database, "BEGIN IMMEDIATE; INSERT INTO t VALUES ('kept', 1); COMMIT");
	database_run(&database, "BEGIN IMMEDIATE; INSERT INTO t VALUES ('lost', 1)");
	_exit(3);
}

static void what_was_committed_outlives_the_process_and_so_does_not_its_lock(void **state)
{
	(void)state;
	struct database database;

	assert_int_equal(status_of(crash, "crash.db"), 3);
	database_open(&database, "crash.db", DATABASE_STORE, schema, 0, 1024);
	assert_int_equal(count(&database), 1);
	database_close(&database);
}

static void a_second_writer_waits_and_then_gives_up(void **state)
{
	(void)state;
	struct database database;

	database_open(&database, "one.db", DATABASE_STORE, schema, 0, 1024);
	assert_int_equal(status_of(open_store, "one.db"), EX_TEMPFAIL);
	assert_int_equal(status_of(read_store, "one.db"), 0);
	database_close(&database);
	assert_int_equal(status_of(open_store, "one.db"), 0);
}

static void another_descriptor_of_the_file_does_not_free_the_lock(void **state)
{
	(void)state;
	struct database database;

	database_open(&database, "locked.db", DATABASE_STORE, schema, 0, 1024);
	int fd = open("locked.db", O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	close(fd);
	assert_int_equal(status_of(open_store, "locked.db"), EX_TEMPFAIL);
	database_close(&database);
}

static void other_kinds_versions_and_files_are_refused(void **state)
{
	(void)state;
	struct database database;

	assert_int_equal(status_of(open_store, "kind.db"), 0);
	assert_int_equal(status_of(open_totals, "kind.db"), EX_CONFIG);
	database_open(&database, "kind.db", DATABASE_STORE, schema, 0, 1024);
	database_run(&database, "PRAGMA user_version=7");
	database_close(&database);
	assert_int_equal(status_of(open_store, "kind.db"), EX_CONFIG);
	assert_int_equal(status_of(read_store, "kind.db"), EX_CONFIG);

	sqlite3 *db;
	assert_int_equal(sqlite3_open("foreign.db", &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE x (y)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(status_of(open_store, "foreign.db"), EX_CONFIG);

	write_text("text.db", "paymentType,amount\nONLINE,12\n");
	assert_int_equal(status_of(open_store, "text.db"), EX_DATAERR);
	assert_int_equal(status_of(read_store, "text.db"), EX_DATAERR);
	mkdir("folder", 0700);
	assert_int_equal(status_of(open_store, "folder"), EX_NOINPUT);
	assert_int_equal(status_of(read_store, "folder"), EX_NOINPUT);
	assert_int_equal(status_of(read_store, "missing.db"), EX_NOINPUT);
	assert_int_equal(status_of(open_store, "missing/x.db"), EX_CANTCREAT);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(status_of(open_store, "fifo"), EX_NOINPUT);
}

static void a_link_to_a_database_is_followed_and_a_dangling_one_is_not(void **state)
{
	(void)state;
	assert_int_equal(status_of(open_store, "real.db"), 0);
	assert_int_equal(symlink("real.db", "link.db"), 0);
	assert_int_equal(status_of(open_store, "link.db"), 0);
	assert_int_equal(symlink("nowhere.db", "dangling.db"), 0);
	assert_int_equal(status_of(open_store, "dangling.db"), EX_CANTCREAT);
	assert_int_equal(access("nowhere.db", F_OK), -1);
}

static void an_empty_file_becomes_a_database(void **state)
{
	(void)state;
	struct database database;

	write_text("empty.db", "");
	assert_false(database_open_cover(&database, "empty.db"));
	assert_false(database_open_cover(&database, "none.db"));
	assert_int_equal(status_of(read_store, "empty.db"), EX_NOINPUT);
	assert_int_equal(status_of(open_store, "empty.db"), 0);
	assert_true(database_open_cover(&database, "empty.db"));
	database_close(&database);
}

static void names_that_sqlite_reads_otherwise_are_plain_files(void **state)
{
	(void)state;
	assert_int_equal(status_of(open_store, ":memory:"), 0);
	assert_int_equal(access(":memory:", F_OK), 0);
	assert_int_equal(status_of(open_store, "file:a?mode=memory"), 0);
	assert_int_equal(access("file:a?mode=memory", F_OK), 0);
}

/* Asks again and again until the file holds a database. */
static void read_cover(void *path)
{
	struct database database;

	while (!database_open_cover(&database, path))
		;
	database_close(&database);
}

static void a_reader_beside_a_file_that_is_being_made_finds_nothing_or_all_of_it(void **state)
{
	(void)state;
	for (int round = 0; round < 60; round++) {
		char path[64];
		int status;

		snprintf(path, sizeof path, "%s/made-%d.db", folder, round);
		pid_t writer = fork();
		if (writer == 0) {
			open_store(path);
			_exit(0);
		}
		assert_int_equal(status_of(read_cover, path), 0);
		assert_int_equal(waitpid(writer, &status, 0), writer);
		assert_int_equal(status, 0);
	}
}

static void the_log_stays_short_over_many_commits(void **state)
{
	(void)state;
	struct database database;
	struct stat st;

	database_open(&database, "log.db", DATABASE_STORE, schema, 0, 1024);
	sqlite3_stmt *add = database_prepare(&database, "INSERT INTO t VALUES (hex(zeroblob(2000000)), 1)");
	for (int i = 0; i < 20; i++) {
		database_begin(&database);
		database_do(&database, add);
		database_commit(&database);
	}
	assert_int_equal(stat("log.db-wal", &st), 0);
	assert_true(st.st_size < 40 << 20);
	database_close(&database);
	assert_int_equal(stat("log.db-wal", &st), -1);
}

/* Commits whose disk is not waited for are there for others at once, and are asked after before the next begins. */
static void commits_are_synced_beside(void **state)
{
	(void)state;
	struct database database, other;
	struct stat st;

	database_open(&database, "beside.db", DATABASE_STORE, schema, 0.1, 1024);
	assert_true(database_durable(&database, false)); /* it waits for its own */
	database_sync_beside(&database);
	sqlite3_stmt *add = database_prepare(&database, "INSERT INTO t VALUES (hex(zeroblob(50000)), 1)");
	for (int i = 0; i < 500; i++) {
		database_begin(&database);
		database_do(&database, add);
		database_commit(&database);
		if (i % 3 == 0)
			assert_true(database_durable(&database, true));
	}
	/* The log is copied back in time here too. */
	assert_int_equal(stat("beside.db-wal", &st), 0);
	assert_true(st.st_size < 40 << 20);
	database_open_read(&other, "beside.db", DATABASE_STORE);
	sqlite3_stmt *count = database_prepare(&other, "SELECT count(*) FROM t");
	assert_true(database_step(&other, count));
	assert_int_equal(sqlite3_column_int(count, 0), 500);
	sqlite3_reset(count);
	database_sync_seen(&other);
	database_close(&other);
	/* A statement that commits by itself waits. */
	database_run(&database, "DELETE FROM t");
	assert_true(database_durable(&database, true));
	database_close(&database);
	assert_int_equal(stat("beside.db-wal", &st), -1);
	/* So too in a file that another program keeps without a log. */
	sqlite3 *db;
	assert_int_equal(sqlite3_open("beside.db", &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	database_open(&database, "beside.db", DATABASE_STORE, schema, 0.1, 1024);
	database_sync_beside(&database);
	database_close(&database);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? chdir(folder) : -1;
}

static int remove_folder(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return chdir("/") || system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_new_file_is_private_and_holds_what_was_committed),
	    cmocka_unit_test(what_was_committed_outlives_the_process_and_so_does_not_its_lock),
	    cmocka_unit_test(a_second_writer_waits_and_then_gives_up),
	    cmocka_unit_test(another_descriptor_of_the_file_does_not_free_the_lock),
	    cmocka_unit_test(other_kinds_versions_and_files_are_refused),
	    cmocka_unit_test(a_link_to_a_database_is_followed_and_a_dangling_one_is_not),
	    cmocka_unit_test(an_empty_file_becomes_a_database),
	    cmocka_unit_test(names_that_sqlite_reads_otherwise_are_plain_files),
	    cmocka_unit_test(a_reader_beside_a_file_that_is_being_made_finds_nothing_or_all_of_it),
	    cmocka_unit_test(the_log_stays_short_over_many_commits),
	    cmocka_unit_test(commits_are_synced_beside),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
