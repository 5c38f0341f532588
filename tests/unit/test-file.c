/* file: a new file is there whole or not at all; output: what cannot be written ends the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "file.h"

static int enter_folder(void **state)
{
	static char folder[] = "/tmp/test-file-XXXXXX";
	*state = folder;
	umask(022);
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
	DIR *folder = opendir(".");
	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (unlink(entry->d_name) != 0)
			rmdir(entry->d_name);
	closedir(folder);
	return chdir("/") == 0 && rmdir(*state) == 0 ? 0 : -1;
}

/* The status with which a process that calls function ends; 0 when it returns. */
static int ends_with(void (*function)(const char *), const char *path)
{
	int status;
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (freopen("/dev/null", "w", stderr))
			function(path);
		exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void holds(const char *path, const char *text)
{
	char got[64] = "";
	FILE *stream = fopen(path, "r");
	assert_non_null(stream);
	got[fread(got, 1, sizeof got - 1, stream)] = '\0';
	fclose(stream);
	assert_string_equal(got, text);
}

static int entries(void)
{
	int n = 0;
	DIR *folder = opendir(".");
	assert_non_null(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n - 2; /* . and .. */
}

static void write_whole(const char *path)
{
	struct file_new file;
	file_create(&file, &(struct target){.option = "--to", .path = path, .kind = TARGET_RECORDS});
	output_line(&file.output, SLICE("new"));
	file_finish(&file);
}

static void write_half(const char *path)
{
	struct file_new file;
	file_create(&file, &(struct target){.option = "--to", .path = path, .kind = TARGET_RECORDS});
	output_line(&file.output, SLICE("half"));
	output_flush(&file.output);
}

static void open_it(const char *path)
{
	close(file_open(path));
}

static void opens_files_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(ends_with(open_it, "/dev/null"), 0);
	assert_int_equal(ends_with(open_it, "missing"), EX_NOINPUT);
	assert_int_equal(ends_with(open_it, "/dev/null/below"), EX_NOINPUT);
	assert_int_equal(ends_with(open_it, "."), EX_NOINPUT);
}

static void puts_a_new_file_in_its_place(void **state)
{
	(void)state;
	struct stat status;
	int before = entries();
	write_whole("new.csv");
	holds("new.csv", "new\n");
	assert_int_equal(entries(), before + 1);
	assert_int_equal(stat("new.csv", &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	write_whole("./new.csv"); /* over the old one */
	holds("new.csv", "new\n");
	assert_int_equal(entries(), before + 1);
}

static void leaves_the_old_file_until_it_is_finished(void **state)
{
	(void)state;
	FILE *stream = fopen("old.csv", "w");
	assert_non_null(stream);
	fputs("old\n", stream);
	fclose(stream);
	int before = entries();
	struct file_new file;
	file_create(&file, &(struct target){.option = "--to", .path = "old.csv", .kind = TARGET_RECORDS});
	output_line(&file.output, SLICE("new"));
	output_flush(&file.output);
	holds("old.csv", "old\n");
	file_finish(&file);
	holds("old.csv", "new\n");
	assert_int_equal(ends_with(write_half, "old.csv"), 0); /* ends before file_finish */
	holds("old.csv", "new\n");
	assert_int_equal(entries(), before);
}

static void goes_through_a_symbolic_link(void **state)
{
	(void)state;
	struct stat status;
	write_whole("target.csv");
	assert_int_equal(symlink("target.csv", "link.csv"), 0);
	assert_int_equal(truncate("target.csv", 0), 0);
	write_whole("link.csv");
	holds("target.csv", "new\n");
	assert_int_equal(lstat("link.csv", &status), 0);
	assert_true(S_ISLNK(status.st_mode));
}

static void says_where_nothing_can_be_created(void **state)
{
	(void)state;
	int before = entries();
	assert_int_equal(ends_with(write_whole, "missing/new.csv"), EX_CANTCREAT);
	assert_int_equal(ends_with(write_whole, "."), EX_CANTCREAT);
	assert_int_equal(ends_with(write_whole, "/dev/null"), 0);
	assert_int_equal(ends_with(write_whole, "/dev/full"), EX_IOERR);
	assert_int_equal(entries(), before);
}

/* Pieces smaller than the buffer, as large, larger, in one stream. */
static void writes_pieces_of_any_size_in_order(void **state)
{
	(void)state;
	static const size_t sizes[] = {1, 0, 65536, 262143, 262144, 262145, 3, 1 << 20, 200000, 100000};
	struct output output;
	size_t total = 0;
	output_open(&output, open("pieces", O_WRONLY | O_CREAT, 0600), "pieces");
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *piece = malloc(sizes[i] + 1);
		assert_non_null(piece);
		for (size_t k = 0; k < sizes[i]; k++)
			piece[k] = (char)((total + k) % 251);
		if (i % 2) {
			memcpy(output_room(&output, sizes[i]), piece, sizes[i]);
			output_advance(&output, sizes[i]);
		} else {
			output_bytes(&output, (struct slice){piece, sizes[i]});
		}
		total += sizes[i];
		free(piece);
	}
	output_close(&output, true);
	FILE *stream = fopen("pieces", "r");
	assert_non_null(stream);
	for (size_t k = 0; k < total; k++)
		if (getc(stream) != (int)(k % 251))
			fail_msg("byte %zu is another one", k);
	assert_int_equal(getc(stream), EOF);
	fclose(stream);
}

static void write_small(const char *path)
{
	struct output output;
	output_open(&output, open(path, O_WRONLY), path);
	output_line(&output, SLICE("small"));
	output_close(&output, false);
}

static void write_large(const char *path)
{
	static char large[1 << 20];
	struct output output;
	output_open(&output, open(path, O_WRONLY), path);
	output_bytes(&output, (struct slice){large, sizeof large});
	_exit(0); /* must not be reached: nothing of it can be written */
}

static void a_full_disk_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(ends_with(write_small, "/dev/full"), EX_IOERR);
	assert_int_equal(ends_with(write_large, "/dev/full"), EX_IOERR);
	assert_int_equal(ends_with(write_small, "/dev/null"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opens_files_and_nothing_else),
	    cmocka_unit_test(puts_a_new_file_in_its_place),
	    cmocka_unit_test(leaves_the_old_file_until_it_is_finished),
	    cmocka_unit_test(goes_through_a_symbolic_link),
	    cmocka_unit_test(says_where_nothing_can_be_created),
	    cmocka_unit_test(writes_pieces_of_any_size_in_order),
	    cmocka_unit_test(a_full_disk_is_an_error),
	};
	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
