#include "sealed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "mark.h"

enum { SEGMENT_RECORDS = 10000, SEGMENT_BYTES = 4 << 20 }; /* as pay-consume */
enum { SEGMENT_SOURCES = 1000 };                           /* partitions and files that a mark speaks of at most */

/* Rows of a table in the order of their key; one of them is at hand. */
struct rows {
	enum table table;
	sqlite3_stmt *statement;
	bool there;
	struct coordinates at;
};

/* An interval of cover. */
struct interval {
	struct slice source;
	int32_t partition;
	int64_t lo, hi;     /* lo is hi: a file of which nothing is covered */
	struct slice state; /* {NULL, 0}: there is none for its end */
	bool last;          /* of its source partition */
};

struct sealed {
	struct database *database;
	const struct sealed_wish *wish;
	struct output *output;
	struct rows rows[2]; /* records, dead letters */
	sqlite3_stmt *intervals, *places;
	struct mark mark; /* of the segment at hand */
	uint64_t bytes;
	struct scratch line, source; /* of the interval before the one at hand */
	size_t source_n;
	int32_t partition;
};

/* "AND source NOT IN (?1,…)", the caller's to free. */
static char *without_text(const struct sealed_wish *wish, const char *and)
{
	char *text = must_format("%ssource NOT IN (", and);

	for (int i = 1; i <= wish->without_n; i++) {
		char *longer = must_format("%s%s?%d", text, i > 1 ? "," : "", i);
		free(text);
		text = longer;
	}
	char *whole = must_format("%s)", text);
	free(text);
	return whole;
}

/* A statement with those sources as its parameters; sql is freed. */
static sqlite3_stmt *prepare(struct sealed *sealed, char *sql)
{
	sqlite3_stmt *statement = database_prepare(sealed->database, sql);

	for (int i = 0; i < sealed->wish->without_n; i++)
		database_bind(sealed->database, statement, i + 1, slice_of(sealed->wish->without[i]));
	free(sql);
	return statement;
}

static void step(struct sealed *sealed, struct rows *rows)
{
	rows->there = database_step(sealed->database, rows->statement);
	if (rows->there)
		rows->at = export_coordinates(rows->statement);
}

static void open_rows(struct sealed *sealed, struct rows *rows, enum table table, const char *condition)
{
	char *where = without_text(sealed->wish, condition);

	rows->table = table;
	rows->statement = prepare(sealed, export_select(table, where));
	free(where);
	step(sealed, rows);
}

/* As SQLite orders them. */
static int compare(const struct coordinates *a, struct slice source, int32_t partition, int64_t offset)
{
	int order = memcmp(a->source.p, source.p, a->source.n < source.n ? a->source.n : source.n);

	if (order == 0)
		order = (a->source.n > source.n) - (a->source.n < source.n);
	if (order == 0)
		order = (a->partition > partition) - (a->partition < partition);
	return order ? order : (a->offset > offset) - (a->offset < offset);
}

/* The next record or letter; NULL: there is none. */
static struct rows *first(struct sealed *sealed)
{
	struct rows *record = &sealed->rows[0], *letter = &sealed->rows[1];

	if (!record->there || !letter->there)
		return record->there ? record : letter->there ? letter : NULL;
	return compare(&record->at, letter->at.source, letter->at.partition, letter->at.offset) <= 0 ? record : letter;
}

static void close_segment(struct sealed *sealed, enum mark_end end)
{
	struct mark *mark = &sealed->mark;
	uint64_t seq = mark->seq;

	mark->in = mark->records;
	mark->end = end;
	mark->has_amount = sealed->wish->table == TABLE_BASE;
	mark_write(mark, sealed->output);
	mark_free(mark);
	mark->seq = seq + 1;
	sealed->bytes = 0;
}

static void write_row(struct sealed *sealed, struct rows *rows)
{
	sealed->bytes += export_row(sealed->output, rows->statement, rows->table, &sealed->line);
	sealed->mark.records++;
	if (rows->table == TABLE_BASE)
		sealed->mark.amount += export_amount(rows->statement);
	step(sealed, rows);
}

static bool full(const struct sealed *sealed)
{
	return sealed->mark.records >= SEGMENT_RECORDS || sealed->bytes >= SEGMENT_BYTES ||
	       sealed->mark.ranges_n + sealed->mark.files_n >= SEGMENT_SOURCES;
}

/* What comes before an interval, all that is left without one, is covered by none: it came without marks. */
static void write_uncovered(struct sealed *sealed, const struct interval *before)
{
	for (struct rows *rows; (rows = first(sealed));) {
		if (before && compare(&rows->at, before->source, before->partition, before->lo) >= 0)
			return;
		if (full(sealed))
			close_segment(sealed, MARK_GOES_ON);
		write_row(sealed, rows);
	}
}

