/* reserved: the form of the toolkit's own members, and what they say of a record. The loop of the stages (stream.h)
 * checks each record once, so that all stages, and the loop, mean the same by them. */
#ifndef PAYPIPE_RESERVED_H
#define PAYPIPE_RESERVED_H

#include <stdbool.h>

#include "record.h"

/* What a dead letter says; encoding and length may be NULL. */
struct letter {
	const struct member *stage, *reason, *raw, *encoding, *length;
};

/* Whether a record is tagged as unsettled, with a reason; of one whose members have their form. */
static inline bool record_tagged(const struct record *record)
{
	return record->top.at[NAME_UNSETTLED];
}

/* What reads letters. Zero-initialise, then reserved_init; the members are its own. */
struct reserved {
	struct names names;
	struct members members;
	int stage, reason, raw, encoding, length;
};

void reserved_init(struct reserved *reserved);

/* What is wrong with _dead, _unsettled or _rule of a record, or NULL; *to gets the letter where it is one, valid until
 * the next call. */
const char *reserved_check(struct reserved *reserved, const struct record *record, struct letter *to);

/* Whether there is anything to check. */
static inline bool reserved_any(const struct record *record)
{
	const struct members *top = &record->top;
	return (top->at[NAME_DEAD] | top->at[NAME_UNSETTLED] | top->at[NAME_RULE]) != 0;
}

#endif
