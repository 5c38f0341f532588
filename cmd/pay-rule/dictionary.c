#include "dictionary.h"

#include <stdlib.h>
#include <xxhash.h>

#include "fail.h"
#include "seed.h"

void dictionary_free(struct dictionary *dictionary)
{
	free(dictionary->word);
	free(dictionary->slot);
	free(dictionary->text);
	*dictionary = (struct dictionary){0};
}

static uint32_t hash_of(struct slice text)
{
	return (uint32_t)XXH3_64bits_withSeed(text.p, text.n, seed_of_run());
}

/* The slot that holds text, or the free one where it belongs. */
static uint32_t seek(const struct dictionary *dictionary, struct slice text, uint32_t hash)
{
	uint32_t mask = dictionary->slots - 1;
	for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
		uint32_t number = dictionary->slot[i].number;
		if (!number)
			return i;
		if (dictionary->slot[i].hash == hash && slice_equal(dictionary_text(dictionary, number), text))
			return i;
	}
}

uint32_t dictionary_fetch(const struct dictionary *dictionary, struct slice text)
{
	uint32_t hash = hash_of(text);
	if (dictionary->slots)
		__builtin_prefetch(&dictionary->slot[hash & (dictionary->slots - 1)]);
	return hash;
}

uint32_t dictionary_find_hashed(const struct dictionary *dictionary, struct slice text, uint32_t hash)
{
	if (!dictionary->slots)
		return 0;
	return dictionary->slot[seek(dictionary, text, hash)].number;
}

uint32_t dictionary_find(const struct dictionary *dictionary, struct slice text)
{
	return dictionary_find_hashed(dictionary, text, hash_of(text));
}

/* Doubles the slots; at most half of them are ever taken. */
static void widen(struct dictionary *dictionary)
{
	uint32_t slots = dictionary->slots ? 2 * dictionary->slots : 64;
	if (slots < dictionary->slots)
		fail(EX_CONFIG, "more than %u different texts in one column of the rules", dictionary->count);
	size_t size = (size_t)slots * sizeof *dictionary->slot;
	free(dictionary->slot);
	dictionary->slot = must_alloc(size);
	memset(dictionary->slot, 0, size);
	dictionary->slots = slots;
	for (uint32_t number = 1; number <= dictionary->count; number++) {
		struct slice text = dictionary_text(dictionary, number);
		uint32_t hash = hash_of(text), at = seek(dictionary, text, hash);
		dictionary->slot[at].hash = hash;
		dictionary->slot[at].number = number;
	}
}

static void store(struct dictionary *dictionary, struct slice text)
{
	if (dictionary->count == dictionary->word_capacity) {
		dictionary->word_capacity = dictionary->word_capacity ? 2 * dictionary->word_capacity : 64;
		dictionary->word =
		    must_realloc(dictionary->word, (size_t)dictionary->word_capacity * sizeof *dictionary->word);
	}
	if (dictionary->text_capacity - dictionary->text_n < text.n) {
		dictionary->text_capacity = 2 * dictionary->text_capacity + text.n + 256;
		dictionary->text = must_realloc(dictionary->text, dictionary->text_capacity);
	}
	if (text.n)
		memcpy(dictionary->text + dictionary->text_n, text.p, text.n);
	dictionary->word[dictionary->count].at = dictionary->text_n;
	dictionary->word[dictionary->count].n = text.n;
	dictionary->text_n += text.n;
	dictionary->count++;
}

uint32_t dictionary_add(struct dictionary *dictionary, struct slice text)
{
	if (dictionary->count >= dictionary->slots / 2)
		widen(dictionary);
	uint32_t hash = hash_of(text), at = seek(dictionary, text, hash);
	if (!dictionary->slot[at].number) {
		store(dictionary, text);
		dictionary->slot[at].hash = hash;
		dictionary->slot[at].number = dictionary->count;
	}
	return dictionary->slot[at].number;
}

struct slice dictionary_text(const struct dictionary *dictionary, uint32_t number)
{
	return (struct slice){dictionary->text + dictionary->word[number - 1].at, dictionary->word[number - 1].n};
}
