#include "twice.h"

#include <stdbool.h>
#include <stdlib.h>

#include "../pay-store/schema.h"
#include "database.h"
#include "fail.h"

/* The offsets of a source partition in one of the stores. */
struct range {
	char *source;
	int64_t partition, least, most;
	sqlite3_stmt *offsets;
	struct database *database;
	int64_t offset; /* at hand */
	bool left;      /* there is one at hand */
};

struct ranges {
	struct range *v;
	size_t n, capacity;
};

static void read_ranges(struct ranges *ranges, struct database *database)
{
	sqlite3_stmt *rows = database_prepare(database, "SELECT source, partition, least, most FROM extent");
	while (database_step(database, rows)) {
		struct slice source = column_text(rows, 0);
		if (ranges->n == ranges->capacity) {
			ranges->capacity = ranges->capacity ? 2 * ranges->capacity : 64;
			ranges->v = must_realloc(ranges->v, ranges->capacity * sizeof *ranges->v);
		}
		ranges->v[ranges->n++] = (struct range){.source = must_format("%.*s", (int)source.n, source.p),
							.partition = sqlite3_column_int64(rows, 1),
							.least = sqlite3_column_int64(rows, 2),
							.most = sqlite3_column_int64(rows, 3),
							.database = database};
	}
	sqlite3_finalize(rows);
}

static int order(const void *left, const void *right)
{
	const struct range *a = left, *b = right;
	int by_source = strcmp(a->source, b->source);
	if (by_source)
		return by_source;
	if (a->partition != b->partition)
		return a->partition < b->partition ? -1 : 1;
	return (a->least > b->least) - (a->least < b->least);
}

static void next(struct range *range)
{
	range->left = database_step(range->database, range->offsets);
	if (range->left)
		range->offset = sqlite3_column_int64(range->offsets, 0);
}

static void start(struct range *range)
{
	range->offsets = database_prepare(range->database, "SELECT \"offset\" FROM payment_log WHERE source = ?1 AND"
							   " partition = ?2 ORDER BY \"offset\"");
	database_bind(range->database, range->offsets, 1, slice_of(range->source));
	sqlite3_bind_int64(range->offsets, 2, range->partition);
	next(range);
}

/* How many offsets are in more than one of n ranges of a source partition. */
static uint64_t count_shared(struct range *range, size_t n)
{
	uint64_t shared = 0;
	for (size_t i = 0; i < n; i++)
		start(&range[i]);
	for (;;) {
		const struct range *first = NULL;
		size_t with = 0;
		for (size_t i = 0; i < n; i++)
			if (range[i].left && (!first || range[i].offset < first->offset))
				first = &range[i];
		if (!first)
			break;
		int64_t offset = first->offset;
		for (size_t i = 0; i < n; i++)
			if (range[i].left && range[i].offset == offset) {
				with++;
				next(&range[i]);
			}
		shared += with > 1;
	}
	for (size_t i = 0; i < n; i++)
		sqlite3_finalize(range[i].offsets);
	return shared;
}

uint64_t twice_count(char *const *paths, size_t n)
{
	struct database *databases = must_alloc(n * sizeof *databases);
	struct ranges ranges = {0};
	uint64_t twice = 0;
	for (size_t i = 0; i < n; i++) {
		database_open_read(&databases[i], paths[i], DATABASE_STORE);
		read_ranges(&ranges, &databases[i]);
	}
	if (ranges.n > 0)
		qsort(ranges.v, ranges.n, sizeof *ranges.v, order);
	/* No table is read where no two of the ranges reach into each other. */
	for (size_t i = 0; i < ranges.n;) {
		const struct range *first = &ranges.v[i];
		int64_t most = first->most;
		bool meet = false;
		size_t end = i + 1;
		for (; end < ranges.n && strcmp(first->source, ranges.v[end].source) == 0 &&
		       first->partition == ranges.v[end].partition;
		     end++) {
			meet |= ranges.v[end].least <= most;
			most = ranges.v[end].most > most ? ranges.v[end].most : most;
		}
		if (meet)
			twice += count_shared(&ranges.v[i], end - i);
		i = end;
	}
	for (size_t i = 0; i < ranges.n; i++)
		free(ranges.v[i].source);
	free(ranges.v);
	for (size_t i = 0; i < n; i++)
		database_close(&databases[i]);
	free(databases);
	return twice;
}
