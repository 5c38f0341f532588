/* position: where in a topic's partitions reading begins or ends (--from, --to). */
#ifndef PAYPIPE_POSITION_H
#define PAYPIPE_POSITION_H

#include <stdbool.h>
#include <stdint.h>

enum position_kind {
	POSITION_BEGINNING, /* the oldest message that is kept */
	POSITION_END,       /* behind the newest that is committed */
	POSITION_OFFSET,    /* value: an offset */
	POSITION_TIME,      /* value: milliseconds since 1970-01-01 UTC, as messages have them */
	POSITION_LAST,      /* value: so many messages before the end */
	POSITION_STORED     /* where the group is */
};

struct position {
	enum position_kind kind;
	int64_t value;
};

/* The forms of a position, for messages. */
extern const char position_forms[];

/* Reads beginning, end, stored, an offset, -N, or @ and a time: milliseconds, a date, or a date-time with an optional
 * zone (Z, +hh:mm, -hh:mm; without one it is UTC, as no zone is taken from the machine). Milliseconds before 1973 or
 * after 9999, or that read as a date (@20251127), are none: whoever writes them means something else. Returns whether
 * it is one; *to is set only then. */
bool position_read(const char *text, struct position *to);

/* Of a text that position_read refused: what it likely means and how that is written, to be freed; NULL: no idea. */
char *position_advice(const char *text);

#endif
