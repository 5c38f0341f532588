/* stats: what a program counted, for --stats and --progress. */
#ifndef PAYPIPE_STATS_H
#define PAYPIPE_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "amount.h"

enum { STATS_REASONS = 256 };

/* in = out + all dropped, in records and, where amounts are known, in money. The money of a record that became a dead
 * letter is dropped as DEAD in either case: a letter that flows on is a record of out, but has no amount. */
struct stats {
	uint64_t in, out;
	uint64_t duplicates; /* records whose coordinates a sink already had */
	uint64_t dead; /* records that this program found bad; those whose letter left the stream are dropped as DEAD */
	bool amounts;  /* the records have amounts */
	amount_sum amount_in, amount_out;
	struct {
		const char *reason;
		uint64_t records;
		amount_sum amount;
	} dropped[STATS_REASONS];
	unsigned dropped_n;
	double started; /* seconds, monotonic */
	double shown;   /* when progress was last drawn */
};

/* Empties the counters and starts the clock. */
void stats_start(struct stats *stats);

/* The number of a reason, added when it is new; reason must outlive stats. */
unsigned stats_reason(struct stats *stats, const char *reason);

/* Counts a record as dropped. */
static inline void stats_drop(struct stats *stats, unsigned reason, amount_sum money)
{
	stats->dropped[reason].records++;
	stats->dropped[reason].amount += money;
}

/* Writes them as one JSON line to standard error. `more` is NULL or further members with a leading comma. */
void stats_print(const struct stats *stats, const char *program, const char *more);

/* Draws the progress line on standard error when that is a terminal and the last drawing is half a second old; done
 * of total in bytes, total 0 when it is not known. last: draws it for good and ends the line. */
void stats_progress(struct stats *stats, const char *program, uint64_t done, uint64_t total, bool last);

/* Monotonic seconds. */
double stats_clock(void);

#endif
