#include "topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "delivery.h"
#include "fail.h"
#include "input.h"
#include "stats.h"

enum { LONGEST_WAIT_MS = 100, STARVING_WAIT_MS = 5 }; /* so that a signal is seen soon; before a nudge */

static const struct kafka_property properties[] = {
    /* Where reading goes on is ours to know, never the client's to guess or to store. */
    {"enable.auto.commit", "false", true},
    {"auto.commit.enable", "false", true},
    {"enable.auto.offset.store", "false", true},
    {"auto.offset.reset", "error", true},
    {"enable.partition.eof", "true", true},
    {"isolation.level", "read_committed", false},
    {"check.crcs", "true", false},
    {"client.id", "pay-consume", false},
    /* Enough to keep reading ahead, and no more memory than that. */
    {"queued.max.messages.kbytes", "4096", false},
    {"queued.min.messages", "1000000", false},
    {"fetch.wait.max.ms", "100", false},
    {"fetch.error.backoff.ms", "100", false},
    {NULL, NULL, false},
};

/* --- what is read --- */

/* Whether a list like "0,2-3" has a number, the greatest number in it going to most. NULL has all. */
static bool list_has(const char *list, int32_t number, long *most)
{
	bool has = !list;
	for (const char *p = list; p && *p;) {
		char *end;
		long first = strtol(p, &end, 10), last = first;
		bool good = *p >= '0' && *p <= '9';
		if (good && *end == '-') {
			p = end + 1;
			last = strtol(p, &end, 10);
			good = *p >= '0' && *p <= '9';
		}
		if (!good || last < first || last > INT32_MAX || (*end && (*end != ',' || !end[1])))
			options_misuse("--partitions: \"%s\" is not a list like 0,2-3", list);
		has |= number >= first && number <= last;
		*most = last > *most ? last : *most;
		p = end + (*end == ',');
	}
	return has;
}

/* Whether a word stands in a list behind the one at `at`. */
static bool follows(const char *at, struct slice word)
{
	struct slice other;
	while (slice_word(&at, &other))
		if (slice_equal(word, other))
			return true;
	return false;
}

void topics_check(const struct topic_wish *wish)
{
	struct slice word;
	size_t channels = 0;
	bool good = *wish->channels != '\0';
	for (const char *names = wish->names ? wish->names : ""; slice_word(&names, &word);) {
		if (word.n == 0)
			options_misuse("-t: \"%s\" is not a list of topics", wish->names);
		if (follows(names, word))
			options_misuse("-t: \"%s\" names %.*s twice", wish->names, (int)word.n, word.p);
	}
	for (const char *list = wish->channels; slice_word(&list, &word); channels++)
		good = good && trace_channel(word) && !follows(list, word);
	if (!good || channels > TRACE_CHANNELS)
		options_misuse(
		    "--channels: \"%s\" is not a list of up to %d different names, of letters, digits, _ . - "
		    "and under %d bytes each",
		    wish->channels, TRACE_CHANNELS, TRACE_NAME);
}

static void add_partition(struct topics *topics, const char *topic, rd_kafka_topic_t *handle, int32_t number)
{
	topics->partition = must_realloc(topics->partition, (topics->n + 1) * sizeof *topics->partition);
	struct topic_partition *partition = &topics->partition[topics->n++];
	*partition = (struct topic_partition){.topic = topic, .number = number, .handle = handle};
	prefix_init(&partition->prefix, topic, number);
}

/* Adds a topic and those of its partitions that are wanted; name is taken. */
static void add_topic(struct topics *topics, char *name)
{
	long most = -1;
	const struct rd_kafka_metadata *metadata = kafka_topic(&topics->kafka, name, false);
	struct topic topic = {.name = name, .n = metadata->topics[0].partition_cnt};
	rd_kafka_metadata_destroy(metadata);
	topic.handle = rd_kafka_topic_new(topics->kafka.client, name, NULL);
	if (!topic.handle)
		kafka_fail(&topics->kafka, rd_kafka_last_error(), "topic %s", name);
	for (int32_t number = 0; number < topic.n; number++)
		if (list_has(topics->wish->partitions, number, &most))
			add_partition(topics, name, topic.handle, number);
	if (most >= topic.n)
		fail(EX_UNAVAILABLE, "topic %s has no partition %ld, only 0 to %d", name, most, (int)topic.n - 1);
	topics->topic = must_realloc(topics->topic, (topics->topics_n + 1) * sizeof *topics->topic);
	topics->topic[topics->topics_n++] = topic;
}

