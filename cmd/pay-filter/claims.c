#include "claims.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

enum {
	PIECE_CLAIMS = 66,   /* at most, on average: so that a piece fits into a page with some to spare */
	PIECE_BITS = 24,     /* of a piece's id tell its place in its run */
	MERGED = 16,         /* runs of a level that become one of the next */
	RUN_LARGE = 1 << 20, /* claims of a run that is merged no more */
	STEP_BITS = 6,       /* a step of a merge makes so many pieces, as a power of two */
	ASKED_SHARE = 4096,  /* one search a so many claims known is less work than to make the filter */
	FIRST_ENTRIES = 1 << 13,
	FIRST_RUNS = 64
};

/* A claim in a piece: 48 bytes, little-endian. */
struct entry {
	uint64_t high, low;
	uint64_t payment; /* and in its lowest bits the verdict */
	uint64_t offset;
	uint32_t partition, source, day, met;
};
_Static_assert(sizeof(struct entry) == 48, "an entry has no gaps");
static const uint64_t verdict_bits = (UINT64_C(1) << CLAIM_VERDICT_BITS) - 1;

static struct entry entry_of(const struct claim *claim)
{
	return (struct entry){.high = htole64(claim->high),
			      .low = htole64(claim->low),
			      .payment = htole64(claim->payment | claim->verdict),
			      .offset = htole64((uint64_t)claim->offset),
			      .partition = htole32((uint32_t)claim->partition),
			      .source = htole32((uint32_t)claim->source),
			      .day = htole32((uint32_t)claim->day),
			      .met = htole32((uint32_t)claim->met)};
}

static struct claim claim_of(const struct entry *entry)
{
	uint64_t payment = le64toh(entry->payment);
	return (struct claim){.high = le64toh(entry->high),
			      .low = le64toh(entry->low),
			      .payment = payment & ~verdict_bits,
			      .verdict = (enum claim_verdict)(payment & verdict_bits),
			      .offset = (int64_t)le64toh(entry->offset),
			      .partition = (int32_t)le32toh(entry->partition),
			      .source = le32toh(entry->source),
			      .day = (date_day)le32toh(entry->day),
			      .met = (date_day)le32toh(entry->met)};
}

/* The first bits of a hash. */
static uint64_t first_bits(uint64_t high, int bits)
{
	return bits ? high >> (64 - bits) : 0;
}

static void add_run(struct claims *claims, const struct run *run)
{
	if (claims->runs_n == claims->runs_capacity) {
		claims->runs_capacity = claims->runs_capacity ? 2 * claims->runs_capacity : FIRST_RUNS;
		claims->runs = must_realloc(claims->runs, claims->runs_capacity * sizeof *claims->runs);
	}
	claims->runs[claims->runs_n++] = *run;
	claims->known += run->claims;
}

void claims_open(struct claims *claims, struct database *file)
{
	claims->file = file;
	claims->next = 1;
	sqlite3_stmt *s = database_prepare(file, "SELECT id, claims, level, bits, met FROM run ORDER BY id");
	while (database_step(file, s)) {
		struct run run = {.id = sqlite3_column_int64(s, 0),
				  .claims = sqlite3_column_int64(s, 1),
				  .level = sqlite3_column_int(s, 2),
				  .bits = sqlite3_column_int(s, 3),
				  .met = sqlite3_column_int(s, 4)};
		if (run.bits < 0 || run.bits > PIECE_BITS || run.claims < 0)
			fail(EX_DATAERR, "%s: says of a run what no pay-filter has written: restore the file",
			     file->path);
		add_run(claims, &run);
		claims->next = run.id + 1;
	}
	sqlite3_finalize(s);
	claims->find = database_prepare(file, "SELECT claims FROM piece WHERE id = ?1");
	claims->range = database_prepare(file, "SELECT claims FROM piece WHERE id BETWEEN ?1 AND ?2");
}

