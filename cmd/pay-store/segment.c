#include "segment.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "json.h"

enum { ROWS = 1024, TEXT = 1 << 20, TEXT_KEPT = 8 << 20 };

static char *room(struct segment *segment, size_t n)
{
	if (n > UINT32_MAX - segment->text_n)
		fail(EX_DATAERR, "a segment of more than 4 GiB: let marks close segments sooner");
	if (segment->text_capacity - segment->text_n < n) {
		while (segment->text_capacity - segment->text_n < n)
			segment->text_capacity += segment->text_capacity ? segment->text_capacity / 2 : TEXT;
		segment->text = must_realloc(segment->text, segment->text_capacity);
	}
	return segment->text + segment->text_n;
}

struct piece segment_keep(struct segment *segment, struct slice bytes)
{
	struct piece piece = {(uint32_t)segment->text_n, (uint32_t)bytes.n};

	memcpy(room(segment, bytes.n), bytes.p, bytes.n);
	segment->text_n += bytes.n;
	return piece;
}

struct piece segment_keep_string(struct segment *segment, const struct member *member)
{
	struct piece piece = {(uint32_t)segment->text_n, ROW_NULL};

	if (!member_given(member))
		return piece;
	struct slice inside = member_inside(member);
	if (!member->escaped)
		return segment_keep(segment, inside);
	piece.n = (uint32_t)json_unescape(room(segment, inside.n), inside);
	segment->text_n += piece.n;
	return piece;
}

struct piece segment_refer(struct segment *segment, const struct member *member, struct slice line, struct piece kept)
{
	if (!member_given(member) || member->escaped)
		return segment_keep_string(segment, member);
	struct slice inside = member_inside(member);
	return (struct piece){kept.at + (uint32_t)(inside.p - line.p), (uint32_t)inside.n};
}

struct slice segment_text(const struct segment *segment, struct piece piece)
{
	if (piece.n == ROW_NULL)
		return (struct slice){NULL, 0};
	return (struct slice){segment->text + piece.at, piece.n};
}

struct row *segment_add(struct segment *segment, enum table table, const struct coordinates *coordinates)
{
	struct row *row;

	if (segment->n == segment->capacity) {
		segment->capacity += segment->capacity ? segment->capacity / 2 : ROWS;
		segment->row = must_realloc(segment->row, segment->capacity * sizeof *segment->row);
	}
	row = &segment->row[segment->n];
	row->table = table;
	row->partition = 0;
	row->amount = 0;
	for (int i = 0; i < ROW_TEXTS; i++)
		row->text[i].n = ROW_NULL;
	row->source.n = ROW_NULL;
	if (coordinates) {
		row->partition = coordinates->partition;
		row->offset = coordinates->offset;
		/* Neighbours mostly share their source. */
		if (segment->n > 0 && slice_equal(segment_text(segment, row[-1].source), coordinates->source))
			row->source = row[-1].source;
		else
			row->source = segment_keep(segment, coordinates->source);
	}
	segment->n++;
	return row;
}

void segment_texts(const struct segment *segment, const struct row *row, struct slice to[ROW_TEXTS])
{
	for (int i = 0; i < ROW_TEXTS; i++)
		to[i] = segment_text(segment, row->text[i]);
}

void segment_clear(struct segment *segment)
{
	segment->n = segment->text_n = 0;
	if (segment->text_capacity > TEXT_KEPT) {
		free(segment->text);
		segment->text = NULL;
		segment->text_capacity = 0;
	}
}
