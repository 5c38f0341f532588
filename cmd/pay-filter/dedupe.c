#include "dedupe.h"

#include <stdlib.h>
#include <unistd.h>

#include "claims.h"
#include "dayclock.h"
#include "fail.h"
#include "partitions.h"

enum {
	CACHE_KIB = 32 << 10,
	PAGE = 4096, /* a piece of claims */
	WEEK = 7,
	FIRST_PENDING = 4096 /* a power of two */
};

/* A segment that changes the file changes `generation`. */
static const char schema[] =
    "CREATE TABLE setting(only_row INTEGER PRIMARY KEY CHECK(only_row = 1), members TEXT NOT NULL, key BLOB NOT NULL,"
    " clock INTEGER, began INTEGER, votes BLOB NOT NULL, generation INTEGER NOT NULL) STRICT;"
    "CREATE TABLE source(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;" CLAIMS_SCHEMA;

struct source {
	struct slice name;
	int64_t id;
	bool pending; /* not in the file yet */
};

struct dedupe {
	struct database file;
	bool open, dry;
	bool reading; /* a read transaction spans the segment, so that look-ups do not lock and unlock each time */
	int days, remembered; /* between payments of one identity; between the clock and what counts */
	struct dayclock clock;
	struct siphash_key key;
	int64_t generation;
	sqlite3_stmt *find_source, *name_source;
	struct claims claims;  /* in the file */
	struct claim *pending; /* of the segment */
	uint32_t pending_n, pending_capacity;
	uint32_t *next;  /* of each of `pending`: 1 + the next with the same place in `table`; 0: none */
	uint32_t *table; /* 1 + index of the first of a chain in pending, by hash; as long as pending's capacity */
	struct source *sources;
	size_t sources_n, sources_capacity;
	struct partitions numbered; /* the sources, all as partition 0, in the same order */
	int64_t next_source;
	struct scratch claimant;
};

/* Of a new file; where nothing is written, for this run. */
static void make_setting(struct dedupe *dedupe, const char *members)
{
	uint8_t key[SIPHASH_KEY];
	siphash_make_key(key);
	dedupe->key = siphash_key(key);
	if (dedupe->dry)
		return;
	sqlite3_stmt *s = database_prepare(&dedupe->file, "INSERT INTO setting VALUES(1, ?1, ?2, NULL, NULL, x'', 0)");
	database_bind(&dedupe->file, s, 1, slice_of(members));
	sqlite3_bind_blob(s, 2, key, sizeof key, SQLITE_STATIC);
	database_do(&dedupe->file, s);
	sqlite3_finalize(s);
}

static void read_setting(struct dedupe *dedupe, const char *members)
{
	struct database *file = &dedupe->file;
	sqlite3_stmt *s = database_prepare(file, "SELECT members, clock, generation, key, began, votes,"
						 " (SELECT coalesce(max(id), 0) + 1 FROM source) FROM setting");
	if (!database_step(file, s)) {
		sqlite3_finalize(s);
		make_setting(dedupe, members);
		return;
	}
	const char *known = (const char *)sqlite3_column_text(s, 0);
	if (strcmp(known, members) != 0)
		fail(EX_CONFIG, "%s: was made with --dedupe-by %s, not %s: use that, or another file", file->path,
		     known, members);
	dedupe->clock.set = sqlite3_column_type(s, 1) != SQLITE_NULL;
	dedupe->clock.now = sqlite3_column_int(s, 1);
	dedupe->generation = sqlite3_column_int64(s, 2);
	dedupe->clock.began = sqlite3_column_int(s, 4);
	dedupe->next_source = sqlite3_column_int64(s, 6);
	if (sqlite3_column_bytes(s, 3) != SIPHASH_KEY ||
	    !dayclock_read(&dedupe->clock, sqlite3_column_blob(s, 5), (size_t)sqlite3_column_bytes(s, 5)))
		fail(EX_DATAERR, "%s: has settings that no pay-filter has written: restore the file", file->path);
	dedupe->key = siphash_key(sqlite3_column_blob(s, 3));
	sqlite3_finalize(s);
}