/* The bytes of a piece that a statement stands at, and how many entries they are. */
static const char *piece(const struct claims *claims, sqlite3_stmt *s, size_t *n)
{
	size_t bytes = (size_t)sqlite3_column_bytes(s, 0);
	if (bytes % sizeof(struct entry) != 0)
		fail(EX_DATAERR, "%s: holds a piece of %zu bytes, which no pay-filter has written: restore the file",
		     claims->file->path, bytes);
	*n = bytes / sizeof(struct entry);
	return sqlite3_column_blob(s, 0);
}

/* Entry number i of a piece, which begins anywhere in a page. */
static struct entry entry_in(const char *piece, size_t i)
{
	struct entry entry;
	memcpy(&entry, piece + i * sizeof entry, sizeof entry);
	return entry;
}

/* Looks into the run's piece for the identity. Returns false if the caller has had enough. */
static bool find_in(struct claims *claims, size_t at, uint64_t high, uint64_t low,
		    bool (*each)(void *, const struct claim *), void *context)
{
	const struct run *run = &claims->runs[at];
	bool on = true;
	sqlite3_bind_int64(claims->find, 1, run->id << PIECE_BITS | (int64_t)first_bits(high, run->bits));
	if (!database_step(claims->file, claims->find))
		return true;
	size_t n;
	const char *bytes = piece(claims, claims->find, &n);
	for (size_t i = 0; i < n && on; i++) {
		struct entry entry = entry_in(bytes, i);
		if (entry.high != htole64(high) || entry.low != htole64(low))
			continue;
		struct claim claim = claim_of(&entry);
		claims->last = at;
		on = each(context, &claim);
	}
	sqlite3_reset(claims->find);
	return on;
}

static void make_filter(struct claims *claims)
{
	bloom_clear(&claims->filter, 2 * (uint64_t)claims->known);
	for (size_t i = 0; i < claims->runs_n; i++) {
		sqlite3_bind_int64(claims->range, 1, claims->runs[i].id << PIECE_BITS);
		sqlite3_bind_int64(claims->range, 2, ((claims->runs[i].id + 1) << PIECE_BITS) - 1);
		while (database_step(claims->file, claims->range)) {
			size_t n;
			const char *bytes = piece(claims, claims->range, &n);
			for (size_t j = 0; j < n; j++) {
				struct entry entry = entry_in(bytes, j);
				bloom_add(&claims->filter, le64toh(entry.high), le64toh(entry.low));
			}
		}
	}
}

void claims_find(struct claims *claims, uint64_t high, uint64_t low, bool (*each)(void *, const struct claim *),
		 void *context)
{
	/* The filter costs a look at all claims, which a run that asks for few of many spares itself. */
	if (!claims->filter.words && claims->asked++ >= (uint64_t)claims->known / ASKED_SHARE)
		make_filter(claims);
	if (claims->filter.words && !bloom_may_have(&claims->filter, high, low))
		return;
	/* What comes again comes again in its order: from the run that knew the last one. */
	size_t first = claims->last;
	if (first < claims->runs_n && !find_in(claims, first, high, low, each, context))
		return;
	for (size_t i = claims->runs_n; i-- > 0;)
		if (i != first && !find_in(claims, i, high, low, each, context))
			return;
}

/* A place for one entry more. */
static struct entry *next_entry(struct claims *claims)
{
	if (claims->entries_n == claims->entries_capacity) {
		claims->entries_capacity = claims->entries_capacity ? 2 * claims->entries_capacity : FIRST_ENTRIES;
		claims->entries = must_realloc(claims->entries, claims->entries_capacity * sizeof *claims->entries);
	}
	return &claims->entries[claims->entries_n++];
}

/* The entries at hand by their piece, of which the first is number `first` of the run: after it piece i ends at
 * claims->ends[i] in claims->sorted. A counting sort. */
