#include "csv.h"

#include <csv.h> /* libcsv */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fail.h"
#include "file.h"
#include "input.h"
#include "json.h"

/* FIELD_STEP: by how much libcsv's field grows; its default makes a long field quadratic. */
enum { ROW_MAX = 16 << 20, FIELD_STEP = 256 << 10, FAULT_TEXT = 128, HEADER_COLUMN_MAX = 1024 };

static const char blank[] = "a blank line";

struct csv {
	const char *place;
	const struct csv_column *columns; /* NULL: any header; fields then come in the file's order */
	int status;
	csv_row *row;
	void *self;
	void (*before_failing)(void *self); /* NULL: nothing */
	const struct csv_form *form;        /* NULL: as the rule has it */
	char delimiter;
	struct csv_parser parser;
	bool begun;        /* inside a row */
	bool in_header;    /* the row at hand is the header */
	bool headless;     /* which is a row like all others */
	uint64_t line;     /* physical lines seen */
	uint64_t row_line; /* where the row at hand begins */
	/* The row's fields, one behind the other in text, each with a NUL. */
	char *text;
	size_t text_n, text_capacity;
	size_t *starts; /* fields + 1 of them */
	size_t fields, fields_capacity;
	/* The row's raw text so far, when it goes over several lines. */
	char *raw;
	size_t raw_n, raw_capacity;
	struct slice at_hand; /* the line being fed */
	/* The header. */
	size_t width;         /* fields that each row has */
	size_t columns_n;     /* columns that were asked for */
	size_t others_n;      /* and others, that the caller gets too */
	size_t *order;        /* for each of the file's fields, which of the caller's it is */
	struct slice *chosen; /* the caller's fields */
	char fault[FAULT_TEXT];
};

/* Space that libcsv leaves out around fields. CR among it, so that CRLF ends a row as LF does, and only LF does: no two
 * rows on one line. */