/* Puts the claim number i of pending into the table. */
static void chain(struct dedupe *dedupe, uint32_t i)
{
	uint32_t *head = &dedupe->table[dedupe->pending[i].low & (dedupe->pending_capacity - 1)];
	dedupe->next[i] = *head;
	*head = i + 1;
}

static void room_for_pending(struct dedupe *dedupe, uint32_t capacity)
{
	dedupe->pending = must_realloc(dedupe->pending, capacity * sizeof *dedupe->pending);
	dedupe->next = must_realloc(dedupe->next, capacity * sizeof *dedupe->next);
	dedupe->table = must_realloc(dedupe->table, capacity * sizeof *dedupe->table);
	dedupe->pending_capacity = capacity;
	memset(dedupe->table, 0, capacity * sizeof *dedupe->table);
	for (uint32_t i = 0; i < dedupe->pending_n; i++)
		chain(dedupe, i);
}

/* The claims of the segment stand on what was read before: it must be so still. */
static void check_unchanged(struct dedupe *dedupe)
{
	sqlite3_stmt *s = database_prepare(&dedupe->file, "SELECT generation FROM setting");
	if (!database_step(&dedupe->file, s) || sqlite3_column_int64(s, 0) != dedupe->generation)
		fail(EX_TEMPFAIL, "%s: was changed by another program meanwhile, run this again", dedupe->file.path);
	sqlite3_finalize(s);
}

/* Look-ups between two commits see one state of the file, the one that our last commit left. */
static void start_reading(struct dedupe *dedupe)
{
	if (dedupe->reading)
		return;
	database_run(&dedupe->file, "BEGIN");
	dedupe->reading = true;
	check_unchanged(dedupe);
}

static void stop_reading(struct dedupe *dedupe)
{
	if (dedupe->reading)
		database_run(&dedupe->file, "COMMIT");
	dedupe->reading = false;
}

struct dedupe *dedupe_open(const char *path, const char *members, int days, double lock_wait, bool dry)
{
	struct dedupe *dedupe = must_alloc(sizeof *dedupe);
	*dedupe = (struct dedupe){.days = days, .remembered = days + WEEK, .dry = dry, .open = true, .next_source = 1};
	room_for_pending(dedupe, FIRST_PENDING);
	if (!dry)
		database_open_paged(&dedupe->file, path, DATABASE_DEDUPE, schema, lock_wait, CACHE_KIB, PAGE);
	else if (access(path, F_OK) == 0)
		database_open_read(&dedupe->file, path, DATABASE_DEDUPE);
	else
		dedupe->open = false;
	if (!dedupe->open) {
		make_setting(dedupe, members);
		return dedupe;
	}
	/* One view of all that is read here; where nothing is written it stays to the end. */
	database_run(&dedupe->file, "BEGIN");
	dedupe->reading = true;
	read_setting(dedupe, members);
	claims_open(&dedupe->claims, &dedupe->file);
	if (!dry)
		stop_reading(dedupe);
	dedupe->find_source = database_prepare(&dedupe->file, "SELECT id FROM source WHERE name = ?1");
	dedupe->name_source = database_prepare(&dedupe->file, "SELECT name FROM source WHERE id = ?1");
	return dedupe;
}

/* The number of a source, a new one where the file does not know it. */
static int64_t source_id(struct dedupe *dedupe, struct slice name)
{
	uint32_t at = partitions_index(&dedupe->numbered, name, 0);
	if (at < dedupe->sources_n)
		return dedupe->sources[at].id;
	struct source source = {.name = dedupe->numbered.v[at].source, .id = 0, .pending = true};
	if (dedupe->open) {
		database_bind(&dedupe->file, dedupe->find_source, 1, name);
		if (database_step(&dedupe->file, dedupe->find_source)) {
			source.id = sqlite3_column_int64(dedupe->find_source, 0);
			source.pending = false;
			sqlite3_reset(dedupe->find_source);
		}
	}
	if (source.pending)
		source.id = dedupe->next_source++;
	if (dedupe->sources_n == dedupe->sources_capacity) {
		dedupe->sources_capacity = dedupe->sources_capacity ? 2 * dedupe->sources_capacity : 16;
		dedupe->sources = must_realloc(dedupe->sources, dedupe->sources_capacity * sizeof *dedupe->sources);
	}
	dedupe->sources[dedupe->sources_n++] = source;
	return source.id;
}

