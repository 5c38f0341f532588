#include "totals.h"

#include <stdalign.h>
#include <stdlib.h>
#include <xxhash.h>

#include "fail.h"
#include "seed.h"

enum { FIRST_SLOTS = 1024, BLOCK = 1 << 18 };

/* Groups lie one after the other in blocks, so that a group and its key are near each other. */
struct totals_block {
	struct totals_block *before;
	size_t used, size;
	alignas(16) char bytes[];
};

void totals_init(struct totals *totals)
{
	*totals = (struct totals){.mask = FIRST_SLOTS - 1};
	totals->slot = must_alloc(FIRST_SLOTS * sizeof *totals->slot);
	memset(totals->slot, 0, FIRST_SLOTS * sizeof *totals->slot);
}

static void free_blocks(struct totals_block *block)
{
	while (block) {
		struct totals_block *before = block->before;
		free(block);
		block = before;
	}
}

void totals_free(struct totals *totals)
{
	free_blocks(totals->block);
	free(totals->slot);
	*totals = (struct totals){0};
}

void totals_clear(struct totals *totals)
{
	totals_free(totals);
	totals_init(totals);
}

static void grow(struct totals *totals)
{
	size_t slots = 2 * (totals->mask + 1);
	struct totals_slot *slot = must_alloc(slots * sizeof *slot);
	memset(slot, 0, slots * sizeof *slot);
	for (size_t i = 0; i <= totals->mask; i++) {
		if (!totals->slot[i].group)
			continue;
		size_t at = totals->slot[i].hash & (slots - 1);
		while (slot[at].group)
			at = (at + 1) & (slots - 1);
		slot[at] = totals->slot[i];
	}
	free(totals->slot);
	totals->slot = slot;
	totals->mask = slots - 1;
}

static struct group *new_group(struct totals *totals, struct slice key)
{
	size_t size = (sizeof(struct group) + key.n + 15) & ~(size_t)15;
	if (!totals->block || totals->block->size - totals->block->used < size) {
		size_t room = size > BLOCK ? size : BLOCK;
		struct totals_block *block = must_alloc(sizeof *block + room);
		block->before = totals->block;
		block->used = 0;
		block->size = room;
		totals->block = block;
	}
	struct group *group = (struct group *)(void *)(totals->block->bytes + totals->block->used);
	totals->block->used += size;
	*group = (struct group){.n = (uint32_t)key.n};
	memcpy(group->key, key.p, key.n);
	totals->n++;
	return group;
}

uint64_t totals_begin(const struct totals *totals, struct slice key)
{
	uint64_t hash = XXH3_64bits_withSeed(key.p, key.n, seed_of_run());
	__builtin_prefetch(&totals->slot[hash & totals->mask]);
	return hash;
}

void totals_fetch(const struct totals *totals, uint64_t hash)
{
	size_t at = hash & totals->mask;
	while (totals->slot[at].group && totals->slot[at].hash != hash)
		at = (at + 1) & totals->mask;
	const char *group = (const char *)totals->slot[at].group;
	__builtin_prefetch(group);
	__builtin_prefetch(group + 64); /* most keys go on there */
}

struct group *totals_group(struct totals *totals, struct slice key)
{
	return totals_group_of(totals, key, XXH3_64bits_withSeed(key.p, key.n, seed_of_run()));
}

struct group *totals_group_of(struct totals *totals, struct slice key, uint64_t hash)
{
	size_t at = hash & totals->mask;
	for (; totals->slot[at].group; at = (at + 1) & totals->mask) {
		struct group *group = totals->slot[at].group;
		if (totals->slot[at].hash == hash && group->n == key.n && memcmp(group->key, key.p, key.n) == 0)
			return group;
	}
	struct group *group = new_group(totals, key);
	totals->slot[at] = (struct totals_slot){hash, group};
	if (totals->n > (totals->mask + 1) / 2)
		grow(totals);
	return group;
}

static int compare(const void *a, const void *b)
{
	return slice_compare(group_key(*(struct group *const *)a), group_key(*(struct group *const *)b));
}

void groups_sort(struct group **groups, size_t n)
{
	if (n > 1)
		qsort(groups, n, sizeof *groups, compare);
}

struct group **totals_sorted(const struct totals *totals)
{
	struct group **groups = must_alloc((totals->n + 1) * sizeof *groups);
	size_t n = 0;
	for (size_t i = 0; i <= totals->mask; i++) {
		if (totals->slot[i].group)
			groups[n++] = totals->slot[i].group;
	}
	groups_sort(groups, n);
	return groups;
}
