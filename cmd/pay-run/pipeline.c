#include "pipeline.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "file.h"
#include "options.h"

enum { TEXT_MAX = 1 << 20 };

/* Where the reader is. */
struct reading {
	struct pipeline *pipeline;
	const char *file; /* NULL: the text is an argument */
	const char *text, *p;
};

/* Ends the program with 64, naming line or stage. */
static _Noreturn void refuse(const struct reading *reading, const char *at, const char *why)
{
	int line = 1;
	for (const char *p = reading->text; p < at; p++)
		line += *p == '\n';
	if (reading->file)
		fail(EX_USAGE, "%s:%d: %s", reading->file, line, why);
	options_misuse("stage %d: %s", reading->pipeline->n, why);
}

/* A character that a shell does not take for itself. */
static _Noreturn void refuse_character(const struct reading *reading, const char *at)
{
	char why[160];
	const char *hint = strchr("<>", *at)     ? "to redirect, redirect pay-run"
			   : strchr("&;()", *at) ? "pay-run runs one pipeline"
			   : *at == '#'          ? "comments are for a file, see -f"
						 : "pay-run expands nothing";
	snprintf(why, sizeof why, "%c that stands for itself must be quoted, as '%c' (%s)", *at, *at, hint);
	refuse(reading, at, why);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Whether the character at p, outside of quotes, means something to a shell; first: it begins a word. */
static bool is_special(const char *p, bool first)
{
	if (*p == '~')
		return first || p[-1] == '=' || p[-1] == ':';
	return strchr("$`*?[{}<>&;()", *p) || (first && *p == '#');
}

static void skip_blanks(struct reading *reading)
{
	for (;;) {
		if (reading->file && *reading->p == '#')
			reading->p = strchrnul(reading->p, '\n');
		else if (reading->p[0] == '\\' && reading->p[1] == '\n')
			reading->p += 2;
		else if (is_blank(*reading->p))
			reading->p++;
		else
			return;
	}
}

/* The inside of '…', from behind the first quote; returns where it is written up to. */
static char *read_single(struct reading *reading, char *to)
{
	const char *start = reading->p, *end = strchr(start, '\'');
	if (!end)
		refuse(reading, start, "a ' is not closed");
	reading->p = end + 1;
	return mempcpy(to, start, (size_t)(end - start));
}

/* The inside of "…". */
static char *read_double(struct reading *reading, char *to)
{
	const char *start = reading->p;
	for (; *reading->p != '"'; reading->p++) {
		if (!*reading->p)
			refuse(reading, start, "a \" is not closed");
		if (*reading->p == '$' || *reading->p == '`')
			refuse_character(reading, reading->p);
		if (*reading->p == '\\' && reading->p[1] && strchr("\"\\$`\n", reading->p[1])) {
			reading->p++;
			if (*reading->p == '\n')
				continue;
		}
		*to++ = *reading->p;
	}
	reading->p++;
	return to;
}

/* The character behind a backslash. */
static char *read_escaped(struct reading *reading, char *to)
{
	char c = *reading->p;
	if (!c)
		refuse(reading, reading->p, "it ends in a backslash");
	reading->p++;
	if (c != '\n')
		*to++ = c;
	return to;
}

/* A word, which is not longer than its spelling. */
static char *read_word(struct reading *reading)
{
	char *word = must_alloc(strlen(reading->p) + 1), *to = word;
	for (const char *start = reading->p; *reading->p && *reading->p != '|' && !is_blank(*reading->p);) {
		if (is_special(reading->p, reading->p == start))
			refuse_character(reading, reading->p);
		char c = *reading->p++;
		if (c == '\'')
			to = read_single(reading, to);
		else if (c == '"')
			to = read_double(reading, to);
		else if (c == '\\')
			to = read_escaped(reading, to);
		else
			*to++ = c;
	}
	*to = '\0';
	return must_realloc(word, (size_t)(to - word) + 1);
}

static void read_command(struct reading *reading)
{
	struct pipeline *pipeline = reading->pipeline;
	struct command command = {0};
	pipeline->n++;
	for (skip_blanks(reading); *reading->p && *reading->p != '|'; skip_blanks(reading)) {
		command.word = must_realloc(command.word, (size_t)(command.n + 2) * sizeof *command.word);
		command.word[command.n++] = read_word(reading);
	}
	if (command.n == 0)
		refuse(reading, reading->p, "no program is named");
	command.word[command.n] = NULL;
	pipeline->command = must_realloc(pipeline->command, (size_t)pipeline->n * sizeof *pipeline->command);
	pipeline->command[pipeline->n - 1] = command;
}

static void read_text(struct pipeline *pipeline, const char *text, const char *file)
{
	struct reading reading = {.pipeline = pipeline, .file = file, .text = text, .p = text};
	read_command(&reading);
	while (*reading.p == '|') {
		reading.p++;
		read_command(&reading);
	}
}

void pipeline_read(struct pipeline *pipeline, const char *text)
{
	read_text(pipeline, text, NULL);
}

void pipeline_file(struct pipeline *pipeline, const char *file)
{
	char *text = must_alloc(TEXT_MAX + 1);
	int fd = file_open(file);
	size_t n = 0;
	while (n <= TEXT_MAX) {
		ssize_t got = read(fd, text + n, TEXT_MAX + 1 - n);
		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			fail(EX_IOERR, "%s: cannot read:", file);
		n += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	if (n > TEXT_MAX || memchr(text, '\0', n))
		fail(EX_USAGE, "%s: is not the text of a pipeline", file);
	text[n] = '\0';
	read_text(pipeline, text, file);
	free(text);
}

void pipeline_word(FILE *to, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
	if (*word && !word[strspn(word, plain)]) {
		fputs(word, to);
		return;
	}
	putc('\'', to);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", to);
		else
			putc(*word, to);
	putc('\'', to);
}
