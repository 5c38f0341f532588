/* pay-filter: classifies payments that are not settled.
 *
 * A base record is judged by the policy, then by the user's jq expressions, then, with --dedupe, by whether the same
 * payment was met before under other coordinates. What none of them rejects passes unchanged; the rest is dropped, kept
 * in a file, or passed on with its reason. */
#include <csv.h>
#include <stdio.h>
#include <stdlib.h>

#include "append.h"
#include "date.h"
#include "fail.h"
#include "file.h"
#include "options.h"
#include "part.h"
#include "pay-filter/dedupe.h"
#include "pay-filter/judge.h"
#include "shown.h"
#include "stream.h"
#include "target.h"

enum { POLICY = 1, MERCHANTS, REJECT, DEDUPE, DEDUPE_BY, DEDUPE_DAYS, TAG, REJECTS, EXPLAIN, TEST };
enum { DAYS_BY_DEFAULT = 31, DAYS_MAX = 36525 };
static const struct option_entry options_own[] = {
    {POLICY, 'p', "policy", "FILE", "classify by this CSV table (reason,member,test,value)"},
    {MERCHANTS, 'm', "merchants", "FILE", "NON_SETTLEMENT_MERCHANT: the first column of this CSV file"},
    {REJECT | OPTION_REPEATS, 'r', "reject", "REASON=EXPR", "reject what a jq expression is true for; may be repeated"},
    {TAG, 't', "tag", NULL, "pass rejected records on with \"_unsettled\":\"REASON\""},
    {REJECTS | OPTION_WRITES, 0, "rejects", "FILE", "append rejected records, tagged, to FILE"},
    {DEDUPE | OPTION_WRITES, 0, "dedupe", "DB",
     "DUPLICATE or CONFLICT: met before under other coordinates, as DB remembers"},
    {DEDUPE_BY, 0, "dedupe-by", "MEMBERS", "what identifies an event: members separated by commas"},
    {DEDUPE_DAYS, 0, "dedupe-days", "N", "payment dates of duplicates are at most N days apart (31)"},
    {EXPLAIN, 0, "explain", NULL, "write each record's verdict instead of the records"},
    {TEST, 0, "test", "CASES", "run a policy's test cases, {\"in\":{},\"expect\":\"REASON\"|null}"},
    {0},
};

static const char *libraries(void)
{
	return must_format("%s, libcsv %d.%d.%d", expressions_library(), CSV_MAJOR, CSV_MINOR, CSV_RELEASE);
}

static const struct program program = {
    .name = "pay-filter",
    .about = "classify payments that are not settled",
    .operands = "[FILE]",
    .options = options_own,
    .groups = OPTIONS_DEAD | OPTIONS_STREAM | OPTIONS_NO_COVER,
    .examples = "  pay-consume day.ndjson | pay-tobase | pay-filter --tag --policy policy.csv | pay-store -d day.db\n"
		"  pay-filter --policy policy.csv --test cases.ndjson\n"
		"  pay-filter --reject 'LARGE=.amount > 1000000' --rejects large.ndjson base.ndjson\n",
    .libraries = libraries,
};

/* What the command line asks for. */
struct request {
	const char *policy, *merchants, *dedupe, *members, *rejects, *cases;
	const char **reject; /* REASON=EXPR */
	int reject_n, days;
	bool tag, explain;
};

struct filter {
	struct stream stream;
	struct stage stage;
	struct request request;
	struct judge judge;
	struct identity identity, payment; /* of --dedupe-by; what a claim is compared by */
	struct dedupe *dedupe;
	struct append rejects;
	struct scratch scratch;
	struct {
		const char *reason;
		uint64_t records;
	} tagged[STATS_REASONS]; /* for --stats */
	unsigned tagged_n;
	uint64_t conflicts;
	char *conflict; /* the first of them, for the user */
};

static void read_request(struct request *request, struct options *options)
{
	*request = (struct request){.days = -1};
	for (int id; (id = options_next(options));)
		switch (id) {
		case POLICY: request->policy = options->value; break;
		case MERCHANTS: request->merchants = options->value; break;
		case REJECT:
			request->reject =
			    must_realloc(request->reject, (size_t)(request->reject_n + 1) * sizeof *request->reject);
			request->reject[request->reject_n++] = options->value;
			break;
		case TAG: request->tag = true; break;
		case REJECTS: request->rejects = options->value; break;
		case DEDUPE: request->dedupe = options->value; break;
		case DEDUPE_BY: request->members = options->value; break;
		case DEDUPE_DAYS: request->days = (int)options_number(options, 0, DAYS_MAX); break;
		case EXPLAIN: request->explain = true; break;
		case TEST: request->cases = options->value; break;
		}
	if (request->tag + (request->rejects != NULL) + request->explain + (request->cases != NULL) > 1)
		options_misuse("only one of --tag, --rejects, --explain and --test can be done at a time");
	if (!request->dedupe != !request->members)
		options_misuse("--dedupe DB and --dedupe-by MEMBERS belong together");
	if (request->days >= 0 && !request->dedupe)
		options_misuse("--dedupe-days belongs to --dedupe");
	if (request->cases && request->dedupe)
		options_misuse("--test judges single records, --dedupe compares them: leave one out");
	if (request->days < 0)
		request->days = DAYS_BY_DEFAULT;
}

