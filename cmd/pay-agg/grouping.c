#include "grouping.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <xxhash.h>

#include "date.h"
#include "fail.h"

static const char the_day[] = "paymentDateDaily";
static const char default_date[] = "paymentDate";
static const char default_by[] = "merchantNumber,paymentActionType,paymentDateDaily,paymentMethodType";

/* Columns of the table of totals that a member cannot be called. */
static const char *const taken[] = {"count", "totalAmount", "_group", "_exact", "_id"};

static const struct {
	const char *member;
	enum key_rule rule;
} rules[] = {
    {"merchantNumber", KEY_OF_MERCHANT}, {"paymentType", KEY_OF_TEXT}, {"paymentActionType", KEY_OF_TEXT},
    {"paymentMethodType", KEY_OF_TEXT},  {"payoutDate", KEY_OF_DATE},  {"confirmDate", KEY_OF_DATE},
    {"paymentDate", KEY_OF_TIME},
};

static enum key_rule rule_of(const char *member)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		if (strcmp(rules[i].member, member) == 0)
			return rules[i].rule;
	}
	return KEY_OF_ANY;
}

/* Adds a member to the key; what is wrong with it goes into grouping->reason. */
static const char *add(struct grouping *grouping, char *name)
{
	size_t n = strlen(name);
	bool is_day = strcmp(name, the_day) == 0;
	if (is_day && strcmp(grouping->date, default_date) != 0) {
		free(name);
		name = must_strdup(grouping->date);
		n = strlen(name);
	}
	const char *wrong = NULL;
	if (n == 0)
		wrong = "names an empty member";
	else if (n > NAMES_LONGEST)
		wrong = "names a member longer than 255 bytes";
	else if (!json_utf8((struct slice){name, n}))
		wrong = "is not UTF-8";
	else if (grouping->n == GROUPING_MAX)
		wrong = "names more than 32 members";
	for (size_t i = 0; !wrong && i < sizeof taken / sizeof *taken; i++) {
		if (strcasecmp(taken[i], name) == 0)
			wrong = "names a member that is called like a part of a total";
	}
	for (unsigned i = 0; !wrong && i < grouping->n; i++) {
		if (strcasecmp(grouping->v[i].name, name) == 0)
			wrong = "names a member twice (SQL does not tell upper from lower case)";
	}
	if (wrong) {
		snprintf(grouping->reason, sizeof grouping->reason, "%s: \"%.260s\"", wrong, name);
		free(name);
		return grouping->reason;
	}
	struct key_member *member = &grouping->v[grouping->n++];
	member->name = name;
	if (is_day && strcmp(name, the_day) == 0) {
		member->member = must_strdup(default_date);
		member->rule = KEY_OF_TIME_DAY;
	} else {
		member->member = must_strdup(name);
		member->rule =
		    strcmp(name, grouping->date) == 0 && strcmp(name, default_date) != 0 ? KEY_OF_DAY : rule_of(name);
	}
	return NULL;
}

const char *grouping_init(struct grouping *grouping, const char *by, const char *date, bool net)
{
	*grouping = (struct grouping){.net = net};
	actions_init(&grouping->actions);
	grouping->date = must_strdup(!date || strcmp(date, the_day) == 0 ? default_date : date);
	bool has_date = strcmp(grouping->date, default_date) == 0;
	for (const char *at = by ? by : default_by;;) {
		size_t n = strcspn(at, ",");
		const char *wrong = add(grouping, must_format("%.*s", (int)n, at));
		if (wrong)
			return wrong;
		has_date = has_date || strcmp(grouping->v[grouping->n - 1].name, grouping->date) == 0;
		if (!at[n])
			break;
		at += n + 1;
	}
	if (!has_date) {
		snprintf(grouping->reason, sizeof grouping->reason,
			 "names neither \"%.260s\" nor paymentDateDaily, so there is no day to take from it",
			 grouping->date);
		return grouping->reason;
	}
	size_t room = 1;
	for (unsigned i = 0; i < grouping->n; i++)
		room += strlen(grouping->v[i].name) + 1;
	char *to = grouping->by = must_alloc(room);
	for (unsigned i = 0; i < grouping->n; i++)
		to += sprintf(to, "%s%s", i ? "," : "", grouping->v[i].name);
	return NULL;
}

bool grouping_register(struct grouping *grouping, struct names *names)
{
	for (unsigned i = 0; i < grouping->n; i++) {
		grouping->v[i].id = names_add(names, slice_of(grouping->v[i].member));
		if (grouping->v[i].id < 0)
			return false;
	}
	return true;
}

