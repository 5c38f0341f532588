/* input: lines out of a file descriptor or a decoder, many at a time, in a buffer as json.h asks. */
#ifndef PAYPIPE_INPUT_H
#define PAYPIPE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "slice.h"

enum { INPUT_LINE_MAX = 16 << 20 };      /* longest line that is a record: 16 MiB */
enum { INPUT_OWN = 64 << 10 };           /* what the toolkit's own members may add to it, so that all stages take it */
enum { INPUT_LETTER_MAX = 36 << 20 };    /* longest dead letter: such a line with each character escaped, and more */
enum { INPUT_TOO_LONG_KEPT = 64 << 10 }; /* what is kept of a longer one */

/* Reads up to n bytes (n > 0) to `to`: how many, 0 at the end. Errors end the program, with its own message. */
typedef size_t input_fill(void *self, char *to, size_t n);

struct input {
	const char *name; /* for messages; the caller's */
	input_fill *fill;
	int fd; /* -1 where a function fills */
	void *self;
	char *buffer;
	size_t start, whole, end, capacity; /* [start,whole): whole lines not yet taken; [whole,end): a begun line */
	uint64_t line;                      /* number of the line at start, from 1 */
	uint64_t bytes;                     /* read so far */
	bool ended;
	bool settings; /* set by the caller: it ends at a line that is too long, so the rest of that is not read */
};

/* Reads lines from fd through plain reads; widens a pipe where the system lets it. */
void input_open(struct input *input, int fd, const char *name);

/* Says so, once, where fd is standard input and a terminal: else a program that was started without its input seems to
 * hang. */
void input_announce(int fd);

/* Reads lines from a filling function. */
void input_open_fill(struct input *input, const char *name, input_fill *fill, void *self);

/* Gives back the buffer; closes nothing. */
void input_close(struct input *input);

enum input_state {
	INPUT_LINE,     /* a whole line is at hand */
	INPUT_CUT,      /* the last line, which has no line feed of its own; one was put behind it */
	INPUT_TOO_LONG, /* a line over input_line_most: *line is its beginning; its rest was read and left out */
	INPUT_END
};

/* How long the line that begins at p may be: INPUT_LINE_MAX, INPUT_OWN more where it begins with the toolkit's own
 * members, INPUT_LETTER_MAX where these say that it is a dead letter. p is that of input_next, or has 4096 bytes. */
size_t input_line_most(const char *p);

/* Called before a read that may wait. Returns the milliseconds of waiting after which it wants to be called again,
 * negative for not at all. */
typedef int input_idle(void *self);

/* The line at hand: *p its first byte; a line feed and JSON_PADDING readable bytes follow in the buffer. For
 * INPUT_TOO_LONG *length is its full length, and it counts as taken with input_take(input, NULL). Reads when no whole
 * line is buffered; before a read that might block it calls idle(self) if idle is not NULL. */
enum input_state input_next(struct input *input, const char **p, uint64_t *length, input_idle *idle, void *self);

/* Whether a whole line is in the buffer, so that input_next moves nothing in it. */
static inline bool input_buffered(const struct input *input)
{
	return input->start < input->whole;
}

/* Takes the line at hand; line_feed is the one that ends it. */
static inline void input_take(struct input *input, const char *line_feed)
{
	if (line_feed)
		input->start = (size_t)(line_feed + 1 - input->buffer);
	input->line++;
}

#endif
