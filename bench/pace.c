/* pace: reads standard input, and at each million lines says how many there were and the seconds since the start.
 *
 *   pace [LINES]     (1000000) */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 1 << 18 };

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	unsigned long long step = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000, lines = 0;
	char *block = malloc(BLOCK);
	double start = now();
	ssize_t n;

	if (!block)
		err(EX_OSERR, "malloc");
	if (step == 0)
		errx(EX_USAGE, "\"%s\" is not a number of lines", argv[1]);
	while ((n = read(STDIN_FILENO, block, BLOCK)) > 0) {
		const char *end = block + n;
		for (const char *p = block; (p = memchr(p, '\n', (size_t)(end - p))); p++)
			if (++lines % step == 0)
				printf("%llu\t%.3f\n", lines, now() - start);
	}
	if (n < 0)
		err(EX_IOERR, "standard input");
	if (lines % step != 0)
		printf("%llu\t%.3f\n", lines, now() - start);
	return fflush(stdout) != 0 || ferror(stdout) ? EX_IOERR : 0;
}
