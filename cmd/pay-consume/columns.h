/* columns: what the words in the header of a table stand for, from a file of --columns: a WORD=MEMBER a line. */
#ifndef PAYPIPE_COLUMNS_H
#define PAYPIPE_COLUMNS_H

#include "slice.h"

struct columns;

/* Reads a file: blank lines and those that begin with # are left out; a line that is no WORD=MEMBER, not UTF-8, or of a
 * word that was there before ends the program with 78. Cannot be read: 66 or 77. The caller frees. */
struct columns *columns_read(const char *file);
void columns_free(struct columns *columns);

/* The member that a word stands for: the word itself where columns is NULL or does not have it. */
struct slice columns_member(const struct columns *columns, struct slice word);

#endif
