#include "transaction.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "fail.h"

enum {
	PATIENCE = 300,    /* seconds for which a cluster that was there is waited for */
	FIRST = 30,        /* seconds in which it takes a producer on at the start */
	SLICE_MS = 10000,  /* one wait of it */
	ABANDON_MS = 3000, /* for an abort on the way out */
	PAUSE_MS = 200,    /* between two questions */
	ALIVE = 30,        /* seconds after which all offsets are committed again, so that none expires */
	ATTEMPTS = 6       /* at a segment, each with a producer of its own */
};

/* Offsets that are no offsets. */
enum { NONE = -1, NOT_READ = -2 };

/* Up to where the group's committed offset holds a source partition. */
struct position {
	char *source;
	int32_t partition;
	int64_t next; /* NONE: nothing is committed */
	char *state;  /* what pay-consume wants to know again there, committed with it; NULL: nothing */
};

struct kept {
	size_t at; /* in bytes: key, value, headers */
	size_t key_n, value_n, headers_n;
	bool keyed;
	int64_t time;
	uint64_t line;
	size_t position; /* of its source partition; SIZE_MAX: it has no coordinates */
	int64_t offset;
};

/* --- what is committed --- */

/* The number of a source partition, added when it is new. */
static size_t position_of(struct transaction *transaction, struct slice source, int32_t partition)
{
	for (size_t i = 0; i < transaction->position_n; i++) {
		const struct position *position = &transaction->position[i];
		if (position->partition == partition && slice_equal(slice_of(position->source), source))
			return i;
	}
	if (transaction->position_n == transaction->position_capacity) {
		transaction->position_capacity += transaction->position_capacity ? transaction->position_capacity : 16;
		transaction->position =
		    must_realloc(transaction->position, transaction->position_capacity * sizeof *transaction->position);
	}
	transaction->position[transaction->position_n] =
	    (struct position){must_format("%.*s", (int)source.n, source.p), partition, NOT_READ, NULL};
	return transaction->position_n++;
}

static void set_position(struct position *position, int64_t next, const char *state, size_t n)
{
	free(position->state);
	position->next = next;
	position->state = n > 0 ? must_format("%.*s", (int)n, state) : NULL;
}

static struct position *range_position(struct transaction *transaction, const struct mark_range *range)
{
	return &transaction->position[position_of(transaction, slice_of(range->source), range->partition)];
}

/* A consumer, a member of no group, for the committed offsets. Because it reads what is committed, an answer comes only
 * once no transaction that carries such offsets is pending. (Where the group's coordinator is away, librdkafka 2.0.2
 * crashes over the admin request for a group's offsets, which would need no consumer.) */
static void connect_reader(struct transaction *transaction)
{
	const struct kafka_property own[] = {
	    {"group.id", transaction->group, true},
	    {"isolation.level", "read_committed", true},
	    {"enable.auto.commit", "false", true},
	    {0},
	};
	kafka_configure(&transaction->reader, transaction->settings, own);
	kafka_open(&transaction->reader, RD_KAFKA_CONSUMER);
}

/* Asks for the committed offsets of what is listed and takes them into positions. Returns the first error. */
static rd_kafka_resp_err_t ask_offsets(struct transaction *transaction, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_resp_err_t error = rd_kafka_committed(transaction->reader.client, list, SLICE_MS);
	kafka_serve(&transaction->reader, 0);
	for (int i = 0; !error && i < list->cnt; i++)
		error = list->elems[i].err;
	for (int i = 0; !error && i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *answer = &list->elems[i];
		size_t at = position_of(transaction, slice_of(answer->topic), answer->partition);
		set_position(&transaction->position[at], answer->offset >= 0 ? answer->offset : NONE, answer->metadata,
			     answer->metadata_size);
	}
	return error;
}

/* Adds all partitions of the sources that are new, so that an offset that is missing is seen beside those that are
 * there. A source that is no topic of the cluster, whose offsets no transaction can carry, ends the program. The whole
 * list of topics is asked for: a question for one may make it. Returns an error of the cluster. */
