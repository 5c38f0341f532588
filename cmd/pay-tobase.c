/* pay-tobase: makes one base record a payment.
 *
 * A message {"_src":…,"channel":…,"action":"PAYMENT","data":{…}} becomes {"_src":…, the eight members of a base record
 * in their order, then whatever else data and the message held}. FINISH messages are dropped and counted. This is where
 * a record is checked in full; the stages after it check what they use. */
#include <stdio.h>
#include <stdlib.h>

#include "action.h"
#include "date.h"
#include "fail.h"
#include "options.h"
#include "part.h"
#include "pay-tobase/sources.h"
#include "shape.h"
#include "stream.h"

enum { ACCEPT = 1, SIGNED, MOST };
static const struct option_entry options_own[] = {
    {ACCEPT | OPTION_REPEATS, 'a', "accept", "MEMBER=VALUE",
     "accept a further value: paymentMethodType=GIFT, paymentActionType=CHARGEBACK:-"},
    {SIGNED, 0, "signed", NULL, "amounts say their direction themselves and may be negative"},
    {MOST, 0, "most", "N", "an amount above N, or below -N, makes a bad record"},
    {0},
};
static const struct program program = {
    .name = "pay-tobase",
    .about = "make base records of payment messages",
    .operands = "[FILE]",
    .options = options_own,
    .groups = OPTIONS_DEAD | OPTIONS_STREAM,
    .examples = "  pay-consume day.ndjson | pay-tobase --dead-letter bad.ndjson | pay-agg\n",
};

enum { BASE_MEMBERS = 8 };

/* Values of an enumerated member, as JSON strings. */
struct choice {
	const char *member;
	struct slice value[16];
	unsigned n;
	const char *listed; /* the documented ones, for messages */
};

struct tobase {
	struct stream stream;
	struct choice channel, type, action, method;
	struct actions actions; /* with their signs */
	bool is_signed;
	amount least, most;
	int message_channel, message_action, message_data; /* registered names */
	unsigned finish;                                   /* the reason for dropping */
	struct scratch scratch;
	struct sources sources;
};

static void choice_add(struct choice *choice, struct slice value)
{
	if (choice->n == sizeof choice->value / sizeof *choice->value)
		options_misuse("--accept: no more than %u values of %s", choice->n, choice->member);
	char *quoted = must_alloc(json_quote_room(value.n));
	choice->value[choice->n++] = (struct slice){quoted, json_quote(quoted, value)};
}

static struct choice choice_of(const char *member, const char *listed)
{
	struct choice choice = {.member = member, .listed = listed};
	char *values = must_strdup(listed), *rest = values;
	for (char *value; (value = strsep(&rest, "|"));)
		choice_add(&choice, slice_of(value));
	free(values);
	return choice;
}

/* --accept MEMBER=VALUE */
static void accept_value(struct tobase *tobase, const char *argument)
{
	struct choice *const choices[] = {&tobase->channel, &tobase->type, &tobase->action, &tobase->method};
	const char *equals = strchr(argument, '=');
	if (!equals || !equals[1])
		options_misuse("--accept: \"%s\" is not MEMBER=VALUE", argument);
	struct slice member = {argument, (size_t)(equals - argument)};
	for (int i = 0; i < 4; i++)
		if (slice_equal(member, slice_of(choices[i]->member))) {
			if (choices[i] == &tobase->action)
				choice_add(choices[i], actions_declare(&tobase->actions, equals + 1));
			else
				choice_add(choices[i], slice_of(equals + 1));
			return;
		}
	options_misuse("--accept: \"%.*s\" is not one of channel, paymentType, paymentActionType, paymentMethodType",
		       (int)member.n, member.p);
}

/* Whether a string member's characters are those of a JSON string without escapes. */
static bool spells(const struct member *member, struct slice quoted, struct scratch *scratch)
{
	if (!member->escaped)
		return slice_equal(member->value, quoted);
	struct slice inside = {quoted.p + 1, quoted.n - 2};
	return member->type == JSON_STRING && slice_equal(member_decoded(member, scratch), inside);
}

static bool chosen(const struct choice *choice, const struct member *member, struct scratch *scratch)
{
	for (unsigned i = 0; i < choice->n; i++)
		if (spells(member, choice->value[i], scratch))
			return true;
	return false;
}

