#include "beginning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "json.h"
#include "table.h"

/* What helps is a command that reads F and writes to the pipe, or advice. */
static const struct magic {
	size_t at;
	struct slice bytes;
	const char *what, *command, *advice;
} magics[] = {
    {0,
     {"\xFD"
      "7zXZ\0",
      6},
     "an xz archive",
     "xz -dc",
     NULL},
    {4, {"1AY&SY", 6}, "a bzip2 archive", "bzip2 -dc", NULL},
    {0, {"LZIP\1", 5}, "an lzip archive", "lzip -dc", NULL},
    {0, {"\x5D\0\0", 3}, "an lzma archive", "xz -dc", NULL},
    {0, {"\x04\x22\x4D\x18", 4}, "an lz4 archive", "lz4 -dc", NULL},
    {0, {"\x1F\x9D", 2}, "an archive of compress", "gzip -dc", NULL},
    {0, {"\xFF\x06\0\0sNaPpY", 10}, "an archive of snappy", "snzip -dc", NULL},
    {0, {"PK\x03\x04", 4}, "a zip archive", "unzip -p", NULL},
    {0, {"PK\x05\x06", 4}, "an empty zip archive", NULL, "fetch the file again"},
    {0, {"7z\xBC\xAF\x27\x1C", 6}, "a 7z archive", "7z x -so", NULL},
    {0, {"Rar!\x1A", 5}, "a rar archive", "unrar p -inul", NULL},
    {257, {"ustar", 5}, "a tar archive", "tar -xOf", NULL},
    {0, {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 8}, "an old Excel workbook (xls)", NULL, "save its sheet as CSV in UTF-8"},
    {0,
     {"PAR1", 4},
     "a Parquet file",
     NULL,
     "write it as NDJSON, as by: duckdb -c \"COPY (FROM 'F.parquet') TO '/dev/stdout' (FORMAT json)\""},
    {0, {"Obj\x01", 4}, "an Avro file", "avro-tools tojson", NULL},
    {0, {"ARROW1\0\0", 8}, "an Arrow file", NULL, "write it as NDJSON"},
    {0,
     {"SQLite format 3\0", 16},
     "an SQLite database",
     NULL,
     "pay-store --export writes what a store holds; of another: sqlite3 F '.mode csv' '.headers on' 'select ...'"},
    {0, {"%PDF-", 5}, "a PDF document", NULL, "ask its sender for the data"},
    {0, {"-----BEGIN PGP", 14}, "encrypted by PGP", "gpg -d", NULL},
    {0, {"Salted__", 8}, "encrypted by openssl", "openssl enc -d ... -in", NULL},
    {0, {"age-encryption.org", 18}, "encrypted by age", "age -d", NULL},
    {0,
     {"\x7F"
      "ELF",
      4},
     "a program",
     NULL,
     "name the file of payments"},
    {0, {"\0\0\xFE\xFF", 4}, "text in UTF-32", "iconv -f UTF-32 -t UTF-8", NULL},
    {0, {"\xFF\xFE\0\0", 4}, "text in UTF-32", "iconv -f UTF-32 -t UTF-8", NULL},
    {0, {"\xFF\xFE", 2}, "text in UTF-16", "iconv -f UTF-16 -t UTF-8", "or --encoding UTF-16"},
    {0, {"\xFE\xFF", 2}, "text in UTF-16", "iconv -f UTF-16 -t UTF-8", "or --encoding UTF-16"},
    {0,
     {"\0\0", 2},
     "bytes of a Schema Registry's format (0 and a schema's id before each value)",
     NULL,
     "write the values as JSON, as by: kcat -C -s value=avro -r REGISTRY -J ..."},
    {0,
     {"\0", 1},
     "text in UTF-16 without a mark of its byte order",
     "iconv -f UTF-16BE -t UTF-8",
     "or --encoding UTF-16BE"},
    {1,
     {"\0", 1},
     "text in UTF-16 without a mark of its byte order",
     "iconv -f UTF-16LE -t UTF-8",
     "or --encoding UTF-16LE"},
    {0, {"\x1E", 1}, "a JSON text sequence (RFC 7464)", "tr -d '\\036' <", NULL},
};

