#include "columns.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "json.h"
#include "settings_file.h"

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

static const struct column *find(const struct columns *columns, struct slice word)
{
	for (size_t i = 0; i < columns->n; i++)
		if (slice_equal(columns->column[i].word, word))
			return &columns->column[i];
	return NULL;
}

/* A settings_line. */
static void take_line(void *self, const char *file, uint64_t line, struct slice text)
{
	struct columns *columns = self;
	if (line == 1 && slice_begins(text, SLICE("\xEF\xBB\xBF")))
		text = (struct slice){text.p + 3, text.n - 3};
	text = slice_trimmed(text);
	if (text.n == 0 || text.p[0] == '#')
		return;
	const char *equals = memrchr(text.p, '=', text.n);
	struct slice word = {text.p, equals ? (size_t)(equals - text.p) : 0};
	struct slice member = {word.p + word.n + 1, equals ? text.n - word.n - 1 : 0};
	word = slice_trimmed(word);
	member = slice_trimmed(member);
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
	*columns = (struct columns){0};
	settings_file_read(file, take_line, columns);
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
