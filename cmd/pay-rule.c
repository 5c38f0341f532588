/* pay-rule: dates each payment's payout and confirmation by its rule, its cycle, or the default cycle. */
#include <stdio.h>

#include "calendar.h"
#include "cycle.h"
#include "fail.h"
#include "options.h"
#include "part.h"
#include "pay-rule/cycles.h"
#include "pay-rule/dating.h"
#include "pay-rule/finding.h"
#include "pay-rule/holidays.h"
#include "pay-rule/writing.h"
#include "record.h"
#include "stream.h"

enum {
	OPT_RULES = 1,
	OPT_CYCLES,
	OPT_DEFAULT_CYCLE,
	OPT_HOLIDAYS,
	OPT_BASE,
	OPT_CUTOFF,
	OPT_RULES_TOPIC,
	OPT_RULE_URL,
	OPT_RULE_HEADER,
	OPT_RULE_CA,
	OPT_RULE_CACHE,
	OPT_API_PARALLEL,
	OPT_API_TIMEOUT,
	OPT_API_RETRIES,
	OPT_ON_API_ERROR,
	OPT_NEGATIVE_TTL
};

static const struct option_entry option_table[] = {
    {OPT_RULES, 0, "rules", "FILE", "payout rules by merchant, date, action and method (CSV, NDJSON, SQLite)"},
    {OPT_RULES_TOPIC, 0, "rules-topic", "TOPIC", "rules of a compacted topic, followed while running (see -b)"},
    {OPT_RULE_URL, 0, "rule-url", "URL", "ask this API (HTTP GET) where neither file nor topic has a rule"},
    {OPT_RULE_HEADER, 0, "rule-header", "FILE", "send the header lines of FILE with each request"},
    {OPT_RULE_CA, 0, "rule-ca", "FILE", "trust the certificates (PEM) in FILE instead of the system's"},
    {OPT_RULE_CACHE | OPTION_WRITES, 0, "rule-cache", "DB",
     "keep what the API said, so that a replay gets the same dates"},
    {OPT_API_PARALLEL, 0, "api-parallel", "N", "have at most N requests in flight (32)"},
    {OPT_API_TIMEOUT, 0, "api-timeout", "SECONDS", "wait that long for one answer (5)"},
    {OPT_API_RETRIES, 0, "api-retries", "N", "ask N times more where no answer comes, with growing pauses (5)"},
    {OPT_ON_API_ERROR, 0, "on-api-error", "stop|default|reject",
     "then end with 75, date by cycle, or find it bad (stop)"},
    {OPT_NEGATIVE_TTL, 0, "negative-ttl", "SECONDS", "ask again about a key without a rule after that (60)"},
    {OPT_CYCLES, 0, "cycles", "FILE", "cycles for payments without a rule, by merchant, action and method (CSV)"},
    {OPT_DEFAULT_CYCLE, 0, "default-cycle", "CYCLE", "cycle of the rest, payout and confirmation alike (C+2)"},
    {OPT_HOLIDAYS, 0, "holidays", "FILE", "days that, like weekends, are no business days (CSV: date,name)"},
    {OPT_BASE, 0, "base", "payment|roll", "count from the payment's day, or from the next business day if it is none"},
    {OPT_CUTOFF, 0, "cutoff", "HH:MM", "a payment later than this counts for the next day"},
    {0, 0, NULL, NULL, NULL}};

static const char examples[] =
    "  pay-rule --rules rules.csv --default-cycle D+2 base.ndjson\n"
    "  pay-tobase < day.ndjson | pay-rule --cycles cycles.csv --holidays holidays.csv --cutoff 23:30\n";

static const char *libraries(void)
{
	static char text[256];
	snprintf(text, sizeof text, "%s, %s", kafka_version(), api_version());
	return text;
}

static const struct program program = {
    .name = "pay-rule",
    .about = "date payout and confirmation of base records by payout rules and settlement cycles",
    .operands = "[FILE]",
    .options = option_table,
    .groups = OPTIONS_DEAD | OPTIONS_STREAM | OPTIONS_NO_COVER | OPTIONS_KAFKA,
    .examples = examples,
    .libraries = libraries,
};

enum { CUTOFF_NONE = 24 * 60 * 60 };

/* What pay-rule uses of a record. */
struct payment {
	struct key_texts texts;
	date_day day; /* of paymentDate */
	bool late;    /* after the cutoff */
};

/* A payment that was read before its turn. */
struct early {
	uint64_t line; /* of the input; 0: none */
	struct payment payment;
	uint32_t merchant_hash;
	bool found; /* the key */
	struct key key;
};

