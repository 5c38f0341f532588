/* message: a record as a message of a topic: key, value, headers and time. */
#ifndef PAYPIPE_PRODUCE_MESSAGE_H
#define PAYPIPE_PRODUCE_MESSAGE_H

#include <librdkafka/rdkafka.h>

#include "key.h"
#include "stream.h"

struct message {
	struct slice key;     /* .p NULL: none */
	struct slice value;   /* JSON */
	struct slice headers; /* packed, for message_produce alone */
	int64_t time;         /* ms since 1970; 0: when it is sent */
	uint64_t line;        /* of the input */
};

/* How messages are made. Zero-initialise, then messages_open. */
struct messages {
	bool envelope;
	size_t largest; /* message.max.bytes */
	struct key key;
	int headers, time; /* the names `_headers` and `_ts` */
	struct scratch value, packed, decoded;
	char fault[128];
};

/* Gets ready: registers names; key is --key's argument or NULL, envelope whether values keep reserved members. */
void messages_open(struct messages *messages, const char *key, bool envelope, struct names *names);

/* Takes the largest size of a message from the client's properties. */
void messages_limit(struct messages *messages, rd_kafka_t *client);

/* A record as a message, or a dead letter, which has no members for a key and goes as it is. Slices are valid until the
 * next call or the next line. Returns NULL, or why the record is bad (a text as key_read's). */
const char *message_read(struct messages *messages, const struct stream *stream, const struct record *record,
			 struct message *to);

/* Hands a copy of the message to the client, with the line as its opaque. Returns 0, or RD_KAFKA_RESP_ERR__QUEUE_FULL
 * where reports must be served first, or another error. */
rd_kafka_resp_err_t message_produce(const struct message *message, rd_kafka_t *client, rd_kafka_topic_t *topic);

/* Where a message of a delivery report came from: "payment/0/12", or "line 13" of the input, in `to`. */
enum { MESSAGE_PLACE = 160 };
void message_place(char to[MESSAGE_PLACE], const rd_kafka_message_t *report);

#endif
