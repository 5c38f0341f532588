/* first: how long a command takes from its start until its first line can be read, in milliseconds; what ends without
 * a line is timed to its end.
 *
 *   first COMMAND [ARGUMENT]... */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec start, end;
	char block[65536];
	int ends[2];
	ssize_t n;

	if (argc < 2)
		errx(EX_USAGE, "usage: first COMMAND [ARGUMENT]...");
	if (pipe(ends) != 0)
		err(EX_OSERR, "pipe");
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid_t child = vfork();
	if (child < 0)
		err(EX_OSERR, "vfork");
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	close(ends[1]);
	do
		n = read(ends[0], block, sizeof block);
	while (n > 0 && !memchr(block, '\n', (size_t)n));
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.3f\n", (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6);
	while (read(ends[0], block, sizeof block) > 0)
		;
	waitpid(child, NULL, 0);
	return 0;
}
