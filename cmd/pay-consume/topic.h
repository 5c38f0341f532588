/* topic: Kafka topics as a source. Partitions are assigned, never by a group's rebalance; where each begins is known
 * before the first is read. */
#ifndef PAYPIPE_TOPIC_H
#define PAYPIPE_TOPIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kafka.h"
#include "message.h"
#include "position.h"
#include "prefix.h"
#include "sinks.h"
#include "source.h"
#include "trace.h"

enum topic_until {
	TOPIC_NEVER, /* follow it */
	TOPIC_END,   /* what is committed when reading starts */
	TOPIC_FINISH /* a FINISH of each channel on each partition */
};

/* What is asked of the topics. */
struct topic_wish {
	const char *names;      /* with commas between */
	const char *partitions; /* "0,2-3"; NULL: all */
	struct position from, to;
	bool bounded; /* `to` was given */
	enum topic_until until;
	const char *channels; /* whose FINISH counts, with commas between */
	const char *group;    /* NULL: none */
	struct message_with with;
	const char **resume; /* sinks whose cover is gone on from, see sinks.h */
	size_t resume_n;
	bool allow_gap;
	double patience; /* seconds without any broker before the program ends */
};

/* A message that was read, by which the topic is known to be the one that it was: a topic that is deleted and made anew
 * under the same name has another message at that offset, or none. Asked for again where reading begins behind it,
 * before a message is taken after a silence, and now and then. */
struct witness {
	int64_t offset; /* -1: there is none */
	uint64_t hash;
	bool asked;    /* it is on its way once more */
	bool missing;  /* where reading was to go on is not there */
	int misses;    /* how often that was, without a message between */
	double looked; /* stats_clock() when it was asked for last */
};

struct topic_partition {
	const char *topic;
	int32_t number;
	rd_kafka_topic_t *handle;
	int64_t low, high; /* offsets that are there, when reading starts: [low, high) */
	int64_t start;     /* the first to deliver */
	int64_t end;       /* the first not to read; INT64_MAX: there is none */
	int64_t known;     /* covered up to here, as last said */
	int64_t next;      /* covered up to here */
	uint64_t outside;  /* messages outside the time range since `next` */
	bool announced;    /* a mark has said where it begins */
	bool done;
	bool at_end;  /* of what there is for now */
	double quiet; /* at_end: stats_clock() since when */
	double held;  /* stats_clock() since when an open transaction holds the end back; 0: none does */
	bool held_said;
	struct trace trace;
	struct witness witness;
	struct prefix prefix;
};

struct topic {
	char *name;
	rd_kafka_topic_t *handle;
	struct topic_partition **at; /* by number; NULL: it is not read */
	int32_t n;
	struct topic_past *past; /* by sink; see begin.c */
};

struct topics {
	const struct topic_wish *wish;
	struct kafka kafka;
	struct sinks sinks;
	struct topic_partition *partition; /* all that are read */
	size_t nudged;                     /* the last partition that was asked for */
	size_t n, left;                    /* left: not done yet */
	struct topic *topic;
	size_t topics_n;
	int64_t day; /* until FINISH: how many days each channel of each partition shall have closed */
	/* while it is read */
	rd_kafka_queue_t *queue;
	struct delivery *delivery;
	struct message_reader reader;
	struct scratch key, headers;
	char ts[24];
	double empty;     /* stats_clock() when there was nothing to read last */
	double counted;   /* stats_clock() when the partitions were counted */
	double asked;     /* stats_clock() of the last question whether a broker is back */
	double committed; /* stats_clock() of the last commit of the group */
	struct {
		double looked; /* stats_clock() */
		bool away;     /* it was said that no broker answers */
		char *finish;  /* whose FINISH was said to be missing; allocated */
	} waiting;
	size_t witness; /* the last partition whose witness was looked after */
};

/* Connects, and finds where each partition begins and ends. Ends the program with 69 where cluster, topic, partition
 * or permission are missing, with 76 where offsets that a database or the group wants are not there any more (or not
 * yet: the topic was made anew). wish is the caller's and stays. */
struct topics *topics_find(const struct topic_wish *wish, const struct settings *settings);

struct source topics_source(struct topics *topics);

/* After a clean end, all that was read having left standard output: commits the group's offsets. With databases to
 * resume from these are what all of them hold, and the sinks have a few seconds to come to the end. */
void topics_commit_last(struct topics *topics);

/* Ends the program with 64 where the lists of topics and channels hold what cannot be waited for: a name twice, none,
 * too many. */
void topics_check(const struct topic_wish *wish);

/* Writes a table of topics (all but the cluster's own where none is named), partitions, offsets, and where a group is,
 * to standard output. */
void topics_list(const struct topic_wish *wish, const struct settings *settings);

/* For topic.c and list.c: makes the client. */
void topics_connect(struct topics *topics, const struct settings *settings);

/* For list.c and begin.c: the offsets of a partition that are there, [low, high), as a reader of committed messages
 * sees them. No answer ends the program. */
void topics_watermarks(struct topics *topics, const char *topic, int32_t number, int64_t *low, int64_t *high);

/* For topic.c: where each partition begins (begin.c), and one that was added while its topic is read. */
void topics_begin(struct topics *topics);
void topics_begin_added(struct topics *topics, struct topic_partition *partition);
/* For begin.c: the topic of a handle. */
struct topic *topics_of(struct topics *topics, const rd_kafka_topic_t *handle);

/* For topic.c: the witnesses (witness.c). */
/* Where reading starts, so that the partition's witness comes first; makes the last message before its start one where
 * nothing is known of it. */
int64_t witness_begin(struct topic_partition *partition);
/* A message that has come, before anything is done with it. Returns whether it may be taken; if not, it comes again
 * behind the witness. Another message in its place ends the program with 76. */
bool witness_passes(struct topics *topics, struct topic_partition *partition, const rd_kafka_message_t *message);
/* The partition was read to its end, which is at that offset. One before what was read ends the program with 76. */
void witness_end(struct topics *topics, const struct topic_partition *partition, int64_t offset);
/* While reading: asks for one now and then, and goes on where retention has taken one; what is not read yet and gone
 * ends the program with 76. */
void witness_tick(struct topics *topics);

/* For topic.c: says what reading waits for, once that takes some seconds, and when it has come (waiting.c). */
void waiting_tick(struct topics *topics);
/* A broker answers again, after none did since kafka.down. */
void waiting_back(struct topics *topics);
void waiting_free(struct topics *topics);

/* For topic.c and begin.c: the group (group.c). */
/* Where the group is in a partition; false when it is nowhere. */
bool group_committed(struct topics *topics, const char *topic, int32_t partition, struct sink_cover *to);
/* While reading: commits now and then what all sinks hold, where there are sinks to go on from. */
void group_tick(struct topics *topics);

#endif
