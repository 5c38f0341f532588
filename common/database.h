/* database: a SQLite file that one program writes at a time. */
#ifndef PAYPIPE_DATABASE_H
#define PAYPIPE_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "coordinates.h"
#include "slice.h"
#include "syncer.h"

/* Who made the file: kept in the file's application_id, so that a totals file is not taken for a store. */
enum database_kind {
	DATABASE_STORE = 0x50617953,  /* "PayS": pay-store */
	DATABASE_TOTALS = 0x50617954, /* "PayT": pay-agg */
	DATABASE_DEDUPE = 0x50617944, /* "PayD": pay-filter --dedupe */
	DATABASE_PINS = 0x50617952,   /* "PayR": pay-rule --rule-cache */
};
/* user_version of the files we write. */
enum {
	DATABASE_STORE_VERSION = 4,
	DATABASE_TOTALS_VERSION = 3,
	DATABASE_DEDUPE_VERSION = 4,
	DATABASE_PINS_VERSION = 2
};
/* The oldest that --upgrade brings to the present one (see upgrade.h). */
enum { DATABASE_STORE_OLDEST = 3, DATABASE_TOTALS_OLDEST = 2 };

enum { DATABASE_PAGE = 8192 }; /* bytes of a page in a new file, unless asked otherwise */

/* It stays where it is while it is open for writing. */
struct database {
	sqlite3 *db;
	const char *path; /* the caller's */
	int lock;         /* descriptor that holds the writers' lock; -1: read only */
	int page_size;    /* of a file that is written to */
	sqlite3_stmt *begin, *commit;
	int64_t patience;          /* bytes of the log from which on readers are waited for again */
	int64_t log_bytes;         /* of the log, after the last commit */
	int log;                   /* descriptor of the log, where commits do not wait for the disk; else -1 */
	struct syncer syncer;      /* of that */
	struct database *next_own; /* that this process writes */
	pid_t writer;              /* that process; a child of it has databases of its own */
};

/* Whether this process has the file open for writing: a stage beside this one, in pay-run. It must not be opened again,
 * since to close any descriptor of it drops SQLite's locks. */
bool database_own(const char *path);

/* Opens a file for writing, made (mode 0600, never through a symbolic link that dangles, nor by a name
 * that file_guard refuses) when missing: waits up to
 * lock_wait seconds for the writers' lock (then 75), sets WAL and synchronous=FULL, a cache of cache_kib, and runs
 * `schema` in a new file. Not a database, another kind or version: 78 or 65 with a message that says which; one
 * that this process writes already: 64. */
void database_open(struct database *database, const char *path, enum database_kind kind, const char *schema,
		   double lock_wait, int cache_kib);

/* The same with a page size for a new file, a power of two from 512 to 65536. Rows that only ever come at the end take
 * fewer calls in large pages; rows that are changed here and there write less in small ones. */
void database_open_paged(struct database *database, const char *path, enum database_kind kind, const char *schema,
			 double lock_wait, int cache_kib, int page_size);

/* Opens an existing file of that kind for reading; missing: 66. */
void database_open_read(struct database *database, const char *path, enum database_kind kind);

/* Opens an existing file of a sink, pay-store or pay-agg, for reading its cover. Returns false when it does not exist
 * yet; another kind: 78. */
bool database_open_cover(struct database *database, const char *path);

/* Opens an existing file of ours for reading, whatever it holds and whatever its version is; missing: 66. */
void database_open_any(struct database *database, const char *path);

/* Opens a file that nobody changes for reading, without making files beside it; it is not looked at. */
void database_open_still(struct database *database, const char *path);

/* Opens an existing file of that kind for writing, as database_open does, whatever its version is. */
void database_open_old(struct database *database, const char *path, enum database_kind kind, double lock_wait,
		       int cache_kib);

/* What an open file holds, and by which version of its schema; the present version of that kind, and the oldest that
 * can be brought to it. */
enum database_kind database_kind(struct database *database);
int database_version(struct database *database);
int database_version_now(enum database_kind kind);
int database_version_oldest(enum database_kind kind);

/* "a store of pay-store" */
const char *database_kind_text(enum database_kind kind);

/* A bare connection to a file of a name that is no URI; flags are those of sqlite3_open_v2. For a copy that is being
 * made: nothing is looked at, locked or set. */
void database_connect(struct database *database, const char *path, int flags);

/* One integer out of a query that gives one row; 0 where it gives none. */
int64_t database_ask(struct database *database, const char *sql);

/* For one who acts on what was read of an open file: brings it to the disk, if a writer has not yet (see
 * database_sync_beside). */
void database_sync_seen(struct database *database);

void database_close(struct database *database);

/* Runs SQL without results; an error ends the program (see database_fail). */
void database_run(struct database *database, const char *sql);

/* A statement that is kept; the caller finalizes it or leaves it to the end of the program. */
sqlite3_stmt *database_prepare(struct database *database, const char *sql);

/* Steps a statement; an error ends the program. Returns whether there is a row; without one the statement is reset. */
bool database_step(struct database *database, sqlite3_stmt *statement);

/* Steps a statement that returns nothing and resets it; returns how many rows it changed. */
int database_do(struct database *database, sqlite3_stmt *statement);

/* From here on database_commit does not wait for the disk, which is synced meanwhile; database_durable says when a
 * commit counts. The next database_begin waits for it. Other commits wait as ever. */
void database_sync_beside(struct database *database);

/* Whether the last commit is on the disk; wait: until it is. Where it cannot be brought there the program ends with 74.
 */
bool database_durable(struct database *database, bool wait);

/* BEGIN IMMEDIATE / COMMIT. A commit that finds the log of changes long because somebody reads an old view waits for
 * the reader as long as for the lock, says so, and from 1 GiB on ends the program with 75. */
void database_begin(struct database *database);
void database_commit(struct database *database);

/* Ends the program with the status that fits SQLite's error: full disk and I/O 74, read only 77, busy 75, not a
 * database 65, corrupt 65, out of memory 71, else 70. */
_Noreturn void database_fail(struct database *database, const char *doing);

/* Binds a slice as text that must stay where it is until the step. */
void database_bind(struct database *database, sqlite3_stmt *statement, int at, struct slice text);

#endif