/* Writes a value to the end of a key; room for text.n + 2 bytes, and one more for each NUL, which only text that was
 * spelled with escapes can hold. */
static char *put(char *to, enum key_type type, struct slice text, bool escaped)
{
	*to++ = (char)type;
	if (!escaped || !memchr(text.p, 0, text.n)) {
		memcpy(to, text.p, text.n);
		to += text.n;
	} else {
		for (size_t i = 0; i < text.n; i++) {
			*to++ = text.p[i];
			if (!text.p[i])
				*to++ = (char)0xff;
		}
	}
	*to++ = 0;
	return to;
}

static const char *bad(struct grouping *grouping, const struct key_member *key, const struct member *member,
		       const char *wanted)
{
	if (!member)
		snprintf(grouping->reason, sizeof grouping->reason, "%s is missing (%s)", key->member, wanted);
	else
		snprintf(grouping->reason, sizeof grouping->reason, "%s is %.*s (%s)", key->member,
			 member->value.n > 80 ? 80 : (int)member->value.n, member->value.p, wanted);
	return grouping->reason;
}

static const char *const wanted_text[] = {
    [KEY_OF_ANY] = "a string, a number, a boolean or null",
    [KEY_OF_TEXT] = "a string",
    [KEY_OF_MERCHANT] = "a string that is not empty",
    [KEY_OF_DATE] = "a date YYYY-MM-DD or null",
    [KEY_OF_TIME] = "a date-time YYYY-MM-DDThh:mm[:ss[.digits]]",
    [KEY_OF_TIME_DAY] = "a date-time YYYY-MM-DDThh:mm[:ss[.digits]]",
    [KEY_OF_DAY] = "a date YYYY-MM-DD, a date-time YYYY-MM-DDThh:mm[:ss[.digits]] or null",
};

/* Whether a text is what the rule asks for; cuts it to its day where the rule says so. */
static bool fits(enum key_rule rule, struct slice *text)
{
	date_day day;
	switch (rule) {
	case KEY_OF_ANY:
	case KEY_OF_TEXT: return true;
	case KEY_OF_MERCHANT: return text->n > 0;
	case KEY_OF_DATE: return date_read(*text, &day);
	case KEY_OF_TIME: return date_time_read(*text, NULL, NULL);
	case KEY_OF_DAY:
		if (date_read(*text, &day))
			return true;
		/* fallthrough */
	case KEY_OF_TIME_DAY:
		if (!date_time_read(*text, NULL, NULL))
			return false;
		text->n = DATE_TEXT - 1;
		return true;
	}
	return false;
}

const char *grouping_key(struct grouping *grouping, const struct record *record, struct slice *key)
{
	/* A value's spelling is never shorter than its text with doubled NULs; paymentDate may be used twice. */
	char *start = scratch_room(&grouping->key, 2 * record->line.n + 2 * GROUPING_MAX);
	char *to = start;
	for (unsigned i = 0; i < grouping->n; i++) {
		const struct key_member *part = &grouping->v[i];
		const struct member *member = members_get(&record->top, part->id);
		struct slice text;
		switch (member ? member->type : JSON_NULL) {
		case JSON_STRING:
			text = member_decoded(member, &grouping->decoded);
			if (!fits(part->rule, &text))
				return bad(grouping, part, member, wanted_text[part->rule]);
			to = put(to, KEY_STRING, text, member->escaped);
			break;
		case JSON_NULL:
			if (part->rule != KEY_OF_ANY && part->rule != KEY_OF_DATE && part->rule != KEY_OF_DAY)
				return bad(grouping, part, member, wanted_text[part->rule]);
			to = put(to, KEY_NULL, SLICE(""), false);
			break;
		case JSON_TRUE:
		case JSON_FALSE:
		case JSON_NUMBER:
			if (part->rule != KEY_OF_ANY)
				return bad(grouping, part, member, wanted_text[part->rule]);
			to = put(to, member->type == JSON_NUMBER ? KEY_NUMBER : KEY_BOOLEAN, member->value, false);
			break;
		default: return bad(grouping, part, member, wanted_text[part->rule]);
		}
	}
	*key = (struct slice){start, (size_t)(to - start)};
	return NULL;
}

