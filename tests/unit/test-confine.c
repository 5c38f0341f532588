/* confine: what is needed still works, anything else ends the process by SIGSYS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"
#include "output.h"

#undef fail /* cmocka's; ours is of that name */
#include "fail.h"

enum { NO_FILTER = 77 };

/* How a confined process ends that calls function and then exit(0): as wait(2) has it. */
static int ends(void (*function)(void))
{
	int status;
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (!confine())
			_exit(NO_FILTER);
		function();
		exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTER) {
		print_message("no filter in this build or on this machine\n");
		skip();
	}
	return status;
}

static void opens(void)
{
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
		_exit(1);
}

static void changes(void)
{
	(void)!open("/etc/passwd", O_RDWR);
}

static void overwrites(void)
{
	(void)!open("/etc/passwd", O_TRUNC);
}

static void makes(void)
{
	(void)!open("made", O_WRONLY | O_CREAT, 0600);
}

static void connects(void)
{
	(void)!socket(AF_INET, SOCK_STREAM, 0);
}

static void forks(void)
{
	(void)!fork();
}

static void runs(void)
{
	execl("/bin/true", "true", (char *)NULL);
}

static void removes(void)
{
	unlink("made");
}

static void kills(void)
{
	kill(getppid(), 0);
}

static void runs_memory(void)
{
	(void)!mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void makes_memory_run(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static void types_for_the_terminal(void)
{
	char c = 'x';
	ioctl(0, TIOCSTI, &c);
}

static void ends_what_is_not_needed(void **state)
{
	(void)state;
	void (*const bad[])(void) = {changes,
				     overwrites,
				     makes,
				     connects,
				     forks,
				     runs,
				     removes,
				     kills,
				     runs_memory,
				     makes_memory_run,
				     types_for_the_terminal};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int status = ends(bad[i]);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			print_error("call %zu is let through: %x\n", i, status);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	}
}

static void works(void)
{
	struct output output;
	char *p = malloc(64 << 20);
	for (size_t i = 0; i < 64 << 20; i += 4096)
		p[i] = 1;
	p = realloc(p, 128 << 20);
	free(p);
	output_open(&output, STDERR_FILENO, "standard error");
	output_close(&output, true);
}

static void complains(void)
{
	fail(EX_DATAERR, "a message, and the text of an error:");
}

static void aborts(void)
{
	abort();
}

static void lets_the_rest_work(void **state)
{
	(void)state;
	assert_int_equal(ends(complains), EX_DATAERR << 8);
	int status = ends(aborts);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_int_equal(ends(works), 0);
	assert_int_equal(ends(opens), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ends_what_is_not_needed),
	    cmocka_unit_test(lets_the_rest_work),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
