/* against-libjq: mutates the lines of files and asks the strict reader and libjq about each. What the reader accepts,
 * libjq accepts, with the same members; what only libjq accepts is refused for one of the reasons that are listed.
 *
 *     against-libjq SEED LINES FILE...
 *
 * Prints each line that breaks this, and at its end the seed. */
#include "fail.h"
#include "record.h"

#include <jv.h>

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_LENGTH = 4096, LINES_MAX = 4096, SHOWN_MAX = 20 };

/* Where the reader is stricter than libjq, by the beginning of its reason. */
static const char *const stricter[] = {
    "invalid UTF-8",              /* libjq puts U+FFFD in its place */
    "lone surrogate in a string", /* the same */
    "control character in a string",
    "repeated member",   /* libjq takes the last one */
    "\"_",               /* a reserved member behind others */
    "not a JSON object", /* other values are no records */
    "byte order mark",
};

struct line {
	char *p;
	size_t n;
};

static uint64_t chance_state;

/* A number below `most`, by xorshift64*. */
static size_t chance(size_t most)
{
	chance_state ^= chance_state >> 12;
	chance_state ^= chance_state << 25;
	chance_state ^= chance_state >> 27;
	return (size_t)((chance_state * UINT64_C(2685821657736338717)) >> 33) % most;
}

static size_t splice(char *to, size_t n, size_t at, size_t gone, struct slice in)
{
	gone = gone < n - at ? gone : n - at;
	if (n - gone + in.n > LINE_MAX_LENGTH)
		return n;
	memmove(to + at + in.n, to + at + gone, n - at - gone);
	memcpy(to + at, in.p, in.n);
	return n - gone + in.n;
}

