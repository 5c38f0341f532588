/* pay-store: keeps the records of a stream in a SQLite file, each once, and passes them on.
 *
 * Payments go to `base`, those tagged as unsettled to `unsettlement`, dead letters to `dead_letter`, totals to
 * `statistics`; with --log each message goes to `payment_log`. A segment's rows are held until its mark comes and then
 * taken in by one transaction together with the cover; only after that the mark is passed on. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backup.h"
#include "cover.h"
#include "date.h"
#include "fail.h"
#include "file.h"
#include "options.h"
#include "part.h"
#include "pay-store/export.h"
#include "pay-store/indexes.h"
#include "pay-store/line.h"
#include "pay-store/prune.h"
#include "pay-store/sealed.h"
#include "pay-store/tables.h"
#include "pay-store/terms.h"
#include "pay-store/verify.h"
#include "pay-store/views.h"
#include "shape.h"
#include "stream.h"
#include "target.h"

enum {
	DATABASE = 1,
	LOG,
	REPLACE,
	ACCEPT,
	SIGNED,
	CURRENCY,
	EXPORT,
	WHERE,
	FORMAT,
	SEALED,
	WITHOUT,
	VERIFY,
	DEFER_INDEXES,
	INDEX,
	BACKUP,
	PRUNE_LOG,
	UPGRADE
};
static const struct option_entry options_own[] = {
    {DATABASE | OPTION_WRITES | OPTION_REPEATS, 'd', "database", "FILE", "the store; made when it is not there"},
    {LOG, 0, "log", NULL, "keep every message as it is, in payment_log"},
    {REPLACE, 0, "replace", NULL, "overwrite records of the same coordinates"},
    {ACCEPT | OPTION_REPEATS, 'a', "accept", "MEMBER=VALUE",
     "a further action and its sign: paymentActionType=CHARGEBACK:-"},
    {SIGNED, 0, "signed", NULL, "amounts say their direction themselves"},
    {CURRENCY, 0, "currency", "MEMBER", "the member that says an amount's currency: two are never summed"},
    {EXPORT, 0, "export", "TABLE", "write a table's records back as a stream, or a view (payout), and end"},
    {WHERE, 0, "where", "SQL", "export only records of which this condition is true"},
    {FORMAT, 0, "format", "FORMAT", "of a view: ndjson or csv; default ndjson"},
    {SEALED, 0, "sealed", NULL, "export base or payment_log with marks: other databases are built from that"},
    {WITHOUT | OPTION_REPEATS, 0, "without", "SOURCE", "leave this source out of a sealed export (repeatable)"},
    {VERIFY, 0, "verify", NULL, "check the store, list holes in its cover, and end"},
    {DEFER_INDEXES, 0, "defer-indexes", NULL, "leave making the indexes to a later run: more loads follow"},
    {INDEX, 0, "index", NULL, "make the indexes that are missing, and end"},
    {BACKUP, 0, "backup", "TO", "copy the database, whatever program made it, to a new file, and end"},
    {PRUNE_LOG, 0, "prune-log", "DAYS",
     "take messages out of payment_log that are so much older than its newest, and end"},
    {UPGRADE, 0, "upgrade", NULL, "bring a store of an older version to the present one, and end"},
    {0},
};
static const struct program program = {
    .name = "pay-store",
    .about = "keep the records of a stream in a SQLite file, each once",
    .operands = "[FILE]",
    .options = options_own,
    .groups = OPTIONS_DATABASE | OPTIONS_DEAD | OPTIONS_STREAM,
    .examples = "  pay-consume day.ndjson | pay-tobase | pay-store -d settle.db | pay-agg\n"
		"  pay-store -d settle.db --export base --where \"payoutDate = '2025-05-21'\" | pay-agg\n"
		"  pay-store -d settle.db --export payout --format csv\n"
		"  pay-store -d settle.db --verify\n",
};

enum { CACHE_KIB = 8192 };          /* SQLite's share of the 32 MiB that this program may take */
enum { LOG_PAGE = 32768 };          /* bytes; messages only ever come at the end of their table */
enum { PLAIN_TEXT_MAX = 12 << 20 }; /* text of plain input that is held at most before it is taken in */

