/* beginning: what a file seems to be, by its first bytes, when it is none of payments: for messages, never to read it
 * otherwise. */
#ifndef PAYPIPE_BEGINNING_H
#define PAYPIPE_BEGINNING_H

#include <stdbool.h>
#include <stddef.h>

#include "record.h"
#include "slice.h"

enum { BEGINNING_TEXT = 2048 };

/* The file whose beginning (unpacked) is start, and what it shall be known by. */
struct beginning {
	struct slice start;
	const char *path, *name;
	const char *unpack;   /* the command by which it was unpacked; NULL: it was not packed */
	const char *encoding; /* that its text was said to be in; NULL: none was */
};

/* Writes what it seems to be and what helps to text, which has BEGINNING_TEXT bytes: "an xz archive: xz -dc FILE |
 * pay-consume --as NAME -". Returns false where nothing is known. */
bool beginning_tell(const struct beginning *beginning, char *text);

/* Whether what begins so is certainly no text of payments. */
bool beginning_foreign(struct slice start);

/* Whether a first line shows JSON that is spread over lines, of which one may look like a record. */
bool beginning_spread(struct slice line);

/* What a JSON object with these members is, where it is certainly no message but what a message is wrapped in, and what
 * helps; NULL: nothing is known. */
const char *beginning_envelope(const struct members *top);

#endif
