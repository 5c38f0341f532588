/* ruletext: a rule as texts, of a row or of an object's members, checked and made numbers. */
#ifndef PAYPIPE_RULE_RULETEXT_H
#define PAYPIPE_RULE_RULETEXT_H

#include <stdbool.h>

#include "calendar.h"
#include "csv.h"
#include "key.h"
#include "record.h"
#include "rules.h"

enum rule_column {
	RULE_MERCHANT_NUMBER, /* the key: these four */
	RULE_PAYMENT_DATE,
	RULE_PAYMENT_ACTION_TYPE,
	RULE_PAYMENT_METHOD_TYPE,
	RULE_ID,
	RULE_PAYOUT_DATE,
	RULE_CONFIRM_DATE,
	RULE_COLUMNS
};
enum { RULE_KEY = RULE_ID }; /* how many columns are the key's */

/* Their names, as csv.h wants them. */
extern const struct csv_column rule_columns[RULE_COLUMNS + 1];

/* What is wrong with a rule, and what to do: `what "text", remedy`; text.p NULL: nothing is quoted. */
struct rule_fault {
	const char *what, *remedy;
	struct slice text;
	char room[64]; /* of some whats */
};

/* A reader of rules: used for one after another. What it gave is valid until it reads again. */
struct ruletext {
	struct rule_fault fault; /* set where a function returns false */
	struct record record;    /* the object at hand */
	struct names names;
	/* the rest is its own */
	const struct calendar *calendar;
	int member[RULE_COLUMNS];
	struct scratch decoded[RULE_COLUMNS], id, line;
};

/* A rule with its key. */
struct keyed_rule {
	struct key_texts texts;
	date_day day;
	struct rule rule;
};

void ruletext_init(struct ruletext *reader, const struct calendar *calendar);
void ruletext_free(struct ruletext *reader);

/* Notes a fault; returns false. */
bool ruletext_fault(struct ruletext *reader, const char *what, struct slice text, const char *remedy);

/* Checks a rule given by its columns' texts (an empty one is missing) and makes it numbers: an empty confirmDate is the
 * last business day before payoutDate. Returns whether it is one. */
bool ruletext_read(struct ruletext *reader, const struct slice fields[RULE_COLUMNS], struct keyed_rule *to);

/* The texts of the object in reader->record, empty where a member is missing. Returns whether all are strings. */
bool ruletext_members(struct ruletext *reader, struct slice fields[RULE_COLUMNS]);

/* Reads one JSON object that came for a key. Its members need not repeat the key, but must not contradict it. */
bool ruletext_object(struct ruletext *reader, struct slice object, const struct slice key[RULE_KEY],
		     struct keyed_rule *to);

/* The fault as a line for a message, newly allocated. */
char *ruletext_complaint(const struct ruletext *reader);

#endif
