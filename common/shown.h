/* shown: text for people, in which no data can act on a terminal: control characters are written as \xNN. */
#ifndef PAYPIPE_SHOWN_H
#define PAYPIPE_SHOWN_H

#include <stdio.h>

#include "slice.h"

/* How many bytes of text, which has n > 0 left, are a control character of Unicode's Cc (C0, DEL, C1): 0, 1 or 2. */
static inline size_t shown_control(const char *text, size_t n)
{
	unsigned char c = (unsigned char)text[0];
	if (c < 0x20 || c == 0x7f)
		return 1;
	return c == 0xc2 && n > 1 && ((unsigned char)text[1] & 0xe0) == 0x80 ? 2 : 0;
}

/* Writes text with each byte of a control character as \xNN to `to`, which has room for four times as much; returns
 * how many bytes that are. */
size_t shown_write(char *to, struct slice text);

/* As fprintf, with control characters but line feeds escaped. */
void shown_print(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
