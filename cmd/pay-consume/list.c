/* The table of --list. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "shown.h"
#include "topic.h"

/* A client that sees what is not committed yet. */
static void connect_uncommitted(struct kafka *all, const struct settings *settings)
{
	char why[256];
	kafka_configure(all, settings, NULL);
	if (rd_kafka_conf_set(all->conf, "isolation.level", "read_uncommitted", why, sizeof why) != RD_KAFKA_CONF_OK)
		fail(EX_SOFTWARE, "%s: %s, a bug", kafka_version(), why);
	kafka_open(all, RD_KAFKA_CONSUMER);
}

/* Where all of --resume's are, and how far behind. */
static void list_sinks(struct topics *topics, const struct topic_partition *partition, int64_t high)
{
	struct sinks_held held = sinks_hold(&topics->sinks, partition->topic, partition->number);
	if (held.all)
		shown_print(stdout, " %15" PRId64 " %15" PRId64, held.least, high - held.least);
	else
		shown_print(stdout, " %15s %15s", "-", "-");
	free(held.state);
}

static void list_partition(struct topics *topics, struct kafka *all, const struct topic_partition *partition)
{
	int64_t low, high, last;
	topics_watermarks(topics, partition->topic, partition->number, &low, &high);
	last = kafka_offset(all, partition->topic, partition->number, RD_KAFKA_OFFSET_END);
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
	if (topics->sinks.n > 0)
		list_sinks(topics, partition, high);
	if (last > high)
		shown_print(stdout, "  high %" PRId64 ": a transaction is open", last);
	putchar('\n');
}

static void list_topic(struct topics *topics, struct kafka *all, const struct rd_kafka_metadata_topic *topic)
{
	if (topic->err)
		kafka_fail(&topics->kafka, topic->err, "topic %s", topic->topic);
	for (int i = 0; i < topic->partition_cnt; i++) {
		struct topic_partition partition = {.topic = topic->topic, .number = i};
		list_partition(topics, all, &partition);
	}
}

static int by_name(const void *a, const void *b)
{
	const struct rd_kafka_metadata_topic *x = a, *y = b;
	return strcmp(x->topic, y->topic);
}

static void list_all(struct topics *topics, struct kafka *all)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t error = rd_kafka_metadata(topics->kafka.client, 1, NULL, &metadata, KAFKA_FIRST_ANSWER_MS);
	kafka_serve(&topics->kafka, 0);
	if (error)
		kafka_fail(&topics->kafka, error, "the cluster does not answer");
	qsort(metadata->topics, (size_t)metadata->topic_cnt, sizeof *metadata->topics, by_name);
	for (int i = 0; i < metadata->topic_cnt; i++)
		if (strncmp(metadata->topics[i].topic, "__", 2) != 0)
			list_topic(topics, all, &metadata->topics[i]);
	rd_kafka_metadata_destroy(metadata);
}

static void list_named(struct topics *topics, struct kafka *all)
{
	struct slice word;
	for (const char *names = topics->wish->names; slice_word(&names, &word);) {
		char *name = must_format("%.*s", (int)word.n, word.p);
		const struct rd_kafka_metadata *metadata = kafka_topic(&topics->kafka, name, false);
		list_topic(topics, all, &metadata->topics[0]);
		rd_kafka_metadata_destroy(metadata);
		free(name);
	}
}

void topics_list(const struct topic_wish *wish, const struct settings *settings)
{
	struct topics topics = {.wish = wish};
	struct kafka all;
	connect_uncommitted(&all, settings);
	topics_connect(&topics, settings);
	sinks_open(&topics.sinks, wish->resume, wish->resume_n, settings);
	shown_print(stdout, "%-30s %9s %15s %15s%s%s\n", "TOPIC", "PARTITION", "BEGINNING", "END",
		    wish->group ? "          STORED             LAG" : "",
		    wish->resume_n > 0 ? "            NEXT             LAG" : "");
	if (wish->names)
		list_named(&topics, &all);
	else
		list_all(&topics, &all);
	if (fflush(stdout) != 0)
		fail(EX_IOERR, "standard output: cannot write:");
	sinks_close(&topics.sinks);
	kafka_close(&all);
	kafka_close(&topics.kafka);
}