static rd_kafka_resp_err_t add_partitions(struct transaction *transaction)
{
	const struct rd_kafka_metadata *metadata;
	struct kafka *kafka = &transaction->topic.kafka;
	size_t known = transaction->position_n;
	rd_kafka_resp_err_t error = rd_kafka_metadata(kafka->client, 1, NULL, &metadata, SLICE_MS);
	if (error)
		return error;
	for (size_t i = 0; i < known; i++) {
		const struct position *position = &transaction->position[i];
		const char *source = position->source;
		int32_t n = 0;
		if (position->next != NOT_READ)
			continue;
		for (int k = 0; k < metadata->topic_cnt; k++)
			if (strcmp(metadata->topics[k].topic, source) == 0)
				n = metadata->topics[k].partition_cnt;
		if (position->partition >= n)
			fail(EX_DATAERR,
			     "%s/%d is no partition of this cluster: a transaction carries the offsets of the topic"
			     " that pay-consume read",
			     source, (int)position->partition);
		for (int32_t number = 0; number < n; number++)
			position_of(transaction, slice_of(source), number);
	}
	rd_kafka_metadata_destroy(metadata);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t ask_positions(struct transaction *transaction)
{
	rd_kafka_resp_err_t error = add_partitions(transaction);
	if (error)
		return error;
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	for (size_t i = 0; i < transaction->position_n; i++)
		if (transaction->position[i].next == NOT_READ)
			rd_kafka_topic_partition_list_add(list, transaction->position[i].source,
							  transaction->position[i].partition);
	error = ask_offsets(transaction, list);
	rd_kafka_topic_partition_list_destroy(list);
	return error;
}

/* Reads the committed offsets of the positions that are not read yet. */
static void read_positions(struct transaction *transaction)
{
	double until = stats_clock() + PATIENCE;
	rd_kafka_resp_err_t error;
	size_t i = 0;
	while (i < transaction->position_n && transaction->position[i].next != NOT_READ)
		i++;
	if (i == transaction->position_n)
		return;
	while ((error = ask_positions(transaction))) {
		if (!kafka_passes(error) || stats_clock() > until)
			kafka_fail(&transaction->reader, error, "committed offsets of group %s", transaction->group);
		topic_serve(&transaction->topic);
		usleep(PAUSE_MS * 1000);
	}
}

/* How many partitions a topic had when pay-consume read what is committed of it; 0: not known, -1: nothing is. */
static int32_t partitions_then(const struct transaction *transaction, const char *source)
{
	static const char member[] = ";+partitions="; /* of the text that trace.h describes */
	int32_t most = -1;
	for (size_t i = 0; i < transaction->position_n; i++) {
		const struct position *position = &transaction->position[i];
		if (position->next < 0 || strcmp(position->source, source) != 0)
			continue;
		const char *said = position->state ? strstr(position->state, member) : NULL;
		long n = said ? strtol(said + sizeof member - 1, NULL, 10) : 0;
		if (n > most && n <= INT32_MAX)
			most = (int32_t)n;
	}
	return most;
}

/* A partition without an offset, while others of its topic have theirs, was added since, or its offset has expired:
 * then nobody knows what of it was delivered. */
static void refuse_expired(const struct transaction *transaction, const struct mark_range *range)
{
	int32_t n = partitions_then(transaction, range->source);
	if (n < 0 || (n > 0 && range->partition >= n) || transaction->allow_gap)
		return;
	fail(EX_OPERATOR,
	     "group %s: %s/%d: has no offset there, though of other partitions: it has expired, or was deleted, and "
	     "what "
	     "was delivered would be written again; set it to what was taken (kafka-consumer-groups --reset-offsets), "
	     "or begin where that ends with --allow-gap",
	     transaction->group, range->source, (int)range->partition);
}

/* --- the producer --- */

_Noreturn static void fenced(const struct transaction *transaction, const char *why)
{
	fail(EX_OPERATOR,
	     "another producer has taken over the transactional id %s, and this one wrote nothing since (%s);"
	     " two may not run at a time",
	     transaction->id, why);
}

/* Whether an error is a matter of a moment; of a producer that was fenced it ends the program. Destroys the error. */
static bool again(struct transaction *transaction, rd_kafka_error_t *error, double until)
{
	struct topic *topic = &transaction->topic;
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);
	if (kafka_status(code) == EX_OPERATOR) {
		transaction->open = false;
		fenced(transaction, rd_kafka_error_string(error));
	}
	bool retry = rd_kafka_error_is_retriable(error) && !rd_kafka_error_txn_requires_abort(error) &&
		     !rd_kafka_error_is_fatal(error) && stats_clock() < until;
	if (!retry)
		topic_note_error(topic, code, rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
	topic_serve(topic);
	return retry;
}

static void connect_producer(struct transaction *transaction)
{
	const struct kafka_property own[] = {
	    {"transactional.id", transaction->id, true},
	    /* A broker's death is waited out within a transaction. */
	    {"transaction.timeout.ms", "300000", false},
	    {0},
	};
	topic_open(&transaction->topic, transaction->settings, transaction->topic_name, own);
}

/* Fences every other producer of the id and settles what it left open, in so many seconds. */
static void take_over(struct transaction *transaction, double seconds)
{
	struct topic *topic = &transaction->topic;
	double until = stats_clock() + seconds;
	rd_kafka_error_t *error;
	while ((error = rd_kafka_init_transactions(topic->kafka.client, SLICE_MS)))
		if (!again(transaction, error, until))
			fail(kafka_status(topic->error), "transactional id %s: %s", transaction->id, topic->why);
}

/* Ends the transaction that is open, which also tells whether the producer was fenced. */
static void abort_transaction(struct transaction *transaction)
{
	double until = stats_clock() + PATIENCE;
	rd_kafka_error_t *error;
	transaction->topic.error = RD_KAFKA_RESP_ERR_NO_ERROR;
	while ((error = rd_kafka_abort_transaction(transaction->topic.kafka.client, SLICE_MS)))
		if (!again(transaction, error, until))
			break; /* a new producer settles it */
	transaction->open = false;
}

/* A producer that ran into an error is replaced by a new one, for which the committed offsets tell what went through.
 */
static void replace_producer(struct transaction *transaction)
{
	struct topic *topic = &transaction->topic;
	rd_kafka_resp_err_t error = topic->error;
	char why[sizeof topic->why];
	memcpy(why, topic->why, sizeof why);
	if (transaction->open)
		abort_transaction(transaction);
	if (kafka_status(error) == EX_OPERATOR)
		fenced(transaction, why);
	if (kafka_status(error) == EX_DATAERR || ++transaction->attempts == ATTEMPTS) {
		/* A state that does not fit is what an error before it has left: that was said of the cluster. */
		int status = error == RD_KAFKA_RESP_ERR__STATE ? EX_UNAVAILABLE : kafka_status(error);
		const char *trouble = topic->kafka.trouble;
		fail(status, "topic %s: %s%s%s%s", transaction->topic_name, why, *trouble ? " (" : "", trouble,
		     *trouble ? ")" : "");
	}
	warn("transaction not committed, trying again with a new producer (%s)", why);
	usleep(PAUSE_MS * 1000);
	topic_close(topic);
	connect_producer(transaction);
	take_over(transaction, PATIENCE);
	for (size_t i = 0; i < transaction->position_n; i++)
		transaction->position[i].next = NOT_READ;
}

void transaction_open(struct transaction *transaction, const struct settings *settings, const char *topic,
		      const char *id, const char *group, bool allow_gap)
{
	*transaction = (struct transaction){
	    .settings = settings, .topic_name = topic, .id = id, .group = group, .allow_gap = allow_gap};
	transaction->metadata = rd_kafka_consumer_group_metadata_new(group);
	connect_reader(transaction);
	connect_producer(transaction);
	topic_check(&transaction->topic);
	take_over(transaction, FIRST);
}

/* --- segments --- */

static char *room(struct transaction *transaction, size_t n)
{
	enum { BYTES = 1 << 20 };
	if (transaction->bytes_capacity - transaction->bytes_n < n) {
		while (transaction->bytes_capacity - transaction->bytes_n < n)
			transaction->bytes_capacity +=
			    transaction->bytes_capacity ? transaction->bytes_capacity / 2 : BYTES;
		transaction->bytes = must_realloc(transaction->bytes, transaction->bytes_capacity);
	}
	return transaction->bytes + transaction->bytes_n;
}

void transaction_keep(struct transaction *transaction, const struct message *message,
		      const struct coordinates *coordinates)
{
	enum { KEPT = 1024 };
	if (transaction->kept_n == transaction->kept_capacity) {
		transaction->kept_capacity += transaction->kept_capacity ? transaction->kept_capacity / 2 : KEPT;
		transaction->kept =
		    must_realloc(transaction->kept, transaction->kept_capacity * sizeof *transaction->kept);
	}
	struct kept *kept = &transaction->kept[transaction->kept_n++];
	*kept = (struct kept){
	    .at = transaction->bytes_n,
	    .key_n = message->key.n,
	    .value_n = message->value.n,
	    .headers_n = message->headers.n,
	    .keyed = message->key.p != NULL,
	    .time = message->time,
	    .line = message->line,
	    .position = SIZE_MAX,
	};
	if (coordinates) {
		kept->position = position_of(transaction, coordinates->source, coordinates->partition);
		kept->offset = coordinates->offset;
	}
	char *to = room(transaction, kept->key_n + kept->value_n + kept->headers_n);
	if (kept->keyed)
		to = slice_append(to, message->key);
	to = slice_append(to, message->value);
	to = slice_append(to, message->headers);
	transaction->bytes_n = (size_t)(to - transaction->bytes);
}

static bool held(const struct transaction *transaction, const struct kept *kept)
{
	return kept->position != SIZE_MAX && kept->offset < transaction->position[kept->position].next;
}

/* Refuses a segment that begins behind what is committed. Returns whether the segment covers offsets of which all are
 * committed. */
static bool check_ranges(struct transaction *transaction, const struct mark *mark)
{
	bool covers = false, whole = true;
	for (size_t i = 0; i < mark->ranges_n; i++) {
		const struct mark_range *range = &mark->ranges[i];
		int64_t next = range_position(transaction, range)->next;
		if (next != NONE && range->from > next && !transaction->allow_gap)
			fail(EX_OPERATOR,
			     "group %s: %s/%d: would leave a hole: offsets %" PRId64 " to %" PRId64
			     " are missing; feed them first, or take the hole with --allow-gap",
			     transaction->group, range->source, (int)range->partition, next, range->from - 1);
		if (range->from < range->next) {
			if (next == NONE)
				refuse_expired(transaction, range);
			covers = true;
			whole = whole && range->next <= next;
		}
	}
	return covers && whole;
}

/* The cluster forgets the offset of a partition that has no messages for some days: those that are not brought are
 * committed as they are, now and then. */
static void keep_alive(struct transaction *transaction, rd_kafka_topic_partition_list_t *list)
{
	transaction->alive = stats_clock() + ALIVE;
	for (size_t i = 0; i < transaction->position_n; i++) {
		const struct position *position = &transaction->position[i];
		if (position->next >= 0 &&
		    !rd_kafka_topic_partition_list_find(list, position->source, position->partition))
			kafka_list_add(list, position->source, position->partition, position->next, position->state);
	}
}

/* The offsets that the segment brings; of a partition without messages where reading begins, so that it is known. */
static rd_kafka_topic_partition_list_t *new_offsets(struct transaction *transaction, const struct mark *mark)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	for (size_t i = 0; i < mark->ranges_n; i++) {
		const struct mark_range *range = &mark->ranges[i];
		if (range->next > range_position(transaction, range)->next)
			kafka_list_add(list, range->source, range->partition, range->next, range->state);
	}
	if (list->cnt > 0 && stats_clock() >= transaction->alive)
		keep_alive(transaction, list);
	return list;
}