/* How much of a value a message shows. */
static int shown(const struct member *member)
{
	return (int)(member->value.n < 60 ? member->value.n : 60);
}

/* Each check returns whether the member may stand; if not, the record was found bad. */

static bool check_choice(struct tobase *tobase, struct stream *stream, const struct record *record,
			 const struct choice *choice, const struct member *member)
{
	if (member && chosen(choice, member, &tobase->scratch))
		return true;
	if (!member)
		stream_bad(stream, record, "no %s", choice->member);
	else
		stream_bad(stream, record, "%s %.*s is not one of %s", choice->member, shown(member), member->value.p,
			   choice->listed);
	return false;
}

static bool check_date(struct tobase *tobase, struct stream *stream, const struct record *record, const char *name,
		       const struct member *member)
{
	date_day ignored;
	if (!member_given(member) ||
	    (member->type == JSON_STRING && date_read(member_decoded(member, &tobase->scratch), &ignored)))
		return true;
	stream_bad(stream, record, "%s %.*s is not a date YYYY-MM-DD that exists, nor null", name, shown(member),
		   member->value.p);
	return false;
}

static bool check_amount(struct tobase *tobase, struct stream *stream, const struct record *record,
			 const struct member *member, amount *to)
{
	bool read = member && member->type == JSON_NUMBER && amount_read(member->value, to);
	if (read && *to >= tobase->least && *to <= tobase->most)
		return true;
	if (!member)
		stream_bad(stream, record, "no amount");
	else if (!read)
		stream_bad(stream, record, "amount %.*s is not a 64-bit integer", shown(member), member->value.p);
	else if (*to < 0 && !tobase->is_signed)
		stream_bad(
		    stream, record,
		    "amount %.*s is negative: amounts are magnitudes, whose direction the action gives (--signed "
		    "where the amount itself says it)",
		    shown(member), member->value.p);
	else
		stream_bad(stream, record, "amount %.*s is beyond --most %lld", shown(member), member->value.p,
			   (long long)tobase->most);
	return false;
}

static bool check_merchant(struct stream *stream, const struct record *record, const struct member *member)
{
	if (member && member->type == JSON_STRING && member_inside(member).n > 0)
		return true;
	stream_bad(stream, record, member ? "merchantNumber is not a non-empty string" : "no merchantNumber");
	return false;
}

static bool check_payment_date(struct tobase *tobase, struct stream *stream, const struct record *record,
			       const struct member *member)
{
	if (member && member->type == JSON_STRING &&
	    date_time_read(member_decoded(member, &tobase->scratch), NULL, NULL))
		return true;
	if (!member)
		stream_bad(stream, record, "no paymentDate");
	else
		stream_bad(stream, record,
			   "paymentDate %.*s is not a date-time YYYY-MM-DDThh:mm[:ss[.fraction]] that exists",
			   shown(member), member->value.p);
	return false;
}

static bool is_base_member(int name)
{
	return name >= NAME_PAYMENT_TYPE && name < NAME_PAYMENT_TYPE + BASE_MEMBERS;
}

/* A reserved member of data would stand in the base record where it could be taken for the toolkit's own. */
static bool has_reserved(const struct members *data)
{
	if (data->reserved > 0)
		return true;
	for (size_t i = 0; i < data->n; i++)
		if (!is_base_member(data->v[i].id) && member_reserved(&data->v[i]))
			return true;
	return false;
}

/* Whether data is what a payment must be; *money is set then. */
static bool check_data(struct tobase *tobase, struct stream *stream, const struct record *record, amount *money)
{
	const struct members *data = &record->data;
	if (has_reserved(data)) {
		stream_bad(stream, record, "data has a member beginning with _, which is reserved");
		return false;
	}
	return check_choice(tobase, stream, record, &tobase->type, members_get(data, NAME_PAYMENT_TYPE)) &&
	       check_amount(tobase, stream, record, members_get(data, NAME_AMOUNT), money) &&
	       check_date(tobase, stream, record, "payoutDate", members_get(data, NAME_PAYOUT_DATE)) &&
	       check_date(tobase, stream, record, "confirmDate", members_get(data, NAME_CONFIRM_DATE)) &&
	       check_merchant(stream, record, members_get(data, NAME_MERCHANT_NUMBER)) &&
	       check_payment_date(tobase, stream, record, members_get(data, NAME_PAYMENT_DATE)) &&
	       check_choice(tobase, stream, record, &tobase->action, members_get(data, NAME_PAYMENT_ACTION_TYPE)) &&
	       check_choice(tobase, stream, record, &tobase->method, members_get(data, NAME_PAYMENT_METHOD_TYPE));
}

