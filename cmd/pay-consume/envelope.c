#include "envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amount.h"
#include "json.h"

void envelopes_init(struct envelopes *envelopes, struct message_with with)
{
	*envelopes = (struct envelopes){0};
	struct names *names = &envelopes->names;
	names_init(names);
	envelopes->topic = names_add(names, SLICE("topic"));
	envelopes->partition = names_add(names, SLICE("partition"));
	envelopes->offset = names_add(names, SLICE("offset"));
	envelopes->ts = names_add(names, SLICE("ts"));
	envelopes->headers = names_add(names, SLICE("headers"));
	envelopes->key = names_add(names, SLICE("key"));
	envelopes->payload = names_add(names, SLICE("payload"));
	record_init(&envelopes->record);
	message_reader_init(&envelopes->reader, with);
}

void envelopes_free(struct envelopes *envelopes)
{
	record_free(&envelopes->record);
	message_reader_free(&envelopes->reader);
	free(envelopes->topic_text.p);
	free(envelopes->source.p);
	free(envelopes->value.p);
	free(envelopes->header_text.p);
}

bool envelope_is(struct envelopes *envelopes, const char *p)
{
	const char *reason;
	const struct members *top = &envelopes->record.top;
	if (!record_read(&envelopes->record, &envelopes->names, p, &reason))
		return slice_begins(envelopes->record.line, SLICE("{\"topic\":\""));
	return top->reserved == 0 && members_get(top, envelopes->topic) && members_get(top, envelopes->partition) &&
	       members_get(top, envelopes->offset);
}

/* The message's coordinates as a JSON string; NULL, or why there are none. */
static const char *read_source(struct envelopes *envelopes, struct slice *source)
{
	const struct members *top = &envelopes->record.top;
	const struct member *topic = members_get(top, envelopes->topic);
	const struct member *partition = members_get(top, envelopes->partition);
	const struct member *offset = members_get(top, envelopes->offset);
	amount p, o;
	if (!topic || topic->type != JSON_STRING || topic->value.n <= 2)
		return "kcat's envelope has no topic";
	if (!partition || partition->type != JSON_NUMBER || !amount_read(partition->value, &p) || p < 0 ||
	    p > INT32_MAX)
		return "kcat's envelope has no partition";
	if (!offset || offset->type != JSON_NUMBER || !amount_read(offset->value, &o) || o < 0 || o == INT64_MAX)
		return "kcat's envelope has no offset";
	struct slice name = member_decoded(topic, &envelopes->topic_text);
	if (memchr(name.p, '\0', name.n)) /* no coordinates have one */
		return "kcat's envelope has no topic";
	char *to = scratch_room(&envelopes->source, json_quote_room(name.n) + 48);
	size_t n = json_quote(to, name) - 1;
	n += (size_t)sprintf(to + n, "/%" PRId64 "/%" PRId64 "\"", p, o);
	*source = (struct slice){to, n};
	envelopes->at = (struct coordinates){name, (int32_t)p, o};
	return NULL;
}

/* kcat's flat ["name","value",…] as [["name","value"],…]; an empty slice where it is not that. */
static struct slice pair_headers(struct envelopes *envelopes, const struct member *headers)
{
	struct slice none = {"", 0};
	if (headers->type != JSON_ARRAY)
		return none;
	char *start = scratch_room(&envelopes->header_text, 3 * headers->value.n + 4), *to = start;
	const char *p = json_space(headers->value.p + 1), *reason;
	*to++ = '[';
	size_t n = 0;
	for (; *p != ']'; n++) {
		struct json_value value;
		if (n > 0) {
			p = json_space(p + 1); /* the comma */
			*to++ = ',';
		}
		p = json_space(json_value(p, 2, &value, &reason));
		if (value.type != JSON_STRING && (n % 2 == 0 || value.type != JSON_NULL))
			return none;
		if (n % 2 == 0)
			*to++ = '[';
		memcpy(to, value.text.p, value.text.n);
		to += value.text.n;
		if (n % 2 == 1)
			*to++ = ']';
	}
	*to++ = ']';
	return n % 2 == 0 ? (struct slice){start, (size_t)(to - start)} : none;
}

/* The payload's characters; false where there are none. */
static bool read_value(struct envelopes *envelopes, const struct member *payload, struct message *message)
{
	if (payload->type == JSON_STRING) {
		char *to = scratch_room(&envelopes->value, payload->value.n);
		message->value = (struct slice){to, json_unescape(to, member_inside(payload))};
		message->raw = message->value;
	} else if (payload->type == JSON_OBJECT) {
		message->value = payload->value;
		message->raw = message->value;
	} else {
		return false;
	}
	return true;
}

const char *envelope_deliver(struct envelopes *envelopes, struct delivery *delivery, const char *p, struct slice source)
{
	const char *reason = NULL;
	struct message message = {.source = source};
	const struct members *top = &envelopes->record.top;
	const char *feed = record_read(&envelopes->record, &envelopes->names, p, &reason);
	struct slice raw = envelopes->record.line;
	if (!feed) {
		delivery_bad(delivery, source, reason, raw, raw.n);
		return rawmemchr(p, '\n');
	}
	const struct member *key = members_get(top, envelopes->key), *ts = members_get(top, envelopes->ts);
	const struct member *headers = members_get(top, envelopes->headers);
	const struct member *payload = members_get(top, envelopes->payload);
	reason = read_source(envelopes, &message.source);
	if (!reason)
		covers_met(delivery->covers, &envelopes->at);
	if (!reason && !member_given(payload))
		reason = "the message has no value (a tombstone)";
	if (!reason && !read_value(envelopes, payload, &message))
		reason = "kcat's payload is not a text";
	if (!reason && envelopes->reader.with.headers && member_given(headers)) {
		message.headers = pair_headers(envelopes, headers);
		if (message.headers.n == 0)
			reason = "kcat's headers are not names and values in turn";
	}
	if (key && key->type == JSON_STRING)
		message.key = key->value;
	if (ts)
		message.ts = ts->value;
	if (reason)
		message.raw = raw;
	else
		reason = message_deliver(&envelopes->reader, delivery, &message);
	if (reason)
		message_bad(delivery, &message, reason);
	return feed;
}