/* Says what is known of a source, where it is a file. It counts, under whatever name its content came before. */
static void put_file(struct sealed *sealed, struct slice source)
{
	database_bind(sealed->database, sealed->places, 1, source);
	while (database_step(sealed->database, sealed->places)) {
		struct mark_file *file = mark_file(&sealed->mark, source);
		int64_t line = sqlite3_column_int64(sealed->places, 0);
		char hash[MARK_HASH];

		snprintf(hash, sizeof hash, "%s", (const char *)sqlite3_column_text(sealed->places, 1));
		file->twice = true;
		if (mark_is_place(line))
			mark_place(file, line, hash);
		if (sqlite3_column_int(sealed->places, 2)) {
			file->lines = line;
			memcpy(file->content, hash, sizeof hash);
		}
	}
}

/* Whether the interval before was of the same source partition: between them is a hole, and a mark's range has none. */
static bool goes_on(struct sealed *sealed, const struct interval *interval)
{
	struct slice before = {sealed->source.p, sealed->source_n};
	bool same = before.n > 0 && sealed->partition == interval->partition && slice_equal(before, interval->source);

	if (!same) {
		memcpy(scratch_room(&sealed->source, interval->source.n), interval->source.p, interval->source.n);
		sealed->source_n = interval->source.n;
		sealed->partition = interval->partition;
	}
	return same;
}

static void write_interval(struct sealed *sealed, const struct interval *interval)
{
	int64_t covered = interval->lo;

	if (goes_on(sealed, interval) || full(sealed))
		close_segment(sealed, MARK_GOES_ON);
	for (struct rows *rows; (rows = first(sealed));) {
		if (compare(&rows->at, interval->source, interval->partition, interval->hi) >= 0)
			break;
		if (full(sealed)) {
			mark_cover(&sealed->mark, interval->source, interval->partition, covered, rows->at.offset);
			covered = rows->at.offset;
			close_segment(sealed, MARK_GOES_ON);
		}
		write_row(sealed, rows);
	}
	if (covered < interval->hi)
		mark_cover(&sealed->mark, interval->source, interval->partition, covered, interval->hi);
	if (interval->state.p)
		mark_state(&sealed->mark, interval->source, interval->partition, interval->state);
	if (interval->last && interval->partition == 0)
		put_file(sealed, interval->source);
}

static bool next_interval(struct sealed *sealed, struct interval *to)
{
	sqlite3_stmt *row = sealed->intervals;

	if (!database_step(sealed->database, row))
		return false;
	*to = (struct interval){.source = column_text(row, 0),
				.partition = sqlite3_column_int(row, 1),
				.lo = sqlite3_column_int64(row, 2),
				.hi = sqlite3_column_int64(row, 3),
				.state = column_text(row, 4),
				.last = sqlite3_column_int(row, 5)};
	return true;
}

static void open_intervals(struct sealed *sealed)
{
	char *cover = without_text(sealed->wish, ""), *file = without_text(sealed->wish, "");

	sealed->intervals =
	    prepare(sealed, must_format("SELECT source, partition, lo, hi, CASE WHEN next = hi THEN text END, hi = "
					"max(hi) OVER (PARTITION BY source,"
					" partition) FROM cover LEFT JOIN state USING (source, partition) WHERE %s"
					" UNION ALL SELECT DISTINCT source, 0, 0, 0, NULL, 1 FROM place WHERE %s"
					" AND source NOT IN (SELECT source FROM cover) ORDER BY 1, 2, 3",
					cover, file));
	free(cover);
	free(file);
	sealed->places = database_prepare(sealed->database, "SELECT line, hash, whole FROM place WHERE source=?1");
}

/* What was pruned would be missing in the databases that are built, and they would not know. */
static void look_pruned(struct sealed *sealed)
{
	char *sources = without_text(sealed->wish, "");
	sqlite3_stmt *sum =
	    prepare(sealed, must_format("SELECT coalesce(sum(hi - lo), 0) FROM pruned WHERE %s", sources));
	int64_t n = database_step(sealed->database, sum) ? sqlite3_column_int64(sum, 0) : 0;

	free(sources);
	sqlite3_finalize(sum);
	if (n == 0 || sealed->wish->table != TABLE_LOG)
		return;
	if (!sealed->wish->allow_gap)
		fail(EX_OPERATOR,
		     "%s: %" PRId64
		     " of its messages were pruned, and would be missing in what is built from it; build "
		     "from a copy that has them, or accept that with --allow-gap",
		     sealed->database->path, n);
	warn("%s: %" PRId64 " of its messages were pruned: they are covered, and missing", sealed->database->path, n);
}

void export_sealed(struct database *database, const struct sealed_wish *wish, struct output *output)
{
	struct sealed sealed = {.database = database, .wish = wish, .output = output};
	struct interval interval;

	database_run(database, "BEGIN");
	look_pruned(&sealed);
	open_rows(&sealed, &sealed.rows[0], wish->table, "");
	if (wish->table == TABLE_LOG)
		open_rows(&sealed, &sealed.rows[1], TABLE_DEAD, "NOT corrected AND stage='pay-consume' AND ");
	open_intervals(&sealed);
	close_segment(&sealed, MARK_GOES_ON);
	while (next_interval(&sealed, &interval)) {
		write_uncovered(&sealed, &interval);
		write_interval(&sealed, &interval);
	}
	write_uncovered(&sealed, NULL);
	close_segment(&sealed, MARK_COMPLETE);
	free(sealed.line.p);
	free(sealed.source.p);
}
