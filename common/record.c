#include "record.h"

#include <stdio.h>
#include <stdlib.h>

#include "fail.h"

enum { SCRATCH_KEPT = 1 << 20 }; /* bytes; room for more is given back by the next that needs less */

/* Names are few and short: length, first and last bytes tell most apart. */
static unsigned hash(struct slice name)
{
	unsigned h = (unsigned)name.n;
	if (name.n > 0) {
		h = h * 131 + (unsigned char)name.p[0];
		h = h * 131 + (unsigned char)name.p[name.n / 2];
		h = h * 131 + (unsigned char)name.p[name.n - 1];
	}
	return h * 2654435761u >> 16;
}

int names_find(const struct names *names, struct slice name)
{
	for (unsigned i = hash(name) % NAMES_SLOTS; names->slot[i]; i = (i + 1) % NAMES_SLOTS)
		if (slice_equal(names->name[names->slot[i]], name))
			return names->slot[i];
	return NAME_NONE;
}

int names_add(struct names *names, struct slice name)
{
	int known = names_find(names, name);
	if (known != NAME_NONE) {
		names->other[known] = false;
		return known;
	}
	if (names->count == NAMES_MAX || name.n > NAMES_LONGEST)
		return -1;
	char *copy = must_alloc(name.n + 1);
	memcpy(copy, name.p, name.n);
	copy[name.n] = '\0';
	unsigned i = hash(name) % NAMES_SLOTS;
	while (names->slot[i])
		i = (i + 1) % NAMES_SLOTS;
	names->slot[i] = (uint8_t)names->count;
	names->name[names->count] = (struct slice){copy, name.n};
	return (int)names->count++;
}

int names_need(struct names *names, struct slice name)
{
	int id = names_add(names, name);
	if (id < 0)
		fail(EX_CONFIG,
		     "no room for the member %.*s: all stages of a process together name at most %d; run some of them "
		     "as "
		     "programs of their own",
		     (int)name.n, name.p, NAMES_MAX);
	return id;
}

void names_expand(struct names *names, int name)
{
	names->expand = name;
	names->expand_other = false;
}

void names_follow(struct names *names, const struct names *before)
{
	*names = *before;
	for (unsigned i = NAME_SHARED; i < names->count; i++)
		names->other[i] = true;
	names->expand_other = true;
}

void names_agree(struct names *names, const struct names *last)
{
	for (unsigned i = names->count; i < last->count; i++) {
		names->name[i] = last->name[i];
		names->other[i] = true;
	}
	names->count = last->count;
	memcpy(names->slot, last->slot, sizeof names->slot);
	if (names->expand == NAME_NONE || names->expand_other) {
		names->expand = last->expand;
		names->expand_other = true;
	}
}

void names_init(struct names *names)
{
	static const char *const shared[NAME_SHARED] = {
	    [NAME_MARK] = "_mark",
	    [NAME_SRC] = "_src",
	    [NAME_DEAD] = "_dead",
	    [NAME_UNSETTLED] = "_unsettled",
	    [NAME_RULE] = "_rule",
	    [NAME_PAYMENT_TYPE] = "paymentType",
	    [NAME_AMOUNT] = "amount",
	    [NAME_PAYOUT_DATE] = "payoutDate",
	    [NAME_CONFIRM_DATE] = "confirmDate",
	    [NAME_MERCHANT_NUMBER] = "merchantNumber",
	    [NAME_PAYMENT_DATE] = "paymentDate",
	    [NAME_PAYMENT_ACTION_TYPE] = "paymentActionType",
	    [NAME_PAYMENT_METHOD_TYPE] = "paymentMethodType",
	};
	*names = (struct names){.count = 1, .expand = NAME_NONE};
	for (int i = 1; i < NAME_SHARED; i++)
		names_add(names, slice_of(shared[i]));
}

void record_init(struct record *record)
{
	*record = (struct record){0};
}

void record_free(struct record *record)
{
	members_free(&record->top);
	members_free(&record->data);
}

/* Gives back what an unusually large object took. */
static void members_trim(struct members *members)
{
	if (members->capacity > MEMBERS_KEPT) {
		free(members->v);
		members->v = NULL;
		members->n = members->capacity = 0;
	}
}

