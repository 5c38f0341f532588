/* pay-agg: base records in, totals out. Tagged records and dead letters are left out. With a database, totals go on
 * from run to run, and each payment counts once in them, whatever is fed again. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action.h"
#include "backup.h"
#include "cover.h"
#include "currency.h"
#include "fail.h"
#include "options.h"
#include "part.h"
#include "pay-agg/grouping.h"
#include "pay-agg/known.h"
#include "pay-agg/state.h"
#include "pay-agg/total.h"
#include "pay-agg/totals.h"
#include "stream.h"
#include "textset.h"

enum { DB = 1, BY, NET, ACCEPT, SIGNED, CURRENCY, DATE, FORMAT, UPDATES, QUERY, MARKS, BACKUP, UPGRADE };

static const struct option_entry entries[] = {
    {BY, 0, "by", "MEMBER,...", "total by these members instead of merchant, action, day, method; --query: by some"},
    {DATE, 0, "date", "MEMBER", "take the day from this member instead of paymentDate"},
    {NET, 0, "net", NULL, "subtract the amounts of cancels"},
    {ACCEPT | OPTION_REPEATS, 'a', "accept", "MEMBER=VALUE",
     "with --net, a further action and its sign: paymentActionType=CHARGEBACK:-"},
    {SIGNED, 0, "signed", NULL, "with --net, amounts say their direction themselves"},
    {CURRENCY, 0, "currency", "MEMBER", "the member that says an amount's currency: two are never summed"},
    {DB | OPTION_WRITES | OPTION_REPEATS, 'd', "database", "FILE", "keep totals in this SQLite file, across runs"},
    {FORMAT, 0, "format", "FORMAT", "ndjson, json (one array) or csv; default ndjson"},
    {UPDATES, 0, "updates", "SECONDS", "at marks, at most every SECONDS, write the totals that changed"},
    {QUERY, 0, "query", NULL, "write the totals of the database (of several -d: over all), those where KEY=VALUE"},
    {MARKS, 0, "marks", NULL, "pass marks on, so that the totals are a stream"},
    {BACKUP, 0, "backup", "TO", "copy the database to a new file, and end"},
    {UPGRADE, 0, "upgrade", NULL, "bring a database of an older version to the present one, and end"},
    {0},
};

static const struct program program = {
    .name = "pay-agg",
    .about = "total payments by merchant, action, day and method",
    .operands = "[FILE] | --query [KEY=VALUE...]",
    .options = entries,
    .groups = OPTIONS_DEAD | OPTIONS_STREAM | OPTIONS_DATABASE,
    .examples = "  pay-agg base.ndjson\n"
		"  pay-agg -d totals.db --by merchantNumber,payoutDate --net < base.ndjson\n"
		"  pay-agg -d totals.db --query merchantNumber=merchant-1881 --format csv\n",
};

/* In -d mode groups in memory are only a cache of row numbers: it is emptied when it holds more than these. */
enum { GROUPS_KEPT = 131072 };

/* Where no mark is passed on nobody waits for a segment's transaction, so several segments share one: for so long, or
 * so many records; longer once they are MANY. A total changes in it once, however many segments add to it. */
enum { TOGETHER_MS = 500, MANY = 20000, MANY_TOGETHER_MS = 2000, TOGETHER_RECORDS = 120000 };

/* How many keys are named whose sums do not fit. */
enum { WIDE_NAMED = 20 };

/* A record on its way to its group, a few records behind the one at hand, see totals_begin. */
struct coming {
	uint64_t hash;
	struct slice key; /* in text */
	struct scratch text;
	int64_t offset;
	uint32_t partition;       /* of known */
	uint32_t state_partition; /* of state.known */
	amount amount;
	uint64_t identity; /* only where `sampled` */
	bool placed;       /* it has coordinates */
	bool sampled;      /* see state.h */
	bool subtract;
};
enum { COMING = 8 };

