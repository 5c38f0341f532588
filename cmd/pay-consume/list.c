/* The table of --list. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "shown.h"
#include "topic.h"

static void list_partition(struct topics *topics, const struct topic_partition *partition)
{
	int64_t low, high;
	topics_watermarks(topics, partition->topic, partition->number, &low, &high);
	shown_print(stdout, "%-30s %9d %15" PRId64 " %15" PRId64, partition->topic, (int)partition->number, low, high);
	if (topics->wish->group) {
		struct sink_cover stored;
		if (group_committed(topics, partition->topic, partition->number, &stored)) {
			shown_print(stdout, " %15" PRId64 " %15" PRId64, stored.hi, high - stored.hi);
			free(stored.state);
		} else {
			shown_print(stdout, " %15s %15s", "-", "-");
		}
	}
	putchar('\n');
}

static void list_topic(struct topics *topics, const struct rd_kafka_metadata_topic *topic)
{
	if (topic->err)
		kafka_fail(&topics->kafka, topic->err, "topic %s", topic->topic);
	for (int i = 0; i < topic->partition_cnt; i++) {
		struct topic_partition partition = {.topic = topic->topic, .number = i};
		list_partition(topics, &partition);
	}
}

static int by_name(const void *a, const void *b)
{
	const struct rd_kafka_metadata_topic *x = a, *y = b;
	return strcmp(x->topic, y->topic);
}

static void list_all(struct topics *topics)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t error = rd_kafka_metadata(topics->kafka.client, 1, NULL, &metadata, KAFKA_FIRST_ANSWER_MS);
	kafka_serve(&topics->kafka, 0);
	if (error)
		kafka_fail(&topics->kafka, error, "the cluster does not answer");
	qsort(metadata->topics, (size_t)metadata->topic_cnt, sizeof *metadata->topics, by_name);
	for (int i = 0; i < metadata->topic_cnt; i++)
		if (strncmp(metadata->topics[i].topic, "__", 2) != 0)
			list_topic(topics, &metadata->topics[i]);
	rd_kafka_metadata_destroy(metadata);
}

static void list_named(struct topics *topics)
{
	struct slice word;
	for (const char *names = topics->wish->names; slice_word(&names, &word);) {
		char *name = must_format("%.*s", (int)word.n, word.p);
		const struct rd_kafka_metadata *metadata = kafka_topic(&topics->kafka, name, false);
		list_topic(topics, &metadata->topics[0]);
		rd_kafka_metadata_destroy(metadata);
		free(name);
	}
}

void topics_list(const struct topic_wish *wish, const struct settings *settings)
{
	struct topics topics = {.wish = wish};
	topics_connect(&topics, settings);
	shown_print(stdout, "%-30s %9s %15s %15s%s\n", "TOPIC", "PARTITION", "BEGINNING", "END",
		    wish->group ? "          STORED             LAG" : "");
	if (wish->names)
		list_named(&topics);
	else
		list_all(&topics);
	if (fflush(stdout) != 0)
		fail(EX_IOERR, "standard output: cannot write:");
	kafka_close(&topics.kafka);
}