/* --reject REASON=EXPR */
static void add_expression(struct expressions *expressions, const char *argument)
{
	const char *equals = strchr(argument, '=');
	if (!equals || !equals[1 + strspn(equals + 1, " \t\n")])
		options_misuse("--reject \"%s\" is not REASON=EXPRESSION", argument);
	char *reason = must_format("%.*s", (int)(equals - argument), argument);
	if (!policy_reason(reason))
		options_misuse("--reject: \"%s\" is no reason (letters, digits, _ . and -)", reason);
	expressions_add(expressions, reason, equals + 1);
}

static void read_policy(struct filter *filter, struct names *names)
{
	const struct request *request = &filter->request;
	struct policy *policy = &filter->judge.policy;
	if (request->policy)
		policy_file(policy, names, request->policy);
	else
		policy_built_in(policy, names, request->merchants);
	if (request->policy && request->merchants)
		policy_merchants(policy, names, request->merchants, "--merchants");
	for (int i = 0; i < request->reject_n; i++)
		add_expression(&filter->judge.expressions, request->reject[i]);
	if (request->dedupe) {
		identity_read(&filter->identity, request->members, names);
		identity_rest(&filter->payment, &filter->identity);
	}
}

/* --check: the policy as it is understood. */
static void print_request(const struct filter *filter)
{
	const struct request *request = &filter->request;
	const struct expressions *expressions = &filter->judge.expressions;
	policy_print(&filter->judge.policy, stdout);
	for (int i = 0; i < expressions->n; i++)
		shown_print(stdout, "--reject: %s when %s\n", expressions->v[i].reason, expressions->v[i].text);
	if (request->dedupe)
		shown_print(stdout, "--dedupe: DUPLICATE when %s was met under other coordinates within %d days (%s)\n",
			    request->members, request->days, request->dedupe);
}

enum { TAG_ROOM = 64 }; /* for what is written around coordinates, reasons and records */

/* The record with its reason behind the members that are the toolkit's own; returns the length. */
static size_t write_tagged(char *to, const struct stream *stream, const struct record *record, struct slice reason)
{
	char *start = to;
	const struct members *top = &record->top;
	const char *rest = record->line.p + 1, *end = record->line.p + record->line.n;
	*to++ = '{';
	if (stream->given) {
		to = slice_append(slice_append(to, SLICE("\"_src\":")), stream->source);
		*to++ = ',';
	}
	if (top->reserved > 0) {
		struct slice last = member_text(&top->v[top->reserved - 1]);
		to = slice_append(to, (struct slice){rest, (size_t)(last.p + last.n - rest)});
		*to++ = ',';
		rest = last.p + last.n;
	}
	to = slice_append(slice_append(slice_append(to, SLICE("\"_unsettled\":\"")), reason), SLICE("\""));
	if (top->reserved == 0 && top->n > 0)
		*to++ = ',';
	to = slice_append(to, (struct slice){rest, (size_t)(end - rest)});
	*to++ = '\n';
	return (size_t)(to - start);
}

static size_t tagged_room(const struct stream *stream, const struct record *record, struct slice reason)
{
	return record->line.n + stream->source.n + reason.n + TAG_ROOM;
}

static void count_tagged(struct filter *filter, const char *reason)
{
	unsigned i = 0;
	while (i < filter->tagged_n && strcmp(filter->tagged[i].reason, reason) != 0)
		i++;
	if (i == STATS_REASONS)
		return;
	if (i == filter->tagged_n) {
		filter->tagged[i].reason = reason;
		filter->tagged_n++;
	}
	filter->tagged[i].records++;
}

static void reject(struct filter *filter, struct stream *stream, const struct record *record, const char *why)
{
	struct slice reason = slice_of(why);
	size_t room = tagged_room(stream, record, reason);
	if (filter->request.tag) {
		char *to = stream_write_room(stream, room);
		stream_wrote(stream, write_tagged(to, stream, record, reason), stream->amount);
		count_tagged(filter, why);
		return;
	}
	if (filter->request.rejects) {
		struct output *file = &filter->rejects.output;
		append_begin(&filter->rejects, room);
		output_advance(file, write_tagged(output_room(file, room), stream, record, reason));
		append_end(&filter->rejects);
	}
	stream_drop(stream, stats_reason(&stream->stats, why));
}