struct stage_rule {
	struct stream stream;
	struct stage stage;
	const char *cycles_file, *holidays_file;
	struct calendar calendar;
	struct finding finding;
	struct cycles cycles;
	struct terms default_terms;
	struct dating dating;
	bool roll;
	int32_t cutoff; /* second of the day; CUTOFF_NONE: every payment counts for its own day */
	struct scratch merchant, action, method, date;
	struct early early[STREAM_AHEAD]; /* by line */
	uint64_t beyond;                  /* payments whose cycle paid them out behind the last holiday */
};

/* Reading the payment */

static bool read_text(const struct record *record, int name, struct scratch *scratch, struct slice *to)
{
	const struct member *member = members_get(&record->top, name);
	if (!member || member->type != JSON_STRING || member->value.n == 2)
		return false;
	*to = member_decoded(member, scratch);
	return true;
}

/* Whether a date-time that was read as `second` lies after the cutoff, its fraction of a second counted. */
static bool after_cutoff(struct slice time, int32_t second, int32_t cutoff)
{
	static const size_t fraction = sizeof "YYYY-MM-DDThh:mm:ss." - 1;
	if (second != cutoff)
		return second > cutoff;
	for (size_t i = fraction; i < time.n; i++)
		if (time.p[i] != '0')
			return true;
	return false;
}

/* Returns what is wrong with the payment, or NULL. */
static const char *read_payment(struct stage_rule *stage, const struct record *record, struct payment *to)
{
	struct slice time;
	int32_t second;
	if (!read_text(record, NAME_MERCHANT_NUMBER, &stage->merchant, &to->texts.merchant))
		return "merchantNumber is not a text";
	if (!read_text(record, NAME_PAYMENT_ACTION_TYPE, &stage->action, &to->texts.action))
		return "paymentActionType is not a text";
	if (!read_text(record, NAME_PAYMENT_METHOD_TYPE, &stage->method, &to->texts.method))
		return "paymentMethodType is not a text";
	if (!read_text(record, NAME_PAYMENT_DATE, &stage->date, &time))
		return "paymentDate is not a text";
	if (!date_time_read(time, &to->day, &second))
		return "paymentDate is not a date-time YYYY-MM-DDThh:mm[:ss[.fraction]]";
	to->late = after_cutoff(time, second, stage->cutoff);
	return NULL;
}

/* Whether all texts point into the line, not into a scratch that the next payment needs. */
static bool in_line(const struct record *record, const struct key_texts *texts)
{
	const struct slice *const each[] = {&texts->merchant, &texts->action, &texts->method};
	for (int i = 0; i < 3; i++)
		if (each[i]->p < record->line.p || each[i]->p >= record->line.p + record->line.n)
			return false;
	return true;
}

/* The merchant's number is at hand: the payment's place in the table of rules is fetched. */
static void find_key(struct stage_rule *stage, struct early *early)
{
	const struct payment *payment = &early->payment;
	early->key = keys_find_hashed(&stage->finding.keys, payment->texts, payment->day, early->merchant_hash);
	early->found = true;
	finding_fetch_place(&stage->finding, &early->key);
}

/* The payment that was read early from a line; NULL: it was not. */
static struct early *early_at(struct stage_rule *stage, uint64_t line)
{
	struct early *early = &stage->early[line % STREAM_AHEAD];
	return early->line && early->line == line ? early : NULL;
}

/* The same while its line waits for its turn; its texts may be gone after that. */
static struct early *early_still(struct stage_rule *stage, uint64_t line)
{
	return line > stage->stream.line ? early_at(stage, line) : NULL;
}

/* Merchants and rules lie beyond the processor's cache: what a payment's look-up will touch is fetched while those
 * before it are dated, step by step: its merchant, then its place in the table, then the rule that is named there. */
static void prepare(void *self, struct stream *stream, const struct record *record, uint64_t line)
{
	enum { STEP = 3 };
	struct stage_rule *stage = self;
	struct early *early = &stage->early[line % STREAM_AHEAD], *second = early_still(stage, line - STEP),
		     *third = early_still(stage, line - 2 * STEP);
	(void)stream;
	early->line = 0;
	if (third)
		finding_fetch_rule(&stage->finding, &third->key);
	if (second)
		find_key(stage, second);
	if (record_tagged(record) || read_payment(stage, record, &early->payment) ||
	    !in_line(record, &early->payment.texts))
		return;
	early->line = line;
	early->found = false;
	early->merchant_hash = dictionary_fetch(&stage->finding.keys.merchant, early->payment.texts.merchant);
}

/* Rules that have come may have numbered merchants that had no number. */
static void forget_keys(struct stage_rule *stage)
{
	for (size_t i = 0; i < STREAM_AHEAD; i++)
		stage->early[i].found = false;
}

/* Deciding by what it is dated */

static void decide_by_rule(struct stage_rule *stage, const struct rule *rule, struct decision *to)
{
	to->rule = rule->id;
	dating_write(&stage->dating, to->dated.payout, rule->payout);
	dating_write(&stage->dating, to->dated.confirm, rule->confirm);
}

