#include "kept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../pay-agg/state.h"
#include "../pay-store/export.h"
#include "fail.h"
#include "record.h"
#include "shown.h"
#include "totals_file.h"

enum { STAGES_TOLD = 32 }; /* stages of dead letters that are told apart */

void kept_start(struct kept *kept)
{
	totals_init(&kept->totals);
}

/* FOLDER/NAME, newly allocated. */
static char *in_folder(const char *folder, const char *name)
{
	return must_format("%s/%s", folder, name);
}

/* The only number that a statement gives. */
static int64_t number(struct database *database, const char *sql)
{
	sqlite3_stmt *statement = database_prepare(database, sql);
	int64_t n = database_step(database, statement) ? sqlite3_column_int64(statement, 0) : 0;
	sqlite3_finalize(statement);
	return n;
}

bool kept_any(const char *folder)
{
	char *totals = in_folder(folder, "totals.db"), *log = in_folder(folder, "log.db");
	struct database database;
	bool any = access(totals, F_OK) == 0;
	if (!any && database_open_cover(&database, log)) {
		any = number(&database, "SELECT EXISTS (SELECT 1 FROM payment_log)"
					" OR EXISTS (SELECT 1 FROM dead_letter)") != 0;
		database_close(&database);
	}
	free(totals);
	free(log);
	return any;
}

static void open_and_close(const char *folder, const char *name, enum database_kind kind)
{
	struct database database;
	char *path = in_folder(folder, name);
	database_open_read(&database, path, kind);
	database_close(&database);
	free(path);
}

void kept_check(const char *folder)
{
	open_and_close(folder, "log.db", DATABASE_STORE);
	open_and_close(folder, "settle.db", DATABASE_STORE);
	open_and_close(folder, "totals.db", DATABASE_TOTALS);
}

/* Binds the coordinates that a row begins with to the first three parameters of a statement. */
static void bind_coordinates(struct database *database, sqlite3_stmt *to, sqlite3_stmt *row)
{
	database_bind(database, to, 1, column_text(row, 0));
	sqlite3_bind_int64(to, 2, sqlite3_column_int64(row, 1));
	sqlite3_bind_int64(to, 3, sqlite3_column_int64(row, 2));
}

/* Whether the statement has a row for the coordinates that another row begins with. */
static bool has_coordinates(struct database *database, sqlite3_stmt *find, sqlite3_stmt *row)
{
	bind_coordinates(database, find, row);
	bool has = database_step(database, find);
	if (has)
		sqlite3_reset(find);
	return has;
}

/* How many FINISH of the log became dead letters: they are counted there, also once a corrected line has made a payment
 * of one. */
static int64_t count_dead_finish(struct database *log, struct database *settle)
{
	sqlite3_stmt *finish =
	    database_prepare(log, "SELECT source, partition, \"offset\" FROM payment_log WHERE action = 'FINISH'");
	sqlite3_stmt *letter = database_prepare(
	    settle, "SELECT 1 FROM dead_letter WHERE source = ?1 AND partition = ?2 AND \"offset\" = ?3");
	int64_t n = 0;
	while (database_step(log, finish))
		n += has_coordinates(settle, letter, finish);
	sqlite3_finalize(finish);
	sqlite3_finalize(letter);
	return n;
}

/* Whether the text of a letter is that of a message whose action is FINISH. */
static bool is_finish(struct record *record, struct names *names, int action, struct slice raw, struct scratch *padded,
		      struct scratch *decoded)
{
	const char *reason;
	char *copy = scratch_room(padded, raw.n + 1 + JSON_PADDING);
	memcpy(copy, raw.p, raw.n);
	copy[raw.n] = '\n';
	if (memchr(copy, '\n', raw.n) || !record_read(record, names, copy, &reason))
		return false;
	const struct member *member = members_get(&record->top, action);
	return member && member->type == JSON_STRING && slice_equal(member_decoded(member, decoded), SLICE("FINISH"));
}

/* The same for those that --prune-log took out of the log, which the letters alone remember. */
static int64_t count_pruned_finish(struct database *log, struct database *settle)
{
	struct names names;
	struct record record;
	struct scratch padded = {0}, decoded = {0};
	int64_t n = 0;
	if (number(log, "SELECT EXISTS (SELECT 1 FROM pruned)") == 0)
		return 0;
	names_init(&names);
	int action = names_need(&names, SLICE("action"));
	record_init(&record);
	sqlite3_stmt *letters = database_prepare(
	    settle, "SELECT source, partition, \"offset\", raw FROM dead_letter WHERE stage = 'pay-tobase'");
	sqlite3_stmt *pruned =
	    database_prepare(log, "SELECT 1 FROM pruned WHERE source = ?1 AND partition = ?2 AND lo <= ?3 AND hi > ?3");
	while (database_step(settle, letters))
		n += is_finish(&record, &names, action, column_text(letters, 3), &padded, &decoded) &&
		     has_coordinates(log, pruned, letters);
	sqlite3_finalize(letters);
	sqlite3_finalize(pruned);
	record_free(&record);
	free(padded.p);
	free(decoded.p);
	return n;
}

