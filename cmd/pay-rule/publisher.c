#include "publisher.h"

#include <stdlib.h>

#include "fail.h"
#include "json.h"

static const struct kafka_property properties[] = {
    {"enable.idempotence", "true", true},     /* acks=all goes with it */
    {"partitioner", "murmur2_random", false}, /* as Java's producers do */
    {"linger.ms", "2", false},
    {NULL, NULL, false},
};

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *self)
{
	struct publisher *publisher = (struct publisher *)self; /* kafka is its first member */
	(void)client;
	if (message->err)
		kafka_fail(&publisher->kafka, message->err, "topic %s: a found rule cannot be published",
			   publisher->name);
	publisher->acknowledged++;
}

void publisher_open(struct publisher *publisher, const struct settings *settings, const char *name)
{
	_Static_assert(offsetof(struct publisher, kafka) == 0, "callbacks get kafka, and mean its publisher");
	*publisher = (struct publisher){.name = name};
	kafka_configure(&publisher->kafka, settings, properties);
	rd_kafka_conf_set_dr_msg_cb(publisher->kafka.conf, on_delivery);
	kafka_open(&publisher->kafka, RD_KAFKA_PRODUCER);
}

/* merchant/date/action/method */
static size_t write_key(struct scratch *scratch, const struct pin_key *key)
{
	const struct key_texts *texts = &key->texts;
	char day[DATE_TEXT];
	char *start = scratch_room(scratch, texts->merchant.n + texts->action.n + texts->method.n + DATE_TEXT + 3);
	date_write(day, key->day);
	char *to = slice_append(start, texts->merchant);
	*to++ = '/';
	to = slice_append(to, slice_of(day));
	*to++ = '/';
	to = slice_append(to, texts->action);
	*to++ = '/';
	to = slice_append(to, texts->method);
	return (size_t)(to - start);
}

static char *put_text(char *to, const char *name, struct slice text)
{
	to = slice_append(to, slice_of(name));
	return to + json_quote(to, text);
}

static char *put_date(char *to, const char *name, date_day day)
{
	char text[DATE_TEXT];
	date_write(text, day);
	return put_text(to, name, slice_of(text));
}

static size_t write_value(struct scratch *scratch, const struct pin_key *key, const struct rule *rule)
{
	enum { NAMES_AND_DATES = 256 };
	const struct key_texts *texts = &key->texts;
	char *start = scratch_room(scratch, NAMES_AND_DATES + rule->id.n + json_quote_room(texts->merchant.n) +
						json_quote_room(texts->action.n) + json_quote_room(texts->method.n));
	char *to = slice_append(slice_append(start, SLICE("{\"ruleId\":")), rule->id);
	to = put_date(to, ",\"payoutDate\":", rule->payout);
	to = put_date(to, ",\"confirmDate\":", rule->confirm);
	to = put_text(to, ",\"merchantNumber\":", texts->merchant);
	to = put_date(to, ",\"paymentDate\":", key->day);
	to = put_text(to, ",\"paymentActionType\":", texts->action);
	to = put_text(to, ",\"paymentMethodType\":", texts->method);
	*to++ = '}';
	return (size_t)(to - start);
}

/* A key is split at its last three slashes, so only the merchant may have some of its own. */
static bool can_be_read(const struct pin_key *key)
{
	const struct key_texts *texts = &key->texts;
	return !memchr(texts->action.p, '/', texts->action.n) && !memchr(texts->method.p, '/', texts->method.n);
}

void publisher_send(struct publisher *publisher, const struct pin_key *key, const struct rule *rule)
{
	if (!can_be_read(key)) {
		if (!publisher->left_out)
			warn("topic %s: rules of an action or method with a slash (%.*s, %.*s) are not published, as "
			     "their "
			     "key could not be read again",
			     publisher->name, (int)key->texts.action.n, key->texts.action.p, (int)key->texts.method.n,
			     key->texts.method.p);
		publisher->left_out = true;
		return;
	}
	size_t key_n = write_key(&publisher->key, key), value_n = write_value(&publisher->value, key, rule);
	const rd_kafka_vu_t message[] = {
	    {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = publisher->name},
	    {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
	    {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {publisher->key.p, key_n}},
	    {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {publisher->value.p, value_n}},
	};
	rd_kafka_error_t *error;
	while ((error = rd_kafka_produceva(publisher->kafka.client, message, sizeof message / sizeof *message))) {
		rd_kafka_resp_err_t code = rd_kafka_error_code(error);
		rd_kafka_error_destroy(error);
		if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			kafka_fail(&publisher->kafka, code, "topic %s: a found rule cannot be published",
				   publisher->name);
		kafka_serve(&publisher->kafka, 100);
	}
	publisher->sent++;
}

void publisher_flush(struct publisher *publisher)
{
	while (publisher->acknowledged < publisher->sent)
		kafka_serve(&publisher->kafka, 100);
}

void publisher_close(struct publisher *publisher)
{
	kafka_close(&publisher->kafka);
	free(publisher->key.p);
	free(publisher->value.p);
}
