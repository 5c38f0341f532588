/* prune: old messages taken out of a log; what they came to stays, and that they were there. */
#ifndef PAYPIPE_STORE_PRUNE_H
#define PAYPIPE_STORE_PRUNE_H

#include <stdint.h>

#include "database.h"

/* Takes out of payment_log, in one transaction, the messages whose payment's day lies more than `days` days before the
 * newest day of a payment in the log. A message without a payment date (FINISH, or one that is no payment) goes with
 * the one before it in its source partition, or at its beginning with the one behind it. Dead letters, tallies and
 * cover stay; table pruned notes what went, so that it is known when it comes again. Then gives the space back, where
 * that is worth it: a twentieth of the file. The table's key must be there. Says on standard output what was done; with
 * `dry`, what would be, and does nothing. */
void prune_log(struct database *database, int64_t days, bool dry);

#endif
