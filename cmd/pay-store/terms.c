#include "terms.h"

#include <stdlib.h>

#include "fail.h"
#include "schema.h"

/* A setting's value, newly allocated. */
static char *setting(struct database *database, const char *name)
{
	sqlite3_stmt *read = database_prepare(database, "SELECT value FROM setting WHERE name = ?");
	database_bind(database, read, 1, slice_of(name));
	if (!database_step(database, read))
		fail(EX_DATAERR, "%s: the setting \"%s\" is missing: the file is damaged", database->path, name);
	char *value = must_strdup((const char *)sqlite3_column_text(read, 0));
	sqlite3_finalize(read);
	return value;
}

static void set(struct database *database, const char *name, struct slice value)
{
	sqlite3_stmt *write = database_prepare(database, "UPDATE setting SET value = ?2 WHERE name = ?1");
	database_bind(database, write, 1, slice_of(name));
	database_bind(database, write, 2, value);
	database_do(database, write);
	sqlite3_finalize(write);
}

/* Declares the actions of the command line in the store, and those of the store here. */
static void share_actions(struct terms *terms, struct database *database)
{
	sqlite3_stmt *read = database_prepare(database, "SELECT name, sign FROM action ORDER BY name");
	unsigned asked = terms->actions.n;
	while (database_step(database, read)) {
		struct slice name = column_text(read, 0);
		const char *wrong = actions_add(&terms->actions, name, sqlite3_column_int(read, 1));
		if (wrong)
			fail(EX_CONFIG, "%s: %.*s %s in it: leave it out of --accept, or use another file",
			     database->path, (int)name.n, name.p, wrong);
	}
	sqlite3_finalize(read);
	sqlite3_stmt *add = database_prepare(database, "INSERT INTO action VALUES (?, ?) ON CONFLICT DO NOTHING");
	for (unsigned i = ACTIONS_DOCUMENTED; i < asked; i++) {
		database_bind(database, add, 1, terms->actions.v[i].name);
		sqlite3_bind_int(add, 2, terms->actions.v[i].sign);
		database_do(database, add);
	}
	sqlite3_finalize(add);
}

static bool has_payments(struct database *database)
{
	struct tally tally[TABLES];
	tally_read(database, tally);
	return tally[TABLE_BASE].records + tally[TABLE_UNSETTLEMENT].records > 0;
}

void terms_open(struct terms *terms, struct database *database, struct names *names, const char *currency)
{
	database_begin(database);
	share_actions(terms, database);
	char *is_signed = setting(database, "signed"), *member = setting(database, "currency"),
	     *held = setting(database, "currencyHeld");
	bool fixed = has_payments(database);
	if (fixed && *is_signed != (terms->is_signed ? '1' : '0'))
		fail(EX_CONFIG, "%s: its payments were stored %s --signed: use the same, or another file",
		     database->path, *is_signed == '1' ? "with" : "without");
	if (fixed && currency && strcmp(currency, member) != 0)
		fail(EX_CONFIG,
		     "%s: its payments were stored %s%s, not with --currency %s: use the same, or another "
		     "file",
		     database->path, *member ? "with --currency " : "without --currency", member, currency);
	if (*is_signed != (terms->is_signed ? '1' : '0'))
		set(database, "signed", terms->is_signed ? SLICE("1") : SLICE("0"));
	if (currency && strcmp(currency, member) != 0)
		set(database, "currency", slice_of(currency));
	if (!currency && *member)
		currency = member;
	currency_init(&terms->currency, names, currency, slice_of(held));
	terms->currency_kept = *held;
	database_commit(database);
	free(is_signed);
	free(held);
}

void terms_keep(struct terms *terms, struct database *database)
{
	if (terms->currency_kept || terms->currency.held.n == 0)
		return;
	set(database, "currencyHeld", terms->currency.held);
	terms->currency_kept = true;
}
