#include "seed.h"

#include <sys/auxv.h>
#include <xxhash.h>

uint64_t seed_of_run(void)
{
	enum { BYTES = 16 }; /* random ones, which the kernel gives each program at its start: getauxval(3) */
	static uint64_t seed;
	const void *bytes = seed ? NULL : (const void *)(uintptr_t)getauxval(AT_RANDOM);
	if (bytes)
		seed = XXH3_64bits(bytes, BYTES);
	return seed;
}
