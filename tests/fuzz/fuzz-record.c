/* What record_read accepts lies inside the line, is what json_value accepts, and does not depend on the lines before.
 */
#include "fuzz.h"
#include "record.h"

static void check_members(const struct members *members, struct slice inside)
{
	for (size_t i = 0; i < members->n; i++) {
		const struct member *member = &members->v[i];
		struct slice text = member_text(member);
		MUST(text.p >= inside.p && text.p + text.n <= inside.p + inside.n);
		MUST(text.p[0] == '"' && member->name.p[member->name.n] == '"');
		MUST(member->name_escaped == (memchr(member->name.p, '\\', member->name.n) != NULL));
		MUST((member->type == JSON_NUMBER && strchr("-0123456789", member->value.p[0])) ||
		     member->type == member->value.p[0]);
		if (member->type == JSON_STRING) {
			struct scratch scratch = {0};
			MUST(json_utf8(member_decoded(member, &scratch)));
			free(scratch.p);
		}
		if (member->id != NAME_NONE)
			MUST(members_get(members, member->id) == member);
	}
	MUST(members->reserved <= members->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct names warm; /* its hints come from all inputs before */
	static struct names cold;
	struct names fresh;
	static struct record record, again;
	if (warm.count == 0) {
		names_init(&cold);
		cold.expand = names_add(&cold, SLICE("data"));
		names_add(&cold, SLICE("testPayment"));
		names_add(&cold,
			  SLICE("a-name-longer-than-the-padding-behind-a-line-which-must-not-be-read-too-far-x"));
		warm = cold;
	}
	fresh = cold;
	char *line = fuzz_line(bytes, &n);
	const char *reason = NULL, *fresh_reason = NULL;
	const char *feed = record_read(&record, &warm, line, &reason);
	MUST(feed == record_read(&again, &fresh, line, &fresh_reason));
	if (feed) {
		MUST(feed == line + n);
		struct json_value value;
		MUST(json_value(json_space(line), 1, &value, &reason) == record.line.p + record.line.n);
		check_members(&record.top, record.line);
		check_members(&record.data, record.line);
		MUST(record.top.n == again.top.n && record.data.n == again.data.n);
		for (size_t i = 0; i < record.top.n; i++)
			MUST(record.top.v[i].id == again.top.v[i].id);
		for (size_t i = 0; i < record.data.n; i++)
			MUST(record.data.v[i].id == again.data.v[i].id);
	} else {
		MUST(reason && strlen(reason) < 400);
		MUST(record.line.p == line && record.line.n <= n);
	}
	free(line);
	return 0;
}