/* Alters a line of n bytes in up to four places; returns its new length. */
static size_t mutate(char *line, size_t n)
{
	static const char *const pieces[] = {
	    "\"",
	    "\\",
	    "{",
	    "}",
	    "[",
	    "]",
	    ":",
	    ",",
	    " ",
	    "\t",
	    "0",
	    "-",
	    ".",
	    "e",
	    "E",
	    "+",
	    "nan",
	    "NaN",
	    "null",
	    "true",
	    "Infinity",
	    "\\u0041",
	    "\\u",
	    "\\ud83d",
	    "\\ude00",
	    "\\/",
	    "\xc3\xa9",
	    "\x80",
	    "\xf4\x90\x80\x80",
	    "\xed\xa0\x80",
	    "\xef\xbb\xbf",
	    "\x1f",
	    "\x7f",
	    "'",
	    "\"amount\":1,",
	    "//",
	};
	for (size_t i = chance(5); i > 0; i--) {
		char kept[16];
		size_t at = chance(n + 1);
		struct slice in = {kept, 0};
		switch (chance(5)) {
		case 0: in = slice_of(pieces[chance(sizeof pieces / sizeof *pieces)]); break;
		case 1: n = splice(line, n, at, 1 + chance(3), in); continue;
		case 2:
			kept[in.n++] = (char)chance(256);
			n = splice(line, n, at, 1, in);
			continue;
		case 3:
			in.n = chance(sizeof kept);
			if (at + in.n > n)
				continue;
			memcpy(kept, line + at, in.n);
			at = chance(n + 1);
			break;
		default:
			in = slice_of(pieces[chance(sizeof pieces / sizeof *pieces)]);
			at = n - (n > 0);
			break;
		}
		n = splice(line, n, at, 0, in);
	}
	for (size_t i = 0; i < n; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	return n;
}

static bool same_value(const struct member *member, jv value, struct scratch *scratch)
{
	static const jv_kind kinds[UINT8_MAX + 1] = {
	    [JSON_NULL] = JV_KIND_NULL,     [JSON_FALSE] = JV_KIND_FALSE,   [JSON_TRUE] = JV_KIND_TRUE,
	    [JSON_NUMBER] = JV_KIND_NUMBER, [JSON_STRING] = JV_KIND_STRING, [JSON_ARRAY] = JV_KIND_ARRAY,
	    [JSON_OBJECT] = JV_KIND_OBJECT};
	bool same = jv_get_kind(value) == kinds[member->type];
	if (same && member->type == JSON_STRING) {
		struct slice text = member_decoded(member, scratch);
		same = slice_equal(
		    text, (struct slice){jv_string_value(value), (size_t)jv_string_length_bytes(jv_copy(value))});
	} else if (same && member->type == JSON_NUMBER) {
		/* From libjq 1.7 on it rounds to 17 digits first, which may make the double next to the nearest. */
		double number = strtod(member->value.p, NULL), theirs = jv_number_value(value);
		same = number == theirs || fabs(number - theirs) <= fabs(number) * DBL_EPSILON;
	}
	jv_free(value);
	return same;
}

/* What differs between the record and libjq's object; NULL: nothing. A name that stands more than once is libjq's once,
 * with its last value. */
static const char *difference(const struct record *record, jv object)
{
	struct scratch scratch = {0}, name_scratch = {0};
	const char *found = NULL;
	jv seen = jv_object();
	for (size_t i = record->top.n; i > 0 && !found; i--) {
		const struct member *member = &record->top.v[i - 1];
		struct slice name = member->name;
		if (member->name_escaped) {
			char *to = scratch_room(&name_scratch, name.n);
			name = (struct slice){to, json_unescape(to, name)};
		}
		jv key = jv_string_sized(name.p, (int)name.n);
		if (jv_object_has(jv_copy(seen), jv_copy(key))) {
			jv_free(key);
			continue;
		}
		if (!same_value(member, jv_object_get(jv_copy(object), jv_copy(key)), &scratch))
			found = "a member has another value";
		seen = jv_object_set(seen, key, jv_true());
	}
	if (!found && jv_object_length(jv_copy(seen)) != jv_object_length(jv_copy(object)))
		found = "other members";
	jv_free(seen);
	free(scratch.p);
	free(name_scratch.p);
	return found;
}

/* Whether a line holds a bare word that RFC 8259 does not know. libjq takes what C's strtod takes: 01, 1., .5, +1, nan,
 * Infinity, also with a vertical tab before it or a NUL behind. */
static bool has_loose_literal(struct slice line)
{
	static const char ends[] = " \t\r[{:,]}\"";
	const char *p = line.p, *end = line.p + line.n, *reason;
	bool escaped;
	while (p < end) {
		if (*p == '"') {
			p = json_string(p + 1, &escaped, &reason);
			if (!p)
				return false;
			p++;
		} else if (memchr(ends, *p, sizeof ends - 1)) {
			p++;
		} else {
			struct json_value value;
			const char *word = p;
			while (p < end && !memchr(ends, *p, sizeof ends - 1))
				p++;
			if (json_value(word, 1, &value, &reason) != p)
				return true;
		}
	}
	return false;
}

static bool is_stricter(const char *reason, struct slice line)
{
	for (size_t i = 0; i < sizeof stricter / sizeof *stricter; i++)
		if (strncmp(reason, stricter[i], strlen(stricter[i])) == 0)
			return true;
	/* At a record separator (RFC 7464) libjq starts afresh. */
	return memchr(line.p, '\x1e', line.n) || has_loose_literal(line);
}

/* What is wrong between the two about a line, which has a line feed and the padding behind it; NULL: nothing. */
static const char *judge(struct record *record, struct names *names, struct slice line, bool *accepted)
{
	const char *reason = NULL, *wrong = NULL;
	*accepted = record_read(record, names, line.p, &reason);
	jv value = jv_parse_sized(line.p, (int)line.n);
	if (jv_is_valid(value)) {
		if (*accepted)
			wrong = difference(record, value);
		else if (!is_stricter(reason, line))
			wrong = reason;
		jv_free(value);
		return wrong;
	}
	jv message = jv_invalid_get_msg(value);
	/* libjq 1.6 stops at a depth of 256. */
	if (*accepted && !(jv_get_kind(message) == JV_KIND_STRING && strstr(jv_string_value(message), "depth")))
		wrong = "libjq refuses what the reader accepts";
	jv_free(message);
	return wrong;
}

static size_t read_lines(struct line *lines, size_t n, const char *file)
{
	FILE *stream = fopen(file, "r");
	if (!stream)
		fail(EX_NOINPUT, "%s:", file);
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;
	while (n < LINES_MAX && (length = getline(&line, &capacity, stream)) > 0) {
		length -= line[length - 1] == '\n';
		if (length > LINE_MAX_LENGTH)
			continue;
		lines[n].p = must_alloc((size_t)length);
		lines[n].n = (size_t)length;
		memcpy(lines[n++].p, line, (size_t)length);
	}
	free(line);
	fclose(stream);
	return n;
}

int main(int argc, char **argv)
{
	static struct line lines[LINES_MAX];
	static struct names names;
	static char line[LINE_MAX_LENGTH + 1 + JSON_PADDING];
	struct record record;
	size_t lines_n = 0, good = 0, wrong = 0;

	fail_name("against-libjq");
	if (argc < 4)
		fail(EX_USAGE, "usage: against-libjq SEED LINES FILE...");
	uint64_t seed = strtoull(argv[1], NULL, 10);
	size_t count = strtoull(argv[2], NULL, 10);
	chance_state = seed * 2 + 1;
	for (int i = 3; i < argc; i++)
		lines_n = read_lines(lines, lines_n, argv[i]);
	names_init(&names);
	record_init(&record);
	for (size_t i = 0; i < lines_n + count; i++) {
		const struct line *from = &lines[i < lines_n ? i : chance(lines_n)];
		memcpy(line, from->p, from->n);
		size_t n = i < lines_n ? from->n : mutate(line, from->n);
		line[n] = '\n';
		bool accepted;
		const char *why = judge(&record, &names, (struct slice){line, n}, &accepted);
		good += accepted;
		if (why && wrong++ < SHOWN_MAX)
			printf("seed %" PRIu64 ": %s: %.*s\n", seed, why, (int)n, line);
	}
	record_free(&record);
	printf("seed %" PRIu64 ": %zu lines, %zu of them good, %zu disagreements\n", seed, lines_n + count, good,
	       wrong);
	return wrong > 0 || fflush(stdout) ? 1 : 0;
}
