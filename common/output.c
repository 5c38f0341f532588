#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "json.h"
#include "shown.h"

enum { BUFFER = 256 << 10 };

void output_open(struct output *output, int fd, const char *name)
{
	*output = (struct output){.fd = fd, .name = name, .buffer = must_alloc(BUFFER), .capacity = BUFFER};
	output->terminal = isatty(fd);
#ifdef F_SETPIPE_SZ
	/* A larger pipe means fewer switches between the stages; where the system refuses, the usual size does. */
	struct stat status;
	if (fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode))
		(void)fcntl(fd, F_SETPIPE_SZ, 1 << 20);
#endif
}

void output_open_sink(struct output *output, const char *name, size_t (*sink)(void *self, _Bool flush), void *self)
{
	*output = (struct output){.fd = -1, .name = name, .capacity = BUFFER, .sink = sink, .self = self};
	output->buffer = must_alloc(BUFFER + JSON_PADDING);
}

static void sink(struct output *output, _Bool flush)
{
	size_t taken = output->sink(output->self, flush);
	output->n -= taken;
	memmove(output->buffer, output->buffer + taken, output->n);
}

static void write_plain(struct output *output, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(output->fd, p, n);
		if (w < 0) {
			if (errno == EINTR)
				continue;
			fail(EX_IOERR, "%s: cannot write:", output->name);
		}
		p += w;
		n -= (size_t)w;
	}
}

/* For people at a terminal, so speed does not matter. Line feeds, CRs before them and tabs are layout. */
static void write_shown(struct output *output, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char pair[2] = {'\xc2', p[i]}, escape[8];
		size_t from = output->half ? 0 : 1;
		output->half = false;
		if (from == 1 && p[i] == '\xc2') {
			output->half = true;
			continue;
		}
		bool layout = from == 1 && (p[i] == '\n' || p[i] == '\r' || p[i] == '\t');
		if (!layout && shown_control(pair + from, 2 - from)) {
			int length = snprintf(escape, sizeof escape, "\\u00%02x", (unsigned char)p[i]);
			write_plain(output, escape, (size_t)length);
		} else {
			write_plain(output, pair + from, 2 - from);
		}
	}
}

static void write_all(struct output *output, const char *p, size_t n)
{
	if (output->terminal)
		write_shown(output, p, n);
	else
		write_plain(output, p, n);
}

char *output_room(struct output *output, size_t n)
{
	if (output->capacity - output->n < n) {
		if (output->sink)
			sink(output, false);
		else
			output_flush(output);
		if (output->capacity - output->n < n) {
			output->capacity = output->n + n;
			output->buffer = must_realloc(output->buffer, output->capacity + JSON_PADDING);
		}
	}
	return output->buffer + output->n;
}

void output_bytes(struct output *output, struct slice bytes)
{
	if (output->sink) {
		memcpy(output_room(output, bytes.n), bytes.p, bytes.n);
		output->n += bytes.n;
		return;
	}
	if (output->capacity - output->n < bytes.n) {
		output_flush(output);
		if (output->capacity < bytes.n) {
			write_all(output, bytes.p, bytes.n);
			return;
		}
	}
	memcpy(output->buffer + output->n, bytes.p, bytes.n);
	output->n += bytes.n;
}

void output_line(struct output *output, struct slice line)
{
	output_bytes(output, line);
	output_bytes(output, SLICE("\n"));
}

void output_flush(struct output *output)
{
	if (output->sink) {
		sink(output, true);
		return;
	}
	size_t n = output->n;
	output->n = 0; /* first: a failing write must not be tried again on the way out */
	write_all(output, output->buffer, n);
}

void output_close(struct output *output, _Bool durable)
{
	output_flush(output);
	free(output->buffer);
	output->buffer = NULL;
	if (output->sink)
		return;
	struct stat status;
	if (durable && fstat(output->fd, &status) == 0 && S_ISREG(status.st_mode) && fsync(output->fd) != 0)
		fail(EX_IOERR, "%s: cannot sync:", output->name);
	if (close(output->fd) != 0)
		fail(EX_IOERR, "%s: cannot close:", output->name);
}
