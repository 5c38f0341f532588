#include "database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "file.h"
#include "lock.h"
#include "stats.h"

enum { READ_WAIT_MS = 10000 };               /* how long a reader waits for a file that is being made or recovered */
enum { CHECKPOINT_BYTES = 16 << 20 };        /* of log are copied back in the stride of a commit */
enum { WAL_MAX = 128 << 20 };                /* from that many bytes on, readers are waited for, at each doubling */
enum { WAL_END = 1 << 30 };                  /* longer than 1 GiB the log is not */
enum { WAL_KEPT = 32 << 20 };                /* bytes of log file that stay after it was emptied */
enum { LOCK_TRY_US = 20000, REOPENS = 100 }; /* attempts at a file that is renamed away under us */

static struct database *own; /* those that this process writes */

const char *database_kind_text(enum database_kind kind)
{
	switch ((int64_t)kind) {
	case DATABASE_STORE: return "a store of pay-store";
	case DATABASE_TOTALS: return "the totals of pay-agg";
	case DATABASE_DEDUPE: return "the identities of pay-filter --dedupe";
	case DATABASE_PINS: return "the pinned rules of pay-rule --rule-cache";
	default: return NULL;
	}
}

int database_version_now(enum database_kind kind)
{
	switch (kind) {
	case DATABASE_STORE: return DATABASE_STORE_VERSION;
	case DATABASE_TOTALS: return DATABASE_TOTALS_VERSION;
	case DATABASE_DEDUPE: return DATABASE_DEDUPE_VERSION;
	default: return DATABASE_PINS_VERSION;
	}
}

int database_version_oldest(enum database_kind kind)
{
	switch (kind) {
	case DATABASE_STORE: return DATABASE_STORE_OLDEST;
	case DATABASE_TOTALS: return DATABASE_TOTALS_OLDEST;
	default: return database_version_now(kind);
	}
}

