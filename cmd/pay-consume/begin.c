/* Where each partition begins: at what the sinks have, at what the group has, or at --from. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "topic.h"

/* The offset of the first message at a time or after it; the end where there is none. */
static int64_t offset_at(struct topics *topics, const struct topic_partition *partition, int64_t time)
{
	int64_t offset = kafka_offset(&topics->kafka, partition->topic, partition->number, time);
	return offset < 0 || offset > partition->high ? partition->high : offset;
}

/* A position as an offset. */
static int64_t resolve(struct topics *topics, const struct topic_partition *partition, const struct position *position)
{
	struct sink_cover stored;
	switch (position->kind) {
	case POSITION_BEGINNING: return partition->low;
	case POSITION_END: return partition->high;
	case POSITION_OFFSET: return position->value;
	case POSITION_TIME: return offset_at(topics, partition, position->value);
	case POSITION_LAST:
		return partition->high - partition->low < position->value ? partition->low
									  : partition->high - position->value;
	case POSITION_STORED: break;
	}
	if (!group_committed(topics, partition, &stored))
		fail(EX_OPERATOR, "%s/%d: the group %s has no offset there; begin by --from beginning, end or OFFSET",
		     partition->topic, (int)partition->number, topics->wish->group);
	free(stored.state);
	return stored.hi;
}

/* Refuses a beginning that the log does not have. */
static void check_start(const struct topics *topics, struct topic_partition *partition, const char *whose)
{
	if (partition->start > partition->high)
		fail(
		    EX_OPERATOR,
		    "%s/%d: %s %" PRId64 ", but the topic ends at %" PRId64
		    ": it was cut or made anew; settle what is missing, then begin with new databases or another topic "
		    "name",
		    partition->topic, (int)partition->number, whose, partition->start, partition->high);
	if (partition->start >= partition->low)
		return;
	if (!topics->wish->allow_gap)
		fail(EX_OPERATOR,
		     "%s/%d: %s %" PRId64 ", but the topic begins at %" PRId64 ": offsets %" PRId64 " to %" PRId64
		     " are gone (retention); feed them from a capture (pay-consume --covers %s/%d/%" PRId64 "-%" PRId64
		     " CAPTURE), or take the hole with --allow-gap",
		     partition->topic, (int)partition->number, whose, partition->start, partition->low,
		     partition->start, partition->low - 1, partition->topic, (int)partition->number, partition->start,
		     partition->low - 1);
	partition->start = partition->low;
}

static void begin_partition(struct topics *topics, struct topic_partition *partition)
{
	const struct topic_wish *wish = topics->wish;
	struct sinks_held held = sinks_hold(&topics->sinks, partition->topic, partition->number);
	struct sink_cover stored;
	const char *whose = "reading shall begin at offset";
	char *text = NULL;
	trace_init(&partition->trace);
	if (held.all) {
		partition->start = held.least;
		trace_read(&partition->trace, held.state);
		whose = text = must_format("%s goes on at offset", held.least_of);
		/* A hole on purpose. */
		int64_t from = wish->allow_gap ? resolve(topics, partition, &wish->from) : 0;
		if (from > partition->start) {
			partition->start = from;
			partition->trace.offset = -1;
		}
	} else if (wish->resume_n == 0 && wish->group && group_committed(topics, partition, &stored)) {
		partition->start = stored.hi;
		trace_read(&partition->trace, stored.state);
		free(stored.state);
		whose = text = must_format("the group %s goes on at offset", wish->group);
	} else {
		partition->start = resolve(topics, partition, &wish->from);
		/* A sink that has nothing yet gets what the others began with. */
		if (held.any && held.first < partition->start)
			partition->start = held.first;
	}
	check_start(topics, partition, whose);
	partition->known = partition->next = partition->start;
	free(held.state);
	free(text);
}

static void end_partition(struct topics *topics, struct topic_partition *partition)
{
	const struct topic_wish *wish = topics->wish;
	partition->end = wish->until == TOPIC_END ? partition->high : INT64_MAX;
	if (!wish->bounded || wish->to.kind == POSITION_TIME)
		return;
	int64_t to = resolve(topics, partition, &wish->to);
	if (wish->to.kind == POSITION_OFFSET)
		to++; /* it is the last */
	if (to < partition->end)
		partition->end = to;
}

/* Which day is to be finished: the next one, or the one that some partitions have finished already, when a run before
 * was interrupted. A channel of a partition of which nothing is known is taken not to have finished it. */
static void find_day(struct topics *topics)
{
	int64_t least = INT64_MAX, most = -1;
	struct slice channel;
	for (size_t i = 0; i < topics->n; i++)
		for (const char *channels = topics->wish->channels; slice_word(&channels, &channel);) {
			int64_t days = trace_days(&topics->partition[i].trace, channel);
			if (days >= 0 && days < least)
				least = days;
			if (days > most)
				most = days;
		}
	if (most < 0)
		least = most = 0;
	topics->day = least == most ? most + 1 : most;
	for (size_t i = 0; i < topics->n; i++)
		for (const char *channels = topics->wish->channels; slice_word(&channels, &channel);)
			if (trace_days(&topics->partition[i].trace, channel) < 0)
				trace_set_days(&topics->partition[i].trace, channel, topics->day - 1);
}

void topics_watermarks(struct topics *topics, const char *topic, int32_t number, int64_t *low, int64_t *high)
{
	*low = kafka_offset(&topics->kafka, topic, number, RD_KAFKA_OFFSET_BEGINNING);
	*high = kafka_offset(&topics->kafka, topic, number, RD_KAFKA_OFFSET_END);
}

void topics_begin(struct topics *topics)
{
	for (size_t i = 0; i < topics->n; i++) {
		struct topic_partition *partition = &topics->partition[i];
		topics_watermarks(topics, partition->topic, partition->number, &partition->low, &partition->high);
		begin_partition(topics, partition);
		end_partition(topics, partition);
	}
	find_day(topics);
}