/* Produces what is not held; returns whether all was taken. */
static bool send_all(struct transaction *transaction)
{
	for (size_t i = 0; i < transaction->kept_n; i++) {
		const struct kept *kept = &transaction->kept[i];
		const char *p = transaction->bytes + kept->at;
		struct message message = {
		    .key = {kept->keyed ? p : NULL, kept->key_n},
		    .value = {p + kept->key_n, kept->value_n},
		    .headers = {p + kept->key_n + kept->value_n, kept->headers_n},
		    .time = kept->time,
		    .line = kept->line,
		};
		if (!held(transaction, kept) && topic_send(&transaction->topic, &message))
			return false;
	}
	return true;
}

static bool send_offsets(struct transaction *transaction, const rd_kafka_topic_partition_list_t *offsets, double until)
{
	rd_kafka_error_t *error;
	while (offsets->cnt > 0 && (error = rd_kafka_send_offsets_to_transaction(
					transaction->topic.kafka.client, offsets, transaction->metadata, SLICE_MS)))
		if (!again(transaction, error, until))
			return false;
	return true;
}

static bool commit(struct transaction *transaction, double until)
{
	rd_kafka_error_t *error;
	while ((error = rd_kafka_commit_transaction(transaction->topic.kafka.client, -1)))
		if (!again(transaction, error, until))
			return false;
	return true;
}

