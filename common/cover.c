#include "cover.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fail.h"

#define PLACE                                                                                                     \
	"CREATE TABLE place (source TEXT NOT NULL, line INTEGER NOT NULL, hash TEXT NOT NULL, whole INTEGER NOT " \
	"NULL,\n"                                                                                                 \
	"  PRIMARY KEY (source, line)) STRICT, WITHOUT ROWID;\n"                                                  \
	"CREATE INDEX place_hash ON place (hash);\n"

const char cover_schema[] =
    "CREATE TABLE cover (source TEXT NOT NULL, partition INTEGER NOT NULL, lo INTEGER NOT NULL, hi INTEGER NOT NULL,\n"
    "  PRIMARY KEY (source, partition, lo), CHECK (lo < hi)) STRICT, WITHOUT ROWID;\n"
    "CREATE TABLE state (source TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL, text TEXT NOT NULL,\n"
    "  PRIMARY KEY (source, partition)) STRICT, WITHOUT ROWID;\n" PLACE;

/* What was kept were hashes of packed bytes, of which no place comes. */
const char cover_step_places[] = PLACE "DROP TABLE file";

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

/* Keeps the source's resume text of the highest offset. */
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

/* Refuses a state of the other kind than the known one: a topic under a file's name, or a file under a topic's. */
static void refuse_other_kind(struct database *database, const struct mark_range *range)
{
	bool file = range->state && slice_begins(slice_of(range->state), SLICE(COVER_FILE_STATE));
	sqlite3_stmt *known = database_prepare(database, "SELECT text FROM state WHERE source=?1 AND partition=?2");

	bind_partition(database, known, slice_of(range->source), range->partition);
	if (range->state && database_step(database, known)) {
		const char *text = (const char *)sqlite3_column_text(known, 0);

		if (file != slice_begins(slice_of(text), SLICE(COVER_FILE_STATE)))
			fail(EX_OPERATOR,
			     "%s: %s/%d is known as %s, and now comes from %s: its coordinates would be those of "
			     "other payments; give the file another name (pay-consume --as NAME)",
			     database->path, range->source, (int)range->partition, file ? "a topic" : "a file",
			     file ? "a file" : "a topic");
	}
	sqlite3_finalize(known);
}

/* What the first lines of a file are known by: its places, and what is said where its cover ends. ?1 is the source, ?2
 * the number of lines. */
static const char known_place[] =
    "SELECT hash FROM place WHERE source=?1 AND line=?2 UNION ALL"
    " SELECT substr(text, 1 + length('" COVER_FILE_STATE "')) FROM state WHERE source=?1 AND partition=0 AND next=?2+1"
    " AND text LIKE '" COVER_FILE_STATE "%'";

static _Noreturn void refuse_content(struct database *database, const struct mark_file *file, const char *what)
{
	fail(EX_OPERATOR,
	     "%s: %s: was read before with other content (%s): nothing of it was taken now; give another file another "
	     "name (pay-consume --as NAME), one that has grown goes on by pay-consume --resume DB --grown, a new "
	     "edition of this one by pay-settle --correct",
	     database->path, file->source, what);
}

/* A known name must have the known lines. */
static void refuse_other_content(struct database *database, const struct mark_file *file)
{
	sqlite3_stmt *known = database_prepare(database, known_place);
	char content[MARK_HASH], what[64];
	int64_t lines, high;

	for (size_t i = 0; i < file->places_n; i++) {
		const struct mark_place *place = &file->places[i];

		database_bind(database, known, 1, slice_of(file->source));
		sqlite3_bind_int64(known, 2, place->line);
		snprintf(what, sizeof what, "within its first %" PRId64 " lines", place->line);
		while (database_step(database, known))
			if (strcmp((const char *)sqlite3_column_text(known, 0), place->hash) != 0)
				refuse_content(database, file, what);
	}
	sqlite3_finalize(known);
	if (!file->content[0])
		return;
	if (cover_high(database, slice_of(file->source), 0, NULL, &high) && high > file->lines + 1)
		refuse_content(database, file, "it was longer");
	if (!cover_file(database, slice_of(file->source), &lines, content))
		return;
	/* Known content that only has grown since is none other. */
	if (strcmp(content, file->content) != 0 && strcmp(content, file->was) != 0)
		refuse_content(database, file,
			       lines != file->lines ? "it had another number of lines" : "not the same lines");
}

/* Refuses a hash of so many lines that is known of another file only; `sql` finds that file by ?1 the hash, ?2 the
 * lines, ?3 this one's name. */
static void refuse_same(struct database *database, const struct mark_file *file, sqlite3_stmt *other, const char *hash,
			int64_t lines, bool all)
{
	const char *name;

	database_bind(database, other, 1, slice_of(hash));
	sqlite3_bind_int64(other, 2, lines);
	database_bind(database, other, 3, slice_of(file->source));
	if (database_step(database, other)) {
		name = (const char *)sqlite3_column_text(other, 0);
		fail(EX_OPERATOR,
		     "%s: %s: its %s%" PRId64 " lines are those of %s, which was taken before: they would count "
		     "twice; read it as that (pay-consume --as %s), as a new edition of it (pay-settle --correct), or "
		     "let it count (--twice)",
		     database->path, file->source, all ? "" : "first ", lines, name, name);
	}
	sqlite3_reset(other);
}

