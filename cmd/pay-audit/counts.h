/* counts: what the stages of a pipeline counted, as their --stats say: read, added up, held against each other. */
#ifndef PAYPIPE_AUDIT_COUNTS_H
#define PAYPIPE_AUDIT_COUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "amount.h"
#include "findings.h"

enum { COUNTS_STAGES = 64 }; /* of a pipeline, at most */

/* A reason, with what was dropped or tagged for it. */
struct counted {
	char *reason;
	amount_sum records, amount;
};

struct reasons {
	struct counted *v; /* in the order of the reasons' bytes */
	size_t n, capacity;
};

struct stage_counts {
	char *program;
	bool amounts; /* its records have amounts */
	bool totals;  /* it reads totals, which are not what the stage before it counted */
	amount_sum in, out, duplicates, dead, amount_in, amount_out;
	struct reasons dropped, tagged;
};

/* Zero-initialise. */
struct counts {
	struct stage_counts stage[COUNTS_STAGES]; /* in the order of the pipeline */
	size_t n;
};

/* Reads the statistics of a pipeline's stages, a line each in the order of the stages, out of a file; lines that do not
 * begin as statistics do (messages) are passed over. A file with none, a line that cannot be read, or more stages than
 * COUNTS_STAGES end the program with 65; a missing file with 66. */
void counts_read(struct counts *counts, const char *path);

/* Adds a pipeline to a sum of others of the same stages; another pipeline, of which path is the file, ends the program
 * with 65. */
void counts_add(struct counts *sum, const struct counts *counts, const char *path);

/* Adds the identities that do not hold: in = out + dropped of each stage, and what one wrote the next one read, in
 * records and money. where names the pipeline before each, as "share-1: ". */
void counts_check(const struct counts *counts, const char *where, struct findings *findings);

/* Prints the table. */
void counts_print(const struct counts *counts);

/* The stage of a program, the last one; NULL: there is none. */
const struct stage_counts *counts_stage(const struct counts *counts, const char *program);

/* How many records were dropped or tagged for a reason / for all. */
amount_sum reasons_of(const struct reasons *reasons, const char *reason);
amount_sum reasons_sum(const struct reasons *reasons);

/* Adds to a reason. */
void reasons_add(struct reasons *reasons, struct slice reason, amount_sum records, amount_sum money);

#endif
