#include "message.h"

#include <stdlib.h>
#include <string.h>

#include "beginning.h"
#include "input.h"
#include "json.h"

void message_reader_init(struct message_reader *reader, struct message_with with)
{
	*reader = (struct message_reader){.with = with};
	names_init(&reader->names);
	reader->channel = names_add(&reader->names, SLICE("channel"));
	reader->action = names_add(&reader->names, SLICE("action"));
	reader->data = names_add(&reader->names, SLICE("data"));
	record_init(&reader->record);
}

void message_reader_free(struct message_reader *reader)
{
	record_free(&reader->record);
	free(reader->decoded.p);
}

bool message_with_read(struct message_with *with, const char *list)
{
	struct slice word;
	while (slice_word(&list, &word)) {
		if (slice_equal(word, SLICE("key")))
			with->key = true;
		else if (slice_equal(word, SLICE("ts")))
			with->ts = true;
		else if (slice_equal(word, SLICE("headers")))
			with->headers = true;
		else
			return false;
	}
	return true;
}

void message_bad(struct delivery *delivery, const struct message *message, const char *reason)
{
	struct deadletter_origin origin = {message->source, message->key, message->key_base64};
	struct slice raw = message->raw;
	size_t kept = raw.n > INPUT_LINE_MAX ? INPUT_TOO_LONG_KEPT : raw.n;
	delivery_dead(delivery, &origin, reason, (struct slice){raw.p, kept}, raw.n);
}

/* A value may be spread over lines. Line feeds inside strings stay: they are an error. */
static void join_lines(char *p, size_t n)
{
	bool inside = false;
	for (size_t i = 0; i < n; i++)
		if (p[i] == '"')
			inside = !inside;
		else if (p[i] == '\\' && inside)
			i++;
		else if (p[i] == '\n' && !inside)
			p[i] = ' ';
}

/* Checks the value that stands at p with a line feed behind it; NULL, or what is wrong. */
static const char *check_value(struct message_reader *reader, char *p, size_t n)
{
	const char *reason = NULL;
	const struct members *top = &reader->record.top;
	if (memchr(p, '\n', n))
		join_lines(p, n);
	const char *feed = record_read(&reader->record, &reader->names, p, &reason);
	if (!feed)
		return reason;
	if (feed != p + n)
		return "a line feed inside the value";
	for (size_t i = 0; i < top->n; i++)
		if (member_reserved(&top->v[i]))
			return "a member whose name begins with _, which only the toolkit may set";
	bool known = members_get(top, reader->channel) || members_get(top, reader->action) || top->at[NAME_AMOUNT];
	return known ? NULL : beginning_envelope(top);
}

/* Why a value that is no JSON object is bad: it may be framed for a Schema Registry. */
static const char *framed(struct slice value)
{
	enum { FRAME = 5 /* a zero and the schema's id */ };
	if (value.n < FRAME || value.p[0] != '\0')
		return NULL;
	return "the value begins with a Schema Registry's frame (0 and a schema's id), not with JSON: let what "
	       "produces it "
	       "write plain JSON, or capture it decoded, as by: kcat -C -s value=avro -r REGISTRY -J";
}

static char *append_part(char *to, struct slice name, struct slice value)
{
	to = slice_append(to, name);
	return slice_append(to, value.n ? value : SLICE("null"));
}

const char *message_deliver(struct message_reader *reader, struct delivery *delivery, const struct message *message)
{
	enum { NAMES = 80 };
	struct slice text = message->value;
	if (text.n > INPUT_LINE_MAX)
		return "value over 16 MiB";
	const char *frame = framed(text);
	if (frame)
		return frame;
	while (text.n > 0 && memchr(" \t\r\n", *text.p, 4)) {
		text.p++;
		text.n--;
	}
	/* The value is copied once, to its place in the output, and read there. */
	char *start = delivery_room(delivery, message->source.n + message->key.n + message->ts.n + message->headers.n +
						  text.n + NAMES + 1 + JSON_PADDING);
	char *to = append_part(start, SLICE("{\"_src\":"), message->source);
	if (reader->with.key)
		to = append_part(to, SLICE(",\"_key\":"), message->key);
	if (reader->with.ts)
		to = append_part(to, SLICE(",\"_ts\":"), message->ts);
	if (reader->with.headers)
		to = append_part(to, SLICE(",\"_headers\":"), message->headers);
	char *value = to;
	to = slice_append(value, text);
	*to = '\n';
	memset(to + 1, 0, JSON_PADDING);
	const char *reason = check_value(reader, value, text.n);
	if (reason)
		return reason;
	/* The comma takes the place of the opening brace, or of nothing where the object is empty. */
	bool empty = reader->record.top.n == 0;
	size_t n = empty ? 1 : reader->record.line.n;
	*value = empty ? '}' : ',';
	value[n] = '\n';
	delivery_record(delivery, (size_t)(value + n + 1 - start));
	return NULL;
}

/* Whether a string member's characters are these, whatever its escapes. */
static bool says(struct message_reader *reader, const struct member *member, struct slice text)
{
	return member && member->type == JSON_STRING && slice_equal(member_decoded(member, &reader->decoded), text);
}

bool message_finish(struct message_reader *reader, struct slice *channel)
{
	const struct members *top = &reader->record.top;
	const struct member *of = members_get(top, reader->channel);
	if (!says(reader, members_get(top, reader->action), SLICE("FINISH")) || !of || of->type != JSON_STRING ||
	    member_given(members_get(top, reader->data)))
		return false;
	*channel = member_decoded(of, &reader->decoded);
	return true;
}
