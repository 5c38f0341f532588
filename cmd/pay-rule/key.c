#include "key.h"

#include <stddef.h>
#include <stdlib.h>
#include <xxhash.h>

#include "fail.h"
#include "seed.h"

_Static_assert(sizeof(struct key) == 16, "a key is hashed and compared as bytes, so it has none to spare");

void keytable_free(struct keytable *table)
{
	free(table->key);
	free(table->slot);
	*table = (struct keytable){0};
}

static uint32_t hash_of(const struct key *key)
{
	return (uint32_t)XXH3_64bits_withSeed(key, sizeof *key, seed_of_run());
}

/* Where a key's slot is sought from. The keys of one merchant and day lie side by side, in one line of a core's cache:
 * with a million rules, most of the time goes into fetching slots. */
static uint32_t home(const struct keytable *table, const struct key *key)
{
	uint32_t hash = (uint32_t)XXH3_64bits_withSeed(key, offsetof(struct key, action), seed_of_run());
	return (8 * hash + 4 * key->action + key->method) & (table->slots - 1);
}

/* The slot that holds key, or the free one where it belongs. */
static struct keytable_slot *seek(const struct keytable *table, const struct key *key, uint32_t hash)
{
	uint32_t i = home(table, key);
	while (table->slot[i].next &&
	       (table->slot[i].hash != hash || memcmp(&table->key[table->slot[i].next - 1], key, sizeof *key) != 0))
		i = (i + 1) & (table->slots - 1);
	return &table->slot[i];
}

int64_t keytable_find(const struct keytable *table, const struct key *key)
{
	if (!table->slots)
		return KEYTABLE_NONE;
	return (int64_t)seek(table, key, hash_of(key))->next - 1;
}

void keytable_fetch(const struct keytable *table, const struct key *key)
{
	if (table->slots)
		__builtin_prefetch(&table->slot[home(table, key)]);
}

int64_t keytable_guess(const struct keytable *table, const struct key *key)
{
	if (!table->slots)
		return KEYTABLE_NONE;
	uint32_t i = home(table, key), hash = hash_of(key);
	while (table->slot[i].next && table->slot[i].hash != hash)
		i = (i + 1) & (table->slots - 1);
	return (int64_t)table->slot[i].next - 1;
}

static void take_slot(struct keytable *table, uint32_t number)
{
	uint32_t hash = hash_of(&table->key[number]);
	*seek(table, &table->key[number], hash) = (struct keytable_slot){hash, number + 1};
}

/* Doubles the table; at most half of the slots are ever taken. */
static void widen(struct keytable *table)
{
	uint32_t slots = table->slots ? 2 * table->slots : 64;
	if (slots < table->slots)
		fail(EX_CONFIG, "more than %u rules, which is all that a table holds", table->count);
	size_t size = (size_t)slots * sizeof *table->slot;
	free(table->slot);
	table->slot = must_alloc(size);
	memset(table->slot, 0, size);
	table->slots = slots;
	table->capacity = slots / 2;
	table->key = must_realloc(table->key, (size_t)table->capacity * sizeof *table->key);
	for (uint32_t number = 0; number < table->count; number++)
		take_slot(table, number);
}

void keytable_add(struct keytable *table, const struct key *key)
{
	if (table->count == table->capacity)
		widen(table);
	table->key[table->count] = *key;
	take_slot(table, table->count++);
}

/* Frees a slot. Those behind it that were sought over it move up, so that no search ends too early. */
static void free_slot(struct keytable *table, uint32_t at)
{
	uint32_t mask = table->slots - 1;
	for (uint32_t i = (at + 1) & mask; table->slot[i].next; i = (i + 1) & mask) {
		uint32_t from = home(table, &table->key[table->slot[i].next - 1]);
		if (((i - from) & mask) >= ((i - at) & mask)) {
			table->slot[at] = table->slot[i];
			at = i;
		}
	}
	table->slot[at] = (struct keytable_slot){0, 0};
}

void keytable_remove(struct keytable *table, uint32_t number)
{
	const struct key *key = &table->key[number], *last = &table->key[table->count - 1];
	free_slot(table, (uint32_t)(seek(table, key, hash_of(key)) - table->slot));
	if (key != last) {
		seek(table, last, hash_of(last))->next = number + 1;
		table->key[number] = *last;
	}
	table->count--;
}
