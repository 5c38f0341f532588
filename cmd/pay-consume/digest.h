/* digest: the hash of a file's lines as they are taken from an input: by it a file is known again, whatever it is
 * called and however it is packed. XXH128 over the unpacked bytes; the end of the last line (CR, LF) is not part of it,
 * so a file is the same with and without. */
#ifndef PAYPIPE_DIGEST_H
#define PAYPIPE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

#include "input.h"
#include "mark.h"

/* Lines are hashed many at a time, so what was taken is behind what was hashed. Lines that were taken and may have to
 * be taken once more (a row of several lines that is not at its end) are not settled. */
struct digest {
	XXH3_state_t *taken, *settled; /* settled: only while `lags` */
	char owed[2];                  /* the line's end that is hashed before the next byte */
	size_t owed_n;
	bool lags;         /* more was hashed than is settled */
	size_t from;       /* where in the input's buffer the first byte stands that was not hashed */
	size_t settled_to; /* where that ends which is settled; no farther than `from`: nothing more is */
};

/* An empty digest / gives back what it holds. No memory ends the program with 71. */
void digest_open(struct digest *digest);
void digest_close(struct digest *digest);

/* To be called before input_next, which may move the buffer: hashes the lines that were taken. */
void digest_catch_up(struct digest *digest, const struct input *input);
static inline void digest_before_next(struct digest *digest, const struct input *input)
{
	if (!input_buffered(input))
		digest_catch_up(digest, input);
}

/* To be called after input_next with the line that is at hand; for INPUT_TOO_LONG its beginning and whole length stand
 * for it. */
void digest_too_long(struct digest *digest, const struct input *input, const char *p, uint64_t length);
static inline void digest_next(struct digest *digest, const struct input *input, enum input_state state, const char *p,
			       uint64_t length)
{
	if (digest->from == SIZE_MAX) {
		digest->from = input->start;
		digest->settled_to = 0;
	}
	if (state == INPUT_TOO_LONG)
		digest_too_long(digest, input, p, length);
}

/* All lines that were taken are settled. */
static inline void digest_settle(struct digest *digest, const struct input *input)
{
	digest->settled_to = input->start;
	if (digest->settled_to == digest->from)
		digest->lags = false;
}

/* The hash of all settled lines. */
void digest_text(struct digest *digest, const struct input *input, char hex[MARK_HASH]);

#endif
