/* topic: makes, deletes, truncates and forbids topics, without a Java machine's start for each.
 *
 *   topic BROKERS create NAME PARTITIONS [CONFIG=VALUE]...
 *   topic BROKERS delete NAME
 *   topic BROKERS truncate NAME PARTITION OFFSET      deletes the records before OFFSET, as retention does
 *   topic BROKERS stamp NAME PARTITION TIME VALUE      writes a record with that time (ms)
 *   topic BROKERS forbid NAME read|write              denies it to who has no name (the broker needs an authorizer)
 *   topic BROKERS grow NAME PARTITIONS                 gives it more partitions, to that many
 *   topic BROKERS forget NAME PARTITION GROUP          deletes a group's offset of it, as a cluster does after some
 * days
 *
 * Ends with 0 when the broker has done it, else with 69 and what the broker says. */
#include "fail.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 20000 };

/* number: s as a decimal integer from 0. */
static int64_t number(const char *s)
{
	char *end;
	long long n = strtoll(s, &end, 10);

	if (end == s || *end || n < 0)
		fail(EX_USAGE, "\"%s\" is not a number", s);
	return n;
}

/* check: ends the program where a topic has an error. */
static void check(const rd_kafka_topic_result_t **topics, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rd_kafka_topic_result_error(topics[i]))
			fail(EX_UNAVAILABLE, "%s: %s", rd_kafka_topic_result_name(topics[i]),
			     rd_kafka_topic_result_error_string(topics[i])
				 ? rd_kafka_topic_result_error_string(topics[i])
				 : rd_kafka_err2str(rd_kafka_topic_result_error(topics[i])));
}

/* answer: the broker's answer to what was asked over the queue; the caller destroys it. */
static rd_kafka_event_t *answer(rd_kafka_queue_t *queue)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS + 5000);

	if (!event)
		fail(EX_UNAVAILABLE, "no answer");
	if (rd_kafka_event_error(event))
		fail(EX_UNAVAILABLE, "%s", rd_kafka_event_error_string(event));
	return event;
}

/* create: args are NAME PARTITIONS [CONFIG=VALUE]... */
static void create(rd_kafka_t *rk, rd_kafka_queue_t *queue, char **args)
{
	char said[512];
	size_t n;
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(args[0], (int)number(args[1]), 1, said, sizeof said);

	if (!topic)
		fail(EX_USAGE, "%s: %s", args[0], said);
	for (char **config = args + 2; *config; config++) {
		char *value = strchr(*config, '=');
		if (!value)
			fail(EX_USAGE, "\"%s\" is not CONFIG=VALUE", *config);
		*value++ = '\0';
		if (rd_kafka_NewTopic_set_config(topic, *config, value))
			fail(EX_USAGE, "%s=%s is refused", *config, value);
	}
	rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
	rd_kafka_event_t *event = answer(queue);
	const rd_kafka_topic_result_t **topics =
	    rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
	check(topics, n);
	rd_kafka_event_destroy(event);
	rd_kafka_NewTopic_destroy(topic);
}

static void delete_topic(rd_kafka_t *rk, rd_kafka_queue_t *queue, const char *name)
{
	size_t n;
	rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);

	rd_kafka_DeleteTopics(rk, &topic, 1, NULL, queue);
	rd_kafka_event_t *event = answer(queue);
	const rd_kafka_topic_result_t **topics =
	    rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
	check(topics, n);
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteTopic_destroy(topic);
}

/* truncate_topic: args are NAME PARTITION OFFSET. */
static void truncate_topic(rd_kafka_t *rk, rd_kafka_queue_t *queue, char **args)
{
	rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(before, args[0], (int32_t)number(args[1]))->offset = number(args[2]);
	rd_kafka_DeleteRecords_t *records = rd_kafka_DeleteRecords_new(before);
	rd_kafka_DeleteRecords(rk, &records, 1, NULL, queue);
	rd_kafka_event_t *event = answer(queue);
	const rd_kafka_topic_partition_list_t *done =
	    rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
	for (int i = 0; i < done->cnt; i++)
		if (done->elems[i].err)
			fail(EX_UNAVAILABLE, "%s: %s", args[0], rd_kafka_err2str(done->elems[i].err));
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteRecords_destroy(records);
	rd_kafka_topic_partition_list_destroy(before);
}

/* grow: args are NAME PARTITIONS. */
static void grow(rd_kafka_t *rk, rd_kafka_queue_t *queue, char **args)
{
	char said[512];
	size_t n;
	rd_kafka_NewPartitions_t *more =
	    rd_kafka_NewPartitions_new(args[0], (size_t)number(args[1]), said, sizeof said);

	if (!more)
		fail(EX_USAGE, "%s: %s", args[0], said);
	rd_kafka_CreatePartitions(rk, &more, 1, NULL, queue);
	rd_kafka_event_t *event = answer(queue);
	const rd_kafka_topic_result_t **topics =
	    rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &n);
	check(topics, n);
	rd_kafka_event_destroy(event);
	rd_kafka_NewPartitions_destroy(more);
}