struct topic *topics_of(struct topics *topics, const rd_kafka_topic_t *handle)
{
	for (size_t i = 0; i < topics->topics_n; i++)
		if (topics->topic[i].handle == handle)
			return &topics->topic[i];
	return NULL;
}

/* The partitions no longer move, until more come: they can be found by number. */
static void index_partitions(struct topics *topics)
{
	for (size_t i = 0; i < topics->topics_n; i++) {
		struct topic *topic = &topics->topic[i];
		topic->at = must_realloc(topic->at, (size_t)topic->n * sizeof *topic->at);
		memset(topic->at, 0, (size_t)topic->n * sizeof *topic->at);
	}
	for (size_t i = 0; i < topics->n; i++) {
		struct topic_partition *partition = &topics->partition[i];
		topics_of(topics, partition->handle)->at[partition->number] = partition;
	}
}

void topics_connect(struct topics *topics, const struct settings *settings)
{
	char why[256];
	const char *group = topics->wish->group;
	kafka_configure(&topics->kafka, settings, properties);
	if (group && rd_kafka_conf_set(topics->kafka.conf, "group.id", group, why, sizeof why) != RD_KAFKA_CONF_OK)
		options_misuse("-g: %s", why);
	kafka_open(&topics->kafka, RD_KAFKA_CONSUMER);
}

struct topics *topics_find(const struct topic_wish *wish, const struct settings *settings)
{
	struct topics *topics = must_alloc(sizeof *topics);
	*topics = (struct topics){.wish = wish};
	topics_connect(topics, settings);
	sinks_open(&topics->sinks, wish->resume, wish->resume_n, settings);
	struct slice word;
	for (const char *names = wish->names; slice_word(&names, &word);)
		add_topic(topics, must_format("%.*s", (int)word.n, word.p));
	if (topics->n == 0)
		options_misuse("no partition is wanted");
	index_partitions(topics);
	topics_begin(topics);
	return topics;
}

/* --- reading --- */

static bool day_is_closed(const struct topics *topics, const struct topic_partition *partition)
{
	struct slice channel;
	for (const char *channels = topics->wish->channels; slice_word(&channels, &channel);)
		if (trace_days(&partition->trace, channel) < topics->day)
			return false;
	return true;
}

/* The partition is read to where it shall be read. */
static void done(struct topics *topics, struct topic_partition *partition)
{
	partition->done = true;
	topics->left--;
}

static void start(struct topics *topics, struct topic_partition *partition)
{
	if (partition->end < partition->start ||
	    (topics->wish->until == TOPIC_FINISH && day_is_closed(topics, partition))) {
		done(topics, partition);
		return;
	}
	if (rd_kafka_consume_start_queue(partition->handle, partition->number, witness_begin(partition),
					 topics->queue) != 0)
		kafka_fail(&topics->kafka, rd_kafka_last_error(), "%s/%d: cannot read", partition->topic,
			   (int)partition->number);
}

static void open_topics(void *self, struct delivery *delivery)
{
	struct topics *topics = self;
	topics->delivery = delivery;
	topics->committed = topics->counted = topics->asked = stats_clock();
	message_reader_init(&topics->reader, topics->wish->with);
	topics->queue = rd_kafka_queue_new(topics->kafka.client);
	topics->left = topics->n;
	for (size_t i = 0; i < topics->n; i++)
		start(topics, &topics->partition[i]);
	delivery->moved = true; /* where they begin is said soon, even if nothing comes */
}

/* Takes in what lies outside the time range, now that something inside has followed it. */
static void cover_outside(struct topics *topics, struct topic_partition *partition)
{
	delivery_left_out(topics->delivery, partition->outside);
	partition->outside = 0;
}

static bool is_outside(const struct topic_wish *wish, const rd_kafka_message_t *message)
{
	rd_kafka_timestamp_type_t type;
	bool from = wish->from.kind == POSITION_TIME, to = wish->bounded && wish->to.kind == POSITION_TIME;
	if (!from && !to)
		return false;
	int64_t time = rd_kafka_message_timestamp(message, &type);
	return (from && time < wish->from.value) || (to && time >= wish->to.value);
}

