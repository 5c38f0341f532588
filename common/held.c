#include "held.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "json.h"

void held_free(struct held *held)
{
	free(held->line);
	free(held->text);
	*held = (struct held){0};
}

/* Room for one more line: at the end, by moving what waits to the front, or by growing. */
static void make_room(struct held *held, size_t bytes)
{
	if (held->first + held->n == held->capacity) {
		if (held->n > held->capacity / 2 || held->capacity == 0) {
			held->capacity = held->capacity ? 2 * held->capacity : 64;
			held->line = must_realloc(held->line, held->capacity * sizeof *held->line);
		}
		memmove(held->line, held->line + held->first, held->n * sizeof *held->line);
		held->first = 0;
	}
	if (held->room - held->text_end < bytes + JSON_PADDING) {
		size_t least = held->bytes + bytes + JSON_PADDING;
		if (least > held->room / 2) {
			held->room = 2 * least;
			held->text = must_realloc(held->text, held->room);
		}
		memmove(held->text, held->text + held->text_start, held->bytes);
		held->text_start = 0;
		held->text_end = held->bytes;
	}
}

void held_add(struct held *held, struct slice text, const struct held_line *about)
{
	make_room(held, text.n + 1);
	char *end = slice_append(held->text + held->text_end, text);
	*end++ = '\n';
	memset(end, 0, JSON_PADDING);
	held->text_end += text.n + 1;
	held->bytes += text.n + 1;
	held->line[held->first + held->n] = *about;
	held->line[held->first + held->n++].n = text.n;
}

const char *held_first(const struct held *held, struct held_line *about)
{
	*about = held->line[held->first];
	return held->text + held->text_start;
}

void held_drop(struct held *held)
{
	size_t n = held->line[held->first].n + 1;
	held->first++;
	held->n--;
	held->text_start += n;
	held->bytes -= n;
	if (held->n == 0)
		held->first = held->text_start = held->text_end = 0;
}
