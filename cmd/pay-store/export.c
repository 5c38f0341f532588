#include "export.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fail.h"
#include "line.h"
#include "options.h"
#include "views.h"

#define COORDINATES "source, partition, \"offset\""
#define PAYMENT                                                                                            \
	COORDINATES ", amount, record, paymentType, payoutDate, confirmDate, merchantNumber, paymentDate," \
		    " paymentActionType, paymentMethodType, rule, own, members"

/* What is read of each table: coordinates (of totals: nothing, 0, count), amount, the line if it is kept whole, and
 * the texts named here. */
static const struct {
	const char *columns, *order;
	uint8_t text[ROW_TEXTS + 1];
} plan[TABLES] = {
    [TABLE_BASE] = {PAYMENT,
		    COORDINATES,
		    {ROW_PAYMENT_TYPE, ROW_PAYOUT_DATE, ROW_CONFIRM_DATE, ROW_MERCHANT_NUMBER, ROW_PAYMENT_DATE,
		     ROW_PAYMENT_ACTION_TYPE, ROW_PAYMENT_METHOD_TYPE, ROW_RULE, ROW_OWN, ROW_MEMBERS, ROW_TEXTS}},
    [TABLE_UNSETTLEMENT] = {PAYMENT ", reason",
			    COORDINATES,
			    {ROW_PAYMENT_TYPE, ROW_PAYOUT_DATE, ROW_CONFIRM_DATE, ROW_MERCHANT_NUMBER, ROW_PAYMENT_DATE,
			     ROW_PAYMENT_ACTION_TYPE, ROW_PAYMENT_METHOD_TYPE, ROW_RULE, ROW_OWN, ROW_MEMBERS,
			     ROW_REASON, ROW_TEXTS}},
    [TABLE_LOG] = {COORDINATES ", 0, message", COORDINATES, {ROW_TEXTS}},
    [TABLE_DEAD] = {COORDINATES ", 0, record, stage, reason, raw, encoding, length",
		    COORDINATES,
		    {ROW_STAGE, ROW_REASON, ROW_RAW, ROW_ENCODING, ROW_LENGTH, ROW_TEXTS}},
    [TABLE_STATISTICS] = {"'', 0, count, totalAmount, NULL, merchantNumber, paymentActionType, paymentDateDaily,"
			  " paymentMethodType",
			  "merchantNumber, paymentActionType, paymentDateDaily, paymentMethodType",
			  {ROW_MERCHANT_NUMBER, ROW_PAYMENT_ACTION_TYPE, ROW_DAY, ROW_PAYMENT_METHOD_TYPE, ROW_TEXTS}},
};
enum { VALUE_MAX = 128 << 20 }; /* bytes: a dead letter is the longest row */
enum { AMOUNT_COLUMN = 3, RECORD_COLUMN, FIRST_TEXT };

/* A condition may read this store and compute, nothing else (see sqlite3_set_authorizer). */
static int only_reads(void *self, int action, const char *first, const char *second, const char *database,
		      const char *trigger)
{
	(void)self, (void)first, (void)database, (void)trigger;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE: return SQLITE_OK;
	case SQLITE_FUNCTION:
		return second &&
			       (strcasecmp(second, "load_extension") == 0 || strcasecmp(second, "fts3_tokenizer") == 0)
			   ? SQLITE_DENY
			   : SQLITE_OK;
	default: return SQLITE_DENY;
	}
}

enum table export_find(const char *name)
{
	for (int i = 0; i < TABLES; i++)
		if (strcmp(table_name[i], name) == 0)
			return (enum table)i;
	options_misuse(
	    "--export: no table \"%s\" (base, unsettlement, payment_log, dead_letter, statistics), nor a view "
	    "(%s)",
	    name, views_listed);
}

static char *select_text(const char *columns, const char *table, const char *where, const char *order)
{
	/* The line feed ends a comment that the condition may end in. */
	return must_format("SELECT %s FROM %s WHERE (%s\n) ORDER BY %s", columns, table, where, order);
}

char *export_select(enum table table, const char *where)
{
	return select_text(plan[table].columns, table_name[table], where, plan[table].order);
}