/* Bytes as a JSON string; base64 where they are not UTF-8, which *plain says. */
static struct slice quoted(struct scratch *scratch, struct slice bytes, bool *plain)
{
	char *to = scratch_room(scratch, json_quote_room(bytes.n));
	*plain = json_utf8(bytes);
	if (*plain)
		return (struct slice){to, json_quote(to, bytes)};
	*to = '"';
	size_t n = 1 + deadletter_base64(to + 1, bytes);
	to[n++] = '"';
	return (struct slice){to, n};
}

/* Its headers as [[name,value],…]; NULL, or why they cannot be a member. */
static const char *read_headers(struct topics *topics, const rd_kafka_message_t *message, struct slice *text)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t n, room = 3;
	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
		*text = SLICE("[]");
		return NULL;
	}
	for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &n) == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		room += json_quote_room(strlen(name)) + json_quote_room(n) + 8;
	char *to = scratch_room(&topics->headers, room), *start = to;
	*to++ = '[';
	for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &n) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
		struct slice texts[2] = {slice_of(name), {value, value ? n : 0}};
		if (!json_utf8(texts[0]) || !json_utf8(texts[1]))
			return "a header is not UTF-8";
		if (i > 0)
			*to++ = ',';
		*to++ = '[';
		to += json_quote(to, texts[0]);
		*to++ = ',';
		if (value)
			to += json_quote(to, texts[1]);
		else
			to = slice_append(to, SLICE("null"));
		*to++ = ']';
	}
	*to++ = ']';
	*text = (struct slice){start, (size_t)(to - start)};
	return NULL;
}

/* What --with asks for; NULL, or why the message is bad. */
static const char *read_parts(struct topics *topics, const rd_kafka_message_t *from, struct message *message)
{
	rd_kafka_timestamp_type_t type;
	const struct message_with *with = &topics->reader.with;
	if (with->key && message->key_base64)
		return "the key is not UTF-8";
	if (with->ts) {
		int64_t time = rd_kafka_message_timestamp(from, &type);
		if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
			message->ts = (struct slice){topics->ts,
						     (size_t)snprintf(topics->ts, sizeof topics->ts, "%" PRId64, time)};
	}
	return with->headers ? read_headers(topics, from, &message->headers) : NULL;
}

static void read_key(struct topics *topics, const rd_kafka_message_t *from, struct message *message)
{
	bool plain;
	if (!from->key || message->key.n > 0)
		return;
	message->key = quoted(&topics->key, (struct slice){from->key, from->key_len}, &plain);
	message->key_base64 = !plain;
}

/* The last message, by which the topic will be known again. */
static void remember(struct topic_partition *partition, const rd_kafka_message_t *message)
{
	partition->trace.offset = message->offset;
	partition->trace.hash = trace_hash((struct slice){message->payload ? message->payload : "", message->len});
}

static void deliver(struct topics *topics, struct topic_partition *partition, const rd_kafka_message_t *from)
{
	struct message message = {.source = prefix_source(&partition->prefix, from->offset),
				  .value = {from->payload ? from->payload : "", from->len}};
	const char *reason = from->payload ? NULL : "the message has no value (a tombstone)";
	struct slice channel;
	message.raw = message.value;
	if (topics->reader.with.key)
		read_key(topics, from, &message);
	if (!reason)
		reason = read_parts(topics, from, &message);
	if (!reason)
		reason = message_deliver(&topics->reader, topics->delivery, &message);
	if (reason) {
		read_key(topics, from, &message); /* a dead letter keeps it */
		message_bad(topics->delivery, &message, reason);
	} else if (message_finish(&topics->reader, &channel)) {
		trace_set_days(&partition->trace, channel, trace_days(&partition->trace, channel) + 1);
	}
	remember(partition, from);
}

/* All before `offset` was seen. */
static void seen_up_to(struct topics *topics, struct topic_partition *partition, int64_t offset)
{
	if (offset > partition->end)
		offset = partition->end;
	if (partition->outside == 0 && offset > partition->next) {
		partition->next = offset;
		topics->delivery->moved = true;
	}
	if (offset >= partition->end && !partition->done)
		done(topics, partition);
}

