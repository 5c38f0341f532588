/* Open addressing over XXH3, at most half full. A slot holds the hash and where the text lies in one growing store, so
 * that a miss rarely leaves the table. Most texts that are asked for are not there: a bit for each hash, BITS_A_SLOT
 * times as many as slots, tells nearly all of them, and stays in the processor's cache where the slots do not. */
#include "textset.h"

#include <stdint.h>
#include <stdlib.h>
#include <xxhash.h>

#include "fail.h"

struct slot {
	uint64_t hash;
	size_t at; /* 1 + where in store its length stands, followed by its bytes; 0: free */
};

struct textset {
	struct slot *slots;
	size_t mask, count;
	uint64_t *bits;
	char *store;
	size_t used, capacity;
};

enum { FIRST_SLOTS = 64, FIRST_STORE = 1024, BITS_A_SLOT = 8 };

static struct slot *slots_new(size_t n)
{
	struct slot *slots = must_alloc(n * sizeof *slots);
	memset(slots, 0, n * sizeof *slots);
	return slots;
}

static uint64_t *bits_new(size_t slots)
{
	size_t n = slots * BITS_A_SLOT / 8;
	uint64_t *bits = must_alloc(n);
	memset(bits, 0, n);
	return bits;
}

/* The number of a hash's bit; its upper half, since slots go by the lower. */
static size_t bit_of(const struct textset *set, uint64_t hash)
{
	return (hash >> 32) & (BITS_A_SLOT * (set->mask + 1) - 1);
}

static void set_bit(struct textset *set, uint64_t hash)
{
	size_t bit = bit_of(set, hash);
	set->bits[bit / 64] |= UINT64_C(1) << bit % 64;
}

struct textset *textset_new(void)
{
	struct textset *set = must_alloc(sizeof *set);
	*set = (struct textset){.slots = slots_new(FIRST_SLOTS),
				.mask = FIRST_SLOTS - 1,
				.bits = bits_new(FIRST_SLOTS),
				.store = must_alloc(FIRST_STORE),
				.capacity = FIRST_STORE};
	return set;
}

void textset_free(struct textset *set)
{
	if (!set)
		return;
	free(set->slots);
	free(set->bits);
	free(set->store);
	free(set);
}

static struct slice text_at(const struct textset *set, size_t at)
{
	struct slice text = {set->store + at - 1 + sizeof(size_t), 0};
	memcpy(&text.n, set->store + at - 1, sizeof text.n);
	return text;
}

/* The slot that holds text, or the free one where it belongs. */
static struct slot *find(const struct textset *set, struct slice text, uint64_t hash)
{
	for (size_t i = hash & set->mask;; i = (i + 1) & set->mask) {
		struct slot *slot = &set->slots[i];
		if (!slot->at || (slot->hash == hash && slice_equal(text_at(set, slot->at), text)))
			return slot;
	}
}

static void grow(struct textset *set)
{
	struct slot *old = set->slots;
	size_t n = set->mask + 1;
	set->slots = slots_new(2 * n);
	set->mask = 2 * n - 1;
	free(set->bits);
	set->bits = bits_new(2 * n);
	for (size_t i = 0; i < n; i++) {
		if (!old[i].at)
			continue;
		size_t to = old[i].hash & set->mask;
		while (set->slots[to].at)
			to = (to + 1) & set->mask;
		set->slots[to] = old[i];
		set_bit(set, old[i].hash);
	}
	free(old);
}

static size_t keep(struct textset *set, struct slice text)
{
	size_t at = set->used, need = sizeof text.n + text.n;
	if (set->capacity - set->used < need) {
		while (set->capacity - set->used < need)
			set->capacity *= 2;
		set->store = must_realloc(set->store, set->capacity);
	}
	memcpy(set->store + at, &text.n, sizeof text.n);
	memcpy(set->store + at + sizeof text.n, text.p, text.n);
	set->used += need;
	return at + 1;
}

bool textset_add(struct textset *set, struct slice text)
{
	uint64_t hash = XXH3_64bits(text.p, text.n);
	if (find(set, text, hash)->at)
		return false;
	if (2 * (set->count + 1) > set->mask + 1)
		grow(set);
	*find(set, text, hash) = (struct slot){.hash = hash, .at = keep(set, text)};
	set_bit(set, hash);
	set->count++;
	return true;
}

bool textset_has(const struct textset *set, struct slice text)
{
	uint64_t hash = XXH3_64bits(text.p, text.n);
	size_t bit = bit_of(set, hash);
	return set->bits[bit / 64] >> bit % 64 & 1 && find(set, text, hash)->at != 0;
}

size_t textset_count(const struct textset *set)
{
	return set->count;
}
