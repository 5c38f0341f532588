#include "message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "fail.h"

/* More than what surrounds key, value and headers in a message on the wire, which counts against its limit as well. */
enum { OVERHEAD = 100 };

/* A packed header: this, then the name and a NUL, then the value. */
struct packed {
	uint32_t name_n;
	int32_t value_n; /* -1: null */
};

void messages_open(struct messages *messages, const char *key, bool envelope, struct names *names)
{
	messages->envelope = envelope;
	messages->headers = names_need(names, SLICE("_headers"));
	messages->time = names_need(names, SLICE("_ts"));
	key_open(&messages->key, key, names);
}

void messages_limit(struct messages *messages, rd_kafka_t *client)
{
	char text[32];
	size_t n = sizeof text;
	if (rd_kafka_conf_get(rd_kafka_conf(client), "message.max.bytes", text, &n) != RD_KAFKA_CONF_OK)
		fail(EX_SOFTWARE, "librdkafka has no message.max.bytes, a bug");
	messages->largest = strtoull(text, NULL, 10);
}

/* --- the value --- */

/* The record without the members in front that are the toolkit's own. */
static struct slice bare(struct messages *messages, const struct record *record)
{
	const struct members *top = &record->top;
	if (top->reserved == 0)
		return record->line;
	if (top->reserved == top->n)
		return SLICE("{}");
	const char *first = top->v[top->reserved].name.p - 1;
	struct slice rest = {first, (size_t)(record->line.p + record->line.n - first)};
	char *to = scratch_room(&messages->value, rest.n + 1);
	*to = '{';
	slice_append(to + 1, rest);
	return (struct slice){to, rest.n + 1};
}

/* --- headers --- */

static char *pack(char *to, struct slice name, const struct slice *value)
{
	struct packed head = {(uint32_t)name.n, value ? (int32_t)value->n : -1};
	memcpy(to, &head, sizeof head);
	to = slice_append(to + sizeof head, name);
	*to++ = '\0';
	return value ? slice_append(to, *value) : to;
}

/* Takes the value at p of an array that record_read has checked. Returns what follows it and space. */
static const char *element(const char *p, struct json_value *value)
{
	const char *reason;
	return json_space(json_value(json_space(p), 2, value, &reason));
}

/* Takes a header [name, value] into name and value as spelled. Returns whether it is one. */
static bool pair(struct slice array, struct json_value *name, struct json_value *value)
{
	const char *p = json_space(array.p + 1);
	if (*p == ']')
		return false;
	p = element(p, name);
	if (*p != ',' || name->type != JSON_STRING)
		return false;
	p = element(p + 1, value);
	return *p == ']' && (value->type == JSON_STRING || value->type == JSON_NULL);
}

static struct slice unescape(char *to, const struct json_value *string)
{
	struct slice inside = {string->text.p + 1, string->text.n - 2};
	return (struct slice){to, json_unescape(to, inside)};
}

/* Packs those of a `_headers` member, [[name, value], ...], to `to`. An earlier hop's _src among them is left out, the
 * record's own takes its place. Returns where they end, or NULL when the member is something else. */
static char *pack_member(struct messages *messages, const struct member *member, char *to)
{
	struct json_value header, name, value;
	if (member->type != JSON_ARRAY)
		return NULL;
	const char *p = json_space(member->value.p + 1);
	if (*p == ']')
		return to;
	for (;; p++) {
		p = element(p, &header);
		if (header.type != JSON_ARRAY || !pair(header.text, &name, &value))
			return NULL;
		char *decoded = scratch_room(&messages->decoded, name.text.n + value.text.n);
		struct slice name_text = unescape(decoded, &name), value_text = {NULL, 0};
		if (value.type == JSON_STRING)
			value_text = unescape(decoded + name.text.n, &value);
		if (!slice_equal(name_text, SLICE("_src")))
			to = pack(to, name_text, value.type == JSON_STRING ? &value_text : NULL);
		if (*p == ']')
			return to;
	}
}

