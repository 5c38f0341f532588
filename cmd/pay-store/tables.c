#include "tables.h"

#include <stdlib.h>

#include "cover.h"
#include "fail.h"

#define KEY "source=?1 AND partition=?2 AND \"offset\"=?3"
/* In the order of base: SQLite copies the columns of an INSERT … SELECT that come in another one. */
#define PAYMENT_COLUMNS                                                                                              \
	"(source, partition, \"offset\", paymentType, amount, payoutDate, confirmDate, merchantNumber, paymentDate," \
	" paymentActionType, paymentMethodType, rule, own, members, record"
#define PAYMENT_VALUES  "?1, ?2, ?3, ?5, ?4, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15"
#define SEGMENT_COLUMNS "\"offset\", amount, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11"
#define PAYMENT_TEXTS   "?1, ?2, \"offset\", t0, amount, t1, t2, t3, t4, t5, t6, t7, t9, t10, t11"
#define LOG_COLUMNS     "(source, partition, \"offset\", channel, action, message"
#define LOG_TEXTS       "?1, ?2, \"offset\", t0, t1, t2"
/* Of payments that have no text in the columns own and record, as almost all: what is not read costs nothing. */
#define USUAL_TEXTS  "?1, ?2, \"offset\", t0, amount, t1, t2, t3, t4, t5, t6, t7, NULL, t10, NULL"
#define UNLESS_KNOWN " ON CONFLICT DO NOTHING"

/* The texts that a table's statement takes as ?5 and on, ended by ROW_TEXTS. ?1 to ?3 are the coordinates, ?4 is the
 * amount. */
static const uint8_t texts_of[TABLES][ROW_TEXTS + 1] = {
    [TABLE_BASE] = {ROW_PAYMENT_TYPE, ROW_PAYOUT_DATE, ROW_CONFIRM_DATE, ROW_MERCHANT_NUMBER, ROW_PAYMENT_DATE,
		    ROW_PAYMENT_ACTION_TYPE, ROW_PAYMENT_METHOD_TYPE, ROW_RULE, ROW_OWN, ROW_MEMBERS, ROW_RECORD,
		    ROW_TEXTS},
    [TABLE_UNSETTLEMENT] = {ROW_PAYMENT_TYPE, ROW_PAYOUT_DATE, ROW_CONFIRM_DATE, ROW_MERCHANT_NUMBER, ROW_PAYMENT_DATE,
			    ROW_PAYMENT_ACTION_TYPE, ROW_PAYMENT_METHOD_TYPE, ROW_RULE, ROW_OWN, ROW_MEMBERS,
			    ROW_RECORD, ROW_REASON, ROW_TEXTS},
    [TABLE_LOG] = {ROW_CHANNEL, ROW_ACTION, ROW_MESSAGE, ROW_TEXTS},
    [TABLE_DEAD] = {ROW_STAGE, ROW_REASON, ROW_RAW, ROW_ENCODING, ROW_LENGTH, ROW_RECORD, ROW_TEXTS},
    [TABLE_STATISTICS] = {ROW_MERCHANT_NUMBER, ROW_PAYMENT_ACTION_TYPE, ROW_DAY, ROW_PAYMENT_METHOD_TYPE, ROW_TEXTS},
};

/* Takes all rows of the table `segment` at once. Any error ends the program, so none needs to be undone before. */
static sqlite3_stmt *prepare_insert_all(struct database *database, const char *table, const char *columns,
					const char *values)
{
	char *sql = must_format("INSERT OR FAIL INTO %s %s) SELECT %s FROM segment", table, columns, values);
	sqlite3_stmt *statement = database_prepare(database, sql);

	free(sql);
	return statement;
}

/* Whether a table has rows in a range of offsets. */
static sqlite3_stmt *prepare_any_in(struct database *database, enum table table)
{
	char *sql =
	    must_format("SELECT 1 FROM %s WHERE source=?1 AND partition=?2 AND \"offset\" BETWEEN ?3 AND ?4 LIMIT 1",
			table_name[table]);
	sqlite3_stmt *statement = database_prepare(database, sql);

	free(sql);
	return statement;
}

/* Whether offsets of a range lie between the first and the last that ever came, so that rows may be there. */
static sqlite3_stmt *prepare_reaches(struct database *database)
{
	return database_prepare(database,
				"SELECT 1 FROM extent WHERE source=?1 AND partition=?2 AND least<=?4 AND most>=?3");
}