static void copy_claimant(struct dedupe *dedupe, struct coordinates *to, struct slice source)
{
	char *copy = scratch_room(&dedupe->claimant, source.n + 1);
	memcpy(copy, source.p, source.n);
	to->source = (struct slice){copy, source.n};
}

/* Says who holds a claim. */
static void tell(struct dedupe *dedupe, const struct claim *claim, struct coordinates *to)
{
	*to = (struct coordinates){.partition = claim->partition, .offset = claim->offset};
	for (size_t i = 0; i < dedupe->sources_n; i++)
		if (dedupe->sources[i].id == claim->source) {
			copy_claimant(dedupe, to, dedupe->sources[i].name);
			return;
		}
	sqlite3_bind_int64(dedupe->name_source, 1, claim->source);
	if (database_step(&dedupe->file, dedupe->name_source)) {
		copy_claimant(dedupe, to,
			      (struct slice){(const char *)sqlite3_column_text(dedupe->name_source, 0),
					     (size_t)sqlite3_column_bytes(dedupe->name_source, 0)});
		sqlite3_reset(dedupe->name_source);
	}
}

/* What is known of an identity when a record with it comes. */
struct met {
	const struct dedupe *dedupe;
	const struct claim *fresh;
	date_day since;                /* what was met before it no longer counts */
	bool all;                      /* it matters who holds the claim, also when the verdict is known */
	bool before;                   /* the record itself was met, with the verdict own.verdict */
	bool claimed;                  /* another record of the same payment holds a claim that counts */
	bool contested;                /* one of another payment does */
	struct claim own, by, against; /* set where the flags are; of several claims the earliest */
};

static bool earlier(const struct claim *a, const struct claim *b)
{
	if (a->met != b->met)
		return a->met < b->met;
	if (a->source != b->source)
		return a->source < b->source;
	return a->partition != b->partition ? a->partition < b->partition : a->offset < b->offset;
}

/* Keeps the earliest claim of a kind. */
static void note(bool *any, struct claim *earliest, const struct claim *known)
{
	if (!*any || earlier(known, earliest))
		*earliest = *known;
	*any = true;
}

/* Looks at a claim of the identity; returns whether others may change the verdict. */
static bool consider(void *context, const struct claim *known)
{
	struct met *met = context;
	const struct dedupe *dedupe = met->dedupe;
	const struct claim *fresh = met->fresh;
	if (known->met < met->since)
		return true;
	if (known->source == fresh->source && known->partition == fresh->partition && known->offset == fresh->offset) {
		met->before = true;
		met->own = *known;
	} else if (known->verdict == CLAIM_HOLDS && llabs((long long)fresh->day - known->day) <= dedupe->days) {
		if (known->payment == fresh->payment)
			note(&met->claimed, &met->by, known);
		else
			note(&met->contested, &met->against, known);
	}
	return !met->before || (met->all && met->own.verdict != CLAIM_HOLDS);
}

static void look_up(struct dedupe *dedupe, struct met *met)
{
	const struct claim *fresh = met->fresh;
	uint32_t at = dedupe->table[fresh->low & (dedupe->pending_capacity - 1)];
	for (; at; at = dedupe->next[at - 1]) {
		const struct claim *known = &dedupe->pending[at - 1];
		if (known->high == fresh->high && known->low == fresh->low && !consider(met, known))
			return;
	}
	if (dedupe->open)
		claims_find(&dedupe->claims, fresh->high, fresh->low, consider, met);
}

static void keep(struct dedupe *dedupe, const struct claim *fresh)
{
	if (dedupe->pending_n == dedupe->pending_capacity)
		room_for_pending(dedupe, 2 * dedupe->pending_capacity);
	dedupe->pending[dedupe->pending_n] = *fresh;
	chain(dedupe, dedupe->pending_n++);
}

const struct siphash_key *dedupe_key(const struct dedupe *dedupe)
{
	return &dedupe->key;
}

