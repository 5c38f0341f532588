#include "kafka.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fail.h"
#include "settings_file.h"
#include "slice.h"
#include "stats.h"

const char *kafka_version(void)
{
	static char text[64];
	snprintf(text, sizeof text, "librdkafka %s", rd_kafka_version_str());
	return text;
}

/* --- properties --- */

/* The properties by which a cluster can be named. */
static bool names_cluster(const char *name, size_t n)
{
	static const char *const naming[] = {"bootstrap.servers", "metadata.broker.list", "test.mock.num.brokers"};
	for (size_t i = 0; i < sizeof naming / sizeof *naming; i++)
		if (strlen(naming[i]) == n && memcmp(naming[i], name, n) == 0)
			return true;
	return false;
}

bool kafka_named(const struct settings *settings)
{
	for (size_t i = 0; i < settings->kafka_n; i++) {
		const struct kafka_setting *setting = &settings->kafka[i];
		if (setting->kind != KAFKA_PROPERTY || names_cluster(setting->text, strcspn(setting->text, "=")))
			return true;
	}
	return false;
}

/* Where a property stands, for messages: an option, or a line of a file. */
struct place {
	const char *file; /* NULL: an option */
	unsigned long long line;
};

__attribute__((format(printf, 2, 3))) _Noreturn static void refuse(const struct place *place, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (place->file)
		fail(EX_CONFIG, "%s:%llu: %s", place->file, place->line, text);
	options_misuse("-X: %s", text);
}

/* How much of a text is shown in a message: its first word, when it is spelled as properties are, in lower case, and
 * has a dot or stands before the =. All else may be a secret that got to the wrong place, as in `sasl.password:
 * hunter2`. */
static int shown_word(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz._-");
	bool dotted = memchr(text, '.', n) && (!text[n] || strchr(" \t:;,", text[n]));
	return n > 0 && (text[n] == '=' || dotted) ? (int)n : 0;
}

/* Sets the property in "name=value", which is changed on the way. */
static void set_text(struct kafka *kafka, const struct kafka_property *own, const struct place *place, char *text)
{
	char why[512];
	char *value = strchr(text, '=');
	int word = shown_word(text);
	if (!value || value == text)
		refuse(place, "%.*s%snot NAME=VALUE", word, text, word ? ": " : "");
	*value++ = '\0';
	/* kcat and librdkafka's own tools let a topic's properties be told apart. */
	const char *name = strncmp(text, "topic.", 6) == 0 ? text + 6 : text;
	for (; own && own->name; own++)
		if (own->fixed && strcmp(own->name, name) == 0)
			refuse(place, "%s is %s's own to set%s%s", name, fail_program(), *own->value ? ": " : "",
			       own->value);
	switch (rd_kafka_conf_set(kafka->conf, name, value, why, sizeof why)) {
	case RD_KAFKA_CONF_OK: break;
	case RD_KAFKA_CONF_UNKNOWN:
		refuse(place, "%s knows no property%s%.*s%s", kafka_version(), word ? " \"" : " of that name", word,
		       text, word ? "\"" : "");
	default: refuse(place, "property %s cannot have that value", name);
	}
	if (strcmp(name, "debug") == 0)
		kafka->debugging = true;
}

struct properties {
	struct kafka *kafka;
	const struct kafka_property *own;
};

/* A settings_line of a file of properties, as kcat's: a name=value a line, blank lines, and comments behind #. */
static void set_line(void *self, const char *file, uint64_t line, struct slice text)
{
	const struct properties *properties = self;
	const struct place place = {file, line};
	text = slice_trimmed(text);
	if (text.n == 0 || *text.p == '#')
		return;
	if (memchr(text.p, '\0', text.n))
		refuse(&place, "a NUL character");
	char *property = must_format("%.*s", (int)text.n, text.p);
	set_text(properties->kafka, properties->own, &place, property);
	free(property);
}

static void set_own(struct kafka *kafka, const struct kafka_property *own, bool fixed)
{
	char why[512];
	for (; own && own->name; own++)
		if (own->fixed == fixed &&
		    rd_kafka_conf_set(kafka->conf, own->name, own->value, why, sizeof why) != RD_KAFKA_CONF_OK)
			fail(EX_SOFTWARE, "%s: %s, a bug", kafka_version(), why);
}

/* --- what is said of the cluster --- */