struct agg {
	struct stream stream;
	struct stage stage;
	struct grouping grouping;
	struct grouping rolled; /* of a query: the part of the grouping that is asked for */
	struct actions actions; /* the documented ones and those of --accept */
	struct currency currency;
	struct textset *wide; /* keys of which it was said that their sums do not fit */
	struct totals totals; /* with a database: what the open segment adds */
	struct known known;   /* the coordinates that came in this run */
	struct database run;  /* without a database: the files that came */
	uint64_t again;       /* records that were not counted because theirs had come in this run */
	amount_sum again_amount;
	struct state state;
	struct total_writer writer;
	const char *by, *date, *currency_asked; /* as they were asked for */
	enum total_format format;
	const char *database; /* NULL: in memory */
	const char **queried; /* the databases of a query */
	size_t queried_n;
	bool allow_gap, marks, net, is_signed, querying, upgrading;
	const char *backup;
	unsigned aggregated, tagged, dead; /* reasons */
	double updates;                    /* seconds between; negative: none */
	double updated;                    /* when the last were written */
	struct group **seen;               /* groups met since then */
	size_t seen_n, seen_capacity;
	struct coming coming[COMING]; /* a ring */
	size_t coming_first, coming_n;
	struct mark together; /* of the segments that are to be committed */
	size_t together_n;    /* their records */
	size_t segments;
	double since; /* when the first of them was whole */
};

static void see(struct agg *agg, struct group *group)
{
	if (agg->updates < 0 || group->seen)
		return;
	if (agg->seen_n == agg->seen_capacity) {
		agg->seen_capacity = agg->seen_capacity ? 2 * agg->seen_capacity : 1024;
		agg->seen = must_realloc(agg->seen, agg->seen_capacity * sizeof *agg->seen);
	}
	group->seen = true;
	agg->seen[agg->seen_n++] = group;
}

/* Whether the record's coordinates came before in this run. */
static bool came_before(struct agg *agg, const struct coming *coming)
{
	bool made;
	if (!coming->placed ||
	    known_add(known_chunk(&agg->known, coming->partition, coming->offset, &made), coming->offset))
		return false;
	agg->again++;
	agg->again_amount += coming->amount;
	return true;
}

/* Adds the first record that is on its way to its group. */
static void arrive(struct agg *agg, struct stream *stream)
{
	const struct coming *coming = &agg->coming[agg->coming_first];
	agg->coming_first = (agg->coming_first + 1) % COMING;
	agg->coming_n--;
	struct group *group = totals_group_of(&agg->totals, coming->key, coming->hash);
	see(agg, group);
	bool again = came_before(agg, coming);
	if (agg->database) {
		state_add(&agg->state, &(struct pending){group, coming->amount, coming->offset, coming->state_partition,
							 coming->subtract});
		if (coming->sampled)
			state_sample(&agg->state, coming->identity);
	} else if (again) {
		stream->stats.duplicates++;
	} else {
		group->count++;
		group->sum += coming->subtract ? -(amount_sum)coming->amount : coming->amount;
	}
}

static void arrive_all(struct agg *agg, struct stream *stream)
{
	while (agg->coming_n > 0)
		arrive(agg, stream);
}

/* Sends a record on its way; at: NULL where it has no coordinates. Returns it. */
static struct coming *come(struct agg *agg, struct stream *stream, struct slice key, const struct coordinates *at,
			   bool subtract)
{
	if (agg->coming_n == COMING)
		arrive(agg, stream);
	if (agg->coming_n >= COMING / 2) {
		size_t half = agg->coming_first + agg->coming_n - COMING / 2;
		totals_fetch(&agg->totals, agg->coming[half % COMING].hash);
	}
	struct coming *coming = &agg->coming[(agg->coming_first + agg->coming_n++) % COMING];
	char *text = scratch_room(&coming->text, key.n);
	memcpy(text, key.p, key.n);
	coming->key = (struct slice){text, key.n};
	coming->hash = totals_begin(&agg->totals, key);
	coming->placed = at;
	coming->subtract = subtract;
	coming->amount = stream->amount;
	coming->sampled = false;
	if (at) {
		coming->partition = partitions_index(&agg->known.partitions, at->source, at->partition);
		if (agg->database)
			coming->state_partition =
			    partitions_index(&agg->state.known.partitions, at->source, at->partition);
		coming->offset = at->offset;
	}
	return coming;
}

