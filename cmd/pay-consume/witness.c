/* Whether a topic is still the one that was read, told by a message of it that is asked for again. The client that
 * reads it tells nothing: to librdkafka (before 2.4) and the protocol that it speaks a topic is a name. */
#include <inttypes.h>

#include "fail.h"
#include "input.h"
#include "stats.h"
#include "topic.h"

/* After so long without a message a topic may have been made anew: this takes the cluster longer. And while messages
 * come without a pause, since many were read ahead, each partition's witness is asked for so often. */
static const double SILENCE = 0.1, BETWEEN = 10; /* seconds */
enum { MISSES_MOST = 10 };

#define MADE_ANEW "the topic was made anew; settle what is missing, then begin with new databases or another topic name"

static void choose(struct topic_partition *partition)
{
	partition->witness.offset = partition->trace.offset;
	partition->witness.hash = partition->trace.hash;
}

/* Reads on from an offset: what is on its way from elsewhere does not come. */
static void turn(struct topics *topics, const struct topic_partition *partition, int64_t offset)
{
	rd_kafka_resp_err_t error = rd_kafka_seek(partition->handle, partition->number, offset, 0);
	if (error)
		kafka_fail(&topics->kafka, error, "%s/%d: cannot read from offset %" PRId64, partition->topic,
			   (int)partition->number, offset);
}

static void ask(struct topics *topics, struct topic_partition *partition)
{
	partition->witness.asked = true;
	partition->witness.looked = stats_clock();
	turn(topics, partition, partition->witness.offset);
}

int64_t witness_begin(struct topic_partition *partition)
{
	struct witness *witness = &partition->witness;
	choose(partition);
	witness->looked = stats_clock();
	witness->asked = witness->offset >= partition->low && witness->offset < partition->start;
	if (witness->asked)
		return witness->offset;
	return partition->start > partition->low ? partition->start - 1 : partition->start;
}

/* The witness, or what stands behind its place where the topic is compacted. */
static void meet(struct topics *topics, struct topic_partition *partition, const rd_kafka_message_t *message)
{
	struct witness *witness = &partition->witness;
	struct slice value = {message->payload ? message->payload : "", message->len};
	witness->asked = false;
	if (message->offset == witness->offset && trace_hash(value) != witness->hash) {
		output_flush(&topics->delivery->out);
		fail(EX_OPERATOR, "%s/%d: offset %" PRId64 " holds another message than when it was read: " MADE_ANEW,
		     partition->topic, (int)partition->number, message->offset);
	}
	if (message->offset + 1 < partition->next)
		turn(topics, partition, partition->next);
	choose(partition);
}

bool witness_passes(struct topics *topics, struct topic_partition *partition, const rd_kafka_message_t *message)
{
	struct witness *witness = &partition->witness;
	witness->misses = 0;
	if (witness->asked) {
		meet(topics, partition, message);
	} else if (partition->at_end && stats_clock() - partition->quiet >= SILENCE) {
		choose(partition);
		partition->at_end = false;
		if (witness->offset >= 0 && message->offset >= partition->next) {
			ask(topics, partition);
			return false;
		}
	}
	partition->at_end = false;
	return true;
}

void witness_end(struct topics *topics, const struct topic_partition *partition, int64_t offset)
{
	if (offset >= partition->next)
		return;
	output_flush(&topics->delivery->out);
	fail(EX_OPERATOR,
	     "%s/%d: offset %" PRId64 " was read, but the topic ends at %" PRId64 ": it was cut, or " MADE_ANEW,
	     partition->topic, (int)partition->number, partition->next - 1, offset);
}

/* An offset that was asked for is not in the topic, and reading has stopped there. Where retention has taken nothing
 * that is not read yet it goes on, from the witness if that is there. */
static void find_again(struct topics *topics, struct topic_partition *partition)
{
	struct witness *witness = &partition->witness;
	int64_t low, high;
	topics_watermarks(topics, partition->topic, partition->number, &low, &high);
	witness_end(topics, partition, high);
	if (low > partition->next) {
		output_flush(&topics->delivery->out);
		fail(EX_OPERATOR,
		     "%s/%d: offset %" PRId64
		     " is not in the topic any more: retention has overtaken us, or the topic was made anew",
		     partition->topic, (int)partition->number, partition->next);
	}
	if (++witness->misses > MISSES_MOST) {
		output_flush(&topics->delivery->out);
		fail(EX_OPERATOR,
		     "%s/%d: offset %" PRId64
		     " is refused as out of range, again and again, though the topic has %" PRId64 " to %" PRId64
		     "; look after the cluster",
		     partition->topic, (int)partition->number, partition->next, low, high - 1);
	}
	if (witness->offset < low)
		choose(partition);
	witness->missing = false;
	witness->asked = witness->offset >= low;
	witness->looked = stats_clock();
	rd_kafka_consume_stop(partition->handle, partition->number);
	if (rd_kafka_consume_start_queue(partition->handle, partition->number,
					 witness->asked ? witness->offset : partition->next, topics->queue) != 0)
		kafka_fail(&topics->kafka, rd_kafka_last_error(), "%s/%d: cannot read", partition->topic,
			   (int)partition->number);
}

void witness_tick(struct topics *topics)
{
	topics->witness = (topics->witness + 1) % topics->n;
	struct topic_partition *partition = &topics->partition[topics->witness];
	struct witness *witness = &partition->witness;
	if (partition->done)
		return;
	if (witness->missing) {
		find_again(topics, partition);
	} else if (!witness->asked && witness->offset >= 0 && witness->offset != partition->trace.offset &&
		   stats_clock() - witness->looked >= BETWEEN) {
		ask(topics, partition);
	} else if (witness->offset < 0) {
		choose(partition);
	}
}
