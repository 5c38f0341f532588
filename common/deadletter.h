/* deadletter: what becomes of a bad record. By default the program stops and names it; with --dead-letter FILE it is
 * appended there, with --dead-letter - it flows on in the stream. */
#ifndef PAYPIPE_DEADLETTER_H
#define PAYPIPE_DEADLETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "append.h"
#include "options.h"
#include "output.h"
#include "slice.h"

struct deadletter {
	const struct settings *settings;
	struct output *stream; /* where records go on to */
	struct append file;
	bool to_file;
	uint64_t count;   /* bad records so far */
	char reason[256]; /* why the last one was bad, or the beginning of that */
};

/* Gets ready by settings: opens the file for appending (append.h), as other stages may, too. stream is
 * the program's output. */
void deadletter_open(struct deadletter *dead, const struct settings *settings, struct output *stream);

/* --check: looks whether the file could be opened, and makes none; and is of its kind; if not, ends the program with 73
 * or 77. */
void deadletter_check(const struct settings *settings);

/* What a bad record is: its coordinates and the key of its message, each as a JSON string with quotes, or empty. */
struct deadletter_origin {
	struct slice source, key;
	bool key_base64; /* the key was not UTF-8 */
};

/* A bad record of that origin; place names it in a message where it
 * has none; raw is its text, of `length` bytes in all where only its beginning is kept. Returns whether it went on in
 * the stream. Without --dead-letter, or after --max-dead of them, flushes the stream and ends the program with 65. */
bool deadletter_write(struct deadletter *dead, const struct deadletter_origin *origin, const char *place,
		      const char *reason, struct slice raw, uint64_t length);

/* Writes bytes in base64 (RFC 4648 section 4), as the raw text of a letter that is not UTF-8; to has 4 * ((n + 2) / 3)
 * bytes. Returns how many were written. */
size_t deadletter_base64(char *to, struct slice bytes);

/* Makes what was appended durable: to be called before a mark is passed on. */
void deadletter_sync(struct deadletter *dead);

/* Makes it durable and closes the file. */
void deadletter_close(struct deadletter *dead);

#endif
