/* random: numbers that a seed fixes, the same on every machine.
 *
 * SplitMix64 of G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014, section 4,
 * with the constants of D. Stafford's thirteenth mixer: a counter goes up by the golden gamma, and each value of it is
 * mixed. Integers only, so that no rounding of a library or a processor shows in a day. */
#ifndef PAY_GEN_RANDOM_H
#define PAY_GEN_RANDOM_H

#include <stdint.h>

__extension__ typedef unsigned __int128 random_wide;

/* A generator; its value is its state. */
struct random {
	uint64_t state;
};

enum { RANDOM_KIND = 1, RANDOM_AGAIN, RANDOM_PAYMENT, RANDOM_MERCHANT, RANDOM_RULE };

static inline uint64_t random_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* The next 64 bits. */
static inline uint64_t random_next(struct random *random)
{
	return random_mix(random->state += 0x9e3779b97f4a7c15u);
}

/* A number from 0 to n - 1 (n > 0): the high half of a product, its bias is under n / 2^64. */
static inline uint64_t random_below(struct random *random, uint64_t n)
{
	return (uint64_t)(((random_wide)random_next(random) * n) >> 64);
}

/* The generator of one purpose (RANDOM_KIND and so on) and one number under it: what is drawn from one does not change
 * what another gives. */
static inline struct random random_of(uint64_t seed, uint64_t purpose, uint64_t number)
{
	return (struct random){random_mix(random_mix(random_mix(seed) + purpose) + number)};
}

#endif
