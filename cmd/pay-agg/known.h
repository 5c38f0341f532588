/* known: the coordinates that were counted, as sets of offsets per source partition in chunks of 65,536.
 *
 * A chunk of few offsets is a sorted list of 16-bit numbers, one of many a bitmap of 8,192 bytes: so dense offsets take
 * one bit each, and offsets picked from a long log take two bytes each. */
#ifndef PAYPIPE_KNOWN_H
#define PAYPIPE_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinates.h"
#include "partitions.h"

enum {
	KNOWN_BITS = 65536,
	KNOWN_BITMAP = KNOWN_BITS / 8, /* bytes of a bitmap: a set of that many bytes is one, a shorter one is a list */
	KNOWN_LISTED = KNOWN_BITMAP / 2 - 1 /* most offsets in a list */
};

/* The offsets [number * 65536, (number + 1) * 65536) of a source partition. */
struct known_chunk {
	uint32_t partition; /* its index in known.partitions */
	int64_t number;
	bool changed;  /* since it was made or loaded */
	uint32_t n;    /* bytes of the set */
	uint32_t room; /* bytes there is room for */
	uint8_t *set;  /* 16-bit numbers in ascending order, low byte first; or a bitmap, lowest bit first */
};

struct known {
	struct partitions partitions;
	struct known_chunk **slot;
	size_t mask, n;
	struct known_chunk *last; /* as met last */
};

/* An empty set / gives back all of it. */
void known_init(struct known *known);
void known_free(struct known *known);

/* The chunk that an offset belongs to, made empty where it is new (then *made is true). */
struct known_chunk *known_chunk(struct known *known, uint32_t partition, int64_t offset, bool *made);

/* Adds an offset to its chunk; returns whether it was new. */
bool known_add(struct known_chunk *chunk, int64_t offset);

/* Fills a new chunk with a set as known_chunk.set holds it; returns false when the bytes are no such set. */
bool known_load(struct known_chunk *chunk, struct slice set);

/* Calls each with every chunk that was changed. */
void known_changed(struct known *known, void (*each)(void *self, const struct known_chunk *chunk), void *self);

/* Forgets all chunks; partitions keep their indexes. */
void known_clear(struct known *known);

#endif
