#include "schema.h"

#include <stdio.h>

#include "cover.h"
#include "fail.h"

const char *const table_name[TABLES] = {"base", "unsettlement", "payment_log", "dead_letter", "statistics"};

#define COORDINATES "source TEXT NOT NULL, partition INTEGER NOT NULL, \"offset\" INTEGER NOT NULL"
/* What millions of rows come to stands in the order in which they came, so that rows of many partitions only append
 * too; its key is an index (indexes.h). */
#define AS_THEY_CAME   ") STRICT;\n"
#define BY_COORDINATES ", PRIMARY KEY (source, partition, \"offset\")) STRICT, WITHOUT ROWID;\n"
#define PAYMENT                                                                                      \
	"paymentType TEXT NOT NULL, amount INTEGER NOT NULL, payoutDate TEXT, confirmDate TEXT,"     \
	" merchantNumber TEXT NOT NULL, paymentDate TEXT NOT NULL, paymentActionType TEXT NOT NULL," \
	" paymentMethodType TEXT NOT NULL, rule TEXT"
/* own: the toolkit's own members that have no column (_key, _ts, _headers), as an object. members: all others that have
 * none, likewise. record: the whole line, only where it is spelled otherwise than these columns are written back. */
#define REST "own TEXT, members TEXT, record TEXT"
/* What a message's data says, for readers; computed, not stored. */
#define SEEN(name) ", " name " ANY AS (json_extract(message, '$.data." name "'))"

/* Messages that --prune-log took out of payment_log: of every offset of [lo,hi) one, of them `finish` were FINISH, and
 * `amount` is the sum of the others' amounts that are integers. The view says how many messages ever came. */
#define PRUNED                                                                                                      \
	"CREATE TABLE pruned (source TEXT NOT NULL, partition INTEGER NOT NULL, lo INTEGER NOT NULL,"               \
	" hi INTEGER NOT NULL, finish INTEGER NOT NULL, amount TEXT NOT NULL, PRIMARY KEY (source, partition, lo)," \
	" CHECK (lo < hi)) STRICT, WITHOUT ROWID;\n"                                                                \
	"CREATE VIEW logged AS SELECT (SELECT count(*) FROM payment_log) + (SELECT coalesce(sum(hi - lo), 0) FROM"  \
	" pruned) AS messages, (SELECT count(*) FROM payment_log WHERE action='FINISH') +"                          \
	" (SELECT coalesce(sum(finish), 0) FROM pruned) AS finish;\n"
/* A payment's amount with its direction, as the store's terms have it. What has none, in a store of before, ends the
 * query: abs() has no value for the least integer. */
#define MONEY                                                                                        \
	"CASE (SELECT value FROM setting WHERE name = 'signed') WHEN '1' THEN amount ELSE amount * " \
	"coalesce((SELECT sign FROM action WHERE name = paymentActionType AND amount >= 0),"         \
	" abs(amount * 0 - 9223372036854775807 - 1)) END AS money"
#define SUMS "count(*) AS payments, sum(max(money, 0)) AS paid, sum(abs(min(money, 0))) AS cancelled, sum(money) AS net"
#define DAY  "substr(paymentDate, 1, 10) AS paymentDateDaily"

/* A table a paragraph. */
/* clang-format off */
static const char schema[] =
	"CREATE TABLE base (" COORDINATES ", " PAYMENT ", " REST AS_THEY_CAME

	"CREATE TABLE unsettlement (" COORDINATES ", reason TEXT NOT NULL, " PAYMENT ", " REST BY_COORDINATES

	"CREATE TABLE payment_log (" COORDINATES ", channel TEXT, action TEXT, message TEXT NOT NULL"
	SEEN("paymentType") SEEN("amount") SEEN("payoutDate") SEEN("confirmDate") SEEN("merchantNumber")
	SEEN("paymentDate") SEEN("paymentActionType") SEEN("paymentMethodType") AS_THEY_CAME

	"CREATE TABLE dead_letter (" COORDINATES ", stage TEXT NOT NULL, reason TEXT NOT NULL, raw TEXT NOT NULL,"
	" encoding TEXT, length INTEGER, corrected INTEGER NOT NULL, record TEXT" BY_COORDINATES

	/* The least and the greatest offset that a payment or message of a source partition ever came with. */
	"CREATE TABLE extent (source TEXT NOT NULL, partition INTEGER NOT NULL, least INTEGER NOT NULL,"
	" most INTEGER NOT NULL, PRIMARY KEY (source, partition)) STRICT, WITHOUT ROWID;\n"

	"CREATE TABLE statistics (merchantNumber TEXT NOT NULL, paymentActionType TEXT NOT NULL,"
	" paymentDateDaily TEXT NOT NULL, paymentMethodType TEXT NOT NULL, count INTEGER NOT NULL,"
	" totalAmount INTEGER NOT NULL,"
	" PRIMARY KEY (merchantNumber, paymentActionType, paymentDateDaily, paymentMethodType)) STRICT, WITHOUT ROWID;\n"

	PRUNED

	"CREATE TABLE tally (name TEXT NOT NULL PRIMARY KEY, records INTEGER NOT NULL, amount TEXT NOT NULL) STRICT;\n"
	"INSERT INTO tally VALUES ('base', 0, '0'), ('unsettlement', 0, '0'), ('payment_log', 0, '0'),"
	" ('dead_letter', 0, '0'), ('statistics', 0, '0');\n";