struct store {
	struct stream stream;
	const char *path, *export, *where, *backup;
	bool log, replace, defer_indexes, sealed;
	bool misplaced; /* the log was given what is no message */
	int instead;    /* the option that asks for something else than to take records; 0: none does */
	int64_t days;
	const char **without;
	int without_n;
	const char **paths; /* all that were named: one, or the stores of a view's export */
	size_t paths_n;
	const char *format;
	bool csv;
	struct terms terms;
	const char *currency; /* as it was asked for */
	char fault[512];
	struct database database;
	struct tables tables;
	struct indexes indexes;
	struct segment segment;
	int channel, action, key, value; /* registered names of a message, of a total */
	struct names names;              /* of the objects in dead letters and totals */
	int day, count, total_amount;    /* of a total */
	struct members members, totals;  /* of these objects */
	char more[48];                   /* of --stats */
	struct scratch text, decoded;
};

/* The record's line as it is passed on, where --source gave it coordinates. */
static struct piece keep_placed(struct segment *segment, const struct stream *stream, const struct record *record)
{
	struct slice line = record->line;
	struct piece whole = segment_keep(segment, SLICE("{\"_src\":"));

	segment_keep(segment, stream->source);
	if (record->top.n > 0)
		segment_keep(segment, SLICE(","));
	segment_keep(segment, (struct slice){line.p + 1, line.n - 1});
	whole.n = (uint32_t)(segment->text_n - whole.at);
	return whole;
}

/* Whether the line, kept whole, is written back by the row's columns. */
static bool written_back(struct store *store, const struct row *row, const struct coordinates *at, struct slice whole)
{
	struct slice text[ROW_TEXTS];

	segment_texts(&store->segment, row, text);
	char *line = scratch_room(&store->text, line_room(at->source, text));
	size_t n = row->table == TABLE_DEAD ? line_dead(line, at, text) : line_payment(line, at, text, row->amount);
	return slice_equal((struct slice){line, n}, whole);
}

/* Gives the row at hand its line, kept as `kept`, only where its columns are not written back as it. */
static void keep_spelling(struct store *store, const struct stream *stream, const struct record *record,
			  struct row *row, const struct coordinates *at, struct piece kept)
{
	struct segment *segment = &store->segment;
	size_t before = segment->text_n;

	if (stream->given)
		kept = keep_placed(segment, stream, record);
	if (!written_back(store, row, at, segment_text(segment, kept)))
		row->text[ROW_RECORD] = kept;
	else
		segment->text_n = before;
}

/* The same for a payment, without writing the line where it is spelled as the stages before write it. */
static void keep_payment_spelling(struct store *store, const struct stream *stream, const struct record *record,
				  struct row *row, const struct coordinates *at, struct piece kept)
{
	const struct member *src = record->top.n > 0 ? &record->top.v[0] : NULL;
	struct slice text[ROW_TEXTS];

	if (!stream->given && src->id == NAME_SRC && !src->escaped) {
		struct slice line = segment_text(&store->segment, kept);
		struct slice same = {line.p + (src->value.p - record->line.p), src->value.n};

		segment_texts(&store->segment, row, text);
		if (line_is_payment(line, same, text, row->amount))
			return;
	}
	keep_spelling(store, stream, record, row, at, kept);
}

static bool is_text(const struct member *member)
{
	return member && member->type == JSON_STRING;
}

static bool read_int64(const struct member *member, int64_t *to)
{
	return member && member->type == JSON_NUMBER && amount_read(member->value, to);
}

/* Why a record without amount is none of ours. */
static const char *given_shape(const struct members *top)
{
	enum shape shape = shape_of(top);
	const char *order = shape_no_base(shape);

	if (shape == SHAPE_MESSAGE)
		return "a message, not a base record: pay-tobase stands before this stage, or --log keeps messages";
	return order ? order : "no amount: neither a base record nor a total (messages need pay-tobase, or --log)";
}

/* What keeps a payment's amount out of the store's sums, NULL when nothing does. */
static const char *unsummable(struct store *store, const struct members *top, int64_t money)
{
	const struct member *action = members_get(top, NAME_PAYMENT_ACTION_TYPE);

	if (store->terms.is_signed)
		return currency_check(&store->terms.currency, top);
	if (actions_sign(&store->terms.actions, member_decoded(action, &store->decoded)) == 0) {
		snprintf(store->fault, sizeof store->fault,
			 "paymentActionType %.*s has no sign: declare it, --accept paymentActionType=NAME:- or NAME:+",
			 action->value.n < 80 ? (int)action->value.n : 80, action->value.p);
		return store->fault;
	}
	if (money < 0)
		return "amount is negative: amounts are magnitudes, whose direction the action gives (--signed where "
		       "the amount itself says it)";
	return currency_check(&store->terms.currency, top);
}