/* Whether a text names one of librdkafka's properties: then it says what to do. */
static bool names_property(const rd_kafka_t *client, const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._";
	char name[64], value[8];
	while (*(text += strcspn(text, letters))) {
		size_t n = strspn(text, letters), room = sizeof value;
		int used = snprintf(name, sizeof name, "%.*s", (int)n, text);
		while (used > 0 && used < (int)sizeof name && name[used - 1] == '.')
			name[--used] = '\0';
		if (strchr(name, '.') &&
		    rd_kafka_conf_get(rd_kafka_conf((rd_kafka_t *)client), name, NULL, &room) == RD_KAFKA_CONF_OK)
			return true;
		text += n;
	}
	return false;
}

/* What was said last, but advice is not displaced by what follows from not taking it. */
static void note_trouble(struct kafka *kafka, const rd_kafka_t *client, const char *text)
{
	if (kafka->trouble[0] && names_property(client, kafka->trouble) && !names_property(client, text))
		return;
	snprintf(kafka->trouble, sizeof kafka->trouble, "%s", text);
}

static void on_error(rd_kafka_t *client, int error, const char *reason, void *self)
{
	struct kafka *kafka = self;
	char why[512];
	if (error == RD_KAFKA_RESP_ERR__FATAL) {
		rd_kafka_resp_err_t code = rd_kafka_fatal_error(client, why, sizeof why);
		if (!kafka->fatal)
			fail(kafka_status(code), "%s", why);
		kafka->fatal(kafka->self, code, why);
		return;
	}
	if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		if (kafka->down == 0)
			kafka->down = stats_clock();
	} else {
		note_trouble(kafka, client, reason);
	}
	kafka->doubted = true;
}

/* Advice on properties comes with each client that is made, and is passed on once; but not what is said of those that
 * are outdated, of which programs set some themselves. */
static void advise(const char *text)
{
	enum { MOST = 16 };
	static uint64_t said[MOST];
	static size_t n;
	uint64_t hash = XXH3_64bits(text, strlen(text));
	if (strstr(text, " is deprecated"))
		return;
	for (size_t i = 0; i < n; i++)
		if (said[i] == hash)
			return;
	if (n < MOST)
		said[n++] = hash;
	warn("%s: %s", kafka_version(), text);
}

/* librdkafka's threads call this at any time: nothing but a line in one write; with advice on properties, the one that
 * makes the client. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
	const struct kafka *kafka = rd_kafka_opaque(client);
	if (kafka->debugging)
		warn("%s: %s", facility, text);
	else if (strcmp(facility, "CONFWARN") == 0)
		advise(strncmp(text, "[thrd:app]: ", 12) == 0 ? text + 12 : text);
	(void)level;
}

/* What all programs set, for the user to change: a broker that is back is found soon. */
static const struct kafka_property shared_properties[] = {{"reconnect.backoff.max.ms", "2000", false},
							  {NULL, NULL, false}};

void kafka_configure(struct kafka *kafka, const struct settings *settings, const struct kafka_property *own)
{
	struct place option = {NULL, 0};
	struct properties properties = {kafka, own};
	*kafka = (struct kafka){.conf = rd_kafka_conf_new()};
	if (!kafka->conf)
		fail(EX_OSERR, "out of memory");
	set_own(kafka, shared_properties, false);
	set_own(kafka, own, false);
	for (size_t i = 0; i < settings->kafka_n; i++) {
		const struct kafka_setting *setting = &settings->kafka[i];
		char *text;
		switch (setting->kind) {
		case KAFKA_BROKERS:
		case KAFKA_PROPERTY:
			text = setting->kind == KAFKA_BROKERS ? must_format("bootstrap.servers=%s", setting->text)
							      : must_strdup(setting->text);
			set_text(kafka, own, &option, text);
			free(text);
			break;
		case KAFKA_FILE: settings_file_read(setting->text, set_line, &properties); break;
		}
	}
	set_own(kafka, own, true);
	rd_kafka_conf_set_opaque(kafka->conf, kafka);
	rd_kafka_conf_set_error_cb(kafka->conf, on_error);
	rd_kafka_conf_set_log_cb(kafka->conf, on_log);
}

void kafka_open(struct kafka *kafka, rd_kafka_type_t type)
{
	char why[512];
	kafka->client = rd_kafka_new(type, kafka->conf, why, sizeof why);
	if (!kafka->client)
		fail(EX_CONFIG, "Kafka client: %s", why);
	kafka->conf = NULL; /* it is the client's now */
}

