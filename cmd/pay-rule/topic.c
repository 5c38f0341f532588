#include "topic.h"

#include <inttypes.h>
#include <stdlib.h>

#include "fail.h"
#include "stats.h"

enum {
	BATCH = 1000,
	WAIT_MS = 10,     /* a batch waits that long for its last message */
	SILENCE_S = 60,   /* how long a topic may give nothing while it is being read */
	FAULTS_MOST = 100 /* more bad messages than that are no slip */
};
enum { TOPIC_READ = -1 };

/* The queues of librdkafka are bounded by partition, and a rule is small: these keep them at some 10 MB. */
static const struct kafka_property properties[] = {
    {"fetch.queue.backoff.ms", "10", false}, /* not known before 2.2: see own_properties */
    {"isolation.level", "read_committed", true},   {"enable.partition.eof", "true", true},
    {"auto.offset.reset", "error", true},          {"enable.auto.commit", "false", true},
    {"enable.auto.offset.store", "false", true},   {"queued.min.messages", "10000", false},
    {"queued.max.messages.kbytes", "4096", false}, {"fetch.message.max.bytes", "1048576", false},
    {"fetch.max.bytes", "4194304", false},         {"fetch.wait.max.ms", "100", false},
    {"fetch.error.backoff.ms", "100", false},      {NULL, NULL, false},
};

static const struct kafka_property *own_properties(void)
{
	return rd_kafka_version() < 0x02020000 ? properties + 1 : properties;
}

/* Splits merchant/date/action/method, from the right. Returns whether it has all four. */
static bool split_key(struct slice text, struct slice key[RULE_KEY])
{
	for (int i = RULE_KEY - 1; i > 0; i--) {
		const char *slash = memrchr(text.p, '/', text.n);
		if (!slash)
			return false;
		size_t n = (size_t)(slash - text.p);
		key[i] = (struct slice){slash + 1, text.n - n - 1};
		text.n = n;
	}
	key[0] = text;
	return true;
}

/* Faults */

/* A later message of a key makes up for a bad one. */
static void forgive(struct topic *topic, const rd_kafka_message_t *message)
{
	for (size_t i = topic->faults; i-- > 0;) {
		struct topic_fault *fault = &topic->fault[i];
		if (fault->partition == message->partition && fault->key_n == message->key_len &&
		    memcmp(fault->key, message->key, fault->key_n) == 0) {
			free(fault->key);
			free(fault->complaint);
			*fault = topic->fault[--topic->faults];
		}
	}
}

/* Ends the program: two partitions have a rule of one key. */
_Noreturn static void refuse_rival(const struct topic *topic)
{
	const struct topic_rival *rival = &topic->rival[0];
	const struct slice merchant = dictionary_text(&topic->keys->merchant, rival->key.merchant);
	const struct slice action = dictionary_text(&topic->keys->action, rival->key.action);
	const struct slice method = dictionary_text(&topic->keys->method, rival->key.method);
	struct rule rule = {.line = 0};
	char day[DATE_TEXT];
	date_write(day, rival->key.day);
	rules_find(topic->rules, &rival->key, &rule);
	fail(EX_CONFIG,
	     "%s: key \"%.*s/%s/%.*s/%.*s\" has rule %.*s in partition %" PRIu32 " and %.*s in partition %" PRIu32
	     ": write a tombstone for it to one of the two (kcat -p), then start again",
	     topic->name, merchant.n < 200 ? (int)merchant.n : 200, merchant.p, day, (int)action.n, action.p,
	     (int)method.n, method.p, (int)rule.id.n, rule.id.p, rule.line, (int)rival->rule.id.n, rival->rule.id.p,
	     rival->rule.line);
}

void topic_refuse(const struct topic *topic)
{
	if (topic->faults == 0)
		refuse_rival(topic);
	const struct topic_fault *fault = &topic->fault[0];
	char *more = topic->faults > 1 ? must_format(" (and %zu more)", topic->faults - 1) : must_strdup("");
	fail(EX_CONFIG,
	     "%s/%" PRId32 "/%" PRId64 ": key \"%.*s\": %s%s; write a good rule or a tombstone under that key, then "
	     "start again",
	     topic->name, fault->partition, fault->offset, fault->key_n < 200 ? (int)fault->key_n : 200, fault->key,
	     fault->complaint, more);
}

static void note_fault(struct topic *topic, const rd_kafka_message_t *message)
{
	topic->fault = must_realloc(topic->fault, (topic->faults + 1) * sizeof *topic->fault);
	char *key = must_alloc(message->key_len + 1);
	if (message->key_len)
		memcpy(key, message->key, message->key_len);
	topic->fault[topic->faults++] = (struct topic_fault){message->partition, message->offset, key,
							     ruletext_complaint(&topic->reader), message->key_len};
	/* A message without a key has no successor. */
	if (!message->key || topic->faults > FAULTS_MOST)
		topic_refuse(topic);
}

/* Messages */

