/* policy: what makes a payment UnSettlement: tests of a record's members, the first that matches gives the reason.
 *
 * As a file it is a CSV table with the header reason,member,test,value:
 *
 *     reason,member,test,value
 *     TEST_PAYMENT,testPayment,is,true
 *     NON_SETTLEMENT_MERCHANT,merchantNumber,in,merchants.csv
 *     UNCONFIRMED,confirmDate,missing,
 *
 * Strings compare by their characters, escapes resolved; numbers, true, false and null by their spelling (1.0 is not
 * 1). Arrays and objects match nothing. */
#ifndef PAYPIPE_FILTER_POLICY_H
#define PAYPIPE_FILTER_POLICY_H

#include <stdbool.h>
#include <stdio.h>

#include "record.h"
#include "slice.h"
#include "textset.h"

enum policy_test {
	POLICY_IS,     /* equals value */
	POLICY_PREFIX, /* a string that begins with value */
	POLICY_IN,     /* equals an entry of the list that value names */
	POLICY_MISSING /* absent or null */
};

struct policy_rule {
	const char *reason;
	const char *by; /* where it was said: "policy.csv:3", "built-in", "--merchants" */
	int name;       /* of the member, in names */
	enum policy_test test;
	struct slice value;         /* of POLICY_IN: the file as it was opened */
	const struct textset *list; /* of POLICY_IN */
};

/* Rules in their order; zero-initialise. What they point to lives as long as the program. */
struct policy {
	struct policy_rule *v;
	size_t n;
	struct names *names; /* where members are registered; set by the functions that add rules */
};

enum { POLICY_REASON_MAX = 100 };

/* Whether text may be a reason: 1 to POLICY_REASON_MAX letters, digits, '_', '.' and '-'. */
bool policy_reason(const char *text);

/* Adds the policy that holds without a file: TEST_PAYMENT, NON_SETTLEMENT_MERCHANT (when merchants is a file, not
 * NULL), NETWORK_CANCEL, UNCONFIRMED. */
void policy_built_in(struct policy *policy, struct names *names, const char *merchants);

/* Adds the rules of a file. Lists are looked for from the policy's folder; their first row is an entry unless it is
 * named as the member is (see csv_first_column). An error in either ends the program with 78
 * (a missing file: 66), naming file:line and what to do. */
void policy_file(struct policy *policy, struct names *names, const char *file);

/* Adds NON_SETTLEMENT_MERCHANT for the merchants of a list. */
void policy_merchants(struct policy *policy, struct names *names, const char *file, const char *by);

/* The first rule that an object's members match, NULL if none does. */
const struct policy_rule *policy_judge(const struct policy *policy, const struct members *members,
				       struct scratch *scratch);

/* Writes the rules as they are understood, a line each, to `to`. */
void policy_print(const struct policy *policy, FILE *to);

#endif
