#include "writing.h"

enum { EDITS = 4 }; /* _src, _rule, payoutDate, confirmDate */

/* A change of a line: the `cut` bytes at `at` give way to text. */
struct edit {
	const char *at;
	size_t cut;
	struct slice before, text, after; /* one behind another; none is NULL */
};

struct edits {
	struct edit edit[EDITS];
	int n;
};

/* Notes a change, keeping the order of the line; of two at one place the first noted comes first. */
static void note(struct edits *edits, struct edit edit)
{
	int i = edits->n++;
	for (; i > 0 && edits->edit[i - 1].at > edit.at; i--)
		edits->edit[i] = edits->edit[i - 1];
	edits->edit[i] = edit;
}

static struct edit replacing(const struct member *member, struct slice value)
{
	return (struct edit){member->value.p, member->value.n, SLICE(""), value, SLICE("")};
}

static struct edit behind(const struct member *member, struct slice name, struct slice value)
{
	return (struct edit){member->value.p + member->value.n, 0, name, value, SLICE("")};
}

/* Sets `_rule`: in the place of an earlier one, else behind the other members of the toolkit's own. */
static void note_rule(struct edits *edits, const struct record *record, const struct member *present, struct slice rule)
{
	const struct members *top = &record->top;
	if (present)
		note(edits, replacing(present, rule));
	else if (top->reserved)
		note(edits, behind(&top->v[top->reserved - 1], SLICE(",\"_rule\":"), rule));
	else
		note(edits, (struct edit){record->line.p + 1, 0, SLICE("\"_rule\":"), rule, SLICE(",")});
}

/* Sets a date where it differs: in the member's place, or in a new one behind `previous`. Returns false where the
 * member is neither a date nor null. */
static bool note_date(struct edits *edits, const struct member *member, struct scratch *scratch,
		      const struct member *previous, struct slice name, const char *text)
{
	struct slice date = {text, DATED_TEXT};
	if (!member) {
		note(edits, behind(previous, name, date));
		return true;
	}
	if (slice_equal(member->value, date))
		return true;
	if (member->type != JSON_NULL) {
		date_day day;
		if (member->type != JSON_STRING)
			return false;
		struct slice decoded = member_decoded(member, scratch);
		if (!date_read(decoded, &day))
			return false;
		if (slice_equal(decoded, (struct slice){text + 1, DATED_TEXT - 2}))
			return true;
	}
	note(edits, replacing(member, date));
	return true;
}

static void write_record(struct stream *stream, const struct record *record, const struct edits *edits,
			 const struct decision *decision)
{
	enum { MOST_ADDED = 128 }; /* the names of four members, two dates, quotes and commas */
	const char *from = record->line.p, *end = from + record->line.n;
	char *start = stream_write_room(stream, record->line.n + stream->source.n + decision->rule.n + MOST_ADDED),
	     *to = start;
	for (int i = 0; i < edits->n; i++) {
		const struct edit *edit = &edits->edit[i];
		to = slice_append(to, (struct slice){from, (size_t)(edit->at - from)});
		to = slice_append(slice_append(slice_append(to, edit->before), edit->text), edit->after);
		from = edit->at + edit->cut;
	}
	to = slice_append(to, (struct slice){from, (size_t)(end - from)});
	*to++ = '\n';
	stream_wrote(stream, (size_t)(to - start), stream->amount);
}

void writing_dated(struct stream *stream, struct record *record, const struct decision *decision,
		   struct scratch *scratch)
{
	const struct members *top = &record->top;
	const struct member *money = members_get(top, NAME_AMOUNT), *payout = members_get(top, NAME_PAYOUT_DATE);
	const struct member *confirm = members_get(top, NAME_CONFIRM_DATE);
	struct edits edits = {.n = 0};
	if (stream->given)
		note(&edits, (struct edit){record->line.p + 1, 0, SLICE("\"_src\":"), stream->source, SLICE(",")});
	note_rule(&edits, record, members_get(top, NAME_RULE), decision->rule);
	if (!note_date(&edits, payout, scratch, money, SLICE(",\"payoutDate\":"), decision->dated.payout)) {
		stream_bad(stream, record, "payoutDate is neither a date YYYY-MM-DD nor null");
		return;
	}
	if (!note_date(&edits, confirm, scratch, payout ? payout : money, SLICE(",\"confirmDate\":"),
		       decision->dated.confirm)) {
		stream_bad(stream, record, "confirmDate is neither a date YYYY-MM-DD nor null");
		return;
	}
	write_record(stream, record, &edits, decision);
}
