#include "prune.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amount.h"
#include "date.h"
#include "fail.h"
#include "schema.h"
#include "shown.h"

enum { WORTH_VACUUM = 20 }; /* one part in so many of the file is free */

/* Messages at successive offsets that go; none where lo is hi. */
struct run {
	int64_t lo, hi, finish;
	amount_sum amount;
};

struct pruning {
	struct database *database;
	date_day first; /* the oldest day that stays */
	bool dry;
	char *source; /* the partition at hand; NULL before the first */
	int32_t partition;
	bool old;       /* what has no date there goes as well */
	struct run run; /* the last one there */
	sqlite3_stmt *dates, *joined, *note;
	int64_t pruned, stay;
};

/* The day of a payment by a column; false where it has none. */
static bool read_day(sqlite3_stmt *row, int column, date_day *day)
{
	return sqlite3_column_type(row, column) == SQLITE_TEXT && date_time_read(column_text(row, column), day, NULL);
}

/* The newest day in the log; false where no message has one. */
static bool find_newest(struct database *database, date_day *newest)
{
	sqlite3_stmt *rows = database_prepare(database, "SELECT paymentDate FROM payment_log");
	bool any = false;

	for (date_day day; database_step(database, rows);)
		if (read_day(rows, 0, &day) && (!any || day > *newest)) {
			*newest = day;
			any = true;
		}
	sqlite3_finalize(rows);
	return any;
}

/* Notes the run at hand, joined with those that it touches. */
static void end_run(struct pruning *pruning)
{
	struct database *database = pruning->database;
	struct run *run = &pruning->run;
	int64_t lo = run->lo, hi = run->hi;
	char text[AMOUNT_TEXT];
	amount_sum sum;

	if (lo == hi)
		return;
	pruning->pruned += hi - lo;
	if (pruning->dry) {
		*run = (struct run){0};
		return;
	}
	sqlite3_stmt *const both[] = {pruning->joined, pruning->note};
	for (int i = 0; i < 2; i++) {
		database_bind(database, both[i], 1, slice_of(pruning->source));
		sqlite3_bind_int(both[i], 2, pruning->partition);
	}
	sqlite3_bind_int64(pruning->joined, 3, lo);
	sqlite3_bind_int64(pruning->joined, 4, hi);
	while (database_step(database, pruning->joined)) {
		if (!amount_sum_read(column_text(pruning->joined, 3), &sum))
			fail(EX_DATAERR, "%s: table pruned is damaged; restore the file", database->path);
		lo = sqlite3_column_int64(pruning->joined, 0) < lo ? sqlite3_column_int64(pruning->joined, 0) : lo;
		hi = sqlite3_column_int64(pruning->joined, 1) > hi ? sqlite3_column_int64(pruning->joined, 1) : hi;
		run->finish += sqlite3_column_int64(pruning->joined, 2);
		run->amount += sum;
	}
	sqlite3_bind_int64(pruning->note, 3, lo);
	sqlite3_bind_int64(pruning->note, 4, hi);
	sqlite3_bind_int64(pruning->note, 5, run->finish);
	database_bind(database, pruning->note, 6, (struct slice){text, amount_write(text, run->amount)});
	database_do(database, pruning->note);
	*run = (struct run){0};
}

/* What stands before the first dated message of the partition at hand goes with that one. */
static bool first_is_old(struct pruning *pruning)
{
	bool old = false;

	database_bind(pruning->database, pruning->dates, 1, slice_of(pruning->source));
	sqlite3_bind_int(pruning->dates, 2, pruning->partition);
	for (date_day day; database_step(pruning->database, pruning->dates);)
		if (read_day(pruning->dates, 0, &day)) {
			old = day < pruning->first;
			break;
		}
	sqlite3_reset(pruning->dates);
	return old;
}

static void begin_partition(struct pruning *pruning, struct slice source, int32_t partition)
{
	if (pruning->source && pruning->partition == partition && slice_equal(slice_of(pruning->source), source))
		return;
	if (pruning->source)
		end_run(pruning);
	free(pruning->source);
	pruning->source = must_format("%.*s", (int)source.n, source.p);
	pruning->partition = partition;
	pruning->old = first_is_old(pruning);
}

/* A message: source, partition, offset, paymentDate, whether it is FINISH, amount. */
static void take(struct pruning *pruning, sqlite3_stmt *row)
{
	int64_t offset = sqlite3_column_int64(row, 2);
	struct run *run = &pruning->run;
	date_day day;

	begin_partition(pruning, column_text(row, 0), sqlite3_column_int(row, 1));
	if (read_day(row, 3, &day))
		pruning->old = day < pruning->first;
	if (!pruning->old || run->hi != offset)
		end_run(pruning);
	if (!pruning->old) {
		pruning->stay++;
		return;
	}
	if (run->lo == run->hi)
		run->lo = offset;
	run->hi = offset + 1;
	if (sqlite3_column_int(row, 4))
		run->finish++;
	else if (sqlite3_column_type(row, 5) == SQLITE_INTEGER)
		run->amount += sqlite3_column_int64(row, 5);
}