static void take_event(struct topics *topics, struct topic_partition *partition, const rd_kafka_message_t *message)
{
	switch (message->err) {
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
		witness_end(topics, partition, message->offset);
		partition->at_end = true;
		partition->quiet = topics->empty; /* the event may have waited for us as long */
		seen_up_to(topics, partition, message->offset);
		break;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: partition->witness.missing = true; break;
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
		output_flush(&topics->delivery->out);
		fail(EX_OPERATOR,
		     "%s/%d: the topic has no such partition any more: it was made anew with fewer; settle what is "
		     "missing, then begin with new databases or another topic name",
		     partition->topic, (int)partition->number);
	default:
		if (kafka_passes(message->err) || message->err == RD_KAFKA_RESP_ERR_UNKNOWN)
			break; /* the client tries again by itself */
		output_flush(&topics->delivery->out);
		kafka_fail(&topics->kafka, message->err, "%s/%d: cannot read", partition->topic,
			   (int)partition->number);
	}
}

static void take_message(rd_kafka_message_t *message, void *self)
{
	struct topics *topics = self;
	struct delivery *delivery = topics->delivery;
	const struct topic *topic = topics_of(topics, message->rkt);
	bool ours = topic && message->partition >= 0 && message->partition < topic->n;
	struct topic_partition *partition = ours ? topic->at[message->partition] : NULL;
	if (!partition)
		kafka_fail(&topics->kafka, message->err, "cannot read");
	if (*delivery->stop || delivery_full(delivery)) {
		rd_kafka_yield(topics->kafka.client); /* the rest is not taken */
		return;
	}
	if (partition->done)
		return;
	if (message->err) {
		take_event(topics, partition, message);
		return;
	}
	if ((partition->at_end || partition->witness.asked) && !witness_passes(topics, partition, message))
		return;
	if (message->offset < partition->next) {
		if (partition->trace.offset < 0)
			remember(partition, message);
		return;
	}
	if (message->offset >= partition->end) {
		seen_up_to(topics, partition, partition->end);
		return;
	}
	if (is_outside(topics->wish, message)) {
		partition->outside++;
		if (message->offset + 1 == partition->end)
			done(topics, partition);
		return;
	}
	if (partition->outside > 0)
		cover_outside(topics, partition);
	deliver(topics, partition, message);
	partition->next = message->offset + 1;
	if (partition->next == partition->end ||
	    (topics->wish->until == TOPIC_FINISH && day_is_closed(topics, partition)))
		done(topics, partition);
	delivery_segment(delivery);
}

/* Asks now and then whether a broker answers, sooner when a connection has failed, and ends the program when none has
 * for long: librdkafka does not always say that the last one is gone. */
static void check_patience(struct topics *topics)
{
	enum { WELL = 10, IN_DOUBT = 2 }; /* seconds between questions */
	const struct rd_kafka_metadata *metadata;
	struct kafka *kafka = &topics->kafka;
	double now = stats_clock();
	if (now - topics->asked < (kafka->down == 0 && !kafka->doubted ? WELL : IN_DOUBT))
		return;
	rd_kafka_resp_err_t error = rd_kafka_metadata(kafka->client, 0, NULL, &metadata, 1000);
	topics->asked = stats_clock();
	if (!error) {
		rd_kafka_metadata_destroy(metadata);
		waiting_back(topics);
		kafka->down = 0;
		kafka->doubted = false;
	} else if (kafka->down == 0) {
		kafka->down = now;
	} else if (now - kafka->down >= topics->wish->patience) {
		output_flush(&topics->delivery->out);
		kafka_fail(kafka, error, "no broker has answered for %.0f s", topics->wish->patience);
	}
}

/* The partitions that a topic has got since it was looked at last, up to n, are read too, from their beginning. */
static void take_in(struct topics *topics, struct topic *topic, int32_t n)
{
	warn("topic %s has %d partitions now, %d more: these are read from their beginning", topic->name, (int)n,
	     (int)(n - topic->n));
	size_t first = topics->n;
	for (int32_t number = topic->n; number < n; number++)
		add_partition(topics, topic->name, topic->handle, number);
	topic->n = n;
	index_partitions(topics);
	for (size_t i = first; i < topics->n; i++) {
		topics_begin_added(topics, &topics->partition[i]);
		topics->left++;
		start(topics, &topics->partition[i]);
	}
}

