/* csv_field: a field of a CSV table as it is written. */
#ifndef PAYPIPE_CSV_FIELD_H
#define PAYPIPE_CSV_FIELD_H

#include <stdbool.h>

#include "slice.h"

/* Room for a field of n bytes. */
static inline size_t csv_field_room(size_t n)
{
	return 2 * n + 2;
}

/* Writes a field as RFC 4180 has it, and returns the byte behind it: in quotes where it holds what would end it, and
 * where it is empty but there. */
static inline char *csv_field(char *to, struct slice text)
{
	bool quote = text.n == 0;
	for (size_t i = 0; i < text.n && !quote; i++)
		quote = text.p[i] == ',' || text.p[i] == '"' || text.p[i] == '\n' || text.p[i] == '\r';
	if (!quote)
		return slice_append(to, text);
	*to++ = '"';
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"')
			*to++ = '"';
		*to++ = text.p[i];
	}
	*to++ = '"';
	return to;
}

#endif
