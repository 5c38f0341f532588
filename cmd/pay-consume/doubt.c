#include "doubt.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"

/* What stands in the text before each line's source, key, reason (with its NUL) and raw text. */
struct head {
	size_t source, key, reason, raw;
	uint64_t length;
	bool key_base64;
};

static void append(struct doubt *doubt, const void *p, size_t n)
{
	if (n > 0)
		memcpy(doubt->text + doubt->used, p, n);
	doubt->used += n;
}

void doubt_add(struct doubt *doubt, const struct deadletter_origin *origin, const char *reason, struct slice raw,
	       uint64_t length)
{
	struct head head = {origin->source.n, origin->key.n, strlen(reason) + 1, raw.n, length, origin->key_base64};
	size_t room = sizeof head + head.source + head.key + head.reason + head.raw;
	if (room > doubt->capacity - doubt->used) {
		doubt->capacity = doubt->used + doubt->used / 2 + room;
		doubt->text = must_realloc(doubt->text, doubt->capacity);
	}
	append(doubt, &head, sizeof head);
	append(doubt, origin->source.p, head.source);
	append(doubt, origin->key.p, head.key);
	append(doubt, reason, head.reason);
	append(doubt, raw.p, head.raw);
	doubt->n++;
}

bool doubt_full(const struct doubt *doubt)
{
	return doubt->n >= DOUBT_LINES || doubt->used > DOUBT_TEXT;
}

/* The head of the line at `at`. */
static struct head head_at(const struct doubt *doubt, size_t at)
{
	struct head head;
	memcpy(&head, doubt->text + at, sizeof head);
	return head;
}

void doubt_each(const struct doubt *doubt,
		void (*take)(void *self, const struct deadletter_origin *origin, const char *reason, struct slice raw,
			     uint64_t length),
		void *self)
{
	for (size_t at = 0; at < doubt->used;) {
		struct head head = head_at(doubt, at);
		const char *source = doubt->text + at + sizeof head, *key = source + head.source,
			   *reason = key + head.key, *raw = reason + head.reason;
		struct deadletter_origin origin = {{source, head.source}, {key, head.key}, head.key_base64};
		take(self, &origin, reason, (struct slice){raw, head.raw}, head.length);
		at = (size_t)(raw + head.raw - doubt->text);
	}
}

const char *doubt_first(const struct doubt *doubt, struct slice *source)
{
	struct head head = head_at(doubt, 0);
	*source = (struct slice){doubt->text + sizeof head, head.source};
	return source->p + head.source + head.key;
}

void doubt_see(struct doubt *doubt, struct slice text)
{
	size_t room = DOUBT_START - doubt->start_n, n = text.n < room ? text.n : room;
	if (n == 0)
		return;
	doubt->start = must_realloc(doubt->start, doubt->start_n + n);
	memcpy(doubt->start + doubt->start_n, text.p, n);
	doubt->start_n += n;
}

struct slice doubt_start(const struct doubt *doubt)
{
	return (struct slice){doubt->start ? doubt->start : "", doubt->start_n};
}

void doubt_free(struct doubt *doubt)
{
	free(doubt->text);
	free(doubt->start);
	*doubt = (struct doubt){0};
}
