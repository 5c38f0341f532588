/* append: a file that whole lines are added to, by one program or by several at a time. */
#ifndef PAYPIPE_APPEND_H
#define PAYPIPE_APPEND_H

#include <stdbool.h>
#include <stddef.h>

#include "output.h"
#include "target.h"

/* Stays where it is while it is open. */
struct append {
	struct output output; /* write lines through this, between append_begin and append_end */
	/* the rest is its own */
	struct target target;
	double wait;         /* seconds, for others' turn */
	unsigned number;     /* of the open files of this process */
	struct append *next; /* of them */
	bool regular;        /* a file, not a pipe or a device */
	bool alone;          /* no other program may write to it meanwhile */
	size_t most;         /* bytes that the buffer may grow to before it is written; 0: it does not grow */
	bool known;          /* it was seen to be of its kind, and not empty */
	bool locked;         /* while a line is written that the buffer does not hold */
	bool written;        /* to the file that is open, since it was synced */
	bool unsynced;
};

/* Opens the file for appending, made (mode 0600) when missing; alone holds it for this program. In use elsewhere ends
 * the program with 75: alone at once, else when others have their turn for `wait` seconds. Cannot be made, or is
 * something else than the target may be: 73 or 77, by file.h and target.h, before anything is changed.
 *
 * Each time that lines are written, it is the file of the name: one that was moved away or removed meanwhile gets no
 * more, a new one is made. And each time it ends with a line feed first. A half-written last line, left by a program
 * that died, is cut off: its record was not acknowledged and comes again; so are zeros that a loss of power left in
 * what was not synced. A whole one that lacks its line feed gets it. */
void append_open(struct append *append, const struct target *target, bool alone, double wait);

/* Lines wait for append_sync in a buffer that grows up to APPEND_WAITING bytes, rather than for the buffer to be full:
 * where the program ends by an error, those of a segment that is not over are not written. */
enum { APPEND_WAITING = 8 << 20 };
void append_wait_for_sync(struct append *append);

/* To be called before confine, when all files are open: those that are moved away are opened anew by a child process
 * then (opener.h). */
void append_confine(void);

/* A line of at most n bytes follows, and then append_end. Others' lines come before or behind it, never within. */
void append_begin(struct append *append, size_t n);

/* The line is written. */
void append_end(struct append *append);

/* Puts everything written so far on the disk; an error ends the program with 74. */
void append_sync(struct append *append);

/* The same, and closes it. */
void append_close(struct append *append);

#endif