static sqlite3_stmt *prepare_widen(struct database *database)
{
	return database_prepare(database, "INSERT INTO extent VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
					  " least=min(least, excluded.least), most=max(most, excluded.most)");
}

/* The table `segment`, of which insert_all reads: offset, amount, and the texts of enum row_text by number, of the rows
 * of one span. */
static void give_column(const void *self, size_t i, int column, sqlite3_context *to)
{
	enum { OFFSET, AMOUNT, FIRST_TEXT };
	_Static_assert(ROW_TEXTS == 12, "SEGMENT_COLUMNS has a column for each text");
	const struct tables *tables = self;
	const struct segment *segment = tables->segment;
	const struct row *row = &segment->row[tables->spans.number[tables->span->first + i]];

	switch (column) {
	case OFFSET: sqlite3_result_int64(to, row->offset); break;
	case AMOUNT: sqlite3_result_int64(to, row->amount); break;
	default: feed_text(to, segment_text(segment, row->text[column - FIRST_TEXT]));
	}
}

/* Stands in for json_extract where rows are written: SQLite computes the columns of payment_log that are only ever
 * computed for each row that is added too, although nothing keeps what comes out. */
static void nothing(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n, (void)values;
	sqlite3_result_null(context);
}

static void spare_computed_columns(struct database *database)
{
	if (sqlite3_create_function(database->db, "json_extract", -1,
				    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL, nothing, NULL,
				    NULL) != SQLITE_OK)
		database_fail(database, "open");
}

void tables_open(struct tables *tables, struct database *database, struct indexes *indexes, bool log, bool replace)
{
	*tables = (struct tables){.database = database, .indexes = indexes, .log = log, .replace = replace};
	struct intake *intake = tables->intake;

	tables->fresh =
	    (struct feed){.name = "segment", .columns = SEGMENT_COLUMNS, .self = tables, .column = give_column};
	feed_register(database, &tables->fresh);
	spare_computed_columns(database);
	if (log) {
		intake[TABLE_LOG].insert_all = prepare_insert_all(database, "payment_log", LOG_COLUMNS, LOG_TEXTS);
	} else {
		intake[TABLE_BASE].insert_all = prepare_insert_all(database, "base", PAYMENT_COLUMNS, PAYMENT_TEXTS);
		intake[TABLE_BASE].insert_usual = prepare_insert_all(database, "base", PAYMENT_COLUMNS, USUAL_TEXTS);
		intake[TABLE_UNSETTLEMENT].insert_all =
		    prepare_insert_all(database, "unsettlement", PAYMENT_COLUMNS ", reason", PAYMENT_TEXTS ", t8");
	}
	intake[TABLE_BASE].insert = database_prepare(
	    database, "INSERT INTO base " PAYMENT_COLUMNS ", rowid) VALUES (" PAYMENT_VALUES ", ?16)" UNLESS_KNOWN);
	intake[TABLE_BASE].place = 16;
	intake[TABLE_BASE].forget =
	    database_prepare(database, "DELETE FROM base WHERE " KEY " RETURNING amount, rowid");
	intake[TABLE_UNSETTLEMENT].insert =
	    database_prepare(database, "INSERT INTO unsettlement " PAYMENT_COLUMNS ", reason) SELECT " PAYMENT_VALUES
				       ", ?16 WHERE NOT EXISTS (SELECT 1 FROM base WHERE " KEY ")" UNLESS_KNOWN);
	intake[TABLE_UNSETTLEMENT].forget =
	    database_prepare(database, "DELETE FROM unsettlement WHERE " KEY " RETURNING amount");
	intake[TABLE_LOG].insert =
	    database_prepare(database, "INSERT INTO payment_log " LOG_COLUMNS
				       ", rowid) VALUES (?1, ?2, ?3, ?5, ?6, ?7, ?8)" UNLESS_KNOWN);
	intake[TABLE_LOG].place = 8;
	intake[TABLE_LOG].forget =
	    database_prepare(database, "DELETE FROM payment_log WHERE " KEY " RETURNING 0, rowid");
	intake[TABLE_DEAD].insert = database_prepare(
	    database, log ? "INSERT INTO dead_letter SELECT ?1, ?2, ?3, ?5, ?6, ?7, ?8, ?9,"
			    " EXISTS (SELECT 1 FROM payment_log WHERE " KEY ") OR EXISTS (SELECT 1 FROM pruned"
			    " WHERE source=?1 AND partition=?2 AND lo<=?3 AND hi>?3), ?10 WHERE true" UNLESS_KNOWN
			  : "INSERT INTO dead_letter SELECT ?1, ?2, ?3, ?5, ?6, ?7, ?8, ?9,"
			    " EXISTS (SELECT 1 FROM base WHERE " KEY ")"
			    " OR EXISTS (SELECT 1 FROM unsettlement WHERE " KEY "), ?10 WHERE true" UNLESS_KNOWN);
	intake[TABLE_DEAD].forget = database_prepare(database, "DELETE FROM dead_letter WHERE " KEY " RETURNING 0");
	intake[TABLE_STATISTICS].insert = database_prepare(
	    database, "INSERT INTO statistics (count, totalAmount, merchantNumber, paymentActionType, paymentDateDaily,"
		      " paymentMethodType) VALUES (?3, ?4, ?5, ?6, ?7, ?8)");
	intake[TABLE_STATISTICS].forget = database_prepare(
	    database, "DELETE FROM statistics WHERE merchantNumber=?5 AND paymentActionType=?6 AND paymentDateDaily=?7"
		      " AND paymentMethodType=?8 RETURNING totalAmount");
	/* What a later stage could not read is not made good by the message that it came from. */
	tables->correct =
	    database_prepare(database, log ? "UPDATE dead_letter SET corrected=1 WHERE " KEY " AND stage='pay-consume'"
					   : "UPDATE dead_letter SET corrected=1 WHERE " KEY);
	for (int i = 0; i < TABLES; i++)
		if (i != TABLE_STATISTICS)
			tables->any_in[i] = prepare_any_in(database, (enum table)i);
	compare_open(&tables->compare, database);
	tables->pruned = database_prepare(
	    database, "SELECT 1 FROM pruned WHERE source=?1 AND partition=?2 AND lo<=?4 AND hi>?3 LIMIT 1");
	tables->reaches = prepare_reaches(database);
	tables->widen = prepare_widen(database);
}