void kafka_close(struct kafka *kafka)
{
	if (kafka->client)
		rd_kafka_destroy(kafka->client);
	else if (kafka->conf)
		rd_kafka_conf_destroy(kafka->conf);
	*kafka = (struct kafka){0};
}

void kafka_serve(struct kafka *kafka, int milliseconds)
{
	rd_kafka_poll(kafka->client, milliseconds);
}

const struct rd_kafka_metadata *kafka_topic(struct kafka *kafka, const char *topic, bool make)
{
	const struct rd_kafka_metadata *metadata;
	double until = stats_clock() + KAFKA_FIRST_ANSWER_MS / 1e3;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(kafka->client, topic, NULL);
	if (!handle)
		kafka_fail(kafka, rd_kafka_last_error(), "topic %s", topic);
	for (;;) {
		int left = (int)((until - stats_clock()) * 1e3);
		rd_kafka_resp_err_t error = rd_kafka_metadata(kafka->client, 0, handle, &metadata, left > 1 ? left : 1);
		kafka_serve(kafka, 0);
		if (error)
			kafka_fail(kafka, error, "the cluster does not answer");
		error = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
		if (!error && metadata->topics[0].partition_cnt > 0)
			break;
		rd_kafka_metadata_destroy(metadata);
		bool coming = kafka_passes(error) || (make && error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
		if (!coming || left <= 0)
			kafka_fail(kafka, error, "topic %s", topic);
		kafka_serve(kafka, 100);
	}
	rd_kafka_topic_destroy(handle);
	return metadata;
}

/* --- errors --- */

int kafka_status(rd_kafka_resp_err_t error)
{
	switch (error) {
	case RD_KAFKA_RESP_ERR__FENCED:
	case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
	case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
	case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: return EX_OPERATOR;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_MSG: return EX_DATAERR;
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
	case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
	case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS: return EX_TEMPFAIL;
	case RD_KAFKA_RESP_ERR__INVALID_ARG:
	case RD_KAFKA_RESP_ERR__STATE:
	case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED: return EX_SOFTWARE;
	default: return EX_UNAVAILABLE;
	}
}

bool kafka_passes(rd_kafka_resp_err_t error)
{
	switch (error) {
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
	case RD_KAFKA_RESP_ERR__WAIT_COORD:
	case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
	case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
	case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
	case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
	case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
	case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
	case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT: return true;
	default: return false;
	}
}

bool kafka_again(struct kafka *kafka, rd_kafka_resp_err_t error, double *since)
{
	enum { PAUSE_MS = 100 };
	double now = stats_clock();
	if (*since == 0)
		*since = now;
	if (!kafka_passes(error) || now - *since > KAFKA_FIRST_ANSWER_MS / 1e3)
		return false;
	kafka_serve(kafka, PAUSE_MS);
	return true;
}

rd_kafka_resp_err_t kafka_ask_offset(struct kafka *kafka, const char *topic, int32_t partition, int64_t at,
				     int milliseconds, int64_t *to)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *wanted = rd_kafka_topic_partition_list_add(list, topic, partition);
	wanted->offset = at;
	rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(kafka->client, list, milliseconds);
	if (!error)
		error = wanted->err;
	*to = wanted->offset >= 0 ? wanted->offset : -1;
	rd_kafka_topic_partition_list_destroy(list);
	return error;
}

int64_t kafka_offset(struct kafka *kafka, const char *topic, int32_t partition, int64_t at)
{
	rd_kafka_resp_err_t error;
	double since = 0;
	int64_t offset;
	do
		error = kafka_ask_offset(kafka, topic, partition, at, KAFKA_FIRST_ANSWER_MS, &offset);
	while (error && kafka_again(kafka, error, &since));
	if (error)
		kafka_fail(kafka, error, "%s/%d: its offsets", topic, (int)partition);
	return offset;
}

void kafka_list_add(rd_kafka_topic_partition_list_t *list, const char *topic, int32_t partition, int64_t offset,
		    const char *metadata)
{
	rd_kafka_topic_partition_t *to = rd_kafka_topic_partition_list_add(list, topic, partition);
	to->offset = offset;
	if (metadata) {
		to->metadata = must_strdup(metadata); /* freed with the list */
		to->metadata_size = strlen(metadata);
	}
}

void kafka_fail(const struct kafka *kafka, rd_kafka_resp_err_t error, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	fail(kafka_status(error), "%s: %s%s%s%s", text, rd_kafka_err2str(error), kafka->trouble[0] ? " (" : "",
	     kafka->trouble, kafka->trouble[0] ? ")" : "");
}