/* Packs all headers of a record. Returns whether they are well formed. */
static bool pack_headers(struct messages *messages, const struct stream *stream, const struct record *record,
			 struct slice *to)
{
	const struct member *member = members_get(&record->top, messages->headers);
	/* A header takes at least the 7 bytes of ["",""], and comma or bracket; packed it has 9 beside its texts. */
	size_t room = (member ? 2 * member->value.n : 0) + stream->source.n + 64;
	char *start = scratch_room(&messages->packed, room), *end = start;
	if (member && !(end = pack_member(messages, member, end)))
		return false;
	if (stream->source.n > 0) {
		struct slice inside = {stream->source.p + 1, stream->source.n - 2}, text = inside;
		if (memchr(inside.p, '\\', inside.n)) {
			char *decoded = scratch_room(&messages->decoded, inside.n);
			text = (struct slice){decoded, json_unescape(decoded, inside)};
		}
		end = pack(end, SLICE("_src"), &text);
	}
	*to = (struct slice){start, (size_t)(end - start)};
	return true;
}

/* --- messages --- */

/* Milliseconds of a `_ts` member. Returns whether it is a time. */
static bool read_time(const struct member *member, int64_t *to)
{
	*to = 0;
	return !member_given(member) || (member->type == JSON_NUMBER && amount_read(member->value, to) && *to >= 0);
}

const char *message_read(struct messages *messages, const struct stream *stream, const struct record *record,
			 struct message *to)
{
	bool dead = members_get(&record->top, NAME_DEAD) != NULL;
	const char *reason = NULL;
	*to = (struct message){.line = stream->line};
	if (!dead)
		reason = key_read(&messages->key, record, &to->key);
	if (reason)
		return reason;
	if (!read_time(members_get(&record->top, messages->time), &to->time))
		return "_ts is no time in milliseconds";
	if (!pack_headers(messages, stream, record, &to->headers))
		return "_headers is not [[\"name\",\"value\"],...]";
	to->value = dead || messages->envelope ? record->line : bare(messages, record);
	size_t size = to->value.n + to->key.n + to->headers.n + OVERHEAD;
	if (size > messages->largest) {
		snprintf(messages->fault, sizeof messages->fault,
			 "%zu bytes, more than a message may have (message.max.bytes %zu)", size, messages->largest);
		return messages->fault;
	}
	return NULL;
}

static rd_kafka_headers_t *unpack(struct slice packed)
{
	if (packed.n == 0)
		return NULL;
	rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
	for (const char *p = packed.p, *end = p + packed.n; p < end;) {
		struct packed head;
		memcpy(&head, p, sizeof head);
		const char *name = p + sizeof head, *value = name + head.name_n + 1;
		rd_kafka_header_add(headers, name, (ssize_t)head.name_n, head.value_n < 0 ? NULL : value,
				    head.value_n < 0 ? 0 : head.value_n);
		p = value + (head.value_n < 0 ? 0 : head.value_n);
	}
	return headers;
}

rd_kafka_resp_err_t message_produce(const struct message *message, rd_kafka_t *client, rd_kafka_topic_t *topic)
{
	rd_kafka_headers_t *headers = unpack(message->headers);
	const rd_kafka_vu_t parts[] = {
	    {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
	    {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
	    {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)message->key.p, message->key.n}},
	    {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)message->value.p, message->value.n}},
	    {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = message->time},
	    {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)message->line},
	    {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
	};
	rd_kafka_error_t *error = rd_kafka_produceva(client, parts, sizeof parts / sizeof *parts);
	if (!error)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_resp_err_t code = rd_kafka_error_code(error);
	rd_kafka_error_destroy(error);
	if (headers)
		rd_kafka_headers_destroy(headers);
	return code;
}

void message_place(char to[MESSAGE_PLACE], const rd_kafka_message_t *report)
{
	rd_kafka_headers_t *headers;
	const void *source;
	size_t n;
	if (rd_kafka_message_headers(report, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
	    rd_kafka_header_get_last(headers, "_src", &source, &n) == RD_KAFKA_RESP_ERR_NO_ERROR && source)
		snprintf(to, MESSAGE_PLACE, "%.*s", (int)(n < 120 ? n : 120), (const char *)source);
	else
		snprintf(to, MESSAGE_PLACE, "line %" PRIuPTR, (uintptr_t)report->_private);
}