static void bind_range(struct tables *tables, sqlite3_stmt *statement, const struct span *span)
{
	database_bind(tables->database, statement, 1, span->source);
	sqlite3_bind_int(statement, 2, span->partition);
	sqlite3_bind_int64(statement, 3, span->least);
	sqlite3_bind_int64(statement, 4, span->most);
}

static bool any_in(struct tables *tables, sqlite3_stmt *statement, const struct span *span)
{
	bind_range(tables, statement, span);
	bool any = database_step(tables->database, statement);
	sqlite3_reset(statement);
	return any;
}

/* Looks what the store has in each span. Without the key, a span is taken for known where its extent reaches into it.
 */
static void look(struct tables *tables)
{
	sqlite3_stmt *rows = tables->any_in[tables->log ? TABLE_LOG : TABLE_BASE];

	for (unsigned i = 0; i < tables->spans.n; i++) {
		struct span *span = &tables->spans.v[i];
		bool known = any_in(tables, tables->indexes->keyed ? rows : tables->reaches, span);

		span->unsettled = !tables->log && any_in(tables, tables->any_in[TABLE_UNSETTLEMENT], span);
		span->dead = any_in(tables, tables->any_in[TABLE_DEAD], span);
		span->pruned = tables->log && any_in(tables, tables->pruned, span);
		span->known = known;
		span->fresh = span->rising && !known && !span->unsettled && !span->dead && !span->pruned;
	}
}

/* Whether each row is new for certain, so that none is looked up by its key. */
static bool all_fresh(const struct spans *spans, const struct segment *segment)
{
	for (size_t i = 0; i < segment->n; i++)
		if (segment->row[i].table != TABLE_STATISTICS && !spans->v[spans->of[i]].fresh)
			return false;
	return true;
}

/* Measures the segment and looks what the store has of it; rows that have to be looked up need the key. */
static void survey(struct tables *tables, const struct segment *segment)
{
	spans_measure(&tables->spans, segment);
	look(tables);
	if (!tables->indexes->keyed && !all_fresh(&tables->spans, segment)) {
		indexes_key(tables->indexes);
		look(tables);
	}
}

static void widen(struct tables *tables, const struct span *span)
{
	bind_range(tables, tables->widen, span);
	database_do(tables->database, tables->widen);
}