/* {"_src":…,"verdict":"REASON"|null,"by":"policy.csv:3"|null}; of a duplicate or conflict also who claimed its
 * identity. */
static void explain(struct filter *filter, struct stream *stream, struct slice verdict, const char *by,
		    const struct coordinates *of)
{
	size_t by_n = by ? strlen(by) : 0, of_n = of ? of->source.n + TAG_ROOM : 0;
	char *to = stream_write_room(stream, stream->source.n + verdict.n + json_quote_room(by_n) +
						 json_quote_room(of_n) + 2 * TAG_ROOM),
	     *start = to;
	to = slice_append(slice_append(to, SLICE("{\"_src\":")), stream->source.n ? stream->source : SLICE("null"));
	to = slice_append(slice_append(to, SLICE(",\"verdict\":")), verdict);
	to = slice_append(to, SLICE(",\"by\":"));
	if (by)
		to += json_quote(to, slice_of(by));
	else
		to = slice_append(to, SLICE("null"));
	if (of && of->source.n > 0) {
		char *text = scratch_room(&filter->scratch, of_n);
		char *end = slice_append(text, of->source);
		end += sprintf(end, "/%d/%lld", (int)of->partition, (long long)of->offset);
		to = slice_append(to, SLICE(",\"of\":"));
		to += json_quote(to, (struct slice){text, (size_t)(end - text)});
	}
	to = slice_append(to, SLICE("}\n"));
	stream_wrote(stream, (size_t)(to - start), stream->amount);
}

/* Keeps for the user who is the first in conflict, and with whom. */
static void note_conflict(struct filter *filter, const struct dedupe_record *record)
{
	struct coordinates of = {0};
	if (filter->conflicts++ > 0)
		return;
	dedupe_met(filter->dedupe, record, &of);
	const struct coordinates *each[] = {&record->own, &of};
	char *text[2];
	for (int i = 0; i < 2; i++)
		text[i] = must_format("%.*s/%d/%lld", (int)each[i]->source.n, each[i]->source.p,
				      (int)each[i]->partition, (long long)each[i]->offset);
	filter->conflict = of.source.n > 0 ? must_format("%s, with %s", text[0], text[1]) : must_strdup(text[0]);
	free(text[0]);
	free(text[1]);
}

/* Nobody is set aside in silence because somebody else came with the same identity. */
static void tell_conflicts(struct filter *filter)
{
	if (filter->conflicts > 0)
		warn("%llu in CONFLICT: a record has the identity of an earlier one (--dedupe-by %s), but another "
		     "action, amount or merchant; the first is %s. Name what tells events apart, such as "
		     "transactionId,paymentActionType, with a new database, if these are payments of their own",
		     (unsigned long long)filter->conflicts, filter->identity.spelled, filter->conflict);
	filter->conflicts = 0;
}

/* Whether the same payment came before. Returns false if the record was found bad instead. */
static bool judge_duplicate(struct filter *filter, struct stream *stream, const struct record *record,
			    struct verdict *verdict, struct coordinates *of)
{
	static const char *const reasons[] = {[CLAIM_DUPLICATE] = "DUPLICATE", [CLAIM_CONFLICT] = "CONFLICT"};
	const struct siphash_key *key = dedupe_key(filter->dedupe);
	const struct members *top = &record->top;
	const struct member *date = members_get(top, NAME_PAYMENT_DATE);
	struct dedupe_record met;
	if (!stream_coordinates(stream, record, &met.own))
		return false;
	if (!date || date->type != JSON_STRING ||
	    !date_time_read(member_decoded(date, &filter->scratch), &met.day, NULL)) {
		stream_bad(stream, record, "paymentDate is missing or no date-time, and --dedupe needs it");
		return false;
	}
	if (!identity_given(&filter->identity, top)) {
		stream_bad(stream, record, "nothing identifies it: %s is missing (--dedupe-by)",
			   filter->identity.spelled);
		return false;
	}
	met.identity = identity_hash(&filter->identity, key, top, stream->amount);
	met.payment = identity_hash(&filter->payment, key, top, stream->amount);
	enum claim_verdict found = dedupe_met(filter->dedupe, &met, filter->request.explain ? of : NULL);
	if (found == CLAIM_HOLDS)
		return true;
	if (found == CLAIM_CONFLICT && !filter->request.explain)
		note_conflict(filter, &met);
	*verdict = (struct verdict){reasons[found], "--dedupe"};
	return true;
}