static void take_record(void *self, struct stream *stream, struct record *record)
{
	struct agg *agg = self;
	if (record_tagged(record)) {
		stream_drop(stream, agg->tagged);
		return;
	}
	struct slice key;
	bool subtract;
	const char *bad = grouping_subtracts(&agg->grouping, record, stream->amount, &subtract);
	if (!bad)
		bad = grouping_key(&agg->grouping, record, &key);
	if (bad) {
		stream_bad(stream, record, "%s", bad);
		return;
	}
	struct coordinates at;
	bool placed = stream_coordinates(stream, record, &at);
	if (stream->done)
		return; /* they are malformed */
	bad = currency_check(&agg->currency, &record->top);
	if (bad) {
		stream_bad(stream, record, "%s", bad);
		return;
	}
	struct coming *coming = come(agg, stream, key, placed ? &at : NULL, subtract);
	if (agg->database && placed && (at.offset == 0 || mark_is_place(at.offset))) {
		coming->sampled = true;
		coming->identity = grouping_identity(&agg->grouping, record, stream->amount);
	}
	stream_drop(stream, agg->aggregated);
}

static void take_dead(void *self, struct stream *stream, struct record *record)
{
	struct agg *agg = self;
	(void)record;
	stream_drop(stream, agg->dead);
}

/* Where totals are written to: the stream, or for a query the output. */
struct writing {
	struct agg *agg;
	struct stream *stream;
	struct output *output;
	char **wanted; /* KEY=VALUE */
	bool lacking;  /* a total was left out */
};

/* Names a key whose sum does not fit, once, and no more than some: what is wrong with one must keep no other from its
 * reader. */
static void leave_out(struct agg *agg, struct slice key, amount_sum sum)
{
	if (!agg->wide)
		agg->wide = textset_new();
	if (textset_add(agg->wide, key) && textset_count(agg->wide) <= WIDE_NAMED)
		total_wide(&agg->writer, key, sum);
}

/* Names how many more keys there are; returns the status of a run whose final totals lack them. */
static int left_out(const struct agg *agg)
{
	if (textset_count(agg->wide) > WIDE_NAMED)
		complain("%zu more totals do not fit 64 bits and are left out", textset_count(agg->wide) - WIDE_NAMED);
	return EX_DATAERR;
}

/* Whether a total is one of 64 bits; else it is left out. */
static bool fits(struct writing *to, struct slice key, amount_sum sum)
{
	int64_t narrow;
	if (amount_narrow(sum, &narrow))
		return true;
	leave_out(to->agg, key, sum);
	to->lacking = true;
	return false;
}

static void write_total(void *self, struct slice key, uint64_t count, amount_sum sum)
{
	struct writing *to = self;
	if (!fits(to, key, sum))
		return;
	char *line = stream_add_room(to->stream, total_room(&to->agg->writer, key));
	stream_added(to->stream, total_write(&to->agg->writer, line, key, count, sum));
}

/* The present totals of all groups seen since they were last written. */
static void write_updates(struct agg *agg, struct stream *stream)
{
	struct writing to = {.agg = agg, .stream = stream};
	groups_sort(agg->seen, agg->seen_n);
	for (size_t i = 0; i < agg->seen_n; i++) {
		struct group *group = agg->seen[i];
		uint64_t count = group->count;
		amount_sum sum = group->sum;
		group->seen = false;
		/* A group may have nothing in it, when all its records had been counted under other keys. */
		if (agg->database ? state_total(&agg->state, group, &count, &sum) : count > 0)
			write_total(&to, group_key(group), count, sum);
	}
	agg->seen_n = 0;
	agg->updated = stats_clock();
	output_flush(&stream->out);
}

