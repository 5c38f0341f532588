#include "rulefile.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <unistd.h>

#include "database.h"
#include "fail.h"
#include "file.h"
#include "input.h"
#include "json.h"
#include "ruletext.h"

struct loading {
	struct rules *rules;
	struct keys *keys;
	struct ruletext reader;
	const char *file;
	bool history; /* the later of two rules for one key counts */
	bool table;   /* lines are rows of a database's table */
};

static const struct slice nothing = {NULL, 0};

/* Ends the program: the reader's fault, where it is and what to do. */
static _Noreturn void bad_rule(const struct loading *loading, uint64_t line)
{
	const char *place = loading->table ? " row " : "";
	fail(EX_CONFIG, "%s:%s%" PRIu64 ": %s", loading->file, place, line, ruletext_complaint(&loading->reader));
}

static _Noreturn void refuse(struct loading *loading, uint64_t line, const char *what, struct slice text,
			     const char *remedy)
{
	ruletext_fault(&loading->reader, what, text, remedy);
	bad_rule(loading, line);
}

static void add_rule(struct loading *loading, uint64_t line, const struct slice fields[RULE_COLUMNS])
{
	struct keyed_rule keyed;
	struct rule before;
	if (line > UINT32_MAX)
		refuse(loading, line, "too many lines", nothing, "split the rules");
	if (!ruletext_read(&loading->reader, fields, &keyed))
		bad_rule(loading, line);
	keyed.rule.line = (uint32_t)line;
	struct key key = keys_add(loading->keys, keyed.texts, keyed.day);
	if (!loading->history && rules_find(loading->rules, &key, &before) && !rules_equal(&before, &keyed.rule)) {
		const char *unit = loading->table ? "row" : "line";
		char *what = must_format("another rule for the same key as in %s %" PRIu32, unit, before.line);
		refuse(loading, line, what, nothing, "remove one of the two");
	}
	rules_set(loading->rules, &key, &keyed.rule);
}

/* CSV */

static void csv_rule(void *self, uint64_t line, const struct slice *fields, const char *fault, struct slice raw)
{
	struct loading *loading = self;
	if (fault)
		refuse(loading, line, fault, raw, "correct the row");
	add_rule(loading, line, fields);
}

static void load_csv(struct loading *loading, struct input *input)
{
	struct csv *csv = csv_start(loading->file, rule_columns, EX_CONFIG, csv_rule, loading);
	enum input_state state;
	const char *p;
	uint64_t length;
	while ((state = input_next(input, &p, &length, NULL, NULL)) != INPUT_END) {
		if (state == INPUT_TOO_LONG)
			refuse(loading, input->line, "a line over 16 MiB", nothing, "correct it");
		const char *line_feed = rawmemchr(p, '\n');
		csv_whole_line(loading->file, input->line, (struct slice){p, (size_t)(line_feed - p)},
			       state == INPUT_CUT);
		csv_line(csv, p, (size_t)(line_feed - p) + 1);
		input_take(input, line_feed);
	}
	csv_end(csv);
}

/* NDJSON */

static void load_ndjson(struct loading *loading, struct input *input)
{
	struct ruletext *reader = &loading->reader;
	struct slice fields[RULE_COLUMNS];
	enum input_state state;
	const char *p, *reason;
	uint64_t length;
	loading->history = true;
	while ((state = input_next(input, &p, &length, NULL, NULL)) != INPUT_END) {
		if (state == INPUT_TOO_LONG)
			refuse(loading, input->line, "a line over 16 MiB", nothing, "correct it");
		const char *line_feed = record_read(&reader->record, &reader->names, p, &reason);
		if (!line_feed)
			refuse(loading, input->line, reason, nothing, "correct the line");
		if (!ruletext_members(reader, fields))
			bad_rule(loading, input->line);
		add_rule(loading, input->line, fields);
		input_take(input, line_feed);
	}
}

/* SQLite */

