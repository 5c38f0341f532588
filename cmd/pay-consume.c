/* pay-consume: brings payments into the stream: gives each its coordinates, and closes segments with marks. */
#include <csv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "cover.h"
#include "deadletter.h"
#include "fail.h"
#include "input.h"
#include "json.h"
#include "options.h"
#include "pay-consume/capture.h"
#include "pay-consume/covers.h"
#include "pay-consume/delivery.h"
#include "pay-consume/encoding.h"
#include "pay-consume/topic.h"
#include "target.h"

enum own_option {
	AS = 1,
	FORMAT,
	TOPIC,
	PARTITIONS,
	FROM,
	TO,
	UNTIL,
	CHANNELS,
	COUNT,
	WITH,
	RESUME,
	GROUP,
	GROWN,
	TWICE,
	COLUMNS,
	DELIMITER,
	ENCODING,
	SKIP_LINES,
	UNTERMINATED,
	ALLOW_GAP,
	COVERS,
	LIST,
	BROKER_WAIT,
	SEGMENT_RECORDS,
	SEGMENT_BYTES,
	SEGMENT_SECONDS
};

static const struct option_entry own_options[] = {
    {AS | OPTION_REPEATS, 0, "as", "NAME", "source name of a file, for its base name (one a file, in their order)"},
    {FORMAT, 0, "format", "FORMAT", "auto, ndjson, kcat (-J captures) or csv with a header (auto)"},
    {COLUMNS, 0, "columns", "FILE", "what a table's columns are called in its header: a WORD=MEMBER a line"},
    {DELIMITER, 0, "delimiter", "C", "what parts a table's columns, one character, or tab (a comma)"},
    {ENCODING, 0, "encoding", "NAME", "what the text of files is in, by iconv's name (UTF-8)"},
    {SKIP_LINES, 0, "skip-lines", "N", "lines above a table's header"},
    {UNTERMINATED, 0, "unterminated", NULL, "take a table's last row without a line feed for whole"},
    {TOPIC, 't', "topic", "TOPIC,...", "read these topics, not files"},
    {PARTITIONS, 0, "partitions", "LIST", "of each topic these partitions alone, as 0,2-3"},
    {FROM, 0, "from", "WHERE", "begin each file at this line (1); topics: beginning, end, stored, OFFSET, -N, @TIME"},
    {TO, 0, "to", "WHERE", "end each file with this line; topics: with this OFFSET, or before one of the others"},
    {UNTIL, 0, "until", "WHEN", "end (of what is there at the start), finish (of the day), or never (never)"},
    {CHANNELS, 0, "channels", "LIST", "whose FINISH --until finish waits for, on each partition (ONLINE,OFFLINE)"},
    {COUNT, 'n', "count", "N", "end after N records in all"},
    {WITH, 0, "with", "LIST", "of key,ts,headers: make members of them (_key, _ts, _headers) of Kafka's messages"},
    {RESUME | OPTION_REPEATS, 0, "resume", "DB",
     "go on where this database is, or group:GROUP (repeatable: where the last of them is)"},
    {GROUP, 'g', "group", "GROUP", "commit what is settled to this group; begin there when there is no --resume"},
    {GROWN, 0, "grown", NULL, "accept a file that has grown since a database finished it; read on behind that"},
    {TWICE, 0, "twice", NULL, "count a file although its content was taken under another name"},
    {ALLOW_GAP, 0, "allow-gap", NULL,
     "let --from, or what a topic has lost, leave a hole after what the databases have"},
    {COVERS | OPTION_REPEATS, 0, "covers", "RANGE",
     "the files are all there is of these offsets: TOPIC/PARTITION/FROM-TO (repeatable)"},
    {LIST, 0, "list", NULL, "list topics, partitions, offsets and the group's lag, and do nothing"},
    {BROKER_WAIT, 0, "broker-wait", "SECONDS", "wait that long for a broker when all are gone (300)"},
    {SEGMENT_RECORDS, 0, "segment-records", "N", "close a segment after N records (10000)"},
    {SEGMENT_BYTES, 0, "segment-bytes", "N", "close a segment after N bytes (4194304)"},
    {SEGMENT_SECONDS, 0, "segment-seconds", "SECONDS", "close a segment after this time (1)"},
    {0},
};