/* Commits the first n records that are kept, and the mark's cover (NULL: none). */
static void commit(struct agg *agg, struct stream *stream, size_t n, const struct mark *mark)
{
	stream->stats.duplicates += state_commit(&agg->state, n, mark, agg->allow_gap);
}

/* Commits the segments that are together. */
static void commit_together(struct agg *agg, struct stream *stream)
{
	commit(agg, stream, agg->together_n, &agg->together);
	agg->segments = 0;
}

/* Whether others may see the segment only after its transaction; NULL: of plain input. */
static bool waited_for(const struct agg *agg, const struct stream *stream, const struct mark *mark)
{
	return !mark || !stream->hold_marks || agg->updates >= 0 || mark->end != MARK_GOES_ON;
}

/* How much longer the segments that are together may wait for others, in milliseconds; 0: no longer. */
static int time_left(const struct agg *agg)
{
	int most = agg->together_n >= MANY ? MANY_TOGETHER_MS : TOGETHER_MS;
	double waited = (stats_clock() - agg->since) * 1000;

	return agg->together_n >= TOGETHER_RECORDS || waited >= most ? 0 : most - (int)waited;
}

/* A segment is whole: it is committed alone, or with those before it, or later. */
static void finish_segment(struct agg *agg, struct stream *stream, const struct mark *mark)
{
	bool alone = waited_for(agg, stream, mark);
	if (agg->segments > 0 && (alone || !mark_join(&agg->together, mark)))
		commit_together(agg, stream);
	if (alone) {
		commit(agg, stream, agg->state.pending_n, mark);
		return;
	}
	if (agg->segments++ == 0) {
		agg->since = stats_clock();
		mark_free(&agg->together);
		mark_join(&agg->together, mark);
	}
	agg->together_n = agg->state.pending_n;
	if (time_left(agg) == 0)
		commit_together(agg, stream);
}

static int put_off(void *self, struct stream *stream, bool now)
{
	struct agg *agg = self;
	if (agg->segments == 0)
		return -1;
	int left = now ? 0 : time_left(agg);
	if (left == 0) {
		commit_together(agg, stream);
		return -1;
	}
	return left;
}

static void end_segment(void *self, struct stream *stream, const struct mark *mark)
{
	struct agg *agg = self;
	arrive_all(agg, stream);
	if (agg->database)
		finish_segment(agg, stream, mark);
	else if (mark && mark->files_n > 0)
		cover_take_files(&agg->run, mark);
	/* The final totals, which follow a complete end, are the last update. A stop is the last chance for one. */
	bool complete = mark && mark->end == MARK_COMPLETE, stop = mark && mark->end == MARK_STOP;
	if (agg->seen_n && !complete && (stop || stats_clock() - agg->updated >= agg->updates))
		write_updates(agg, stream);
	if (agg->database && !agg->seen_n && agg->segments == 0 && agg->totals.n > GROUPS_KEPT)
		totals_clear(&agg->totals);
}

static void write_final(struct agg *agg, struct stream *stream)
{
	struct writing to = {.agg = agg, .stream = stream};
	total_open(&agg->writer, &stream->out);
	if (agg->database) {
		state_read(&agg->state, write_total, &to);
	} else {
		struct group **groups = totals_sorted(&agg->totals);
		for (size_t i = 0; i < agg->totals.n; i++) {
			if (groups[i]->count > 0)
				write_total(&to, group_key(groups[i]), groups[i]->count, groups[i]->sum);
		}
		free(groups);
	}
	total_close(&agg->writer, &stream->out);
	if (to.lacking)
		stream->status = left_out(agg);
}

static void end_input(void *self, struct stream *stream, enum stream_end how)
{
	struct agg *agg = self;
	char money[AMOUNT_TEXT];
	if (agg->again > 0) {
		amount_write(money, agg->again_amount);
		warn("%" PRIu64
		     " records, amount %s, are not counted, because their coordinates came before in this run",
		     agg->again, money);
	}
	if (how != STREAM_STOPPED)
		write_final(agg, stream);
	else if (agg->database)
		warn("the input was stopped: no final totals; what came is in %s", agg->database);
	else
		warn("the input was stopped: no final totals");
}

