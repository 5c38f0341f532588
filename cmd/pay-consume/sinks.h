/* sinks: those of --resume, whose cover is gone on from: databases of pay-store and pay-agg, and groups ("group:NAME")
 * to which a transactional pay-produce commits what it has taken. */
#ifndef PAYPIPE_SINKS_H
#define PAYPIPE_SINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kafka.h"
#include "options.h"
#include "trace.h"

struct sinks {
	const char **name; /* as given; the caller's */
	size_t n;
	const struct settings *settings;
	struct kafka *group; /* a client for each that is a group */
};

/* What a sink has of a source partition. */
struct sink_cover {
	int64_t lo, hi; /* the interval that ends highest; of a group only its end is known: lo is hi */
	char *state;    /* what it keeps for going on there, to be freed; NULL: nothing */
};

/* Whether a name stands for a group. */
bool sinks_is_group(const char *name);

/* Gets ready; names and settings stay the caller's. sinks_close gives back what it holds. */
void sinks_open(struct sinks *sinks, const char **names, size_t n, const struct settings *settings);
void sinks_close(struct sinks *sinks);

/* What the sinks have of a source partition together. */
struct sinks_held {
	bool any, all; /* some, all of them have cover; without sinks neither */
	int64_t least; /* of those that have: the least hi */
	int64_t first; /* and the least beginning of an interval that ends highest */
	const char *least_of;
	char *state; /* what the least of them keeps, to be freed; NULL: nothing */
};

/* What one of them has of a source partition; false: nothing. A database that a mark has told where reading began has
 * that, even if nothing came yet. */
bool sinks_cover(struct sinks *sinks, size_t number, const char *topic, int32_t partition, struct sink_cover *to);

/* Asks them. A database that is not there yet has nothing; a file that is no sink's, or a group that cannot be read,
 * ends the program. */
struct sinks_held sinks_hold(struct sinks *sinks, const char *topic, int32_t partition);

/* Brings to the disk what the databases have said before, so that somebody else may be told of it. */
void sinks_sync(const struct sinks *sinks);

/* Where a client's group is in a partition; false when it is nowhere. The offset goes to hi and lo. Waits for
 * transactions that are about to be settled. */
bool sinks_group_offset(struct kafka *kafka, const char *group, const char *topic, int32_t partition,
			struct sink_cover *to);

#endif
