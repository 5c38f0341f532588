/* total: one group as a line of the result, in each of the formats. */
#ifndef PAYPIPE_TOTAL_H
#define PAYPIPE_TOTAL_H

#include <stdint.h>

#include "amount.h"
#include "grouping.h"
#include "output.h"

enum total_format {
	TOTAL_NDJSON, /* {"key":{…},"value":{"count":…,"totalAmount":…}} a line */
	TOTAL_JSON,   /* the same in one array, a line each */
	TOTAL_CSV     /* a header and rows, quoted as RFC 4180 has it; null is an empty field, an empty string "" */
};

struct total_writer {
	enum total_format format;
	const struct grouping *grouping;
	struct slice lead[GROUPING_MAX]; /* what stands before each value of the key */
	struct scratch decoded;
	uint64_t written;
};

/* Gets a writer ready; the grouping stays the caller's and must outlive it. */
void total_start(struct total_writer *writer, enum total_format format, const struct grouping *grouping);

/* Room for the line of a key. */
size_t total_room(const struct total_writer *writer, struct slice key);

/* Writes a line with its line feed to `to`; returns its length. */
size_t total_write(struct total_writer *writer, char *to, struct slice key, uint64_t count, amount_sum sum);

/* What stands before the first and after the last total. */
void total_open(struct total_writer *writer, struct output *output);
void total_close(struct total_writer *writer, struct output *output);

/* Says that a key's sum does not fit 64 bits, so that its total is not written. */
void total_wide(struct total_writer *writer, struct slice key, amount_sum sum);

#endif