/* Whether a key has the value that KEY=VALUE asks for; null is asked for as null. */
static bool wanted(struct agg *agg, struct slice key, const char *wanted)
{
	for (unsigned i = 0; i < agg->grouping.n; i++) {
		struct slice text;
		const char *name = agg->grouping.v[i].name;
		size_t n = strlen(name);
		enum key_type type = key_next(&key, &text, &agg->writer.decoded);
		if (strncmp(wanted, name, n) != 0 || wanted[n] != '=')
			continue;
		if (!slice_equal(type == KEY_NULL ? SLICE("null") : text, slice_of(wanted + n + 1)))
			return false;
	}
	return true;
}

static bool all_wanted(struct writing *to, struct slice key)
{
	for (char **each = to->wanted; *each; each++) {
		if (!wanted(to->agg, key, *each))
			return false;
	}
	return true;
}

/* A part of the grouping adds up what fits by itself, so its sums may be wider. */
static void query_total(void *self, struct slice key, uint64_t count, amount_sum sum)
{
	struct writing *to = self;
	if (!to->agg->by && !fits(to, key, sum))
		return;
	char *line = output_room(to->output, total_room(&to->agg->writer, key));
	output_advance(to->output, total_write(&to->agg->writer, line, key, count, sum));
}

static void query_wanted(void *self, struct slice key, uint64_t count, amount_sum sum)
{
	if (all_wanted(self, key))
		query_total(self, key, count, sum);
}

/* Ends the program with 64 unless the operand names a member of the key. */
static void check_wanted(const struct agg *agg, const char *operand)
{
	for (unsigned i = 0; i < agg->grouping.n; i++) {
		size_t n = strlen(agg->grouping.v[i].name);
		if (strncmp(operand, agg->grouping.v[i].name, n) == 0 && operand[n] == '=')
			return;
	}
	options_misuse("\"%s\" is not KEY=VALUE with a KEY of %s", operand, agg->grouping.by);
}

/* Takes a total of one of several databases, or one of several that become one. */
static void merge_total(void *self, struct slice key, uint64_t count, amount_sum sum)
{
	struct writing *to = self;
	if (!all_wanted(to, key))
		return;
	struct agg *agg = to->agg;
	struct group *group =
	    totals_group(&agg->totals, agg->by ? grouping_roll(&agg->rolled, &agg->grouping, key) : key);
	group->count += count;
	group->sum += sum;
}

/* The totals over all databases, which hold different payments by one grouping, by the part of it that was asked for.
 */
static void query_merged(struct agg *agg, struct writing *to)
{
	totals_init(&agg->totals);
	if (agg->by && !*agg->by)
		totals_group(&agg->totals, SLICE("")); /* one line, whatever there is */
	state_read(&agg->state, merge_total, to);
	for (size_t i = 1; i < agg->queried_n; i++) {
		struct state other;
		struct grouping grouping;
		state_open_read(&other, agg->queried[i], agg->grouping.by, agg->grouping.date, false, &grouping);
		state_demand_alike(&agg->state, &other);
		state_read(&other, merge_total, to);
		database_close(&other.database);
	}
	struct group **groups = totals_sorted(&agg->totals);
	for (size_t i = 0; i < agg->totals.n; i++)
		query_total(to, group_key(groups[i]), groups[i]->count, groups[i]->sum);
	free(groups);
}

/* A database that is named twice, by whatever name, would be counted twice. */
static void check_queried(const struct agg *agg)
{
	struct stat one, other;
	for (size_t i = 0; i < agg->queried_n; i++)
		for (size_t k = 0; k < i && stat(agg->queried[i], &one) == 0; k++)
			if (stat(agg->queried[k], &other) == 0 && one.st_dev == other.st_dev &&
			    one.st_ino == other.st_ino)
				options_misuse("-d %s and -d %s: are one file, whose totals would count twice",
					       agg->queried[k], agg->queried[i]);
}

