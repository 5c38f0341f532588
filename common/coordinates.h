/* coordinates: where a record came from, `source/partition/offset`, the identity of a payment.
 *
 * A source is a topic's or a file's name and may itself hold slashes; partition and offset are the last two parts. */
#ifndef PAYPIPE_COORDINATES_H
#define PAYPIPE_COORDINATES_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

struct coordinates {
	struct slice source; /* decoded UTF-8, not empty, without NUL */
	int32_t partition;   /* 0 and up */
	int64_t offset; /* 0 and up; of a file: line number, from 1; at most INT64_MAX - 1, so that a next exists */
};

/* Reads the decoded text of a `_src` member. Numbers are plain decimals without sign or leading zeros. The source
 * points into text. Returns whether it is well formed; *to is set only then. */
bool coordinates_read(struct slice text, struct coordinates *to);

/* Reads "source/partition" (the keys of a mark's from and next) likewise. */
bool coordinates_partition_read(struct slice text, struct slice *source, int32_t *partition);

#endif
