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

/* What is hashed of a member: a letter for its type, then of a value its length and bytes. */
static char *put(char *to, char type, const void *bytes, size_t n)
{
	uint64_t length = n;
	*to++ = type;
	memcpy(to, &length, sizeof length);
	memcpy(to + sizeof length, bytes, n);
	return to + sizeof length + n;
}

bool identity_hash(struct identity *identity, const struct members *members, int64_t amount, XXH128_hash_t *to)
{
	size_t room = 0;
	bool given = false;
	for (int i = 0; i < identity->n; i++) {
		const struct member *member = members_get(members, identity->name[i]);
		room += 1 + 2 * sizeof(uint64_t) + (member ? member->value.n : 0);
		given = given || member_given(member);
	}
	if (!given)
		return false;
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
	*to = XXH3_128bits(text, (size_t)(end - text));
	return true;
}
