/* spans: the offsets of each source partition in a segment, and which of its rows are new to the store for certain.
 *
 * Almost always a segment's payments lie beyond all that the store has. One look at the range of a span shows it, and
 * its rows need no look-up each. */
#ifndef PAYPIPE_STORE_SPANS_H
#define PAYPIPE_STORE_SPANS_H

#include <stdbool.h>
#include <stdint.h>

#include "segment.h"

/* The payments or messages of one source partition in the segment. */
struct span {
	struct slice source;
	int32_t partition;
	int64_t least, most;
	bool rising;     /* each offset is greater than the one before: none is there twice */
	bool fresh;      /* and none is in the store */
	bool known;      /* the store has some of the range in its first table (base or payment_log) */
	bool unsettled;  /* the store may have unsettled payments among them */
	bool dead;       /* the store may have dead letters among them */
	bool pruned;     /* some may be messages that were taken out of the log (see prune.h) */
	size_t first, n; /* of spans.number: see spans_fresh */
};

/* Segments mostly are of few partitions; rows of further ones share the last span, of which nothing is known. */
enum { SPANS = 64 };

/* Zero-initialise; what it holds is used again segment after segment. */
struct spans {
	struct span v[SPANS + 1];
	unsigned n, at;
	uint8_t *of;      /* the span of each row */
	uint32_t *number; /* room for as many rows' numbers */
	size_t capacity;
};

/* Measures a segment's spans. Dead letters and totals are in none, they are given the last one. `fresh`, `known`,
 * `unsettled`, `dead` and `pruned` are left for the caller to find out. */
void spans_measure(struct spans *spans, const struct segment *segment);

/* Collects the rows of one table that are in fresh spans into `number`: those of each span stand together, in the order
 * of its key, from its `first` on, `n` of them. */
void spans_fresh(struct spans *spans, const struct segment *segment, enum table table);

#endif