enum claim_verdict dedupe_met(struct dedupe *dedupe, const struct dedupe_record *record, struct coordinates *claimant)
{
	if (dedupe->open)
		start_reading(dedupe);
	struct claim fresh = {.high = record->identity.high,
			      .low = record->identity.low,
			      .payment = record->payment.low << CLAIM_VERDICT_BITS,
			      .source = source_id(dedupe, record->own.source),
			      .offset = record->own.offset,
			      .partition = record->own.partition,
			      .day = record->day};
	struct met met = {.dedupe = dedupe,
			  .fresh = &fresh,
			  .since = dayclock_since(&dedupe->clock, dedupe->remembered),
			  .all = claimant != NULL};
	look_up(dedupe, &met);
	enum claim_verdict verdict = met.before      ? met.own.verdict
				     : met.claimed   ? CLAIM_DUPLICATE
				     : met.contested ? CLAIM_CONFLICT
						     : CLAIM_HOLDS;
	if (!met.before) {
		/* Only what is new votes: a record met again has done so already. */
		dayclock_vote(&dedupe->clock, record->day);
		fresh.met = dayclock_stamp(&dedupe->clock);
		fresh.verdict = verdict;
		keep(dedupe, &fresh);
	}
	if (verdict != CLAIM_HOLDS && claimant) {
		*claimant = (struct coordinates){0};
		if (verdict == CLAIM_DUPLICATE ? met.claimed : met.contested)
			tell(dedupe, verdict == CLAIM_DUPLICATE ? &met.by : &met.against, claimant);
	}
	return verdict;
}

static void insert_sources(struct dedupe *dedupe)
{
	struct database *file = &dedupe->file;
	sqlite3_stmt *s = database_prepare(file, "INSERT INTO source VALUES(?1, ?2)");
	for (size_t i = 0; i < dedupe->sources_n; i++)
		if (dedupe->sources[i].pending) {
			sqlite3_bind_int64(s, 1, dedupe->sources[i].id);
			database_bind(file, s, 2, dedupe->sources[i].name);
			database_do(file, s);
			dedupe->sources[i].pending = false;
		}
	sqlite3_finalize(s);
}

/* What changes of the setting with each segment. */
static void write_clock(struct dedupe *dedupe)
{
	const struct dayclock *clock = &dedupe->clock;
	uint8_t votes[DAYCLOCK_BYTES];
	sqlite3_stmt *s =
	    database_prepare(&dedupe->file, "UPDATE setting SET votes = ?1, generation = ?2, clock = ?3, began = ?4");
	sqlite3_bind_blob(s, 1, votes, (int)dayclock_write(clock, votes), SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, ++dedupe->generation);
	if (clock->set) {
		sqlite3_bind_int(s, 3, clock->now);
		sqlite3_bind_int(s, 4, clock->began);
	}
	database_do(&dedupe->file, s);
	sqlite3_finalize(s);
}

void dedupe_commit(struct dedupe *dedupe)
{
	if (dedupe->dry || dedupe->pending_n == 0)
		return;
	struct database *file = &dedupe->file;
	stop_reading(dedupe);
	database_begin(file);
	check_unchanged(dedupe);
	insert_sources(dedupe);
	claims_add(&dedupe->claims, dedupe->pending, dedupe->pending_n,
		   dayclock_since(&dedupe->clock, dedupe->remembered));
	write_clock(dedupe);
	database_commit(file);
	dedupe->pending_n = 0;
	memset(dedupe->table, 0, dedupe->pending_capacity * sizeof *dedupe->table);
}

void dedupe_close(struct dedupe *dedupe)
{
	if (!dedupe)
		return;
	if (dedupe->open) {
		stop_reading(dedupe);
		claims_close(&dedupe->claims);
		sqlite3_finalize(dedupe->find_source);
		sqlite3_finalize(dedupe->name_source);
		database_close(&dedupe->file);
	}
	partitions_free(&dedupe->numbered);
	free(dedupe->sources);
	free(dedupe->pending);
	free(dedupe->next);
	free(dedupe->table);
	free(dedupe->claimant.p);
	free(dedupe);
}
