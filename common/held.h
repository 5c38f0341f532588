/* held: copies of lines that wait, first in first out, each in a buffer as json.h asks. */
#ifndef PAYPIPE_HELD_H
#define PAYPIPE_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amount.h"
#include "slice.h"

/* What is known of a line besides its text. */
struct held_line {
	size_t n;      /* its length without the line feed */
	uint64_t line; /* its number in the input */
	amount amount;
	bool given; /* its coordinates are from --source */
};

/* Zero-initialise. Callers may read n and bytes, the rest is its own. */
struct held {
	size_t n;     /* lines */
	size_t bytes; /* of them all, line feeds included */
	struct held_line *line;
	char *text;
	size_t first, capacity;            /* of line: those from first on wait */
	size_t text_start, text_end, room; /* of text */
};

void held_free(struct held *held);

/* Copies a line to the end. */
void held_add(struct held *held, struct slice text, const struct held_line *about);

/* The first line: its text, valid until the next held_add or held_drop. There must be one. */
const char *held_first(const struct held *held, struct held_line *about);

/* Takes the first line out. */
void held_drop(struct held *held);

#endif
