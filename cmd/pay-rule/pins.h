/* pins: what the rule API said, kept in a database (--rule-cache), so that a replay dates as the first run did.
 *
 * A rule is pinned for good. That a payment had none, and was dated by its cycle, is pinned by coordinates: per key and
 * source partition, the offsets of which that was so, as intervals. So such a payment is dated by its cycle again,
 * though a rule was found later, and one that was never asked about asks, wherever it stands. Its table `rules` can be
 * read by --rules as well. */
#ifndef PAYPIPE_RULE_PINS_H
#define PAYPIPE_RULE_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include "database.h"
#include "record.h"
#include "rules.h"

/* A key as texts. */
struct pin_key {
	struct key_texts texts;
	date_day day;
};

/* The members are its own. */
struct pins {
	struct database file;
	sqlite3_stmt *find_rule, *find_none, *any_none, *keep_rule, *keep_none;
	bool open; /* a transaction is */
	struct scratch text, quoted;
};

/* Opens the file, made when missing; see database_open for what ends the program. */
void pins_open(struct pins *pins, const char *path, double lock_wait);

/* The rule of a key, its id valid until the next call. Returns whether there is one. */
bool pins_rule(struct pins *pins, const struct pin_key *key, struct rule *to);

/* Whether any payment of the key had none. */
bool pins_had_none(struct pins *pins, const struct pin_key *key);

/* Whether the key's payment at an offset of a partition ("payment/0") had none. */
bool pins_none_at(struct pins *pins, const struct pin_key *key, struct slice partition, int64_t offset);

/* Keeps a rule; keeps that the payment at an offset had none. Durable after pins_commit. */
void pins_keep_rule(struct pins *pins, const struct pin_key *key, const struct rule *rule);
void pins_keep_none(struct pins *pins, const struct pin_key *key, struct slice partition, int64_t offset);

/* Makes durable what was kept; nothing to do where nothing was. */
void pins_commit(struct pins *pins);

void pins_close(struct pins *pins);

#endif