static int is_space(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The same where tabs part columns. */
static int is_space_not_tab(unsigned char c)
{
	return c == ' ' || c == '\r';
}

static int is_end(unsigned char c)
{
	return c == '\n';
}

static struct slice field_at(const struct csv *csv, size_t i)
{
	return (struct slice){csv->text + csv->starts[i], csv->starts[i + 1] - csv->starts[i] - 1};
}

static void take_field(void *p, size_t n, void *self) /* as libcsv calls it; p is only read */
{
	struct csv *csv = self;
	if (csv->text_n + n + 1 > csv->text_capacity) {
		csv->text_capacity = 2 * (csv->text_n + n + 1);
		csv->text = must_realloc(csv->text, csv->text_capacity);
	}
	if (csv->fields + 2 > csv->fields_capacity) {
		csv->fields_capacity = 2 * (csv->fields + 2);
		csv->starts = must_realloc(csv->starts, csv->fields_capacity * sizeof *csv->starts);
	}
	if (n)
		memcpy(csv->text + csv->text_n, p, n);
	csv->text[csv->text_n + n] = '\0';
	csv->starts[csv->fields++] = csv->text_n;
	csv->text_n += n + 1;
	csv->starts[csv->fields] = csv->text_n;
}

/* "a, b, c" of the columns, for messages. */
static char *column_names(const struct csv_column *columns)
{
	size_t n = 1;
	for (const struct csv_column *c = columns; c->name; c++)
		n += strlen(c->name) + 2;
	char *text = must_alloc(n), *end = text;
	*end = '\0';
	for (const struct csv_column *c = columns; c->name; c++) {
		end = stpcpy(end, c == columns ? "" : ", ");
		end = stpcpy(end, c->name);
	}
	return text;
}

/* Says what is wrong with the header. */
__attribute__((format(printf, 2, 3))) _Noreturn static void bad_header(const struct csv *csv, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text = must_vformat(format, arguments);
	va_end(arguments);
	if (csv->before_failing)
		csv->before_failing(csv->self);
	fail(csv->status, "%s:%" PRIu64 ": %s", csv->place, csv->row_line, text);
}

/* How much of a name a message shows. */
static int shown(struct slice name)
{
	return (int)(name.n < HEADER_COLUMN_MAX ? name.n : HEADER_COLUMN_MAX);
}

/* The column that a name is, columns_n where it is none of those asked for. */
static size_t column_of(const struct csv *csv, struct slice name)
{
	size_t c = 0;
	while (c < csv->columns_n && !slice_equal(name, slice_of(csv->columns[c].name)))
		c++;
	return c;
}

/* A column that was not asked for; names holds those of the others before it. */
static void take_other(struct csv *csv, struct slice *names, struct slice name)
{
	if (!csv->form || !csv->form->others)
		bad_header(csv, "unknown column \"%.*s\" (%s)", shown(name), name.p, column_names(csv->columns));
	if (!json_utf8(name))
		bad_header(csv, "the header is not UTF-8%s", csv->form->help);
	for (size_t i = 0; i < csv->others_n; i++)
		if (slice_equal(names[i], name))
			bad_header(csv, "column \"%.*s\" stands there twice", shown(name), name.p);
	names[csv->others_n++] = name;
}

static void check_missing(const struct csv *csv, const bool *met)
{
	for (size_t c = 0; c < csv->columns_n; c++)
		if (!met[c] && !csv->columns[c].optional)
			bad_header(csv, "no column \"%s\" in the header (%s)%s", csv->columns[c].name,
				   column_names(csv->columns), csv->form ? csv->form->help : "");
}

/* Finds the columns asked for, and the others. */
static void find_columns(struct csv *csv)
{
	struct slice *names = must_alloc((csv->width + 1) * sizeof *names);
	while (csv->columns[csv->columns_n].name)
		csv->columns_n++;
	bool *met = must_alloc(csv->columns_n + 1);
	memset(met, 0, csv->columns_n + 1);
	for (size_t i = 0; i < csv->width; i++) {
		struct slice name = field_at(csv, i);
		if (csv->form && csv->form->name)
			name = csv->form->name(csv->self, name);
		size_t c = column_of(csv, name);
		csv->order[i] = c;
		if (c == csv->columns_n) {
			csv->order[i] += csv->others_n;
			take_other(csv, names, name);
		} else if (met[c]) {
			bad_header(csv, "column \"%s\" stands there twice", csv->columns[c].name);
		} else {
			met[c] = true;
		}
	}
	check_missing(csv, met);
	const char *reason = csv->others_n > 0 ? csv->form->others(csv->self, names, csv->others_n) : NULL;
	if (reason)
		bad_header(csv, "%s", reason);
	free(met);
	free(names);
}

static void take_header(struct csv *csv)
{
	csv->in_header = false;
	csv->width = csv->fields;
	csv->order = must_alloc((csv->width + 1) * sizeof *csv->order);
	if (csv->columns) {
		find_columns(csv);
	} else {
		csv->columns_n = csv->width;
		for (size_t i = 0; i < csv->width; i++)
			csv->order[i] = i;
	}
	csv->chosen = must_alloc((csv->columns_n + csv->others_n + 1) * sizeof *csv->chosen);
}

static struct slice raw_text(const struct csv *csv)
{
	struct slice raw = csv->raw_n ? (struct slice){csv->raw, csv->raw_n} : csv->at_hand;
	if (raw.n && raw.p[raw.n - 1] == '\n')
		raw.n--;
	if (raw.n && raw.p[raw.n - 1] == '\r')
		raw.n--;
	return raw;
}

static void take_row(int end, void *self)
{
	(void)end;
	struct csv *csv = self;
	csv->begun = false;
	bool header = csv->in_header;
	if (header)
		take_header(csv);
	if (!header || csv->headless) {
		const char *fault = NULL;
		if (csv->fields != csv->width) {
			snprintf(csv->fault, sizeof csv->fault, "%zu field%s where the %s has %zu", csv->fields,
				 csv->fields == 1 ? "" : "s", csv->headless ? "first row" : "header", csv->width);
			fault = csv->fault;
		}
		for (size_t c = 0; c < csv->columns_n + csv->others_n; c++)
			csv->chosen[c] = (struct slice){NULL, 0};
		for (size_t i = 0; !fault && i < csv->width; i++) {
			csv->chosen[csv->order[i]] = field_at(csv, i);
			if (!json_utf8(field_at(csv, i)))
				fault = "not UTF-8";
		}
		csv->row(csv->self, csv->row_line, csv->chosen, fault, raw_text(csv));
	}
	csv->fields = 0;
	csv->text_n = 0;
	csv->raw_n = 0;
}

static inline bool around_field(const struct csv *csv, char c)
{
	return is_space((unsigned char)c) && c != csv->delimiter;
}

/* Takes a row that is one line without quotes, as libcsv would, which looks at it byte by byte. */
static void take_plain(struct csv *csv, const char *p, size_t n)
{
	const char *end = p + n;
	for (const char *comma;; p = comma + 1) {
		comma = memchr(p, csv->delimiter, (size_t)(end - p));
		const char *to = comma ? comma : end;
		while (p < to && around_field(csv, *p))
			p++;
		while (p < to && around_field(csv, to[-1]))
			to--;
		take_field((char *)(uintptr_t)p, (size_t)(to - p), csv);
		if (!comma)
			break;
	}
	take_row('\n', csv);
}

struct csv *csv_start(const char *place, const struct csv_column *columns, int status, csv_row *row, void *self)
{
	struct csv *csv = must_alloc(sizeof *csv);
	*csv = (struct csv){.place = place,
			    .columns = columns,
			    .status = status,
			    .row = row,
			    .self = self,
			    .in_header = true,
			    .delimiter = ','};
	if (csv_init(&csv->parser, CSV_STRICT | CSV_STRICT_FINI))
		fail(EX_OSERR, "%s: libcsv cannot start", place);
	csv_set_blk_size(&csv->parser, FIELD_STEP);
	csv_set_space_func(&csv->parser, is_space);
	csv_set_term_func(&csv->parser, is_end);
	return csv;
}

static bool is_blank(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_space((unsigned char)p[i]) && p[i] != '\n')
			return false;
	return true;
}

