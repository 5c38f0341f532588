/* measure: runs a command and appends what it took to a file, as `seconds cpu-seconds peak-KiB`: time on the clock,
 * processor time of user and system, and the greatest resident set (getrusage(2)), of the command and the children it
 * waited for.
 *
 *   measure FILE COMMAND [ARGUMENT]...
 *
 * Ends with the command's status, or 128 and its signal. A program's peak begins at that of the one it replaces, so
 * this one is small. */
#include "fail.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct timespec start, end;
	struct rusage used;
	int status;

	fail_name("measure");
	if (argc < 3)
		fail(EX_USAGE, "usage: measure FILE COMMAND [ARGUMENT]...");
	FILE *to = fopen(argv[1], "ae");
	if (!to)
		fail(fail_status(errno, EX_CANTCREAT), "%s:", argv[1]);
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid_t child = vfork();
	if (child < 0)
		fail(EX_OSERR, "vfork:");
	if (child == 0) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	while (wait4(child, &status, 0, &used) < 0)
		if (errno != EINTR)
			fail(EX_OSERR, "wait4:");
	clock_gettime(CLOCK_MONOTONIC, &end);
	fprintf(to, "%.3f %.3f %ld\n",
		(double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9,
		seconds(used.ru_utime) + seconds(used.ru_stime), used.ru_maxrss);
	if (fclose(to) != 0)
		fail(EX_IOERR, "%s:", argv[1]);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
