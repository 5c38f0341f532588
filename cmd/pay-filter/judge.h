/* judge: a record's verdict by the policy and then by the user's expressions. */
#ifndef PAYPIPE_FILTER_JUDGE_H
#define PAYPIPE_FILTER_JUDGE_H

#include "expression.h"
#include "policy.h"

struct verdict {
	const char *reason; /* NULL: the payment is settled */
	const char *by;     /* what decided: "policy.csv:3", "built-in", "--reject"; NULL without a reason */
};

/* Zero-initialise, then add rules and expressions. */
struct judge {
	struct policy policy;
	struct expressions expressions;
	struct scratch scratch;
};

/* Judges an object by its members and its text. Returns false if an expression fails on it; why it does is then in
 * judge->expressions.why. libjq runs only on what no rule of the policy matches. */
bool judge_object(struct judge *judge, const struct members *members, struct slice object, struct verdict *to);

/* Runs the test cases in a file ("-": standard input), lines `{"in":{…},"expect":"REASON"|null}`: writes a line to
 * standard output for each that fails, and returns how many did. A line that is no case, or a file without any, ends
 * the program with 65. names: where the judge's members are registered. */
uint64_t judge_cases(struct judge *judge, struct names *names, const char *file);

#endif