void csv_as(struct csv *csv, const struct csv_form *form)
{
	csv->form = form;
	csv->delimiter = form->delimiter;
	csv_set_delim(&csv->parser, (unsigned char)form->delimiter);
	if (form->delimiter == '\t')
		csv_set_space_func(&csv->parser, is_space_not_tab);
}

void csv_before_failing(struct csv *csv, void (*act)(void *self))
{
	csv->before_failing = act;
}

/* Says what is wrong with the row at hand. */
_Noreturn static void malformed(const struct csv *csv, const char *cause)
{
	if (csv->before_failing)
		csv->before_failing(csv->self);
	fail(csv->status, "%s:%" PRIu64 ": %s", csv->place, csv->row_line, cause);
}

static void keep_raw(struct csv *csv, const char *p, size_t n)
{
	if (n > ROW_MAX - csv->raw_n)
		malformed(csv, "the row that begins here is over 16 MiB; is a quote left open?");
	if (n > csv->raw_capacity - csv->raw_n) {
		csv->raw_capacity = 2 * (csv->raw_n + n);
		csv->raw = must_realloc(csv->raw, csv->raw_capacity);
	}
	memcpy(csv->raw + csv->raw_n, p, n);
	csv->raw_n += n;
}

void csv_line(struct csv *csv, const char *p, size_t n)
{
	csv->line++;
	if (csv->line == 1 && n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) {
		p += 3;
		n -= 3;
	}
	bool first = !csv->begun;
	csv->at_hand = (struct slice){p, n};
	if (first) {
		csv->row_line = csv->line;
		if (is_blank(p, n)) {
			if (!csv->in_header)
				csv->row(csv->self, csv->line, csv->chosen, blank, raw_text(csv));
			return;
		}
		csv->begun = true;
		if (p[n - 1] == '\n' && !memchr(p, '"', n)) {
			take_plain(csv, p, n - 1);
			return;
		}
	} else {
		keep_raw(csv, p, n);
	}
	if (csv_parse(&csv->parser, p, n, take_field, take_row, csv) != n) {
		if (csv_error(&csv->parser) != CSV_EPARSE)
			fail(EX_OSERR, "%s: %s", csv->place, csv_strerror(csv_error(&csv->parser)));
		malformed(csv, "a quote is malformed in the row that begins here (a field with quotes is quoted whole, "
			       "and a quote in it is doubled)");
	}
	if (first && csv->begun)
		keep_raw(csv, p, n); /* the row goes on in the next line, or has no line feed */
}

bool csv_between(const struct csv *csv)
{
	return !csv->begun;
}

void csv_end(struct csv *csv)
{
	if (csv_fini(&csv->parser, take_field, take_row, csv))
		malformed(csv, "a quote is left open in the row that begins here");
	if (csv->in_header)
		fail(csv->status, "%s: %s", csv->place, csv->headless ? "is empty" : "no header row");
	csv_free(&csv->parser);
	free(csv->text);
	free(csv->starts);
	free(csv->raw);
	free(csv->order);
	free(csv->chosen);
	free(csv);
}

