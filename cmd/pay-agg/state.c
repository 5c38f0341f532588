#include "state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "cover.h"
#include "fail.h"
#include "file.h"

enum { CACHE_KIB = 16 << 10 };
enum { PAGE_SIZE = 16384 }; /* a full segment changes every page of some 100,000 totals, a small one most */

#define SAMPLE                                                                                                 \
	"CREATE TABLE sample(source TEXT NOT NULL, partition INTEGER NOT NULL, \"offset\" INTEGER NOT NULL,\n" \
	"  hash INTEGER NOT NULL, PRIMARY KEY(source, partition, \"offset\")) STRICT, WITHOUT ROWID;\n"

const struct upgrade_step state_steps[] = {{2, cover_step_places}, {2, SAMPLE}, {0}};

/* Appends formatted SQL (sqlite3's own formats, %w for names and %Q for texts). */
#define ADD(sql, ...) sqlite3_str_appendf(sql, __VA_ARGS__)

/* The schema for a grouping; the caller frees it with sqlite3_free. Totals are a table of their own, small and
 * numbered, because each segment writes them: keys are written once. */
static char *schema(const struct grouping *grouping, const char *currency)
{
	sqlite3_str *sql = sqlite3_str_new(NULL);
	ADD(sql,
	    "%s;\n"
	    "CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;\n",
	    cover_schema);
	ADD(sql, "INSERT INTO setting VALUES('by', %Q), ('date', %Q), ('net', %Q);\n", grouping->by, grouping->date,
	    grouping->net ? "1" : "0");
	char *actions = actions_declared(&grouping->actions);
	ADD(sql, "INSERT INTO setting VALUES('signed', %Q), ('actions', %Q), ('currency', %Q), ('currencyHeld', '');\n",
	    grouping->is_signed ? "1" : "0", actions, currency ? currency : "");
	free(actions);
	ADD(sql, "CREATE TABLE key(_id INTEGER PRIMARY KEY, _group BLOB NOT NULL UNIQUE");
	for (unsigned i = 0; i < grouping->n; i++)
		ADD(sql, ", \"%w\" ANY", grouping->v[i].name);
	ADD(sql,
	    ") STRICT;\n"
	    "CREATE TABLE total(_id INTEGER PRIMARY KEY, count INTEGER NOT NULL, totalAmount INTEGER, _exact TEXT,\n"
	    "  CHECK ((totalAmount IS NULL) <> (_exact IS NULL))) STRICT;\n"
	    "CREATE TABLE known(source TEXT NOT NULL, partition INTEGER NOT NULL, chunk INTEGER NOT NULL,\n"
	    "  bits BLOB NOT NULL, PRIMARY KEY(source, partition, chunk)) STRICT;\n" SAMPLE
	    "CREATE VIEW statistics AS SELECT ");
	for (unsigned i = 0; i < grouping->n; i++)
		ADD(sql, "\"%w\", ", grouping->v[i].name);
	ADD(sql, "count, totalAmount, _exact FROM key JOIN total USING (_id);\n");
	char *text = sqlite3_str_finish(sql);
	if (!text)
		fail(EX_OSERR, "no memory");
	return text;
}

static struct slice column_text(sqlite3_stmt *statement, int column)
{
	const char *p = (const char *)sqlite3_column_text(statement, column);
	return (struct slice){p ? p : "", (size_t)sqlite3_column_bytes(statement, column)};
}

static struct slice column_blob(sqlite3_stmt *statement, int column)
{
	const char *p = sqlite3_column_blob(statement, column);
	return (struct slice){p ? p : "", (size_t)sqlite3_column_bytes(statement, column)};
}

/* The value of a setting, newly allocated; `otherwise` where the file has none, NULL: it is damaged then. */
static char *setting_or(struct database *database, const char *name, const char *otherwise)
{
	sqlite3_stmt *statement = database_prepare(database, "SELECT value FROM setting WHERE name = ?");
	database_bind(database, statement, 1, slice_of(name));
	bool there = database_step(database, statement);
	if (!there && !otherwise)
		fail(EX_DATAERR, "%s: the setting \"%s\" is missing: the file is damaged", database->path, name);
	char *value = there ? must_format("%.*s", (int)column_text(statement, 0).n, column_text(statement, 0).p)
			    : must_strdup(otherwise);
	sqlite3_finalize(statement);
	return value;
}