static const char *libraries(void)
{
	static char text[192];
	snprintf(text, sizeof text, "%s, zlib %s, zstd %s, libcsv %d.%d.%d", kafka_version(), zlibVersion(),
		 ZSTD_versionString(), CSV_MAJOR, CSV_MINOR, CSV_RELEASE);
	return text;
}

static const struct program program = {
    .name = "pay-consume",
    .about = "read payment messages from Kafka or captured files into a stream with coordinates and marks",
    .operands = "[FILE...]",
    .options = own_options,
    .groups = OPTIONS_DEAD | OPTIONS_STREAM | OPTIONS_KAFKA,
    .examples =
	"  pay-consume -b broker:9092 -t payment --until end --resume settle.db | pay-tobase | pay-store -d settle.db\n"
	"  pay-consume day.ndjson.gz --resume settle.db | pay-tobase | pay-store -d settle.db\n"
	"  pay-consume --plain --from 100 --to 200 day.csv | jq .data.amount\n"
	"  pay-consume --encoding CP949 --columns words.txt day.csv | pay-tobase | pay-agg\n"
	"  kcat -C -b broker -t payment -J -e | pay-consume --as payment.capture - >day.stream\n",
    .libraries = libraries,
};

struct consume {
	struct options options;
	struct capture_wish wish;                 /* of files */
	struct topic_wish topic_wish;             /* of topics */
	const char *from, *to, *format, *columns; /* as they were given */
	bool until_given, list;
	struct topics *topics; /* NULL: files are read */
	struct covers covers;
	struct delivery_limits limits;
	uint64_t most;
	const char **names; /* of the first files, by --as */
	int names_n;
	struct source *sources; /* one an operand */
	int sources_n;
};

/* The signal that asked for the end. */
static volatile sig_atomic_t stop;

static void ask_to_stop(int number)
{
	stop = number;
}

static enum capture_format format_of(const char *word)
{
	static const char *const words[] = {"auto", "ndjson", "kcat", "csv"};
	for (int i = 0; i < 4; i++)
		if (strcmp(word, words[i]) == 0)
			return (enum capture_format)i;
	options_misuse("--format: unknown format \"%s\" (auto, ndjson, kcat, csv)", word);
}

static char delimiter_of(const char *word)
{
	if (strcmp(word, "tab") == 0)
		return '\t';
	if (!word[0] || word[1] || (unsigned char)word[0] > 0x7e || strchr("\" \r\n", word[0]))
		options_misuse("--delimiter: \"%s\" is not one character of ASCII that may part columns, nor tab",
			       word);
	return word[0];
}

static enum topic_until until_of(const char *word)
{
	static const char *const words[] = {"never", "end", "finish"};
	for (int i = 0; i < 3; i++)
		if (strcmp(word, words[i]) == 0)
			return (enum topic_until)i;
	options_misuse("--until: unknown \"%s\" (end, finish, never)", word);
}

