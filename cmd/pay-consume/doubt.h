/* doubt: a file's bad lines before its first good record. They wait, since it is not known yet whether they are bad
 * records of a file of payments, or the file is something else. */
#ifndef PAYPIPE_DOUBT_H
#define PAYPIPE_DOUBT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deadletter.h"
#include "slice.h"

enum {
	DOUBT_LINES = 10000,   /* so many wait, and no more */
	DOUBT_TEXT = 4 << 20,  /* nor does another when these hold more bytes than that */
	DOUBT_START = 64 << 10 /* of the file's beginning so much is kept, to tell what it is */
};

struct doubt {
	uint64_t n; /* lines that wait */
	/* the rest is its own */
	char *text;
	size_t used, capacity;
	char *start;
	size_t start_n;
};

/* Adds a bad line, as deadletter_write takes it; all is copied. */
void doubt_add(struct doubt *doubt, const struct deadletter_origin *origin, const char *reason, struct slice raw,
	       uint64_t length);

/* Whether no more lines shall wait. */
bool doubt_full(const struct doubt *doubt);

/* Hands each to take, in their order. */
void doubt_each(const struct doubt *doubt,
		void (*take)(void *self, const struct deadletter_origin *origin, const char *reason, struct slice raw,
			     uint64_t length),
		void *self);

/* The first of them, of which there must be one: its coordinates as a JSON string, and why it is bad. */
const char *doubt_first(const struct doubt *doubt, struct slice *source);

/* Adds to what is kept of the file's beginning; the beginning so far. */
void doubt_see(struct doubt *doubt, struct slice text);
struct slice doubt_start(const struct doubt *doubt);

/* Gives back what it holds and empties it. */
void doubt_free(struct doubt *doubt);

#endif