/* Delivers what is not held and the new offsets, or nothing. Returns whether that is committed for certain; else the
 * transaction may be open, aborted or committed. */
static bool deliver(struct transaction *transaction, const rd_kafka_topic_partition_list_t *offsets)
{
	double until = stats_clock() + PATIENCE;
	rd_kafka_error_t *error = rd_kafka_begin_transaction(transaction->topic.kafka.client);
	if (error) {
		again(transaction, error, 0);
		return false;
	}
	transaction->open = true;
	if (!send_all(transaction) || !send_offsets(transaction, offsets, until) || !commit(transaction, until))
		return false;
	transaction->open = false;
	return true;
}

/* One attempt at a segment. Returns whether it is done with. */
static bool settle(struct transaction *transaction, const struct mark *mark, uint64_t *known)
{
	uint64_t n = 0;
	read_positions(transaction);
	bool whole = check_ranges(transaction, mark);
	for (size_t i = 0; i < transaction->kept_n; i++)
		n += whole || held(transaction, &transaction->kept[i]);
	/* What an attempt before this one delivered was not known before the segment. */
	if (transaction->attempts == 0)
		*known = n;
	rd_kafka_topic_partition_list_t *offsets = new_offsets(transaction, mark);
	bool done = (n == transaction->kept_n && offsets->cnt == 0) || deliver(transaction, offsets);
	for (int i = 0; done && i < offsets->cnt; i++) {
		const rd_kafka_topic_partition_t *offset = &offsets->elems[i];
		size_t at = position_of(transaction, slice_of(offset->topic), offset->partition);
		set_position(&transaction->position[at], offset->offset, offset->metadata, offset->metadata_size);
	}
	rd_kafka_topic_partition_list_destroy(offsets);
	return done;
}

