/* mover: the least that a stage has to do, as the measure of the others: reads standard input in large blocks, finds
 * the end of each line, writes the same bytes, and says how many lines there were on standard error. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { BLOCK = 1 << 18 };

int main(void)
{
	char *block = malloc(BLOCK);
	unsigned long long lines = 0;
	ssize_t n;

	if (!block)
		err(EX_OSERR, "malloc");
	while ((n = read(STDIN_FILENO, block, BLOCK)) > 0) {
		const char *end = block + n;
		for (const char *p = block; (p = memchr(p, '\n', (size_t)(end - p))); p++)
			lines++;
		for (const char *p = block; p < end;) {
			ssize_t written = write(STDOUT_FILENO, p, (size_t)(end - p));
			if (written < 0)
				err(EX_IOERR, "standard output");
			p += written;
		}
	}
	if (n < 0)
		err(EX_IOERR, "standard input");
	fprintf(stderr, "%llu\n", lines);
	return 0;
}