/* Notes the offsets of the segment's payments or messages in their extents. */
static void widen_all(struct tables *tables, const struct segment *segment)
{
	struct spans *spans = &tables->spans;

	for (unsigned i = 0; i < spans->n; i++)
		widen(tables, &spans->v[i]);
	for (size_t i = 0; i < segment->n; i++) {
		const struct row *row = &segment->row[i];

		if (spans->of[i] != SPANS || row->table == TABLE_STATISTICS || row->table == TABLE_DEAD)
			continue;
		widen(tables, &(struct span){.source = segment_text(segment, row->source),
					     .partition = row->partition,
					     .least = row->offset,
					     .most = row->offset});
	}
}

static void bind_key(struct tables *tables, sqlite3_stmt *statement, const struct segment *segment,
		     const struct row *row)
{
	database_bind(tables->database, statement, 1, segment_text(segment, row->source));
	sqlite3_bind_int(statement, 2, row->partition);
	sqlite3_bind_int64(statement, 3, row->offset);
}

static void bind_texts(struct tables *tables, sqlite3_stmt *statement, const struct segment *segment,
		       const struct row *row)
{
	const uint8_t *text = texts_of[row->table];

	for (int i = 5; *text != ROW_TEXTS; i++, text++) {
		struct slice value = segment_text(segment, row->text[*text]);
		if (value.p)
			database_bind(tables->database, statement, i, value);
		else
			sqlite3_bind_null(statement, i);
	}
}

/* Adds a row unless its key is known, in a table with rowids at this one or (0) behind the others; returns whether it
 * was added. */
static bool insert(struct tables *tables, const struct segment *segment, const struct row *row, int64_t rowid)
{
	const struct intake *intake = &tables->intake[row->table];
	sqlite3_stmt *statement = intake->insert;

	bind_key(tables, statement, segment, row);
	sqlite3_bind_int64(statement, 4, row->amount);
	bind_texts(tables, statement, segment, row);
	if (intake->place && rowid)
		sqlite3_bind_int64(statement, intake->place, rowid);
	else if (intake->place)
		sqlite3_bind_null(statement, intake->place);
	if (database_do(tables->database, statement) == 0)
		return false;
	tables->tally[row->table].records++;
	tables->tally[row->table].amount += row->amount;
	return true;
}

/* Takes the row of the same key out of a table; returns whether there was one. rowid is set to where it was in a table
 * whose rows have one; it may be NULL. */
static bool forget(struct tables *tables, enum table table, const struct segment *segment, const struct row *row,
		   int64_t *rowid)
{
	sqlite3_stmt *statement = tables->intake[table].forget;

	if (table == TABLE_STATISTICS)
		bind_texts(tables, statement, segment, row);
	else
		bind_key(tables, statement, segment, row);
	if (!database_step(tables->database, statement))
		return false;
	tables->tally[table].records--;
	tables->tally[table].amount -= sqlite3_column_int64(statement, 0);
	if (rowid && tables->intake[table].place)
		*rowid = sqlite3_column_int64(statement, 1);
	database_do(tables->database, statement);
	return true;
}

static bool is_payment(enum table table)
{
	return table == TABLE_BASE || table == TABLE_UNSETTLEMENT;
}

/* A row overwrites what the store has of its coordinates, and takes its place. */
static void replace(struct tables *tables, const struct segment *segment, const struct row *row)
{
	int64_t rowid = 0;
	bool known;

	if (is_payment(row->table)) {
		known = forget(tables, TABLE_BASE, segment, row, &rowid);
		known = forget(tables, TABLE_UNSETTLEMENT, segment, row, NULL) || known;
	} else {
		known = forget(tables, row->table, segment, row, &rowid);
	}
	insert(tables, segment, row, rowid);
	tables->duplicates += known;
}

/* The table that has the row's coordinates, compared with it; TABLES: none. */
static enum table find(struct tables *tables, const struct segment *segment, const struct row *row)
{
	if (is_payment(row->table))
		return compare_payment(&tables->compare, segment, row, &tables->differing);
	return row->table == TABLE_LOG && compare_message(&tables->compare, segment, row) ? TABLE_LOG : TABLES;
}

/* A row is added where the store has none of its coordinates. Where it may well have them it is looked at first: that
 * costs less than an insert that fails. */
static void add(struct tables *tables, const struct segment *segment, const struct row *row, const struct span *span)
{
	bool likely = span->known || span->unsettled;
	enum table had = likely ? find(tables, segment, row) : TABLES;
	bool stays = had == TABLE_BASE || had == row->table;
	bool added = !stays && insert(tables, segment, row, 0);

	if (!added && !likely)
		find(tables, segment, row);
	/* What was unsettled is settled now. */
	if (added && had == TABLE_UNSETTLEMENT)
		forget(tables, TABLE_UNSETTLEMENT, segment, row, NULL);
	tables->duplicates += !added || had == TABLE_UNSETTLEMENT;
}