uint64_t transaction_segment(struct transaction *transaction, const struct mark *mark)
{
	enum { BYTES_KEPT = 16 << 20 };
	uint64_t known = 0;
	for (size_t i = 0; i < mark->ranges_n; i++)
		range_position(transaction, &mark->ranges[i]); /* so that it is read */
	while (!settle(transaction, mark, &known))
		replace_producer(transaction);
	transaction->attempts = 0;
	transaction->kept_n = transaction->bytes_n = 0;
	if (transaction->bytes_capacity > BYTES_KEPT) {
		free(transaction->bytes);
		transaction->bytes = NULL;
		transaction->bytes_capacity = 0;
	}
	return known;
}

int transaction_idle(struct transaction *transaction)
{
	double left = transaction->alive - stats_clock();
	if (transaction->alive == 0 || transaction->kept_n > 0)
		return -1;
	if (left > 0)
		return (int)(left * 1e3) + 1;
	read_positions(transaction);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	keep_alive(transaction, list);
	if (deliver(transaction, list))
		transaction->attempts = 0;
	else
		replace_producer(transaction);
	rd_kafka_topic_partition_list_destroy(list);
	return ALIVE * 1000;
}

void transaction_abandon(struct transaction *transaction)
{
	if (!transaction->open)
		return;
	transaction->open = false;
	rd_kafka_error_t *error = rd_kafka_abort_transaction(transaction->topic.kafka.client, ABANDON_MS);
	if (error)
		rd_kafka_error_destroy(error); /* the cluster does it, after transaction.timeout.ms */
}

void transaction_close(struct transaction *transaction)
{
	topic_close(&transaction->topic);
	kafka_close(&transaction->reader);
	rd_kafka_consumer_group_metadata_destroy(transaction->metadata);
	for (size_t i = 0; i < transaction->position_n; i++) {
		free(transaction->position[i].source);
		free(transaction->position[i].state);
	}
	free(transaction->position);
	free(transaction->kept);
	free(transaction->bytes);
}