/* A file whose faults end the program. */
struct strict {
	const char *file;
	csv_row *row;
	void (*value)(void *self, uint64_t line, struct slice value);
	void *self;
	struct slice header; /* of a list */
	struct csv *csv;
	uint64_t rows, entries;
};

/* An entry of a list without quotes that holds what separates columns elsewhere. */
static bool unseparated(struct slice value, struct slice raw)
{
	return raw.n > 0 && raw.p[0] != '"' && memchr(value.p, ';', value.n);
}

static void list_row(struct strict *strict, uint64_t line, const struct slice *fields, struct slice raw)
{
	struct slice value = fields[0];
	if (strict->rows++ == 0) {
		if (slice_equal(value, strict->header))
			return;
		for (size_t i = 1; i < strict->csv->columns_n; i++)
			if (slice_equal(fields[i], strict->header))
				fail(EX_CONFIG,
				     "%s:%" PRIu64 ": %.*s is column %zu, a list is read by its first: put it first",
				     strict->file, line, (int)strict->header.n, strict->header.p, i + 1);
	}
	if (value.n == 0)
		return;
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
			fail(EX_CONFIG,
			     "%s:%" PRIu64 ": a control character in the entry \"%.*s\": columns are separated by "
			     "commas, and rows end in line feeds",
			     strict->file, line, (int)value.n, value.p);
	if (unseparated(value, raw))
		fail(EX_CONFIG,
		     "%s:%" PRIu64 ": \"%.*s\": columns are separated by commas; put an entry that holds ; in quotes",
		     strict->file, line, (int)value.n, value.p);
	strict->entries++;
	strict->value(strict->self, line, value);
}

static void strict_row(void *self, uint64_t line, const struct slice *fields, const char *fault, struct slice raw)
{
	struct strict *strict = self;
	if (fault == blank)
		return;
	if (fault)
		fail(EX_CONFIG, "%s:%" PRIu64 ": %s", strict->file, line, fault);
	if (strict->value)
		list_row(strict, line, fields, raw);
	else
		strict->row(strict->self, line, fields, NULL, raw);
}

void csv_whole_line(const char *file, uint64_t line, struct slice text, bool cut)
{
	if (slice_begins(text, SLICE("\xff\xfe")) || slice_begins(text, SLICE("\xfe\xff")) ||
	    memchr(text.p, '\0', text.n))
		fail(EX_CONFIG, "%s:%" PRIu64 ": not UTF-8, it looks like UTF-16: iconv -f UTF-16 -t UTF-8 %s", file,
		     line, file);
	if (cut)
		fail(EX_CONFIG,
		     "%s:%" PRIu64 ": the last row has no line feed, so it may be cut: end it with one if it is whole",
		     file, line);
}

static void read_strictly(struct strict *strict, const struct csv_column *columns)
{
	struct input input;
	enum input_state state;
	const char *p;
	uint64_t length;
	input_open(&input, file_open(strict->file), strict->file);
	input.settings = true;
	struct csv *csv = strict->csv = csv_start(strict->file, columns, EX_CONFIG, strict_row, strict);
	csv->headless = strict->value != NULL;
	while ((state = input_next(&input, &p, &length, NULL, NULL)) != INPUT_END) {
		if (state == INPUT_TOO_LONG)
			fail(EX_CONFIG, "%s:%" PRIu64 ": line over 16 MiB", strict->file, input.line);
		const char *feed = rawmemchr(p, '\n');
		csv_whole_line(strict->file, input.line, (struct slice){p, (size_t)(feed - p)}, state == INPUT_CUT);
		csv_line(csv, p, (size_t)(feed - p) + 1);
		input_take(&input, feed);
	}
	csv_end(csv);
	close(input.fd);
	input_close(&input);
}

void csv_file(const char *file, const struct csv_column *columns, csv_row *row, void *self)
{
	read_strictly(&(struct strict){.file = file, .row = row, .self = self}, columns);
}

void csv_first_column(const char *file, struct slice header,
		      void (*value)(void *self, uint64_t line, struct slice value), void *self)
{
	struct strict strict = {.file = file, .value = value, .self = self, .header = header};
	read_strictly(&strict, NULL);
	if (strict.entries == 0)
		fail(EX_CONFIG, "%s: no entry in it: leave the list out where there is none", file);
}