static const struct magic *magic_of(struct slice start)
{
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
		const struct magic *magic = &magics[i];
		if (start.n >= magic->at &&
		    slice_begins((struct slice){start.p + magic->at, start.n - magic->at}, magic->bytes))
			return magic;
	}
	return NULL;
}

/* "WHAT: COMMAND FILE | pay-consume --as NAME -; ADVICE" */
static void tell_command(const struct beginning *beginning, char *text, const char *what, const char *command,
			 const char *advice)
{
	bool standard = strcmp(beginning->path, "standard input") == 0, tar = strcmp(command, "tar -xOf") == 0;
	const char *file = standard ? "" : beginning->path, *space = standard ? "" : " ";
	int n = snprintf(text, BEGINNING_TEXT, "%s: ", what);
	if (beginning->unpack)
		n += snprintf(text + n, (size_t)(BEGINNING_TEXT - n), "%s%s%.500s | %s%s", beginning->unpack, space,
			      file, command, tar ? " -" : "");
	else
		n += snprintf(text + n, (size_t)(BEGINNING_TEXT - n), "%s%s%.500s%s", command, space, file,
			      tar && standard ? " -" : "");
	snprintf(text + n, (size_t)(BEGINNING_TEXT - n), " | pay-consume --as %.500s -%s%s", beginning->name,
		 advice ? "; " : "", advice ? advice : "");
}

static struct slice without_mark(struct slice text)
{
	return slice_begins(text, SLICE("\xEF\xBB\xBF")) ? (struct slice){text.p + 3, text.n - 3} : text;
}

/* The next line of a text, without its end; false after the last. */
static bool next_line(struct slice *text, struct slice *line)
{
	if (text->n == 0)
		return false;
	const char *feed = memchr(text->p, '\n', text->n);
	*line = (struct slice){text->p, feed ? (size_t)(feed - text->p) : text->n};
	size_t taken = line->n + (feed != NULL);
	*text = (struct slice){text->p + taken, text->n - taken};
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

static struct slice trimmed(struct slice text)
{
	while (text.n > 0 && memchr(" \t\r\n", text.p[0], 4)) {
		text.p++;
		text.n--;
	}
	while (text.n > 0 && memchr(" \t\r\n", text.p[text.n - 1], 4))
		text.n--;
	return text;
}

/* The first line that is not blank, trimmed. */
static struct slice first_line(struct slice start)
{
	struct slice line = {start.p, 0};
	start = without_mark(start);
	while (line.n == 0 && next_line(&start, &line))
		line = trimmed(line);
	return line;
}

static bool begins_word(struct slice text, const char *word)
{
	size_t n = strlen(word);
	return text.n >= n && strncasecmp(text.p, word, n) == 0;
}

bool beginning_foreign(struct slice start)
{
	return magic_of(start) != NULL;
}

bool beginning_spread(struct slice line)
{
	line = trimmed(line);
	return line.n > 0 && (line.p[0] == '[' || slice_equal(line, SLICE("{")));
}

static size_t count(struct slice text, char c)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == c;
	return n;
}

/* The character that parts the columns of a line of a table, 0 where it looks like none. */
static char delimiter_of(struct slice line)
{
	static const char common[] = ",;\t|";
	char best = 0;
	size_t most = 1; /* a sentence may have one comma */
	for (const char *c = common; *c; c++)
		if (count(line, *c) > most) {
			most = count(line, *c);
			best = *c;
		}
	return best;
}

static const char not_utf8[] =
    "a table that is not in UTF-8: --encoding NAME says what it is in (CP949, say), --columns "
    "FILE what its columns are";

/* A table whose header is this line, so many lines above it; false where nothing is to be told. */
static bool tell_header(struct slice header, size_t above, const char *encoding, char *text)
{
	char delimiter = delimiter_of(header), option[64] = "";
	if (delimiter == '\t')
		strcpy(option, " --delimiter tab");
	else if (delimiter && delimiter != ',')
		sprintf(option, " --delimiter '%c'", delimiter);
	if (above > 0)
		snprintf(text, BEGINNING_TEXT, "a table with other text above its header: --skip-lines %zu%s", above,
			 option);
	else if (*option)
		snprintf(text, BEGINNING_TEXT, "a table whose columns are not parted by commas:%s", option);
	else if (!json_utf8(header) && !encoding)
		strcpy(text, not_utf8);
	else
		return false;
	return true;
}

