/* A table is refused, or its rows, written with quotes around each field, are read back as the same rows. */
#include "csv.h"
#include "kept.h"

static const struct csv_column columns[] = {{"reason", false}, {"member", false}, {"value", true}, {NULL, false}};
enum { COLUMNS = 3 };

/* Feeds a table line by line, each from memory of its own; form: as csv_as takes it, or NULL. */
static void feed(struct slice text, const struct csv_form *form, csv_row *row, void *self)
{
	struct csv *csv = csv_start("table.csv", columns, EX_DATAERR, row, self);
	if (form)
		csv_as(csv, form);
	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end + 1 - text.p) : text.n;
		struct slice line = fuzz_slice((const uint8_t *)text.p, n);
		csv_line(csv, line.p, n);
		free((char *)line.p);
		text = (struct slice){text.p + n, text.n - n};
	}
	csv_end(csv);
}

static void same_row(void *self, uint64_t line, const struct slice *fields, const char *fault, struct slice raw)
{
	const struct slice *first = self;
	(void)raw;
	MUST(line == 2 && !fault);
	for (int i = 0; i < COLUMNS; i++)
		MUST(slice_equal(fields[i], first[i].p ? first[i] : SLICE("")));
}

static void read_again(const struct slice *fields)
{
	size_t room = 64;
	for (int i = 0; i < COLUMNS; i++)
		room += 2 * fields[i].n + 3;
	char *text = malloc(room), *to = stpcpy(text, "reason,member,value\n");
	for (int i = 0; i < COLUMNS; i++) {
		*to++ = '"';
		for (size_t k = 0; k < fields[i].n; k++) {
			if (fields[i].p[k] == '"')
				*to++ = '"';
			*to++ = fields[i].p[k];
		}
		*to++ = '"';
		*to++ = i < COLUMNS - 1 ? ',' : '\n';
	}
	feed((struct slice){text, (size_t)(to - text)}, NULL, same_row, (void *)(uintptr_t)fields);
	free(text);
}

struct table {
	struct slice text;
	uint64_t line; /* of the row before */
};

static void take_row(void *self, uint64_t line, const struct slice *fields, const char *fault, struct slice raw)
{
	struct table *table = self;
	MUST(line > table->line);
	table->line = line;
	MUST(raw.n <= table->text.n && (raw.n == 0 || raw.p[raw.n - 1] != '\n'));
	if (fault) {
		MUST(fault[0]);
		return;
	}
	MUST(fields[0].p && fields[1].p);
	for (int i = 0; i < COLUMNS; i++)
		MUST(!fields[i].p || (fields[i].p[fields[i].n] == '\0' && json_utf8(fields[i])));
	int caught = fuzz_caught;
	fuzz_caught = 0; /* what was accepted once must not be refused now */
	read_again(fields);
	fuzz_caught = caught;
}

static void read_table(void *self)
{
	struct table *table = self;
	feed(table->text, NULL, take_row, table);
}

/* The same with tabs, and further columns. */
static size_t others_n;

static const char *take_others(void *self, const struct slice *names, size_t n)
{
	(void)self;
	others_n = n;
	for (size_t i = 0; i < n; i++)
		MUST(json_utf8(names[i]));
	return n > 2 ? "too many" : NULL;
}

static void take_wide(void *self, uint64_t line, const struct slice *fields, const char *fault, struct slice raw)
{
	(void)self, (void)line, (void)raw;
	for (size_t i = 0; !fault && i < COLUMNS + others_n; i++)
		MUST(!fields[i].p || (fields[i].p[fields[i].n] == '\0' && json_utf8(fields[i])));
}

static void read_wide(void *self)
{
	static const struct csv_form form = {.delimiter = '\t', .others = take_others, .help = ""};
	const struct table *table = self;
	others_n = 0;
	feed(table->text, &form, take_wide, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct table table = {fuzz_slice(bytes, n), 1};
	kept_start();
	kept_try(read_table, &table);
	kept_try(read_wide, &table);
	kept_free();
	free((char *)table.text.p);
	return 0;
}
