#include "verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cover.h"
#include "fail.h"
#include "schema.h"
#include "shown.h"

/* SQLite's own check; each complaint is a line. Returns whether there is none. */
static bool check_structure(struct database *database)
{
	sqlite3_stmt *check = database_prepare(database, "PRAGMA integrity_check");
	bool sound = true;

	while (database_step(database, check)) {
		const char *text = (const char *)sqlite3_column_text(check, 0);
		if (strcmp(text, "ok") == 0)
			continue;
		shown_print(stdout, "damaged: %s\n", text);
		sound = false;
	}
	sqlite3_finalize(check);
	return sound;
}

static struct tally count_table(struct database *database, enum table table)
{
	static const char *const money[TABLES] = {"amount", "amount", "0", "0", "totalAmount"};
	char sql[96];
	struct tally tally = {0};

	snprintf(sql, sizeof sql, "SELECT %s FROM %s", money[table], table_name[table]);
	sqlite3_stmt *rows = database_prepare(database, sql);
	while (database_step(database, rows)) {
		tally.records++;
		tally.amount += sqlite3_column_int64(rows, 0);
	}
	sqlite3_finalize(rows);
	return tally;
}

/* Messages that were pruned were stored once. */
static int64_t count_pruned(struct database *database, enum table table)
{
	return table == TABLE_LOG ? database_ask(database, "SELECT coalesce(sum(hi - lo), 0) FROM pruned") : 0;
}

/* Counts each table and prints the result. Returns whether all are as their tallies say. */
static bool check_tallies(struct database *database)
{
	struct tally kept[TABLES];
	char text[AMOUNT_TEXT], other[AMOUNT_TEXT];
	bool sound = true;

	tally_read(database, kept);
	for (int i = 0; i < TABLES; i++) {
		struct tally counted = count_table(database, (enum table)i);
		int64_t pruned = count_pruned(database, (enum table)i);
		amount_write(text, counted.amount);
		if (counted.records + pruned == kept[i].records && counted.amount == kept[i].amount) {
			shown_print(stdout, "%s: %" PRId64 " records", table_name[i], counted.records);
			if (i != TABLE_LOG && i != TABLE_DEAD)
				shown_print(stdout, ", amount %s", text);
			if (pruned > 0)
				shown_print(stdout, ", and %" PRId64 " pruned", pruned);
			shown_print(stdout, "\n");
			continue;
		}
		amount_write(other, kept[i].amount);
		shown_print(stdout,
			    "damaged: %s: holds %" PRId64 " records, amount %s; stored were %" PRId64 ", amount %s\n",
			    table_name[i], counted.records + pruned, text, kept[i].records, other);
		sound = false;
	}
	return sound;
}

/* Each row of a query (text before the coordinates, source, partition, offset, what the record is) is a complaint and a
 * line. Returns whether there is none. */
static bool check_none(struct database *database, const char *sql)
{
	sqlite3_stmt *wrong = database_prepare(database, sql);
	bool sound = true;

	for (; database_step(database, wrong); sound = false)
		shown_print(stdout, "damaged: %s%s/%d/%lld is %s\n", sqlite3_column_text(wrong, 0),
			    sqlite3_column_text(wrong, 1), sqlite3_column_int(wrong, 2),
			    (long long)sqlite3_column_int64(wrong, 3), sqlite3_column_text(wrong, 4));
	sqlite3_finalize(wrong);
	return sound;
}

static bool check_apart(struct database *database)
{
	return check_none(database, "SELECT '', source, partition, \"offset\", 'in base and in unsettlement'"
				    " FROM base JOIN unsettlement USING (source, partition, \"offset\")");
}

/* What a table's key would refuse, and what lies where the store takes it for granted that nothing does: both would let
 * a payment in twice. */
static bool check_once(struct database *database, enum table table)
{
	const char *name = table_name[table];
	char *sql = must_format("SELECT '%s: ', source, partition, \"offset\", 'there twice' FROM %s GROUP BY 2, 3, 4"
				" HAVING count(*) > 1"
				" UNION ALL SELECT '%s: ', source, partition, lo, 'there outside of its extent' FROM"
				" (SELECT source, partition, min(\"offset\") AS lo, max(\"offset\") AS hi FROM %s"
				" GROUP BY 1, 2) LEFT JOIN extent USING (source, partition)"
				" WHERE least IS NULL OR lo < least OR hi > most",
				name, name, name, name);
	bool sound = check_none(database, sql);

	free(sql);
	return sound;
}

static bool check_pruned(struct database *database)
{
	return check_none(database, "SELECT 'payment_log: ', source, partition, l.\"offset\", 'there and pruned' FROM"
				    " pruned JOIN payment_log l USING (source, partition) WHERE l.\"offset\" >= lo"
				    " AND l.\"offset\" < hi");
}

static void print_hole(void *self, struct slice source, int32_t partition, int64_t lo, int64_t hi)
{
	(void)self;
	shown_print(stdout, "hole: %.*s/%" PRId32 ": offsets %" PRId64 " to %" PRId64 " are missing\n", (int)source.n,
		    source.p, partition, lo, hi - 1);
}

int verify_store(struct database *database)
{
	database_run(database, "BEGIN"); /* one moment for all checks */
	bool sound = check_structure(database);
	sound = check_tallies(database) && sound;
	sound = check_apart(database) && sound;
	sound = check_once(database, TABLE_BASE) && sound;
	sound = check_once(database, TABLE_UNSETTLEMENT) && sound;
	sound = check_once(database, TABLE_LOG) && sound;
	sound = check_pruned(database) && sound;
	uint64_t holes = cover_holes(database, print_hole, NULL);
	if (fflush(stdout) != 0 || ferror(stdout))
		fail(EX_IOERR, "standard output: cannot write:");
	if (!sound)
		warn("%s: damaged: restore the file, or rebuild it from the records", database->path);
	else if (holes > 0)
		warn("%s: %" PRIu64 " holes in the cover: feed what is missing (pay-consume --from, --to)",
		     database->path, holes);
	return !sound ? EX_DATAERR : holes > 0 ? EX_OPERATOR : 0;
}
