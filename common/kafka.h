/* kafka: a client of a Kafka cluster on librdkafka: whose properties it has, what its errors mean for us. */
#ifndef PAYPIPE_KAFKA_H
#define PAYPIPE_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "options.h"

enum {
	KAFKA_FIRST_ANSWER_MS = 8000
}; /* how long a cluster may take to answer at the start, so that 69 comes in 10 s */

/* A property that a program sets. The table ends with an entry without a name. */
struct kafka_property {
	const char *name, *value;
	bool fixed; /* the user may not set it: exactness depends on it */
};

struct kafka {
	rd_kafka_t *client; /* NULL before kafka_open */
	/* Set by a program that has more to say of a fatal error; called by kafka_serve. NULL: it ends the program. */
	void (*fatal)(void *self, rd_kafka_resp_err_t error, const char *why);
	void *self; /* what callbacks that a program sets find by their opaque, the struct kafka */
	/* the rest is its own */
	rd_kafka_conf_t *conf;
	bool debugging;    /* the user set `debug`: what librdkafka logs is written to standard error */
	char trouble[512]; /* the last that was said of connections, or what names a property to set; "" when nothing */
	double down;       /* stats_clock() since when no broker answers; 0: one does */
	bool doubted;      /* a connection has failed since whoever clears this last found the cluster well */
};

/* Whether the command line names a cluster (-b, or a property that does). */
bool kafka_named(const struct settings *settings);

/* The properties of a client: the program's own, then the user's -b, -X and -F in their order. An unknown property, a
 * bad value, or one that is fixed ends the program with 64, in a file with 78 and file:line; a file that cannot be read
 * with 66 or 77. Values are never shown, they may be secrets. An own property that is fixed and empty may not be set.
 */
void kafka_configure(struct kafka *kafka, const struct settings *settings, const struct kafka_property *own);

/* Makes the client, which connects by itself. Properties that do not go together end the program with 78. */
void kafka_open(struct kafka *kafka, rd_kafka_type_t type);

/* Gives the client back; waits for nothing but its threads. */
void kafka_close(struct kafka *kafka);

/* Serves what librdkafka has to say of the cluster, for up to `milliseconds`: kafka->down and trouble. A fatal error
 * ends the program. */
void kafka_serve(struct kafka *kafka, int milliseconds);

/* Metadata of one topic, to be given back by rd_kafka_metadata_destroy. No answer within KAFKA_FIRST_ANSWER_MS, no such
 * topic, or no permission ends the program with 69. With `make`, a topic that is not there yet is waited for that long:
 * the cluster may make it because it was asked for. */
const struct rd_kafka_metadata *kafka_topic(struct kafka *kafka, const char *topic, bool make);

/* The sysexits status of an error: 69 where cluster, topic or permission are missing, 76 where another instance has
 * taken over (fenced) or offsets are out of the log's range, 65 for a message that is too large, 75 where trying again
 * helps, 70 where we called it wrongly. */
int kafka_status(rd_kafka_resp_err_t error);

/* Whether an error passes by itself: a leader or coordinator that moves, a broker that comes back. */
bool kafka_passes(rd_kafka_resp_err_t error);

/* To be called after a question that ended with an error, until it returns false: pauses and returns whether the error
 * passes and the question is to be put again, for up to KAFKA_FIRST_ANSWER_MS from *since (0 before the first). */
bool kafka_again(struct kafka *kafka, rd_kafka_resp_err_t error, double *since);

/* An offset of a partition: of the first message at a time in ms or after it, RD_KAFKA_OFFSET_BEGINNING or
 * RD_KAFKA_OFFSET_END (of what is committed, to a client that is read_committed); *to is -1 where there is none. Waits
 * for `milliseconds` at most, which librdkafka's own question for both ends (before 2.3) does not. */
rd_kafka_resp_err_t kafka_ask_offset(struct kafka *kafka, const char *topic, int32_t partition, int64_t at,
				     int milliseconds, int64_t *to);

/* The same, asked again while errors pass; another error, or no answer, ends the program by kafka_status. */
int64_t kafka_offset(struct kafka *kafka, const char *topic, int32_t partition, int64_t at);

/* Adds the offset of a partition to a list that will be committed, with what shall be read again where it is gone on
 * from (NULL: nothing; copied). */
void kafka_list_add(rd_kafka_topic_partition_list_t *list, const char *topic, int32_t partition, int64_t offset,
		    const char *metadata);

/* Ends the program by kafka_status: the message, the error's text, and what was last said of connections. */
_Noreturn void kafka_fail(const struct kafka *kafka, rd_kafka_resp_err_t error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "librdkafka 2.0.2", of the loaded library. */
const char *kafka_version(void);

#endif