/* forget: args are NAME PARTITION GROUP. */
static void forget(rd_kafka_t *rk, rd_kafka_queue_t *queue, char **args)
{
	rd_kafka_topic_partition_list_t *partitions = rd_kafka_topic_partition_list_new(1);
	size_t n;

	rd_kafka_topic_partition_list_add(partitions, args[0], (int32_t)number(args[1]));
	rd_kafka_DeleteConsumerGroupOffsets_t *offsets = rd_kafka_DeleteConsumerGroupOffsets_new(args[2], partitions);
	rd_kafka_DeleteConsumerGroupOffsets(rk, &offsets, 1, NULL, queue);
	rd_kafka_event_t *event = answer(queue);
	const rd_kafka_group_result_t **groups = rd_kafka_DeleteConsumerGroupOffsets_result_groups(
	    rd_kafka_event_DeleteConsumerGroupOffsets_result(event), &n);
	for (size_t i = 0; i < n; i++) {
		const rd_kafka_topic_partition_list_t *done = rd_kafka_group_result_partitions(groups[i]);
		if (rd_kafka_group_result_error(groups[i]))
			fail(EX_UNAVAILABLE, "%s: %s", args[2],
			     rd_kafka_error_string(rd_kafka_group_result_error(groups[i])));
		for (int k = 0; done && k < done->cnt; k++)
			if (done->elems[k].err)
				fail(EX_UNAVAILABLE, "%s: %s", args[2], rd_kafka_err2str(done->elems[k].err));
	}
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteConsumerGroupOffsets_destroy(offsets);
	rd_kafka_topic_partition_list_destroy(partitions);
}

/* stamp: args are NAME PARTITION TIME VALUE. */
static void stamp(rd_kafka_t *rk, char **args)
{
	rd_kafka_vu_t parts[] = {
	    {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = args[0]},
	    {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = (int32_t)number(args[1])},
	    {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = number(args[2])},
	    {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {args[3], strlen(args[3])}},
	};
	rd_kafka_error_t *refused = rd_kafka_produceva(rk, parts, sizeof parts / sizeof *parts);
	if (refused)
		fail(EX_UNAVAILABLE, "%s: %s", args[0], rd_kafka_error_string(refused));
	rd_kafka_resp_err_t error = rd_kafka_flush(rk, TIMEOUT_MS);
	if (error)
		fail(EX_UNAVAILABLE, "%s: %s", args[0], rd_kafka_err2str(error));
}

/* binding: of the topic's ACL, for those without a name. */
static rd_kafka_AclBinding_t *binding(const char *name, rd_kafka_AclOperation_t what,
				      rd_kafka_AclPermissionType_t permission)
{
	char said[512];
	rd_kafka_AclBinding_t *made =
	    rd_kafka_AclBinding_new(RD_KAFKA_RESOURCE_TOPIC, name, RD_KAFKA_RESOURCE_PATTERN_LITERAL, "User:ANONYMOUS",
				    "*", what, permission, said, sizeof said);

	if (!made)
		fail(EX_USAGE, "%s: %s", name, said);
	return made;
}

/* forbid: operation is read or write. */
static void forbid(rd_kafka_t *rk, rd_kafka_queue_t *queue, const char *name, const char *operation)
{
	rd_kafka_AclBinding_t *bindings[2];
	rd_kafka_AclOperation_t what = RD_KAFKA_ACL_OPERATION_READ;
	size_t n;

	if (strcmp(operation, "write") == 0)
		what = RD_KAFKA_ACL_OPERATION_WRITE;
	else if (strcmp(operation, "read") != 0)
		fail(EX_USAGE, "\"%s\" cannot be forbidden (read, write)", operation);
	/* A topic that has an ACL allows nothing else by itself. */
	bindings[0] = binding(name, RD_KAFKA_ACL_OPERATION_ALL, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW);
	bindings[1] = binding(name, what, RD_KAFKA_ACL_PERMISSION_TYPE_DENY);
	rd_kafka_CreateAcls(rk, bindings, 2, NULL, queue);
	rd_kafka_event_t *event = answer(queue);
	const rd_kafka_acl_result_t **results =
	    rd_kafka_CreateAcls_result_acls(rd_kafka_event_CreateAcls_result(event), &n);
	for (size_t i = 0; i < n; i++)
		if (rd_kafka_acl_result_error(results[i]))
			fail(EX_UNAVAILABLE, "%s: %s", name,
			     rd_kafka_error_string(rd_kafka_acl_result_error(results[i])));
	rd_kafka_event_destroy(event);
	rd_kafka_AclBinding_destroy_array(bindings, 2);
}

int main(int argc, char **argv)
{
	char said[512];

	fail_name("topic");
	if (argc < 4)
		fail(EX_USAGE,
		     "usage: topic BROKERS create|delete|truncate|grow|forget|stamp|forbid NAME [ARGUMENT]...");
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	if (rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], said, sizeof said))
		fail(EX_USAGE, "%s", said);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, said, sizeof said);
	if (!rk)
		fail(EX_UNAVAILABLE, "%s", said);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	if (strcmp(argv[2], "create") == 0 && argc >= 5)
		create(rk, queue, argv + 3);
	else if (strcmp(argv[2], "delete") == 0 && argc == 4)
		delete_topic(rk, queue, argv[3]);
	else if (strcmp(argv[2], "truncate") == 0 && argc == 6)
		truncate_topic(rk, queue, argv + 3);
	else if (strcmp(argv[2], "grow") == 0 && argc == 5)
		grow(rk, queue, argv + 3);
	else if (strcmp(argv[2], "forget") == 0 && argc == 6)
		forget(rk, queue, argv + 3);
	else if (strcmp(argv[2], "stamp") == 0 && argc == 7)
		stamp(rk, argv + 3);
	else if (strcmp(argv[2], "forbid") == 0 && argc == 5)
		forbid(rk, queue, argv[3], argv[4]);
	else
		fail(EX_USAGE,
		     "%s: unknown, or with other arguments (create, delete, truncate, grow, forget, stamp, forbid)",
		     argv[2]);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
	return 0;
}