static void take_option(struct consume *consume, enum own_option option)
{
	struct options *options = &consume->options;
	struct capture_wish *wish = &consume->wish;
	struct topic_wish *topic = &consume->topic_wish;
	switch (option) {
	case AS: consume->names[consume->names_n++] = options->value; break;
	case FORMAT: consume->format = options->value; break;
	case TOPIC: topic->names = options->value; break;
	case PARTITIONS: topic->partitions = options->value; break;
	case FROM: consume->from = options->value; break;
	case TO: consume->to = options->value; break;
	case UNTIL:
		topic->until = until_of(options->value);
		consume->until_given = true;
		break;
	case CHANNELS: topic->channels = options->value; break;
	case COUNT: consume->most = (uint64_t)options_number(options, 0, INT64_MAX); break;
	case WITH:
		if (!message_with_read(&wish->with, options->value))
			options_misuse("--with: unknown part in \"%s\" (key, ts, headers)", options->value);
		break;
	case RESUME: wish->resume[wish->resume_n++] = options->value; break;
	case GROUP: topic->group = options->value; break;
	case GROWN: wish->grown = true; break;
	case TWICE: wish->twice = true; break;
	case COLUMNS: consume->columns = options->value; break;
	case DELIMITER: wish->delimiter = delimiter_of(options->value); break;
	case ENCODING: wish->encoding = options->value; break;
	case SKIP_LINES: wish->skip_lines = options_number(options, 0, INT64_MAX - 1); break;
	case UNTERMINATED: wish->unterminated = true; break;
	case ALLOW_GAP: wish->allow_gap = true; break;
	case COVERS: covers_add(&consume->covers, options->value); break;
	case LIST: consume->list = true; break;
	case BROKER_WAIT: topic->patience = options_seconds(options); break;
	case SEGMENT_RECORDS: consume->limits.records = (uint64_t)options_number(options, 1, INT64_MAX); break;
	case SEGMENT_BYTES: consume->limits.bytes = (uint64_t)options_number(options, 1, INT64_MAX); break;
	case SEGMENT_SECONDS: consume->limits.seconds = options_seconds(options); break;
	}
}

static int64_t line_number(struct options *options, const char *name, const char *text)
{
	options->name = name;
	options->value = text;
	return options_number(options, 1, INT64_MAX - 1);
}

static bool of_tables(const struct consume *consume)
{
	const struct capture_wish *wish = &consume->wish;
	return consume->columns || wish->delimiter || wish->skip_lines > 0;
}

/* How text and tables are written; whoever says that of tables has no other files. */
static void wish_tables(struct consume *consume)
{
	struct capture_wish *wish = &consume->wish;
	if (of_tables(consume) && wish->format != CAPTURE_AUTO && wish->format != CAPTURE_CSV)
		options_misuse("--columns, --delimiter and --skip-lines are for tables, not for --format %s",
			       consume->format);
	if (wish->encoding && !encoding_known(wish->encoding))
		options_misuse("--encoding: iconv knows no \"%s\" (iconv -l lists what it knows)", wish->encoding);
	if (of_tables(consume))
		wish->format = CAPTURE_CSV;
	if (!wish->delimiter)
		wish->delimiter = ',';
	if (consume->columns)
		wish->columns = columns_read(consume->columns);
}

/* What was asked, read as a wish for files. */
static void wish_files(struct consume *consume)
{
	struct options *options = &consume->options;
	struct capture_wish *wish = &consume->wish;
	const struct topic_wish *topic = &consume->topic_wish;
	if (options->settings.kafka_n > 0 || topic->partitions || topic->group || topic->until == TOPIC_FINISH)
		options_misuse("no topic is named; -t TOPIC reads one");
	if (options->operands_n == 0)
		options_misuse("no file is named; - is standard input, -b BROKERS -t TOPIC a topic");
	if (consume->format)
		wish->format = format_of(consume->format);
	wish_tables(consume);
	if (consume->from)
		wish->from = line_number(options, "from", consume->from);
	if (consume->to)
		wish->to = line_number(options, "to", consume->to) + 1;
	wish->unsealed = options->settings.unsealed;
	if (wish->to <= wish->from)
		options_misuse("--to %lld lies before --from %lld", (long long)wish->to - 1, (long long)wish->from);
	for (size_t i = 0; i < wish->resume_n; i++)
		if (sinks_is_group(wish->resume[i]))
			options_misuse("--resume %s: a group holds offsets of topics, not lines of files",
				       wish->resume[i]);
	if (consume->covers.n > 0 && (wish->resume_n > 0 || consume->from || consume->to ||
				      consume->most != UINT64_MAX || options->settings.plain))
		options_misuse("--covers goes with whole files and with marks: not with --resume, --from, --to, -n or "
			       "--plain");
	if (consume->names_n > options->operands_n)
		options_misuse("--as %s: there are fewer files than names", consume->names[consume->names_n - 1]);
}