static char *setting(struct database *database, const char *name)
{
	return setting_or(database, name, NULL);
}

static void demand(struct database *database, const char *option, const char *asked, const char *has)
{
	if (strcmp(asked, has) != 0)
		fail(EX_CONFIG, "%s: it holds totals made with %s %s, not %s: use the same, or another file",
		     database->path, option, has, asked);
}

/* Files of before have no setting of these, and hold what they would with none. */
static void demand_signs(struct database *database, const struct grouping *grouping)
{
	char *is_signed = setting_or(database, "signed", "0"), *actions = setting_or(database, "actions", ""),
	     *asked = actions_declared(&grouping->actions);
	if (*is_signed != (grouping->is_signed ? '1' : '0'))
		fail(EX_CONFIG, "%s: it holds totals made %s --signed: use the same, or another file", database->path,
		     *is_signed == '1' ? "with" : "without");
	if (strcmp(actions, asked) != 0)
		fail(EX_CONFIG,
		     "%s: it holds totals made with the further actions \"%s\", not \"%s\" (--accept): use "
		     "the same, or another file",
		     database->path, actions, asked);
	free(is_signed);
	free(actions);
	free(asked);
}

static void demand_currency(struct database *database, const char *asked)
{
	char *member = setting_or(database, "currency", "");
	if (asked && strcmp(asked, member) != 0)
		fail(EX_CONFIG, "%s: it holds totals made %s%s, not with --currency %s: use the same, or another file",
		     database->path, *member ? "with --currency " : "without --currency", member, asked);
	free(member);
}

static void demand_grouping(struct database *database, const struct grouping *grouping)
{
	char *by = setting(database, "by"), *date = setting(database, "date"), *net = setting(database, "net");
	demand(database, "--date", grouping->date, date);
	demand(database, "--by", grouping->by, by);
	if (*net != (grouping->net ? '1' : '0'))
		fail(EX_CONFIG, "%s: it holds totals made %s --net: use the same, or another file", database->path,
		     *net == '1' ? "with" : "without");
	free(by);
	free(date);
	free(net);
}

static void bind_blob(struct state *state, sqlite3_stmt *statement, int at, struct slice bytes)
{
	if (sqlite3_bind_blob64(statement, at, bytes.p, bytes.n, SQLITE_STATIC) != SQLITE_OK)
		database_fail(&state->database, "binding a value");
}

static void bind_number(struct state *state, sqlite3_stmt *statement, int at, int64_t number)
{
	if (sqlite3_bind_int64(statement, at, number) != SQLITE_OK)
		database_fail(&state->database, "binding a value");
}

static void prepare_reads(struct state *state)
{
	struct database *database = &state->database;
	state->key_find = database_prepare(database, "SELECT _id FROM key WHERE _group = ?");
	state->total_find = database_prepare(database, "SELECT count, totalAmount, _exact FROM total WHERE _id = ?");
}

static sqlite3_stmt *prepare_key_insert(struct database *database, unsigned members)
{
	sqlite3_str *sql = sqlite3_str_new(NULL);
	ADD(sql, "INSERT INTO key VALUES(NULL, ?");
	for (unsigned i = 0; i < members; i++)
		ADD(sql, ", ?");
	ADD(sql, ")");
	char *text = sqlite3_str_finish(sql);
	if (!text)
		fail(EX_OSERR, "no memory");
	sqlite3_stmt *statement = database_prepare(database, text);
	sqlite3_free(text);
	return statement;
}

/* The table `gain` for SQL: id, count, amount. */
static void give_gain(const void *self, size_t row, int column, sqlite3_context *to)
{
	const struct group *group = ((const struct state *)self)->gaining[row].group;
	sqlite3_result_int64(to, column == 0 ? group->id : column == 1 ? (int64_t)group->count : (int64_t)group->sum);
}

/* fits(id, total, gain) for SQL: whether the sum is one of 64 bits. One that is not is left for apply. */
static void fits(sqlite3_context *to, int n, sqlite3_value **values)
{
	struct state *state = sqlite3_user_data(to);
	int64_t sum;
	(void)n;
	state->met++;
	bool fit = sqlite3_value_type(values[1]) == SQLITE_INTEGER &&
		   !__builtin_add_overflow(sqlite3_value_int64(values[1]), sqlite3_value_int64(values[2]), &sum);
	if (!fit) {
		if (state->left_n == state->left_capacity) {
			state->left_capacity = state->left_capacity ? 2 * state->left_capacity : 16;
			state->left = must_realloc(state->left, state->left_capacity * sizeof *state->left);
		}
		state->left[state->left_n++] = sqlite3_value_int64(values[0]);
	}
	sqlite3_result_int(to, fit);
}

