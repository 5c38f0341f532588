#include "envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amount.h"
#include "fail.h"
#include "json.h"

void envelopes_init(struct envelopes *envelopes, struct message_with with)
{
	*envelopes = (struct envelopes){0};
	struct names *names = &envelopes->names;
	names_init(names);
	envelopes->topic = names_add(names, SLICE("topic"));
	envelopes->partition = names_add(names, SLICE("partition"));
	envelopes->offset = names_add(names, SLICE("offset"));
	envelopes->payload = names_add(names, SLICE("payload"));
	envelopes->value = names_add(names, SLICE("value"));
	if (with.ts) {
		envelopes->ts = names_add(names, SLICE("ts"));
		envelopes->timestamp = names_add(names, SLICE("timestamp"));
	}
	if (with.headers)
		envelopes->headers = names_add(names, SLICE("headers"));
	if (with.key)
		envelopes->key = names_add(names, SLICE("key"));
	record_init(&envelopes->record);
	message_reader_init(&envelopes->reader, with);
}

void envelopes_free(struct envelopes *envelopes)
{
	record_free(&envelopes->record);
	message_reader_free(&envelopes->reader);
	free(envelopes->topic_text.p);
	free(envelopes->source.p);
	free(envelopes->value_text.p);
	free(envelopes->header_text.p);
	free(envelopes->line.p);
	members_free(&envelopes->header);
}

/* A member that may not have been asked for. */
static const struct member *get(const struct envelopes *envelopes, int name)
{
	return name == NAME_NONE ? NULL : members_get(&envelopes->record.top, name);
}

static const char *skip_string(const char *p)
{
	for (p++; *p != '"' && *p != '\n'; p++)
		if (*p == '\\' && p[1] != '\n')
			p++;
	return *p == '"' ? p + 1 : p;
}

/* Behind the value at p, whatever its strings hold. */
static const char *skip_value(const char *p)
{
	int depth = 0;
	for (; *p != '\n'; p++) {
		if (*p == '"')
			p = skip_string(p) - 1;
		else if (*p == '{' || *p == '[')
			depth++;
		else if (depth == 0 && (*p == ',' || *p == '}' || *p == ']'))
			break;
		else if (*p == '}' || *p == ']')
			depth--;
		if (depth == 0 && (*p == '"' || *p == '}' || *p == ']'))
			return p + 1;
	}
	return p;
}

/* A copy of the line at p in which what nobody asked for is 0: keys and headers may be bytes that no JSON holds. */
static const char *without_unasked(struct envelopes *envelopes, const char *p, size_t n)
{
	char *line = scratch_room(&envelopes->line, n + 1 + JSON_PADDING);
	memcpy(line, p, n);
	line[n] = '\n';
	memset(line + n + 1, 0, JSON_PADDING);
	const char *at = json_space(line);
	for (at += *at == '{'; *(at = json_space(at)) == '"'; at += *at == ',') {
		const char *name = at + 1;
		at = skip_string(at);
		struct slice text = {name, (size_t)(at - name) - 1};
		at = json_space(at);
		if (*at != ':')
			break;
		char *value = line + (json_space(at + 1) - line);
		at = skip_value(value);
		if (at > value && names_find(&envelopes->names, text) == NAME_NONE) {
			memset(value, ' ', (size_t)(at - value));
			*value = '0';
		}
		at = json_space(at);
	}
	return line;
}

/* Reads the line at p, as record_read does. */
static const char *read_line(struct envelopes *envelopes, const char *p, const char **reason)
{
	const char *feed = record_read(&envelopes->record, &envelopes->names, p, reason);
	if (feed)
		return feed;
	feed = rawmemchr(p, '\n');
	const char *copy = without_unasked(envelopes, p, (size_t)(feed - p));
	return record_read(&envelopes->record, &envelopes->names, copy, reason) ? feed : NULL;
}

bool envelope_is(struct envelopes *envelopes, const char *p)
{
	const char *reason;
	const struct members *top = &envelopes->record.top;
	if (!read_line(envelopes, p, &reason))
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
		return "the captured message has no topic";
	if (!partition || partition->type != JSON_NUMBER || !amount_read(partition->value, &p) || p < 0 ||
	    p > INT32_MAX)
		return "the captured message has no partition";
	if (!offset || offset->type != JSON_NUMBER || !amount_read(offset->value, &o) || o < 0 || o == INT64_MAX)
		return "the captured message has no offset";
	struct slice name = member_decoded(topic, &envelopes->topic_text);
	if (memchr(name.p, '\0', name.n)) /* no coordinates have one */
		return "the captured message has no topic";
	char *to = scratch_room(&envelopes->source, json_quote_room(name.n) + 48);
	size_t n = json_quote(to, name) - 1;
	n += (size_t)sprintf(to + n, "/%" PRId64 "/%" PRId64 "\"", p, o);
	*source = (struct slice){to, n};
	envelopes->at = (struct coordinates){name, (int32_t)p, o};
	return NULL;
}

