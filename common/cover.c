#include "cover.h"

#include <inttypes.h>
#include <string.h>

#include "fail.h"

const char cover_schema[] =
    "CREATE TABLE cover (source TEXT NOT NULL, partition INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL,\n"
    "  PRIMARY KEY (source, partition, lo), CHECK (lo < hi)) STRICT, WITHOUT ROWID;\n"
    "CREATE TABLE state (source TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL, text TEXT NOT NULL,\n"
    "  PRIMARY KEY (source, partition)) STRICT, WITHOUT ROWID;\n"
    "CREATE TABLE file (source TEXT NOT NULL PRIMARY KEY, size INTEGER, sample TEXT, content TEXT) STRICT;\n";

static void bind_partition(struct database *database, sqlite3_stmt *statement, struct slice source, int32_t partition)
{
	database_bind(database, statement, 1, source);
	sqlite3_bind_int(statement, 2, partition);
}

/* Refuses a range that begins after the end of the known interval before it. A range before all that is known is a
 * backfill, and leaves its hole before known cover. */
static void refuse_gap(struct database *database, const struct mark_range *range)
{
	struct slice source = slice_of(range->source);
	sqlite3_stmt *before = database_prepare(
	    database, "SELECT hi FROM cover WHERE source=?1 AND partition=?2 AND lo<=?3 ORDER BY lo DESC LIMIT 1");

	bind_partition(database, before, source, range->partition);
	sqlite3_bind_int64(before, 3, range->from);
	if (database_step(database, before)) {
		int64_t hi = sqlite3_column_int64(before, 0);

		if (hi < range->from)
			fail(EX_OPERATOR,
			     "%s: %s/%d: would leave a hole: offsets %" PRId64 " to %" PRId64
			     " are missing; feed them first (pay-consume --resume), or take the hole with --allow-gap",
			     database->path, range->source, (int)range->partition, hi, range->from - 1);
	}
	sqlite3_finalize(before);
}

/* Takes [from, next) in, joined with all that it meets or touches. */
static void join(struct database *database, const struct mark_range *range)
{
	struct slice source = slice_of(range->source);
	int64_t lo = range->from, hi = range->next;
	sqlite3_stmt *met = database_prepare(
	    database, "SELECT min(lo), max(hi) FROM cover WHERE source=?1 AND partition=?2 AND lo<=?4 AND hi>=?3");
	sqlite3_stmt *drop =
	    database_prepare(database, "DELETE FROM cover WHERE source=?1 AND partition=?2 AND lo BETWEEN ?3 AND ?4");
	sqlite3_stmt *add = database_prepare(database, "INSERT INTO cover VALUES (?1, ?2, ?3, ?4)");

	bind_partition(database, met, source, range->partition);
	sqlite3_bind_int64(met, 3, lo);
	sqlite3_bind_int64(met, 4, hi);
	if (database_step(database, met) && sqlite3_column_type(met, 0) != SQLITE_NULL) {
		if (sqlite3_column_int64(met, 0) < lo)
			lo = sqlite3_column_int64(met, 0);
		if (sqlite3_column_int64(met, 1) > hi)
			hi = sqlite3_column_int64(met, 1);
	}
	sqlite3_finalize(met);
	bind_partition(database, drop, source, range->partition);
	sqlite3_bind_int64(drop, 3, lo);
	sqlite3_bind_int64(drop, 4, hi);
	database_do(database, drop);
	sqlite3_finalize(drop);
	bind_partition(database, add, source, range->partition);
	sqlite3_bind_int64(add, 3, lo);
	sqlite3_bind_int64(add, 4, hi);
	database_do(database, add);
	sqlite3_finalize(add);
}

/* The highest offset's counts. */
static void remember_state(struct database *database, const struct mark_range *range)
{
	sqlite3_stmt *add;

	if (!range->state)
		return;
	add = database_prepare(database, "INSERT INTO state VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
					 " next=excluded.next, text=excluded.text WHERE excluded.next >= next");
	bind_partition(database, add, slice_of(range->source), range->partition);
	sqlite3_bind_int64(add, 3, range->next);
	database_bind(database, add, 4, slice_of(range->state));
	database_do(database, add);
	sqlite3_finalize(add);
}

static bool differ(const char *a, const char *b)
{
	return a[0] && b[0] && strcmp(a, b) != 0;
}