static void sort_entries(struct claims *claims, int bits, uint64_t first, uint32_t pieces)
{
	if (claims->ends_capacity < pieces) {
		claims->ends_capacity = pieces;
		claims->ends = must_realloc(claims->ends, pieces * sizeof *claims->ends);
	}
	if (claims->sorted_capacity < claims->entries_capacity) {
		claims->sorted_capacity = claims->entries_capacity;
		claims->sorted = must_realloc(claims->sorted, claims->sorted_capacity * sizeof *claims->sorted);
	}
	memset(claims->ends, 0, pieces * sizeof *claims->ends);
	for (size_t i = 0; i < claims->entries_n; i++)
		claims->ends[first_bits(le64toh(claims->entries[i].high), bits) - first]++;
	uint32_t begin = 0;
	for (uint32_t i = 0; i < pieces; i++) {
		uint32_t n = claims->ends[i];
		claims->ends[i] = begin;
		begin += n;
	}
	for (size_t i = 0; i < claims->entries_n; i++) {
		uint64_t at = first_bits(le64toh(claims->entries[i].high), bits) - first;
		claims->sorted[claims->ends[at]++] = claims->entries[i];
	}
}

/* Writes the entries at hand as pieces of a run, from number `first` on. */
static void write_pieces(struct claims *claims, struct run *run, sqlite3_stmt *insert, uint64_t first, uint32_t pieces)
{
	sort_entries(claims, run->bits, first, pieces);
	uint32_t begin = 0;
	for (uint32_t i = 0; i < pieces; i++) {
		uint32_t n = claims->ends[i] - begin;
		if (n == 0)
			continue;
		sqlite3_bind_int64(insert, 1, run->id << PIECE_BITS | (int64_t)(first + i));
		sqlite3_bind_blob64(insert, 2, &claims->sorted[begin], n * sizeof *claims->sorted, SQLITE_STATIC);
		database_do(claims->file, insert);
		begin = claims->ends[i];
	}
	run->claims += (int64_t)claims->entries_n;
	claims->entries_n = 0;
}

/* A run for at most n claims, which has none yet. */
static struct run new_run(struct claims *claims, int level, int64_t n)
{
	struct run run = {.id = claims->next++, .level = level, .met = INT32_MIN};
	while (n > (int64_t)PIECE_CLAIMS << run.bits && run.bits < PIECE_BITS)
		run.bits++;
	return run;
}

static sqlite3_stmt *insert_piece(struct claims *claims)
{
	return database_prepare(claims->file, "INSERT INTO piece VALUES(?1, ?2)");
}

/* Takes a run whose pieces are written into the file's list and ours. */
static void enter_run(struct claims *claims, const struct run *run)
{
	sqlite3_stmt *s = database_prepare(claims->file, "INSERT INTO run(id, level, claims, bits, met)"
							 " VALUES(?1, ?2, ?3, ?4, ?5)");
	sqlite3_bind_int64(s, 1, run->id);
	sqlite3_bind_int(s, 2, run->level);
	sqlite3_bind_int64(s, 3, run->claims);
	sqlite3_bind_int(s, 4, run->bits);
	sqlite3_bind_int(s, 5, run->met);
	database_do(claims->file, s);
	sqlite3_finalize(s);
	add_run(claims, run);
}

/* Deletes the runs that are done with. */
static void delete_done(struct claims *claims)
{
	sqlite3_stmt *pieces = database_prepare(claims->file, "DELETE FROM piece WHERE id BETWEEN ?1 AND ?2");
	sqlite3_stmt *entry = database_prepare(claims->file, "DELETE FROM run WHERE id = ?1");
	size_t left = 0;
	for (size_t i = 0; i < claims->runs_n; i++) {
		struct run run = claims->runs[i];
		if (!run.done) {
			claims->runs[left++] = run;
			continue;
		}
		sqlite3_bind_int64(pieces, 1, run.id << PIECE_BITS);
		sqlite3_bind_int64(pieces, 2, ((run.id + 1) << PIECE_BITS) - 1);
		database_do(claims->file, pieces);
		sqlite3_bind_int64(entry, 1, run.id);
		database_do(claims->file, entry);
		claims->known -= run.claims;
	}
	claims->runs_n = left;
	sqlite3_finalize(pieces);
	sqlite3_finalize(entry);
}

