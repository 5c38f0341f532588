/* What reading waits for is said once it takes some seconds, and so is the end of that: a cluster that is away, a
 * transaction that stays open, a FINISH that is missing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "stats.h"
#include "topic.h"

enum { SOME_SECONDS = 3, BETWEEN_LOOKS = 1 };

void waiting_back(struct topics *topics)
{
	if (topics->waiting.away)
		warn("a broker answers again, after %.0f s", stats_clock() - topics->kafka.down);
	topics->waiting.away = false;
}

static void look_at_brokers(struct topics *topics, double now)
{
	const struct kafka *kafka = &topics->kafka;
	if (kafka->down == 0 || topics->waiting.away || now - kafka->down < SOME_SECONDS)
		return;
	topics->waiting.away = true;
	warn("no broker answers%s%s%s: waiting for up to %.0f s", kafka->trouble[0] ? " (" : "", kafka->trouble,
	     kafka->trouble[0] ? ")" : "", topics->wish->patience);
}

/* A reader of committed messages sees no further than where the oldest open transaction began. */
static void look_at_end(struct topics *topics, struct topic_partition *partition, double now)
{
	int64_t low, high;
	bool held = partition->at_end && !partition->done &&
		    rd_kafka_get_watermark_offsets(topics->kafka.client, partition->topic, partition->number, &low,
						   &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
		    high > partition->next;
	if (!held) {
		if (partition->held_said)
			warn("%s/%d: goes on, the transaction was open for %.0f s more", partition->topic,
			     (int)partition->number, now - partition->held);
		partition->held = 0;
		partition->held_said = false;
	} else if (partition->held == 0) {
		partition->held = now;
	} else if (!partition->held_said && now - partition->held >= SOME_SECONDS) {
		partition->held_said = true;
		warn("%s/%d: an open transaction holds the end back at offset %" PRId64 ", %" PRId64
		     " before the last one: waiting until it ends",
		     partition->topic, (int)partition->number, partition->next, high - partition->next);
	}
}

/* "payment/0 ONLINE, OFFLINE; payment/1 OFFLINE", allocated; NULL: there is more to read than a FINISH. */
static char *missing_finish(const struct topics *topics, double now)
{
	enum { ROOM = 400 };
	char text[ROOM + 2 * TRACE_NAME + 300];
	size_t n = 0, more = 0;
	for (size_t i = 0; i < topics->n; i++) {
		const struct topic_partition *partition = &topics->partition[i];
		struct slice channel;
		const char *before = " ";
		if (partition->done)
			continue;
		if (!partition->at_end || now - partition->quiet < SOME_SECONDS)
			return NULL;
		if (n >= ROOM) {
			more++;
			continue;
		}
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%.250s/%d", n > 0 ? "; " : "", partition->topic,
				      (int)partition->number);
		for (const char *channels = topics->wish->channels; slice_word(&channels, &channel);)
			if (n < ROOM + 250 && trace_days(&partition->trace, channel) < topics->day) {
				n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", before, (int)channel.n,
						      channel.p);
				before = ", ";
			}
	}
	return more > 0 ? must_format("%s; and in %zu partitions more", text, more) : must_strdup(text);
}

static void look_at_finish(struct topics *topics, double now)
{
	char *missing = topics->left > 0 && topics->kafka.down == 0 ? missing_finish(topics, now) : NULL;
	if (!missing)
		return;
	if (!topics->waiting.finish || strcmp(missing, topics->waiting.finish) != 0)
		warn("all there is has been read: waiting for the FINISH of %s", missing);
	free(topics->waiting.finish);
	topics->waiting.finish = missing;
}

void waiting_tick(struct topics *topics)
{
	double now = stats_clock();
	if (now - topics->waiting.looked < BETWEEN_LOOKS)
		return;
	topics->waiting.looked = now;
	look_at_brokers(topics, now);
	for (size_t i = 0; i < topics->n; i++)
		look_at_end(topics, &topics->partition[i], now);
	if (topics->wish->until == TOPIC_FINISH)
		look_at_finish(topics, now);
}

void waiting_free(struct topics *topics)
{
	free(topics->waiting.finish);
}