/* Whether the store had the message, and has pruned it. */
static bool was_pruned(struct tables *tables, const struct segment *segment, const struct row *row)
{
	return row->table == TABLE_LOG && any_in(tables, tables->pruned,
						 &(struct span){.source = segment_text(segment, row->source),
								.partition = row->partition,
								.least = row->offset,
								.most = row->offset});
}

static void correct(struct tables *tables, const struct segment *segment, const struct row *row)
{
	bind_key(tables, tables->correct, segment, row);
	database_do(tables->database, tables->correct);
}

static void take(struct tables *tables, const struct segment *segment, const struct row *row, const struct span *span)
{
	if (row->table == TABLE_STATISTICS) {
		forget(tables, row->table, segment, row, NULL);
		insert(tables, segment, row, 0);
		return;
	}
	if (span->pruned && was_pruned(tables, segment, row))
		tables->duplicates++;
	else if (tables->replace)
		replace(tables, segment, row);
	else
		add(tables, segment, row, span);
	if (row->table != TABLE_DEAD && span->dead)
		correct(tables, segment, row);
}

/* The rows of a span that are new for certain, by one statement. */
static void take_span(struct tables *tables, const struct segment *segment, enum table table, const struct span *span)
{
	const struct intake *intake = &tables->intake[table];
	struct tally *tally = &tables->tally[table];
	bool usual = intake->insert_usual != NULL;

	tally->records += (int64_t)span->n;
	for (size_t i = 0; i < span->n; i++) {
		const struct row *row = &segment->row[tables->spans.number[span->first + i]];

		tally->amount += row->amount;
		usual = usual && row->text[ROW_OWN].n == ROW_NULL && row->text[ROW_RECORD].n == ROW_NULL;
	}
	sqlite3_stmt *statement = usual ? intake->insert_usual : intake->insert_all;
	tables->segment = segment;
	tables->span = span;
	tables->fresh.n = span->n;
	database_bind(tables->database, statement, 1, span->source);
	sqlite3_bind_int(statement, 2, span->partition);
	database_do(tables->database, statement);
}

/* The rows of a table that are new for certain. */
static void take_fresh(struct tables *tables, const struct segment *segment, enum table table)
{
	spans_fresh(&tables->spans, segment, table);
	for (unsigned i = 0; i < tables->spans.n; i++)
		if (tables->spans.v[i].n > 0)
			take_span(tables, segment, table, &tables->spans.v[i]);
}

/* Rows in the order in which they came; a table's rows that depend on another's come after those. */
static void take_all(struct tables *tables, const struct segment *segment)
{
	static const uint8_t turn[TABLES] = {[TABLE_UNSETTLEMENT] = 1, [TABLE_DEAD] = 2};

	survey(tables, segment);
	for (int table = 0; table < TABLES; table++)
		if (tables->intake[table].insert_all)
			take_fresh(tables, segment, (enum table)table);
	for (int now = 0; now <= 2; now++)
		for (size_t i = 0; i < segment->n; i++) {
			const struct row *row = &segment->row[i];
			const struct span *span = &tables->spans.v[tables->spans.of[i]];
			int due = tables->replace && row->table != TABLE_DEAD ? 0 : turn[row->table];
			if (due == now && !span->fresh)
				take(tables, segment, row, span);
		}
	widen_all(tables, segment);
}

void tables_take(struct tables *tables, struct segment *segment, const struct mark *mark, bool allow_gap)
{
	bool covers = mark && (mark->ranges_n > 0 || mark->files_n > 0);

	tables->added = 0;
	if (segment->n == 0 && !covers)
		return;
	database_begin(tables->database);
	if (covers)
		cover_apply(tables->database, mark,
			    (allow_gap ? COVER_GAPS : 0) | (tables->replace ? COVER_EDITIONS : 0));
	tally_read(tables->database, tables->tally);
	tables->added = -tables->tally[TABLE_BASE].records;
	take_all(tables, segment);
	tables->added += tables->tally[TABLE_BASE].records;
	tally_write(tables->database, tables->tally);
	if (tables->terms)
		terms_keep(tables->terms, tables->database);
	database_commit(tables->database);
	segment_clear(segment);
}