/* One of rpk's headers, {"key":"name","value":"value"}, as ["name","value"]; NULL where it is not that. */
static char *pair_object(struct envelopes *envelopes, char *to, struct slice object)
{
	struct slice name = {0}, value = SLICE("null");
	struct members *members = &envelopes->header;
	members_read(members, NULL, object);
	for (size_t i = 0; i < members->n; i++) {
		const struct member *member = &members->v[i];
		bool text = member->type == JSON_STRING;
		if (slice_equal(member->name, SLICE("key")) && text)
			name = member->value;
		else if (slice_equal(member->name, SLICE("value")) && (text || member->type == JSON_NULL))
			value = member->value;
	}
	if (name.n == 0)
		return NULL;
	*to++ = '[';
	to = slice_append(to, name);
	*to++ = ',';
	to = slice_append(to, value);
	*to++ = ']';
	return to;
}

/* kcat's flat ["name","value",…], or rpk's objects, as [["name","value"],…]; an empty slice where it is not that. */
static struct slice pair_headers(struct envelopes *envelopes, const struct member *headers)
{
	struct slice none = {"", 0};
	if (headers->type != JSON_ARRAY)
		return none;
	char *start = scratch_room(&envelopes->header_text, 3 * headers->value.n + 4), *to = start;
	const char *p = json_space(headers->value.p + 1), *reason;
	*to++ = '[';
	bool inside = false; /* a pair, whose value is due */
	for (size_t n = 0; *p != ']'; n++) {
		struct json_value value;
		if (n > 0) {
			p = json_space(p + 1); /* the comma */
			*to++ = ',';
		}
		p = json_space(json_value(p, 2, &value, &reason));
		if (value.type == JSON_OBJECT && !inside) {
			to = pair_object(envelopes, to, value.text);
			if (!to)
				return none;
			continue;
		}
		if (value.type != JSON_STRING && (!inside || value.type != JSON_NULL))
			return none;
		if (!inside)
			*to++ = '[';
		to = slice_append(to, value.text);
		if (inside)
			*to++ = ']';
		inside = !inside;
	}
	*to++ = ']';
	return inside ? none : (struct slice){start, (size_t)(to - start)};
}

/* The payload's characters; false where there are none. */
static bool read_value(struct envelopes *envelopes, const struct member *payload, struct message *message)
{
	if (payload->type == JSON_STRING) {
		char *to = scratch_room(&envelopes->value_text, payload->value.n);
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

/* The key as it stands there: for a dead letter, whether it was asked for or not. */
static struct slice key_of(const struct members *top)
{
	for (size_t i = 0; i < top->n; i++)
		if (slice_equal(top->v[i].name, SLICE("key")) && top->v[i].type == JSON_STRING)
			return top->v[i].value;
	return (struct slice){"", 0};
}

/* Takes the message out of the line that was read; NULL, or why it is bad. */
static const char *take_message(struct envelopes *envelopes, struct delivery *delivery, struct message *message)
{
	const struct members *top = &envelopes->record.top;
	const struct member *ts = get(envelopes, envelopes->ts), *headers = get(envelopes, envelopes->headers);
	const struct member *payload = members_get(top, envelopes->payload);
	const char *reason = read_source(envelopes, &message->source);
	if (!payload)
		payload = members_get(top, envelopes->value);
	if (!ts)
		ts = get(envelopes, envelopes->timestamp);
	if (ts)
		message->ts = ts->value;
	message->key = key_of(top);
	if (reason)
		return reason;
	if (slice_equal(envelopes->at.source, envelopes->file)) {
		output_flush(&delivery->out);
		fail(EX_OPERATOR,
		     "%.*s: holds messages of the topic %.*s, so its lines would be taken for that one's offsets: give "
		     "the file another name (--as)",
		     (int)envelopes->file.n, envelopes->file.p, (int)envelopes->file.n, envelopes->file.p);
	}
	covers_met(delivery->covers, &envelopes->at);
	if (!member_given(payload))
		return "the message has no value (a tombstone)";
	if (!read_value(envelopes, payload, message))
		return "the captured payload is not a text";
	if (member_given(headers)) {
		message->headers = pair_headers(envelopes, headers);
		if (message->headers.n == 0)
			return "the captured headers are not names and values in turn";
	}
	return NULL;
}

const char *envelope_deliver(struct envelopes *envelopes, struct delivery *delivery, const char *p, struct slice source,
			     bool cut)
{
	const char *reason = NULL;
	struct message message = {.source = source};
	bool whole = read_line(envelopes, p, &reason) != NULL;
	const char *feed = rawmemchr(p, '\n');
	struct slice raw = {p, (size_t)(feed - p) - (feed > p && feed[-1] == '\r')};
	if (!whole) {
		delivery_bad(delivery, source, cut ? "the last line is cut" : reason, raw, raw.n);
		return feed;
	}
	reason = take_message(envelopes, delivery, &message);
	if (reason)
		message.raw = raw;
	else
		reason = message_deliver(&envelopes->reader, delivery, &message);
	if (reason)
		message_bad(delivery, &message, reason);
	return feed;
}
