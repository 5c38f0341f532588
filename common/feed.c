#include "feed.h"

#include <stdlib.h>

#include "fail.h"

/* SQLite's interface for tables made by the program (sqlite.org/vtab.html); one without xCreate is there by itself. */

struct feed_table {
	sqlite3_vtab base;
	const struct feed *feed;
};

struct feed_cursor {
	sqlite3_vtab_cursor base;
	const struct feed *feed;
	size_t row;
};

static int feed_connect(sqlite3 *db, void *feed, int n, const char *const *arguments, sqlite3_vtab **to, char **error)
{
	struct feed_table *table = must_alloc(sizeof *table);
	char *sql = must_format("CREATE TABLE feed (%s)", ((const struct feed *)feed)->columns);

	(void)n, (void)arguments, (void)error;
	*table = (struct feed_table){.feed = feed};
	*to = &table->base;
	int result = sqlite3_declare_vtab(db, sql);
	free(sql);
	return result;
}

static int feed_disconnect(sqlite3_vtab *table)
{
	free(table);
	return SQLITE_OK;
}

static int feed_plan(sqlite3_vtab *table, sqlite3_index_info *plan)
{
	(void)table, (void)plan;
	return SQLITE_OK;
}

static int feed_open(sqlite3_vtab *table, sqlite3_vtab_cursor **to)
{
	struct feed_cursor *cursor = must_alloc(sizeof *cursor);

	*cursor = (struct feed_cursor){.feed = ((struct feed_table *)table)->feed};
	*to = &cursor->base;
	return SQLITE_OK;
}

static int feed_close(sqlite3_vtab_cursor *cursor)
{
	free(cursor);
	return SQLITE_OK;
}

static int feed_first(sqlite3_vtab_cursor *cursor, int plan, const char *name, int n, sqlite3_value **values)
{
	(void)plan, (void)name, (void)n, (void)values;
	((struct feed_cursor *)cursor)->row = 0;
	return SQLITE_OK;
}

static int feed_next(sqlite3_vtab_cursor *cursor)
{
	((struct feed_cursor *)cursor)->row++;
	return SQLITE_OK;
}

static int feed_ended(sqlite3_vtab_cursor *cursor)
{
	const struct feed_cursor *at = (struct feed_cursor *)cursor;

	return at->row >= at->feed->n;
}

static int feed_column(sqlite3_vtab_cursor *cursor, sqlite3_context *to, int column)
{
	const struct feed_cursor *at = (struct feed_cursor *)cursor;

	at->feed->column(at->feed->self, at->row, column, to);
	return SQLITE_OK;
}

static int feed_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *to)
{
	*to = (sqlite3_int64)((struct feed_cursor *)cursor)->row;
	return SQLITE_OK;
}

void feed_register(struct database *database, const struct feed *feed)
{
	static const sqlite3_module module = {.xConnect = feed_connect,
					      .xBestIndex = feed_plan,
					      .xDisconnect = feed_disconnect,
					      .xOpen = feed_open,
					      .xClose = feed_close,
					      .xFilter = feed_first,
					      .xNext = feed_next,
					      .xEof = feed_ended,
					      .xColumn = feed_column,
					      .xRowid = feed_rowid};

	if (sqlite3_create_module(database->db, feed->name, &module, (void *)(uintptr_t)feed) != SQLITE_OK)
		database_fail(database, "open");
}

void feed_text(sqlite3_context *to, struct slice text)
{
	if (text.p)
		sqlite3_result_text64(to, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
}
