#include "siphash.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>

#include "fail.h"

/* The names are those of the paper and its reference implementation. */
struct state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotated(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void round_of(struct state *s)
{
	s->v0 += s->v1;
	s->v1 = rotated(s->v1, 13) ^ s->v0;
	s->v0 = rotated(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotated(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotated(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotated(s->v1, 17) ^ s->v2;
	s->v2 = rotated(s->v2, 32);
}

static inline void compress(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	round_of(s);
	round_of(s);
	s->v0 ^= word;
}

static inline uint64_t finish(struct state *s)
{
	for (int i = 0; i < 4; i++)
		round_of(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static inline uint64_t word_at(const void *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
	return le64toh(word);
}

/* The bytes that fill no word, as one. */
static inline uint64_t tail_of(struct slice text)
{
	size_t n = text.n % 8;
	const char *end = text.p + text.n;
	uint64_t word = 0;
	if (n > 0 && text.n >= 8)
		return word_at(end - 8) >> (64 - 8 * n);
	for (size_t i = 1; i <= n; i++)
		word = word << 8 | (unsigned char)end[-(ptrdiff_t)i];
	return word;
}

void siphash_make_key(uint8_t bytes[SIPHASH_KEY])
{
	if (getrandom(bytes, SIPHASH_KEY, 0) != SIPHASH_KEY)
		fail(EX_OSERR, "no random bytes from the system:");
}

struct siphash_key siphash_key(const uint8_t bytes[SIPHASH_KEY])
{
	return (struct siphash_key){word_at(bytes), word_at(bytes + 8)};
}

struct siphash siphash(const struct siphash_key *key, struct slice text)
{
	struct state s = {key->k0 ^ UINT64_C(0x736f6d6570736575), key->k1 ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
			  key->k0 ^ UINT64_C(0x6c7967656e657261), key->k1 ^ UINT64_C(0x7465646279746573)};
	for (size_t at = 0; at + 8 <= text.n; at += 8)
		compress(&s, word_at(text.p + at));
	compress(&s, (uint64_t)text.n << 56 | tail_of(text));
	s.v2 ^= 0xee;
	struct siphash hash = {.low = finish(&s)};
	s.v1 ^= 0xdd;
	hash.high = finish(&s);
	return hash;
}