/* Returns why the cycle gives no dates, or NULL. */
static const char *decide_by_cycle(struct stage_rule *stage, const struct payment *payment, const struct key *key,
				   struct decision *to)
{
	const struct terms *terms = cycles_find(&stage->cycles, key);
	const char *reason;
	if (!terms)
		terms = &stage->default_terms;
	const struct dated *dated = dating_find(&stage->dating, terms, payment->day + payment->late, &reason);
	if (dated)
		*to = (struct decision){slice_of(terms->name), *dated};
	return reason;
}

/* The record */

static void date_record(void *self, struct stream *stream, struct record *record)
{
	struct stage_rule *stage = self;
	struct finding *finding = &stage->finding;
	struct payment payment;
	struct waiting at;
	struct decision decision;
	struct rule rule;
	bool durable, fresh = !stream->again;
	const char *reason;
	if (record_tagged(record)) { /* is not paid out */
		if (fresh && stream->held.n > 0)
			finding_hold(finding, stream, record, &(struct waiting){.dated = false});
		else
			stream_pass(stream, record);
		return;
	}
	if (fresh && finding_follow(finding, stream))
		forget_keys(stage);
	struct early *early = early_at(stage, stream->line);
	if (early) {
		if (!early->found)
			find_key(stage, early);
		payment = early->payment;
		at = (struct waiting){.key = early->key, .dated = true};
	} else if ((reason = read_payment(stage, record, &payment))) {
		stream_bad(stream, record, "%s", reason);
		return;
	} else if (!finding_locate(finding, stream, record, payment.texts, payment.day, &at)) {
		return;
	}
	enum answer answer = finding_rule(finding, &at, fresh, &rule, &durable);
	if (fresh && (stream->held.n > 0 || answer == ANSWER_NOT_YET || !durable)) {
		finding_hold(finding, stream, record, &at);
		return;
	}
	if (answer == ANSWER_FAILED && finding->on_error == ON_ERROR_REJECT) {
		stream_bad(stream, record, "the rule API does not answer: %s",
			   lookups_failure(&finding->lookups, &at.asked));
		return;
	}
	if (answer == ANSWER_REFUSED) {
		stream_bad(stream, record, "the rule API cannot be asked about it: %s",
			   lookups_failure(&finding->lookups, &at.asked));
		return;
	}
	if (answer == ANSWER_RULE) {
		decide_by_rule(stage, &rule, &decision);
	} else if ((reason = decide_by_cycle(stage, &payment, &at.key, &decision))) {
		stream_bad(stream, record, "%s", reason);
		return;
	} else {
		stage->beyond += decision.dated.beyond;
	}
	writing_dated(stream, record, &decision, &stage->date);
}

static void release(void *self, struct stream *stream)
{
	struct stage_rule *stage = self;
	finding_release(&stage->finding, stream);
}

static void end_segment(void *self, struct stream *stream, const struct mark *mark)
{
	struct stage_rule *stage = self;
	(void)stream;
	(void)mark;
	finding_commit(&stage->finding);
}

/* A list of holidays that ends too soon makes business days of the holidays behind it. */
static void end_input(void *self, struct stream *stream, enum stream_end how)
{
	struct stage_rule *stage = self;
	char last[DATE_TEXT];
	(void)how;
	if (!stage->holidays_file)
		return;
	stream->more = must_format(",\"beyondHolidays\":%llu", (unsigned long long)stage->beyond);
	if (stage->beyond == 0)
		return;
	date_write(last, stage->calendar.last);
	warn("%s ends on %s, and payments paid out later: %llu; holidays after that count as business days, add them",
	     stage->holidays_file, last, (unsigned long long)stage->beyond);
}

/* The command line */

static int32_t cutoff_read(const char *text)
{
	char whole[] = "2000-01-01Thh:mm";
	int32_t second;
	if (strlen(text) == 5) {
		memcpy(whole + 11, text, 5);
		if (date_time_read(slice_of(whole), NULL, &second))
			return second;
	}
	options_misuse("--cutoff %s: not a time of the day from 00:00 to 23:59", text);
}

static void default_cycle_read(struct stage_rule *stage, const char *text)
{
	struct terms *terms = &stage->default_terms;
	if (!cycle_read(slice_of(text), &terms->payout))
		options_misuse("--default-cycle: unknown cycle \"%s\" (%s)", text, cycle_forms);
	snprintf(terms->name, sizeof terms->name, "\"default:%s\"", text);
}

static void topic_read(struct stage_rule *stage, const char *value)
{
	if (!*value)
		options_misuse("--rules-topic: the name of one topic");
	stage->finding.topic_name = value;
}

