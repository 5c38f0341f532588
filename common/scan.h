/* scan: text looked at sixteen bytes at a time, by SSE2 where it is compiled in (all x86-64 has it), else byte by byte;
 * with JSON_SCALAR always byte by byte, which is how tests hold the two against each other. All functions may read up
 * to SCAN_AHEAD bytes behind where they stop: what they are given lies in a buffer as json.h asks. */
#ifndef PAYPIPE_SCAN_H
#define PAYPIPE_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && !defined(JSON_SCALAR)
#include <emmintrin.h>
#define SCAN_SSE2 1
#endif

enum { SCAN_AHEAD = 32, SCAN_TEXT = 32 };

/* A text of up to SCAN_TEXT bytes to compare with. */
struct scan_text {
	char text[SCAN_TEXT];
	uint32_t rest; /* a bit for each byte behind the text */
	uint8_t n;     /* its length; 0: there is none */
};

/* Sets it to the n bytes at p; n is 1 to SCAN_TEXT. */
static inline void scan_text_set(struct scan_text *to, const char *p, size_t n)
{
	memset(to->text, 0, sizeof to->text);
	memcpy(to->text, p, n);
	to->rest = n < SCAN_TEXT ? UINT32_MAX << n : 0;
	to->n = (uint8_t)n;
}

/* Whether the bytes at p begin with the text, which is not empty. */
static inline bool scan_begins(const char *p, const struct scan_text *text)
{
#ifdef SCAN_SSE2
	const __m128i *a = (const void *)p, *b = (const void *)text->text;
	__m128i low = _mm_cmpeq_epi8(_mm_loadu_si128(a), _mm_loadu_si128(b));
	__m128i high = _mm_cmpeq_epi8(_mm_loadu_si128(a + 1), _mm_loadu_si128(b + 1));
	uint32_t same = (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;
	return (same | text->rest) == UINT32_MAX;
#else
	return memcmp(p, text->text, text->n) == 0;
#endif
}

/* The first byte from p on that a string must look at: a quote, a backslash, a control character, or a byte of UTF-8
 * beyond ASCII. */
static inline const char *scan_special(const char *p)
{
#ifdef SCAN_SSE2
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(' ');
	for (;; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		/* Signed comparison takes the last two as one: both are less than a space. */
		__m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)),
					     _mm_cmplt_epi8(v, space));
		unsigned mask = (unsigned)_mm_movemask_epi8(found);
		if (mask)
			return p + __builtin_ctz(mask);
	}
#else
	while (*p != '"' && *p != '\\' && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80)
		p++;
	return p;
#endif
}

#endif
