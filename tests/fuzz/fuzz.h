/* fuzz: what the fuzzers share. Each gives LLVMFuzzerTestOneInput a text and aborts where a promise is broken. */
#ifndef PAYPIPE_FUZZ_H
#define PAYPIPE_FUZZ_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sysexits.h>

#include "json.h"

/* A promise that the code under test makes. */
#define MUST(condition)                                                                         \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                               \
	} while (0)

/* The linker puts this in the place of fail: with fuzz_caught set it leads back there, since a refusal is an answer;
 * without it, a module that should have returned its verdict has ended the program. */
static jmp_buf fuzz_back;
static int fuzz_caught;
_Noreturn void __wrap_fail(int status, const char *format, ...);
_Noreturn void __wrap_fail(int status, const char *format, ...)
{
	MUST(status >= EX__BASE && status <= EX__MAX && format[0]);
	MUST(fuzz_caught);
	longjmp(fuzz_back, status);
}

/* The bytes up to their first line feed as the readers want a line: a line feed and no more than the padding behind
 * it, so that a sanitizer sees each byte read too far. *n gets the length without the line feed; the caller frees. */
static inline char *fuzz_line(const uint8_t *bytes, size_t *n)
{
	const uint8_t *feed = *n > 0 ? memchr(bytes, '\n', *n) : NULL;
	if (feed)
		*n = (size_t)(feed - bytes);
	char *line = malloc(*n + 1 + JSON_PADDING);
	if (!line)
		abort();
	if (*n > 0)
		memcpy(line, bytes, *n);
	line[*n] = '\n';
	memset(line + *n + 1, 0, JSON_PADDING);
	return line;
}

/* The bytes alone in their own allocation; the caller frees. */
static inline struct slice fuzz_slice(const uint8_t *bytes, size_t n)
{
	char *copy = malloc(n ? n : 1);
	if (!copy)
		abort();
	if (n > 0)
		memcpy(copy, bytes, n);
	return (struct slice){copy, n};
}

/* The bytes ended by a NUL; the caller frees. */
static inline char *fuzz_text(const uint8_t *bytes, size_t n)
{
	char *text = malloc(n + 1);
	if (!text)
		abort();
	if (n > 0)
		memcpy(text, bytes, n);
	text[n] = '\0';
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#endif
