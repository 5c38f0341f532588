/* kept: what the databases of a folder hold, held against each other. */
#ifndef PAYPIPE_AUDIT_KEPT_H
#define PAYPIPE_AUDIT_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "../pay-agg/grouping.h"
#include "../pay-agg/totals.h"
#include "amount.h"
#include "counts.h"
#include "findings.h"

/* What the folders that were read hold together. Zero-initialise, then kept_start. */
struct kept {
	amount_sum messages, bad_lines; /* log.db: messages that ever came, and rows of dead_letter */
	amount_sum finish;              /* of the messages those that are FINISH, and no dead letter of settle.db */
	amount_sum corrected;           /* of the bad lines those that are messages too, by a corrected line */
	amount_sum base, base_money, unsettled, unsettled_money;
	struct reasons
	    open; /* settle.db: dead letters that no corrected line made good, by the stage that wrote them */
	amount_sum keys, total, total_money; /* totals.db: totals, and what they total */
	struct grouping grouping;            /* by which: that of the first folder */
	bool grouped;
	struct totals totals; /* all totals by their keys, where there are several folders */
};

void kept_start(struct kept *kept);

/* Whether anything was ever kept in a folder: it has totals.db, or a log.db with a record. */
bool kept_any(const char *folder);

/* --check: ends the program where kept_read would for a missing or damaged file, and reads no record. */
void kept_check(const char *folder);

/* Adds what log.db, settle.db and totals.db of a folder hold, and the identities of this folder that do not hold, each
 * named `where` before it ("share-1: "): the totals are those of the base records, total by total, and those of
 * totals.ndjson. merge: its totals are added to kept->totals too. A missing or damaged file ends the program. */
void kept_read(struct kept *kept, const char *folder, const char *where, bool merge, struct findings *findings);

/* Adds it where a file of totals is not kept->totals, byte for byte as pay-agg writes them. */
void kept_compare_merged(struct kept *kept, const char *path, struct findings *findings);

/* Adds the identities between the databases that do not hold, of all folders together. letters: dead letters are all in
 * settle.db, so that messages can be balanced with records. */
void kept_balance(const struct kept *kept, bool letters, struct findings *findings);

/* Prints the table; shares: of how many folders, 1 for a folder without shares. keys are those of totals.ndjson. */
void kept_print(const struct kept *kept, unsigned shares);

#endif
