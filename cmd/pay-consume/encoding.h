/* encoding: text in another encoding than UTF-8, read as UTF-8 by iconv(3). */
#ifndef PAYPIPE_ENCODING_H
#define PAYPIPE_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

#include "input.h"
#include "slice.h"

struct encoding;

/* Whether there is an encoding of that name. */
bool encoding_known(const char *name);

/* Reads the bytes that fill gives, in a known encoding. A byte that is no text in it comes out as ENCODING_BAD, which
 * UTF-8 never holds, and its value in two digits. */
struct encoding *encoding_open(const char *name, input_fill *fill, void *self);
enum { ENCODING_BAD = 0xff };

/* An input_fill. n must be 64 or more. */
size_t encoding_fill(void *encoding, char *to, size_t n);

/* Names the first byte of a text that could not be read, as `the byte 0x8A is no CP949`; NULL: all could. The text is
 * valid until the next call. */
const char *encoding_fault(struct encoding *encoding, struct slice text);

/* Gives back what it holds; NULL: nothing to do. */
void encoding_close(struct encoding *encoding);

#endif
