#include "views.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "csv_field.h"
#include "database.h"
#include "export.h"
#include "fail.h"
#include "json.h"
#include "schema.h"

/* A view's keys and its sums, as columns. */
static const struct view {
	const char *name, *keys, *sums;
	int keys_n, sums_n;
} views[] = {
    {"payout", "merchantNumber, payoutDate", "payments, paid, cancelled, net", 2, 4},
    {"payout_date", "payoutDate", "payments, paid, cancelled, net", 1, 4},
    {"day", "paymentDateDaily", "payments, paid, cancelled, net", 1, 4},
    {"left_out", "reason, paymentDateDaily", "payments, paid, cancelled, net", 2, 4},
    {"bad", "stage, reason", "letters", 2, 1},
};
enum { VIEWS = sizeof views / sizeof *views, SUMS_MOST = 4 };

const char views_listed[] = "payout, payout_date, day, left_out, bad";

static const struct view *find(const char *name)
{
	for (int i = 0; i < VIEWS; i++)
		if (strcmp(views[i].name, name) == 0)
			return &views[i];
	return NULL;
}

bool views_known(const char *name)
{
	return find(name) != NULL;
}

/* Numbers of 128 bits in SQL: integers where they fit, else decimal text. */

static bool number_read(sqlite3_value *value, amount_sum *to)
{
	if (sqlite3_value_type(value) == SQLITE_INTEGER) {
		*to = sqlite3_value_int64(value);
		return true;
	}
	const char *text = (const char *)sqlite3_value_text(value);
	return sqlite3_value_type(value) == SQLITE_TEXT &&
	       amount_sum_read((struct slice){text, (size_t)sqlite3_value_bytes(value)}, to);
}

static void give_number(sqlite3_context *context, amount_sum number)
{
	int64_t narrow;
	char digits[AMOUNT_TEXT];
	if (amount_narrow(number, &narrow))
		sqlite3_result_int64(context, narrow);
	else
		sqlite3_result_text(context, digits, (int)amount_write(digits, number), SQLITE_TRANSIENT);
}

/* What SQLite keeps for an aggregate is aligned for 64 bits, not for a sum. */
static amount_sum sum_of(const void *kept)
{
	amount_sum sum;
	memcpy(&sum, kept, sizeof sum);
	return sum;
}

static void sum_step(sqlite3_context *context, int n, sqlite3_value **values)
{
	void *kept = sqlite3_aggregate_context(context, sizeof(amount_sum));
	amount_sum sum;
	(void)n;
	if (!kept) {
		sqlite3_result_error_nomem(context);
	} else if (number_read(values[0], &sum)) {
		sum += sum_of(kept);
		memcpy(kept, &sum, sizeof sum);
	} else {
		sqlite3_result_error(context, "an amount without a direction", -1);
	}
}

static void sum_final(sqlite3_context *context)
{
	const void *kept = sqlite3_aggregate_context(context, 0);
	give_number(context, kept ? sum_of(kept) : 0);
}

static void absolute(sqlite3_context *context, int n, sqlite3_value **values)
{
	amount_sum number;
	(void)n;
	if (number_read(values[0], &number))
		give_number(context, number < 0 ? -number : number);
	else
		sqlite3_result_error(context, "an amount without a direction", -1);
}

/* In place of SQLite's own, which end at 64 bits, so that the views' sums are exact here. */
static void sum_exactly(sqlite3 *db)
{
	enum { FLAGS = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS };
	if (sqlite3_create_function(db, "sum", 1, FLAGS, NULL, NULL, sum_step, sum_final) != SQLITE_OK ||
	    sqlite3_create_function(db, "abs", 1, FLAGS, NULL, absolute, NULL, NULL) != SQLITE_OK)
		fail(EX_OSERR, "SQLite: %s", sqlite3_errmsg(db));
}

/* A store that is read: its row at hand is one of the view. */
struct source {
	struct database database;
	sqlite3_stmt *rows;
	bool has; /* a row at hand */
};

static void next(struct source *source, const char *where)
{
	source->has = export_step(&source->database, source->rows, where);
}

/* A store that is named twice, by whatever name, would count twice. */
static void refuse_twice(const char *const *paths, size_t n)
{
	struct stat *file = must_alloc(n * sizeof *file);
	for (size_t i = 0; i < n; i++) {
		if (stat(paths[i], &file[i]) != 0)
			file[i] = (struct stat){0}; /* to open it says what is wrong */
		for (size_t k = 0; k < i; k++)
			if (file[i].st_ino != 0 && file[k].st_ino == file[i].st_ino && file[k].st_dev == file[i].st_dev)
				fail(EX_USAGE, "-d %s and -d %s: the same store", paths[k], paths[i]);
	}
	free(file);
}