static void prepare_gain(struct state *state)
{
	struct database *database = &state->database;
	state->gains =
	    (struct feed){.name = "gain", .columns = "id, count, amount", .self = state, .column = give_gain};
	feed_register(database, &state->gains);
	if (sqlite3_create_function(database->db, "fits", 3, SQLITE_UTF8 | SQLITE_DIRECTONLY, state, fits, NULL,
				    NULL) != SQLITE_OK)
		database_fail(database, "open");
	state->total_gain = database_prepare(
	    database, "INSERT INTO total SELECT id, count, amount, NULL FROM gain WHERE true ON CONFLICT (_id)"
		      " DO UPDATE SET count = count + excluded.count, totalAmount = totalAmount + excluded.totalAmount"
		      " WHERE fits(_id, totalAmount, excluded.totalAmount)");
}

void state_open(struct state *state, const char *path, const struct grouping *grouping, const char *currency,
		double lock_wait)
{
	*state = (struct state){.grouping = grouping};
	char *sql = schema(grouping, currency);
	struct database *database = &state->database;
	database_open_paged(database, path, DATABASE_TOTALS, sql, lock_wait, CACHE_KIB, PAGE_SIZE);
	sqlite3_free(sql);
	demand_grouping(database, grouping);
	demand_signs(database, grouping);
	demand_currency(database, currency);
	prepare_reads(state);
	state->key_insert = prepare_key_insert(database, grouping->n);
	state->total_insert = database_prepare(database, "INSERT INTO total VALUES(?, ?, ?, ?)");
	state->total_update =
	    database_prepare(database, "UPDATE total SET count = ?2, totalAmount = ?3, _exact = ?4 WHERE _id = ?1");
	state->known_find =
	    database_prepare(database, "SELECT bits FROM known WHERE source = ? AND partition = ? AND chunk = ?");
	state->known_write = database_prepare(database, "INSERT INTO known VALUES(?, ?, ?, ?) ON CONFLICT DO UPDATE "
							"SET bits = excluded.bits");
	state->sample_find =
	    database_prepare(database, "SELECT hash FROM sample WHERE source=?1 AND partition=?2 AND \"offset\"=?3");
	state->sample_write = database_prepare(database, "INSERT INTO sample VALUES(?1, ?2, ?3, ?4)");
	prepare_gain(state);
	known_init(&state->known);
}

void state_currency(struct state *state, struct currency *currency, struct names *names)
{
	char *member = setting_or(&state->database, "currency", ""),
	     *held = setting_or(&state->database, "currencyHeld", "");
	currency_init(currency, names, *member ? member : NULL, slice_of(held));
	state->currency = currency;
	state->currency_kept = *held;
	free(held);
}

void state_open_read(struct state *state, const char *path, const char *by, const char *date, bool net,
		     struct grouping *grouping)
{
	*state = (struct state){.grouping = grouping};
	struct database *database = &state->database;
	database_open_read(database, path, DATABASE_TOTALS);
	char *has_by = setting(database, "by"), *has_date = setting(database, "date"),
	     *has_net = setting(database, "net");
	const char *wrong = grouping_init(grouping, has_by, has_date, *has_net == '1');
	if (wrong)
		fail(EX_DATAERR, "%s: its setting \"by\" %s: the file is damaged", path, wrong);
	char *is_signed = setting_or(database, "signed", "0"), *actions = setting_or(database, "actions", "");
	grouping->is_signed = *is_signed == '1';
	for (char *rest = actions, *action; (action = strsep(&rest, ",")) && *action;)
		actions_declare(&grouping->actions, action);
	free(is_signed);
	free(actions);
	if (by || date || net) {
		struct grouping asked;
		wrong = grouping_init(&asked, by ? by : has_by, date ? date : has_date, net || grouping->net);
		if (wrong)
			fail(EX_CONFIG, "%s: it holds totals by %s: --by %s", path, has_by, wrong);
		demand_grouping(database, &asked);
	}
	prepare_reads(state);
}