bool record_large(const struct record *record)
{
	return record->top.n > MEMBERS_KEPT || record->data.n > MEMBERS_KEPT;
}

void record_trim(struct record *record)
{
	members_trim(&record->top);
	members_trim(&record->data);
}

void members_free(struct members *members)
{
	free(members->v);
	*members = (struct members){0};
}

static void members_clear(struct members *members, const struct names *names)
{
	members->n = 0;
	members->reserved = 0;
	members->doubtful = false;
	memset(members->at, 0, names->count * sizeof *members->at);
}

static struct member *members_room(struct members *members)
{
	if (members->n == members->capacity) {
		members->capacity = members->capacity ? members->capacity * 2 : 32;
		members->v = must_realloc(members->v, members->capacity * sizeof *members->v);
	}
	return &members->v[members->n];
}

/* The number of a name, however it is spelled. */
static int identify(const struct names *names, const struct member *member)
{
	char decoded[6 * NAMES_LONGEST]; /* a longer spelling is no registered name */
	struct slice name = member->name;
	if (member->name_escaped) {
		if (name.n > sizeof decoded)
			return NAME_NONE;
		name = (struct slice){decoded, json_unescape(decoded, name)};
	}
	return names_find(names, name);
}

/* Reads the name whose first byte is p, and the colon behind it, without the help of a hint; leaves one where there is
 * a place for it. Returns the byte after the colon, or NULL with *reason. */
static const char *read_name(struct member *member, const struct names *names, struct names_hint *hint, const char *p,
			     const char **reason)
{
	const char *end = json_string(p, &member->name_escaped, reason);
	if (!end)
		return NULL;
	member->name = (struct slice){p, (size_t)(end - p)};
	member->id = (uint8_t)identify(names, member);
	if (hint && !member->name_escaped && end[1] == ':' && member->name.n + 2 <= SCAN_TEXT) {
		scan_text_set(&hint->text, p, member->name.n + 2);
		hint->id = member->id;
	}
	p = json_space(end + 1);
	if (*p == ':')
		return p + 1;
	*reason = *p == '\n' ? "line ends inside the object" : "no ':' after a member's name";
	return NULL;
}

/* Reads the value at p. What most values are, a string without escapes or an integer, is read here; the rest is
 * json_value's. Returns the byte after it, or NULL with *reason. */
static inline const char *read_value(struct member *member, const char *p, int depth, const char **reason)
{
	const char *start = p;
	member->escaped = false;
	if (*p == '"') {
		p = scan_special(p + 1);
		if (*p == '"') {
			member->value = (struct slice){start, (size_t)(++p - start)};
			member->type = JSON_STRING;
			return p;
		}
	} else if (*p >= '1' && *p <= '9') {
		do
			p++;
		while (*p >= '0' && *p <= '9');
		if (*p == ',' || *p == '}') {
			member->value = (struct slice){start, (size_t)(p - start)};
			member->type = JSON_NUMBER;
			return p;
		}
	}
	struct json_value value;
	p = json_value(start, depth, &value, reason);
	if (!p)
		return NULL;
	member->value = value.text;
	member->type = value.type;
	member->escaped = value.escaped;
	return p;
}

/* Reads the object at p into members; `where` says which hints are for it. `data`, when it is not NULL, takes the
 * members of names->expand. Returns the byte after the object, or NULL with *reason. */
