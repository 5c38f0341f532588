/* envelope: a line that holds a Kafka message: of kcat -J with topic, partition, offset, ts, headers, key and payload;
 * or of rpk and the like, which call the payload value and the time timestamp. Key, time and headers are looked at only
 * where they are asked for: else they may be anything. */
#ifndef PAYPIPE_ENVELOPE_H
#define PAYPIPE_ENVELOPE_H

#include <stdbool.h>

#include "delivery.h"
#include "message.h"
#include "record.h"

struct envelopes {
	struct names names;
	struct record record;
	int topic, partition, offset, payload, value;
	int ts, timestamp, headers, key; /* NAME_NONE: not asked for */
	struct message_reader reader;
	struct slice file;     /* the name of the file that they stand in; empty: none */
	struct coordinates at; /* of the message at hand */
	struct members header;
	struct scratch topic_text, source, value_text, header_text, line;
};

void envelopes_init(struct envelopes *envelopes, struct message_with with);
void envelopes_free(struct envelopes *envelopes);

/* Whether a line is an envelope, or the beginning of one. p as record_read asks. */
bool envelope_is(struct envelopes *envelopes, const char *p);

/* Delivers the message in the line at p (as record_read asks), or the line as a bad record; ends the program with 76
 * where its topic has the name of the file, whose cover, by lines, would be taken for the topic's. source: the line's
 * own coordinates as a JSON string, for an envelope without; cut: it had no line feed of its own. Returns the line
 * feed. */
const char *envelope_deliver(struct envelopes *envelopes, struct delivery *delivery, const char *p, struct slice source,
			     bool cut);

#endif