static struct position position_of(const char *option, const char *text)
{
	struct position position;
	if (position_read(text, &position))
		return position;
	const char *advice = position_advice(text);
	options_misuse("--%s: \"%s\" is no position in a topic (%s)", option, text, advice ? advice : position_forms);
}

/* What was asked, read as a wish for topics. */
static void wish_topics(struct consume *consume)
{
	struct options *options = &consume->options;
	struct topic_wish *topic = &consume->topic_wish;
	if (!kafka_named(&options->settings))
		options_misuse("no cluster is named; -b HOST:PORT names one");
	if (options->operands_n > 0)
		options_misuse("\"%s\": files and topics are not read in one run", options->operands[0]);
	if (consume->covers.n > 0)
		options_misuse("--covers is for files");
	if (consume->names_n > 0 || consume->format || consume->wish.grown || consume->wish.twice ||
	    consume->wish.encoding || consume->wish.unterminated || of_tables(consume))
		options_misuse("--as, --format, --grown, --twice, --encoding and the options of tables are for files");
	if (consume->from)
		topic->from = position_of("from", consume->from);
	if (consume->to) {
		topic->to = position_of("to", consume->to);
		topic->bounded = true;
		if (!consume->until_given && topic->to.kind != POSITION_OFFSET)
			topic->until = TOPIC_END;
	}
	if (!topic->group && (topic->from.kind == POSITION_STORED || topic->to.kind == POSITION_STORED))
		options_misuse("stored is where a group is; -g GROUP names it");
	if (topic->bounded && topic->from.kind == topic->to.kind && topic->from.kind != POSITION_LAST &&
	    topic->to.value < topic->from.value)
		options_misuse("--to %s lies before --from %s", consume->to, consume->from);
	if (topic->bounded && topic->to.kind == POSITION_TIME && consume->wish.resume_n > 0)
		warn(
		    "--to @TIME with --resume: what lies outside the time range between what lies inside will count as "
		    "taken; the databases shall not go on with another range");
	topic->with = consume->wish.with;
	topic->resume = consume->wish.resume;
	topic->resume_n = consume->wish.resume_n;
	topic->allow_gap = consume->wish.allow_gap;
	topics_check(topic);
}

static void read_options(struct consume *consume)
{
	struct options *options = &consume->options;
	consume->names = must_alloc((size_t)options->argc * sizeof *consume->names);
	consume->wish.resume = must_alloc((size_t)options->argc * sizeof *consume->wish.resume);
	int option;
	while ((option = options_next(options)) != 0)
		take_option(consume, (enum own_option)option);
	if (consume->topic_wish.names || consume->list)
		wish_topics(consume);
	else
		wish_files(consume);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return strcmp(path, "-") == 0 ? "stdin" : slash ? slash + 1 : path;
}

/* Each file's name in coordinates: what it is known by, for good. */
static const char **name_files(const struct consume *consume)
{
	char **files = consume->options.operands;
	int n = consume->options.operands_n;
	const char **names = must_alloc((size_t)n * sizeof *names);
	for (int i = 0; i < n; i++) {
		bool given = i < consume->names_n;
		names[i] = given ? consume->names[i] : base_name(files[i]);
		if (!*names[i] && given)
			options_misuse("--as: a name is needed");
		if (!*names[i])
			fail(EX_NOINPUT, "%s: is a folder; name the files in it", files[i]);
		if (!json_utf8(slice_of(names[i])))
			options_misuse("%s: its name is not UTF-8; give it another with --as NAME", files[i]);
		if (covers_names(&consume->covers, slice_of(names[i])))
			options_misuse("%s: is known by the name of a topic of --covers; give it another with --as "
				       "NAME",
				       files[i]);
		for (int k = 0; k < i; k++)
			if (strcmp(names[k], names[i]) == 0)
				options_misuse("%s and %s would both be known as \"%s\"; tell them apart with --as "
					       "NAME, one a file",
					       files[k], files[i], names[i]);
	}
	return names;
}