static const char *object(struct members *members, struct members *data, struct names *names, int where, const char *p,
			  int depth, char *fault, const char **reason)
{
	bool ordinary = false; /* a member that is not the toolkit's own was seen */
	p = json_space(p + 1);
	if (*p == '}')
		return p + 1;
	for (size_t place = 0;; place++) {
		if (*p != '"') {
			*reason = *p == '\n' ? "line ends inside the object" : "a member's name must be a string";
			return NULL;
		}
		p++;
		struct member *member = members_room(members);
		struct names_hint *hint = place < NAMES_HINTS ? &names->hint[where][place] : NULL;
		bool reserved;
		/* Lines mostly have the members of the line before. */
		if (hint && hint->text.n > 0 && scan_begins(p, &hint->text)) {
			member->name = (struct slice){p, hint->text.n - 2u};
			member->name_escaped = false;
			member->id = hint->id;
			reserved = *p == '_';
			p += hint->text.n;
		} else {
			p = read_name(member, names, hint, p, reason);
			if (!p)
				return NULL;
			reserved = member_reserved(member);
		}
		p = json_space(p);
		if (data && *p == '{' && member->id != NAME_NONE && member->id == names->expand) {
			const char *start = p;
			p = object(data, NULL, names, 1, p, depth + 1, fault, reason);
			if (!p && names->expand_other) {
				members_clear(data, names);
				members->doubtful = true;
				p = read_value(member, start, depth + 1, reason);
			} else if (p) {
				member->value = (struct slice){start, (size_t)(p - start)};
				member->type = JSON_OBJECT;
				member->escaped = false;
			}
			if (!p)
				return NULL;
			members->doubtful |= data->doubtful;
		} else {
			p = read_value(member, p, depth + 1, reason);
			if (!p)
				return NULL;
		}
		members->n++;
		if (member->id != NAME_NONE) {
			const char *problem = members->at[member->id] ? "repeated member \"%s\""
					      : reserved && ordinary  ? "\"%s\" must stand before the other members"
								      : NULL;
			if (problem && names->other[member->id]) {
				members->doubtful = true;
			} else if (problem) {
				snprintf(fault, sizeof((struct record *)0)->fault, problem, names->name[member->id].p);
				*reason = fault;
				return NULL;
			}
			members->at[member->id] = (uint32_t)members->n;
		}
		if (!reserved)
			ordinary = true;
		else if (!ordinary)
			members->reserved++;
		if (*p == ',' && p[1] == '"') {
			p++;
			continue;
		}
		p = json_space(p);
		if (*p == '}')
			return p + 1;
		if (*p != ',') {
			*reason = *p == '\n' ? "line ends inside the object" : "no ',' or '}' after a value";
			return NULL;
		}
		p = json_space(p + 1);
	}
}

const char *record_read(struct record *record, struct names *names, const char *p, const char **reason)
{
	const char *line = p;
	members_clear(&record->top, names);
	members_clear(&record->data, names);
	p = json_space(p);
	if (*p == '{') {
		const char *start = p;
		p = object(&record->top, &record->data, names, 0, p, 1, record->fault, reason);
		if (p) {
			record->line = (struct slice){start, (size_t)(p - start)};
			p = json_space(p);
			if (*p == '\n')
				return p;
			*reason = "text after the object";
		}
	} else if (*p == '\n') {
		*reason = "blank line";
	} else {
		*reason = memcmp(p, "\xef\xbb\xbf", 3) == 0 ? "byte order mark before the object" : "not a JSON object";
	}
	const char *feed = rawmemchr(line, '\n');
	record->line = (struct slice){line, (size_t)(feed - line)};
	if (record->line.n > 0 && feed[-1] == '\r')
		record->line.n--;
	return NULL;
}

void members_read(struct members *members, struct names *names, struct slice text)
{
	static struct names none;
	char fault[sizeof((struct record *)0)->fault];
	const char *reason;
	names = names ? names : &none;
	members_trim(members);
	members_clear(members, names);
	object(members, NULL, names, 0, text.p, 1, fault, &reason);
}

char *scratch_room(struct scratch *scratch, size_t n)
{
	if (scratch->capacity < n || (scratch->capacity > SCRATCH_KEPT && n <= SCRATCH_KEPT)) {
		free(scratch->p);
		scratch->capacity = n < 256 ? 256 : n <= SCRATCH_KEPT / 2 ? n * 2 : n;
		scratch->p = must_alloc(scratch->capacity);
	}
	return scratch->p;
}

struct slice member_decoded(const struct member *member, struct scratch *scratch)
{
	struct slice inside = member_inside(member);
	if (!member->escaped)
		return inside;
	char *to = scratch_room(scratch, inside.n);
	return (struct slice){to, json_unescape(to, inside)};
}
