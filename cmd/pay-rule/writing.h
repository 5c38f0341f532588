/* writing: a base record with its dates and its rule, all else byte for byte. */
#ifndef PAYPIPE_RULE_WRITING_H
#define PAYPIPE_RULE_WRITING_H

#include "dating.h"
#include "stream.h"

/* What is decided for a record, as it stands there. */
struct decision {
	struct slice rule; /* a JSON string with its quotes */
	struct dated dated;
};

/* Writes the record at hand, or finds it bad where it has a payoutDate or confirmDate that is neither a date nor null.
 */
void writing_dated(struct stream *stream, struct record *record, const struct decision *decision,
		   struct scratch *scratch);

#endif
