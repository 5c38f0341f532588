#include "spans.h"

#include "fail.h"

static bool is_of(const struct span *span, struct slice source, int32_t partition)
{
	return span->partition == partition && slice_equal(span->source, source);
}

/* The span of a source partition, made where there is room for one more; else the last one. */
static unsigned find(struct spans *spans, struct slice source, int32_t partition)
{
	if (spans->n > 0 && is_of(&spans->v[spans->at], source, partition))
		return spans->at;
	for (unsigned i = 0; i < spans->n; i++)
		if (is_of(&spans->v[i], source, partition))
			return spans->at = i;
	if (spans->n == SPANS)
		return SPANS;
	spans->v[spans->n] = (struct span){.source = source, .partition = partition, .most = -1, .rising = true};
	return spans->at = spans->n++;
}

void spans_measure(struct spans *spans, const struct segment *segment)
{
	if (spans->capacity < segment->n) {
		spans->capacity = segment->capacity;
		spans->of = must_realloc(spans->of, spans->capacity * sizeof *spans->of);
		spans->number = must_realloc(spans->number, spans->capacity * sizeof *spans->number);
	}
	spans->n = 0;
	spans->v[SPANS] = (struct span){.unsettled = true, .dead = true, .pruned = true};
	for (size_t i = 0; i < segment->n; i++) {
		const struct row *row = &segment->row[i];

		spans->of[i] = SPANS;
		if (row->table == TABLE_STATISTICS || row->table == TABLE_DEAD)
			continue;
		spans->of[i] = (uint8_t)find(spans, segment_text(segment, row->source), row->partition);
		struct span *span = &spans->v[spans->of[i]];
		if (span->most < 0 || row->offset < span->least)
			span->least = row->offset;
		if (row->offset > span->most)
			span->most = row->offset;
		else
			span->rising = false;
	}
}

void spans_fresh(struct spans *spans, const struct segment *segment, enum table table)
{
	size_t first = 0;

	for (unsigned i = 0; i <= SPANS; i++)
		spans->v[i].n = 0;
	for (size_t i = 0; i < segment->n; i++) {
		struct span *span = &spans->v[spans->of[i]];

		span->n += span->fresh && segment->row[i].table == table;
	}
	for (unsigned i = 0; i <= SPANS; i++) {
		spans->v[i].first = first;
		first += spans->v[i].n;
		spans->v[i].n = 0;
	}
	for (size_t i = 0; i < segment->n; i++) {
		struct span *span = &spans->v[spans->of[i]];

		if (span->fresh && segment->row[i].table == table)
			spans->number[span->first + span->n++] = (uint32_t)i;
	}
}