static _Noreturn void database_unfit(const struct loading *loading, sqlite3 *db)
{
	int code = sqlite3_errcode(db) & 0xff;
	fail(code == SQLITE_BUSY    ? EX_TEMPFAIL
	     : code == SQLITE_IOERR ? EX_IOERR
				    : EX_CONFIG,
	     "%s: cannot read its table rules: %s", loading->file, sqlite3_errmsg(db));
}

static void database_rule(struct loading *loading, uint64_t row, sqlite3_stmt *statement)
{
	struct slice fields[RULE_COLUMNS];
	for (int i = 0; i < RULE_COLUMNS; i++) {
		int type = sqlite3_column_type(statement, i);
		if (type == SQLITE_BLOB || type == SQLITE_FLOAT)
			refuse(loading, row, rule_columns[i].name, nothing, "which must be a text");
		fields[i].p = (const char *)sqlite3_column_text(statement, i);
		fields[i].n = (size_t)sqlite3_column_bytes(statement, i);
	}
	add_rule(loading, row, fields);
}

static void load_database(struct loading *loading)
{
	sqlite3 *db;
	sqlite3_stmt *statement;
	int code;
	loading->table = true;
	if (sqlite3_open_v2(loading->file, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, 30000) != SQLITE_OK ||
	    sqlite3_prepare_v2(db,
			       "SELECT merchantNumber, paymentDate, paymentActionType, paymentMethodType, ruleId, "
			       "payoutDate, confirmDate FROM rules",
			       -1, &statement, NULL) != SQLITE_OK)
		database_unfit(loading, db);
	for (uint64_t row = 1; (code = sqlite3_step(statement)) == SQLITE_ROW; row++)
		database_rule(loading, row, statement);
	if (code != SQLITE_DONE)
		database_unfit(loading, db);
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

/* The kinds of files */

enum kind { KIND_UNKNOWN, KIND_CSV, KIND_NDJSON, KIND_DATABASE };

static enum kind kind_by_name(const char *file)
{
	static const struct {
		const char *extension;
		enum kind kind;
	} known[] = {{".csv", KIND_CSV},         {".ndjson", KIND_NDJSON}, {".jsonl", KIND_NDJSON},
		     {".json", KIND_NDJSON},     {".db", KIND_DATABASE},   {".sqlite", KIND_DATABASE},
		     {".sqlite3", KIND_DATABASE}};
	const char *dot = strrchr(file, '.');
	for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++)
		if (strcmp(dot, known[i].extension) == 0)
			return known[i].kind;
	return KIND_UNKNOWN;
}

static enum kind kind_by_content(const char *first)
{
	if (strncmp(first, "SQLite format 3", 15) == 0)
		return KIND_DATABASE;
	return *json_space(first) == '{' ? KIND_NDJSON : KIND_CSV;
}

void rulefile_load(struct rules *rules, struct keys *keys, const struct calendar *calendar, const char *file)
{
	struct loading loading = {.rules = rules, .keys = keys, .file = file};
	struct input input;
	enum kind kind = kind_by_name(file);
	const char *first;
	uint64_t length;
	if (database_own(file))
		fail(EX_USAGE, "%s: another stage of this process writes to it: give the rules a file of their own",
		     file);
	int fd = file_open(file); /* also for a database: its messages tell more than SQLite's */
	ruletext_init(&loading.reader, calendar);
	input_open(&input, fd, file);
	input.settings = true;
	enum input_state state = input_next(&input, &first, &length, NULL, NULL);
	if (state == INPUT_END)
		fail(EX_CONFIG, "%s: is empty, it should hold rules (leave --rules out where there are none)", file);
	if (kind == KIND_UNKNOWN)
		kind = kind_by_content(first);
	if (state == INPUT_TOO_LONG && kind != KIND_DATABASE)
		refuse(&loading, 1, "a line over 16 MiB", nothing, "correct it");
	switch (kind) {
	case KIND_DATABASE: load_database(&loading); break;
	case KIND_NDJSON: load_ndjson(&loading, &input); break;
	default: load_csv(&loading, &input);
	}
	input_close(&input);
	ruletext_free(&loading.reader);
	close(fd);
}
