/* totals_file: a file of totals, compared line by line with what pay-agg writes of the totals that it should hold. */
#ifndef PAYPIPE_AUDIT_TOTALS_FILE_H
#define PAYPIPE_AUDIT_TOTALS_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "../pay-agg/grouping.h"
#include "../pay-agg/total.h"
#include "amount.h"
#include "input.h"

struct totals_file {
	bool missing;       /* there is no such file: nothing is compared */
	uint64_t due;       /* lines that it should have */
	uint64_t lines;     /* of the file, once it was closed */
	uint64_t differ;    /* lines that are not what they should be, missing and superfluous ones too */
	struct input input; /* the rest is its own */
	struct total_writer writer;
	struct scratch line;
};

/* Opens the file; errors but that there is none end the program. The grouping stays the caller's. */
void totals_file_open(struct totals_file *file, const char *path, const struct grouping *grouping);

/* The next total in the order of the keys. One beyond 64 bits stands in no such file. */
void totals_file_next(struct totals_file *file, struct slice key, uint64_t count, amount_sum sum);

/* No more come. */
void totals_file_close(struct totals_file *file);

#endif