/* A file must not be what an option names for writing. */
static void know_input(const char *path)
{
	struct stat status;
	if (strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &status) == 0 : stat(path, &status) == 0)
		target_input(path, &status);
}

/* All files are found before any is read. */
static uint64_t find_files(struct consume *consume)
{
	uint64_t total = 0;
	struct database run;
	bool check = consume->options.settings.check;
	const char **names = name_files(consume);
	if (check)
		cover_open_run(&run, "this run");
	consume->sources_n = consume->options.operands_n;
	consume->sources = must_alloc((size_t)consume->sources_n * sizeof *consume->sources);
	for (int i = 0; i < consume->sources_n; i++) {
		struct capture *capture = capture_find(consume->options.operands[i], names[i], &consume->wish, total);
		know_input(consume->options.operands[i]);
		total += capture_size(capture);
		if (check)
			capture_look(capture, consume->options.settings.program, &run);
		consume->sources[i] = capture_source(capture);
	}
	if (check)
		database_close(&run);
	free(names);
	return total;
}

static void find_topics(struct consume *consume)
{
	consume->topics = topics_find(&consume->topic_wish, &consume->options.settings);
	consume->sources_n = 1;
	consume->sources = must_alloc(sizeof *consume->sources);
	consume->sources[0] = topics_source(consume->topics);
}

static void watch_signals(void)
{
	/* Once: whoever asks twice means now. */
	struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = (int)SA_RESETHAND};
	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

static void close_source(struct source *source)
{
	if (source->self)
		source->close(source->self);
	source->self = NULL;
}

static void consume_all(const struct consume *consume, struct delivery *delivery)
{
	delivery_begin(delivery);
	for (int i = 0; i < consume->sources_n && !stop && !delivery_full(delivery); i++) {
		struct source *source = &consume->sources[i];
		source->open(source->self, delivery);
		delivery_source_begin(delivery, source);
		while (!stop && !delivery_full(delivery) && source->read(source->self, delivery))
			;
		delivery_source_end(delivery);
		if (!consume->topics)
			close_source(source);
	}
	if (!stop)
		covers_say(&consume->covers, &delivery->mark);
	delivery_end(delivery, stop ? MARK_STOP : MARK_COMPLETE);
}

int main(int argc, char **argv)
{
	struct consume consume = {.wish = {.from = 1, .to = INT64_MAX},
				  .topic_wish = {.channels = "ONLINE,OFFLINE", .patience = 300},
				  .limits = {.records = 10000, .bytes = 4 << 20, .seconds = 1},
				  .most = UINT64_MAX};
	struct delivery delivery;
	options_start(&consume.options, &program, argc, argv);
	read_options(&consume);
	uint64_t total = 0;
	if (consume.list) {
		topics_list(&consume.topic_wish, &consume.options.settings);
		return 0;
	}
	if (consume.topic_wish.names)
		find_topics(&consume);
	else
		total = find_files(&consume);
	if (consume.options.settings.check) {
		deadletter_check(&consume.options.settings);
		return 0;
	}
	delivery_open(&delivery, &consume.options.settings, &consume.limits);
	delivery.most = consume.most;
	delivery.total = total;
	delivery.stop = &stop;
	delivery.covers = &consume.covers;
	watch_signals();
	for (int i = 0; i < consume.options.operands_n; i++)
		if (strcmp(consume.options.operands[i], "-") == 0)
			input_announce(STDIN_FILENO);
	consume_all(&consume, &delivery);
	if (consume.topics)
		topics_commit_last(consume.topics);
	for (int i = 0; i < consume.sources_n; i++)
		close_source(&consume.sources[i]);
	if (stop) {
		signal(stop, SIG_DFL);
		raise(stop);
	}
	return 0;
}
