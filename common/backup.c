#include "backup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "database.h"
#include "fail.h"
#include "file.h"
#include "shown.h"

enum { BUSY_MS = 20, BUSY_TRIES = 500 }; /* while another program makes or recovers the file */
enum { COVER_SHOWN = 3 };                /* source partitions that are named; further ones are counted */

/* SQLite takes a log that lies beside a file for that file's, whoever left it there. */
static void refuse_companions(const char *to)
{
	static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
	struct stat status;

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char *name = must_format("%s%s", to, suffixes[i]);
		if (lstat(name, &status) == 0)
			fail(EX_CANTCREAT,
			     "%s: is left from another database, and would be taken for the copy's; move it away, or "
			     "name another file",
			     name);
		free(name);
	}
}

/* A copy is made by its own name only, as any database, and in place of nothing. */
static void look_at_place(const char *to)
{
	struct stat status;
	char *real = realpath(to, NULL);

	if (!real && lstat(to, &status) == 0 && S_ISLNK(status.st_mode))
		fail(EX_CANTCREAT, "%s: a symbolic link to nothing; make its target or name another file", to);
	if (real && stat(real, &status) == 0 && (!S_ISREG(status.st_mode) || status.st_size > 0))
		fail(EX_CANTCREAT, "%s: is there already; name a file that is missing or empty", to);
	refuse_companions(real ? real : to);
	free(real);
}

static void copy_pages(struct database *from, struct database *to)
{
	sqlite3_backup *copying = sqlite3_backup_init(to->db, "main", from->db, "main");
	int result = SQLITE_BUSY;

	if (!copying)
		database_fail(to, "copy");
	for (int i = 0; i < BUSY_TRIES && (result == SQLITE_BUSY || result == SQLITE_LOCKED); i++) {
		if (i > 0)
			usleep(BUSY_MS * 1000);
		result = sqlite3_backup_step(copying, -1); /* all at once: of one moment */
	}
	if (sqlite3_backup_finish(copying) == SQLITE_OK)
		return;
	if ((result & 0xff) == SQLITE_CORRUPT)
		to->path = from->path; /* it was read */
	database_fail(to, "copy");
}

static void check_copy(struct database *copy, const char *from)
{
	sqlite3_stmt *check = database_prepare(copy, "PRAGMA quick_check(1)");

	if (!database_step(copy, check) || strcmp((const char *)sqlite3_column_text(check, 0), "ok") != 0)
		fail(EX_DATAERR, "%s: is damaged (%s); no copy was kept: see --verify", from,
		     (const char *)sqlite3_column_text(check, 0));
	sqlite3_finalize(check);
}

static bool has(struct database *database, const char *table)
{
	sqlite3_stmt *find = database_prepare(database, "SELECT 1 FROM sqlite_schema WHERE name=?1");

	database_bind(database, find, 1, slice_of(table));
	bool found = database_step(database, find);
	sqlite3_finalize(find);
	return found;
}

/* The records of each table that has some, or the totals. */
static void say_records(struct database *copy)
{
	if (has(copy, "tally")) {
		sqlite3_stmt *tables =
		    database_prepare(copy, "SELECT name, records FROM tally WHERE records > 0 ORDER BY rowid");
		const char *before = "";
		for (; database_step(copy, tables); before = ", ")
			shown_print(stdout, "%s%s %" PRId64, before, (const char *)sqlite3_column_text(tables, 0),
				    (int64_t)sqlite3_column_int64(tables, 1));
		shown_print(stdout, *before ? " records" : "no record");
		sqlite3_finalize(tables);
	} else if (has(copy, "total")) {
		shown_print(stdout, "%" PRId64 " totals of %" PRId64 " records",
			    database_ask(copy, "SELECT count(*) FROM total"),
			    database_ask(copy, "SELECT sum(count) FROM total"));
	} else {
		shown_print(stdout, "%s", database_kind_text(database_kind(copy)));
	}
}

/* Up to where each source partition has been taken in. */
static void say_cover(struct database *copy)
{
	int64_t n = 0;

	if (!has(copy, "cover"))
		return;
	sqlite3_stmt *ends = database_prepare(copy, "SELECT source, partition, max(hi) FROM cover GROUP BY 1, 2");
	for (; database_step(copy, ends); n++)
		if (n < COVER_SHOWN)
			shown_print(stdout, "%s%s/%d up to %" PRId64, n == 0 ? "; " : ", ",
				    (const char *)sqlite3_column_text(ends, 0), sqlite3_column_int(ends, 1),
				    (int64_t)sqlite3_column_int64(ends, 2) - 1);
	if (n > COVER_SHOWN)
		shown_print(stdout, " and %" PRId64 " more", n - COVER_SHOWN);
	sqlite3_finalize(ends);
}

void backup(const char *from, const char *to)
{
	struct database source, copy = {.path = to, .lock = -1, .log = -1};
	struct file_new file;

	database_open_any(&source, from);
	look_at_place(to);
	file_create_named(&file, &(struct target){.option = "--backup", .path = to, .kind = TARGET_RECORDS});
	char *temporary = file_temporary(&file);
	database_connect(&copy, temporary, SQLITE_OPEN_READWRITE);
	database_run(&copy, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF");
	copy_pages(&source, &copy);
	database_close(&copy);
	database_close(&source);
	database_open_still(&copy, temporary);
	free(temporary);
	copy.path = to;
	check_copy(&copy, from);
	shown_print(stdout, "%s: copied to %s: ", from, to);
	say_records(&copy);
	say_cover(&copy);
	shown_print(stdout, "\n");
	database_close(&copy);
	file_finish(&file);
	if (fflush(stdout) != 0 || ferror(stdout))
		fail(EX_IOERR, "standard output: cannot write:");
}

void backup_check(const char *from, const char *to)
{
	struct database source;

	database_open_any(&source, from);
	database_close(&source);
	look_at_place(to);
	file_creatable(to);
}