/* `"name":value` */
static char *append_member(char *to, const struct member *member)
{
	*to++ = '"';
	to = slice_append(to, member->name);
	*to++ = '"';
	*to++ = ':';
	return slice_append(to, member->value);
}

/* The eight, when data holds them one behind the other in this order and without space: as one slice; else empty. */
static struct slice eight_as_they_stand(const struct members *data)
{
	size_t first = data->at[NAME_PAYMENT_TYPE], length = BASE_MEMBERS - 1; /* the commas */
	if (first == 0)
		return (struct slice){NULL, 0};
	const struct member *member = &data->v[first - 1];
	for (int i = 0; i < BASE_MEMBERS; i++) {
		if (data->at[NAME_PAYMENT_TYPE + i] != first + (size_t)i)
			return (struct slice){NULL, 0};
		length += member[i].name.n + member[i].value.n + 3;
	}
	const char *start = member[0].name.p - 1;
	const char *end = member[BASE_MEMBERS - 1].value.p + member[BASE_MEMBERS - 1].value.n;
	bool tight = (size_t)(end - start) == length;
	return tight ? (struct slice){start, length} : (struct slice){NULL, 0};
}

/* The eight, each under its own name; null for a date that is absent. */
static char *append_eight(char *to, const struct names *names, const struct members *data)
{
	for (int name = NAME_PAYMENT_TYPE; name < NAME_PAYMENT_TYPE + BASE_MEMBERS; name++) {
		const struct member *member = members_get(data, name);
		if (name > NAME_PAYMENT_TYPE)
			*to++ = ',';
		*to++ = '"';
		to = slice_append(to, names->name[name]);
		to = slice_append(to, SLICE("\":"));
		to = slice_append(to, member ? member->value : SLICE("null"));
	}
	return to;
}

static void write_base(struct tobase *tobase, struct stream *stream, const struct record *record, amount money)
{
	enum {
		EIGHT_NAMES = 160
	}; /* the eight's names, and nulls, where the message spells them otherwise or not at all */
	const struct members *top = &record->top, *data = &record->data;
	char *start = stream_write_room(stream, record->line.n + EIGHT_NAMES), *to = start;
	*to++ = '{';
	for (size_t i = 0; i < top->reserved; i++) {
		to = append_member(to, &top->v[i]);
		*to++ = ',';
	}
	struct slice eight = eight_as_they_stand(data);
	to = eight.n ? slice_append(to, eight) : append_eight(to, &stream->names, data);
	for (size_t i = 0; i < data->n; i++)
		if (!is_base_member(data->v[i].id)) {
			*to++ = ',';
			to = append_member(to, &data->v[i]);
		}
	for (size_t i = top->reserved; i < top->n; i++) {
		int id = top->v[i].id;
		if (id == tobase->message_channel || id == tobase->message_action || id == tobase->message_data)
			continue;
		*to++ = ',';
		to = append_member(to, &top->v[i]);
	}
	*to++ = '}';
	*to++ = '\n';
	stream_wrote(stream, (size_t)(to - start), money);
}

/* A member beside data that a base record has of its own. */
static bool clashes(struct stream *stream, const struct record *record)
{
	for (int name = NAME_PAYMENT_TYPE; name < NAME_PAYMENT_TYPE + BASE_MEMBERS; name++)
		if (record->top.at[name]) {
			stream_bad(stream, record, "\"%s\" beside data would stand twice in the base record",
				   stream->names.name[name].p);
			return true;
		}
	return false;
}

