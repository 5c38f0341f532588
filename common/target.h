/* target: a file that an option names for writing. It may be missing, empty, or of its own kind; whatever else it is,
 * is left as it is: the program ends before anything is changed.
 *
 * What it is shows by its first line. A file that is no regular one (a pipe, /dev/null) takes anything. */
#ifndef PAYPIPE_TARGET_H
#define PAYPIPE_TARGET_H

#include <stdbool.h>
#include <sys/stat.h>

enum target_kind {
	TARGET_LETTERS, /* dead letters: the first line is an object with _dead */
	TARGET_REJECTS, /* what pay-filter rejected: an object with _unsettled */
	TARGET_RECORDS, /* a result that is replaced whole: lines of JSON, an array, a CSV table */
	TARGET_TABLE,   /* the same, a CSV table with this header */
};

struct target {
	const char *option; /* that names it, "--dead-letter" */
	const char *path;
	enum target_kind kind;
	const char *instead; /* what else can be done, for the message; NULL: name another file */
	const char *header;  /* of a TARGET_TABLE */
};

/* Ends the program with 73, saying what the file seems to be, unless it may be written. fd can be read from; its offset
 * is left alone. */
void target_look(const struct target *target, int fd);

/* The files of a process must be different ones. Each call makes one known, and compares it with those before. */

/* An option of the program at hand names a file; writes: it is written to. The same file for two options of a program,
 * one of which writes, ends the program with 64; for different options of two stages that write, too. Standard output
 * going to a file that is written ends it with 73, and so does what
 * target_beside refuses. */
void target_named(const char *option, const char *path, bool writes);

/* A name that SQLite uses beside a database which is there, or was named before, is that database's, also where it is
 * empty or missing at present: ends the program with 73. */
void target_beside(const char *option, const char *path);

/* The input; a file that an option names for writing ends the program with 73. */
void target_input(const char *name, const struct stat *status);

#endif