void state_demand_alike(struct state *state, struct state *other)
{
	struct database *database = &other->database;
	const char *path = state->database.path;
	if (state->grouping->net != other->grouping->net)
		fail(EX_CONFIG, "%s and %s: one holds totals made with --net, the other without", path, database->path);
	demand_signs(database, state->grouping);
	char *member = setting_or(&state->database, "currency", ""), *has = setting_or(database, "currency", ""),
	     *held = setting_or(&state->database, "currencyHeld", ""),
	     *other_held = setting_or(database, "currencyHeld", "");
	if (strcmp(member, has) != 0)
		fail(EX_CONFIG, "%s and %s: they were not made with the same --currency", path, database->path);
	if (*held && *other_held && strcmp(held, other_held) != 0)
		fail(EX_DATAERR, "%s holds totals in %s, %s in %s: two currencies have no sum", path, held,
		     database->path, other_held);
	free(member);
	free(has);
	free(held);
	free(other_held);
}

void state_check(const char *path, const struct grouping *grouping, const char *currency)
{
	file_creatable(path);
	if (access(path, F_OK) != 0)
		return;
	struct database database;
	database_open_read(&database, path, DATABASE_TOTALS);
	demand_grouping(&database, grouping);
	demand_signs(&database, grouping);
	demand_currency(&database, currency);
	database_close(&database);
}

void state_add(struct state *state, const struct pending *pending)
{
	if (state->pending_n == state->pending_capacity) {
		state->pending_capacity = state->pending_capacity ? 2 * state->pending_capacity : 16384;
		state->pending = must_realloc(state->pending, state->pending_capacity * sizeof *state->pending);
	}
	state->pending[state->pending_n++] = *pending;
}

void state_sample(struct state *state, uint64_t hash)
{
	if (state->samples_n == state->samples_capacity) {
		state->samples_capacity = state->samples_capacity ? 2 * state->samples_capacity : 64;
		state->samples = must_realloc(state->samples, state->samples_capacity * sizeof *state->samples);
	}
	state->samples[state->samples_n++] = (struct sample){state->pending_n - 1, hash};
}

static void bind_coordinates(struct state *state, sqlite3_stmt *statement, const struct pending *pending)
{
	const struct partition *of = &state->known.partitions.v[pending->partition];
	database_bind(&state->database, statement, 1, of->source);
	bind_number(state, statement, 2, of->number);
	bind_number(state, statement, 3, pending->offset);
}

/* Compares the samples of the first n records with those of the same coordinates, and keeps those that are new. */
static void compare_samples(struct state *state, size_t n)
{
	size_t done = 0;
	for (; done < state->samples_n && state->samples[done].pending < n; done++) {
		const struct sample *sample = &state->samples[done];
		const struct pending *pending = &state->pending[sample->pending];
		bind_coordinates(state, state->sample_find, pending);
		if (!database_step(&state->database, state->sample_find)) {
			bind_coordinates(state, state->sample_write, pending);
			bind_number(state, state->sample_write, 4, (int64_t)sample->hash);
			database_do(&state->database, state->sample_write);
			continue;
		}
		if (sqlite3_column_int64(state->sample_find, 0) != (int64_t)sample->hash) {
			const struct partition *of = &state->known.partitions.v[pending->partition];
			fail(EX_OPERATOR,
			     "%s: %.*s/%" PRId32 "/%" PRId64
			     ": another payment was counted under these coordinates before (other amount, merchant, "
			     "time, action or method); give another file another name (pay-consume --as NAME), or "
			     "rebuild the totals from the store",
			     state->database.path, (int)of->source.n, of->source.p, of->number, pending->offset);
		}
		sqlite3_reset(state->sample_find);
	}
	state->samples_n -= done;
	for (size_t i = 0; i < state->samples_n; i++) {
		state->samples[i] = state->samples[i + done];
		state->samples[i].pending -= n;
	}
}

static void touch(struct state *state, struct group *group)
{
	if (group->count)
		return;
	if (state->touched_n == state->touched_capacity) {
		state->touched_capacity = state->touched_capacity ? 2 * state->touched_capacity : 16384;
		state->touched = must_realloc(state->touched, state->touched_capacity * sizeof *state->touched);
		state->gaining = must_realloc(state->gaining, state->touched_capacity * sizeof *state->gaining);
	}
	state->touched[state->touched_n++] = group;
}