static void convert(struct tobase *tobase, struct stream *stream, const struct record *record)
{
	const struct members *top = &record->top;
	const struct member *action = members_get(top, tobase->message_action);
	const struct member *data = members_get(top, tobase->message_data);
	amount money;
	const char *order = top->at[tobase->message_channel] ? NULL : shape_no_message(shape_of(top));
	if (order) {
		stream_bad(stream, record, "%s", order);
		return;
	}
	if (!check_choice(tobase, stream, record, &tobase->channel, members_get(top, tobase->message_channel)))
		return;
	if (!action) {
		stream_bad(stream, record, "no action");
	} else if (spells(action, SLICE("\"FINISH\""), &tobase->scratch)) {
		if (member_given(data))
			stream_bad(stream, record, "FINISH with data: a payment may be lost in it");
		else
			stream_drop(stream, tobase->finish);
	} else if (!spells(action, SLICE("\"PAYMENT\""), &tobase->scratch)) {
		stream_bad(stream, record, "action %.*s is not PAYMENT or FINISH", shown(action), action->value.p);
	} else if (!data || data->type != JSON_OBJECT) {
		stream_bad(stream, record, "PAYMENT without an object data");
	} else if (!clashes(stream, record) && check_data(tobase, stream, record, &money)) {
		write_base(tobase, stream, record, money);
	}
}

static void take(void *self, struct stream *stream, struct record *record)
{
	struct tobase *tobase = self;
	uint64_t dead = stream->stats.dead;
	struct slice source = stream->source;
	convert(tobase, stream, record);
	if (stream->stats.dead == dead)
		sources_good(&tobase->sources, source);
	else
		sources_bad(&tobase->sources, source, stream->dead.reason);
}

/* Ends the program: its mark is not passed on, so that nothing behind this stage takes the segment in. */
_Noreturn static void refuse(const struct sources_refused *refused, const char *input)
{
	fail(EX_DATAERR,
	     "%.300s: no line became a payment, %llu %s bad: it is not taken, whatever becomes of bad records; the "
	     "first: "
	     "%s",
	     refused->name ? refused->name : input, (unsigned long long)refused->bad, refused->bad == 1 ? "is" : "are",
	     refused->reason);
}

static void end_segment(void *self, struct stream *stream, const struct mark *mark)
{
	struct tobase *tobase = self;
	struct sources_refused refused;
	if (mark && sources_segment(&tobase->sources, mark, &refused))
		refuse(&refused, stream->input.name);
}

static void end(void *self, struct stream *stream, enum stream_end how)
{
	struct tobase *tobase = self;
	struct sources_refused refused;
	if (how == STREAM_COMPLETE && sources_end(&tobase->sources, &refused))
		refuse(&refused, stream->input.name);
}

static const struct stage stage = {
    .kind = STREAM_MESSAGES, .to_base = true, .confined = true, .record = take, .segment = end_segment, .end = end};

static void read_options(struct tobase *tobase, struct options *options)
{
	for (int id; (id = options_next(options));)
		switch (id) {
		case ACCEPT: accept_value(tobase, options->value); break;
		case SIGNED: tobase->is_signed = true; break;
		case MOST:
			tobase->most = options_number(options, 0, INT64_MAX);
			tobase->least = -tobase->most;
			break;
		}
	if (!tobase->is_signed)
		tobase->least = 0;
}

static struct stream *open_stage(struct options *options, int *status)
{
	struct tobase *tobase = must_alloc(sizeof *tobase);
	*tobase = (struct tobase){
	    .channel = choice_of("channel", "ONLINE|OFFLINE"),
	    .type = choice_of("paymentType", "ONLINE|OFFLINE"),
	    .action = choice_of("paymentActionType", actions_listed),
	    .method = choice_of("paymentMethodType", "CARD|MONEY|PAY|POINT"),
	    .least = INT64_MIN,
	    .most = INT64_MAX,
	};
	actions_init(&tobase->actions);
	read_options(tobase, options);
	struct stream *stream = &tobase->stream;
	stream_open(stream, &stage, tobase, options);
	tobase->message_channel = names_need(&stream->names, SLICE("channel"));
	tobase->message_action = names_need(&stream->names, SLICE("action"));
	tobase->message_data = names_need(&stream->names, SLICE("data"));
	names_expand(&stream->names, tobase->message_data);
	tobase->finish = stats_reason(&stream->stats, "FINISH");
	*status = 0;
	return options->settings.check ? NULL : stream;
}

const struct part part_own = {.program = &program, .open = open_stage};
