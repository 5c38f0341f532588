/* rulefile: payout rules out of a file. */
#ifndef PAYPIPE_RULE_RULEFILE_H
#define PAYPIPE_RULE_RULEFILE_H

#include "calendar.h"
#include "rules.h"

/* Adds the rules of a file, by its extension a CSV file with a header (.csv), NDJSON (.ndjson, .jsonl, .json) or a
 * SQLite database with a table `rules` (.db, .sqlite, .sqlite3), by its content where it has another. Columns and
 * members: merchantNumber, paymentDate (a date-time counts as its day), paymentActionType, paymentMethodType, ruleId,
 * payoutDate, confirmDate (empty or null: the last business day before payoutDate). Two rules for one key: NDJSON is a
 * topic's history, the later counts; elsewhere they must be equal. A fault ends the program with 78, naming the place;
 * a file that cannot be read with 66 or 77. */
void rulefile_load(struct rules *rules, struct keys *keys, const struct calendar *calendar, const char *file);

#endif
