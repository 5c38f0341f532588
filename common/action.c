#include "action.h"

#include <stdlib.h>

#include "fail.h"
#include "json.h"
#include "options.h"

#define NAMED(name)                      \
	{                                \
		(name), sizeof(name) - 1 \
	}

const struct action actions_documented[ACTIONS_DOCUMENTED] = {{NAMED("PAYMENT"), 1},
							      {NAMED("CANCEL"), -1},
							      {NAMED("PARTIAL_CANCEL"), -1},
							      {NAMED("FULL_CANCEL"), -1},
							      {NAMED("NETWORK_CANCEL"), -1}};
const char actions_listed[] = "PAYMENT|CANCEL|PARTIAL_CANCEL|FULL_CANCEL|NETWORK_CANCEL";

void actions_init(struct actions *actions)
{
	memcpy(actions->v, actions_documented, sizeof actions_documented);
	actions->n = ACTIONS_DOCUMENTED;
}

const char *actions_add(struct actions *actions, struct slice name, int sign)
{
	int known = actions_sign(actions, name);
	if (known)
		return known == sign ? NULL : "is known with the other sign";
	if (actions->n == ACTIONS_MAX)
		return "is one too many: 11 actions can be declared";
	char *copy = must_format("%.*s", (int)name.n, name.p);
	actions->v[actions->n++] = (struct action){{copy, name.n}, sign};
	return NULL;
}

struct slice actions_declare(struct actions *actions, const char *declared)
{
	size_t n = strlen(declared);
	bool signed_form = n > 2 && declared[n - 2] == ':' && (declared[n - 1] == '+' || declared[n - 1] == '-');
	struct slice name = {declared, signed_form ? n - 2 : n};
	if (!signed_form || memchr(name.p, ',', name.n) || !json_utf8(name))
		options_misuse("--accept paymentActionType=%s: say which way its amounts go, paymentActionType=NAME:- "
			       "or NAME:+",
			       declared);
	const char *wrong = actions_add(actions, name, declared[n - 1] == '-' ? -1 : 1);
	if (wrong)
		options_misuse("--accept paymentActionType=%s: it %s", declared, wrong);
	return name;
}

void actions_accept(struct actions *actions, const char *argument)
{
	static const char member[] = "paymentActionType=";
	if (strncmp(argument, member, sizeof member - 1) != 0)
		options_misuse("--accept \"%s\": here only an action is declared, paymentActionType=NAME:- or NAME:+",
			       argument);
	actions_declare(actions, argument + sizeof member - 1);
}

int actions_find(const struct actions *actions, struct slice name)
{
	for (unsigned i = 0; i < actions->n; i++)
		if (slice_equal(actions->v[i].name, name))
			return actions->v[i].sign;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return slice_compare(((const struct action *)a)->name, ((const struct action *)b)->name);
}

char *actions_declared(const struct actions *actions)
{
	struct action sorted[ACTIONS_MAX];
	unsigned n = actions->n - ACTIONS_DOCUMENTED;
	size_t room = 1;
	memcpy(sorted, actions->v + ACTIONS_DOCUMENTED, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_name);
	for (unsigned i = 0; i < n; i++)
		room += sorted[i].name.n + 3;
	char *text = must_alloc(room), *to = text;
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			*to++ = ',';
		to = slice_append(slice_append(to, sorted[i].name), sorted[i].sign < 0 ? SLICE(":-") : SLICE(":+"));
	}
	*to = '\0';
	return text;
}