static void take(void *self, struct stream *stream, struct record *record)
{
	struct filter *filter = self;
	struct verdict verdict;
	struct coordinates of = {0};
	/* What an earlier pay-filter has rejected stays so. */
	if (record_tagged(record)) {
		if (filter->request.explain)
			explain(filter, stream, members_get(&record->top, NAME_UNSETTLED)->value, "input", NULL);
		else
			stream_pass(stream, record);
		return;
	}
	if (!judge_object(&filter->judge, &record->top, record->line, &verdict)) {
		stream_bad(stream, record, "%s", filter->judge.expressions.why);
		return;
	}
	if (!verdict.reason && filter->dedupe && !judge_duplicate(filter, stream, record, &verdict, &of))
		return;
	if (filter->request.explain) {
		char text[128] = "null";
		struct slice reason = slice_of(text);
		if (verdict.reason)
			reason.n = (size_t)snprintf(text, sizeof text, "\"%s\"", verdict.reason);
		explain(filter, stream, reason, verdict.by, &of);
	} else if (verdict.reason) {
		reject(filter, stream, record, verdict.reason);
	} else {
		stream_pass(stream, record);
	}
}

/* Claims and rejects are on the disk before the mark says that the segment is done. */
static void finish_segment(void *self, struct stream *stream, const struct mark *mark)
{
	(void)stream, (void)mark;
	struct filter *filter = self;
	if (filter->request.rejects)
		append_sync(&filter->rejects);
	if (filter->dedupe)
		dedupe_commit(filter->dedupe);
}

/* --stats says by reason what was tagged, too. */
static void finish(void *self, struct stream *stream, enum stream_end how)
{
	(void)how;
	struct filter *filter = self;
	tell_conflicts(filter);
	if (!filter->request.tag)
		return;
	char *text = must_strdup(",\"tagged\":{");
	for (unsigned i = 0; i < filter->tagged_n; i++) {
		char *longer = must_format("%s%s\"%s\":%llu", text, i > 0 ? "," : "", filter->tagged[i].reason,
					   (unsigned long long)filter->tagged[i].records);
		free(text);
		text = longer;
	}
	stream->more = must_format("%s}", text);
	free(text);
}

/* What was set aside before an error is said all the same. */
static void finish_broken(void *self, struct stream *stream)
{
	(void)stream;
	tell_conflicts(self);
}

/* What was printed must reach its reader. */
static void finish_printing(void)
{
	if (fflush(stdout) != 0)
		fail(EX_IOERR, "standard output: cannot write:");
}

/* --test; returns the status. */
static int run_cases(struct filter *filter)
{
	struct names names;
	names_init(&names);
	read_policy(filter, &names);
	uint64_t failed = judge_cases(&filter->judge, &names, filter->request.cases);
	finish_printing();
	return failed > 0;
}

static struct target rejects_target(const struct request *request)
{
	return (struct target){.option = "--rejects",
			       .path = request->rejects,
			       .kind = TARGET_REJECTS,
			       .instead = "--tag passes them on, for pay-store"};
}

static void check(const struct filter *filter)
{
	const struct request *request = &filter->request;
	if (request->dedupe)
		file_creatable(request->dedupe);
	if (request->rejects) {
		struct target target = rejects_target(request);
		file_look_at(&target);
		file_appendable(request->rejects);
	}
	print_request(filter);
	finish_printing();
}

static struct stream *open_stage(struct options *options, int *status)
{
	struct filter *filter = must_alloc(sizeof *filter);
	struct settings *settings = &options->settings;
	struct stream *stream = &filter->stream;
	struct request *request = &filter->request;
	*filter = (struct filter){0};
	*status = 0;
	read_request(request, options);
	filter->stage = (struct stage){.kind = STREAM_BASES,
				       .needs_source = request->dedupe != NULL,
				       .needs_input = request->dedupe != NULL,
				       .confined = !request->dedupe,
				       .record = take,
				       .segment = finish_segment,
				       .end = finish,
				       .broken = finish_broken};
	settings->plain |= request->explain;
	if (request->cases) {
		options_alone(options, "--test");
		*status = run_cases(filter);
		return NULL;
	}
	stream_open(stream, &filter->stage, filter, options);
	read_policy(filter, &stream->names);
	if (request->dedupe)
		filter->dedupe = dedupe_open(request->dedupe, request->members, request->days, settings->lock_wait,
					     request->explain || settings->check);
	if (settings->check) {
		check(filter);
		return NULL;
	}
	if (request->rejects) {
		struct target target = rejects_target(request);
		append_open(&filter->rejects, &target, true, settings->lock_wait);
	}
	return stream;
}

static void close_stage(struct stream *stream)
{
	struct filter *filter = stream->self;
	dedupe_close(filter->dedupe);
	if (filter->request.rejects)
		append_close(&filter->rejects);
}

const struct part part_own = {.program = &program, .open = open_stage, .close = close_stage};