/* The part of the database's grouping that --by asks for. */
static void open_part(struct agg *agg)
{
	bool unknown;
	const char *wrong = grouping_part(&agg->rolled, &agg->grouping, agg->by, &unknown);
	if (unknown)
		fail(EX_CONFIG, "%s: it holds totals by %s: --by %s", agg->queried[0], agg->grouping.by, wrong);
	if (wrong)
		options_misuse("--by %s", wrong);
}

static int query(struct agg *agg, const struct options *options)
{
	if (!agg->database)
		options_misuse("--query reads a database: name it by -d FILE");
	check_queried(agg);
	state_open_read(&agg->state, agg->queried[0], NULL, agg->date, agg->net, &agg->grouping);
	if (agg->by)
		open_part(agg);
	struct stats stats;
	stats_start(&stats);
	for (char **operand = options->operands; *operand; operand++)
		check_wanted(agg, *operand);
	total_start(&agg->writer, agg->format, agg->by ? &agg->rolled : &agg->grouping);
	if (options->settings.check)
		return 0;
	struct output output;
	output_open(&output, STDOUT_FILENO, "standard output");
	struct writing to = {.agg = agg, .output = &output, .wanted = options->operands};
	total_open(&agg->writer, &output);
	if (agg->queried_n > 1 || agg->by)
		query_merged(agg, &to);
	else
		state_read(&agg->state, query_wanted, &to);
	total_close(&agg->writer, &output);
	output_close(&output, false);
	stats.in = stats.out = agg->writer.written;
	if (options->settings.stats)
		stats_print(&stats, program.name, NULL);
	return to.lacking ? left_out(agg) : 0;
}

static enum total_format read_format(const char *text)
{
	if (strcmp(text, "ndjson") == 0)
		return TOTAL_NDJSON;
	if (strcmp(text, "json") == 0)
		return TOTAL_JSON;
	if (strcmp(text, "csv") == 0)
		return TOTAL_CSV;
	options_misuse("--format \"%s\" is not one of ndjson, json, csv", text);
}

/* What is asked of the database itself: --backup, --upgrade. */
static void check_keeping(const struct agg *agg, const struct options *options)
{
	const char *option = agg->backup ? "--backup" : "--upgrade";

	options_alone(options, option);
	if (!agg->database)
		options_misuse("%s is for a database: name it by -d FILE", option);
	if (options->operands_n > 0)
		options_misuse("%s reads no input", option);
}

static void keep(const struct agg *agg, const struct settings *settings)
{
	if (agg->backup && settings->check)
		backup_check(agg->database, agg->backup);
	else if (agg->backup)
		backup(agg->database, agg->backup);
	else if (settings->check)
		upgrade_check(agg->database, DATABASE_TOTALS);
	else
		upgrade(agg->database, DATABASE_TOTALS, state_steps, settings->lock_wait);
}