/* The view counts what --prune-log took out too. */
static void read_log(struct kept *kept, struct database *log, struct database *settle)
{
	kept->messages += number(log, "SELECT messages FROM logged");
	kept->finish += number(log, "SELECT finish FROM logged") - count_dead_finish(log, settle) -
			count_pruned_finish(log, settle);
	kept->bad_lines += number(log, "SELECT count(*) FROM dead_letter");
	kept->corrected += number(log, "SELECT count(*) FROM dead_letter WHERE corrected");
}

/* Names of stages are data: of letters in a captured file they can be anything. */
static void read_letters(struct kept *kept, struct database *settle)
{
	sqlite3_stmt *rows = database_prepare(
	    settle, "SELECT stage, count(*) FROM dead_letter WHERE NOT corrected GROUP BY stage ORDER BY 2 DESC");
	while (database_step(settle, rows)) {
		struct slice stage = kept->open.n < STAGES_TOLD ? column_text(rows, 0) : SLICE("others");
		reasons_add(&kept->open, stage, sqlite3_column_int64(rows, 1), 0);
	}
	sqlite3_finalize(rows);
}

static void read_unsettled(struct kept *kept, struct database *settle)
{
	sqlite3_stmt *rows = database_prepare(settle, "SELECT amount FROM unsettlement");
	while (database_step(settle, rows)) {
		kept->unsettled++;
		kept->unsettled_money += sqlite3_column_int64(rows, 0);
	}
	sqlite3_finalize(rows);
}

/* The totals of a folder, from which its base records are taken away again. */
struct balance {
	struct kept *kept;
	struct state state;
	struct grouping grouping;
	struct totals totals;
	struct totals_file file; /* totals.ndjson */
	bool merge;
	struct names names;
	struct record record;
	uint64_t no_key; /* base records that have none */
};

static void add_total(struct totals *totals, struct slice key, uint64_t count, amount_sum sum)
{
	struct group *group = totals_group(totals, key);
	group->count += count;
	group->sum += sum;
}

static void take_total(void *self, struct slice key, uint64_t count, amount_sum sum)
{
	struct balance *balance = self;
	struct kept *kept = balance->kept;
	kept->keys++;
	kept->total += count;
	kept->total_money += sum;
	add_total(&balance->totals, key, count, sum);
	if (balance->merge)
		add_total(&kept->totals, key, count, sum);
	totals_file_next(&balance->file, key, count, sum);
}

static void take_base(void *self, struct slice line, int64_t money)
{
	struct balance *balance = self;
	struct kept *kept = balance->kept;
	const char *reason;
	struct slice key;
	amount value;
	bool subtracts = false;
	kept->base++;
	kept->base_money += money;
	const struct member *member = NULL;
	if (record_read(&balance->record, &balance->names, line.p, &reason))
		member = members_get(&balance->record.top, NAME_AMOUNT);
	if (!member || member->type != JSON_NUMBER || !amount_read(member->value, &value) ||
	    grouping_key(&balance->grouping, &balance->record, &key) ||
	    grouping_subtracts(&balance->grouping, &balance->record, value, &subtracts)) {
		balance->no_key++;
		return;
	}
	struct group *group = totals_group(&balance->totals, key);
	group->count--; /* below 0 it wraps, and comes back to 0 if it is to */
	group->sum -= subtracts ? -(amount_sum)value : value;
}

/* How many totals are not those of the base records. */
static uint64_t count_unbalanced(const struct totals *totals)
{
	struct group **groups = totals_sorted(totals);
	uint64_t n = 0;
	for (size_t i = 0; i < totals->n; i++)
		n += groups[i]->count != 0 || groups[i]->sum != 0;
	free(groups);
	return n;
}

static void read_totals(struct balance *balance, const char *folder, const char *where, struct findings *findings)
{
	char *database = in_folder(folder, "totals.db"), *file = in_folder(folder, "totals.ndjson");
	state_open_read(&balance->state, database, NULL, NULL, false, &balance->grouping);
	totals_file_open(&balance->file, file, &balance->grouping);
	state_read(&balance->state, take_total, balance);
	totals_file_close(&balance->file);
	if (balance->file.missing) {
		warn("%s: not there, so the totals of totals.db are compared with no file", file);
	} else {
		findings_same(findings, (amount_sum)balance->file.due, (amount_sum)balance->file.lines,
			      "%stotals in totals.db, and lines in totals.ndjson", where);
		if (balance->file.differ > 0)
			findings_add(findings,
				     "%stotals.db, and totals.ndjson, total by total: they differ (see: compare %s %s)",
				     where, database, file);
	}
	database_close(&balance->state.database);
	free(database);
	free(file);
}

