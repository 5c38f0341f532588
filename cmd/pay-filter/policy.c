#include "policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "csv.h"
#include "fail.h"
#include "shown.h"

static const char *const test_names[] = {"is", "prefix", "in", "missing"};
enum { TESTS = sizeof test_names / sizeof *test_names };

bool policy_reason(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	size_t n = strspn(text, allowed);
	return n > 0 && n <= POLICY_REASON_MAX && text[n] == '\0';
}

static void add(struct policy *policy, struct slice member, struct policy_rule rule)
{
	rule.name = names_add(policy->names, member);
	if (rule.name < 0)
		fail(EX_CONFIG, "%s: member \"%.*s\": too many members or too long a name (at most %d and %d bytes)",
		     rule.by, (int)member.n, member.p, NAMES_MAX, NAMES_LONGEST);
	policy->v = must_realloc(policy->v, (policy->n + 1) * sizeof *policy->v);
	policy->v[policy->n++] = rule;
}

static void list_value(void *self, uint64_t line, struct slice value)
{
	(void)line;
	textset_add(self, value);
}

/* The list in a file; a file that another rule has named is read once. */
static const struct textset *list(const struct policy *policy, const char *file, struct slice member)
{
	for (size_t i = 0; i < policy->n; i++)
		if (policy->v[i].list && slice_equal(policy->v[i].value, slice_of(file)))
			return policy->v[i].list;
	struct textset *set = textset_new();
	csv_first_column(file, member, list_value, set);
	return set;
}

void policy_merchants(struct policy *policy, struct names *names, const char *file, const char *by)
{
	policy->names = names;
	add(policy, SLICE("merchantNumber"),
	    (struct policy_rule){.reason = "NON_SETTLEMENT_MERCHANT",
				 .by = by,
				 .test = POLICY_IN,
				 .value = slice_of(file),
				 .list = list(policy, file, SLICE("merchantNumber"))});
}

void policy_built_in(struct policy *policy, struct names *names, const char *merchants)
{
	static const char by[] = "built-in";
	policy->names = names;
	add(policy, SLICE("testPayment"), (struct policy_rule){"TEST_PAYMENT", by, 0, POLICY_IS, SLICE("true"), NULL});
	add(policy, SLICE("merchantNumber"),
	    (struct policy_rule){"TEST_PAYMENT", by, 0, POLICY_PREFIX, SLICE("test-"), NULL});
	if (merchants)
		policy_merchants(policy, names, merchants, by);
	add(policy, SLICE("paymentActionType"),
	    (struct policy_rule){"NETWORK_CANCEL", by, 0, POLICY_IS, SLICE("NETWORK_CANCEL"), NULL});
	add(policy, SLICE("confirmDate"), (struct policy_rule){"UNCONFIRMED", by, 0, POLICY_MISSING, SLICE(""), NULL});
}

struct reading {
	struct policy *policy;
	const char *file;
};

/* The path of a list, as named from the policy's folder. */
static char *beside(const char *policy_path, const char *file)
{
	const char *slash = strrchr(policy_path, '/');
	if (file[0] == '/' || !slash)
		return must_strdup(file);
	return must_format("%.*s/%s", (int)(slash - policy_path), policy_path, file);
}

