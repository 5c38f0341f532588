#include "sinks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cover.h"
#include "database.h"
#include "fail.h"
#include "stats.h"

static const char group_prefix[] = "group:";

/* The group that a sink's name stands for; NULL: it is a database. */
static const char *group_of(const char *name)
{
	size_t n = sizeof group_prefix - 1;
	return strncmp(name, group_prefix, n) == 0 ? name + n : NULL;
}

bool sinks_is_group(const char *name)
{
	return group_of(name) != NULL;
}

void sinks_open(struct sinks *sinks, const char **names, size_t n, const struct settings *settings)
{
	*sinks = (struct sinks){.name = names, .n = n, .settings = settings};
	sinks->group = must_alloc((n ? n : 1) * sizeof *sinks->group);
	for (size_t i = 0; i < n; i++) {
		const char *group = group_of(names[i]);
		sinks->group[i] = (struct kafka){0};
		if (!group)
			continue;
		if (!*group)
			options_misuse("--resume group: needs a name behind the colon");
		const struct kafka_property own[] = {
		    {"group.id", group, true}, {"isolation.level", "read_committed", true}, {NULL, NULL, false}};
		kafka_configure(&sinks->group[i], settings, own);
		kafka_open(&sinks->group[i], RD_KAFKA_CONSUMER);
	}
}

void sinks_close(struct sinks *sinks)
{
	for (size_t i = 0; i < sinks->n; i++)
		kafka_close(&sinks->group[i]);
	free(sinks->group);
	sinks->group = NULL;
}

static bool database_cover(const char *path, const char *topic, int32_t partition, struct sink_cover *to)
{
	struct database database;
	struct slice name = slice_of(topic);
	if (!database_open_cover(&database, path))
		return false;
	bool found = cover_high(&database, name, partition, &to->lo, &to->hi);
	if (!found && cover_begun(&database, name, partition, &to->hi)) {
		to->lo = to->hi;
		found = true;
	}
	to->state = found ? cover_state(&database, name, partition, to->hi) : NULL;
	database_close(&database);
	return found;
}

bool sinks_cover(struct sinks *sinks, size_t number, const char *topic, int32_t partition, struct sink_cover *to)
{
	const char *group = group_of(sinks->name[number]);
	if (group)
		return sinks_group_offset(&sinks->group[number], group, topic, partition, to);
	return database_cover(sinks->name[number], topic, partition, to);
}

struct sinks_held sinks_hold(struct sinks *sinks, const char *topic, int32_t partition)
{
	struct sinks_held held = {.all = sinks->n > 0, .least = INT64_MAX, .first = INT64_MAX};
	for (size_t i = 0; i < sinks->n; i++) {
		struct sink_cover cover;
		if (!sinks_cover(sinks, i, topic, partition, &cover)) {
			held.all = false;
			continue;
		}
		held.any = true;
		if (cover.lo < held.first)
			held.first = cover.lo;
		char *unused = cover.state;
		if (cover.hi < held.least) {
			unused = held.state;
			held.least = cover.hi;
			held.least_of = sinks->name[i];
			held.state = cover.state;
		}
		free(unused);
	}
	return held;
}

void sinks_sync(const struct sinks *sinks)
{
	for (size_t i = 0; i < sinks->n; i++) {
		struct database database;
		if (sinks_is_group(sinks->name[i]) || !database_open_cover(&database, sinks->name[i]))
			continue;
		database_sync_seen(&database);
		database_close(&database);
	}
}

bool sinks_group_offset(struct kafka *kafka, const char *group, const char *topic, int32_t partition,
			struct sink_cover *to)
{
	enum { PAUSE_US = 100000, PATIENCE = 60 /* seconds */ };
	double until = stats_clock() + PATIENCE;
	for (;;) {
		rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
		rd_kafka_topic_partition_t *stored = rd_kafka_topic_partition_list_add(list, topic, partition);
		rd_kafka_resp_err_t error = rd_kafka_committed(kafka->client, list, KAFKA_FIRST_ANSWER_MS);
		if (!error)
			error = stored->err;
		kafka_serve(kafka, 0);
		if (error && (!kafka_passes(error) || stats_clock() > until))
			kafka_fail(kafka, error, "%s/%d: the offset of group %s", topic, (int)partition, group);
		bool found = !error && stored->offset >= 0;
		*to = (struct sink_cover){.lo = stored->offset, .hi = stored->offset};
		if (found && stored->metadata_size > 0)
			to->state = must_format("%.*s", (int)stored->metadata_size, (const char *)stored->metadata);
		rd_kafka_topic_partition_list_destroy(list);
		if (!error)
			return found;
		usleep(PAUSE_US);
	}
}
