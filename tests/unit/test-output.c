/* output: large writes, by a thread of its own too, and not before a gate opens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "output.h"
#include "writer.h"

enum { LINE = 1000, BUFFER = 256 << 10 };

/* A gate that opens when it is waited for, or when it was told to. */
struct gate {
	bool open, waited;
	int asked;
};

static bool pass(void *self, bool wait)
{
	struct gate *gate = self;

	gate->asked++;
	gate->waited |= wait;
	return gate->open || wait;
}

static off_t size_of(const struct output *output)
{
	struct stat status;

	assert_int_equal(fstat(output->fd, &status), 0);
	return status.st_size;
}

/* n lines of a letter, by room and by bytes in turn. */
static void put(struct output *output, char letter, int n)
{
	static char line[LINE];

	memset(line, letter, sizeof line);
	for (int i = 0; i < n; i++) {
		if (i % 2) {
			output_bytes(output, (struct slice){line, sizeof line});
			continue;
		}
		memcpy(output_room(output, sizeof line), line, sizeof line);
		output_advance(output, sizeof line);
	}
}

/* What is in the file from an offset on: so many lines of a letter. */
static void holds(int fd, off_t at, char letter, int n)
{
	char line[LINE];

	for (int i = 0; i < n; i++) {
		assert_int_equal(pread(fd, line, sizeof line, at + (off_t)i * LINE), LINE);
		for (int k = 0; k < LINE; k++)
			assert_int_equal(line[k], letter);
	}
}

static FILE *open_file(struct output *output, bool beside)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	output_open(output, dup(fileno(file)), "a temporary file");
	if (beside)
		output_beside(output);
	return file;
}

static void all_is_written_in_order(bool beside)
{
	struct output output;
	FILE *file = open_file(&output, beside);
	char *long_line = malloc(3 * BUFFER);

	assert_non_null(long_line);
	memset(long_line, 'l', 3 * BUFFER);
	put(&output, 'a', 3000);
	output_bytes(&output, (struct slice){long_line, 3 * BUFFER});
	put(&output, 'b', 3000);
	memcpy(output_room(&output, 2 * BUFFER), long_line, 2 * BUFFER);
	output_advance(&output, 2 * BUFFER);
	put(&output, 'c', 3000);
	output_flush(&output);
	assert_true(output_wait(&output));
	assert_int_equal(size_of(&output), 9000 * LINE + 5 * BUFFER);
	put(&output, 'd', 1);
	output_close(&output, true);
	holds(fileno(file), 0, 'a', 3000);
	holds(fileno(file), 3000 * LINE + 3 * BUFFER, 'b', 3000);
	holds(fileno(file), 6000 * LINE + 5 * BUFFER, 'c', 3000);
	holds(fileno(file), 9000 * LINE + 5 * BUFFER, 'd', 1);
	assert_int_equal(lseek(fileno(file), 0, SEEK_END), 9001 * LINE + 5 * BUFFER);
	free(long_line);
	fclose(file);
}

static void the_caller_writes(void **state)
{
	(void)state;
	all_is_written_in_order(false);
}

static void a_thread_writes(void **state)
{
	(void)state;
	all_is_written_in_order(true);
}

static void behind_a_gate_output_is_kept(void **state)
{
	(void)state;
	struct output output;
	struct gate gate = {0};
	FILE *file = open_file(&output, true);

	put(&output, 'a', 1);
	output_flush(&output);
	output_gate(&output, pass, &gate);
	assert_true(output_wait(&output));
	assert_int_equal(size_of(&output), LINE); /* what was flushed before goes its way */
	assert_false(output_ready(&output));

	/* Some buffers full: none is written, and the gate is not asked at every line. */
	put(&output, 'b', 1500);
	assert_true(output_wait(&output));
	assert_int_equal(size_of(&output), LINE);
	assert_in_range(gate.asked, 3, 8);
	assert_false(gate.waited);
	gate.open = true;
	assert_true(output_ready(&output)); /* lets go of full buffers */
	assert_true(output_wait(&output));
	assert_in_range(size_of(&output), 1000 * LINE, 1501 * LINE);
	output_flush(&output);
	assert_true(output_wait(&output));
	assert_int_equal(size_of(&output), 1501 * LINE);

	/* More than can be kept: it is waited for. */
	gate = (struct gate){0};
	output_gate(&output, pass, &gate);
	put(&output, 'c', 6000);
	assert_true(gate.waited);

	/* And at a flush, and for a line that fits no buffer. */
	gate = (struct gate){0};
	output_gate(&output, pass, &gate);
	put(&output, 'd', 1);
	output_flush(&output);
	assert_true(gate.waited);
	gate = (struct gate){0};
	output_gate(&output, pass, &gate);
	char *long_line = calloc(1, 2 * BUFFER);
	assert_non_null(long_line);
	output_bytes(&output, (struct slice){long_line, 2 * BUFFER});
	assert_true(gate.waited);
	free(long_line);
	output_close(&output, false);
	holds(fileno(file), 0, 'a', 1);
	holds(fileno(file), LINE, 'b', 1500);
	holds(fileno(file), 1501 * LINE, 'c', 6000);
	holds(fileno(file), 7501 * LINE, 'd', 1);
	assert_int_equal(lseek(fileno(file), 0, SEEK_END), 7502 * LINE + 2 * BUFFER);
	fclose(file);
}