sqlite3_stmt *export_prepare(struct database *database, const char *columns, const char *table, const char *where,
			     const char *order)
{
	sqlite3_stmt *statement;
	const char *rest;
	char *sql = select_text(columns, table, where ? where : "1", order);

	sqlite3_set_authorizer(database->db, only_reads, NULL);
	/* A condition needs no larger value than a row. */
	sqlite3_limit(database->db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	int result = sqlite3_prepare_v2(database->db, sql, -1, &statement, &rest);
	if (result == SQLITE_ERROR || result == SQLITE_AUTH)
		options_misuse("--where %s: %s", where ? where : "", sqlite3_errmsg(database->db));
	if (result != SQLITE_OK)
		database_fail(database, "read");
	if (*rest || sqlite3_bind_parameter_count(statement) > 0)
		options_misuse("--where %s: not one condition over the columns of %s", where, table);
	free(sql);
	return statement;
}

static sqlite3_stmt *prepare(struct database *database, enum table table, const char *where)
{
	return export_prepare(database, plan[table].columns, table_name[table], where, plan[table].order);
}

bool export_step(struct database *database, sqlite3_stmt *statement, const char *where)
{
	int result = sqlite3_step(statement);
	/* The condition cannot be computed: malformed JSON, overflow, a value of gigabytes; or it may not: SQLite from
	 * 3.46 on asks for some of what it does only now. */
	if (result == SQLITE_ERROR || result == SQLITE_AUTH || result == SQLITE_TOOBIG)
		options_misuse("--where %s: %s", where ? where : "", sqlite3_errmsg(database->db));
	if (result != SQLITE_ROW && result != SQLITE_DONE)
		database_fail(database, "read");
	return result == SQLITE_ROW;
}

struct coordinates export_coordinates(sqlite3_stmt *row)
{
	return (struct coordinates){column_text(row, 0), sqlite3_column_int(row, 1), sqlite3_column_int64(row, 2)};
}

int64_t export_amount(sqlite3_stmt *row)
{
	return sqlite3_column_int64(row, AMOUNT_COLUMN);
}

/* The line of the row at hand, without its line feed, valid until the statement is stepped or scratch is used. */
static struct slice row_line(sqlite3_stmt *statement, enum table table, struct scratch *scratch)
{
	struct slice text[ROW_TEXTS] = {0};
	struct coordinates at = export_coordinates(statement);
	int64_t money = sqlite3_column_int64(statement, AMOUNT_COLUMN);
	struct slice record = column_text(statement, RECORD_COLUMN);

	if (record.p)
		return record;
	for (int i = 0; plan[table].text[i] != ROW_TEXTS; i++)
		text[plan[table].text[i]] = column_text(statement, FIRST_TEXT + i);
	char *line = scratch_room(scratch, line_room(at.source, text));
	size_t n = table == TABLE_DEAD         ? line_dead(line, &at, text)
		   : table == TABLE_STATISTICS ? line_total(line, text, at.offset, money)
					       : line_payment(line, &at, text, money);
	return (struct slice){line, n};
}

size_t export_row(struct output *output, sqlite3_stmt *statement, enum table table, struct scratch *scratch)
{
	struct slice line = row_line(statement, table, scratch);
	output_line(output, line);
	return line.n;
}

void export_each(struct database *database, enum table table, export_reader *each, void *self)
{
	char *sql = must_format("SELECT %s FROM %s", plan[table].columns, table_name[table]);
	sqlite3_stmt *statement = database_prepare(database, sql);
	struct scratch scratch = {0}, padded = {0};

	while (database_step(database, statement)) {
		struct slice line = row_line(statement, table, &scratch);
		char *copy = scratch_room(&padded, line.n + 1 + JSON_PADDING);
		memcpy(copy, line.p, line.n);
		copy[line.n] = '\n';
		each(self, (struct slice){copy, line.n}, sqlite3_column_int64(statement, AMOUNT_COLUMN));
	}
	sqlite3_finalize(statement);
	free(scratch.p);
	free(padded.p);
	free(sql);
}

uint64_t export_table(struct database *database, const char *name, const char *where, struct output *output)
{
	enum table table = export_find(name);
	sqlite3_stmt *statement = prepare(database, table, where);
	struct scratch scratch = {0};
	uint64_t n = 0;

	for (; export_step(database, statement, where); n++)
		export_row(output, statement, table, &scratch);
	sqlite3_finalize(statement);
	free(scratch.p);
	return n;
}

void export_check(struct database *database, const char *name, const char *where)
{
	sqlite3_finalize(prepare(database, export_find(name), where));
}