static void read_options(struct agg *agg, struct options *options)
{
	const struct settings *settings = &options->settings;
	agg->queried = must_alloc((size_t)options->argc * sizeof *agg->queried);
	for (int id; (id = options_next(options));) {
		switch (id) {
		case DB: agg->queried[agg->queried_n++] = agg->database = options->value; break;
		case BY: agg->by = options->value; break;
		case NET: agg->net = true; break;
		case ACCEPT: actions_accept(&agg->actions, options->value); break;
		case SIGNED: agg->is_signed = true; break;
		case CURRENCY: agg->currency_asked = options->value; break;
		case DATE: agg->date = options->value; break;
		case FORMAT: agg->format = read_format(options->value); break;
		case UPDATES: agg->updates = options_seconds(options); break;
		case QUERY: agg->querying = true; break;
		case BACKUP: agg->backup = options->value; break;
		case UPGRADE: agg->upgrading = true; break;
		case MARKS: agg->marks = true; break;
		}
	}
	agg->allow_gap = settings->allow_gap;
	options->settings.ends_stream = true;
	if (settings->dead_letter && strcmp(settings->dead_letter, "-") == 0)
		options_misuse("--dead-letter - is not for totals: name a file");
	if ((agg->marks || agg->updates >= 0) && agg->format != TOTAL_NDJSON)
		options_misuse("%s goes with --format ndjson only", agg->marks ? "--marks" : "--updates");
	if (agg->marks && settings->plain)
		options_misuse("--marks and --plain exclude each other");
	if (agg->querying + (agg->backup != NULL) + agg->upgrading > 1)
		options_misuse("one of --query, --backup and --upgrade");
	if (agg->backup || agg->upgrading)
		check_keeping(agg, options);
	bool signs = agg->is_signed || agg->actions.n > ACTIONS_DOCUMENTED;
	if (agg->querying && (signs || agg->currency_asked))
		options_misuse("--query takes signs and currency from the database: leave --accept, --signed and "
			       "--currency out");
	if (signs && !agg->net)
		options_misuse("--accept and --signed go with --net");
	if (agg->querying)
		options_alone(options, "--query");
	else if (agg->queried_n > 1)
		options_misuse("-d %s and -d %s: several databases are for --query", agg->queried[0], agg->queried[1]);
}

static void open_totals(struct agg *agg, const struct settings *settings)
{
	struct stream *stream = &agg->stream;
	stream->hold_marks = !agg->marks;
	if (!grouping_register(&agg->grouping, &stream->names))
		fail(EX_CONFIG, "--by: no room for the members: all stages of a process together name at most %d",
		     NAMES_MAX);
	agg->aggregated = stats_reason(&stream->stats, "aggregated");
	agg->tagged = stats_reason(&stream->stats, "tagged");
	agg->dead = stats_reason(&stream->stats, "dead");
	agg->updated = stats_clock();
	total_start(&agg->writer, agg->format, &agg->grouping);
	totals_init(&agg->totals);
	known_init(&agg->known);
	if (!agg->database) {
		currency_init(&agg->currency, &stream->names, agg->currency_asked, SLICE(""));
		cover_open_run(&agg->run, "this run");
		return;
	}
	state_open(&agg->state, agg->database, &agg->grouping, agg->currency_asked, settings->lock_wait);
	state_currency(&agg->state, &agg->currency, &stream->names);
}

static struct stream *open_stage(struct options *options, int *status)
{
	struct agg *agg = must_alloc(sizeof *agg);
	const struct settings *settings = &options->settings;
	*agg = (struct agg){.updates = -1, .format = TOTAL_NDJSON};
	*status = 0;
	actions_init(&agg->actions);
	read_options(agg, options);
	if (agg->querying) {
		*status = query(agg, options);
		return NULL;
	}
	if (agg->backup || agg->upgrading) {
		keep(agg, settings);
		return NULL;
	}
	const char *wrong = grouping_init(&agg->grouping, agg->by, agg->date, agg->net);
	if (wrong)
		options_misuse("--by %s", wrong);
	agg->grouping.actions = agg->actions;
	agg->grouping.is_signed = agg->is_signed;
	if (settings->check && agg->database)
		state_check(agg->database, &agg->grouping, agg->currency_asked);
	agg->stage = (struct stage){
	    .kind = STREAM_BASES,
	    .needs_source = agg->database,
	    .needs_input = true,
	    .confined = !agg->database,
	    .totals = true,
	    .record = take_record,
	    .dead = take_dead,
	    .segment = end_segment,
	    .put_off = agg->database ? put_off : NULL,
	    .end = end_input,
	};
	stream_open(&agg->stream, &agg->stage, agg, options);
	if (settings->check)
		return NULL;
	open_totals(agg, settings);
	return &agg->stream;
}

static void close_stage(struct stream *stream)
{
	struct agg *agg = stream->self;
	database_close(agg->database ? &agg->state.database : &agg->run);
}

const struct part part_own = {.program = &program, .open = open_stage, .close = close_stage};