static struct topic_rival *rival_of(const struct topic *topic, const struct key *key)
{
	for (size_t i = 0; i < topic->rivals; i++)
		if (memcmp(&topic->rival[i].key, key, sizeof *key) == 0)
			return &topic->rival[i];
	return NULL;
}

static void end_rivalry(struct topic *topic, struct topic_rival *rival)
{
	free((char *)rival->rule.id.p);
	*rival = topic->rival[--topic->rivals];
}

/* Takes a rule from a partition into the table, or where another partition has another one of the key aside. */
static void set_rule(struct topic *topic, const struct key *key, const struct rule *rule)
{
	struct topic_rival *rival = rival_of(topic, key);
	struct rule other;
	if (rival && rival->rule.line == rule->line)
		end_rivalry(topic, rival);
	if (!rules_find(topic->rules, key, &other) || other.line == rule->line || rules_equal(&other, rule)) {
		rules_set(topic->rules, key, rule);
		return;
	}
	topic->rival = must_realloc(topic->rival, (topic->rivals + 1) * sizeof *topic->rival);
	rival = &topic->rival[topic->rivals++];
	*rival = (struct topic_rival){*key, *rule};
	rival->rule.id.p = must_format("%.*s", (int)rule->id.n, rule->id.p);
	if (topic->rivals > FAULTS_MOST)
		topic_refuse(topic);
}

/* A tombstone takes away its own partition's rule: one elsewhere stays. */
static void remove_rule(struct topic *topic, const struct slice key[RULE_KEY], date_day day, int32_t partition)
{
	struct key_texts texts = {key[RULE_MERCHANT_NUMBER], key[RULE_PAYMENT_ACTION_TYPE],
				  key[RULE_PAYMENT_METHOD_TYPE]};
	struct key numbers = keys_find(topic->keys, texts, day);
	struct topic_rival *rival = rival_of(topic, &numbers);
	struct rule rule;
	if (rival && rival->rule.line == (uint32_t)partition) {
		end_rivalry(topic, rival);
	} else if (rules_find(topic->rules, &numbers, &rule) && rule.line == (uint32_t)partition) {
		rules_remove(topic->rules, &numbers);
		if (rival) {
			rules_set(topic->rules, &numbers, &rival->rule);
			end_rivalry(topic, rival);
		}
	}
}

/* Takes a message into the table. Returns false with the reader's fault where it is bad. */
static bool take_rule(struct topic *topic, const rd_kafka_message_t *message)
{
	struct ruletext *reader = &topic->reader;
	struct slice key[RULE_KEY], text = {message->key, message->key_len};
	struct keyed_rule keyed;
	if (!text.p)
		return ruletext_fault(reader, "a message without a key", (struct slice){0}, "a rule has one");
	bool whole =
	    split_key(text, key) && key[RULE_MERCHANT_NUMBER].n && date_read(key[RULE_PAYMENT_DATE], &keyed.day);
	if (!message->payload) { /* of any key, so that a bad rule can be taken away */
		if (whole)
			remove_rule(topic, key, keyed.day, message->partition);
		return true;
	}
	if (!whole)
		return ruletext_fault(reader, "its key is not merchant/YYYY-MM-DD/action/method", (struct slice){0},
				      "a rule's is");
	if (!ruletext_object(reader, (struct slice){message->payload, message->len}, key, &keyed))
		return false;
	struct key numbers = keys_add(topic->keys, keyed.texts, keyed.day);
	keyed.rule.line = (uint32_t)message->partition;
	set_rule(topic, &numbers, &keyed.rule);
	return true;
}

static void reached(struct topic *topic, int32_t partition)
{
	if (topic->end[partition] == TOPIC_READ)
		return;
	topic->end[partition] = TOPIC_READ;
	topic->unread--;
}

static void take(struct topic *topic, const rd_kafka_message_t *message)
{
	switch (message->err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		topic->kafka.down = 0;
		if (topic->faults && message->key)
			forgive(topic, message);
		if (!take_rule(topic, message))
			note_fault(topic, message);
		/* Also behind the end: the message before it may have been compacted away. */
		if (topic->end[message->partition] <= message->offset + 1)
			reached(topic, message->partition);
		break;
	case RD_KAFKA_RESP_ERR__PARTITION_EOF:
		topic->kafka.down = 0;
		reached(topic, message->partition);
		break;
	/* Connections come back by themselves. */
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
	case RD_KAFKA_RESP_ERR__RESOLVE: break;
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
		fail(EX_TEMPFAIL, "%s/%" PRId32 ": the topic was cut or made anew while it was read: start again",
		     topic->name, message->partition);
	default: kafka_fail(&topic->kafka, message->err, "%s/%" PRId32, topic->name, message->partition);
	}
}

