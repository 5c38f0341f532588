/* line: rows spelled as lines of the stream. What is stored in columns alone is written back by these, byte for byte as
 * it came; a record for which they would write anything else is kept whole beside its columns. */
#ifndef PAYPIPE_STORE_LINE_H
#define PAYPIPE_STORE_LINE_H

#include <stdbool.h>

#include "segment.h"

/* Room for the line of a row with these coordinates and texts. */
size_t line_room(struct slice source, const struct slice text[ROW_TEXTS]);

/* Each writes a line without its line feed to `to`, which has line_room bytes, and returns its length. A text is absent
 * where its p is NULL. */

/* A base record, or with ROW_REASON a record tagged as unsettled. */
size_t line_payment(char *to, const struct coordinates *at, const struct slice text[ROW_TEXTS], int64_t money);

/* Whether a line is certainly what line_payment writes, found out without writing it. `line` begins with its _src,
 * which has no escapes; texts that have none point into it. Says no where that is not simple to tell. */
bool line_is_payment(struct slice line, struct slice src, const struct slice text[ROW_TEXTS], int64_t money);

/* A dead letter. */
size_t line_dead(char *to, const struct coordinates *at, const struct slice text[ROW_TEXTS]);

/* A total. */
size_t line_total(char *to, const struct slice text[ROW_TEXTS], int64_t count, int64_t total);

#endif
