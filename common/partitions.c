#include "partitions.h"

#include <stdbool.h>
#include <stdlib.h>
#include <xxhash.h>

#include "fail.h"
#include "seed.h"

enum { FIRST_SLOTS = 16 };

static bool is(const struct partition *partition, struct slice source, int32_t number)
{
	return partition->number == number && slice_equal(partition->source, source);
}

/* The slot that holds a partition of this hash, or the free one where it belongs. */
static uint32_t *find(const struct partitions *partitions, struct slice source, int32_t number, uint64_t hash)
{
	size_t at = hash & partitions->mask;
	while (partitions->slot[at]) {
		const struct partition *there = &partitions->v[partitions->slot[at] - 1];
		if (there->hash == hash && is(there, source, number))
			break;
		at = (at + 1) & partitions->mask;
	}
	return &partitions->slot[at];
}

/* Twice as many slots. */
static void grow(struct partitions *partitions)
{
	size_t slots = partitions->slot ? 2 * (partitions->mask + 1) : FIRST_SLOTS;
	free(partitions->slot);
	partitions->slot = must_alloc(slots * sizeof *partitions->slot);
	memset(partitions->slot, 0, slots * sizeof *partitions->slot);
	partitions->mask = slots - 1;
	partitions->v = must_realloc(partitions->v, slots / 2 * sizeof *partitions->v);
	for (uint32_t i = 0; i < partitions->n; i++) {
		const struct partition *each = &partitions->v[i];
		*find(partitions, each->source, each->number, each->hash) = i + 1;
	}
}

uint32_t partitions_index(struct partitions *partitions, struct slice source, int32_t number)
{
	if (partitions->n > 0 && is(&partitions->v[partitions->last], source, number))
		return partitions->last;
	if (!partitions->slot || partitions->n == (partitions->mask + 1) / 2)
		grow(partitions);
	uint64_t hash = XXH3_64bits_withSeed(source.p, source.n, seed_of_run() ^ (uint64_t)number);
	uint32_t *slot = find(partitions, source, number, hash);
	if (*slot == 0) {
		char *copy = must_alloc(source.n + 1);
		memcpy(copy, source.p, source.n);
		partitions->v[partitions->n] = (struct partition){{copy, source.n}, number, hash};
		*slot = ++partitions->n;
	}
	return partitions->last = *slot - 1;
}

void partitions_free(struct partitions *partitions)
{
	for (uint32_t i = 0; i < partitions->n; i++)
		free((char *)partitions->v[i].source.p);
	free(partitions->v);
	free(partitions->slot);
	*partitions = (struct partitions){0};
}
