#include "upgrade.h"

#include <stdio.h>
#include <sys/statvfs.h>

#include "fail.h"
#include "shown.h"

enum { CACHE_KIB = 8192 };
enum { ROOM_MIB = 16 }; /* steps add tables and columns: they write some pages, however much the file holds */

static void demand_known(const struct database *database, enum database_kind kind, int version)
{
	int now = database_version_now(kind);

	if (version > now)
		fail(EX_CONFIG,
		     "%s: has schema version %d, this program knows %d: a newer paypipe made it, use that one",
		     database->path, version, now);
	if (version < database_version_oldest(kind))
		fail(EX_CONFIG,
		     "%s: has schema version %d, which is too old: from version %d on --upgrade can; use the paypipe "
		     "that made it, or build it anew from its source",
		     database->path, version, database_version_oldest(kind));
}

/* A full disk would undo the transaction too; but nobody wants to find that out in the middle of the night. */
static void demand_room(const struct database *database)
{
	struct statvfs room;

	if (statvfs(database->path, &room) == 0 && room.f_bavail * room.f_frsize < (unsigned long)ROOM_MIB << 20)
		fail(EX_IOERR, "%s: %d MiB of free space are needed to upgrade it; make room, then run again",
		     database->path, ROOM_MIB);
}

/* Files of which an older version kept a hash that is not compared any more. */
static int64_t files_by_name(struct database *database)
{
	int64_t files = 0;
	sqlite3_stmt *kept = database_prepare(database, "SELECT 1 FROM sqlite_schema WHERE name='file'");
	if (database_step(database, kept)) {
		sqlite3_stmt *count = database_prepare(database, "SELECT count(*) FROM file");
		if (database_step(database, count))
			files = sqlite3_column_int64(count, 0);
		sqlite3_finalize(count);
	}
	sqlite3_finalize(kept);
	return files;
}

static void take_steps(struct database *database, enum database_kind kind, const struct upgrade_step *steps,
		       int version)
{
	char sql[64];

	database_begin(database);
	for (; steps->from; steps++)
		if (steps->from >= version)
			database_run(database, steps->sql);
	snprintf(sql, sizeof sql, "PRAGMA user_version=%d", database_version_now(kind));
	database_run(database, sql);
	database_commit(database);
}

void upgrade_check(const char *path, enum database_kind kind)
{
	struct database database;

	database_open_any(&database, path);
	if (database_kind(&database) != kind)
		fail(EX_CONFIG, "%s: holds %s, not %s; name another file", path,
		     database_kind_text(database_kind(&database)), database_kind_text(kind));
	demand_known(&database, kind, database_version(&database));
	database_close(&database);
}

void upgrade(const char *path, enum database_kind kind, const struct upgrade_step *steps, double lock_wait)
{
	struct database database;

	upgrade_check(path, kind); /* so that a file that is not there is not made */
	database_open_old(&database, path, kind, lock_wait, CACHE_KIB);
	int version = database_version(&database), now = database_version_now(kind);
	demand_known(&database, kind, version);
	if (version < now) {
		demand_room(&database);
		int64_t files = files_by_name(&database);
		take_steps(&database, kind, steps, version);
		shown_print(stdout, "%s: upgraded from version %d to %d\n", path, version, now);
		if (files > 0)
			warn("%s: knows %lld %s by name, not by content: until read once more under its name, a copy"
			     " under another would count again",
			     path, (long long)files, files == 1 ? "file" : "files");
	} else {
		shown_print(stdout, "%s: has version %d, the present one\n", path, now);
	}
	database_close(&database);
	if (fflush(stdout) != 0 || ferror(stdout))
		fail(EX_IOERR, "standard output: cannot write:");
}
