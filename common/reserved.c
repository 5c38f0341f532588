#include "reserved.h"

#include <stdint.h>

#include "amount.h"

static bool is_text(const struct member *member)
{
	return member && member->type == JSON_STRING;
}

static bool is_filled_text(const struct member *member)
{
	return is_text(member) && member_inside(member).n > 0;
}

void reserved_init(struct reserved *reserved)
{
	*reserved = (struct reserved){0};
	names_init(&reserved->names);
	reserved->stage = names_add(&reserved->names, SLICE("stage"));
	reserved->reason = names_add(&reserved->names, SLICE("reason"));
	reserved->raw = names_add(&reserved->names, SLICE("raw"));
	reserved->encoding = names_add(&reserved->names, SLICE("encoding"));
	reserved->length = names_add(&reserved->names, SLICE("length"));
}

static bool read_letter(struct reserved *reserved, const struct member *dead, struct letter *to)
{
	const struct members *members = &reserved->members;
	int64_t bytes;
	if (dead->type != JSON_OBJECT)
		return false;
	members_read(&reserved->members, &reserved->names, dead->value);
	*to = (struct letter){.stage = members_get(members, reserved->stage),
			      .reason = members_get(members, reserved->reason),
			      .raw = members_get(members, reserved->raw),
			      .encoding = members_get(members, reserved->encoding),
			      .length = members_get(members, reserved->length)};
	return is_text(to->stage) && is_text(to->reason) && is_text(to->raw) &&
	       (!to->encoding || is_text(to->encoding)) &&
	       (!to->length || (to->length->type == JSON_NUMBER && amount_read(to->length->value, &bytes)));
}

const char *reserved_check(struct reserved *reserved, const struct record *record, struct letter *to)
{
	const struct member *dead = members_get(&record->top, NAME_DEAD);
	const struct member *unsettled = members_get(&record->top, NAME_UNSETTLED);
	const struct member *rule = members_get(&record->top, NAME_RULE);
	if (dead && !read_letter(reserved, dead, to))
		return "_dead is not an object with texts stage, reason and raw";
	if (unsettled && !is_filled_text(unsettled))
		return "_unsettled is no reason: a text that is not empty";
	if (rule && !is_text(rule))
		return "_rule is not a text";
	return NULL;
}
