/* totals: groups by key, each with a count of records and the exact sum of their amounts, in a hash table. */
#ifndef PAYPIPE_TOTALS_H
#define PAYPIPE_TOTALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amount.h"
#include "slice.h"

struct group {
	amount_sum sum;
	uint64_t count;
	int64_t id; /* the caller's: its row in a database, 0 while that is not known */
	bool seen;  /* the caller's */
	uint32_t n; /* bytes of the key */
	char key[]; /* see grouping.h */
};

struct totals_slot {
	uint64_t hash;
	struct group *group; /* NULL: free */
};

struct totals_block;

struct totals {
	struct totals_slot *slot;
	size_t mask; /* slots less one: a power of two less one */
	size_t n;    /* groups */
	struct totals_block *block;
};

/* An empty table / gives back all of it. */
void totals_init(struct totals *totals);
void totals_free(struct totals *totals);

/* The group of a key, made with nothing in it where it is new. It stays where it is until totals_clear. */
struct group *totals_group(struct totals *totals, struct slice key);

/* The same in three steps, with time between them, since most groups lie beyond the processor's cache: the key's hash
 * (its slot is fetched), its group is fetched, and the group of key and hash. */
uint64_t totals_begin(const struct totals *totals, struct slice key);
void totals_fetch(const struct totals *totals, uint64_t hash);
struct group *totals_group_of(struct totals *totals, struct slice key, uint64_t hash);

/* Forgets all groups. */
void totals_clear(struct totals *totals);

/* All groups in the order of their keys: an array of totals->n, which the caller frees. */
struct group **totals_sorted(const struct totals *totals);

/* Puts groups into the order of their keys. */
void groups_sort(struct group **groups, size_t n);

static inline struct slice group_key(const struct group *group)
{
	return (struct slice){group->key, group->n};
}

#endif