static void open_source(struct source *source, const char *path, const struct view *view, const char *where)
{
	char *columns = must_format("%s, %s", view->keys, view->sums);
	database_open_read(&source->database, path, DATABASE_STORE);
	sum_exactly(source->database.db);
	source->rows = export_prepare(&source->database, columns, view->name, where, view->keys);
	free(columns);
}

/* Orders the rows at hand of two stores by their keys as SQL does: null first, texts by their bytes. */
static int compare(const struct source *a, const struct source *b, const struct view *view)
{
	for (int i = 0; i < view->keys_n; i++) {
		struct slice one = column_text(a->rows, i), other = column_text(b->rows, i);
		int order = !one.p || !other.p ? (one.p != NULL) - (other.p != NULL) : slice_compare(one, other);
		if (order)
			return order;
	}
	return 0;
}

/* The first of the rows at hand; NULL: there is none. */
static struct source *first_of(struct source *sources, size_t n, const struct view *view)
{
	struct source *first = NULL;
	for (size_t i = 0; i < n; i++)
		if (sources[i].has && (!first || compare(&sources[i], first, view) < 0))
			first = &sources[i];
	return first;
}

/* Writing */

static char *put_name(char *to, const char *before, struct source *source, int column)
{
	struct slice name = slice_of(sqlite3_column_name(source->rows, column));
	to = slice_append(slice_append(to, slice_of(before)), name);
	return slice_append(to, SLICE("\":"));
}

/* The row at hand with its keys, and these sums. */
static void write_row(struct output *output, struct source *source, const struct view *view, const amount_sum *sums,
		      bool csv)
{
	enum { NAMES_ROOM = 256 };
	size_t room = NAMES_ROOM + (size_t)view->sums_n * AMOUNT_TEXT;
	for (int i = 0; i < view->keys_n; i++)
		room += json_quote_room(column_text(source->rows, i).n);
	char *start = output_room(output, room), *to = start;
	for (int i = 0; i < view->keys_n; i++) {
		struct slice key = column_text(source->rows, i);
		if (csv) {
			to = key.p ? csv_field(to, key) : to;
			*to++ = ',';
			continue;
		}
		to = put_name(to, i > 0 ? ",\"" : "{\"", source, i);
		if (key.p)
			to += json_quote(to, key);
		else
			to = slice_append(to, SLICE("null"));
	}
	for (int i = 0; i < view->sums_n; i++) {
		if (!csv)
			to = put_name(to, ",\"", source, view->keys_n + i);
		else if (i > 0)
			*to++ = ',';
		to += amount_write(to, sums[i]);
	}
	to = slice_append(to, csv ? SLICE("\n") : SLICE("}\n"));
	output_advance(output, (size_t)(to - start));
}

static void write_header(struct output *output, const struct view *view)
{
	char *header = must_format("%s, %s", view->keys, view->sums), *to = header;
	for (const char *p = header; *p; p++)
		if (*p != ' ')
			*to++ = *p;
	output_line(output, (struct slice){header, (size_t)(to - header)});
	free(header);
}

/* Takes the first of the rows at hand, and those of other stores with its keys: writes their sum. */
static bool write_next(struct source *sources, size_t n, const struct view *view, const char *where, bool csv,
		       struct output *output)
{
	amount_sum sums[SUMS_MOST] = {0};
	struct source *first = first_of(sources, n, view);
	if (!first)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct source *source = &sources[i];
		if (!source->has || compare(source, first, view) != 0)
			continue;
		for (int sum = 0; sum < view->sums_n; sum++) {
			amount_sum part;
			if (!number_read(sqlite3_column_value(source->rows, view->keys_n + sum), &part))
				fail(EX_DATAERR, "%s: a sum of %s is damaged", source->database.path, view->name);
			sums[sum] += part;
		}
		if (source != first)
			next(source, where);
	}
	write_row(output, first, view, sums, csv);
	next(first, where);
	return true;
}

void views_export(const char *const *paths, size_t n, const char *name, const char *where, bool csv,
		  struct output *output, bool check)
{
	const struct view *view = find(name);
	struct source *sources = must_alloc(n * sizeof *sources);
	refuse_twice(paths, n);
	for (size_t i = 0; i < n; i++)
		open_source(&sources[i], paths[i], view, where);
	if (!check && csv)
		write_header(output, view);
	for (size_t i = 0; i < n && !check; i++)
		next(&sources[i], where);
	while (!check && write_next(sources, n, view, where, csv, output)) {
	}
	for (size_t i = 0; i < n; i++) {
		sqlite3_finalize(sources[i].rows);
		database_close(&sources[i].database);
	}
	free(sources);
}