/* By what amounts are summed, see terms.h. */
static const char terms[] =
	"CREATE TABLE action (name TEXT NOT NULL PRIMARY KEY, sign INTEGER NOT NULL CHECK (sign IN (-1, 1))) STRICT,"
	" WITHOUT ROWID;\n"
	"INSERT INTO action VALUES ('PAYMENT', 1), ('CANCEL', -1), ('PARTIAL_CANCEL', -1), ('FULL_CANCEL', -1),"
	" ('NETWORK_CANCEL', -1);\n"

	"CREATE TABLE setting (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;\n"
	"INSERT INTO setting VALUES ('signed', '0'), ('currency', ''), ('currencyHeld', '');\n";

/* Sums of them, exact, or the query ends (see also views.h). */
static const char views[] =
	"CREATE VIEW payout AS SELECT merchantNumber, payoutDate, " SUMS
	" FROM (SELECT merchantNumber, payoutDate, " MONEY " FROM base) GROUP BY merchantNumber, payoutDate;\n"

	"CREATE VIEW payout_date AS SELECT payoutDate, " SUMS
	" FROM (SELECT payoutDate, " MONEY " FROM base) GROUP BY payoutDate;\n"

	"CREATE VIEW day AS SELECT paymentDateDaily, " SUMS
	" FROM (SELECT " DAY ", " MONEY " FROM base) GROUP BY paymentDateDaily;\n"

	"CREATE VIEW left_out AS SELECT reason, paymentDateDaily, " SUMS
	" FROM (SELECT reason, " DAY ", " MONEY " FROM unsettlement) GROUP BY reason, paymentDateDaily;\n"

	"CREATE VIEW bad AS SELECT stage, reason, count(*) AS letters FROM dead_letter WHERE NOT corrected"
	" GROUP BY stage, reason;\n";
/* clang-format on */

const struct upgrade_step schema_steps[] = {{3, cover_step_places}, {3, PRUNED}, {3, terms}, {3, views}, {0}};

char *schema_text(void)
{
	return must_format("%s%s%s%s", schema, terms, views, cover_schema);
}

void tally_read(struct database *database, struct tally to[TABLES])
{
	sqlite3_stmt *read = database_prepare(database, "SELECT records, amount FROM tally WHERE name=?1");

	for (int i = 0; i < TABLES; i++) {
		database_bind(database, read, 1, slice_of(table_name[i]));
		if (!database_step(database, read) || !amount_sum_read(column_text(read, 1), &to[i].amount))
			fail(EX_DATAERR, "%s: the tally of table %s is damaged; restore the file", database->path,
			     table_name[i]);
		to[i].records = sqlite3_column_int64(read, 0);
		sqlite3_reset(read);
	}
	sqlite3_finalize(read);
}

void tally_write(struct database *database, const struct tally tally[TABLES])
{
	sqlite3_stmt *write = database_prepare(database, "UPDATE tally SET records=?2, amount=?3 WHERE name=?1");
	char text[AMOUNT_TEXT];

	for (int i = 0; i < TABLES; i++) {
		database_bind(database, write, 1, slice_of(table_name[i]));
		sqlite3_bind_int64(write, 2, tally[i].records);
		database_bind(database, write, 3, (struct slice){text, amount_write(text, tally[i].amount)});
		database_do(database, write);
	}
	sqlite3_finalize(write);
}

struct slice column_text(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	return (struct slice){(const char *)text, text ? (size_t)sqlite3_column_bytes(statement, column) : 0};
}
