/* key: what a payment's rule is looked up by, `merchant/date/action/method`, its texts as numbers.
 *
 * All tables of rules and cycles share one numbering, so a payment's texts are looked up once. */
#ifndef PAYPIPE_RULE_KEY_H
#define PAYPIPE_RULE_KEY_H

#include <stdint.h>

#include "date.h"
#include "dictionary.h"

/* The numbering. Zero-initialise. */
struct keys {
	struct dictionary merchant, action, method;
};

/* The texts of a key, decoded. */
struct key_texts {
	struct slice merchant, action, method;
};

/* A text that no table names has the number 0. */
struct key {
	uint32_t merchant;
	date_day day; /* of the payment; 0 in tables that are not by day */
	uint32_t action, method;
};

/* The key of a payment. merchant_hash is dictionary_fetch's, of the merchant. */
static inline struct key keys_find_hashed(const struct keys *keys, struct key_texts texts, date_day day,
					  uint32_t merchant_hash)
{
	return (struct key){dictionary_find_hashed(&keys->merchant, texts.merchant, merchant_hash), day,
			    dictionary_find(&keys->action, texts.action), dictionary_find(&keys->method, texts.method)};
}

static inline struct key keys_find(const struct keys *keys, struct key_texts texts, date_day day)
{
	return keys_find_hashed(keys, texts, day, dictionary_fetch(&keys->merchant, texts.merchant));
}

/* The key of a table's row, its texts numbered if they are new. */
static inline struct key keys_add(struct keys *keys, struct key_texts texts, date_day day)
{
	return (struct key){dictionary_add(&keys->merchant, texts.merchant), day,
			    dictionary_add(&keys->action, texts.action), dictionary_add(&keys->method, texts.method)};
}

/* Keys numbered from 0 in the order they were added, each once: the index of a table. Zero-initialise. */
struct keytable {
	struct key *key;
	struct keytable_slot {
		uint32_t hash, next; /* next: 1 + number of a key; 0 free */
	} * slot;
	uint32_t count, capacity, slots; /* slots: a power of two, or 0 */
};

enum { KEYTABLE_NONE = -1 };

void keytable_free(struct keytable *table);

/* The number of a key, KEYTABLE_NONE when it is not there. */
int64_t keytable_find(const struct keytable *table, const struct key *key);

/* Fetches a key's place in the table into the processor's cache. */
void keytable_fetch(const struct keytable *table, const struct key *key);

/* The number that a key likely has, told by its place alone; KEYTABLE_NONE when it is not there. */
int64_t keytable_guess(const struct keytable *table, const struct key *key);

/* Adds a key that is not there; its number is the count before. */
void keytable_add(struct keytable *table, const struct key *key);

/* Takes out the key of a number; the last key, of number count - 1, gets that number. */
void keytable_remove(struct keytable *table, uint32_t number);

#endif
