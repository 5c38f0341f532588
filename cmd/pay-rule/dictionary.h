/* dictionary: texts numbered from 1 in the order they were met, so that tables hold and compare numbers. */
#ifndef PAYPIPE_RULE_DICTIONARY_H
#define PAYPIPE_RULE_DICTIONARY_H

#include <stdint.h>

#include "slice.h"

/* Zero-initialise. The members are its own. */
struct dictionary {
	struct {
		uint64_t at; /* where in text */
		size_t n;
	} * word;
	struct {
		uint32_t hash, number; /* number 0: free */
	} * slot;
	char *text;
	size_t text_n, text_capacity;
	uint32_t count, word_capacity, slots; /* slots: a power of two, or 0 */
};

void dictionary_free(struct dictionary *dictionary);

/* The number of a text, 0 when it is not there. */
uint32_t dictionary_find(const struct dictionary *dictionary, struct slice text);

/* The same in two steps with time between them: the text's hash, while its place is fetched into the processor's cache;
 * then its number. */
uint32_t dictionary_fetch(const struct dictionary *dictionary, struct slice text);
uint32_t dictionary_find_hashed(const struct dictionary *dictionary, struct slice text, uint32_t hash);

/* The number of a text, which is copied in when it is not there yet. */
uint32_t dictionary_add(struct dictionary *dictionary, struct slice text);

/* The text of a number from 1; valid until the next dictionary_add. */
struct slice dictionary_text(const struct dictionary *dictionary, uint32_t number);

#endif