static void read_base(struct balance *balance, struct database *settle, const char *folder, const char *where,
		      struct findings *findings)
{
	names_init(&balance->names);
	record_init(&balance->record);
	if (!grouping_register(&balance->grouping, &balance->names))
		fail(EX_DATAERR, "%s/totals.db: totals by so many members that there is no room for them", folder);
	export_each(settle, TABLE_BASE, take_base, balance);
	record_free(&balance->record);
	if (balance->no_key > 0 || count_unbalanced(&balance->totals) > 0)
		findings_add(findings,
			     "%sbase in settle.db, and totals.ndjson, total by total: they differ (see: compare "
			     "%s/settle.db %s/totals.ndjson)",
			     where, folder, folder);
}

void kept_read(struct kept *kept, const char *folder, const char *where, bool merge, struct findings *findings)
{
	struct balance balance = {.kept = kept, .merge = merge};
	struct database log, settle;
	char *log_path = in_folder(folder, "log.db"), *settle_path = in_folder(folder, "settle.db");
	database_open_read(&log, log_path, DATABASE_STORE);
	database_open_read(&settle, settle_path, DATABASE_STORE);
	/* Each is seen as it is at one moment. */
	database_run(&log, "BEGIN");
	database_run(&settle, "BEGIN");
	totals_init(&balance.totals);
	read_totals(&balance, folder, where, findings);
	read_base(&balance, &settle, folder, where, findings);
	read_unsettled(kept, &settle);
	read_letters(kept, &settle);
	read_log(kept, &log, &settle);
	if (!kept->grouped)
		kept->grouping = balance.grouping;
	else if (strcmp(kept->grouping.by, balance.grouping.by) != 0)
		fail(EX_CONFIG, "%s/totals.db: totals by %s, those of other shares by %s", folder, balance.grouping.by,
		     kept->grouping.by);
	kept->grouped = true;
	totals_free(&balance.totals);
	database_close(&settle);
	database_close(&log);
	free(log_path);
	free(settle_path);
}

void kept_compare_merged(struct kept *kept, const char *path, struct findings *findings)
{
	struct totals_file file;
	struct group **groups = totals_sorted(&kept->totals);
	totals_file_open(&file, path, &kept->grouping);
	for (size_t i = 0; i < kept->totals.n; i++)
		totals_file_next(&file, group_key(groups[i]), groups[i]->count, groups[i]->sum);
	totals_file_close(&file);
	kept->keys = (amount_sum)kept->totals.n;
	free(groups);
	if (file.missing)
		warn("%s: not there, so the totals of the shares are compared with no file", path);
	else if (file.differ > 0)
		findings_add(findings,
			     "the totals of the shares together, and totals.ndjson, total by total: they differ");
}

void kept_balance(const struct kept *kept, bool letters, struct findings *findings)
{
	findings_same(findings, kept->base, kept->total, "records in base, and in the totals");
	if (!kept->grouping.net)
		findings_same(findings, kept->base_money, kept->total_money, "amounts in base, and in the totals");
	if (letters)
		findings_same(findings, kept->messages + kept->bad_lines - kept->corrected - kept->finish,
			      kept->base + kept->unsettled + reasons_sum(&kept->open),
			      "messages and bad lines without FINISH, and base + unsettlement + dead letters");
}

static void print_row(const char *what, amount_sum records, const amount_sum *money)
{
	char count[AMOUNT_TEXT], sum[AMOUNT_TEXT] = "";
	amount_write(count, records);
	if (money)
		amount_write(sum, *money);
	shown_print(stdout, "%-34s %12s %28s\n", what, count, sum);
}

void kept_print(const struct kept *kept, unsigned shares)
{
	char *totals, keys[AMOUNT_TEXT];
	amount_write(keys, kept->keys);
	totals = must_format("totals%s: %s totals of", shares > 1 ? "" : ".db", keys);
	shown_print(stdout, "%-34s %12s %28s\n", "kept, of all runs", "records", "amount");
	print_row("log.db: messages", kept->messages, NULL);
	print_row("  of them FINISH", kept->finish, NULL);
	print_row("log.db: bad lines", kept->bad_lines, NULL);
	print_row("settle.db: base", kept->base, &kept->base_money);
	print_row("settle.db: unsettlement", kept->unsettled, &kept->unsettled_money);
	print_row("settle.db: dead letters, open", reasons_sum(&kept->open), NULL);
	print_row(totals, kept->total, &kept->total_money);
	free(totals);
	if (shares > 1)
		shown_print(stdout, "\nin %u shares: share-1 to share-%u hold log.db, settle.db and totals.db\n",
			    shares, shares);
}