static void bind_chunk(struct state *state, sqlite3_stmt *statement, const struct known_chunk *chunk)
{
	const struct partition *of = &state->known.partitions.v[chunk->partition];
	database_bind(&state->database, statement, 1, of->source);
	bind_number(state, statement, 2, of->number);
	bind_number(state, statement, 3, chunk->number);
}

static void load_chunk(struct state *state, struct known_chunk *chunk)
{
	bind_chunk(state, state->known_find, chunk);
	if (!database_step(&state->database, state->known_find))
		return;
	if (!known_load(chunk, column_blob(state->known_find, 0)))
		fail(EX_DATAERR, "%s: a set of known coordinates is damaged", state->database.path);
	sqlite3_reset(state->known_find);
}

static void write_chunk(void *self, const struct known_chunk *chunk)
{
	struct state *state = self;
	bind_chunk(state, state->known_write, chunk);
	bind_blob(state, state->known_write, 4, (struct slice){(const char *)chunk->set, chunk->n});
	database_do(&state->database, state->known_write);
}

/* Inserts the key of a group and gives it its id. Integers of 64 bits are integers to SQL, other numbers are text as
 * spelled, so that none changes. */
static void insert_key(struct state *state, struct group *group)
{
	sqlite3_stmt *insert = state->key_insert;
	struct scratch decoded[GROUPING_MAX] = {0};
	struct slice key = group_key(group);
	bind_blob(state, insert, 1, key);
	for (int i = 0; i < (int)state->grouping->n; i++) {
		struct slice text;
		int64_t number;
		switch (key_next(&key, &text, &decoded[i])) {
		case KEY_NULL: sqlite3_bind_null(insert, i + 2); break;
		case KEY_BOOLEAN: bind_number(state, insert, i + 2, text.p[0] == 't'); break;
		case KEY_NUMBER:
			if (amount_read(text, &number)) {
				bind_number(state, insert, i + 2, number);
				break;
			}
			/* fallthrough */
		case KEY_STRING: database_bind(&state->database, insert, i + 2, text); break;
		}
	}
	database_do(&state->database, insert);
	for (unsigned i = 0; i < state->grouping->n; i++)
		free(decoded[i].p);
	group->id = sqlite3_last_insert_rowid(state->database.db);
}

/* Looks for the id of a group's key; returns whether there is one. */
static bool find_key(struct state *state, struct group *group)
{
	if (group->id)
		return true;
	bind_blob(state, state->key_find, 1, group_key(group));
	if (!database_step(&state->database, state->key_find))
		return false;
	group->id = sqlite3_column_int64(state->key_find, 0);
	sqlite3_reset(state->key_find);
	return true;
}

/* A total as a row has it from column `column` on: count, totalAmount, _exact. */
static void read_total(struct state *state, sqlite3_stmt *row, int column, uint64_t *count, amount_sum *sum)
{
	*count = (uint64_t)sqlite3_column_int64(row, column);
	if (sqlite3_column_type(row, column + 1) != SQLITE_NULL)
		*sum = sqlite3_column_int64(row, column + 1);
	else if (!amount_sum_read(column_text(row, column + 2), sum))
		fail(EX_DATAERR, "%s: a total is damaged", state->database.path);
}

bool state_total(struct state *state, struct group *group, uint64_t *count, amount_sum *sum)
{
	if (!find_key(state, group))
		return false;
	bind_number(state, state->total_find, 1, group->id);
	if (!database_step(&state->database, state->total_find))
		fail(EX_DATAERR, "%s: a key has no total: the file is damaged", state->database.path);
	read_total(state, state->total_find, 0, count, sum);
	sqlite3_reset(state->total_find);
	return true;
}

/* Adds what a group gained in the segment to its row, exactly; made: it has none yet. */
static void apply(struct state *state, struct group *group, bool made)
{
	uint64_t count = 0;
	amount_sum sum = 0;
	sqlite3_stmt *write = made ? state->total_insert : state->total_update;
	if (!made)
		state_total(state, group, &count, &sum);
	count += group->count;
	sum += group->sum;
	bind_number(state, write, 1, group->id);
	bind_number(state, write, 2, (int64_t)count);
	int64_t narrow;
	char digits[AMOUNT_TEXT];
	if (amount_narrow(sum, &narrow)) {
		bind_number(state, write, 3, narrow);
		sqlite3_bind_null(write, 4);
	} else {
		sqlite3_bind_null(write, 3);
		database_bind(&state->database, write, 4, (struct slice){digits, amount_write(digits, sum)});
	}
	database_do(&state->database, write);
}