static void forget(struct claims *claims, date_day counts)
{
	bool any = false;
	for (size_t i = 0; i < claims->runs_n; i++)
		any |= claims->runs[i].done = claims->runs[i].met < counts;
	if (any)
		delete_done(claims);
}

/* Takes up what counts of a run's claims whose hashes begin with `bits` bits equal to `begin`. */
static void take_up(struct claims *claims, const struct run *run, int bits, uint64_t begin, date_day counts)
{
	int finer = run->bits - bits;
	uint64_t first = finer >= 0 ? begin << finer : begin >> -finer;
	uint64_t last = finer >= 0 ? ((begin + 1) << finer) - 1 : first;
	sqlite3_bind_int64(claims->range, 1, run->id << PIECE_BITS | (int64_t)first);
	sqlite3_bind_int64(claims->range, 2, run->id << PIECE_BITS | (int64_t)last);
	while (database_step(claims->file, claims->range)) {
		size_t n;
		const char *bytes = piece(claims, claims->range, &n);
		for (size_t i = 0; i < n; i++) {
			struct entry entry = entry_in(bytes, i);
			if (first_bits(le64toh(entry.high), bits) == begin && (date_day)le32toh(entry.met) >= counts)
				*next_entry(claims) = entry;
		}
	}
}

/* Makes one run of the next level out of those of this one, if there are enough. Step by step through the hashes, so
 * that no more than some thousand claims are in memory. */
static bool merge(struct claims *claims, int level, date_day counts)
{
	int64_t n = 0;
	int runs = 0;
	date_day met = INT32_MIN;
	for (size_t i = 0; i < claims->runs_n; i++) {
		struct run *run = &claims->runs[i];
		run->done = run->level == level && run->claims < RUN_LARGE;
		if (!run->done)
			continue;
		runs++;
		n += run->claims;
		met = run->met > met ? run->met : met;
	}
	if (runs < MERGED)
		return false;

	struct run merged = new_run(claims, level + 1, n);
	int step = merged.bits < STEP_BITS ? merged.bits : STEP_BITS, bits = merged.bits - step;
	sqlite3_stmt *insert = insert_piece(claims);
	for (uint64_t begin = 0; begin < UINT64_C(1) << bits; begin++) {
		for (size_t i = 0; i < claims->runs_n; i++)
			if (claims->runs[i].done)
				take_up(claims, &claims->runs[i], bits, begin, counts);
		write_pieces(claims, &merged, insert, begin << step, UINT32_C(1) << step);
	}
	sqlite3_finalize(insert);
	merged.met = met;
	delete_done(claims);
	enter_run(claims, &merged);
	return true;
}

void claims_add(struct claims *claims, const struct claim *v, size_t n, date_day counts)
{
	struct run run = new_run(claims, 0, (int64_t)n);
	for (size_t i = 0; i < n; i++) {
		*next_entry(claims) = entry_of(&v[i]);
		run.met = v[i].met > run.met ? v[i].met : run.met;
		if (claims->filter.words)
			bloom_add(&claims->filter, v[i].high, v[i].low);
	}
	sqlite3_stmt *insert = insert_piece(claims);
	write_pieces(claims, &run, insert, 0, UINT32_C(1) << run.bits);
	sqlite3_finalize(insert);
	enter_run(claims, &run);
	forget(claims, counts);
	for (int level = 0; merge(claims, level, counts); level++)
		;
	if (claims->filter.words && bloom_full(&claims->filter, (uint64_t)claims->known))
		make_filter(claims);
}

void claims_close(struct claims *claims)
{
	sqlite3_finalize(claims->find);
	sqlite3_finalize(claims->range);
	bloom_free(&claims->filter);
	free(claims->runs);
	free(claims->entries);
	free(claims->sorted);
	free(claims->ends);
	*claims = (struct claims){0};
}