/* Known content must have the known name. */
static void refuse_other_name(struct database *database, const struct mark_file *file)
{
	if (file->twice)
		return;
	sqlite3_stmt *begins = database_prepare(
	    database, "SELECT source FROM place WHERE hash=?1 AND line=?2 AND source<>?3 AND NOT EXISTS"
		      " (SELECT 1 FROM place WHERE hash=?1 AND line=?2 AND source=?3) LIMIT 1");
	sqlite3_stmt *whole = database_prepare(
	    database, "SELECT source FROM place WHERE hash=?1 AND line=?2 AND whole AND source<>?3 AND NOT EXISTS"
		      " (SELECT 1 FROM place WHERE hash=?1 AND line=?2 AND source=?3) LIMIT 1");

	if (file->content[0] && file->lines > 0)
		refuse_same(database, file, whole, file->content, file->lines, true);
	for (size_t i = file->places_n; i-- > 0;)
		if (file->places[i].line >= COVER_SAME)
			refuse_same(database, file, begins, file->places[i].hash, file->places[i].line, false);
	sqlite3_finalize(begins);
	sqlite3_finalize(whole);
}

void cover_check_files(struct database *database, const struct mark *mark)
{
	for (size_t i = 0; i < mark->files_n; i++) {
		refuse_other_content(database, &mark->files[i]);
		refuse_other_name(database, &mark->files[i]);
	}
}

/* A file that was finished has no more lines, unless it is said to have grown. */
static void refuse_more_lines(struct database *database, const struct mark *mark, const struct mark_range *range)
{
	char content[MARK_HASH];
	int64_t lines;

	if (!range->state || !slice_begins(slice_of(range->state), SLICE(COVER_FILE_STATE)))
		return;
	if (!cover_file(database, slice_of(range->source), &lines, content) || range->next <= lines + 1)
		return;
	for (size_t i = 0; i < mark->files_n; i++)
		if (strcmp(mark->files[i].source, range->source) == 0 && strcmp(mark->files[i].was, content) == 0)
			return;
	refuse_content(database, &(struct mark_file){.source = range->source}, "it was shorter");
}

static void remember_place(struct database *database, sqlite3_stmt *add, int64_t line, const char *hash, bool whole)
{
	sqlite3_bind_int64(add, 2, line);
	database_bind(database, add, 3, slice_of(hash));
	sqlite3_bind_int(add, 4, whole);
	database_do(database, add);
}

/* A file ends once: where it ended before, it has grown, or this is another edition. */
static void forget_end(struct database *database, const struct mark_file *file)
{
	sqlite3_stmt *was =
	    database_prepare(database, "UPDATE place SET whole=0 WHERE source=?1 AND whole AND line<>?2");

	database_bind(database, was, 1, slice_of(file->source));
	sqlite3_bind_int64(was, 2, file->lines);
	database_do(database, was);
	sqlite3_finalize(was);
}

static void remember_file(struct database *database, const struct mark_file *file)
{
	sqlite3_stmt *add = database_prepare(
	    database,
	    "INSERT INTO place VALUES (?1, ?2, ?3, ?4) ON CONFLICT (source, line) DO UPDATE"
	    " SET hash=excluded.hash, whole=excluded.whole WHERE hash<>excluded.hash OR whole<excluded.whole");

	database_bind(database, add, 1, slice_of(file->source));
	for (size_t i = 0; i < file->places_n; i++)
		remember_place(database, add, file->places[i].line, file->places[i].hash, false);
	if (file->content[0] && file->lines >= 0) {
		forget_end(database, file);
		remember_place(database, add, file->lines, file->content, true);
	}
	sqlite3_finalize(add);
}

/* One by one, so that two of the same content in one segment are found, too. */
static void take_files(struct database *database, const struct mark *mark, unsigned leave)
{
	for (size_t i = 0; i < mark->files_n; i++) {
		if (!(leave & COVER_EDITIONS))
			refuse_other_content(database, &mark->files[i]);
		refuse_other_name(database, &mark->files[i]);
		remember_file(database, &mark->files[i]);
	}
}

void cover_take_files(struct database *database, const struct mark *mark)
{
	take_files(database, mark, 0);
}

void cover_open_run(struct database *database, const char *name)
{
	*database = (struct database){.path = name, .lock = -1, .log = -1};
	database_connect(database, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY);
	database_run(database, cover_schema);
}

void cover_apply(struct database *database, const struct mark *mark, unsigned leave)
{
	for (size_t i = 0; i < mark->ranges_n; i++) {
		refuse_other_kind(database, &mark->ranges[i]);
		if (!(leave & COVER_EDITIONS))
			refuse_more_lines(database, mark, &mark->ranges[i]);
	}
	take_files(database, mark, leave);
	for (size_t i = 0; i < mark->ranges_n; i++) {
		const struct mark_range *range = &mark->ranges[i];

		if (!(leave & COVER_GAPS))
			refuse_gap(database, range);
		if (range->from < range->next)
			join(database, range);
		remember_state(database, range);
	}
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

bool cover_begun(struct database *database, struct slice source, int32_t partition, int64_t *next)
{
	sqlite3_stmt *begun = database_prepare(database, "SELECT next FROM state WHERE source=?1 AND partition=?2");
	bool found;

	bind_partition(database, begun, source, partition);
	if ((found = database_step(database, begun)))
		*next = sqlite3_column_int64(begun, 0);
	sqlite3_finalize(begun);
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

bool cover_file(struct database *database, struct slice source, int64_t *lines, char content[MARK_HASH])
{
	sqlite3_stmt *known = database_prepare(database, "SELECT line, hash FROM place WHERE source=?1 AND whole");
	bool found;

	database_bind(database, known, 1, source);
	if ((found = database_step(database, known))) {
		*lines = sqlite3_column_int64(known, 0);
		snprintf(content, MARK_HASH, "%s", (const char *)sqlite3_column_text(known, 1));
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
