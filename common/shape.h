/* shape: which stage's output a record looks like, to say that stages stand in the wrong order. */
#ifndef PAYPIPE_SHAPE_H
#define PAYPIPE_SHAPE_H

#include "record.h"

enum shape {
	SHAPE_NONE,     /* of no stage's */
	SHAPE_MESSAGE,  /* channel, action, data: pay-consume's */
	SHAPE_BASE,     /* amount, merchantNumber, ...: pay-tobase's */
	SHAPE_REJECTED, /* a base record with _unsettled */
	SHAPE_TOTAL,    /* key, value: pay-agg's */
	SHAPE_VERDICT,  /* verdict, by: of pay-filter --explain */
	SHAPE_KCAT,     /* topic, partition, offset, payload: of kcat -J */
	SHAPE_LETTER,   /* _dead */
	SHAPE_MARK
};

/* The shape of an object's members. It goes through all of them: not for each record. */
enum shape shape_of(const struct members *members);

/* Why a record of that shape is no base record, or no message, and where the stage belongs; NULL where nothing is
 * known.
 */
const char *shape_no_base(enum shape shape);
const char *shape_no_message(enum shape shape);

#endif
