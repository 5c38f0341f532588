/* cover: which offsets of each source partition a sink has taken, kept in its database (tables cover, state and place).
 *
 * cover(source, partition, lo, hi): disjoint intervals [lo,hi), joined where they touch. state(source, partition, next,
 * text): what pay-consume wants to know again at the highest offset. place(source, line, hash, whole): what the first
 * lines of a file are known by (see mark.h), so that any two runs under one name can be compared; whole: they were all
 * that it had when it was read to its end. */
#ifndef PAYPIPE_COVER_H
#define PAYPIPE_COVER_H

#include <stdbool.h>
#include <stdint.h>

#include "database.h"
#include "mark.h"

/* SQL that makes the tables; part of a sink's schema. */
extern const char cover_schema[];

/* A step of upgrade.h: table place in a sink of stores' version 3, or totals' version 2. */
extern const char cover_step_places[];

/* The `state` of a file begins with this; behind it is the hash of the file's lines up to there. A topic's never does.
 */
#define COVER_FILE_STATE "file:"

/* What a sink was told to take in spite of what it knows. */
enum cover_leave {
	COVER_GAPS = 1,    /* holes after known cover (--allow-gap) */
	COVER_EDITIONS = 2 /* other content under a known name (--replace) */
};

/* Inside a sink's transaction at a mark: reads the cover from the database and writes the new one. Refused (76) is a
 * range that leaves a hole after known cover, and all that cover_check_files refuses, unless leave (of enum
 * cover_leave) says otherwise. */
void cover_apply(struct database *database, const struct mark *mark, unsigned leave);

/* Refuses (76) what the mark says of files when it does not go with what is known: a name whose first lines were
 * others, whose file had ended with other lines, or that is a topic's; and, unless the mark says that it counts twice,
 * a file whose content is known under another name: all of its lines, or its first COVER_SAME lines and more. */
void cover_check_files(struct database *database, const struct mark *mark);

/* The same, and remembers what the mark says of them. */
void cover_take_files(struct database *database, const struct mark *mark);

/* A database in memory for cover_take_files, of the files that came in one run. Errors call it by `name`. */
void cover_open_run(struct database *database, const char *name);

/* Two files whose first lines are the same up to this one are taken for editions of one file. */
enum { COVER_SAME = 64 };

/* The highest interval [lo,hi) of a source partition; false when there is none. lo may be NULL. */
bool cover_high(struct database *database, struct slice source, int32_t partition, int64_t *lo, int64_t *hi);

/* Where pay-consume began with a source partition of which nothing is covered yet, as a mark has said; false when none
 * has. */
bool cover_begun(struct database *database, struct slice source, int32_t partition, int64_t *next);

/* What pay-consume said of a source partition for going on at `next`, to be freed by the caller; NULL: nothing. */
char *cover_state(struct database *database, struct slice source, int32_t partition, int64_t next);

/* What is known of a file that was read to its end: how many lines it had, and the hash of them. False when it is not
 * known to have ended. */
bool cover_file(struct database *database, struct slice source, int64_t *lines, char content[MARK_HASH]);

/* Calls hole for each gap between the intervals of a source partition; returns how many there are. Where its first one
 * begins is where somebody told pay-consume to begin (--from), or a share of a file does. */
uint64_t cover_holes(struct database *database,
		     void (*hole)(void *self, struct slice source, int32_t partition, int64_t lo, int64_t hi),
		     void *self);

#endif
