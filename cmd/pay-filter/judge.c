#include "judge.h"

bool judge_object(struct judge *judge, const struct members *members, struct slice object, struct verdict *to)
{
	*to = (struct verdict){0};
	const struct policy_rule *rule = policy_judge(&judge->policy, members, &judge->scratch);
	if (rule) {
		*to = (struct verdict){rule->reason, rule->by};
		return true;
	}
	int first = expressions_first(&judge->expressions, object);
	if (first == EXPRESSIONS_FAILED)
		return false;
	if (first != EXPRESSIONS_NONE)
		*to = (struct verdict){judge->expressions.v[first].reason, "--reject"};
	return true;
}
