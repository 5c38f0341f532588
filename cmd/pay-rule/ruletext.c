#include "ruletext.h"

#include <stdio.h>
#include <stdlib.h>

#include "fail.h"
#include "json.h"

const struct csv_column rule_columns[RULE_COLUMNS + 1] = {[RULE_MERCHANT_NUMBER] = {"merchantNumber", false},
							  [RULE_PAYMENT_DATE] = {"paymentDate", false},
							  [RULE_PAYMENT_ACTION_TYPE] = {"paymentActionType", false},
							  [RULE_PAYMENT_METHOD_TYPE] = {"paymentMethodType", false},
							  [RULE_ID] = {"ruleId", false},
							  [RULE_PAYOUT_DATE] = {"payoutDate", false},
							  [RULE_CONFIRM_DATE] = {"confirmDate", false},
							  [RULE_COLUMNS] = {NULL, false}};

static const struct slice nothing = {NULL, 0};

void ruletext_init(struct ruletext *reader, const struct calendar *calendar)
{
	*reader = (struct ruletext){.calendar = calendar};
	names_init(&reader->names);
	record_init(&reader->record);
	for (int i = 0; i < RULE_COLUMNS; i++)
		reader->member[i] = names_add(&reader->names, slice_of(rule_columns[i].name));
}

void ruletext_free(struct ruletext *reader)
{
	for (int i = 0; i < RULE_COLUMNS; i++)
		free(reader->decoded[i].p);
	free(reader->id.p);
	free(reader->line.p);
	record_free(&reader->record);
}

bool ruletext_fault(struct ruletext *reader, const char *what, struct slice text, const char *remedy)
{
	reader->fault.what = what;
	reader->fault.text = text;
	reader->fault.remedy = remedy;
	return false;
}

/* A fault of a column: `no such payoutDate`. */
static bool column_fault(struct ruletext *reader, const char *what, int column, struct slice text, const char *remedy)
{
	snprintf(reader->fault.room, sizeof reader->fault.room, "%s%s", what, rule_columns[column].name);
	return ruletext_fault(reader, reader->fault.room, text, remedy);
}

char *ruletext_complaint(const struct ruletext *reader)
{
	const struct rule_fault *fault = &reader->fault;
	const char *quote = fault->text.p ? "\"" : "";
	int n = fault->text.n < 200 ? (int)fault->text.n : 200;
	return must_format("%s%s%s%.*s%s, %s", fault->what, fault->text.p ? " " : "", quote, n,
			   fault->text.p ? fault->text.p : "", quote, fault->remedy);
}

static bool read_date(struct ruletext *reader, int column, struct slice text, date_day *to)
{
	return date_read(text, to) || (column == RULE_PAYMENT_DATE && date_time_read(text, to, NULL)) ||
	       column_fault(reader, "no such ", column, text.p ? text : SLICE(""),
			    "write a day that exists as YYYY-MM-DD");
}

/* The ruleId as a JSON string. */
static bool read_id(struct ruletext *reader, struct slice id, struct slice *to)
{
	if (!id.n)
		return ruletext_fault(reader, "no ruleId", nothing, "give each rule one");
	if (!json_utf8(id))
		return ruletext_fault(reader, "a ruleId that is not UTF-8", nothing, "convert the rules");
	if (slice_begins(id, SLICE("cycle:")) || slice_begins(id, SLICE("default:")))
		return ruletext_fault(reader, "ruleId", id, "which reads like a cycle in _rule: give it another name");
	size_t room = json_quote_room(id.n);
	if (room > UINT32_MAX)
		return ruletext_fault(reader, "a ruleId that is too long", nothing, "shorten it");
	to->p = scratch_room(&reader->id, room);
	to->n = json_quote(reader->id.p, id);
	return true;
}

bool ruletext_read(struct ruletext *reader, const struct slice fields[RULE_COLUMNS], struct keyed_rule *to)
{
	struct rule *rule = &to->rule;
	for (int i = 0; i < RULE_KEY; i++)
		if (!fields[i].n)
			return column_fault(reader, "no ", i, nothing, "each rule needs one");
	if (!read_date(reader, RULE_PAYMENT_DATE, fields[RULE_PAYMENT_DATE], &to->day) ||
	    !read_date(reader, RULE_PAYOUT_DATE, fields[RULE_PAYOUT_DATE], &rule->payout))
		return false;
	if (fields[RULE_CONFIRM_DATE].n) {
		if (!read_date(reader, RULE_CONFIRM_DATE, fields[RULE_CONFIRM_DATE], &rule->confirm))
			return false;
	} else if (!calendar_before(reader->calendar, rule->payout, &rule->confirm)) {
		return ruletext_fault(reader, "no business day before payoutDate", fields[RULE_PAYOUT_DATE],
				      "give a confirmDate");
	}
	to->texts = (struct key_texts){fields[RULE_MERCHANT_NUMBER], fields[RULE_PAYMENT_ACTION_TYPE],
				       fields[RULE_PAYMENT_METHOD_TYPE]};
	return read_id(reader, fields[RULE_ID], &rule->id);
}

bool ruletext_members(struct ruletext *reader, struct slice fields[RULE_COLUMNS])
{
	if (members_get(&reader->record.top, NAME_MARK))
		return ruletext_fault(reader, "a mark", nothing, "write the rules with --plain");
	for (int i = 0; i < RULE_COLUMNS; i++) {
		const struct member *member = members_get(&reader->record.top, reader->member[i]);
		fields[i] = nothing;
		if (!member || (i == RULE_CONFIRM_DATE && member->type == JSON_NULL))
			continue;
		if (member->type != JSON_STRING)
			return ruletext_fault(reader, rule_columns[i].name, member->value, "which must be a string");
		fields[i] = member_decoded(member, &reader->decoded[i]);
	}
	return true;
}

/* Whether a member says what the key says; a date-time counts as its day. */
static bool agrees(int column, struct slice said, struct slice key)
{
	date_day a, b;
	if (slice_equal(said, key))
		return true;
	return column == RULE_PAYMENT_DATE && date_read(key, &a) &&
	       (date_read(said, &b) || date_time_read(said, &b, NULL)) && a == b;
}

bool ruletext_object(struct ruletext *reader, struct slice object, const struct slice key[RULE_KEY],
		     struct keyed_rule *to)
{
	struct slice fields[RULE_COLUMNS];
	const char *reason;
	char *line = scratch_room(&reader->line, object.n + 1 + JSON_PADDING);
	memcpy(line, object.p, object.n);
	memset(line + object.n, 0, 1 + JSON_PADDING);
	line[object.n] = '\n';
	/* An object may stand on several lines: a line feed between its members is space like a CR, one within a string
	 * is an error like a CR. */
	for (char *feed = line; (feed = memchr(feed, '\n', object.n - (size_t)(feed - line)));)
		*feed = '\r';
	if (!record_read(&reader->record, &reader->names, line, &reason))
		return ruletext_fault(reader, reason, nothing, "a rule is a JSON object");
	if (!ruletext_members(reader, fields))
		return false;
	for (int i = 0; i < RULE_KEY; i++) {
		if (fields[i].p && !agrees(i, fields[i], key[i]))
			return column_fault(reader, "another ", i, fields[i], "which must be that of its key");
		fields[i] = key[i];
	}
	return ruletext_read(reader, fields, to);
}
