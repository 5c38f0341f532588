/* topic: the topic that is written, and what became of the messages for it. */
#ifndef PAYPIPE_PRODUCE_TOPIC_H
#define PAYPIPE_PRODUCE_TOPIC_H

#include "kafka.h"
#include "message.h"

enum { TOPIC_PLACES = 3 }; /* how many of the messages that failed are named */

struct topic {
	struct kafka kafka;
	const char *name;
	uint64_t sent, acknowledged, failed;
	rd_kafka_resp_err_t error; /* the first that befell a message or the client; 0: none */
	/* the rest is its own */
	rd_kafka_topic_t *handle;
	char why[256]; /* text of the error */
	char places[TOPIC_PLACES][MESSAGE_PLACE];
	bool told; /* that the cluster does not answer */
};

/* Makes the client; own are properties beside those that every producer has here: all replicas acknowledge, idempotent,
 * Java's partitioner, a queue of bounded memory. Does not wait for the cluster. Errors end the program as
 * kafka_configure and kafka_open do. */
void topic_open(struct topic *topic, const struct settings *settings, const char *name,
		const struct kafka_property *own);

/* Finds out whether properties go together and the topic answers, as topic_open and topic_check do, but never makes the
 * topic. */
void topic_probe(const struct settings *settings, const char *name);

/* Waits until the topic answers, or ends the program with 69; see kafka_topic. */
void topic_check(struct topic *topic);

/* Hands a message to the client; while its queue is full, waits and serves reports. Returns 0, or topic->error once
 * there is one. */
rd_kafka_resp_err_t topic_send(struct topic *topic, const struct message *message);

/* Waits until each message is acknowledged or has failed; the latter in message.timeout.ms. Returns topic->error. */
rd_kafka_resp_err_t topic_wait(struct topic *topic);

/* Keeps an error and its text, or advice that is better, unless there was one before. */
void topic_note_error(struct topic *topic, rd_kafka_resp_err_t error, const char *why);

/* Serves reports without waiting, and says when the cluster is gone and is back. */
void topic_serve(struct topic *topic);

/* "3 of 10 records are not acknowledged by topic totals, first a/0/1: why" into text. Ends nothing. */
enum { TOPIC_LOSS = 2048 };
void topic_loss(const struct topic *topic, char text[TOPIC_LOSS]);

/* Gives the client back; messages that are not sent yet are forgotten. */
void topic_close(struct topic *topic);

#endif
