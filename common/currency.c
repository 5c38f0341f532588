#include "currency.h"

#include <stdio.h>

#include "fail.h"
#include "options.h"

enum { SHOWN = 80 };

static struct slice copied(struct slice text)
{
	char *copy = must_alloc(text.n + 1);
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return (struct slice){copy, text.n};
}

void currency_init(struct currency *currency, struct names *names, const char *member, struct slice held)
{
	*currency = (struct currency){.member = member};
	if (!member)
		return;
	if (!*member || strlen(member) > NAMES_LONGEST)
		options_misuse("--currency: the name of a member is needed");
	currency->name = names_need(names, slice_of(member));
	currency->held = copied(held);
}

static int shown(struct slice text)
{
	return (int)(text.n < SHOWN ? text.n : SHOWN);
}

const char *currency_check(struct currency *currency, const struct members *members)
{
	if (!currency->member)
		return NULL;
	const struct member *member = members_get(members, currency->name);
	if (!member || member->type != JSON_STRING || member_inside(member).n == 0) {
		struct slice value = member ? member->value : SLICE("missing");
		snprintf(currency->reason, sizeof currency->reason,
			 "%.60s is %.*s, and --currency needs a text that is not empty%s%.*s", currency->member,
			 shown(value), value.p, currency->held.n ? ", here " : "", shown(currency->held),
			 currency->held.n ? currency->held.p : "");
		return currency->reason;
	}
	struct slice value = member_decoded(member, &currency->decoded);
	if (memchr(value.p, 0, value.n)) {
		snprintf(currency->reason, sizeof currency->reason, "%.60s is %.*s, which is no currency",
			 currency->member, shown(member->value), member->value.p);
		return currency->reason;
	}
	if (currency->held.n == 0) {
		currency->held = copied(value);
	} else if (!slice_equal(value, currency->held)) {
		snprintf(currency->reason, sizeof currency->reason,
			 "%.60s is %.*s, all before it were %.*s: two currencies have no sum", currency->member,
			 shown(value), value.p, shown(currency->held), currency->held.p);
		return currency->reason;
	}
	return NULL;
}
