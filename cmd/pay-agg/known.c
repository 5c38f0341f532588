#include "known.h"

#include <stdlib.h>

#include "fail.h"

enum { FIRST_SLOTS = 256, FIRST_ROOM = 32 };

static void new_slots(struct known *known, size_t slots)
{
	known->slot = must_alloc(slots * sizeof *known->slot);
	memset(known->slot, 0, slots * sizeof *known->slot);
	known->mask = slots - 1;
}

void known_init(struct known *known)
{
	*known = (struct known){0};
	new_slots(known, FIRST_SLOTS);
}

static void free_chunks(struct known *known)
{
	for (size_t i = 0; i <= known->mask; i++) {
		if (known->slot[i]) {
			free(known->slot[i]->set);
			free(known->slot[i]);
		}
	}
	free(known->slot);
	known->n = 0;
	known->last = NULL;
}

void known_clear(struct known *known)
{
	free_chunks(known);
	new_slots(known, FIRST_SLOTS);
}

void known_free(struct known *known)
{
	free_chunks(known);
	partitions_free(&known->partitions);
	*known = (struct known){0};
}

static size_t chunk_hash(uint32_t partition, int64_t number)
{
	uint64_t h = ((uint64_t)number + 1) * 0x9e3779b97f4a7c15u ^ ((uint64_t)partition + 1) * 0xc2b2ae3d27d4eb4fu;
	return (size_t)(h ^ h >> 29);
}

static struct known_chunk **find(const struct known *known, uint32_t partition, int64_t number)
{
	size_t at = chunk_hash(partition, number) & known->mask;
	while (known->slot[at] && (known->slot[at]->number != number || known->slot[at]->partition != partition))
		at = (at + 1) & known->mask;
	return &known->slot[at];
}

static void grow(struct known *known)
{
	struct known_chunk **old = known->slot;
	size_t slots = known->mask + 1;
	new_slots(known, 2 * slots);
	for (size_t i = 0; i < slots; i++) {
		if (old[i])
			*find(known, old[i]->partition, old[i]->number) = old[i];
	}
	free(old);
}

struct known_chunk *known_chunk(struct known *known, uint32_t partition, int64_t offset, bool *made)
{
	int64_t number = offset / KNOWN_BITS;
	*made = false;
	if (known->last && known->last->number == number && known->last->partition == partition)
		return known->last;
	struct known_chunk **at = find(known, partition, number);
	if (!*at) {
		if (2 * (known->n + 1) > known->mask + 1) {
			grow(known);
			at = find(known, partition, number);
		}
		*at = must_alloc(sizeof **at);
		**at = (struct known_chunk){.partition = partition, .number = number};
		known->n++;
		*made = true;
	}
	return known->last = *at;
}

static unsigned listed(const struct known_chunk *chunk, size_t i)
{
	return chunk->set[2 * i] | (unsigned)chunk->set[2 * i + 1] << 8;
}

static void to_bitmap(struct known_chunk *chunk)
{
	uint8_t *bitmap = must_alloc(KNOWN_BITMAP);
	memset(bitmap, 0, KNOWN_BITMAP);
	for (size_t i = 0; i < chunk->n / 2; i++) {
		unsigned bit = listed(chunk, i);
		bitmap[bit / 8] |= (uint8_t)(1 << bit % 8);
	}
	free(chunk->set);
	chunk->set = bitmap;
	chunk->n = chunk->room = KNOWN_BITMAP;
}

/* Where bit is in the list, or belongs. */
static size_t list_place(const struct known_chunk *chunk, unsigned bit)
{
	size_t low = 0, high = chunk->n / 2;
	if (high && listed(chunk, high - 1) < bit)
		return high;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (listed(chunk, middle) < bit)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void list_insert(struct known_chunk *chunk, size_t place, unsigned bit)
{
	if (chunk->n == chunk->room) {
		chunk->room = chunk->room ? 2 * chunk->room : FIRST_ROOM;
		chunk->set = must_realloc(chunk->set, chunk->room);
	}
	memmove(chunk->set + 2 * place + 2, chunk->set + 2 * place, chunk->n - 2 * place);
	chunk->set[2 * place] = (uint8_t)bit;
	chunk->set[2 * place + 1] = (uint8_t)(bit >> 8);
	chunk->n += 2;
}

bool known_add(struct known_chunk *chunk, int64_t offset)
{
	unsigned bit = (unsigned)(offset % KNOWN_BITS);
	if (chunk->n < KNOWN_BITMAP) {
		size_t place = list_place(chunk, bit);
		if (place < chunk->n / 2 && listed(chunk, place) == bit)
			return false;
		if (chunk->n / 2 < KNOWN_LISTED) {
			list_insert(chunk, place, bit);
			return chunk->changed = true;
		}
		to_bitmap(chunk);
	}
	uint8_t mask = (uint8_t)(1 << bit % 8);
	if (chunk->set[bit / 8] & mask)
		return false;
	chunk->set[bit / 8] |= mask;
	return chunk->changed = true;
}

bool known_load(struct known_chunk *chunk, struct slice set)
{
	if (set.n > KNOWN_BITMAP || set.n % 2 != 0 || set.n == 0)
		return false;
	chunk->n = chunk->room = (uint32_t)set.n;
	chunk->set = must_realloc(chunk->set, set.n);
	memcpy(chunk->set, set.p, set.n);
	for (size_t i = 1; set.n < KNOWN_BITMAP && i < set.n / 2; i++) {
		if (listed(chunk, i - 1) >= listed(chunk, i))
			return false;
	}
	return true;
}

void known_changed(struct known *known, void (*each)(void *self, const struct known_chunk *chunk), void *self)
{
	for (size_t i = 0; i <= known->mask; i++) {
		if (known->slot[i] && known->slot[i]->changed)
			each(self, known->slot[i]);
	}
}
