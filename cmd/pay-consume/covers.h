/* covers: offsets of topics of which the user says that the files at hand hold all there is (--covers): what retention
 * took is fed from a capture, and the sinks know it for taken. */
#ifndef PAYPIPE_COVERS_H
#define PAYPIPE_COVERS_H

#include <stdbool.h>
#include <stddef.h>

#include "coordinates.h"
#include "mark.h"

/* Offsets [from, next) of a partition; `least` to `most` of them were met, none where most is -1. */
struct covers_range {
	struct slice source; /* the caller's */
	int32_t partition;
	int64_t from, next, least, most;
};

/* Zero-initialise. */
struct covers {
	struct covers_range *v;
	size_t n;
};

/* Adds TOPIC/PARTITION/FROM-TO, TO being the last one; text stays the caller's. Ends the program with 64 where it is
 * not that, or its partition has a range already. */
void covers_add(struct covers *covers, const char *text);

/* Whether a source is the topic of one. */
bool covers_names(const struct covers *covers, struct slice source);

/* A record, good or bad, came from there. */
void covers_note(struct covers *covers, const struct coordinates *at);
static inline void covers_met(struct covers *covers, const struct coordinates *at)
{
	if (covers && covers->n > 0)
		covers_note(covers, at);
}

/* All was read: says the ranges in the mark. One of which nothing came ends the program with 65; of one whose ends did
 * not come it is warned. */
void covers_say(const struct covers *covers, struct mark *mark);

#endif