/* What keeps a record from being a payment, NULL when it is one. The stages before have checked the values; these are
 * the columns that people and later programs count on. */
static const char *fault_of(struct store *store, const struct members *top, int64_t *money)
{
	static const int texts[] = {NAME_PAYMENT_TYPE, NAME_MERCHANT_NUMBER, NAME_PAYMENT_DATE,
				    NAME_PAYMENT_ACTION_TYPE, NAME_PAYMENT_METHOD_TYPE};
	static const int dates[] = {NAME_PAYOUT_DATE, NAME_CONFIRM_DATE};
	const struct member *given = members_get(top, NAME_AMOUNT);

	if (!given)
		return given_shape(top);
	if (!read_int64(given, money))
		return "amount is not a 64-bit integer";
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (!is_text(members_get(top, texts[i])))
			return "paymentType, merchantNumber, paymentDate, paymentActionType and paymentMethodType must "
			       "be strings";
	if (member_inside(members_get(top, NAME_MERCHANT_NUMBER)).n == 0)
		return "merchantNumber is empty";
	if (!date_time_read(member_decoded(members_get(top, NAME_PAYMENT_DATE), &store->decoded), NULL, NULL))
		return "paymentDate is not a date-time YYYY-MM-DDThh:mm[:ss[.fraction]] that exists";
	for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
		const struct member *date = members_get(top, dates[i]);
		date_day ignored;
		if (member_given(date) &&
		    (!is_text(date) || !date_read(member_decoded(date, &store->decoded), &ignored)))
			return "payoutDate and confirmDate must be dates YYYY-MM-DD that exist, or null";
	}
	return unsummable(store, top, *money);
}

/* Keeps the members that have no column as an object, those of the toolkit's own or the others. */
static struct piece keep_members(struct segment *segment, const struct members *top, bool own)
{
	struct piece object = {(uint32_t)segment->text_n, ROW_NULL};
	size_t from = own ? 0 : top->reserved, to = own ? top->reserved : top->n;

	for (size_t i = from; i < to; i++) {
		const struct member *member = &top->v[i];
		if (member->id >= NAME_MARK && member->id < NAME_SHARED)
			continue;
		segment_keep(segment, segment->text_n == object.at ? SLICE("{") : SLICE(","));
		segment_keep(segment, member_text(member));
	}
	if (segment->text_n == object.at)
		return object;
	segment_keep(segment, SLICE("}"));
	object.n = (uint32_t)(segment->text_n - object.at);
	return object;
}

static void take_payment(struct store *store, struct stream *stream, const struct record *record)
{
	static const struct {
		enum row_text text;
		int name;
	} columns[] = {{ROW_PAYMENT_TYPE, NAME_PAYMENT_TYPE},
		       {ROW_PAYOUT_DATE, NAME_PAYOUT_DATE},
		       {ROW_CONFIRM_DATE, NAME_CONFIRM_DATE},
		       {ROW_MERCHANT_NUMBER, NAME_MERCHANT_NUMBER},
		       {ROW_PAYMENT_DATE, NAME_PAYMENT_DATE},
		       {ROW_PAYMENT_ACTION_TYPE, NAME_PAYMENT_ACTION_TYPE},
		       {ROW_PAYMENT_METHOD_TYPE, NAME_PAYMENT_METHOD_TYPE},
		       {ROW_RULE, NAME_RULE},
		       {ROW_REASON, NAME_UNSETTLED}};
	const struct members *top = &record->top;
	struct coordinates at;
	int64_t money;
	const char *fault = fault_of(store, top, &money);

	if (fault) {
		stream_bad(stream, record, "%s", fault);
		return;
	}
	if (!stream_coordinates(stream, record, &at))
		return;
	struct row *row = segment_add(&store->segment, record_tagged(record) ? TABLE_UNSETTLEMENT : TABLE_BASE, &at);
	struct piece line = segment_keep(&store->segment, record->line);
	row->amount = money;
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		row->text[columns[i].text] =
		    segment_refer(&store->segment, members_get(top, columns[i].name), record->line, line);
	row->text[ROW_OWN] = keep_members(&store->segment, top, true);
	row->text[ROW_MEMBERS] = keep_members(&store->segment, top, false);
	keep_payment_spelling(store, stream, record, row, &at, line);
	stream_pass(stream, record);
}