/* Takes what is in the queue, waiting that long for a batch; returns how many messages and events it was. */
static size_t take_batch(struct topic *topic, int wait_ms)
{
	rd_kafka_message_t *batch[BATCH];
	ssize_t n = rd_kafka_consume_batch_queue(topic->queue, wait_ms, batch, BATCH);
	if (n < 0)
		kafka_fail(&topic->kafka, rd_kafka_last_error(), "%s", topic->name);
	for (ssize_t i = 0; i < n; i++) {
		take(topic, batch[i]);
		rd_kafka_message_destroy(batch[i]);
	}
	return (size_t)n;
}

static void on_news(rd_kafka_t *client, void *self)
{
	struct topic *topic = self;
	(void)client;
	atomic_store_explicit(&topic->news, true, memory_order_release);
}

/* Reading */

/* The end of a partition: of what is committed, as the client is read_committed. */
static int64_t ask_end(struct topic *topic, int32_t partition)
{
	return kafka_offset(&topic->kafka, topic->name, partition, RD_KAFKA_OFFSET_END);
}

static void start(struct topic *topic, rd_kafka_topic_t *handle)
{
	topic->queue = rd_kafka_queue_new(topic->kafka.client);
	topic->end = must_alloc((size_t)topic->partitions * sizeof *topic->end);
	topic->unread = topic->partitions;
	for (int32_t i = 0; i < topic->partitions; i++)
		topic->end[i] = ask_end(topic, i);
	for (int32_t i = 0; i < topic->partitions; i++)
		if (rd_kafka_consume_start_queue(handle, i, RD_KAFKA_OFFSET_BEGINNING, topic->queue) != 0)
			kafka_fail(&topic->kafka, rd_kafka_last_error(), "%s/%" PRId32, topic->name, i);
}

static void read_to_end(struct topic *topic)
{
	double heard = stats_clock();
	while (topic->unread > 0) {
		double now = stats_clock();
		size_t n = take_batch(topic, WAIT_MS);
		if (n > 0)
			heard = now;
		/* librdkafka before 2.2 looks a second later whether a queue that was full has room again, or when an
		 * answer comes in: so it gets one. */
		if (n < BATCH && topic->unread > 0)
			ask_end(topic, 0);
		kafka_serve(&topic->kafka, 0);
		bool down = topic->kafka.down != 0 && now - topic->kafka.down > KAFKA_FIRST_ANSWER_MS / 1e3;
		if (down || now - heard > SILENCE_S)
			kafka_fail(&topic->kafka, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
				   "topic %s: nothing comes any more", topic->name);
	}
	if (topic->faults || topic->rivals)
		topic_refuse(topic);
}

void topic_open(struct topic *topic, const struct settings *settings, const char *name, struct rules *rules,
		struct keys *keys, const struct calendar *calendar)
{
	*topic = (struct topic){.name = name, .rules = rules, .keys = keys};
	ruletext_init(&topic->reader, calendar);
	kafka_configure(&topic->kafka, settings, own_properties());
	kafka_open(&topic->kafka, RD_KAFKA_CONSUMER);
	rd_kafka_topic_t *handle = rd_kafka_topic_new(topic->kafka.client, name, NULL);
	if (!handle)
		kafka_fail(&topic->kafka, rd_kafka_last_error(), "topic %s", name);
	const struct rd_kafka_metadata *metadata = kafka_topic(&topic->kafka, name, false);
	topic->partitions = metadata->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(metadata);
	start(topic, handle);
	rd_kafka_topic_destroy(handle);
	read_to_end(topic);
	rd_kafka_queue_cb_event_enable(topic->queue, on_news, topic);
	topic->news = true; /* what came between the last batch and now */
}

bool topic_follow(struct topic *topic)
{
	atomic_store_explicit(&topic->news, false, memory_order_release);
	while (take_batch(topic, 0) > 0)
		continue;
	kafka_serve(&topic->kafka, 0);
	return topic->faults == 0 && topic->rivals == 0;
}

void topic_serve(struct topic *topic)
{
	enum { SOME_SECONDS = 3 };
	double down = topic->kafka.down;
	kafka_serve(&topic->kafka, 0);
	if (topic->away == 0 && down != 0 && stats_clock() - down >= SOME_SECONDS) {
		topic->away = down;
		warn("topic %s: no broker answers (%s): rules are not followed, those that were read count",
		     topic->name, topic->kafka.trouble);
	} else if (topic->away != 0 && down == 0) {
		warn("topic %s: a broker answers again, after %.0f s", topic->name, stats_clock() - topic->away);
		topic->away = 0;
	}
}

void topic_close(struct topic *topic)
{
	rd_kafka_queue_cb_event_enable(topic->queue, NULL, NULL);
	rd_kafka_queue_destroy(topic->queue);
	kafka_close(&topic->kafka);
	ruletext_free(&topic->reader);
	for (size_t i = 0; i < topic->faults; i++) {
		free(topic->fault[i].key);
		free(topic->fault[i].complaint);
	}
	free(topic->fault);
	while (topic->rivals > 0)
		end_rivalry(topic, &topic->rival[0]);
	free(topic->rival);
	free(topic->end);
}
