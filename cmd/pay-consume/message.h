/* message: a Kafka message and how it becomes a record of the stream. */
#ifndef PAYPIPE_MESSAGE_H
#define PAYPIPE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "delivery.h"
#include "record.h"
#include "slice.h"

/* Which of a message's further parts become members (--with). */
struct message_with {
	bool key, ts, headers;
};

struct message {
	struct slice source;           /* its coordinates as a JSON string with quotes */
	struct slice key, ts, headers; /* JSON texts; empty: it has none, which is written as null */
	bool key_base64;               /* the key was not UTF-8: for dead letters alone */
	struct slice value;
	struct slice raw; /* what a dead letter keeps of it */
};

/* Reads messages' values; the caller's. After message_deliver, record holds the value's members. */
struct message_reader {
	struct names names;
	struct record record;
	struct message_with with;
	int channel, action, data; /* names of members */
	struct scratch decoded;
};

void message_reader_init(struct message_reader *reader, struct message_with with);
void message_reader_free(struct message_reader *reader);

/* Reads "key,ts,headers" or a part of it; false: another word is in it. */
bool message_with_read(struct message_with *with, const char *list);

/* Delivers a message: an object without members of the toolkit's own, its coordinates and what else is wanted put in
 * front; line feeds between its tokens become spaces. Returns NULL: the reader's record is then valid until more is
 * written to delivery. Another value is not delivered: returns why it is bad, valid until the next call. */
const char *message_deliver(struct message_reader *reader, struct delivery *delivery, const struct message *message);

/* Delivers a message as bad, with its key. */
void message_bad(struct delivery *delivery, const struct message *message, const char *reason);

/* Whether the record that message_deliver delivered closes its partition's day for its channel: action FINISH, a
 * channel, and no data, as pay-tobase takes it. channel gets its text, valid until the next call. */
bool message_finish(struct message_reader *reader, struct slice *channel);

#endif