static void take_total(struct store *store, struct stream *stream, const struct record *record)
{
	const struct members *key = &store->members, *value = &store->totals;
	int64_t count, total;

	members_read(&store->members, &store->names, members_get(&record->top, store->key)->value);
	members_read(&store->totals, &store->names, members_get(&record->top, store->value)->value);
	const struct member *parts[] = {members_get(key, NAME_MERCHANT_NUMBER),
					members_get(key, NAME_PAYMENT_ACTION_TYPE), members_get(key, store->day),
					members_get(key, NAME_PAYMENT_METHOD_TYPE)};
	for (int i = 0; i < 4; i++)
		if (key->n != 4 || !is_text(parts[i])) {
			stream_bad(stream, record,
				   "a total by other members than merchantNumber, paymentActionType, "
				   "paymentDateDaily and paymentMethodType");
			return;
		}
	if (!read_int64(members_get(value, store->count), &count) ||
	    !read_int64(members_get(value, store->total_amount), &total)) {
		stream_bad(stream, record, "count and totalAmount must be 64-bit integers");
		return;
	}
	struct row *row = segment_add(&store->segment, TABLE_STATISTICS, NULL);
	row->offset = count;
	row->amount = total;
	row->text[ROW_MERCHANT_NUMBER] = segment_keep_string(&store->segment, parts[0]);
	row->text[ROW_PAYMENT_ACTION_TYPE] = segment_keep_string(&store->segment, parts[1]);
	row->text[ROW_DAY] = segment_keep_string(&store->segment, parts[2]);
	row->text[ROW_PAYMENT_METHOD_TYPE] = segment_keep_string(&store->segment, parts[3]);
	stream_pass(stream, record);
}

/* Plain input has no marks to wait for: what is held may be taken in at any time. */
static void bound_memory(struct store *store, const struct stream *stream)
{
	if (!stream->sealed && store->segment.text_n > PLAIN_TEXT_MAX)
		tables_take(&store->tables, &store->segment, NULL, false);
}

static _Noreturn void no_coordinates(struct stream *stream, const char *what)
{
	output_flush(&stream->out);
	fail(EX_DATAERR, "%s: line %llu: %s", stream->input.name, (unsigned long long)stream->line, what);
}

static void take_record(void *self, struct stream *stream, struct record *record)
{
	struct store *store = self;
	const struct member *key = members_get(&record->top, store->key);
	const struct member *value = members_get(&record->top, store->value);
	bool total = key && key->type == JSON_OBJECT && value && value->type == JSON_OBJECT;

	if (total && !members_get(&record->top, NAME_AMOUNT))
		take_total(store, stream, record);
	else if (stream->source.n > 0)
		take_payment(store, stream, record);
	else
		stream_unplaced(stream, record);
	bound_memory(store, stream);
}

static void take_message(void *self, struct stream *stream, struct record *record)
{
	struct store *store = self;
	const struct member *channel = members_get(&record->top, store->channel);
	const struct member *action = members_get(&record->top, store->action);
	struct coordinates at;

	enum shape shape = channel ? SHAPE_NONE : shape_of(&record->top);
	const char *order = shape == SHAPE_BASE || shape == SHAPE_REJECTED
				? "a base record, not a message: --log stands before pay-tobase"
				: shape_no_message(shape);

	/* A log keeps whatever it is given; that these are no messages is said once. */
	if (order && !store->misplaced)
		warn("%s: line %llu: %s", stream->input.name, (unsigned long long)stream->line, order);
	store->misplaced |= order != NULL;
	if (!stream_coordinates(stream, record, &at))
		return;
	struct row *row = segment_add(&store->segment, TABLE_LOG, &at);
	struct piece line = segment_keep(&store->segment, record->line);
	if (is_text(channel))
		row->text[ROW_CHANNEL] = segment_refer(&store->segment, channel, record->line, line);
	if (is_text(action))
		row->text[ROW_ACTION] = segment_refer(&store->segment, action, record->line, line);
	row->text[ROW_MESSAGE] = stream->given ? keep_placed(&store->segment, stream, record) : line;
	stream_pass(stream, record);
	bound_memory(store, stream);
}

