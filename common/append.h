/* append: a file that whole lines are added to, by one program or by several at a time. */
#ifndef PAYPIPE_APPEND_H
#define PAYPIPE_APPEND_H

#include <stdbool.h>
#include <stddef.h>

#include "output.h"

struct append {
	struct output output; /* write lines through this, between append_begin and append_end */
	bool regular;         /* a file, not a pipe or a device */
	bool alone;           /* no other program may write to it meanwhile */
	bool locked;          /* while a line is written that the buffer does not hold */
	bool unsynced;
};

/* Opens the file for appending, made (mode 0600) when missing; alone holds it for this program. In use elsewhere ends
 * the program with 75, cannot be made with 73 or 77 (by file_guard, too). A half-written last line, left by a
 * program that died, is cut off: its record was not acknowledged and comes again. A whole one that lacks its line feed
 * gets it. */
void append_open(struct append *append, const char *path, bool alone);

/* A line of at most n bytes follows, and then append_end. Others' lines come before or behind it, never within. */
void append_begin(struct append *append, size_t n);

/* The line is written. */
void append_end(struct append *append);

/* Puts everything written so far on the disk; an error ends the program with 74. */
void append_sync(struct append *append);

/* The same, and closes it. */
void append_close(struct append *append);

#endif
