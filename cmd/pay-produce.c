/* pay-produce: writes records to where others read them: a file that is there whole or not at all, or a Kafka topic
 * that has acknowledged each, by itself or in transactions. */
#include <stdio.h>

#include "fail.h"
#include "file.h"
#include "kafka.h"
#include "options.h"
#include "part.h"
#include "pay-produce/message.h"
#include "pay-produce/topic.h"
#include "pay-produce/transaction.h"
#include "stream.h"
#include "target.h"

enum { TO = 1, TOPIC, KEY, ENVELOPE, TRANSACTIONAL_ID, GROUP, ALLOW_GAP };

static const struct option_entry entries[] = {
    {TO | OPTION_WRITES, 0, "to", "FILE", "write to this file, which takes its name when it is whole"},
    {TOPIC, 't', "topic", "TOPIC", "write to this topic of the cluster named by -b"},
    {KEY, 0, "key", "MEMBER[/MEMBER...]", "make the messages' key of these members, joined by / (_key)"},
    {ENVELOPE, 0, "envelope", NULL, "keep the members that begin with _ (coordinates and the like)"},
    {TRANSACTIONAL_ID, 0, "transactional-id", "ID", "write each segment as one transaction of this producer"},
    {GROUP, 0, "group", "GROUP", "commit the covered offsets for this group in the same transaction"},
    {ALLOW_GAP, 0, "allow-gap", NULL, "accept a segment that leaves a hole after the committed offsets"},
    {0},
};

static const struct program program = {
    .name = "pay-produce",
    .about = "write records to a file that is there whole or not at all, or to a Kafka topic",
    .operands = "[FILE]",
    .options = entries,
    .groups = OPTIONS_KAFKA | OPTIONS_DEAD | OPTIONS_STREAM,
    .examples = "  pay-agg --marks base.ndjson | pay-produce --to totals.ndjson\n"
		"  pay-agg --marks base.ndjson | pay-produce -b localhost -t totals --key "
		"merchantNumber/paymentDateDaily\n",
    .libraries = kafka_version,
};

struct produce {
	const char *to, *topic_name, *key, *id, *group;
	bool envelope, allow_gap;
	struct file_new file;
	struct messages messages;
	struct topic topic;
	struct transaction transaction;
	bool connected;          /* topic or transaction is open */
	char unacknowledged[48]; /* for --stats */
	struct stream stream;
};

/* --- to a file --- */

static void write_record(void *self, struct stream *stream, struct record *record)
{
	struct produce *produce = self;
	struct output *output = &produce->file.output;
	const struct members *top = &record->top;
	if (produce->envelope || top->reserved == 0) {
		output_line(output, record->line);
	} else if (top->reserved == top->n) {
		output_line(output, SLICE("{}"));
	} else {
		const char *start = top->v[top->reserved].name.p - 1;
		output_bytes(output, SLICE("{"));
		output_line(output, (struct slice){start, (size_t)(record->line.p + record->line.n - start)});
	}
	stream_delivered(stream);
}

/* A dead letter is nothing but members of the toolkit's own: it is written as it is. */
static void write_dead(void *self, struct stream *stream, struct record *record)
{
	struct produce *produce = self;
	output_line(&produce->file.output, record->line);
	stream_delivered(stream);
}

static void end_file(void *self, struct stream *stream, enum stream_end how)
{
	struct produce *produce = self;
	(void)stream;
	if (how == STREAM_STOPPED)
		warn("the input was stopped before its end: %s is left as it was", produce->to);
	else
		file_finish(&produce->file);
}

static const struct stage to_file = {
    .kind = STREAM_ANY,
    .needs_input = true,
    .record = write_record,
    .dead = write_dead,
    .end = end_file,
};

/* Before the program ends by an error: what was taken is delivered all the same, or said not to be; a transaction is
 * aborted. */
