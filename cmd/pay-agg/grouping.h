/* grouping: what pay-agg totals by. A key is the values of some members of a base record, in a fixed order.
 *
 * A key is held as bytes whose order (memcmp, a shorter prefix first) is the order of totals: for each member a byte
 * that says what it is (enum key_type), its decoded text with every NUL written as 00 FF, and a closing 00. */
#ifndef PAYPIPE_GROUPING_H
#define PAYPIPE_GROUPING_H

#include <stdbool.h>
#include <stdint.h>

#include "action.h"
#include "amount.h"
#include "record.h"
#include "slice.h"

enum { GROUPING_MAX = 32 }; /* members of a key */

/* What a value of a key is, in the order of sorting. */
enum key_type { KEY_NULL = 1, KEY_BOOLEAN, KEY_NUMBER, KEY_STRING };

/* How a member becomes a value of the key. */
enum key_rule {
	KEY_OF_ANY,      /* string, number or boolean as it is; null where null or absent */
	KEY_OF_TEXT,     /* a string */
	KEY_OF_MERCHANT, /* a string that is not empty */
	KEY_OF_DATE,     /* a date, null where null or absent */
	KEY_OF_TIME,     /* a date-time */
	KEY_OF_TIME_DAY, /* the day of a date-time */
	KEY_OF_DAY       /* the day of a date or date-time, null where null or absent */
};

struct key_member {
	char *name;         /* in the key */
	char *member;       /* of the record */
	enum key_rule rule; /* how one becomes the other */
	int id;             /* the member's registered number */
};

struct grouping {
	struct key_member v[GROUPING_MAX];
	unsigned n;
	char *by;               /* the names of the key, with commas: as kept in a database */
	char *date;             /* the member that gives the day */
	bool net;               /* amounts count with their direction */
	bool is_signed;         /* with net: which they say themselves, else their actions do */
	struct actions actions; /* the documented ones, unless the caller adds to them */
	struct scratch key, decoded;
	char reason[512];
};

/* Sets up a grouping: by is a list of members with commas, NULL for merchantNumber,paymentActionType,paymentDateDaily,
 * paymentMethodType; date the member that gives the day, NULL for paymentDate. paymentDateDaily stands for the day of
 * paymentDate; with another date it is replaced by that member. Returns NULL, or a text that says what is wrong. */
const char *grouping_init(struct grouping *grouping, const char *by, const char *date, bool net);

/* Registers the members that keys are made of; returns false when there is no room for so many. */
bool grouping_register(struct grouping *grouping, struct names *names);

/* The key of a base record, valid until the next call. Returns NULL, or why the record has no such key (valid until the
 * next call). */
const char *grouping_key(struct grouping *grouping, const struct record *record, struct slice *key);

/* Whether the record's amount is to be subtracted: false unless net. Returns NULL, or why that is not known: an action
 * that nobody declared, a negative amount that is not signed. */
const char *grouping_subtracts(struct grouping *grouping, const struct record *record, amount money, bool *subtracts);

/* Sets up a part of a grouping, by a list of members of it with commas, in any order, empty for none; rolled points
 * into the grouping from then on. Returns NULL; or what is wrong, with *unknown set where it is a member that the
 * grouping lacks. */
const char *grouping_part(struct grouping *rolled, struct grouping *grouping, const char *by, bool *unknown);

/* What of a key of the grouping the part's is, valid until the next call. */
struct slice grouping_roll(struct grouping *rolled, const struct grouping *grouping, struct slice key);

/* A hash of what makes a base record another payment: amount, merchant, time, action and method. */
uint64_t grouping_identity(struct grouping *grouping, const struct record *record, int64_t amount);

/* Takes the next value off a key: its type, and its text, decoded into scratch where it holds a NUL. */
enum key_type key_next(struct slice *key, struct slice *text, struct scratch *scratch);

#endif
