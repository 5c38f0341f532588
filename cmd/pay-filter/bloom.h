/* bloom: whether a hash may have been added before: a Bloom filter (B. H. Bloom, "Space/time trade-offs in hash coding
 * with allowable errors", CACM 13, 1970) in blocks of a cache line, so that a question costs one line of memory. It
 * never denies what was added, and of other hashes takes two in a thousand, or fewer, for known, as long as it has
 * room. */
#ifndef PAYPIPE_FILTER_BLOOM_H
#define PAYPIPE_FILTER_BLOOM_H

#include <stdbool.h>
#include <stdint.h>

struct bloom {
	uint64_t *words; /* NULL: none yet */
	uint64_t last;   /* number of the last block; their count is a power of two */
	uint64_t holds;  /* hashes that were added */
};

/* Empties it, and makes room for at least `hashes`, as far as that takes no more than 128 MiB, enough for 67 million.
 */
void bloom_clear(struct bloom *bloom, uint64_t hashes);

void bloom_add(struct bloom *bloom, uint64_t high, uint64_t low);

bool bloom_may_have(const struct bloom *bloom, uint64_t high, uint64_t low);

/* Whether it holds more than it has room for and should be made anew, of which `known` count: larger, or, when it is as
 * large as may be, without the others. */
bool bloom_full(const struct bloom *bloom, uint64_t known);

void bloom_free(struct bloom *bloom);

#endif
