/* output: what a program writes, in large writes, each checked. Where it is a terminal, control characters of the data,
 * which could act on it, are written as JSON escapes, \u001b. */
#ifndef PAYPIPE_OUTPUT_H
#define PAYPIPE_OUTPUT_H

#include <stddef.h>

#include "slice.h"

enum { OUTPUT_SMALL = 64 << 10 }; /* what is smaller always fits the buffer after a flush */

struct output {
	int fd;
	const char *name; /* for messages: "standard output", a file's path; the caller's */
	char *buffer;
	size_t n, capacity;
	_Bool terminal;
	_Bool half; /* of a character was given: 0xc2, which is written with the byte behind it */
	/* Instead of writing: see output_open_sink. */
	size_t (*sink)(void *self, _Bool flush);
	void *self;
	/* Closed while it is there: see output_gate. */
	_Bool (*gate)(void *self, _Bool wait);
	void *keeper;
	size_t urgent;         /* bytes of the buffer that stood there when the gate was closed */
	struct writer *writer; /* see output_beside */
};

/* Takes the place of a descriptor: all that is buffered is offered to sink, which returns how many of the bytes, from
 * the first on, need be kept no longer. It must take all but a begun line; flush: what it gives on must go all the way.
 * The buffer has JSON_PADDING bytes more than it says. */
void output_open_sink(struct output *output, const char *name, size_t (*sink)(void *self, _Bool flush), void *self);

/* Writes to fd, which stays open until output_close. */
void output_open(struct output *output, int fd, const char *name);

/* From here on a thread of its own writes what is flushed, as far as it may have some MiB to write: output_wait says
 * when it is written. Not for a sink; not done for a terminal. */
void output_beside(struct output *output);

/* What is buffered and all behind it is kept back until gate(keeper, wait) has said that it may go. It is asked
 * whenever the buffer is full; with wait, it must wait and say yes: when no more can be kept, or all is to be flushed.
 * Not for a sink. */
void output_gate(struct output *output, _Bool (*gate)(void *keeper, _Bool wait), void *keeper);

/* Waits for the gate, and writes what was buffered when it was closed, if it still is; what came after stays there. */
void output_hurry(struct output *output);

/* Whether a flush would write at once. */
_Bool output_ready(struct output *output);

/* Room for n bytes at the end of the buffer, to be filled before output_advance(output, how many). What does not fit
 * is written first. Never NULL. */
char *output_room(struct output *output, size_t n);
static inline void output_advance(struct output *output, size_t n)
{
	output->n += n;
}

/* Appends bytes; larger ones than the buffer go straight out. */
void output_bytes(struct output *output, struct slice bytes);

/* Appends bytes and a line feed. */
void output_line(struct output *output, struct slice line);

/* Writes out what is buffered, or gives it to the thread that writes it. A failed write ends the program with 74; a
 * broken pipe ends it by SIGPIPE. */
void output_flush(struct output *output);

/* Waits until all that was flushed is written; false where that failed: errno says why. */
_Bool output_wait(struct output *output);

/* Flushes and waits, for a regular file also fsyncs when durable is true, and closes; each failure ends the program
 * with 74. */
void output_close(struct output *output, _Bool durable);

#endif
