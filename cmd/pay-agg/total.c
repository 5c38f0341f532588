#include "total.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "csv_field.h"
#include "fail.h"

enum { VALUE_ROOM = 128 }; /* what stands around two numbers, and they */

void total_start(struct total_writer *writer, enum total_format format, const struct grouping *grouping)
{
	*writer = (struct total_writer){.format = format, .grouping = grouping};
	for (unsigned i = 0; i < grouping->n; i++) {
		struct slice name = slice_of(grouping->v[i].name);
		char *lead = must_alloc(json_quote_room(name.n) + 8);
		size_t n = (size_t)sprintf(lead, "%s", i ? "," : "");
		n += json_quote(lead + n, name);
		lead[n++] = ':';
		writer->lead[i] = (struct slice){lead, n};
	}
}

size_t total_room(const struct total_writer *writer, struct slice key)
{
	size_t room = VALUE_ROOM + json_quote_room(key.n) + 8 * writer->grouping->n;
	for (unsigned i = 0; i < writer->grouping->n; i++)
		room += writer->lead[i].n;
	return room;
}

static char *put(char *to, struct slice text)
{
	memcpy(to, text.p, text.n);
	return to + text.n;
}

/* {…} */
static char *put_key(struct total_writer *writer, char *to, struct slice key)
{
	*to++ = '{';
	for (unsigned i = 0; i < writer->grouping->n; i++) {
		struct slice text;
		to = put(to, writer->lead[i]);
		switch (key_next(&key, &text, &writer->decoded)) {
		case KEY_NULL: to = put(to, SLICE("null")); break;
		case KEY_BOOLEAN:
		case KEY_NUMBER: to = put(to, text); break;
		case KEY_STRING: to += json_quote(to, text); break;
		}
	}
	*to++ = '}';
	return to;
}

void total_wide(struct total_writer *writer, struct slice key, amount_sum sum)
{
	char digits[AMOUNT_TEXT];
	amount_write(digits, sum);
	char *text = must_alloc(total_room(writer, key));
	char *end = put_key(writer, text, key);
	complain("the total of %.*s is %s, which does not fit 64 bits and is left out: total by finer keys (--by), and "
		 "refuse amounts that nobody pays (pay-tobase --most)",
		 (int)(end - text), text, digits);
	free(text);
}

static char *put_row(struct total_writer *writer, char *to, struct slice key)
{
	for (unsigned i = 0; i < writer->grouping->n; i++) {
		struct slice text;
		if (key_next(&key, &text, &writer->decoded) != KEY_NULL)
			to = csv_field(to, text);
		*to++ = ',';
	}
	return to;
}

size_t total_write(struct total_writer *writer, char *to, struct slice key, uint64_t count, amount_sum sum)
{
	char *start = to, digits[AMOUNT_TEXT];
	amount_write(digits, sum);
	if (writer->format == TOTAL_CSV) {
		to = put_row(writer, to, key);
		to += sprintf(to, "%" PRIu64 ",%s\n", count, digits);
	} else {
		if (writer->format == TOTAL_JSON)
			to = put(to, writer->written ? SLICE(",\n") : SLICE("\n"));
		to = put(to, SLICE("{\"key\":"));
		to = put_key(writer, to, key);
		to += sprintf(to, ",\"value\":{\"count\":%" PRIu64 ",\"totalAmount\":%s}}%s", count, digits,
			      writer->format == TOTAL_JSON ? "" : "\n");
	}
	writer->written++;
	return (size_t)(to - start);
}

void total_open(struct total_writer *writer, struct output *output)
{
	if (writer->format == TOTAL_JSON)
		output_bytes(output, SLICE("["));
	if (writer->format != TOTAL_CSV)
		return;
	for (unsigned i = 0; i < writer->grouping->n; i++) {
		struct slice name = slice_of(writer->grouping->v[i].name);
		char *to = output_room(output, csv_field_room(name.n) + 1);
		char *end = csv_field(to, name);
		*end++ = ',';
		output_advance(output, (size_t)(end - to));
	}
	output_line(output, SLICE("count,totalAmount"));
}

void total_close(struct total_writer *writer, struct output *output)
{
	if (writer->format == TOTAL_JSON)
		output_bytes(output, writer->written ? SLICE("\n]\n") : SLICE("]\n"));
}