_Noreturn void database_fail(struct database *database, const char *doing)
{
	bool unreadable = errno == EIO;
	int code = database->db ? sqlite3_extended_errcode(database->db) : SQLITE_NOMEM;
	const char *text = database->db ? sqlite3_errmsg(database->db) : "out of memory";
	int error = database->db ? sqlite3_system_errno(database->db) : 0;
	const char *cause =
	    error && ((code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN) ? strerror(error) : text;

	switch (code & 0xff) {
	case SQLITE_FULL:
	case SQLITE_IOERR:
		fail(EX_IOERR, "%s: cannot %s: %s; what was committed before is kept: make room, then run again",
		     database->path, doing, cause);
	case SQLITE_CANTOPEN:
		fail(fail_status(error, EX_CANTCREAT), "%s: cannot %s: %s (the folder must be writable too)",
		     database->path, doing, cause);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		fail(EX_NOPERM, "%s: cannot %s: %s (file and folder must be writable)", database->path, doing, cause);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		fail(EX_TEMPFAIL, "%s: cannot %s: in use by another program; try again", database->path, doing);
	case SQLITE_NOTADB: fail(EX_DATAERR, "%s: not a database", database->path);
	case SQLITE_CORRUPT:
		/* SQLite takes what the disk cannot read for damaged (SQLITE_IOERR_CORRUPTFS), and keeps no errno then.
		 */
		if (unreadable)
			fail(EX_IOERR,
			     "%s: cannot %s: %s; what was committed before is kept: run again, or look after the disk",
			     database->path, doing, strerror(EIO));
		fail(EX_DATAERR, "%s: cannot %s: the file is damaged (%s); restore it, or rebuild it from the records",
		     database->path, doing, text);
	case SQLITE_NOMEM: fail(EX_OSERR, "%s: cannot %s: out of memory", database->path, doing);
	default: fail(EX_SOFTWARE, "%s: cannot %s: %s", database->path, doing, text);
	}
}

void database_run(struct database *database, const char *sql)
{
	if (sqlite3_exec(database->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		database_fail(database, "write");
}

sqlite3_stmt *database_prepare(struct database *database, const char *sql)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v3(database->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
		database_fail(database, "read");
	return statement;
}

bool database_step(struct database *database, sqlite3_stmt *statement)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW: return true;
	case SQLITE_DONE: sqlite3_reset(statement); return false;
	default: database_fail(database, sqlite3_stmt_readonly(statement) ? "read" : "write");
	}
}

int database_do(struct database *database, sqlite3_stmt *statement)
{
	if (sqlite3_step(statement) != SQLITE_DONE)
		database_fail(database, "write");
	sqlite3_reset(statement);
	return sqlite3_changes(database->db);
}

void database_bind(struct database *database, sqlite3_stmt *statement, int at, struct slice text)
{
	/* A null pointer would bind NULL, not the empty text. */
	if (sqlite3_bind_text64(statement, at, text.p ? text.p : "", text.n, SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK)
		database_fail(database, "bind a value");
}

int64_t database_ask(struct database *database, const char *sql)
{
	sqlite3_stmt *statement = database_prepare(database, sql);
	int64_t n = database_step(database, statement) ? sqlite3_column_int64(statement, 0) : 0;

	sqlite3_finalize(statement);
	return n;
}

void database_connect(struct database *database, const char *path, int flags)
{
	/* Our programs have one thread: no locks within the library, and no count of its memory. Once, before its first
	 * use; later calls change nothing. */
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (sqlite3_open_v2(path, &database->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		database_fail(database, "open");
	sqlite3_extended_result_codes(database->db, 1);
	/* No SQL may damage the file itself. */
	sqlite3_db_config(database->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_limit(database->db, SQLITE_LIMIT_ATTACHED, 0);
}

/* Who may open a file. */
enum { ANY_SINK = 0, ANY_KIND = -1 };

/* What a program says of a file by another version of the schema. */
static _Noreturn void other_version(const struct database *database, enum database_kind kind, int64_t version)
{
	int now = database_version_now(kind);

	if (version < now && version >= database_version_oldest(kind))
		fail(EX_CONFIG,
		     "%s: has schema version %lld, this program knows %d; %s --upgrade -d FILE brings it there "
		     "(--backup "
		     "TO makes a copy before)",
		     database->path, (long long)version, now, kind == DATABASE_STORE ? "pay-store" : "pay-agg");
	if (kind == DATABASE_DEDUPE && version < now)
		fail(EX_CONFIG,
		     "%s: has schema version %lld, this program knows %d; move it away, and feed the payments of the "
		     "last weeks (--dedupe-days and 7 days more) once again into a new one, under their coordinates",
		     database->path, (long long)version, now);
	fail(EX_CONFIG, "%s: has schema version %lld, this program knows %d; use the paypipe that made it",
	     database->path, (long long)version, now);
}

/* Whether the file holds something of ours; false when it holds nothing yet. kind may be ANY_SINK (what has cover) or
 * ANY_KIND. */
static bool recognise(struct database *database, int kind, bool any_version)
{
	/* One view of all three: another program may be making the file right now. */
	database_run(database, "BEGIN");
	int64_t id = database_ask(database, "PRAGMA application_id");
	int64_t version = database_ask(database, "PRAGMA user_version");
	bool empty = id == 0 && version == 0 && database_ask(database, "SELECT count(*) FROM sqlite_schema") == 0;
	database_run(database, "COMMIT");
	const char *is = database_kind_text((enum database_kind)id);

	if (empty)
		return false;
	if (!is)
		fail(EX_CONFIG, "%s: a database of another program; name another file", database->path);
	if (kind == ANY_SINK && (id == DATABASE_DEDUPE || id == DATABASE_PINS))
		fail(EX_CONFIG, "%s: holds %s, not what was read up to where; name the sinks' files", database->path,
		     is);
	if (kind > 0 && id != kind)
		fail(EX_CONFIG, "%s: holds %s, not %s; name another file", database->path, is,
		     database_kind_text((enum database_kind)kind));
	if (!any_version && version != database_version_now((enum database_kind)id))
		other_version(database, (enum database_kind)id, version);
	return true;
}

enum database_kind database_kind(struct database *database)
{
	return (enum database_kind)database_ask(database, "PRAGMA application_id");
}

int database_version(struct database *database)
{
	return (int)database_ask(database, "PRAGMA user_version");
}

/* Who holds a view of the database: a read lock on one of the bytes of the index of the log that stand for views
 * (sqlite.org/walformat.html, WAL_READ_LOCK). */
static void holder_reading(const char *path, char *who, size_t n)
{
	enum { FIRST_VIEW = 123, LAST_VIEW = 127 };
	char *name = must_format("%s-shm", path);
	int fd = open(name, O_PATH | O_CLOEXEC); /* a descriptor whose closing does not drop SQLite's locks */

	lock_holder(fd, "%*d: POSIX %*s READ %d %x:%x:%llu %lld", FIRST_VIEW, LAST_VIEW, who, n);
	free(name);
	if (fd >= 0)
		close(fd);
}

/* Opens the file, or makes it. A new file is made by its own name only, so that a dangling link creates nothing
 * elsewhere. Returns -1 when it came or went in between. */
static int open_or_make(const char *path)
{
	struct stat st;
	int fd = file_open_guarded(path, O_RDWR | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT) {
		fd = open(path, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0600);
		if (fd < 0 && errno == EEXIST) {
			if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && stat(path, &st) < 0 && errno == ENOENT)
				fail(EX_CANTCREAT,
				     "%s: a symbolic link to nothing; make its target or name another file", path);
			return -1;
		}
		if (fd < 0)
			fail(errno == EACCES || errno == EPERM || errno == EROFS ? EX_NOPERM : EX_CANTCREAT,
			     "%s: cannot create:", path);
	}
	if (fd < 0)
		fail(fail_status(errno, EX_IOERR), "%s: cannot open for writing:", path);
	if (fstat(fd, &st) < 0)
		fail(EX_IOERR, "%s: cannot look at:", path);
	if (!S_ISREG(st.st_mode))
		fail(EX_NOINPUT, "%s: not a regular file", path);
	return fd;
}

bool database_own(const char *path)
{
	struct stat named, held;

	if (stat(path, &named) < 0)
		return false;
	for (const struct database *each = own; each; each = each->next_own)
		if (each->writer == getpid() && fstat(each->lock, &held) == 0 && held.st_dev == named.st_dev &&
		    held.st_ino == named.st_ino)
			return true;
	return false;
}

/* The writers' lock is a flock(2) on a descriptor of the file itself: it dies with its holder, and it knows nothing of
 * the record locks that SQLite takes. Closing this descriptor would drop those, so it stays open as long as they. */
static int lock(const char *path, double wait)
{
	struct stat held, named;

	if (database_own(path))
		fail(EX_USAGE, "%s: another stage of this process writes to it: each stage needs a file of its own",
		     path);
	for (int tries = 0; tries < REOPENS; tries++) {
		int fd = open_or_make(path);

		if (fd < 0)
			continue;
		lock_take(fd, path, wait);
		/* The name may by now belong to another file: a writer must hold the lock of the one that it will open.
		 */
		if (fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev &&
		    held.st_ino == named.st_ino)
			return fd;
		close(fd);
	}
	fail(EX_TEMPFAIL, "%s: is replaced again and again by another program; try again", path);
}

/* The log cannot be emptied, since somebody reads the database as it was. */
static void outgrown(struct database *database, int64_t bytes)
{
	int mib = (int)(bytes >> 20);
	char who[128];

	holder_reading(sqlite3_db_filename(database->db, "main"), who, sizeof who);
	if (bytes >= WAL_END)
		fail(EX_TEMPFAIL,
		     "%s: %s reads an old view of it, and its log of changes has %d MiB; what was committed is kept: "
		     "end "
		     "that reader, then run again",
		     database->path, who, mib);
	warn("%s: %s reads an old view of it, so that its log of changes has grown to %d MiB; end that reader",
	     database->path, who, mib);
	database->patience = 2 * bytes;
}

/* Copies the log back into the file before it is long. Readers with an old view keep it from being reused; when it is
 * very long, waits for them as long as for any lock, but not at every commit. */
static int checkpoint(struct database *database)
{
	int64_t bytes = database->log_bytes;
	int result = SQLITE_OK;

	if (bytes < CHECKPOINT_BYTES) {
		database->patience = WAL_MAX;
	} else if (bytes < database->patience && bytes < WAL_END) {
		result = sqlite3_wal_checkpoint_v2(database->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	} else {
		result = sqlite3_wal_checkpoint_v2(database->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
		if (result == SQLITE_BUSY)
			outgrown(database, bytes);
	}
	return result == SQLITE_BUSY || result == SQLITE_LOCKED ? SQLITE_OK : result;
}

/* After a commit. What is synced beside is not there yet: that log is copied back before the next transaction. */
static int committed(void *self, sqlite3 *db, const char *name, int pages)
{
	struct database *database = self;

	(void)db, (void)name;
	database->log_bytes = (int64_t)pages * database->page_size;
	return database->log < 0 ? checkpoint(database) : SQLITE_OK;
}

/* Opens the log, which SQLite has open as well, but tells nobody by which descriptor. It has no locks that a close
 * would drop. Returns -1 where there is none. */
static int open_log(const struct database *database, int flags)
{
	char *name = must_format("%s-wal", sqlite3_db_filename(database->db, "main"));
	int fd = open(name, flags | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno != ENOENT)
		fail(EX_IOERR, "%s: cannot open:", name);
	free(name);
	return fd;
}

void database_sync_beside(struct database *database)
{
	/* SQLite opens its log at the first look into the file. */
	database_ask(database, "SELECT count(*) FROM sqlite_schema");
	database->log = open_log(database, O_RDWR);
	if (database->log < 0)
		fail(EX_IOERR, "%s: its log is not there", database->path);
	syncer_open(&database->syncer, database->log);
}

void database_sync_seen(struct database *database)
{
	int fd = open_log(database, O_RDONLY);

	if (fd >= 0 && fdatasync(fd) < 0)
		fail(EX_IOERR, "%s: cannot sync its log:", database->path);
	if (fd >= 0)
		close(fd);
}

/* A system that could not write what it holds of a file holds it for written, and would write it no more, though it has
 * not reached the disk. Who opens the database next builds on it: it is written anew. */
static void write_anew(int fd)
{
	char bytes[65536];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, bytes, sizeof bytes, at)) > 0 && pwrite(fd, bytes, (size_t)n, at) == n)
		at += n;
}

bool database_durable(struct database *database, bool wait)
{
	int error;

	if (database->log < 0)
		return true;
	if (!syncer_done(&database->syncer, wait, &error))
		return false;
	if (error) {
		write_anew(database->log);
		fail(EX_IOERR, "%s: cannot commit: %s; what was committed before is kept: make room, then run again",
		     database->path, strerror(error));
	}
	return true;
}

void database_begin(struct database *database)
{
	if (database->log >= 0) {
		database_durable(database, true);
		if (checkpoint(database) != SQLITE_OK)
			database_fail(database, "write");
		database_run(database, "PRAGMA synchronous=NORMAL");
	}
	database_do(database, database->begin);
}

void database_commit(struct database *database)
{
	if (sqlite3_step(database->commit) != SQLITE_DONE)
		database_fail(database, "commit");
	sqlite3_reset(database->commit);
	if (database->log >= 0) {
		database_run(database, "PRAGMA synchronous=FULL");
		syncer_ask(&database->syncer);
	}
}

/* Makes the schema of a new file in one transaction, with its kind and version. */
static void make(struct database *database, enum database_kind kind, const char *schema)
{
	char sql[96];

	snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d", (int)kind,
		 database_version_now(kind));
	database_run(database, "BEGIN IMMEDIATE");
	database_run(database, schema);
	database_run(database, sql);
	database_run(database, "COMMIT");
}

/* The log mode is kept in the file. While another program looks at a new file, SQLite refuses to change it at once
 * instead of waiting. */
static void set_wal(struct database *database, double wait)
{
	double until = stats_clock() + (wait > 1 ? wait : 1);
	sqlite3_stmt *statement = database_prepare(database, "PRAGMA journal_mode=WAL");
	int result;

	while ((result = sqlite3_step(statement)) == SQLITE_BUSY && stats_clock() < until) {
		sqlite3_reset(statement);
		usleep(LOCK_TRY_US);
	}
	if (result != SQLITE_ROW)
		database_fail(database, "set its log mode");
	if (strcmp((const char *)sqlite3_column_text(statement, 0), "wal") != 0)
		fail(EX_CANTCREAT,
		     "%s: this file system cannot hold a database with a write-ahead log; use a local one",
		     database->path);
	sqlite3_finalize(statement);
}

/* What SQLite reads and writes beside the file must not be laid out by others either. */
static void guard_companions(const char *path)
{
	static const char *const suffixes[] = {"-wal", "-shm", "-journal"};

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char *name = must_format("%s%s", path, suffixes[i]);
		file_guard(name);
		free(name);
	}
}

void database_open(struct database *database, const char *path, enum database_kind kind, const char *schema,
		   double lock_wait, int cache_kib)
{
	database_open_paged(database, path, kind, schema, lock_wait, cache_kib, DATABASE_PAGE);
}

/* schema: NULL: the file is there, of any version. */
static void open_write(struct database *database, const char *path, enum database_kind kind, const char *schema,
		       double lock_wait, int cache_kib, int page_size)
{
	char sql[200];

	*database = (struct database){.path = path, .log = -1};
	database->lock = lock(path, lock_wait);
	database->writer = getpid();
	database->next_own = own;
	own = database;
	/* An absolute name is never taken for ":memory:" or for a URI. */
	char *real = realpath(path, NULL);
	if (!real)
		fail(EX_IOERR, "%s: cannot resolve:", path);
	guard_companions(real);
	database_connect(database, real, SQLITE_OPEN_READWRITE);
	free(real);
	sqlite3_busy_timeout(database->db, lock_wait < 1       ? 1000
					   : lock_wait > 86400 ? 86400000
							       : (int)(lock_wait * 1000));
	bool known = recognise(database, (int)kind, !schema);
	snprintf(sql, sizeof sql,
		 "PRAGMA page_size=%d; PRAGMA secure_delete=FAST; PRAGMA synchronous=FULL; PRAGMA cache_size=-%d; "
		 "PRAGMA journal_size_limit=%d",
		 page_size, cache_kib, WAL_KEPT);
	database_run(database, sql);
	set_wal(database, lock_wait);
	if (!known && !schema)
		fail(EX_NOINPUT, "%s: holds nothing yet", path);
	if (!known)
		make(database, kind, schema);
	database->page_size = (int)database_ask(database, "PRAGMA page_size"); /* of the file, whoever made it */
	database->patience = WAL_MAX;
	sqlite3_wal_hook(database->db, committed, database);
	database->begin = database_prepare(database, "BEGIN IMMEDIATE");
	database->commit = database_prepare(database, "COMMIT");
}

void database_open_paged(struct database *database, const char *path, enum database_kind kind, const char *schema,
			 double lock_wait, int cache_kib, int page_size)
{
	open_write(database, path, kind, schema, lock_wait, cache_kib, page_size);
}

void database_open_old(struct database *database, const char *path, enum database_kind kind, double lock_wait,
		       int cache_kib)
{
	open_write(database, path, kind, NULL, lock_wait, cache_kib, DATABASE_PAGE);
}

/* The URI by which SQLite reads a file that nobody changes, without making files beside it (sqlite.org/uri.html). */
static char *immutable(const char *path)
{
	char *uri = must_alloc(3 * strlen(path) + sizeof "file:?immutable=1"), *to = uri;

	to += sprintf(to, "file:");
	for (; *path; path++)
		to += sprintf(to, strchr("%?#", *path) ? "%%%02X" : "%c", *path);
	strcpy(to, "?immutable=1");
	return uri;
}

static void connect_still(struct database *database, const char *real)
{
	char *uri = immutable(real);

	database_connect(database, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
	free(uri);
}

void database_open_still(struct database *database, const char *path)
{
	*database = (struct database){.path = path, .lock = -1, .log = -1};
	char *real = realpath(path, NULL);
	if (!real)
		fail(fail_status(errno, EX_IOERR), "%s: cannot open:", path);
	connect_still(database, real);
	free(real);
}

/* Opens for reading; returns false when there is nothing of ours in it yet. */
static bool open_read(struct database *database, const char *path, int kind, bool any_version)
{
	char *real, *name;
	struct stat st;

	*database = (struct database){.path = path, .lock = -1, .log = -1};
	if (!(real = realpath(path, NULL)) || stat(real, &st) < 0) {
		if (errno == ENOENT)
			return free(real), false;
		fail(fail_status(errno, EX_IOERR), "%s: cannot open:", path);
	}
	if (!S_ISREG(st.st_mode))
		fail(EX_NOINPUT, "%s: not a regular file", path);
	if (access(real, R_OK) < 0)
		fail(fail_status(errno, EX_IOERR), "%s: cannot open:", path);
	database_connect(database, real, SQLITE_OPEN_READONLY);
	sqlite3_busy_timeout(database->db, READ_WAIT_MS);
	name = must_format("%s-wal", real);
	int result = sqlite3_exec(database->db, "SELECT 1 FROM sqlite_schema", NULL, NULL, NULL) & 0xff;
	if ((result == SQLITE_CANTOPEN || result == SQLITE_READONLY) && access(name, F_OK) < 0) {
		/* A folder that we may not write to, and no writer: there is no log, so the file alone is the database.
		 */
		sqlite3_close(database->db);
		connect_still(database, real);
	}
	free(name);
	free(real);
	if (recognise(database, kind, any_version))
		return true;
	database_close(database);
	return false;
}

/* The same of a file that must be there. */
static void demand_read(struct database *database, const char *path, int kind, bool any_version)
{
	if (!open_read(database, path, kind, any_version))
		fail(EX_NOINPUT, "%s: %s", path,
		     access(path, F_OK) < 0 ? "there is no such file" : "holds nothing yet");
}

void database_open_read(struct database *database, const char *path, enum database_kind kind)
{
	demand_read(database, path, (int)kind, false);
}

void database_open_any(struct database *database, const char *path)
{
	demand_read(database, path, ANY_KIND, true);
}

bool database_open_cover(struct database *database, const char *path)
{
	return open_read(database, path, ANY_SINK, false);
}

void database_close(struct database *database)
{
	sqlite3_stmt *statement;

	database_durable(database, true);
	if (database->log >= 0) {
		syncer_close(&database->syncer);
		close(database->log);
	}
	if (database->db) {
		while ((statement = sqlite3_next_stmt(database->db, NULL)))
			sqlite3_finalize(statement);
		sqlite3_close(database->db);
	}
	if (database->lock >= 0) {
		struct database **at = &own;
		while (*at != database)
			at = &(*at)->next_own;
		*at = database->next_own;
		close(database->lock);
	}
	*database = (struct database){.lock = -1, .log = -1};
}