static void end_badly(void *self, struct stream *stream)
{
	struct produce *produce = self;
	struct topic *topic = &produce->topic;
	char text[TOPIC_LOSS];
	if (!produce->connected)
		return;
	/* Where a message has failed, it is what the program ends by, and has been said. */
	if (!produce->id && !topic->error && topic_wait(topic)) {
		topic_loss(topic, text);
		warn("%s", text);
	}
	if (produce->id)
		transaction_abandon(&produce->transaction);
	snprintf(produce->unacknowledged, sizeof produce->unacknowledged, ",\"unacknowledged\":%llu",
		 (unsigned long long)(produce->id ? produce->transaction.kept_n : topic->sent - topic->acknowledged));
	stream->more = produce->unacknowledged;
}

/* --- to a topic, record by record --- */

/* The record as a message. Returns whether it is one; else it was found bad. */
static bool read_message(struct produce *produce, struct stream *stream, struct record *record, struct message *to)
{
	const char *reason = message_read(&produce->messages, stream, record, to);
	if (reason)
		stream_bad(stream, record, "%s", reason);
	return !reason;
}

/* Ends the program once a message has failed, when what is under way is decided too. */
_Noreturn static void fail_delivery(struct topic *topic)
{
	char text[TOPIC_LOSS];
	topic_wait(topic);
	topic_loss(topic, text);
	fail(kafka_status(topic->error), "%s", text);
}

static void send_record(void *self, struct stream *stream, struct record *record)
{
	struct produce *produce = self;
	struct message message;
	if (!read_message(produce, stream, record, &message))
		return;
	if (topic_send(&produce->topic, &message))
		fail_delivery(&produce->topic);
	stream_delivered(stream);
}

static void serve_topic(void *self, struct stream *stream, const struct mark *mark)
{
	struct produce *produce = self;
	(void)stream, (void)mark;
	topic_serve(&produce->topic);
}

static void end_topic(void *self, struct stream *stream, enum stream_end how)
{
	struct produce *produce = self;
	(void)stream, (void)how;
	if (topic_wait(&produce->topic))
		fail_delivery(&produce->topic);
}

static const struct stage to_topic = {
    .kind = STREAM_ANY,
    .needs_input = true,
    .record = send_record,
    .dead = send_record,
    .segment = serve_topic,
    .end = end_topic,
    .broken = end_badly,
};

/* --- to a topic, a segment a transaction --- */

static void keep_record(void *self, struct stream *stream, struct record *record)
{
	struct produce *produce = self;
	struct message message;
	struct coordinates coordinates;
	if (!stream->sealed)
		fail(EX_DATAERR,
		     "%s: line %llu: a record before any mark: --transactional-id needs the marks of pay-consume, a "
		     "segment "
		     "is a transaction",
		     stream->input.name, (unsigned long long)stream->line);
	bool has = stream_coordinates(stream, record, &coordinates);
	if (stream->done || !read_message(produce, stream, record, &message))
		return;
	transaction_keep(&produce->transaction, &message, has ? &coordinates : NULL);
	stream_delivered(stream);
}

static void commit_segment(void *self, struct stream *stream, const struct mark *mark)
{
	struct produce *produce = self;
	if (!mark)
		return; /* input without marks, and without records: the first would have ended the program */
	if (mark->files_n > 0)
		fail(EX_DATAERR, "%s: is a file: a transaction carries the offsets of the topic that pay-consume read",
		     mark->files[0].source);
	stream->stats.duplicates += transaction_segment(&produce->transaction, mark);
}

static int stay_alive(void *self, struct stream *stream, bool now)
{
	struct produce *produce = self;
	(void)stream;
	return now ? -1 : transaction_idle(&produce->transaction);
}

static const struct stage by_transaction = {
    .kind = STREAM_ANY,
    .needs_input = true,
    .put_off = stay_alive,
    .record = keep_record,
    .dead = keep_record,
    .segment = commit_segment,
    .broken = end_badly,
};

/* --- options --- */

