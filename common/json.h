/* json: a strict reader of RFC 8259 texts in one forward pass, and the writing of strings.
 *
 * The reader needs no end pointer: what it reads lies in a buffer where a line feed follows the text and JSON_PADDING
 * readable bytes follow the line feed. A line feed stops every state of the reader, since none may stand inside a
 * text that is a line. */
#ifndef PAYPIPE_JSON_H
#define PAYPIPE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

enum { JSON_PADDING = 320 }; /* readable bytes after the line feed */
enum { JSON_DEPTH = 512 };   /* deepest nesting that is accepted; the outermost object counts 1 */

enum json_type {
	JSON_NULL = 'n',
	JSON_FALSE = 'f',
	JSON_TRUE = 't',
	JSON_NUMBER = '0',
	JSON_STRING = '"',
	JSON_ARRAY = '[',
	JSON_OBJECT = '{'
};

/* What json_value found. */
struct json_value {
	struct slice text; /* as spelled; a string with its quotes */
	uint8_t type;      /* enum json_type */
	bool escaped;      /* a string with at least one backslash; for other types not set */
};

/* Steps over space, tab and CR. */
static inline const char *json_space(const char *p)
{
	while (*p == ' ' || *p == '\t' || *p == '\r')
		p++;
	return p;
}

/* Reads the value that begins at p (no space before it), nested at depth `depth` (1 for an outermost value), and checks
 * it whole: grammar, UTF-8 (no surrogates, no overlong forms), escapes (surrogates only in pairs), no control
 * characters. Returns the byte after it, or NULL with *reason a constant text that says what is wrong. */
const char *json_value(const char *p, int depth, struct json_value *to, const char **reason);

/* Reads the string whose opening quote is just before p, as json_value does. Returns its closing quote, or NULL with
 * *reason. *escaped is set to whether it has a backslash. */
const char *json_string(const char *p, bool *escaped, const char **reason);

/* The characters of a string that json_value accepted, without its quotes and with escapes resolved, written to `to`,
 * which has room for string.n bytes. Returns their number. */
size_t json_unescape(char *to, struct slice string);

/* Room for n bytes as a JSON string. */
static inline size_t json_quote_room(size_t n)
{
	return 6 * n + 2;
}

/* Writes UTF-8 text as a JSON string with its quotes; escapes '"', '\\' and control characters (two-letter escapes
 * where they exist, else \u00xx in lower case) and nothing else. `to` has json_quote_room(text.n) bytes. Returns how
 * many were written. */
size_t json_quote(char *to, struct slice text);

/* Whether text is UTF-8 as RFC 3629 has it. */
bool json_utf8(struct slice text);

#endif