static void row(void *self, uint64_t line, const struct slice *fields, const char *fault, struct slice raw)
{
	struct reading *reading = self;
	(void)fault, (void)raw;
	char *by = must_format("%s:%" PRIu64, reading->file, line);
	struct slice reason = fields[0], member = fields[1], test = fields[2], value = fields[3];
	if (!policy_reason(reason.p) || strlen(reason.p) != reason.n)
		fail(EX_CONFIG, "%s: \"%.*s\" is no reason (letters, digits, _ . and -)", by, (int)reason.n, reason.p);
	if (member.n == 0)
		fail(EX_CONFIG, "%s: no member is named, say which one to test", by);
	int kind = 0;
	while (kind < TESTS && !slice_equal(test, slice_of(test_names[kind])))
		kind++;
	if (kind == TESTS)
		fail(EX_CONFIG, "%s: unknown test \"%.*s\" (is, prefix, in, missing)", by, (int)test.n, test.p);
	if (kind == POLICY_MISSING && value.n > 0)
		fail(EX_CONFIG, "%s: \"missing\" takes no value, leave \"%.*s\" out", by, (int)value.n, value.p);
	if (kind == POLICY_PREFIX && value.n == 0)
		fail(EX_CONFIG, "%s: an empty prefix begins every value, name one", by);
	if (kind == POLICY_IN && (value.n == 0 || strlen(value.p) != value.n))
		fail(EX_CONFIG, "%s: \"in\" needs a CSV file as its value", by);

	struct policy_rule rule = {.reason = must_strdup(reason.p), .by = by, .test = (enum policy_test)kind};
	if (kind == POLICY_IN) {
		char *file = beside(reading->file, value.p);
		if (access(file, R_OK) != 0)
			fail(fail_status(errno, EX_NOINPUT), "%s: the list %s:", by, file);
		rule.value = slice_of(file);
		rule.list = list(reading->policy, file, member);
	} else {
		char *copy = must_alloc(value.n + 1);
		memcpy(copy, value.p, value.n);
		rule.value = (struct slice){copy, value.n};
	}
	add(reading->policy, member, rule);
}

void policy_file(struct policy *policy, struct names *names, const char *file)
{
	static const struct csv_column columns[] = {
	    {"reason", false}, {"member", false}, {"test", false}, {"value", false}, {NULL, false}};
	policy->names = names;
	struct reading reading = {policy, file};
	csv_file(file, columns, row, &reading);
	if (policy->n == 0)
		fail(EX_CONFIG, "%s: no tests in it, add rows below the header", file);
}

/* What a scalar compares by. Returns whether the value is one. */
static bool comparable(const struct member *member, struct scratch *scratch, struct slice *to)
{
	switch (member->type) {
	case JSON_STRING: *to = member_decoded(member, scratch); return true;
	case JSON_ARRAY:
	case JSON_OBJECT: return false;
	default: *to = slice_equal(member->value, SLICE("-0")) ? SLICE("0") : member->value; return true;
	}
}

/* Whether a test other than "missing" is met by what a member is compared by. */
static bool matches(const struct policy_rule *rule, const struct member *member, struct slice value)
{
	switch (rule->test) {
	case POLICY_PREFIX: return member->type == JSON_STRING && slice_begins(value, rule->value);
	case POLICY_IN: return textset_has(rule->list, value);
	default: return slice_equal(value, rule->value);
	}
}

const struct policy_rule *policy_judge(const struct policy *policy, const struct members *members,
				       struct scratch *scratch)
{
	const struct member *last = NULL; /* tests of one member mostly stand together */
	struct slice value = {NULL, 0};
	bool scalar = false;
	for (const struct policy_rule *rule = policy->v, *end = rule + policy->n; rule < end; rule++) {
		const struct member *member = members_get(members, rule->name);
		if (rule->test == POLICY_MISSING) {
			if (!member_given(member))
				return rule;
			continue;
		}
		if (!member)
			continue;
		if (member != last)
			scalar = comparable(member, scratch, &value);
		last = member;
		if (scalar && matches(rule, member, value))
			return rule;
	}
	return NULL;
}

void policy_print(const struct policy *policy, FILE *to)
{
	for (size_t i = 0; i < policy->n; i++) {
		const struct policy_rule *rule = &policy->v[i];
		struct slice member = policy->names->name[rule->name];
		shown_print(to, "%s: %s when %.*s ", rule->by, rule->reason, (int)member.n, member.p);
		switch (rule->test) {
		case POLICY_IS: shown_print(to, "is \"%.*s\"\n", (int)rule->value.n, rule->value.p); break;
		case POLICY_PREFIX: shown_print(to, "begins with \"%.*s\"\n", (int)rule->value.n, rule->value.p); break;
		case POLICY_IN:
			shown_print(to, "is one of %zu in %s\n", textset_count(rule->list), rule->value.p);
			break;
		case POLICY_MISSING: shown_print(to, "is missing or null\n"); break;
		}
	}
}
