#include "dedupe.h"
#include "options.h"

void identity_read(struct identity *identity, const char *spelled, struct names *names)
{
	*identity = (struct identity){.spelled = spelled};
	for (const char *p = spelled;; p++) {
		struct slice name = {p, strcspn(p, ",")};
		p += name.n;
		if (name.n == 0)
			options_misuse("--dedupe-by \"%s\": an empty name, give members separated by commas", spelled);
		if (identity->n == IDENTITY_MEMBERS)
			options_misuse("--dedupe-by \"%s\": at most %d members", spelled, IDENTITY_MEMBERS);
		int id = names_add(names, name);
		if (id < 0)
			options_misuse("--dedupe-by: \"%.*s\" is too long or one member too many", (int)name.n, name.p);
		for (int i = 0; i < identity->n; i++)
			if (identity->name[i] == id)
				options_misuse("--dedupe-by: \"%.*s\" is named twice", (int)name.n, name.p);
		identity->name[identity->n++] = id;
		if (!*p)
			return;
	}
}

void identity_rest(struct identity *rest, const struct identity *identity)
{
	static const int paid[] = {NAME_MERCHANT_NUMBER, NAME_PAYMENT_ACTION_TYPE, NAME_AMOUNT};
	*rest = (struct identity){0};
	for (size_t i = 0; i < sizeof paid / sizeof *paid; i++) {
		int at = 0;
		while (at < identity->n && identity->name[at] != paid[i])
			at++;
		if (at == identity->n)
			rest->name[rest->n++] = paid[i];
	}
}

bool identity_given(const struct identity *identity, const struct members *members)
{
	for (int i = 0; i < identity->n; i++)
		if (member_given(members_get(members, identity->name[i])))
			return true;
	return false;
}

enum { PUT_MOST = 1 + sizeof(uint32_t) + sizeof(int64_t) }; /* bytes beside a value that is text */

/* What is hashed of a member: a letter for its type, then of a value its length and bytes. */
static char *put(char *to, char type, const void *bytes, size_t n)
{
	uint32_t length = (uint32_t)n; /* of a part of a line */
	*to++ = type;
	memcpy(to, &length, sizeof length);
	memcpy(to + sizeof length, bytes, n);
	return to + sizeof length + n;
}

struct siphash identity_hash(struct identity *identity, const struct siphash_key *key, const struct members *members,
			     int64_t amount)
{
	size_t room = 0;
	for (int i = 0; i < identity->n; i++) {
		const struct member *member = members_get(members, identity->name[i]);
		room += PUT_MOST + (member ? member->value.n : 0);
	}
	char *text = scratch_room(&identity->text, room), *end = text;
	for (int i = 0; i < identity->n; i++) {
		const struct member *member = members_get(members, identity->name[i]);
		if (!member) {
			*end++ = '-';
		} else if (member->type == JSON_STRING) {
			struct slice value = member_decoded(member, &identity->decoded);
			end = put(end, JSON_STRING, value.p, value.n);
		} else if (identity->name[i] == NAME_AMOUNT) {
			end = put(end, 'i', &amount, sizeof amount);
		} else {
			end = put(end, (char)member->type, member->value.p, member->value.n);
		}
	}
	return siphash(key, (struct slice){text, (size_t)(end - text)});
}
