/* envelope: a line of kcat -J, that holds a Kafka message: topic, partition, offset, ts, headers, key, payload. */
#ifndef PAYPIPE_ENVELOPE_H
#define PAYPIPE_ENVELOPE_H

#include <stdbool.h>

#include "delivery.h"
#include "message.h"
#include "record.h"

struct envelopes {
	struct names names;
	struct record record;
	int topic, partition, offset, ts, headers, key, payload;
	struct message_reader reader;
	struct coordinates at; /* of the message at hand */
	struct scratch topic_text, source, value, header_text;
};

void envelopes_init(struct envelopes *envelopes, struct message_with with);
void envelopes_free(struct envelopes *envelopes);

/* Whether a line is an envelope, or the beginning of one. p as record_read asks. */
bool envelope_is(struct envelopes *envelopes, const char *p);

/* Delivers the message in the line at p (as record_read asks), or the line as a bad record. source: the line's own
 * coordinates as a JSON string, for an envelope without. Returns the line feed. */
const char *envelope_deliver(struct envelopes *envelopes, struct delivery *delivery, const char *p,
			     struct slice source);

#endif