/* A topic that is followed may get more partitions, where no payment shall wait unseen. */
static void look_for_more(struct topics *topics)
{
	enum { BETWEEN_COUNTS = 10, LONGEST_MS = 2000 };
	if (topics->wish->until == TOPIC_END || topics->wish->partitions || topics->kafka.down != 0 ||
	    stats_clock() - topics->counted < BETWEEN_COUNTS)
		return;
	topics->counted = stats_clock();
	for (size_t i = 0; i < topics->topics_n; i++) {
		const struct rd_kafka_metadata *metadata;
		struct topic *topic = &topics->topic[i];
		if (rd_kafka_metadata(topics->kafka.client, 0, topic->handle, &metadata, LONGEST_MS))
			continue; /* the next count finds out */
		int32_t n = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
		rd_kafka_metadata_destroy(metadata);
		if (n > topic->n)
			take_in(topics, topic, n);
	}
}

/* A partition that has more than came so far; NULL: there is none. */
static const struct topic_partition *starving(struct topics *topics)
{
	for (size_t i = 0; i < topics->n; i++) {
		topics->nudged = (topics->nudged + 1) % topics->n;
		const struct topic_partition *partition = &topics->partition[topics->nudged];
		if (!partition->done && !partition->at_end)
			return partition;
	}
	return NULL;
}

/* A client whose queue was full looks for room again only a second later, or when it has another reason to wake up:
 * gives it one. */
static void nudge(struct topics *topics, const struct topic_partition *partition)
{
	enum { LONGEST_MS = 1000 };
	int64_t unused;
	kafka_ask_offset(&topics->kafka, partition->topic, partition->number, RD_KAFKA_OFFSET_END, LONGEST_MS, &unused);
}

static bool read_topics(void *self, struct delivery *delivery)
{
	struct topics *topics = self;
	if (topics->left == 0)
		return false;
	int wait = delivery_tick(delivery, delivery->stats.in, false);
	if (rd_kafka_consume_callback_queue(topics->queue, 0, take_message, topics) == 0) {
		topics->empty = stats_clock();
		const struct topic_partition *partition = topics->kafka.down == 0 ? starving(topics) : NULL;
		int most = partition ? STARVING_WAIT_MS : LONGEST_WAIT_MS;
		wait = delivery_tick(delivery, delivery->stats.in, true);
		int n = rd_kafka_consume_callback_queue(topics->queue, wait < most ? wait : most, take_message, topics);
		if (n == 0 && partition)
			nudge(topics, partition);
	}
	kafka_serve(&topics->kafka, 0);
	check_patience(topics);
	witness_tick(topics);
	waiting_tick(topics);
	group_tick(topics);
	look_for_more(topics);
	return topics->left > 0;
}

static void cover(void *self, struct mark *mark)
{
	struct topics *topics = self;
	for (size_t i = 0; i < topics->n; i++) {
		struct topic_partition *partition = &topics->partition[i];
		char state[TRACE_TEXT];
		if (partition->next == partition->known && partition->announced)
			continue;
		struct slice topic = slice_of(partition->topic);
		partition->announced = true;
		partition->trace.partitions = topics_of(topics, partition->handle)->n;
		mark_cover(mark, topic, partition->number, partition->known, partition->next);
		size_t n = trace_write(&partition->trace, state);
		mark_state(mark, topic, partition->number, (struct slice){state, n});
		partition->known = partition->next;
	}
}

static void close_topics(void *self)
{
	struct topics *topics = self;
	for (size_t i = 0; i < topics->n; i++) {
		struct topic_partition *partition = &topics->partition[i];
		if (topics->queue)
			rd_kafka_consume_stop(partition->handle, partition->number);
		prefix_free(&partition->prefix);
	}
	for (size_t i = 0; i < topics->topics_n; i++) {
		rd_kafka_topic_destroy(topics->topic[i].handle);
		free(topics->topic[i].at);
		free(topics->topic[i].past);
		free(topics->topic[i].name);
	}
	if (topics->queue) {
		rd_kafka_queue_destroy(topics->queue);
		message_reader_free(&topics->reader);
	}
	sinks_close(&topics->sinks);
	kafka_close(&topics->kafka);
	free(topics->key.p);
	free(topics->headers.p);
	waiting_free(topics);
	free(topics->partition);
	free(topics->topic);
	free(topics);
}

struct source topics_source(struct topics *topics)
{
	return (struct source){
	    .self = topics, .open = open_topics, .read = read_topics, .cover = cover, .close = close_topics};
}
