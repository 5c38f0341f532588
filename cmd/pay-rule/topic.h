/* topic: payout rules as a global table: a compacted topic, read to its end, then followed.
 *
 * A message's key is merchant/date/action/method (a merchant may have slashes of its own), its value a JSON object as
 * ruletext.h reads it; no value is a tombstone. A bad message ends the program with 78, naming topic/partition/offset,
 * unless a later one of its key (a good rule or a tombstone) has taken its place by the time all is read. Nothing says
 * which of two messages in different partitions is the later one (their times may be anybody's), and compaction may
 * leave either: two rules of one key that differ are bad too, until one partition has a tombstone. */
#ifndef PAYPIPE_RULE_TOPIC_H
#define PAYPIPE_RULE_TOPIC_H

#include <stdatomic.h>
#include <stdbool.h>

#include "calendar.h"
#include "kafka.h"
#include "rules.h"
#include "ruletext.h"

/* A bad message whose key no later one has had yet. */
struct topic_fault {
	int32_t partition;
	int64_t offset;
	char *key, *complaint; /* allocated */
	size_t key_n;
};

/* A rule of a key that another partition has another rule of. */
struct topic_rival {
	struct key key;
	struct rule rule; /* its id allocated; line: its partition */
};

/* The members are its own. */
struct topic {
	struct kafka kafka;
	const char *name;
	rd_kafka_queue_t *queue;
	struct rules *rules;
	struct keys *keys;
	struct ruletext reader;
	int64_t *end; /* by partition: its end when reading began; TOPIC_READ once it was reached */
	int partitions, unread;
	struct topic_fault *fault;
	size_t faults;
	double away; /* stats_clock() since when it was said that no broker answers; 0: it was not */
	struct topic_rival *rival;
	size_t rivals;
	atomic_bool news; /* set by librdkafka's threads: there is something in the queue */
};

/* Reads all rules of a topic into a table. No cluster, topic or permission: 69 within 10 s. */
void topic_open(struct topic *topic, const struct settings *settings, const char *name, struct rules *rules,
		struct keys *keys, const struct calendar *calendar);

/* Takes what has come since into the table; waits for nothing. Returns false where a bad message is left: then what was
 * dated before is to be written, and topic_refuse called. */
bool topic_follow(struct topic *topic);

/* Ends the program with 78 and the first bad message. */
_Noreturn void topic_refuse(const struct topic *topic);

/* Whether something has come. Cheap enough for every record. */
static inline bool topic_has_news(struct topic *topic)
{
	return atomic_load_explicit(&topic->news, memory_order_acquire);
}

/* Serves what is said of brokers; says once when none answers for some seconds, so that rules are not followed, and
 * when they are again. */
void topic_serve(struct topic *topic);

void topic_close(struct topic *topic);

#endif