static enum on_error on_error_read(const char *text)
{
	static const char *const names[] = {
	    [ON_ERROR_STOP] = "stop", [ON_ERROR_DEFAULT] = "default", [ON_ERROR_REJECT] = "reject"};
	for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
		if (strcmp(text, names[i]) == 0)
			return (enum on_error)i;
	options_misuse("--on-api-error %s: unknown (stop, default, reject)", text);
}

static double timeout_read(const struct options *options)
{
	double seconds = options_seconds(options);
	if (seconds < 0.001 || seconds > 3600)
		options_misuse("--api-timeout %s: from 0.001 to 3600 seconds", options->value);
	return seconds;
}

static void read_options(struct stage_rule *stage, struct options *options)
{
	struct lookups_terms *asking = &stage->finding.terms;
	int id;
	while ((id = options_next(options)) != 0) {
		const char *value = options->value;
		switch (id) {
		case OPT_RULES: stage->finding.file = value; break;
		case OPT_RULES_TOPIC: topic_read(stage, value); break;
		case OPT_RULE_URL: asking->api.url = value; break;
		case OPT_RULE_HEADER: asking->api.headers = value; break;
		case OPT_RULE_CA: asking->api.ca = value; break;
		case OPT_RULE_CACHE: asking->cache = value; break;
		case OPT_API_PARALLEL: asking->api.parallel = (int)options_number(options, 1, 1000); break;
		case OPT_API_TIMEOUT: asking->api.timeout = timeout_read(options); break;
		case OPT_API_RETRIES: asking->api.retries = (int)options_number(options, 0, 1000); break;
		case OPT_ON_API_ERROR: stage->finding.on_error = on_error_read(value); break;
		case OPT_NEGATIVE_TTL: asking->negative_ttl = options_seconds(options); break;
		case OPT_CYCLES: stage->cycles_file = value; break;
		case OPT_HOLIDAYS: stage->holidays_file = value; break;
		case OPT_DEFAULT_CYCLE: default_cycle_read(stage, value); break;
		case OPT_CUTOFF: stage->cutoff = cutoff_read(value); break;
		case OPT_BASE:
			stage->roll = strcmp(value, "roll") == 0;
			if (!stage->roll && strcmp(value, "payment") != 0)
				options_misuse("--base %s: unknown (payment, roll)", value);
		}
	}
}

/* Options that need others. */
static void check_options(struct finding *finding, const struct settings *settings)
{
	const struct lookups_terms *terms = &finding->terms;
	if (finding->topic_name && !kafka_named(settings))
		options_misuse("--rules-topic %s: where? (-b HOST:PORT)", finding->topic_name);
	if (!finding->topic_name && settings->kafka_n)
		options_misuse("-b, -X and -F are for --rules-topic");
	finding->asks = terms->api.url != NULL;
	if (!finding->asks && (terms->cache || terms->api.headers || terms->api.ca))
		options_misuse("--rule-cache, --rule-header and --rule-ca are for --rule-url");
}

static struct stream *open_stage(struct options *options, int *status)
{
	struct stage_rule *rule = must_alloc(sizeof *rule);
	struct finding *finding = &rule->finding;
	*rule = (struct stage_rule){
	    .stage = {.kind = STREAM_BASES, .record = date_record, .segment = end_segment, .end = end_input},
	    .cutoff = CUTOFF_NONE,
	    .default_terms.confirm_kind = CONFIRM_SAME,
	    .finding.terms = {.api = {.parallel = 32, .retries = 5, .timeout = 5}, .negative_ttl = 60},
	};
	default_cycle_read(rule, "C+2");
	read_options(rule, options);
	check_options(finding, &options->settings);

	calendar_init(&rule->calendar);
	if (rule->holidays_file)
		holidays_load(&rule->calendar, rule->holidays_file);
	if (rule->cycles_file)
		cycles_load(&rule->cycles, &finding->keys, rule->cycles_file);
	finding_open(finding, &options->settings, &rule->calendar);
	dating_init(&rule->dating, &rule->calendar, rule->roll);
	/* What waits for an API is numbered as it comes. */
	if ((finding->file || finding->topic_name) && !finding->asks)
		rule->stage.prepare = prepare;
	if (finding->asks) {
		rule->stage.release = release;
		rule->stage.needs_source = finding->terms.cache != NULL;
	}
	rule->stage.confined = !finding->asks && !finding->topic_name;
	stream_open(&rule->stream, &rule->stage, rule, options);
	*status = 0;
	if (!options->settings.check)
		return &rule->stream;
	finding_close(finding);
	return NULL;
}

static void close_stage(struct stream *stream)
{
	struct stage_rule *rule = stream->self;
	finding_close(&rule->finding);
}

const struct part part_own = {.program = &program, .open = open_stage, .close = close_stage};
