#include "columns.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "file.h"
#include "input.h"
#include "json.h"

struct column {
	struct slice word, member;
};

struct columns {
	struct column *column;
	size_t n;
};

static struct slice copy(struct slice text)
{
	char *p = must_alloc(text.n + 1);
	memcpy(p, text.p, text.n);
	p[text.n] = '\0';
	return (struct slice){p, text.n};
}

/* Without space around it. */
static struct slice trimmed(struct slice text)
{
	while (text.n > 0 && memchr(" \t\r", text.p[0], 3)) {
		text.p++;
		text.n--;
	}
	while (text.n > 0 && memchr(" \t\r", text.p[text.n - 1], 3))
		text.n--;
	return text;
}

static const struct column *find(const struct columns *columns, struct slice word)
{
	for (size_t i = 0; i < columns->n; i++)
		if (slice_equal(columns->column[i].word, word))
			return &columns->column[i];
	return NULL;
}

static void take_line(struct columns *columns, const char *file, uint64_t line, struct slice text)
{
	text = trimmed(text);
	if (text.n == 0 || text.p[0] == '#')
		return;
	const char *equals = memrchr(text.p, '=', text.n);
	struct slice word = {text.p, equals ? (size_t)(equals - text.p) : 0};
	struct slice member = {word.p + word.n + 1, equals ? text.n - word.n - 1 : 0};
	word = trimmed(word);
	member = trimmed(member);
	if (word.n == 0 || member.n == 0)
		fail(EX_CONFIG, "%s:%" PRIu64 ": not WORD=MEMBER, a word of the header and what it stands for", file,
		     line);
	if (!json_utf8(text))
		fail(EX_CONFIG, "%s:%" PRIu64 ": not UTF-8; save it so, whatever the tables are in (--encoding)", file,
		     line);
	if (find(columns, word))
		fail(EX_CONFIG, "%s:%" PRIu64 ": \"%.*s\" stands there twice", file, line,
		     (int)(word.n < 200 ? word.n : 200), word.p);
	columns->column = must_realloc(columns->column, (columns->n + 1) * sizeof *columns->column);
	columns->column[columns->n++] = (struct column){copy(word), copy(member)};
}

struct columns *columns_read(const char *file)
{
	struct columns *columns = must_alloc(sizeof *columns);
	struct input input;
	enum input_state state;
	const char *p;
	uint64_t length;
	*columns = (struct columns){0};
	input_open(&input, file_open(file), file);
	input.settings = true;
	while ((state = input_next(&input, &p, &length, NULL, NULL)) != INPUT_END) {
		if (state == INPUT_TOO_LONG)
			fail(EX_CONFIG, "%s:%" PRIu64 ": line over 16 MiB", file, input.line);
		const char *feed = rawmemchr(p, '\n');
		struct slice text = {p, (size_t)(feed - p)};
		if (input.line == 1 && slice_begins(text, SLICE("\xEF\xBB\xBF")))
			text = (struct slice){text.p + 3, text.n - 3};
		take_line(columns, file, input.line, text);
		input_take(&input, feed);
	}
	close(input.fd);
	input_close(&input);
	return columns;
}

void columns_free(struct columns *columns)
{
	if (!columns)
		return;
	for (size_t i = 0; i < columns->n; i++) {
		free((char *)(uintptr_t)columns->column[i].word.p);
		free((char *)(uintptr_t)columns->column[i].member.p);
	}
	free(columns->column);
	free(columns);
}

struct slice columns_member(const struct columns *columns, struct slice word)
{
	const struct column *column = columns ? find(columns, word) : NULL;
	return column ? column->member : word;
}
