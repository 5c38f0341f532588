/* kept: what the code under test allocates and does not free, because it fails or because it lives as long as its
 * program, so that a fuzzer can run it a million times. */
#ifndef PAYPIPE_FUZZ_KEPT_H
#define PAYPIPE_FUZZ_KEPT_H

#include <sanitizer/allocator_interface.h>

#include "fuzz.h"

enum { KEPT_MAX = 1 << 16 };
static const volatile void *kept[KEPT_MAX];
static size_t kept_n;
/* This thread's allocations are being noted: libFuzzer's watchdog allocates in a thread of its own, while we run. */
static _Thread_local int kept_now;

static void kept_note(const volatile void *p, size_t n)
{
	(void)n;
	if (kept_now && kept_n < KEPT_MAX)
		kept[kept_n++] = p;
}

static void kept_forget(const volatile void *p)
{
	for (size_t i = kept_n; kept_now && i > 0; i--)
		if (kept[i - 1] == p) {
			kept[i - 1] = kept[--kept_n];
			return;
		}
}

/* Notes what is allocated from here on. */
static inline void kept_start(void)
{
	static int installed;
	if (!installed)
		installed = __sanitizer_install_malloc_and_free_hooks(kept_note, kept_forget);
	MUST(installed);
	kept_n = 0;
	kept_now = 1;
}

/* Frees what was noted and is still there. */
static inline void kept_free(void)
{
	kept_now = 0;
	MUST(kept_n < KEPT_MAX);
	while (kept_n > 0)
		free((void *)(uintptr_t)kept[--kept_n]);
}

/* Calls a function that may fail; whether it returned. */
static inline int kept_try(void (*function)(void *self), void *self)
{
	fuzz_caught = 1;
	int failed = setjmp(fuzz_back);
	if (!failed)
		function(self);
	fuzz_caught = 0;
	return !failed;
}

#endif
