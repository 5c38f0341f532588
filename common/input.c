#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "file.h"
#include "json.h"

enum { BUFFER = 256 << 10, SLACK = 64 << 10 };

size_t input_line_most(const char *p)
{
	enum { NEAR = 4096 }; /* a dead letter says so behind its coordinates */
	if (strncmp(p, "{\"_", 3) != 0)
		return INPUT_LINE_MAX;
	return memmem(p, strnlen(p, NEAR), "\"_dead\":{", 9) ? INPUT_LETTER_MAX : INPUT_LINE_MAX + INPUT_OWN;
}

/* The next size of a buffer that a line filled. */
static size_t larger(size_t capacity)
{
	const size_t record = INPUT_LINE_MAX + INPUT_OWN + SLACK;
	if (capacity >= record)
		return INPUT_LETTER_MAX + SLACK;
	return capacity * 2 < record ? capacity * 2 : record;
}

static size_t fill_from_descriptor(void *self, char *to, size_t n)
{
	struct input *input = self;
	ssize_t got = file_read(input->fd, to, n);
	if (got < 0)
		fail(errno == EISDIR ? EX_NOINPUT : EX_IOERR, "%s: cannot read:", input->name);
	return (size_t)got;
}

void input_open_fill(struct input *input, const char *name, input_fill *fill, void *self)
{
	*input = (struct input){.name = name, .fill = fill, .self = self, .fd = -1, .line = 1};
	input->capacity = BUFFER;
	input->buffer = must_alloc(BUFFER + 1 + JSON_PADDING);
}

void input_open(struct input *input, int fd, const char *name)
{
	input_open_fill(input, name, fill_from_descriptor, input);
	input->fd = fd;
#ifdef F_SETPIPE_SZ
	struct stat status;
	if (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode))
		(void)fcntl(fd, F_SETPIPE_SZ, 1 << 20);
#endif
}

void input_announce(int fd)
{
	if (fd == STDIN_FILENO && isatty(fd))
		warn("reads from the terminal; Ctrl-D ends it, and --help says how to read a file");
}

void input_close(struct input *input)
{
	free(input->buffer);
	input->buffer = NULL;
}

/* Before a read: while it would wait, as far as can be told, there is time for idle. */
static void wait_for_input(const struct input *input, input_idle *idle, void *self)
{
	struct pollfd poll_for = {input->fd, POLLIN, 0};
	for (int pause = 0; idle && pause >= 0;) {
		if (input->fd >= 0 && poll(&poll_for, 1, pause) > 0)
			return;
		pause = idle(self);
		if (input->fd < 0)
			return;
	}
}

/* Puts what is begun at the buffer's start and reads behind it. */
static void refill(struct input *input, input_idle *idle, void *self)
{
	size_t held = input->end - input->start;
	memmove(input->buffer, input->buffer + input->start, held);
	input->start = 0;
	input->end = held;
	input->whole = 0;
	if (held == input->capacity) {
		input->capacity = larger(input->capacity);
		input->buffer = must_realloc(input->buffer, input->capacity + 1 + JSON_PADDING);
	}
	wait_for_input(input, idle, self);
	size_t got = input->fill(input->self, input->buffer + held, input->capacity - held);
	input->bytes += got;
	input->end += got;
	memset(input->buffer + input->end, 0, 1 + JSON_PADDING);
	if (got == 0) {
		input->ended = true;
		return;
	}
	/* Only what is new can hold a line feed. */
	const char *last = memrchr(input->buffer + held, '\n', got);
	input->whole = last ? (size_t)(last + 1 - input->buffer) : 0;
}

/* A line over the limit: keeps its beginning, reads the rest away. */
static enum input_state too_long(struct input *input, const char **p, uint64_t *length, input_idle *idle, void *self)
{
	size_t kept = INPUT_TOO_LONG_KEPT;
	*length = input->end - input->start;
	memmove(input->buffer, input->buffer + input->start, kept);
	input->start = 0;
	input->end = kept;
	*p = input->buffer;
	if (input->settings)
		return INPUT_TOO_LONG;
	for (;;) {
		wait_for_input(input, idle, self);
		char *to = input->buffer + kept;
		size_t got = input->fill(input->self, to, input->capacity - kept);
		input->bytes += got;
		const char *feed = memchr(to, '\n', got);
		if (feed || got == 0) {
			input->ended = got == 0;
			size_t of_line = feed ? (size_t)(feed - to) : 0;
			*length += of_line;
			/* The kept beginning stays at hand until the next input_next, which starts behind the line. */
			input->end = kept + got;
			input->start = feed ? kept + of_line + 1 : kept;
			const char *last = memrchr(input->buffer + input->start, '\n', input->end - input->start);
			input->whole = last ? (size_t)(last + 1 - input->buffer) : 0;
			return INPUT_TOO_LONG;
		}
		*length += got;
	}
}

enum input_state input_next(struct input *input, const char **p, uint64_t *length, input_idle *idle, void *self)
{
	while (input->start >= input->whole) {
		size_t begun = input->end - input->start;
		if (begun > INPUT_LINE_MAX && begun > input_line_most(input->buffer + input->start))
			return too_long(input, p, length, idle, self);
		if (input->ended) {
			if (input->start == input->end)
				return INPUT_END;
			input->buffer[input->end++] = '\n';
			input->whole = input->end;
			*p = input->buffer + input->start;
			return INPUT_CUT;
		}
		refill(input, idle, self);
	}
	*p = input->buffer + input->start;
	/* The buffer holds a little more than the longest line: a longer one may stand in it whole. */
	if (input->whole - input->start > INPUT_LINE_MAX) {
		size_t n = (size_t)((const char *)rawmemchr(*p, '\n') - *p);
		if (n > INPUT_LINE_MAX && n > input_line_most(*p)) {
			*length = n;
			input->start += n + 1;
			return INPUT_TOO_LONG;
		}
	}
	return INPUT_LINE;
}
