/* trace: what is remembered of a source partition where reading goes on: its last message, so that a topic made anew is
 * told from the old one, how many days each channel has closed (FINISH), so that an interrupted day goes on, and how
 * many partitions the topic had, so that one that was added since is told from one whose offset was lost.
 *
 * As text: OFFSET:HASH, then ;CHANNEL=DAYS for each channel, and ;+partitions=N. It goes with marks into the sinks'
 * databases, and with committed offsets as their metadata. */
#ifndef PAYPIPE_TRACE_H
#define PAYPIPE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

enum { TRACE_CHANNELS = 8, TRACE_NAME = 32, TRACE_TEXT = 96 + TRACE_CHANNELS * (TRACE_NAME + 24) };

struct trace {
	int64_t offset; /* of the last message; -1: none is known */
	uint64_t hash;  /* XXH3 of its value */
	struct {
		char name[TRACE_NAME];
		int64_t days;
	} channel[TRACE_CHANNELS];
	size_t channels;
	int32_t partitions; /* of the topic; 0: not known */
};

/* An empty trace. */
void trace_init(struct trace *trace);

/* Reads a trace; text that is none, or NULL, gives an empty one. */
void trace_read(struct trace *trace, const char *text);

/* Writes it with a NUL; returns its length without it. */
size_t trace_write(const struct trace *trace, char to[TRACE_TEXT]);

/* The value of a message, hashed. */
uint64_t trace_hash(struct slice value);

/* The days that a channel has closed; -1 when it is not known. */
int64_t trace_days(const struct trace *trace, struct slice channel);

/* Whether a channel's name can be kept: under TRACE_NAME bytes, of letters, digits, _ . - alone. */
bool trace_channel(struct slice name);

/* Sets them; a name that cannot be kept, or one more than TRACE_CHANNELS, is left out. */
void trace_set_days(struct trace *trace, struct slice channel, int64_t days);

#endif
