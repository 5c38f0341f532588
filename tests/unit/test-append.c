/* append, target: what files are taken for dead letters and results, and how whole lines get into them. */
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

#include "append.h"
#include "file.h"
#include "target.h"

#define LETTER   "{\"_src\":\"a/0/1\",\"_dead\":{\"stage\":\"s\",\"reason\":\"r\",\"raw\":\"\"}}\n"
#define REJECTED "{\"_src\":\"a/0/1\",\"_unsettled\":\"X\",\"amount\":1}\n"
#define BASE     "{\"_src\":\"a/0/1\",\"amount\":1,\"merchantNumber\":\"m\"}\n"

static int enter_folder(void **state)
{
	static char folder[] = "/tmp/test-append-XXXXXX";
	*state = folder;
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
	unlink("file");
	unlink("moved");
	return chdir("/") == 0 && rmdir(*state) == 0 ? 0 : -1;
}

static void put(const char *bytes, size_t n)
{
	int fd = open("file", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

static void holds(const char *path, const char *text)
{
	char got[1024] = "";
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_true(read(fd, got, sizeof got - 1) >= 0);
	close(fd);
	assert_string_equal(got, text);
}

static struct target letters(void)
{
	return (struct target){.option = "--dead-letter", .path = "file", .kind = TARGET_LETTERS};
}

static void add(struct append *append, const char *line)
{
	append_begin(append, strlen(line));
	output_bytes(&append->output, (struct slice){line, strlen(line)});
	append_end(append);
	append_sync(append);
}

static void append_one(void)
{
	struct append append;
	struct target target = letters();
	append_open(&append, &target, false, 0.1);
	add(&append, LETTER);
	append_close(&append);
}

/* The status with which a process that calls function ends; 0 when it returns. */
static int ends_with(void (*function)(void))
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (freopen("/dev/null", "w", stderr))
			function();
		exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static struct target looked_at;

static void look(void)
{
	file_look_at(&looked_at);
}

static void a_first_line_says_what_a_file_is(void **state)
{
	(void)state;
	static const char database[] = "SQLite format 3\0\x10\0\1\1", zeros[100], utf16[] = "\xff\xfe{\0}\0\n\0";
	static const struct {
		const char *bytes;
		size_t n;          /* 0: of a text */
		const char *takes; /* l: letters, j: rejects, r: records, t: the table */
	} cases[] = {
	    {LETTER, 0, "lr"},
	    {REJECTED, 0, "jr"},
	    {BASE, 0, "r"},
	    {"{}\n", 0, "r"},
	    {"{\"_mark\":{}}\n", 0, ""},
	    {"[{}]\n", 0, "r"},
	    {"[section]\n", 0, ""},
	    {"a,b\n1,2\n", 0, "rt"},
	    {"merchantNumber,count\n", 0, "r"},
	    {"some words\n", 0, ""},
	    {"# a comment\n", 0, ""},
	    {"\n" LETTER, 0, ""},
	    {"{\"a\":\n", 0, ""},
	    {"{", 0, "lj"},
	    {"{\"_sr", 0, "lj"},
	    {"{\"_src\":\"a/0/1\",\"_dead\":{\"sta", 0, "l"},
	    {"{\"_src\":\"a/0/1\",\"_key\":\"k\\\"\",\"_unsettled\":\"X", 0, "j"},
	    {"{\"_src\":\"a/0/1\",\"channel\":\"ONL", 0, ""},
	    {"{\"_src\":\"a/0/1\",\"_dead\"", 0, "l"},
	    {"{\"user\":\"x", 0, ""},
	    {"\x1f\x8b\x08", 0, ""},
	    {"\x7f"
	     "ELF",
	     0, ""},
	    {database, sizeof database, ""},
	    {utf16, sizeof utf16, ""},
	    {zeros, sizeof zeros, "lj"},
	};
	static const char kinds[] = "ljrt";
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		put(cases[i].bytes, cases[i].n ? cases[i].n : strlen(cases[i].bytes));
		for (int kind = TARGET_LETTERS; kind <= TARGET_TABLE; kind++) {
			looked_at = (struct target){"--x", "file", (enum target_kind)kind, NULL, "a,b"};
			int want = strchr(cases[i].takes, kinds[kind]) ? 0 : EX_CANTCREAT;
			if (ends_with(look) != want)
				fail_msg("case %zu, kind %c", i, kinds[kind]);
		}
	}
	looked_at = letters();
	put("", 0);
	assert_int_equal(ends_with(look), 0);
	unlink("file");
	assert_int_equal(ends_with(look), 0);
}

static void the_end_is_mended_only_of_its_own_kind(void **state)
{
	(void)state;
	static const char torn[] = LETTER "{\"_src\":\"a\0\0\0\0\0\0";
	put(torn, sizeof torn);
	assert_int_equal(ends_with(append_one), 0);
	holds("file", LETTER LETTER);
	put(LETTER, strlen(LETTER) - 1); /* lacks its line feed only */
	assert_int_equal(ends_with(append_one), 0);
	holds("file", LETTER LETTER);
	put("half a line of somebody's", 25);
	assert_int_equal(ends_with(append_one), EX_CANTCREAT);
	holds("file", "half a line of somebody's");
}

/* Opens the file of letters, which is missing. */
static void open_anew(struct append *append)
{
	struct target target = letters();
	unlink("file");
	append_open(append, &target, false, 1);
}

static void a_half_line_that_another_left_meanwhile_is_cut_off(void **state)
{
	(void)state;
	struct append append;
	open_anew(&append);
	add(&append, LETTER);
	int other = open("file", O_WRONLY | O_APPEND);
	assert_int_equal(write(other, "{\"_src\"", 7), 7);
	close(other);
	add(&append, LETTER);
	append_close(&append);
	holds("file", LETTER LETTER);
}

static void a_file_that_was_moved_away_is_made_anew(void **state)
{
	(void)state;
	struct append append;
	open_anew(&append);
	add(&append, LETTER);
	assert_int_equal(rename("file", "moved"), 0);
	add(&append, LETTER);
	holds("moved", LETTER);
	holds("file", LETTER);
	unlink("file");
	append_confine(); /* from here on by a child */
	add(&append, LETTER);
	holds("file", LETTER);
	add(&append, LETTER);
	append_close(&append);
	holds("file", LETTER LETTER);
}

static void a_lock_is_not_waited_for_longer_than_asked(void **state)
{
	(void)state;
	put(LETTER, strlen(LETTER));
	int held = open("file", O_RDWR);
	assert_int_equal(flock(held, LOCK_EX), 0);
	assert_int_equal(ends_with(append_one), EX_TEMPFAIL);
	put(BASE, strlen(BASE)); /* a foreign file's is not waited for at all */
	assert_int_equal(ends_with(append_one), EX_CANTCREAT);
	close(held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_first_line_says_what_a_file_is),
	    cmocka_unit_test(the_end_is_mended_only_of_its_own_kind),
	    cmocka_unit_test(a_half_line_that_another_left_meanwhile_is_cut_off),
	    cmocka_unit_test(a_file_that_was_moved_away_is_made_anew),
	    cmocka_unit_test(a_lock_is_not_waited_for_longer_than_asked),
	};
	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
