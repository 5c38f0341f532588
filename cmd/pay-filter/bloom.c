#include "bloom.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"

enum {
	BLOCK_WORDS = 8,   /* 64 bytes */
	BLOCK_HASHES = 32, /* 16 bits each */
	FEWEST = 1 << 10,  /* blocks */
	MOST = 1 << 21,    /* blocks: 128 MiB */
	PROBES = 6,        /* bits of a block that a hash sets */
	BIT_OF_BLOCK = 9,  /* 512 bits in a block */
	BIT_OF_WORD = 6
};

void bloom_clear(struct bloom *bloom, uint64_t hashes)
{
	uint64_t blocks = FEWEST;
	while (blocks < MOST && blocks * BLOCK_HASHES < hashes)
		blocks *= 2;
	size_t bytes = blocks * BLOCK_WORDS * sizeof *bloom->words;
	if (!bloom->words || bloom->last != blocks - 1) {
		free(bloom->words);
		bloom->words = aligned_alloc(BLOCK_WORDS * sizeof *bloom->words, bytes);
		if (!bloom->words)
			fail(EX_OSERR, "out of memory");
	}
	memset(bloom->words, 0, bytes);
	bloom->last = blocks - 1;
	bloom->holds = 0;
}

bool bloom_full(const struct bloom *bloom, uint64_t known)
{
	uint64_t blocks = bloom->last + 1;
	return bloom->holds > blocks * BLOCK_HASHES && (blocks < MOST || bloom->holds > 2 * known);
}

/* The block comes from one half of the hash, the bits in it from the other. */
static uint64_t *block_of(const struct bloom *bloom, uint64_t low)
{
	return bloom->words + (low & bloom->last) * BLOCK_WORDS;
}

void bloom_add(struct bloom *bloom, uint64_t high, uint64_t low)
{
	uint64_t *block = block_of(bloom, low);
	for (int i = 0; i < PROBES; i++, high >>= BIT_OF_BLOCK)
		block[high >> BIT_OF_WORD & (BLOCK_WORDS - 1)] |= UINT64_C(1) << (high & 63);
	bloom->holds++;
}

bool bloom_may_have(const struct bloom *bloom, uint64_t high, uint64_t low)
{
	const uint64_t *block = block_of(bloom, low);
	uint64_t all = 1;
	for (int i = 0; i < PROBES; i++, high >>= BIT_OF_BLOCK)
		all &= block[high >> BIT_OF_WORD & (BLOCK_WORDS - 1)] >> (high & 63);
	return all;
}

void bloom_free(struct bloom *bloom)
{
	free(bloom->words);
	*bloom = (struct bloom){0};
}
