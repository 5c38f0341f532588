/* publisher: writes found rules to the topic of rules, as topic.h reads them. */
#ifndef PAYPIPE_RULE_PUBLISHER_H
#define PAYPIPE_RULE_PUBLISHER_H

#include "kafka.h"
#include "pins.h"

/* The members are its own. */
struct publisher {
	struct kafka kafka;
	const char *name;
	size_t sent, acknowledged; /* messages */
	bool left_out;             /* it was said that some rules are not published */
	struct scratch key, value;
};

/* Makes a producer for a topic that is there. */
void publisher_open(struct publisher *publisher, const struct settings *settings, const char *name);

/* Sends a rule, unless topic.h could not read its key; waits only where librdkafka's queue is full. */
void publisher_send(struct publisher *publisher, const struct pin_key *key, const struct rule *rule);

/* Waits until all that was sent is acknowledged by all replicas; a message that was not ends the program (69, or what
 * kafka_status says). */
void publisher_flush(struct publisher *publisher);

void publisher_close(struct publisher *publisher);

#endif
