/* transaction: a segment of the stream as one Kafka transaction, which also carries the offsets that the segment
 * covers.
 *
 * What was delivered is decided by the group's committed offsets and nothing else. They are read after
 * init_transactions, which fences every older producer of the same id and settles its open transaction; so what they
 * say holds until this producer commits, or is fenced itself and ends. */
#ifndef PAYPIPE_PRODUCE_TRANSACTION_H
#define PAYPIPE_PRODUCE_TRANSACTION_H

#include "mark.h"
#include "topic.h"

struct transaction {
	const struct settings *settings;
	const char *topic_name, *id, *group;
	bool allow_gap;
	struct topic topic;
	size_t kept_n; /* messages of the segment, not committed yet */
	/* the rest is its own */
	bool open;    /* a transaction is begun */
	int attempts; /* at the segment, that failed */
	double alive; /* stats_clock() when all offsets are to be committed again */
	struct kafka reader;
	rd_kafka_consumer_group_metadata_t *metadata;
	struct position *position; /* per source partition, in the order they were met */
	size_t position_n, position_capacity;
	struct kept *kept;
	size_t kept_capacity;
	char *bytes; /* their parts */
	size_t bytes_n, bytes_capacity;
};

/* Connects, waits until the topic answers and fences older instances of `id`. Errors end the program: 69 where the
 * cluster or a permission is missing. The strings stay the caller's. */
void transaction_open(struct transaction *transaction, const struct settings *settings, const char *topic,
		      const char *id, const char *group, bool allow_gap);

/* Keeps a message of the segment; coordinates are those of its record, NULL where it has none. */
void transaction_keep(struct transaction *transaction, const struct message *message,
		      const struct coordinates *coordinates);

/* The end of a segment: delivers what the committed offsets do not hold yet. Returns how many messages they did hold. A
 * gap ends the program with 76, as does another instance that has taken over; what does not pass by trying again ends
 * it by kafka_status. */
uint64_t transaction_segment(struct transaction *transaction, const struct mark *mark);

/* To be called before a wait for input: commits the offsets again when that is due, so that none expires however long
 * nothing comes. Returns in how many milliseconds it wants to be called again, negative: when more has come. */
int transaction_idle(struct transaction *transaction);

/* Aborts what is open, if the cluster answers soon, so that readers need not wait for its time-out. */
void transaction_abandon(struct transaction *transaction);

/* Gives all back. */
void transaction_close(struct transaction *transaction);

#endif