static void take_dead(void *self, struct stream *stream, struct record *record)
{
	struct store *store = self;
	const struct letter *letter = &stream->letter;
	struct coordinates at;

	if (stream->source.n == 0)
		no_coordinates(stream, "a dead letter without coordinates cannot be kept; let --dead-letter name a"
				       " file where it arose");
	if (!stream_coordinates(stream, record, &at))
		return;
	struct row *row = segment_add(&store->segment, TABLE_DEAD, &at);
	row->text[ROW_STAGE] = segment_keep_string(&store->segment, letter->stage);
	row->text[ROW_REASON] = segment_keep_string(&store->segment, letter->reason);
	row->text[ROW_RAW] = segment_keep_string(&store->segment, letter->raw);
	row->text[ROW_ENCODING] = segment_keep_string(&store->segment, letter->encoding);
	if (letter->length)
		row->text[ROW_LENGTH] = segment_keep(&store->segment, letter->length->value);
	keep_spelling(store, stream, record, row, &at, segment_keep(&store->segment, record->line));
	stream_pass(stream, record);
	bound_memory(store, stream);
}

/* A record found bad here, whose letter flows on. */
static void take_own_dead(void *self, struct stream *stream, const char *reason, struct slice raw, uint64_t length)
{
	struct store *store = self;
	struct segment *segment = &store->segment;
	struct slice source = stream->source;
	struct coordinates at;
	char digits[AMOUNT_TEXT];

	/* A letter whose coordinates are not known flows on, but has no place here. */
	if (source.n == 0)
		return;
	char *decoded = scratch_room(&store->decoded, source.n);
	source = (struct slice){decoded, json_unescape(decoded, (struct slice){source.p + 1, source.n - 2})};
	if (!coordinates_read(source, &at))
		return;
	struct row *row = segment_add(segment, TABLE_DEAD, &at);
	row->text[ROW_STAGE] = segment_keep(segment, slice_of(program.name));
	row->text[ROW_REASON] = segment_keep(segment, slice_of(reason));
	if (json_utf8(raw)) {
		row->text[ROW_RAW] = segment_keep(segment, raw);
	} else {
		char *to = scratch_room(&store->text, 4 * ((raw.n + 2) / 3));
		row->text[ROW_RAW] = segment_keep(segment, (struct slice){to, deadletter_base64(to, raw)});
		row->text[ROW_ENCODING] = segment_keep(segment, SLICE("base64"));
	}
	if (length > raw.n)
		row->text[ROW_LENGTH] =
		    segment_keep(segment, (struct slice){digits, amount_write(digits, (amount_sum)length)});
}

/* The segment is whole: now it counts. */
static void end_segment(void *self, struct stream *stream, const struct mark *mark)
{
	struct store *store = self;

	tables_take(&store->tables, &store->segment, mark, stream->settings->allow_gap);
	stream->stats.duplicates = store->tables.duplicates;
	snprintf(store->more, sizeof store->more, ",\"differing\":%" PRIu64, store->tables.differing);
	stream->more = store->more;
	if (!store->log)
		indexes_mind(&store->indexes, mark, store->tables.added, store->tables.tally[TABLE_BASE].records);
}

static bool durable(void *self, struct stream *stream, bool wait)
{
	struct store *store = self;

	(void)stream;
	return database_durable(&store->database, wait);
}

static void end_input(void *self, struct stream *stream, enum stream_end how)
{
	struct store *store = self;

	(void)stream, (void)how;
	indexes_end(&store->indexes);
}

static const struct stage payments = {.kind = STREAM_ANY,
				      .needs_input = true,
				      .record = take_record,
				      .dead = take_dead,
				      .died = take_own_dead,
				      .segment = end_segment,
				      .durable = durable,
				      .end = end_input};
static const struct stage messages = {.kind = STREAM_MESSAGES,
				      .as_is = true,
				      .needs_source = true,
				      .needs_input = true,
				      .record = take_message,
				      .dead = take_dead,
				      .died = take_own_dead,
				      .segment = end_segment,
				      .durable = durable};

