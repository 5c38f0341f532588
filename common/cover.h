/* cover: which offsets of each source partition a sink has taken, kept in its database (tables cover, state and file).
 *
 * cover(source, partition, lo, hi): disjoint intervals [lo,hi), joined where they touch. state(source, partition, next,
 * text): what pay-consume wants to know again at the highest offset. file(source, size, sample, content): what is known
 * of sources that are files (see mark.h). */
#ifndef PAYPIPE_COVER_H
#define PAYPIPE_COVER_H

#include <stdbool.h>
#include <stdint.h>

#include "database.h"
#include "mark.h"

/* SQL that makes the tables; part of a sink's schema. */
extern const char cover_schema[];

/* Inside a sink's transaction at a mark: reads the cover from the database, refuses (76) a range that leaves a hole
 * after known cover unless allow_gap, refuses (76) a file that is known with other content, and writes the new cover.
 */
void cover_apply(struct database *database, const struct mark *mark, bool allow_gap);

/* At the opening mark, before any record: refuses (76) a file that is known with other content. */
void cover_check_files(struct database *database, const struct mark *mark);

/* The highest interval [lo,hi) of a source partition; false when there is none. lo may be NULL. */
bool cover_high(struct database *database, struct slice source, int32_t partition, int64_t *lo, int64_t *hi);

/* What pay-consume said of a source partition for going on at `next`, to be freed by the caller; NULL: nothing. */
char *cover_state(struct database *database, struct slice source, int32_t partition, int64_t next);

/* What is known of a file that was read to its end; false when nothing is. *to is filled (source not set). */
bool cover_file(struct database *database, struct slice source, struct mark_file *to);

/* Calls hole for each gap between the intervals of a source partition; returns how many there are. */
uint64_t cover_holes(struct database *database,
		     void (*hole)(void *self, struct slice source, int32_t partition, int64_t lo, int64_t hi),
		     void *self);

#endif
