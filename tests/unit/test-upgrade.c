/* Steps from an older version: all in one transaction, or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "upgrade.h"

static char path[] = "/tmp/test-upgrade.XXXXXX";

/* A store of a version that holds nothing. */
static void make_store(int version)
{
	struct database database;
	char sql[64];

	database_open(&database, path, DATABASE_STORE, "CREATE TABLE first (a)", 1, 100);
	snprintf(sql, sizeof sql, "PRAGMA user_version=%d", version);
	database_run(&database, sql);
	database_close(&database);
}

/* The exit status of bringing it up by these steps. */
static int status_of(const struct upgrade_step *steps)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, 1);
		dup2(null, 2);
		upgrade(path, DATABASE_STORE, steps, 1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Its version, and how many tables it has: 10 * version + tables. */
static int64_t found(void)
{
	struct database database;

	database_open_any(&database, path);
	int64_t is = 10 * database_version(&database) + database_ask(&database, "SELECT count(*) FROM sqlite_schema");
	database_close(&database);
	return is;
}

static int begin(void **state)
{
	(void)state;
	strcpy(path + sizeof path - 7, "XXXXXX");
	int fd = mkstemp(path);
	close(fd);
	return fd < 0;
}

static int end(void **state)
{
	static const char *const beside[] = {"-wal", "-shm"};
	char name[sizeof path + 8];

	(void)state;
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof name, "%s%s", path, beside[i]);
		unlink(name);
	}
	return unlink(path);
}

static const struct upgrade_step before = {DATABASE_STORE_VERSION - 2, "CREATE TABLE too_old (a)"};
static const struct upgrade_step second = {DATABASE_STORE_VERSION - 1, "CREATE TABLE second (a)"};
static const struct upgrade_step third = {DATABASE_STORE_VERSION - 1, "CREATE TABLE third (a)"};
static const struct upgrade_step broken = {DATABASE_STORE_VERSION - 1, "CREATE TABLE first (a)"};

static void steps_of_its_version_are_taken_in_turn_and_no_older_ones(void **state)
{
	(void)state;
	make_store(DATABASE_STORE_VERSION - 1);
	assert_int_equal(status_of((struct upgrade_step[]){before, second, third, {0}}), 0);
	assert_int_equal(found(), 10 * DATABASE_STORE_VERSION + 3);
	assert_int_equal(status_of((struct upgrade_step[]){before, second, third, {0}}), 0); /* once */
	assert_int_equal(found(), 10 * DATABASE_STORE_VERSION + 3);
}

static void a_step_that_fails_undoes_those_before_it(void **state)
{
	(void)state;
	make_store(DATABASE_STORE_VERSION - 1);
	assert_int_not_equal(status_of((struct upgrade_step[]){second, broken, {0}}), 0);
	assert_int_equal(found(), 10 * (DATABASE_STORE_VERSION - 1) + 1);
}

static void other_versions_and_kinds_are_left_alone(void **state)
{
	static const int versions[] = {DATABASE_STORE_OLDEST - 1, DATABASE_STORE_VERSION + 1};
	struct database database;
	char sql[64];

	(void)state;
	make_store(DATABASE_STORE_VERSION);
	for (int i = 0; i < 2; i++) {
		database_open_old(&database, path, DATABASE_STORE, 1, 100);
		snprintf(sql, sizeof sql, "PRAGMA user_version=%d", versions[i]);
		database_run(&database, sql);
		database_close(&database);
		assert_int_equal(status_of((struct upgrade_step[]){before, second, {0}}), EX_CONFIG);
		assert_int_equal(found(), 10 * versions[i] + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(steps_of_its_version_are_taken_in_turn_and_no_older_ones, begin, end),
	    cmocka_unit_test_setup_teardown(a_step_that_fails_undoes_those_before_it, begin, end),
	    cmocka_unit_test_setup_teardown(other_versions_and_kinds_are_left_alone, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
