#include "pins.h"

#include <stdlib.h>

#include "fail.h"
#include "json.h"

enum { CACHE_KIB = 16 << 10 };

/* none: the offsets of payments that had none, as intervals [lo,hi). */
#define INTERVALS                                                                                                     \
	"CREATE TABLE none(merchantNumber TEXT NOT NULL, paymentDate TEXT NOT NULL, paymentActionType TEXT NOT NULL," \
	" paymentMethodType TEXT NOT NULL, partition TEXT NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL,"        \
	" PRIMARY KEY(merchantNumber, paymentDate, paymentActionType, paymentMethodType, partition, lo))"             \
	" STRICT, WITHOUT ROWID;"

static const char schema[] =
    "CREATE TABLE rules(merchantNumber TEXT NOT NULL, paymentDate TEXT NOT NULL, paymentActionType TEXT NOT NULL,"
    " paymentMethodType TEXT NOT NULL, ruleId TEXT NOT NULL, payoutDate TEXT NOT NULL, confirmDate TEXT NOT NULL,"
    " PRIMARY KEY(merchantNumber, paymentDate, paymentActionType, paymentMethodType)) STRICT, WITHOUT ROWID;" INTERVALS;

/* A file that was made before holds the end of one interval from 0 on, whoever was asked about in it. */
static void convert(struct database *file)
{
	sqlite3_stmt *old = database_prepare(file, "SELECT 1 FROM sqlite_schema WHERE name = 'without_rule'");
	bool is_old = database_step(file, old);
	sqlite3_finalize(old);
	if (!is_old)
		return;
	database_begin(file);
	database_run(file, INTERVALS "INSERT INTO none SELECT merchantNumber, paymentDate, paymentActionType,"
				     " paymentMethodType, partition, 0, until FROM without_rule WHERE until > 0;"
				     "DROP TABLE without_rule");
	database_commit(file);
}

#define OF_KEY "merchantNumber = ?1 AND paymentDate = ?2 AND paymentActionType = ?3 AND paymentMethodType = ?4"

void pins_open(struct pins *pins, const char *path, double lock_wait)
{
	struct database *file = &pins->file;
	*pins = (struct pins){0};
	database_open(file, path, DATABASE_PINS, schema, lock_wait, CACHE_KIB);
	convert(file);
	pins->find_rule = database_prepare(file, "SELECT ruleId, payoutDate, confirmDate FROM rules WHERE " OF_KEY);
	pins->any_none = database_prepare(file, "SELECT 1 FROM none WHERE " OF_KEY " LIMIT 1");
	pins->find_none = database_prepare(file, "SELECT lo, hi FROM none WHERE " OF_KEY
						 " AND partition = ?5 AND lo <= ?6 ORDER BY lo DESC LIMIT 1");
	pins->keep_rule = database_prepare(file, "INSERT OR REPLACE INTO rules VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
	pins->keep_none =
	    database_prepare(file, "INSERT INTO none VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE"
				   " SET hi = excluded.hi");
}

static void bind_date(struct pins *pins, sqlite3_stmt *statement, int at, date_day day)
{
	char text[DATE_TEXT];
	date_write(text, day);
	if (sqlite3_bind_text(statement, at, text, DATE_TEXT - 1, SQLITE_TRANSIENT) != SQLITE_OK)
		database_fail(&pins->file, "bind a date");
}

static void bind_key(struct pins *pins, sqlite3_stmt *statement, const struct pin_key *key)
{
	database_bind(&pins->file, statement, 1, key->texts.merchant);
	bind_date(pins, statement, 2, key->day);
	database_bind(&pins->file, statement, 3, key->texts.action);
	database_bind(&pins->file, statement, 4, key->texts.method);
}

static struct slice column_text(sqlite3_stmt *statement, int at)
{
	const char *p = (const char *)sqlite3_column_text(statement, at);
	return (struct slice){p ? p : "", (size_t)sqlite3_column_bytes(statement, at)};
}

bool pins_rule(struct pins *pins, const struct pin_key *key, struct rule *to)
{
	bind_key(pins, pins->find_rule, key);
	if (!database_step(&pins->file, pins->find_rule))
		return false;
	struct slice id = column_text(pins->find_rule, 0);
	char *quoted = scratch_room(&pins->quoted, json_quote_room(id.n));
	to->id = (struct slice){quoted, json_quote(quoted, id)};
	to->line = 0;
	if (!date_read(column_text(pins->find_rule, 1), &to->payout) ||
	    !date_read(column_text(pins->find_rule, 2), &to->confirm))
		fail(EX_DATAERR, "%s: a rule whose dates are none: restore the file", pins->file.path);
	sqlite3_reset(pins->find_rule);
	return true;
}

bool pins_had_none(struct pins *pins, const struct pin_key *key)
{
	bind_key(pins, pins->any_none, key);
	if (!database_step(&pins->file, pins->any_none))
		return false;
	sqlite3_reset(pins->any_none);
	return true;
}

static void bind_offset(struct pins *pins, sqlite3_stmt *statement, int at, int64_t offset)
{
	if (sqlite3_bind_int64(statement, at, offset) != SQLITE_OK)
		database_fail(&pins->file, "bind an offset");
}

/* The interval that begins at an offset or last before it. */
static bool interval_at(struct pins *pins, const struct pin_key *key, struct slice partition, int64_t offset,
			int64_t *lo, int64_t *hi)
{
	bind_key(pins, pins->find_none, key);
	database_bind(&pins->file, pins->find_none, 5, partition);
	bind_offset(pins, pins->find_none, 6, offset);
	if (!database_step(&pins->file, pins->find_none))
		return false;
	*lo = sqlite3_column_int64(pins->find_none, 0);
	*hi = sqlite3_column_int64(pins->find_none, 1);
	sqlite3_reset(pins->find_none);
	return true;
}

bool pins_none_at(struct pins *pins, const struct pin_key *key, struct slice partition, int64_t offset)
{
	int64_t lo, hi;
	return interval_at(pins, key, partition, offset, &lo, &hi) && offset < hi;
}

static void begin(struct pins *pins)
{
	if (!pins->open)
		database_begin(&pins->file);
	pins->open = true;
}

void pins_keep_rule(struct pins *pins, const struct pin_key *key, const struct rule *rule)
{
	begin(pins);
	bind_key(pins, pins->keep_rule, key);
	char *id = scratch_room(&pins->text, rule->id.n);
	size_t n = json_unescape(id, (struct slice){rule->id.p + 1, rule->id.n - 2});
	database_bind(&pins->file, pins->keep_rule, 5, (struct slice){id, n});
	bind_date(pins, pins->keep_rule, 6, rule->payout);
	bind_date(pins, pins->keep_rule, 7, rule->confirm);
	database_do(&pins->file, pins->keep_rule);
}

void pins_keep_none(struct pins *pins, const struct pin_key *key, struct slice partition, int64_t offset)
{
	int64_t lo, hi;
	begin(pins);
	bool before = interval_at(pins, key, partition, offset, &lo, &hi);
	if (before && offset < hi)
		return;
	bind_key(pins, pins->keep_none, key);
	database_bind(&pins->file, pins->keep_none, 5, partition);
	bind_offset(pins, pins->keep_none, 6, before && offset == hi ? lo : offset);
	bind_offset(pins, pins->keep_none, 7, offset + 1);
	database_do(&pins->file, pins->keep_none);
}

void pins_commit(struct pins *pins)
{
	if (pins->open)
		database_commit(&pins->file);
	pins->open = false;
}

void pins_close(struct pins *pins)
{
	database_close(&pins->file);
	free(pins->text.p);
	free(pins->quoted.p);
}
