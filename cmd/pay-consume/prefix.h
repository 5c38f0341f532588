/* prefix: `{"_src":"name/0/12"`, the beginning of each record's line, for offsets that mostly go up by one. */
#ifndef PAYPIPE_PREFIX_H
#define PAYPIPE_PREFIX_H

#include <stddef.h>
#include <stdint.h>

#include "slice.h"

struct prefix {
	char *text; /* its own */
	size_t fixed, digits;
	int64_t offset;
};

/* Gets ready for a source partition; prefix_free gives back what it holds. */
void prefix_init(struct prefix *prefix, const char *source, int32_t partition);
void prefix_free(struct prefix *prefix);

/* The prefix of an offset (0 and up), valid until the next call; prefix_source is the coordinates alone, as a JSON
 * string with quotes. */
struct slice prefix_of(struct prefix *prefix, int64_t offset);
struct slice prefix_source(struct prefix *prefix, int64_t offset);

#endif
