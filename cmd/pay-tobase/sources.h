/* sources: of which files no line became a payment, though each was read: they are of another kind. */
#ifndef PAYPIPE_SOURCES_H
#define PAYPIPE_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mark.h"
#include "record.h"
#include "slice.h"

enum {
	SOURCES_BAD = 10000, /* so many bad records before a good one are enough: no more are waited for */
	SOURCES_FIRST = 100, /* as are so many in its first segment: behind a sink that has it nobody asks again */
	SOURCES_MOST = 16384 /* that are told apart at a time; more are only looked at together */
};

struct source;

struct sources {
	bool any_good; /* of all records */
	/* the rest is its own */
	uint64_t bad;
	char *reason;        /* of the first bad one */
	bool others;         /* something came of no file, or of one whose beginning was not seen */
	uint64_t ended;      /* files */
	struct source *slot; /* open addressing, at most half full */
	size_t n, mask;
	bool too_many;
	char *current; /* the good source at hand: its coordinates as a JSON string, up to the last slash */
	size_t current_n, current_room;
	struct scratch decoded;
};

/* A record whose coordinates (a JSON string, empty: it has none) are these became a payment, or closed a day. */
void sources_good_other(struct sources *sources, struct slice coordinates);
static inline void sources_good(struct sources *sources, struct slice coordinates)
{
	size_t n = sources->current_n;
	if (n == 0 || coordinates.n <= n || memcmp(coordinates.p, sources->current, n) != 0 ||
	    memchr(coordinates.p + n, '/', coordinates.n - n))
		sources_good_other(sources, coordinates);
}

/* One became a dead letter. */
void sources_bad(struct sources *sources, struct slice coordinates, const char *reason);

/* What a file is refused for. */
struct sources_refused {
	const char *name; /* NULL: all that was read */
	uint64_t bad;
	const char *reason; /* of the first bad record */
};

/* At a mark, before it is passed on. Returns whether a file is refused: one that was read from its beginning and has
 * ended, as has all that was asked for at the end mark, or has given so many bad records, without a good one; *refused
 * is valid until the next call. */
bool sources_segment(struct sources *sources, const struct mark *mark, struct sources_refused *refused);

/* At the end of all. The same for all that was read, where that were files as a whole, of whatever source their records
 * are: captures of a topic. */
bool sources_end(const struct sources *sources, struct sources_refused *refused);

#endif