static int by_id(const void *a, const void *b)
{
	int64_t one = ((const struct gaining *)a)->id, other = ((const struct gaining *)b)->id;
	return (one > other) - (one < other);
}

/* Adds what all groups gained to their rows: by one statement where gain and sum are of 64 bits, else one by one. */
static void apply_all(struct state *state)
{
	size_t n = 0, made_n = 0;
	for (size_t i = 0; i < state->touched_n; i++) {
		struct group *group = state->touched[i];
		bool made = !find_key(state, group);
		int64_t narrow;
		if (made)
			insert_key(state, group);
		if (amount_narrow(group->sum, &narrow)) {
			state->gaining[n++] = (struct gaining){group->id, group};
			made_n += made;
		} else {
			apply(state, group, made);
		}
	}
	/* Rows that follow each other are found without a search. */
	if (n > 0)
		qsort(state->gaining, n, sizeof *state->gaining, by_id);
	state->gains.n = n;
	state->met = state->left_n = 0;
	database_do(&state->database, state->total_gain);
	if (state->met != n - made_n)
		fail(EX_DATAERR, "%s: a key has no total: the file is damaged", state->database.path);
	/* They were left in the order of their rows. */
	for (size_t i = 0, left = 0; left < state->left_n; i++) {
		if (state->gaining[i].id == state->left[left]) {
			apply(state, state->gaining[i].group, false);
			left++;
		}
	}
	for (size_t i = 0; i < state->touched_n; i++) {
		state->touched[i]->count = 0;
		state->touched[i]->sum = 0;
	}
}

/* Keeps the currency that the records gave. */
static void keep_currency(struct state *state)
{
	sqlite3_stmt *keep =
	    database_prepare(&state->database, "UPDATE setting SET value = ? WHERE name = 'currencyHeld'");
	database_bind(&state->database, keep, 1, state->currency->held);
	database_do(&state->database, keep);
	sqlite3_finalize(keep);
	state->currency_kept = true;
}

uint64_t state_commit(struct state *state, size_t n, const struct mark *mark, bool allow_gap)
{
	enum { AHEAD = 16 }; /* most groups lie beyond the processor's cache */
	uint64_t duplicates = 0;
	database_begin(&state->database);
	if (mark)
		cover_apply(&state->database, mark, allow_gap ? COVER_GAPS : 0);
	compare_samples(state, n);
	if (!state->currency_kept && state->currency && state->currency->held.n > 0)
		keep_currency(state);
	for (size_t i = 0; i < n; i++) {
		const struct pending *pending = &state->pending[i];
		bool made;
		if (i + AHEAD < n)
			__builtin_prefetch(state->pending[i + AHEAD].group);
		struct known_chunk *chunk = known_chunk(&state->known, pending->partition, pending->offset, &made);
		if (made)
			load_chunk(state, chunk);
		if (!known_add(chunk, pending->offset)) {
			duplicates++;
			continue;
		}
		touch(state, pending->group);
		pending->group->count++;
		pending->group->sum += pending->subtract ? -(amount_sum)pending->amount : pending->amount;
	}
	known_changed(&state->known, write_chunk, state);
	apply_all(state);
	database_commit(&state->database);
	known_clear(&state->known);
	state->touched_n = 0;
	state->pending_n -= n;
	if (state->pending_n > 0)
		memmove(state->pending, state->pending + n, state->pending_n * sizeof *state->pending);
	return duplicates;
}

void state_read(struct state *state, state_reader *each, void *self)
{
	sqlite3_stmt *rows = database_prepare(
	    &state->database, "SELECT _group, count, totalAmount, _exact FROM key JOIN total USING (_id)"
			      " ORDER BY _group");
	while (database_step(&state->database, rows)) {
		uint64_t count;
		amount_sum sum;
		read_total(state, rows, 1, &count, &sum);
		each(self, column_blob(rows, 0), count, sum);
	}
	sqlite3_finalize(rows);
}