static void register_names(struct store *store, struct names *names)
{
	store->channel = names_need(names, SLICE("channel"));
	store->action = names_need(names, SLICE("action"));
	store->key = names_need(names, SLICE("key"));
	store->value = names_need(names, SLICE("value"));
	names_init(&store->names);
	store->day = names_add(&store->names, SLICE("paymentDateDaily"));
	store->count = names_add(&store->names, SLICE("count"));
	store->total_amount = names_add(&store->names, SLICE("totalAmount"));
}

static void open_store(struct store *store, const struct options *options)
{
	char *schema = schema_text();

	stream_open(&store->stream, store->log ? &messages : &payments, store, options);
	register_names(store, &store->stream.names);
	database_open_paged(&store->database, store->path, DATABASE_STORE, schema, options->settings.lock_wait,
			    CACHE_KIB, store->log ? LOG_PAGE : DATABASE_PAGE);
	free(schema);
	if (!store->log)
		terms_open(&store->terms, &store->database, &store->stream.names, store->currency);
	database_sync_beside(&store->database);
	indexes_open(&store->indexes, &store->database, store->defer_indexes);
	tables_open(&store->tables, &store->database, &store->indexes, store->log, store->replace);
	if (!store->log)
		store->tables.terms = &store->terms;
}

static void export_all(struct store *store, const struct settings *settings, struct output *output)
{
	struct sealed_wish wish = {
	    .without = store->without, .without_n = store->without_n, .allow_gap = settings->allow_gap};

	if (!store->sealed) {
		export_table(&store->database, store->export, store->where, output);
		return;
	}
	wish.table = export_find(store->export);
	export_sealed(&store->database, &wish, output);
}

static int export(struct store *store, const struct settings *settings)
{
	struct output output;

	if (views_known(store->export)) {
		output_open(&output, STDOUT_FILENO, "standard output");
		views_export(store->paths, store->paths_n, store->export, store->where, store->csv, &output,
			     settings->check);
		output_close(&output, false);
		return 0;
	}
	database_open_read(&store->database, store->path, DATABASE_STORE);
	if (settings->check) {
		export_check(&store->database, store->export, store->where);
		database_close(&store->database);
		return 0;
	}
	output_open(&output, STDOUT_FILENO, "standard output");
	export_all(store, settings, &output);
	output_close(&output, false);
	database_close(&store->database);
	return 0;
}

/* Looks whether the store is there, and one of this version. */
static void look_at(struct store *store)
{
	database_open_read(&store->database, store->path, DATABASE_STORE);
	database_close(&store->database);
}

static int verify(struct store *store, const struct settings *settings)
{
	int status = 0;

	database_open_read(&store->database, store->path, DATABASE_STORE);
	if (!settings->check)
		status = verify_store(&store->database);
	database_close(&store->database);
	return status;
}

/* Opens a store that is there for writing. */
static void open_known(struct store *store, const struct settings *settings)
{
	look_at(store);
	char *schema = schema_text();
	database_open(&store->database, store->path, DATABASE_STORE, schema, settings->lock_wait, CACHE_KIB);
	free(schema);
	indexes_open(&store->indexes, &store->database, false);
}

static int make_indexes(struct store *store, const struct settings *settings)
{
	if (settings->check) {
		look_at(store);
		return 0;
	}
	open_known(store, settings);
	indexes_make(&store->indexes);
	database_close(&store->database);
	return 0;
}

static int prune(struct store *store, const struct settings *settings)
{
	if (settings->check)
		database_open_read(&store->database, store->path, DATABASE_STORE);
	else
		open_known(store, settings);
	prune_log(&store->database, store->days, settings->check);
	database_close(&store->database);
	return 0;
}

static int copy(const struct store *store, const struct settings *settings)
{
	if (settings->check)
		backup_check(store->path, store->backup);
	else
		backup(store->path, store->backup);
	return 0;
}

static int bring_up(const struct store *store, const struct settings *settings)
{
	if (settings->check)
		upgrade_check(store->path, DATABASE_STORE);
	else
		upgrade(store->path, DATABASE_STORE, schema_steps, settings->lock_wait);
	return 0;
}

/* What is done in place of taking records; its exit status. */
static int do_instead(struct store *store, const struct settings *settings)
{
	switch (store->instead) {
	case EXPORT: return export(store, settings);
	case VERIFY: return verify(store, settings);
	case INDEX: return make_indexes(store, settings);
	case BACKUP: return copy(store, settings);
	case PRUNE_LOG: return prune(store, settings);
	default: return bring_up(store, settings);
	}
}

