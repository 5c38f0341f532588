#include "topic.h"

#include <stdio.h>

#include "fail.h"

enum { SERVE_MS = 100, SERVE_EVERY = 64 };

/* The queue's limits hold memory: each message costs a few hundred bytes beside its own. */
static const struct kafka_property producer[] = {
    {"enable.idempotence", "true", true},           {"acks", "all", true},
    {"request.required.acks", "all", true},         {"delivery.report.only.error", "false", true},
    {"partitioner", "murmur2_random", false},       {"queue.buffering.max.messages", "50000", false},
    {"queue.buffering.max.kbytes", "32768", false},
};
enum { PRODUCER = sizeof producer / sizeof *producer, OWN_MAX = 8 };

void topic_note_error(struct topic *topic, rd_kafka_resp_err_t error, const char *why)
{
	if (topic->error)
		return;
	/* The broker's word is for a whole batch; message_read has seen to the limit here. */
	if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
		why = "it takes less than message.max.bytes allows here; give its max.message.bytes by"
		      " -X message.max.bytes=N";
	topic->error = error;
	snprintf(topic->why, sizeof topic->why, "%s", why);
}

static void on_fatal(void *self, rd_kafka_resp_err_t error, const char *why)
{
	topic_note_error(self, error, why);
}

static void on_report(rd_kafka_t *client, const rd_kafka_message_t *report, void *self)
{
	struct kafka *kafka = self;
	struct topic *topic = kafka->self;
	(void)client;
	if (!report->err) {
		topic->acknowledged++;
		kafka->down = 0;
		return;
	}
	if (topic->failed < TOPIC_PLACES)
		message_place(topic->places[topic->failed], report);
	topic->failed++;
	topic_note_error(topic, report->err, rd_kafka_err2str(report->err));
}

/* Gets the properties of a producer ready, `own` beside those of all. */
static void configure(struct kafka *kafka, const struct settings *settings, const struct kafka_property *own)
{
	struct kafka_property all[PRODUCER + OWN_MAX + 1] = {0};
	size_t n = PRODUCER;
	memcpy(all, producer, sizeof producer);
	for (; own->name && n < PRODUCER + OWN_MAX; own++)
		all[n++] = *own;
	kafka_configure(kafka, settings, all);
}

void topic_open(struct topic *topic, const struct settings *settings, const char *name,
		const struct kafka_property *own)
{
	*topic = (struct topic){.name = name};
	configure(&topic->kafka, settings, own);
	topic->kafka.fatal = on_fatal;
	topic->kafka.self = topic;
	rd_kafka_conf_set_dr_msg_cb(topic->kafka.conf, on_report);
	kafka_open(&topic->kafka, RD_KAFKA_PRODUCER);
	topic->handle = rd_kafka_topic_new(topic->kafka.client, name, NULL);
	if (!topic->handle)
		kafka_fail(&topic->kafka, rd_kafka_last_error(), "topic %s", name);
}

void topic_probe(const struct settings *settings, const char *name)
{
	static const struct kafka_property none[] = {{0}};
	static const struct kafka_property reader[] = {{"allow.auto.create.topics", "false", true}, {0}};
	struct kafka kafka;
	configure(&kafka, settings, none);
	kafka_open(&kafka, RD_KAFKA_PRODUCER);
	kafka_close(&kafka);
	/* A producer that asks for a topic makes it. */
	kafka_configure(&kafka, settings, reader);
	kafka_open(&kafka, RD_KAFKA_CONSUMER);
	rd_kafka_metadata_destroy(kafka_topic(&kafka, name, false));
	kafka_close(&kafka);
}

void topic_check(struct topic *topic)
{
	rd_kafka_metadata_destroy(kafka_topic(&topic->kafka, topic->name, true));
}

static void serve(struct topic *topic, int milliseconds)
{
	struct kafka *kafka = &topic->kafka;
	kafka_serve(kafka, milliseconds);
	if (topic->told == (kafka->down > 0))
		return;
	topic->told = kafka->down > 0;
	if (topic->told)
		warn("the cluster does not answer, waiting (%s)", kafka->trouble);
	else
		warn("the cluster answers again");
}

void topic_serve(struct topic *topic)
{
	serve(topic, 0);
}

rd_kafka_resp_err_t topic_send(struct topic *topic, const struct message *message)
{
	rd_kafka_resp_err_t error;
	for (;;) {
		if (topic->sent % SERVE_EVERY == 0)
			serve(topic, 0);
		if (topic->error)
			return topic->error;
		error = message_produce(message, topic->kafka.client, topic->handle);
		if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			break;
		serve(topic, SERVE_MS);
	}
	if (error)
		topic_note_error(topic, error, rd_kafka_err2str(error));
	else
		topic->sent++;
	return error;
}

rd_kafka_resp_err_t topic_wait(struct topic *topic)
{
	/* A flush sends at once what waits for company. After a fatal error nothing is sent any more. */
	while (rd_kafka_outq_len(topic->kafka.client) > 0 &&
	       rd_kafka_fatal_error(topic->kafka.client, NULL, 0) == RD_KAFKA_RESP_ERR_NO_ERROR) {
		rd_kafka_flush(topic->kafka.client, SERVE_MS);
		serve(topic, 0);
	}
	serve(topic, 0);
	return topic->error;
}

void topic_loss(const struct topic *topic, char text[TOPIC_LOSS])
{
	int n = snprintf(text, TOPIC_LOSS, "topic %s: %llu of %llu records are not acknowledged", topic->name,
			 (unsigned long long)(topic->sent - topic->acknowledged), (unsigned long long)topic->sent);
	for (uint64_t i = 0; i < topic->failed && i < TOPIC_PLACES; i++)
		n += snprintf(text + n, (size_t)(TOPIC_LOSS - n), "%s%s", i == 0 ? ", first " : ", ", topic->places[i]);
	if (topic->error)
		snprintf(text + n, (size_t)(TOPIC_LOSS - n), ": %s%s%s%s", topic->why,
			 topic->kafka.trouble[0] ? " (" : "", topic->kafka.trouble, topic->kafka.trouble[0] ? ")" : "");
}

void topic_close(struct topic *topic)
{
	rd_kafka_purge(topic->kafka.client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_topic_destroy(topic->handle);
	kafka_close(&topic->kafka);
}