static void take_all(struct pruning *pruning)
{
	struct database *database = pruning->database;
	sqlite3_stmt *rows = database_prepare(
	    database, "SELECT source, partition, \"offset\", paymentDate, action IS 'FINISH', amount FROM payment_log"
		      " ORDER BY source, partition, \"offset\"");

	pruning->dates =
	    database_prepare(database, "SELECT paymentDate FROM payment_log WHERE source=?1 AND partition=?2"
				       " ORDER BY \"offset\"");
	pruning->joined = database_prepare(
	    database, "DELETE FROM pruned WHERE source=?1 AND partition=?2 AND lo IN (?4, (SELECT max(lo) FROM pruned"
		      " WHERE source=?1 AND partition=?2 AND lo<?3)) AND (lo=?4 OR hi=?3)"
		      " RETURNING lo, hi, finish, amount");
	pruning->note = database_prepare(database, "INSERT INTO pruned VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
	while (database_step(database, rows))
		take(pruning, rows);
	end_run(pruning);
	free(pruning->source);
	sqlite3_finalize(rows);
	sqlite3_finalize(pruning->dates);
	sqlite3_finalize(pruning->joined);
	sqlite3_finalize(pruning->note);
}

/* The messages that have just been noted; none of those noted before is there. */
static void delete_noted(struct pruning *pruning)
{
	struct database *database = pruning->database;
	sqlite3_stmt *drop = database_prepare(
	    database, "DELETE FROM payment_log WHERE rowid IN (SELECT l.rowid FROM pruned JOIN payment_log l USING"
		      " (source, partition) WHERE l.\"offset\" >= lo AND l.\"offset\" < hi)");

	if (database_do(database, drop) != pruning->pruned)
		fail(EX_SOFTWARE, "%s: other messages were noted than are there: a bug; nothing was pruned",
		     database->path);
	sqlite3_finalize(drop);
}

/* SQLite writes the file anew, by way of a temporary one, which is to lie where room was made for it. */
static void give_space_back(struct database *database)
{
	int64_t pages = database_ask(database, "PRAGMA page_count");

	if (database_ask(database, "PRAGMA freelist_count") < pages / WORTH_VACUUM + 1)
		return;
	const char *file = sqlite3_db_filename(database->db, "main"), *slash = strrchr(file, '/');
	sqlite3_temp_directory = sqlite3_mprintf("%.*s", slash > file ? (int)(slash - file) : 1, slash ? file : ".");
	sqlite3_limit(database->db, SQLITE_LIMIT_ATTACHED, 1); /* that one */
	if ((sqlite3_exec(database->db, "VACUUM", NULL, NULL, NULL) & 0xff) == SQLITE_FULL)
		fail(EX_IOERR,
		     "%s: the messages are pruned, but there is no room to give their space back, which takes as much "
		     "as "
		     "what stays; make room, then run again",
		     database->path);
	if (sqlite3_errcode(database->db) != SQLITE_OK)
		database_fail(database, "give space back");
	sqlite3_limit(database->db, SQLITE_LIMIT_ATTACHED, 0);
	/* Where a reader has an old view, the file becomes shorter when the next program opens it. */
	sqlite3_wal_checkpoint_v2(database->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

static void say(const struct pruning *pruning, date_day newest)
{
	char first[DATE_TEXT], last[DATE_TEXT];

	date_write(first, pruning->first);
	date_write(last, newest);
	shown_print(stdout, "%s: newest payment %s: %" PRId64 " messages before %s %s, %" PRId64 " stay\n",
		    pruning->database->path, last, pruning->pruned, first, pruning->dry ? "would go" : "pruned",
		    pruning->stay);
	if (fflush(stdout) != 0 || ferror(stdout))
		fail(EX_IOERR, "standard output: cannot write:");
}

void prune_log(struct database *database, int64_t days, bool dry)
{
	struct pruning pruning = {.database = database, .dry = dry};
	date_day newest;

	database_run(database, dry ? "BEGIN" : "BEGIN IMMEDIATE");
	if (!find_newest(database, &newest)) {
		database_run(database, "COMMIT");
		shown_print(stdout, "%s: holds no message with a payment date: nothing to prune\n", database->path);
		return;
	}
	pruning.first = days > newest - date_first() ? date_first() : (date_day)(newest - days);
	take_all(&pruning);
	if (pruning.pruned > 0 && !dry)
		delete_noted(&pruning);
	database_run(database, "COMMIT");
	if (!dry)
		give_space_back(database);
	say(&pruning, newest);
}
