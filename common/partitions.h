/* partitions: source partitions as they are met, each with a small number. */
#ifndef PAYPIPE_PARTITIONS_H
#define PAYPIPE_PARTITIONS_H

#include <stddef.h>
#include <stdint.h>

#include "slice.h"

/* Zero-initialise. Callers may read v and n, the rest is its own. */
struct partitions {
	struct partition {
		struct slice source; /* a copy */
		int32_t number;
		uint64_t hash;
	} * v;
	uint32_t n;
	uint32_t last;  /* as met last */
	uint32_t *slot; /* hash table, at most half full: 1 + index in v, 0 free */
	size_t mask;
};

/* The index of a source partition in v, added where it is new. The time does not grow with their number. */
uint32_t partitions_index(struct partitions *partitions, struct slice source, int32_t number);

/* Gives back what it holds, and empties it. */
void partitions_free(struct partitions *partitions);

#endif
