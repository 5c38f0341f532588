#include "indexes.h"

#include "fail.h"

enum { BULK_SEGMENT = 5000 };    /* a segment that brings as many rows is part of a load */
enum { CAUGHT_UP = 1000 };       /* a segment of fewer records was closed by the clock: the source has no more */
enum { BULK_LEAST = 50000 };     /* smaller loads never drop anything */
enum { KEEP_AGAINST_SORT = 10 }; /* cost of keeping a row's order, in costs of sorting it */
enum { DEFERRED_LOADS = 10 };    /* that sorting is deferred for, taken together */

void indexes_open(struct indexes *indexes, struct database *database, bool deferred)
{
	sqlite3_stmt *ask = database_prepare(
	    database, "SELECT count(*) FILTER (WHERE name IN ('base_key', 'payment_log_key')), count(*) FILTER (WHERE"
		      " name IN ('base_merchant', 'base_payout', 'unsettlement_merchant')) FROM sqlite_schema"
		      " WHERE type='index'");

	database_step(database, ask);
	*indexes = (struct indexes){.database = database,
				    .keyed = sqlite3_column_int(ask, 0) == 2,
				    .there = sqlite3_column_int(ask, 1) == 3,
				    .deferred = deferred};
	sqlite3_finalize(ask);
	if (!deferred)
		indexes_key(indexes);
}

static void make_key(struct indexes *indexes, const char *sql)
{
	switch (sqlite3_exec(indexes->database->db, sql, NULL, NULL, NULL) & 0xff) {
	case SQLITE_OK: return;
	case SQLITE_CONSTRAINT:
		fail(EX_DATAERR,
		     "%s: damaged: rows are there twice (%s): restore the file, or rebuild it from the records",
		     indexes->database->path, sqlite3_errmsg(indexes->database->db));
	default: database_fail(indexes->database, "write");
	}
}

void indexes_key(struct indexes *indexes)
{
	if (indexes->keyed)
		return;
	make_key(indexes, "CREATE UNIQUE INDEX IF NOT EXISTS base_key ON base (source, partition, \"offset\")");
	make_key(indexes,
		 "CREATE UNIQUE INDEX IF NOT EXISTS payment_log_key ON payment_log (source, partition, \"offset\")");
	indexes->keyed = true;
}

static void drop(struct indexes *indexes)
{
	database_begin(indexes->database);
	database_run(indexes->database, "DROP INDEX base_merchant; DROP INDEX base_payout;"
					" DROP INDEX unsettlement_merchant");
	database_commit(indexes->database);
	indexes->there = false;
}

void indexes_make(struct indexes *indexes)
{
	indexes_key(indexes);
	if (indexes->there)
		return;
	/* One at a time: each is a transaction that the log has to hold whole. */
	database_run(indexes->database,
		     "CREATE INDEX IF NOT EXISTS base_merchant ON base (merchantNumber, paymentDate);"
		     "CREATE INDEX IF NOT EXISTS base_payout ON base (payoutDate);"
		     "CREATE INDEX IF NOT EXISTS unsettlement_merchant"
		     " ON unsettlement (merchantNumber, paymentDate)");
	indexes->there = true;
	indexes->bulk = 0;
}

void indexes_end(struct indexes *indexes)
{
	if (!indexes->deferred)
		indexes_make(indexes);
}

void indexes_mind(struct indexes *indexes, const struct mark *mark, int64_t added, int64_t total)
{
	int64_t load = total / KEEP_AGAINST_SORT / (indexes->deferred ? DEFERRED_LOADS : 1);

	indexes->bulk = added >= BULK_SEGMENT ? indexes->bulk + added : 0;
	if (!indexes->there) {
		if (mark && mark->seq > 0 && mark->end == MARK_GOES_ON && mark->in < CAUGHT_UP)
			indexes_end(indexes);
	} else if (indexes->bulk >= BULK_LEAST && indexes->bulk >= load) {
		drop(indexes);
	}
}