void cover_check_files(struct database *database, const struct mark *mark)
{
	struct mark_file known;

	for (size_t i = 0; i < mark->files_n; i++) {
		const struct mark_file *file = &mark->files[i];

		if (!cover_file(database, slice_of(file->source), &known))
			continue;
		/* Known content that only has grown since. */
		if (file->was[0] && strcmp(known.content, file->was) == 0)
			continue;
		if ((known.size >= 0 && file->size >= 0 && known.size != file->size) ||
		    differ(known.sample, file->sample) || differ(known.content, file->content))
			fail(EX_OPERATOR,
			     "%s: %s: was read to its end before, with other content; if this is another file, give it"
			     " another name (pay-consume --as NAME)",
			     database->path, file->source);
	}
}

static void remember_files(struct database *database, const struct mark *mark)
{
	sqlite3_stmt *add;

	if (mark->files_n == 0)
		return;
	add =
	    database_prepare(database, "INSERT INTO file VALUES (?1, ?2, ?3, ?4) ON CONFLICT (source) DO UPDATE SET"
				       " size=coalesce(excluded.size, size), sample=coalesce(excluded.sample, sample),"
				       " content=coalesce(excluded.content, content)");
	for (size_t i = 0; i < mark->files_n; i++) {
		const struct mark_file *file = &mark->files[i];

		sqlite3_clear_bindings(add);
		database_bind(database, add, 1, slice_of(file->source));
		if (file->size >= 0)
			sqlite3_bind_int64(add, 2, file->size);
		if (file->sample[0])
			database_bind(database, add, 3, slice_of(file->sample));
		if (file->content[0])
			database_bind(database, add, 4, slice_of(file->content));
		database_do(database, add);
	}
	sqlite3_finalize(add);
}

void cover_apply(struct database *database, const struct mark *mark, bool allow_gap)
{
	cover_check_files(database, mark);
	for (size_t i = 0; i < mark->ranges_n; i++) {
		const struct mark_range *range = &mark->ranges[i];

		if (!allow_gap)
			refuse_gap(database, range);
		if (range->from < range->next)
			join(database, range);
		remember_state(database, range);
	}
	remember_files(database, mark);
}

bool cover_high(struct database *database, struct slice source, int32_t partition, int64_t *lo, int64_t *hi)
{
	sqlite3_stmt *last = database_prepare(
	    database, "SELECT hi, lo FROM cover WHERE source=?1 AND partition=?2 ORDER BY lo DESC LIMIT 1");
	bool found;

	bind_partition(database, last, source, partition);
	if ((found = database_step(database, last))) {
		*hi = sqlite3_column_int64(last, 0);
		if (lo)
			*lo = sqlite3_column_int64(last, 1);
	}
	sqlite3_finalize(last);
	return found;
}

char *cover_state(struct database *database, struct slice source, int32_t partition, int64_t next)
{
	sqlite3_stmt *known =
	    database_prepare(database, "SELECT text FROM state WHERE source=?1 AND partition=?2 AND next=?3");
	char *text = NULL;

	bind_partition(database, known, source, partition);
	sqlite3_bind_int64(known, 3, next);
	if (database_step(database, known))
		text = must_strdup((const char *)sqlite3_column_text(known, 0));
	sqlite3_finalize(known);
	return text;
}

bool cover_file(struct database *database, struct slice source, struct mark_file *to)
{
	sqlite3_stmt *known = database_prepare(database, "SELECT coalesce(size, -1), coalesce(sample, ''), content"
							 " FROM file WHERE source=?1 AND content IS NOT NULL");
	bool found;

	*to = (struct mark_file){.size = -1};
	database_bind(database, known, 1, source);
	if ((found = database_step(database, known))) {
		to->size = sqlite3_column_int64(known, 0);
		strncpy(to->sample, (const char *)sqlite3_column_text(known, 1), sizeof to->sample - 1);
		strncpy(to->content, (const char *)sqlite3_column_text(known, 2), sizeof to->content - 1);
	}
	sqlite3_finalize(known);
	return found;
}

uint64_t cover_holes(struct database *database,
		     void (*hole)(void *self, struct slice source, int32_t partition, int64_t lo, int64_t hi),
		     void *self)
{
	sqlite3_stmt *between =
	    database_prepare(database, "SELECT source, partition, hi, next FROM (SELECT source, partition, hi,"
				       " lead(lo) OVER (PARTITION BY source, partition ORDER BY lo) AS next FROM cover)"
				       " WHERE next > hi");
	uint64_t n = 0;

	for (; database_step(database, between); n++)
		hole(self,
		     (struct slice){(const char *)sqlite3_column_text(between, 0),
				    (size_t)sqlite3_column_bytes(between, 0)},
		     sqlite3_column_int(between, 1), sqlite3_column_int64(between, 2),
		     sqlite3_column_int64(between, 3));
	sqlite3_finalize(between);
	return n;
}