const char *grouping_subtracts(struct grouping *grouping, const struct record *record, amount money, bool *subtracts)
{
	*subtracts = false;
	if (!grouping->net || grouping->is_signed)
		return NULL;
	static const struct key_member action = {.member = "paymentActionType"};
	const struct member *member = members_get(&record->top, NAME_PAYMENT_ACTION_TYPE);
	if (!member || member->type != JSON_STRING)
		return bad(grouping, &action, member, wanted_text[KEY_OF_TEXT]);
	struct slice text = member_decoded(member, &grouping->decoded);
	int sign = actions_sign(&grouping->actions, text);
	if (sign == 0)
		return bad(grouping, &action, member,
			   "with --net an action needs a sign: --accept paymentActionType=NAME:- or NAME:+");
	if (money < 0) {
		snprintf(grouping->reason, sizeof grouping->reason,
			 "amount %" PRId64 " is negative: amounts are magnitudes, whose direction the action gives "
			 "(--signed where the amount itself says it)",
			 money);
		return grouping->reason;
	}
	*subtracts = sign < 0;
	return NULL;
}

uint64_t grouping_identity(struct grouping *grouping, const struct record *record, int64_t money)
{
	static const int members[] = {NAME_MERCHANT_NUMBER, NAME_PAYMENT_DATE, NAME_PAYMENT_ACTION_TYPE,
				      NAME_PAYMENT_METHOD_TYPE};
	uint64_t hash = XXH3_64bits(&money, sizeof money);
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		const struct member *member = members_get(&record->top, members[i]);
		struct slice text = {"", 0};
		if (member)
			text = member->type == JSON_STRING ? member_decoded(member, &grouping->decoded) : member->value;
		hash = XXH3_64bits_withSeed(text.p, text.n, hash);
	}
	return hash;
}

/* The number of a member of the key by its name, grouping->n where there is none; paymentDateDaily stands for the day,
 * whatever gives it. */
static unsigned find(const struct grouping *grouping, struct slice name)
{
	unsigned i = 0;
	if (slice_equal(name, SLICE(the_day)) && strcmp(grouping->date, default_date) != 0)
		name = slice_of(grouping->date);
	while (i < grouping->n && !slice_equal(slice_of(grouping->v[i].name), name))
		i++;
	return i;
}

const char *grouping_part(struct grouping *rolled, struct grouping *grouping, const char *by, bool *unknown)
{
	*rolled = (struct grouping){0};
	*unknown = false;
	for (const char *at = by; *by; at++) {
		struct slice name = {at, strcspn(at, ",")};
		unsigned number = find(grouping, name);
		const char *wrong = name.n == 0 ? "names an empty member" : NULL;
		for (unsigned i = 0; !wrong && i < rolled->n; i++)
			if (rolled->v[i].id == (int)number)
				wrong = "names a member twice";
		if (!wrong && number == grouping->n) {
			wrong = "names a member that is no part of the totals";
			*unknown = true;
		}
		if (wrong) {
			snprintf(rolled->reason, sizeof rolled->reason, "%s: \"%.*s\"", wrong,
				 (int)(name.n < NAMES_LONGEST ? name.n : NAMES_LONGEST), name.p);
			return rolled->reason;
		}
		rolled->v[rolled->n] = grouping->v[number];
		rolled->v[rolled->n++].id = (int)number;
		at += name.n;
		if (!*at)
			break;
	}
	return NULL;
}

struct slice grouping_roll(struct grouping *rolled, const struct grouping *grouping, struct slice key)
{
	struct slice part[GROUPING_MAX], text;
	char *start = scratch_room(&rolled->key, key.n + 1), *to = start;
	for (unsigned i = 0; i < grouping->n; i++) {
		part[i].p = key.p;
		key_next(&key, &text, &rolled->decoded);
		part[i].n = (size_t)(key.p - part[i].p);
	}
	for (unsigned i = 0; i < rolled->n; i++)
		to = slice_append(to, part[rolled->v[i].id]);
	return (struct slice){start, (size_t)(to - start)};
}

enum key_type key_next(struct slice *key, struct slice *text, struct scratch *scratch)
{
	enum key_type type = (enum key_type)key->p[0];
	const char *start = key->p + 1, *end = key->p + key->n;
	const char *at = memchr(start, 0, (size_t)(end - start));
	if (at + 1 == end || (unsigned char)at[1] != 0xff) {
		*text = (struct slice){start, (size_t)(at - start)};
	} else {
		char *to = scratch_room(scratch, key->n);
		*text = (struct slice){to, 0};
		for (at = start; *at || (at + 1 < end && (unsigned char)at[1] == 0xff); at++) {
			*to++ = *at;
			at += !*at;
		}
		text->n = (size_t)(to - text->p);
	}
	at++;
	*key = (struct slice){at, (size_t)(end - at)};
	return type;
}
