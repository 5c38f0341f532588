#include <inttypes.h>
#include <unistd.h>

#include "fail.h"
#include "file.h"
#include "input.h"
#include "judge.h"
#include "shown.h"

struct cases {
	const char *file;
	struct names *names;
	int in, expect;
	struct scratch expected;
};

/* Judges the case that record holds; returns whether it came out as expected. */
static bool holds(struct cases *cases, struct judge *judge, const struct record *record, uint64_t line)
{
	const struct member *in = members_get(&record->top, cases->in);
	const struct member *expect = members_get(&record->top, cases->expect);
	if (!in || in->type != JSON_OBJECT)
		fail(EX_DATAERR, "%s:%" PRIu64 ": \"in\" must be the object to judge", cases->file, line);
	if (!expect || (expect->type != JSON_STRING && expect->type != JSON_NULL))
		fail(EX_DATAERR, "%s:%" PRIu64 ": \"expect\" must be a reason or null", cases->file, line);
	struct slice expected = SLICE("null");
	if (expect->type == JSON_STRING)
		expected = member_decoded(expect, &cases->expected);
	struct verdict verdict;
	if (!judge_object(judge, &record->data, in->value, &verdict)) {
		shown_print(stdout, "%s:%" PRIu64 ": expected %.*s, got an error: %s\n", cases->file, line,
			    (int)expected.n, expected.p, judge->expressions.why);
		return false;
	}
	if (expect->type == JSON_NULL ? !verdict.reason
				      : verdict.reason && slice_equal(expected, slice_of(verdict.reason)))
		return true;
	shown_print(stdout, "%s:%" PRIu64 ": expected %.*s, got ", cases->file, line, (int)expected.n, expected.p);
	if (verdict.reason)
		shown_print(stdout, "%s by %s\n", verdict.reason, verdict.by);
	else
		shown_print(stdout, "null\n");
	return false;
}

uint64_t judge_cases(struct judge *judge, struct names *names, const char *file)
{
	struct cases cases = {.file = file,
			      .names = names,
			      .in = names_add(names, SLICE("in")),
			      .expect = names_add(names, SLICE("expect"))};
	if (cases.in < 0 || cases.expect < 0)
		fail(EX_CONFIG, "the policy names too many members (at most %d)", NAMES_MAX);
	names->expand = cases.in;
	struct input input;
	input_open(&input, strcmp(file, "-") == 0 ? STDIN_FILENO : file_open(file), file);
	input.settings = true;
	struct record record;
	record_init(&record);
	uint64_t failed = 0, length;
	const char *p, *reason;
	for (enum input_state state; (state = input_next(&input, &p, &length, NULL, NULL)) != INPUT_END;) {
		if (state == INPUT_TOO_LONG)
			fail(EX_DATAERR, "%s:%" PRIu64 ": longer than %d bytes", file, input.line, INPUT_LINE_MAX);
		const char *end = record_read(&record, names, p, &reason);
		if (!end)
			fail(EX_DATAERR, "%s:%" PRIu64 ": %s", file, input.line, reason);
		failed += !holds(&cases, judge, &record, input.line);
		input_take(&input, end);
	}
	if (input.line == 1)
		fail(EX_DATAERR, "%s: no cases in it, give lines {\"in\":{…},\"expect\":\"REASON\"|null}", file);
	record_free(&record);
	input_close(&input);
	return failed;
}
