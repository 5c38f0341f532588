/* segment: the rows of the segment at hand, kept until its mark comes. */
#ifndef PAYPIPE_STORE_SEGMENT_H
#define PAYPIPE_STORE_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "coordinates.h"
#include "record.h"
#include "schema.h"

/* The texts of a row. Tables use those that they have columns for; `_REASON` is an unsettlement's or a dead letter's.
 */
enum row_text {
	ROW_PAYMENT_TYPE,
	ROW_PAYOUT_DATE,
	ROW_CONFIRM_DATE,
	ROW_MERCHANT_NUMBER,
	ROW_PAYMENT_DATE,
	ROW_PAYMENT_ACTION_TYPE,
	ROW_PAYMENT_METHOD_TYPE,
	ROW_RULE,
	ROW_REASON,
	ROW_OWN,
	ROW_MEMBERS,
	ROW_RECORD,
	ROW_TEXTS,
	/* of a message */
	ROW_CHANNEL = 0,
	ROW_ACTION,
	ROW_MESSAGE,
	/* of a dead letter, beside ROW_REASON and ROW_RECORD */
	ROW_STAGE = 0,
	ROW_RAW,
	ROW_ENCODING,
	ROW_LENGTH, /* decimal digits */
	/* of a total, beside ROW_MERCHANT_NUMBER, ROW_PAYMENT_ACTION_TYPE and ROW_PAYMENT_METHOD_TYPE */
	ROW_DAY = ROW_PAYMENT_DATE
};

/* Bytes of the segment's text, by where they begin; n is ROW_NULL for no text. Small, since all rows of a segment are
 * gone through several times. */
struct piece {
	uint32_t at, n;
};
#define ROW_NULL UINT32_MAX

struct row {
	enum table table;
	int32_t partition;
	int64_t offset; /* of a total: its count */
	int64_t amount; /* of a total: its totalAmount */
	struct piece source;
	struct piece text[ROW_TEXTS];
};

/* Zero-initialise; what it holds is used again segment after segment. */
struct segment {
	struct row *row;
	size_t n, capacity;
	char *text;
	size_t text_n, text_capacity;
};

/* Adds a row without texts and of amount 0; the coordinates may be NULL for a total. Valid until the next row is added.
 */
struct row *segment_add(struct segment *segment, enum table table, const struct coordinates *coordinates);

/* Keeps a copy of bytes. A segment's text of 4 GiB ends the program with 65. */
struct piece segment_keep(struct segment *segment, struct slice bytes);

/* Keeps a JSON string's characters, ROW_NULL for a null or missing member. */
struct piece segment_keep_string(struct segment *segment, const struct member *member);

/* The same for a member of a line that is kept whole as `kept`: where the string has no escapes, its characters are
 * there already. */
struct piece segment_refer(struct segment *segment, const struct member *member, struct slice line, struct piece kept);

/* The kept bytes, {NULL, 0} for ROW_NULL; valid until more are kept. */
struct slice segment_text(const struct segment *segment, struct piece piece);

/* The texts of a row as slices, valid until more are kept. */
void segment_texts(const struct segment *segment, const struct row *row, struct slice to[ROW_TEXTS]);

/* Forgets all rows. Gives memory back that an unusually large segment took. */
void segment_clear(struct segment *segment);

#endif