/* --check: whether the store, where there is one, is one of ours, or could be made. */
static void check(struct store *store, const struct options *options)
{
	stream_open(&store->stream, store->log ? &messages : &payments, store, options);
	if (access(store->path, F_OK) == 0 && database_open_cover(&store->database, store->path)) {
		database_close(&store->database);
		look_at(store);
	}
	file_creatable(store->path);
}

static void take_option(struct store *store, struct options *options, int option)
{
	switch (option) {
	case DATABASE: store->paths[store->paths_n++] = store->path = options->value; return;
	case ACCEPT: actions_accept(&store->terms.actions, options->value); return;
	case SIGNED: store->terms.is_signed = true; return;
	case CURRENCY: store->currency = options->value; return;
	case FORMAT: store->format = options->value; return;
	case LOG: store->log = true; return;
	case REPLACE: store->replace = true; return;
	case WHERE: store->where = options->value; return;
	case SEALED: store->sealed = true; return;
	case WITHOUT: store->without[store->without_n++] = options->value; return;
	case DEFER_INDEXES: store->defer_indexes = true; return;
	case EXPORT: store->export = options->value; break;
	case BACKUP:
		store->backup = options->value;
		target_beside("backup", store->backup);
		break;
	case PRUNE_LOG: store->days = options_number(options, 0, INT32_MAX); break;
	}
	if (store->instead)
		options_misuse("one of --export, --verify, --index, --backup, --prune-log and --upgrade");
	store->instead = option;
	options_alone(options, must_format("--%s", options->name));
}

static void refuse_export_options(const struct store *store)
{
	if (store->where && !store->export)
		options_misuse("--where goes with --export");
	if (store->sealed && !store->export)
		options_misuse("--sealed goes with --export");
	if (store->without_n > 0 && !store->sealed)
		options_misuse("--without goes with --export TABLE --sealed");
	if (!store->sealed)
		return;
	if (store->where)
		options_misuse("--where and --sealed: a sealed export holds all that its marks cover (--without SOURCE "
			       "leaves a source out)");
	if (export_find(store->export) != TABLE_LOG && export_find(store->export) != TABLE_BASE)
		options_misuse("--sealed goes with --export base and --export payment_log");
}

/* Options that say what amounts mean are for payments; those of a view, for a view. */
static void check_terms(struct store *store)
{
	bool view = store->export && views_known(store->export);
	bool terms = store->currency || store->terms.is_signed || store->terms.actions.n > ACTIONS_DOCUMENTED;

	if (terms && (store->log || store->instead))
		options_misuse("--accept, --signed and --currency are for payments that are stored");
	if (store->paths_n > 1 && !view)
		options_misuse("-d %s and -d %s: several stores are for --export of a view (%s)", store->paths[0],
			       store->paths[1], views_listed);
	if (store->format && !view)
		options_misuse("--format is for --export of a view (%s)", views_listed);
	store->csv = store->format && strcmp(store->format, "csv") == 0;
	if (store->format && !store->csv && strcmp(store->format, "ndjson") != 0)
		options_misuse("--format \"%s\" is not one of ndjson, csv", store->format);
}

static void read_options(struct store *store, struct options *options)
{
	actions_init(&store->terms.actions);
	store->paths = must_alloc((size_t)options->argc * sizeof *store->paths);
	store->without = must_alloc((size_t)options->argc * sizeof *store->without);
	for (int option; (option = options_next(options));)
		take_option(store, options, option);
	if (!store->path)
		options_misuse("-d FILE is missing: the store");
	refuse_export_options(store);
	check_terms(store);
	if (store->instead && (options->operands_n > 0 || store->log || store->replace || store->defer_indexes))
		options_misuse("--export, --verify, --index, --backup, --prune-log and --upgrade read no input");
}

static struct stream *open_stage(struct options *options, int *status)
{
	struct store *store = must_alloc(sizeof *store);

	*store = (struct store){0};
	*status = 0;
	read_options(store, options);
	if (store->instead) {
		*status = do_instead(store, &options->settings);
		return NULL;
	}
	if (options->settings.check) {
		check(store, options);
		return NULL;
	}
	open_store(store, options);
	return &store->stream;
}

static void close_stage(struct stream *stream)
{
	struct store *store = stream->self;

	database_close(&store->database);
}

const struct part part_own = {.program = &program, .open = open_stage, .close = close_stage};
