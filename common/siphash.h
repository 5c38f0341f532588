/* siphash: a hash that nobody can aim at who does not know its key: SipHash-2-4 of 128 bits (J.-P. Aumasson and D. J.
 * Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012).
 *
 * For what decides about money and is made of what senders wrote; where only speed is at stake, XXH3 with a seed is
 * faster still. */
#ifndef PAYPIPE_SIPHASH_H
#define PAYPIPE_SIPHASH_H

#include <stdint.h>

#include "slice.h"

enum { SIPHASH_KEY = 16 }; /* bytes of a key */

struct siphash_key {
	uint64_t k0, k1;
};

struct siphash {
	uint64_t high, low;
};

/* Makes the bytes of a key that nobody can guess. */
void siphash_make_key(uint8_t bytes[SIPHASH_KEY]);

/* The key of these bytes. */
struct siphash_key siphash_key(const uint8_t bytes[SIPHASH_KEY]);

/* The hash of a text under a key, the same on every machine. */
struct siphash siphash(const struct siphash_key *key, struct slice text);

#endif