/* What is urgent goes when the gate opens, and what came behind it stays. */
static void what_is_urgent_goes_alone(void **state)
{
	for (int beside = 0; beside < 2; beside++) {
		struct output output;
		struct gate gate = {0};
		FILE *file = open_file(&output, beside);

		(void)state;
		output_hurry(&output); /* nothing is */
		for (int i = 0; i < 50; i++) {
			gate = (struct gate){0};
			put(&output, 'u', 1);
			output_gate(&output, pass, &gate);
			assert_int_equal(size_of(&output), i * 5 * LINE);
			put(&output, 'r', 4);
			output_hurry(&output);
			assert_true(gate.waited);
			assert_true(output_wait(&output));
			assert_int_equal(size_of(&output), (i * 5 + 1) * LINE);
			output_hurry(&output);
			assert_true(output_wait(&output));
			assert_int_equal(size_of(&output), (i * 5 + 1) * LINE);
			output_flush(&output);
			assert_true(output_wait(&output));
			holds(fileno(file), i * 5 * LINE, 'u', 1);
			holds(fileno(file), (i * 5 + 1) * LINE, 'r', 4);
		}
		/* It was given to the thread with what came behind it, and is kept back there. */
		if (beside) {
			gate = (struct gate){0};
			put(&output, 'u', 1);
			output_gate(&output, pass, &gate);
			put(&output, 'r', 299);
			assert_true(output_wait(&output));
			assert_int_equal(size_of(&output), 250 * LINE);
			output_hurry(&output);
			assert_true(output_wait(&output));
			assert_in_range(size_of(&output), 500 * LINE, 549 * LINE);
			output_flush(&output);
			assert_true(output_wait(&output));
			assert_int_equal(ftruncate(output.fd, 250 * LINE), 0);
			lseek(output.fd, 250 * LINE, SEEK_SET);
		}
		/* It has gone with what came behind it. */
		put(&output, 'u', 1);
		output_gate(&output, pass, &gate);
		put(&output, 'r', 1);
		gate.open = true;
		assert_true(output_ready(&output));
		put(&output, 'r', 600);
		assert_true(output_wait(&output));
		assert_true(size_of(&output) > 250 * LINE);
		output_hurry(&output);
		output_close(&output, false);
		holds(fileno(file), 250 * LINE, 'u', 1);
		holds(fileno(file), 251 * LINE, 'r', 601);
		fclose(file);
	}
}

/* Without a thread there is nowhere to keep more than a buffer. */
static void behind_a_gate_the_caller_waits_where_it_writes(void **state)
{
	(void)state;
	struct output output;
	struct gate gate = {0};
	FILE *file = open_file(&output, false);

	output_gate(&output, pass, &gate);
	put(&output, 'a', 100);
	assert_false(gate.waited);
	put(&output, 'a', 200);
	assert_true(gate.waited);
	output_close(&output, false);
	holds(fileno(file), 0, 'a', 300);
	fclose(file);
}

/* A reader that is slow: the writer does not wait for it before its buffers are all full. */
static void what_is_written_beside_does_not_wait_for_the_reader(void **state)
{
	(void)state;
	struct output output;
	int ends[2];
	char bytes[4096];

	assert_int_equal(pipe(ends), 0);
	output_open(&output, ends[1], "a pipe");
	output_beside(&output);
	put(&output, 'p', 2500); /* a pipe takes 1 MiB at most */
	pid_t child = fork();
	if (child == 0) {
		/* Reads from here on; not what the parent's thread writes to, but from where it is read. */
		close(ends[1]);
		while (read(ends[0], bytes, sizeof bytes) > 0) {
			/* until the end */
		}
		_exit(0);
	}
	close(ends[0]);
	put(&output, 'p', 6000);
	output_close(&output, false);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Runs a function in a process of its own, with its messages thrown away. */
static int status_of(void (*run)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void write_to_full(void)
{
	struct output output;

	output_open(&output, open("/dev/full", O_WRONLY), "a full disk");
	output_beside(&output);
	put(&output, 'f', 10000);
}

static void close_on_full(void)
{
	struct output output;

	output_open(&output, open("/dev/full", O_WRONLY), "a full disk");
	output_beside(&output);
	put(&output, 'f', 1);
	output_close(&output, false);
}

static void write_to_nobody(void)
{
	struct output output;
	int ends[2];

	if (pipe(ends) != 0)
		_exit(99);
	close(ends[0]);
	output_open(&output, ends[1], "a pipe");
	output_beside(&output);
	put(&output, 'n', 1);
	output_flush(&output);
	output_wait(&output);
}

static void what_cannot_be_written_beside_ends_the_program(void **state)
{
	(void)state;
	int status = status_of(write_to_full);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EX_IOERR);
	status = status_of(close_on_full);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EX_IOERR);
	status = status_of(write_to_nobody);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPIPE);
}

static void without_a_thread_the_giver_writes(void **state)
{
	(void)state;
	FILE *file = tmpfile();
	assert_non_null(file);
	/* As where no thread was to be had. */
	struct writer writer = {
	    .fd = fileno(file), .size = LINE, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	char *bytes = malloc(LINE);
	assert_non_null(bytes);
	for (int i = 0; i < 100; i++) {
		memset(bytes, 'w', LINE);
		bool hold = i % 7 != 0 && !writer_full(&writer);
		bytes = writer_give(&writer, bytes, LINE, hold);
		assert_non_null(bytes);
	}
	writer_release(&writer);
	free(bytes);
	assert_int_equal(writer_close(&writer), 0);
	holds(fileno(file), 0, 'w', 100);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_caller_writes),
	    cmocka_unit_test(a_thread_writes),
	    cmocka_unit_test(behind_a_gate_output_is_kept),
	    cmocka_unit_test(what_is_urgent_goes_alone),
	    cmocka_unit_test(behind_a_gate_the_caller_waits_where_it_writes),
	    cmocka_unit_test(what_is_written_beside_does_not_wait_for_the_reader),
	    cmocka_unit_test(without_a_thread_the_giver_writes),
	    cmocka_unit_test(what_cannot_be_written_beside_ends_the_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
