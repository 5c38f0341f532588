/* slice: a run of bytes that somebody else owns. */
#ifndef PAYPIPE_SLICE_H
#define PAYPIPE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Bytes p[0..n), not terminated; valid as long as their owner says. */
struct slice {
	const char *p;
	size_t n;
};

/* The slice of a string literal. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

/* The slice of a terminated string, which stays the caller's. */
static inline struct slice slice_of(const char *s)
{
	return (struct slice){s, strlen(s)};
}

/* Whether two slices hold the same bytes. */
static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || (a.p[0] == b.p[0] && memcmp(a.p, b.p, a.n) == 0));
}

/* Whether a begins with the bytes of prefix. */
static inline bool slice_begins(struct slice a, struct slice prefix)
{
	return a.n >= prefix.n && (prefix.n == 0 || (a.p[0] == prefix.p[0] && memcmp(a.p, prefix.p, prefix.n) == 0));
}

/* The slice without the spaces, tabs and carriage returns around it. */
static inline struct slice slice_trimmed(struct slice text)
{
	while (text.n > 0 && memchr(" \t\r", text.p[0], 3)) {
		text.p++;
		text.n--;
	}
	while (text.n > 0 && memchr(" \t\r", text.p[text.n - 1], 3))
		text.n--;
	return text;
}

/* The next word of a list with commas between, behind which *list is moved; false at the list's end. A word may be
 * empty.
 */
static inline bool slice_word(const char **list, struct slice *word)
{
	if (!**list)
		return false;
	*word = (struct slice){*list, strcspn(*list, ",")};
	*list += word->n + (word->p[word->n] == ',');
	return true;
}

/* Copies text to `to`, which has room for it, and returns the byte behind it. */
static inline char *slice_append(char *to, struct slice text)
{
	memcpy(to, text.p, text.n);
	return to + text.n;
}

/* Orders slices by their bytes as unsigned values, a shorter prefix first (so UTF-8 by code point): <0, 0, >0. */
static inline int slice_compare(struct slice a, struct slice b)
{
	int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

#endif