static void check_options(const struct produce *produce, const struct settings *settings)
{
	if (produce->to && !*produce->to)
		options_misuse("--to: a name is needed");
	if (produce->topic_name && !*produce->topic_name)
		options_misuse("--topic: a name is needed");
	if (!produce->to == !produce->topic_name)
		options_misuse("where to? name either a file by --to FILE, or a topic by -b BROKERS -t TOPIC");
	if (produce->topic_name && !kafka_named(settings))
		options_misuse("on which cluster is topic %s? name it by -b", produce->topic_name);
	if (produce->to &&
	    (settings->kafka_n > 0 || produce->key || produce->id || produce->group || produce->allow_gap))
		options_misuse(
		    "-b, -X, -F, --key, --transactional-id, --group and --allow-gap are for topics, not for --to");
	if (produce->to && strcmp(produce->to, "-") == 0)
		options_misuse(
		    "--to - is not a file: any program's --plain writes to standard output (a file called - is "
		    "./-)");
	if (!produce->id != !produce->group || (produce->id && (!*produce->id || !*produce->group)))
		options_misuse("--transactional-id ID and --group GROUP go together");
	if (produce->allow_gap && !produce->id)
		options_misuse("--allow-gap goes with --transactional-id");
	if (produce->id && settings->unsealed)
		options_misuse("--transactional-id needs the marks that --unsealed does without");
	if (settings->dead_letter && strcmp(settings->dead_letter, "-") == 0)
		options_misuse("--dead-letter - has no stream to go on in: name a file");
}

static struct target target_of(const struct produce *produce)
{
	return (struct target){.option = "--to", .path = produce->to, .kind = TARGET_RECORDS};
}

/* Finds out whether the place can be written to, and writes nothing. */
static int check(const struct produce *produce)
{
	if (produce->to) {
		struct target target = target_of(produce);
		file_look_at(&target);
		file_creatable(produce->to);
	} else {
		topic_probe(produce->stream.settings, produce->topic_name);
	}
	return 0;
}

static void open_topic(struct produce *produce)
{
	static const struct kafka_property none[] = {{"transactional.id", "", true}, {0}};
	const struct settings *settings = produce->stream.settings;
	if (produce->id) {
		transaction_open(&produce->transaction, settings, produce->topic_name, produce->id, produce->group,
				 produce->allow_gap);
		messages_limit(&produce->messages, produce->transaction.topic.kafka.client);
	} else {
		topic_open(&produce->topic, settings, produce->topic_name, none);
		topic_check(&produce->topic);
		messages_limit(&produce->messages, produce->topic.kafka.client);
	}
	produce->connected = true;
}

static void read_options(struct produce *produce, struct options *options)
{
	for (int id; (id = options_next(options));) {
		switch (id) {
		case TO: produce->to = options->value; break;
		case TOPIC: produce->topic_name = options->value; break;
		case KEY: produce->key = options->value; break;
		case ENVELOPE: produce->envelope = true; break;
		case TRANSACTIONAL_ID: produce->id = options->value; break;
		case GROUP: produce->group = options->value; break;
		case ALLOW_GAP: produce->allow_gap = true; break;
		}
	}
	options->settings.ends_stream = true;
	check_options(produce, &options->settings);
}

static struct stream *open_stage(struct options *options, int *status)
{
	struct produce *produce = must_alloc(sizeof *produce);
	struct stream *stream = &produce->stream;
	*produce = (struct produce){0};
	*status = 0;
	read_options(produce, options);
	stream_open(stream, produce->to ? &to_file : produce->id ? &by_transaction : &to_topic, produce, options);
	if (produce->topic_name)
		messages_open(&produce->messages, produce->key, produce->envelope, &stream->names);
	if (options->settings.check) {
		*status = check(produce);
		return NULL;
	}
	stream->hold_marks = true;
	if (produce->to) {
		struct target target = target_of(produce);
		file_create(&produce->file, &target);
	} else {
		open_topic(produce);
	}
	return stream;
}

static void close_stage(struct stream *stream)
{
	struct produce *produce = stream->self;
	if (produce->id)
		transaction_close(&produce->transaction);
	else if (produce->topic_name)
		topic_close(&produce->topic);
}

const struct part part_own = {.program = &program, .open = open_stage, .close = close_stage};
