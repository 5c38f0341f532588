/* delivery: what pay-consume writes: records in segments, each closed by a mark, and what it finds bad. */
#ifndef PAYPIPE_DELIVERY_H
#define PAYPIPE_DELIVERY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "covers.h"
#include "deadletter.h"
#include "doubt.h"
#include "mark.h"
#include "options.h"
#include "output.h"
#include "source.h"
#include "stats.h"

/* When a segment is closed, whichever comes first. */
struct delivery_limits {
	uint64_t records, bytes;
	double seconds;
};

struct delivery {
	const struct settings *settings;
	struct delivery_limits limits;
	uint64_t most; /* records wanted in all, UINT64_MAX: any number */
	struct output out;
	struct stats stats;
	struct mark mark;      /* the segment at hand */
	struct source *source; /* who is being read; NULL between sources */
	bool moved;            /* the source has covered more since the last mark, even without a record */
	struct covers *covers; /* is told which records came; NULL: none wants to know */
	/* Where the source's bad lines wait until its first record, which lets them go and makes this NULL; NULL: they
	 * do not wait. Set by the source. */
	struct doubt *doubt;
	volatile sig_atomic_t *stop; /* the signal that asked for the end, or 0 */
	uint64_t total;              /* bytes to read in all, for --progress; 0: not known */
	/* the rest is its own */
	uint64_t left_out; /* records outside of what is wanted */
	struct deadletter dead;
	unsigned dead_reason, outside_reason;
	uint64_t bytes;
	double begun; /* when the segment at hand began */
};

/* Gets ready to write to standard output. */
void delivery_open(struct delivery *delivery, const struct settings *settings, const struct delivery_limits *limits);

/* Gets ready for a look: what is delivered, bad records too, goes nowhere. delivery_look_end gives back what it holds.
 */
void delivery_look(struct delivery *delivery, struct settings *settings);
void delivery_look_end(struct delivery *delivery);

/* Writes the mark that opens the stream. */
void delivery_begin(struct delivery *delivery);

/* The source is understood: bad lines that wait become dead letters, before the record of n bytes at hand. */
void delivery_understood(struct delivery *delivery, size_t n);

/* Room for a record's line of up to n bytes; then delivery_record says how many it has, its line feed included. */
static inline char *delivery_room(struct delivery *delivery, size_t n)
{
	return output_room(&delivery->out, n);
}
static inline void delivery_record(struct delivery *delivery, size_t n)
{
	if (delivery->doubt)
		delivery_understood(delivery, n);
	output_advance(&delivery->out, n);
	delivery->bytes += n;
	delivery->stats.in++;
	delivery->stats.out++;
	delivery->mark.in++;
	delivery->mark.records++;
}

/* A bad record: its coordinates as a JSON string; raw is its text, of `length` bytes in all where only its beginning is
 * kept. Without --dead-letter this ends the program, unless it waits. delivery_dead is told the message's key as well.
 */
void delivery_bad(struct delivery *delivery, struct slice source, const char *reason, struct slice raw,
		  uint64_t length);
void delivery_dead(struct delivery *delivery, const struct deadletter_origin *origin, const char *reason,
		   struct slice raw, uint64_t length);

/* So many records that came lie outside the time range that is wanted: they are dropped, and counted. */
void delivery_left_out(struct delivery *delivery, uint64_t records);

/* Whether all records that were wanted are written. */
static inline bool delivery_full(const struct delivery *delivery)
{
	return delivery->stats.in - delivery->left_out >= delivery->most;
}

/* To be called after each record, once the source counts it as covered: closes the segment when it is full. */
void delivery_close_segment(struct delivery *delivery);
static inline void delivery_segment(struct delivery *delivery)
{
	if (delivery->mark.in >= delivery->limits.records || delivery->bytes >= delivery->limits.bytes)
		delivery_close_segment(delivery);
}

/* To be called before each read: closes the segment when it is old enough, draws progress (done: bytes read of all).
 * waiting: the read would wait, so what was written must not. Returns how many milliseconds the read may wait. */
int delivery_tick(struct delivery *delivery, uint64_t done, bool waiting);

/* The next source follows. Its first segment shall have enough of it for who is to judge it: one that is half full is
 * closed. */
void delivery_source_begin(struct delivery *delivery, struct source *source);

/* A source was read to its end: takes its last cover into the segment at hand. */
void delivery_source_end(struct delivery *delivery);

/* Writes the end mark, closes standard output, writes --stats. */
void delivery_end(struct delivery *delivery, enum mark_end how);

#endif
