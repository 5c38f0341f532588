#include "trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static const struct slice partitions = {"+partitions", 11}; /* no channel's name */

void trace_init(struct trace *trace)
{
	*trace = (struct trace){.offset = -1};
}

uint64_t trace_hash(struct slice value)
{
	return XXH3_64bits(value.p, value.n);
}

void trace_read(struct trace *trace, const char *text)
{
	int n = 0;
	trace_init(trace);
	if (!text || sscanf(text, "%" SCNd64 ":%" SCNx64 "%n", &trace->offset, &trace->hash, &n) != 2 ||
	    trace->offset < -1) {
		trace_init(trace);
		return;
	}
	while (text[n] == ';') {
		const char *name = text + n + 1, *equals = strchr(name, '=');
		char *end;
		if (!equals)
			return;
		struct slice what = {name, (size_t)(equals - name)};
		int64_t number = strtoll(equals + 1, &end, 10);
		if (slice_equal(what, partitions) && number <= INT32_MAX)
			trace->partitions = (int32_t)number;
		else if (number >= 0)
			trace_set_days(trace, what, number);
		n = (int)(end - text);
	}
}

size_t trace_write(const struct trace *trace, char to[TRACE_TEXT])
{
	size_t n = (size_t)snprintf(to, TRACE_TEXT, "%" PRId64 ":%016" PRIx64, trace->offset, trace->hash);
	for (size_t i = 0; i < trace->channels; i++)
		n += (size_t)snprintf(to + n, TRACE_TEXT - n, ";%s=%" PRId64, trace->channel[i].name,
				      trace->channel[i].days);
	if (trace->partitions > 0)
		n += (size_t)snprintf(to + n, TRACE_TEXT - n, ";%s=%" PRId32, partitions.p, trace->partitions);
	return n;
}

int64_t trace_days(const struct trace *trace, struct slice channel)
{
	for (size_t i = 0; i < trace->channels; i++)
		if (slice_equal(slice_of(trace->channel[i].name), channel))
			return trace->channel[i].days;
	return -1;
}

bool trace_channel(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_' &&
		    c != '.' && c != '-')
			return false;
	}
	return name.n > 0 && name.n < TRACE_NAME;
}

void trace_set_days(struct trace *trace, struct slice channel, int64_t days)
{
	size_t i = 0;
	while (i < trace->channels && !slice_equal(slice_of(trace->channel[i].name), channel))
		i++;
	if (i == trace->channels) {
		if (i == TRACE_CHANNELS || !trace_channel(channel))
			return;
		memcpy(trace->channel[i].name, channel.p, channel.n);
		trace->channel[i].name[channel.n] = '\0';
		trace->channels++;
	}
	trace->channel[i].days = days;
}
