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
	if (!group_committed(topics, partition->topic, partition->number, &stored))
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

/* What a sink, or the group of -g, knows of a topic where it has nothing of a partition: whether it has others, and how
 * many there were when they were read. */
struct topic_past {
	bool asked, any;
	int32_t partitions; /* 0: not known */
};

/* Who is gone on from: the sinks by number, or where there are none the group of -g. */
static size_t pasts(const struct topics *topics)
{
	return topics->sinks.n > 0 ? topics->sinks.n : topics->wish->group != NULL;
}

static bool past_cover(struct topics *topics, size_t sink, const char *topic, int32_t partition, struct sink_cover *to)
{
	if (topics->sinks.n > 0)
		return sinks_cover(&topics->sinks, sink, topic, partition, to);
	return group_committed(topics, topic, partition, to);
}

static const struct topic_past *past_of(struct topics *topics, struct topic *topic, size_t sink)
{
	if (!topic->past) {
		topic->past = must_alloc(pasts(topics) * sizeof *topic->past);
		memset(topic->past, 0, pasts(topics) * sizeof *topic->past);
	}
	struct topic_past *past = &topic->past[sink];
	for (int32_t number = 0; !past->asked && number < topic->n; number++) {
		struct sink_cover cover;
		struct trace trace;
		if (!past_cover(topics, sink, topic->name, number, &cover))
			continue;
		trace_read(&trace, cover.state);
		free(cover.state);
		past->any = true;
		if (trace.partitions > past->partitions)
			past->partitions = trace.partitions;
	}
	past->asked = true;
	return past;
}

/* Whether a sink that has nothing of a partition, though of others of its topic, lacks it because it was added since:
 * then it begins at its beginning. A group's offset may also be gone, as the cluster forgets those of partitions
 * without messages after some days: what stands before it must not be written again, so that is refused. */
static bool is_added(struct topics *topics, const struct topic_partition *partition, size_t sink)
{
	const struct topic_past *past = past_of(topics, topics_of(topics, partition->handle), sink);
	bool own = topics->sinks.n == 0, group = own || sinks_is_group(topics->sinks.name[sink]);
	bool lost = past->partitions > 0 ? partition->number < past->partitions : group && !own;
	if (past->any && lost && group && partition->high > 0 && !topics->wish->allow_gap)
		fail(EX_OPERATOR,
		     "%s/%d: %s has no offset there, though of other partitions: it has expired, or was deleted; set "
		     "it to what was taken (kafka-consumer-groups --reset-offsets), or read this one alone "
		     "(--partitions) --from OFFSET with --allow-gap",
		     partition->topic, (int)partition->number, own ? topics->wish->group : topics->sinks.name[sink]);
	return past->any && !lost;
}

/* The same for all that lack it. */
static bool added_for_any(struct topics *topics, const struct topic_partition *partition)
{
	bool added = false;
	for (size_t sink = 0; sink < pasts(topics); sink++) {
		struct sink_cover cover;
		if (past_cover(topics, sink, partition->topic, partition->number, &cover))
			free(cover.state);
		else
			added |= is_added(topics, partition, sink);
	}
	return added;
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
	} else if (wish->resume_n == 0 && wish->group &&
		   group_committed(topics, partition->topic, partition->number, &stored)) {
		partition->start = stored.hi;
		trace_read(&partition->trace, stored.state);
		free(stored.state);
		whose = text = must_format("the group %s goes on at offset", wish->group);
	} else {
		partition->start =
		    added_for_any(topics, partition) ? partition->low : resolve(topics, partition, &wish->from);
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

void topics_begin_added(struct topics *topics, struct topic_partition *partition)
{
	struct slice channel;
	topics_watermarks(topics, partition->topic, partition->number, &partition->low, &partition->high);
	trace_init(&partition->trace);
	partition->start = partition->known = partition->next = partition->low;
	end_partition(topics, partition);
	for (const char *channels = topics->wish->channels; slice_word(&channels, &channel);)
		trace_set_days(&partition->trace, channel, topics->day - 1);
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