static bool tell_table(struct slice start, const char *encoding, char *text)
{
	enum { ENOUGH = 3 }; /* of the eight; a sentence may name one */
	struct slice rest = without_mark(start), line, first = first_line(start);
	if (begins_word(first, "sep=") && first.n > 4) {
		snprintf(text, BEGINNING_TEXT,
			 "a table with the line \"sep=\" above its header: --skip-lines 1 "
			 "--delimiter '%c'",
			 first.p[4]);
		return true;
	}
	for (size_t above = 0; next_line(&rest, &line); above++)
		if (table_named(line) >= ENOUGH)
			return tell_header(line, above, encoding, text);
	if (first.n == 0 || first.p[0] == '{' || !delimiter_of(first))
		return false;
	strcpy(text, !json_utf8(first) && !encoding ? not_utf8
						    : "a table with other words in its header: --columns FILE says "
						      "what they stand for, a WORD=MEMBER a line");
	return true;
}

static bool tell_markup(struct slice first, char *text)
{
	if (begins_word(first, "<!doctype html") || begins_word(first, "<html") || begins_word(first, "<head") ||
	    begins_word(first, "<body"))
		strcpy(text, "an HTML page, as a server sends it in place of the file: fetch it again");
	else if (first.n > 0 && first.p[0] == '<')
		strcpy(text, "XML: write it as NDJSON or CSV");
	else if (begins_word(first, "---") || begins_word(first, "- "))
		strcpy(text, "YAML: write it as NDJSON, as by: yq -o json -I 0");
	else
		return false;
	return true;
}

static bool has(const struct members *members, struct slice name)
{
	for (size_t i = 0; i < members->n; i++)
		if (slice_equal(members->v[i].name, name))
			return true;
	return false;
}

static bool has_either(const struct members *members, struct slice name, struct slice other)
{
	return has(members, name) || has(members, other);
}

const char *beginning_envelope(const struct members *top)
{
	if (has(top, SLICE("channel")) || has(top, SLICE("action")))
		return NULL;
	if (has(top, SLICE("before")) && has(top, SLICE("after")) && has(top, SLICE("op")))
		return "a change event of Debezium, not a message: unwrap it where it is produced "
		       "(ExtractNewRecordState), or a capture by: jq -c .after";
	if (has(top, SLICE("schema")) && has(top, SLICE("payload")))
		return "an envelope of Kafka Connect, not a message: set value.converter.schemas.enable=false where it "
		       "is produced, or unwrap a capture by: jq -c .payload";
	if (has_either(top, SLICE("value"), SLICE("Value")) && has_either(top, SLICE("offset"), SLICE("Offset")) &&
	    has_either(top, SLICE("partition"), SLICE("Partition")))
		return "a message captured without its topic (by kafkactl?): capture it by kcat -J, or take the values "
		       "alone, known by their lines then: jq -r '.Value // .value'";
	return NULL;
}

bool beginning_tell(const struct beginning *beginning, char *text)
{
	struct slice start = beginning->start, first = first_line(start);
	const struct magic *magic = magic_of(start);
	if (slice_begins(start, SLICE("PK\x03\x04")) && memmem(start.p, start.n, "xl/", 3)) {
		strcpy(text, "an Excel workbook (xlsx): save its sheet as CSV in UTF-8");
	} else if (magic && magic->command) {
		tell_command(beginning, text, magic->what, magic->command, magic->advice);
	} else if (magic) {
		snprintf(text, BEGINNING_TEXT, "%s: %s", magic->what, magic->advice);
	} else if (first.n > 0 && first.p[0] == '[') {
		tell_command(beginning, text, "one JSON array, not an object a line", "jq -c '.[]'", NULL);
	} else if (slice_equal(first, SLICE("{"))) {
		tell_command(beginning, text, "JSON over several lines, not an object a line", "jq -c .", NULL);
	} else if (first.n > 0 && first.p[0] == '{' && memmem(first.p, first.n, "}{", 2)) {
		tell_command(beginning, text, "several JSON objects in a line", "jq -c .", NULL);
	} else {
		return tell_markup(first, text) || tell_table(start, beginning->encoding, text);
	}
	return true;
}
