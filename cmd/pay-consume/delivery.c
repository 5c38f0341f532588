#include "delivery.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"

enum { LONGEST_WAIT_MS = 1000 }; /* so that a signal just before the wait is seen soon after it */

static void print_stats(void *self)
{
	const struct delivery *delivery = self;
	stats_print(&delivery->stats, delivery->settings->program, NULL);
}

static void start(struct delivery *delivery, const struct settings *settings, const struct delivery_limits *limits)
{
	*delivery = (struct delivery){.settings = settings, .limits = *limits, .most = UINT64_MAX};
	stats_start(&delivery->stats);
	delivery->dead_reason = stats_reason(&delivery->stats, "DEAD");
	delivery->outside_reason = stats_reason(&delivery->stats, "OUTSIDE_TIME");
	mark_init(&delivery->mark);
}

static size_t take_nothing(void *self, _Bool flush)
{
	const struct delivery *delivery = self;
	(void)flush;
	return delivery->out.n;
}

void delivery_look(struct delivery *delivery, struct settings *settings)
{
	*settings = (struct settings){.program = settings->program, .dead_letter = "-", .max_dead = UINT64_MAX};
	start(delivery, settings, &(struct delivery_limits){UINT64_MAX, UINT64_MAX, 1e9});
	output_open_sink(&delivery->out, "nowhere", take_nothing, delivery);
	deadletter_open(&delivery->dead, settings, &delivery->out);
}

void delivery_look_end(struct delivery *delivery)
{
	mark_free(&delivery->mark);
	output_close(&delivery->out, false);
}

void delivery_open(struct delivery *delivery, const struct settings *settings, const struct delivery_limits *limits)
{
	start(delivery, settings, limits);
	output_open(&delivery->out, STDOUT_FILENO, "standard output");
	deadletter_open(&delivery->dead, settings, &delivery->out);
	if (settings->stats)
		fail_last(print_stats, delivery);
}

static void write_mark(struct delivery *delivery, enum mark_end how)
{
	struct mark *mark = &delivery->mark;
	uint64_t seq = mark->seq;
	mark->end = how;
	deadletter_sync(&delivery->dead);
	if (!delivery->settings->plain)
		mark_write(mark, &delivery->out);
	output_flush(&delivery->out);
	mark_free(mark);
	mark->seq = seq + 1;
	delivery->bytes = 0;
	delivery->moved = false;
	delivery->begun = stats_clock();
}

void delivery_begin(struct delivery *delivery)
{
	write_mark(delivery, MARK_GOES_ON);
}

void delivery_bad(struct delivery *delivery, struct slice source, const char *reason, struct slice raw, uint64_t length)
{
	delivery_dead(delivery, &(struct deadletter_origin){.source = source}, reason, raw, length);
}

static void let_go(void *self, const struct deadletter_origin *origin, const char *reason, struct slice raw,
		   uint64_t length)
{
	delivery_dead(self, origin, reason, raw, length);
}

void delivery_understood(struct delivery *delivery, size_t n)
{
	struct doubt *doubt = delivery->doubt;
	delivery->doubt = NULL;
	if (doubt->n > 0) {
		/* The record at hand stands where the letters go. */
		char *record = must_alloc(n + 1);
		memcpy(record, delivery->out.buffer + delivery->out.n, n);
		doubt_each(doubt, let_go, delivery);
		memcpy(delivery_room(delivery, n), record, n);
		free(record);
	}
	doubt_free(doubt);
}

void delivery_dead(struct delivery *delivery, const struct deadletter_origin *origin, const char *reason,
		   struct slice raw, uint64_t length)
{
	if (delivery->doubt) {
		doubt_add(delivery->doubt, origin, reason, raw, length);
		return;
	}
	delivery->stats.in++;
	delivery->stats.dead++;
	delivery->mark.in++;
	if (deadletter_write(&delivery->dead, origin, "", reason, raw, length)) {
		delivery->bytes += raw.n;
		delivery->stats.out++;
		delivery->mark.records++;
	} else {
		stats_drop(&delivery->stats, delivery->dead_reason, 0);
		mark_drop(&delivery->mark, delivery->settings->program, 1);
	}
}

void delivery_left_out(struct delivery *delivery, uint64_t records)
{
	delivery->stats.in += records;
	delivery->left_out += records;
	delivery->mark.in += records;
	delivery->stats.dropped[delivery->outside_reason].records += records;
	mark_drop(&delivery->mark, delivery->settings->program, records);
}

void delivery_close_segment(struct delivery *delivery)
{
	if (delivery->source)
		delivery->source->cover(delivery->source->self, &delivery->mark);
	write_mark(delivery, MARK_GOES_ON);
}

int delivery_tick(struct delivery *delivery, uint64_t done, bool waiting)
{
	double left = delivery->begun + delivery->limits.seconds - stats_clock();
	bool begun = delivery->mark.in > 0 || delivery->moved;
	if (left <= 0 && begun)
		delivery_close_segment(delivery);
	else if (waiting && delivery->out.n > 0)
		output_flush(&delivery->out);
	if (delivery->settings->progress)
		stats_progress(&delivery->stats, delivery->settings->program, done, delivery->total, false);
	bool soon = begun && left > 0 && left < LONGEST_WAIT_MS / 1e3;
	return soon ? (int)(left * 1e3) + 1 : LONGEST_WAIT_MS;
}

void delivery_source_begin(struct delivery *delivery, struct source *source)
{
	const struct delivery_limits *limits = &delivery->limits;
	uint64_t in = delivery->mark.in;
	if (in > 0 && (in >= limits->records / 2 || delivery->bytes >= limits->bytes / 2))
		delivery_close_segment(delivery);
	delivery->source = source;
}

void delivery_source_end(struct delivery *delivery)
{
	delivery->source->cover(delivery->source->self, &delivery->mark);
	delivery->doubt = NULL; /* what waits when the end is asked for is not taken */
	delivery->source = NULL;
}

void delivery_end(struct delivery *delivery, enum mark_end how)
{
	write_mark(delivery, how);
	deadletter_close(&delivery->dead);
	output_close(&delivery->out, false);
	if (delivery->settings->progress)
		stats_progress(&delivery->stats, delivery->settings->program, delivery->total, delivery->total, true);
	fail_last(NULL, NULL);
	if (delivery->settings->stats)
		print_stats(delivery);
}
