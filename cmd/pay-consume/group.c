/* The group: where it is, and committing what is settled, for tools that show lag and for pipelines without databases.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "stats.h"
#include "topic.h"

enum { BETWEEN_COMMITS = 5 /* seconds */, SINKS_LAST = 10 /* seconds the sinks have at the end */ };

bool group_committed(struct topics *topics, const char *topic, int32_t partition, struct sink_cover *to)
{
	return sinks_group_offset(&topics->kafka, topics->wish->group, topic, partition, to);
}

/* Commits what is listed, and waits for the answer, but not for a cluster that is away. */
static rd_kafka_resp_err_t ask_to_commit(struct topics *topics, const rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(topics->kafka.client);
	rd_kafka_resp_err_t error = rd_kafka_commit_queue(topics->kafka.client, list, queue, NULL, NULL);
	rd_kafka_event_t *event = error ? NULL : rd_kafka_queue_poll(queue, KAFKA_FIRST_ANSWER_MS);
	if (event) {
		const rd_kafka_topic_partition_list_t *answer = rd_kafka_event_topic_partition_list(event);
		error = rd_kafka_event_error(event);
		for (int i = 0; !error && answer && i < answer->cnt; i++)
			error = answer->elems[i].err;
		rd_kafka_event_destroy(event);
	} else if (!error) {
		error = RD_KAFKA_RESP_ERR__TIMED_OUT;
	}
	rd_kafka_queue_destroy(queue);
	return error;
}

static void commit(struct topics *topics, rd_kafka_topic_partition_list_t *list)
{
	/* The sinks are what counts; without them the group is. */
	bool counts = topics->wish->resume_n == 0;
	rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
	double since = 0;
	if (list->cnt > 0)
		do
			error = ask_to_commit(topics, list);
		while (error && error != RD_KAFKA_RESP_ERR__TIMED_OUT && counts &&
		       kafka_again(&topics->kafka, error, &since));
	rd_kafka_topic_partition_list_destroy(list);
	topics->committed = stats_clock();
	if (error && counts)
		kafka_fail(&topics->kafka, error, "group %s: cannot commit its offsets", topics->wish->group);
	if (error)
		warn("group %s: cannot commit its offsets, tools will show too much lag: %s", topics->wish->group,
		     rd_kafka_err2str(error));
}

/* Commits what all sinks hold; returns whether that is all that was read. */
static bool commit_held(struct topics *topics, bool only_when_all)
{
	bool all = true;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)topics->n);
	for (size_t i = 0; i < topics->n; i++) {
		const struct topic_partition *partition = &topics->partition[i];
		struct sinks_held held = sinks_hold(&topics->sinks, partition->topic, partition->number);
		if (held.all)
			kafka_list_add(list, partition->topic, partition->number, held.least, held.state);
		all &= partition->next == partition->start || (held.all && held.least >= partition->next);
		free(held.state);
	}
	if (all || !only_when_all) {
		sinks_sync(&topics->sinks);
		commit(topics, list);
	} else {
		rd_kafka_topic_partition_list_destroy(list);
	}
	return all;
}

void group_tick(struct topics *topics)
{
	if (topics->wish->group && topics->wish->resume_n > 0 && topics->kafka.down == 0 &&
	    stats_clock() - topics->committed >= BETWEEN_COMMITS)
		commit_held(topics, false);
}

void topics_commit_last(struct topics *topics)
{
	if (!topics->wish->group)
		return;
	if (topics->wish->resume_n == 0) {
		rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)topics->n);
		for (size_t i = 0; i < topics->n; i++) {
			char state[TRACE_TEXT];
			trace_write(&topics->partition[i].trace, state);
			kafka_list_add(list, topics->partition[i].topic, topics->partition[i].number,
				       topics->partition[i].next, state);
		}
		commit(topics, list);
		return;
	}
	double until = stats_clock() + SINKS_LAST;
	while (!commit_held(topics, true) && stats_clock() < until)
		usleep(20000);
	if (stats_clock() >= until)
		commit_held(topics, false);
}
