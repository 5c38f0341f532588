/* SipHash-2-4 of 128 bits gives what its authors' vectors say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "siphash.h"

enum { LONGEST = 64 };

/* The key is 00 01 … 0f, the text of length n is 00 01 … n-1, as in the reference implementation. */
static struct siphash of_length(size_t n)
{
	uint8_t bytes[SIPHASH_KEY];
	char text[LONGEST];
	for (int i = 0; i < SIPHASH_KEY; i++)
		bytes[i] = (uint8_t)i;
	for (int i = 0; i < LONGEST; i++)
		text[i] = (char)i;
	struct siphash_key key = siphash_key(bytes);
	return siphash(&key, (struct slice){text, n});
}

static void as_the_vectors_say(void **state)
{
	/* vectors_sip128, each as two little-endian words */
	static const struct {
		size_t n;
		uint64_t low, high;
	} vectors[] = {{0, 0xe6a825ba047f81a3, 0x930255c71472f66d},
		       {1, 0x44af996bd8c187da, 0x45fc229b11597634},
		       {2, 0xc75da4a48d227781, 0xe4ff0af6de8ba3fc},
		       {15, 0x11a8b03399e99354, 0xd9c3cf970fec087e},
		       {63, 0x4a83502f77d15051, 0x7cbd3f979a063e50}};
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		struct siphash hash = of_length(vectors[i].n);
		assert_true(hash.low == vectors[i].low);
		assert_true(hash.high == vectors[i].high);
	}
}

static void keys_are_made_at_random(void **state)
{
	uint8_t one[SIPHASH_KEY], other[SIPHASH_KEY];
	(void)state;
	siphash_make_key(one);
	siphash_make_key(other);
	assert_memory_not_equal(one, other, SIPHASH_KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_vectors_say),
					   cmocka_unit_test(keys_are_made_at_random)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
