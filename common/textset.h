/* textset: a set of texts, for lists of merchants and the like; built once, then asked a million times a second. */
#ifndef PAYPIPE_TEXTSET_H
#define PAYPIPE_TEXTSET_H

#include <stdbool.h>
#include <stddef.h>

#include "slice.h"

struct textset;

/* An empty set; the caller frees it. */
struct textset *textset_new(void);
void textset_free(struct textset *set);

/* Adds a copy of text; returns whether it was new. */
bool textset_add(struct textset *set, struct slice text);

bool textset_has(const struct textset *set, struct slice text);
size_t textset_count(const struct textset *set);

#endif
