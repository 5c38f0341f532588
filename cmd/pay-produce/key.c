#include "key.h"

#include <stdio.h>

#include "json.h"
#include "options.h"

void key_open(struct key *key, const char *spelled, struct names *names)
{
	key->names = names;
	key->own = names_need(names, SLICE("_key"));
	if (spelled)
		names_expand(names, names_need(names, SLICE("key")));
	for (const char *p = spelled; p; p = *p ? p + 1 : NULL) {
		struct slice name = {p, strcspn(p, "/")};
		p += name.n;
		if (name.n == 0)
			options_misuse("--key \"%s\": an empty name, give members separated by /", spelled);
		if (key->n == KEY_MEMBERS)
			options_misuse("--key \"%s\": at most %d members", spelled, KEY_MEMBERS);
		int id = names_add(names, name);
		if (id < 0)
			options_misuse("--key: \"%.80s\" is too long", spelled);
		key->name[key->n++] = id;
	}
}

static const char *fault(struct key *key, int name, const char *what)
{
	snprintf(key->fault, sizeof key->fault, "%s, a member of its key, %s", key->names->name[name].p, what);
	return key->fault;
}

static const char *own_key(struct key *key, const struct record *record, struct slice *to)
{
	const struct member *member = members_get(&record->top, key->own);
	*to = (struct slice){NULL, 0};
	if (!member_given(member))
		return NULL;
	if (member->type != JSON_STRING)
		return "_key is neither a string nor null";
	*to = member_decoded(member, &key->decoded);
	return NULL;
}

/* The member by which a part of the key is given, NULL where there is none. */
static const struct member *part(const struct record *record, int name)
{
	const struct member *member = members_get(&record->top, name);
	return member ? member : members_get(&record->data, name);
}

/* Whether a text would be a number, true or false without quotes. */
static bool reads_as_literal(struct slice text)
{
	char line[64 + 1 + JSON_PADDING] = {0};
	struct json_value value;
	const char *reason;
	if (text.n == 0 || text.n > 64 || !strchr("-0123456789tf", *text.p))
		return false;
	memcpy(line, text.p, text.n);
	line[text.n] = '\n';
	const char *end = json_value(line, 1, &value, &reason);
	return end && value.text.n == text.n &&
	       (value.type == JSON_NUMBER || value.type == JSON_TRUE || value.type == JSON_FALSE);
}

/* Notes of which type a member of the key is; returns whether a key of the other type may be the same. */
static bool mixed(struct key *key, int i, const struct member *member, struct slice text)
{
	bool literal = member->type != JSON_STRING;
	if (literal)
		key->seen[i].literal = true;
	else if (!key->seen[i].alike || key->seen[i].literal)
		key->seen[i].alike |= reads_as_literal(text);
	return key->seen[i].literal && key->seen[i].alike && (literal || reads_as_literal(text));
}

/* A value behind the first, in which a slash is none of those between the members. */
static char *append_escaped(char *to, struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '/')
			to = slice_append(to, SLICE("%2F"));
		else if (text.p[i] == '%')
			to = slice_append(to, SLICE("%25"));
		else
			*to++ = text.p[i];
	return to;
}

const char *key_read(struct key *key, const struct record *record, struct slice *to)
{
	if (key->n == 0)
		return own_key(key, record, to);
	size_t room = 0;
	for (int i = 0; i < key->n; i++) {
		const struct member *member = part(record, key->name[i]);
		if (!member_given(member))
			return fault(key, key->name[i], member ? "is null" : "is missing");
		if (member->type == JSON_OBJECT || member->type == JSON_ARRAY)
			return fault(key, key->name[i], "is an object or an array");
		room += (i > 0 ? 3 : 1) * member->value.n + 1;
	}
	char *start = scratch_room(&key->text, room), *end = start;
	for (int i = 0; i < key->n; i++) {
		const struct member *member = part(record, key->name[i]);
		struct slice text = member->type == JSON_STRING ? member_decoded(member, &key->decoded) : member->value;
		if (mixed(key, i, member, text))
			return fault(
			    key, key->name[i],
			    "is a number or boolean in one record, a string like it in another: one key for both");
		if (i > 0)
			*end++ = '/';
		end = i > 0 ? append_escaped(end, text) : slice_append(end, text);
	}
	*to = (struct slice){start, (size_t)(end - start)};
	return NULL;
}
