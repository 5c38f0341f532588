#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "file.h"
#include "json.h"
#include "shown.h"
#include "writer.h"

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

static bool passes(struct output *output, bool wait)
{
	if (!output->gate)
		return true;
	if (!output->gate(output->keeper, wait))
		return false;
	output->gate = NULL;
	if (output->writer)
		writer_release(output->writer);
	return true;
}

bool output_ready(struct output *output)
{
	return passes(output, false);
}

void output_gate(struct output *output, bool (*gate)(void *keeper, bool wait), void *keeper)
{
	output->gate = gate;
	output->keeper = keeper;
	output->urgent = output->n;
}

void output_beside(struct output *output)
{
	if (output->terminal)
		return;
	output->writer = must_alloc(sizeof *output->writer);
	writer_open(output->writer, output->fd, BUFFER);
}

bool output_wait(struct output *output)
{
	int error = output->writer ? writer_wait(output->writer) : 0;

	errno = error;
	return error == 0;
}

static _Noreturn void fail_to_write(const struct output *output)
{
	fail(EX_IOERR, "%s: cannot write:", output->name);
}

/* Gives the buffer to the thread that writes; keep: where the gate is closed, it need not open yet. */
static void hand_over(struct output *output, bool keep)
{
	bool hold = output->gate && !passes(output, !keep || writer_full(output->writer));
	size_t n = output->n;

	output->n = output->urgent = 0;
	output->buffer = writer_give(output->writer, output->buffer, n, hold);
	if (!output->buffer)
		fail_to_write(output);
}

static void write_plain(struct output *output, const char *p, size_t n)
{
	if ((errno = file_write(output->fd, p, n)) != 0)
		fail_to_write(output);
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

/* Behind all that was given to the thread, if there is one. */
static void write_all(struct output *output, const char *p, size_t n)
{
	if (!output_wait(output))
		fail_to_write(output);
	if (output->terminal)
		write_shown(output, p, n);
	else
		write_plain(output, p, n);
}

/* Whether the buffer is one that the thread that writes can have. */
static bool handy(const struct output *output)
{
	return output->writer && output->capacity == BUFFER && output->n > 0;
}

/* The buffer is full, or does not hold what comes next. */
static void empty(struct output *output)
{
	if (output->sink)
		sink(output, false);
	else if (handy(output))
		hand_over(output, true);
	else
		output_flush(output);
}

char *output_room(struct output *output, size_t n)
{
	if (output->capacity - output->n < n) {
		empty(output);
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
		empty(output);
		if (output->capacity < bytes.n) {
			output_flush(output);
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
	passes(output, true);
	if (output->n == 0)
		return;
	if (handy(output)) {
		hand_over(output, false);
		return;
	}
	size_t n = output->n;
	output->n = output->urgent = 0; /* first: a failing write must not be tried again on the way out */
	write_all(output, output->buffer, n);
	if (output->writer && output->capacity > BUFFER) {
		/* A long line made it larger than what the thread takes. */
		output->capacity = BUFFER;
		output->buffer = must_realloc(output->buffer, BUFFER + JSON_PADDING);
	}
}

void output_hurry(struct output *output)
{
	passes(output, true);
	if (output->urgent == 0)
		return;
	if (output->capacity > BUFFER) {
		output_flush(output); /* with a long line behind it, which no other buffer holds */
		return;
	}
	const char *rest = output->buffer + output->urgent;
	size_t n = output->n - output->urgent;

	output->n = output->urgent;
	output_flush(output);
	memmove(output->buffer, rest, n);
	output->n = n;
}

void output_close(struct output *output, _Bool durable)
{
	output_flush(output);
	if (output->writer && (errno = writer_close(output->writer)) != 0)
		fail_to_write(output);
	free(output->writer);
	output->writer = NULL;
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
