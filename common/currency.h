/* currency: amounts of two currencies are never summed. A member of the records says what currency an amount is in; the
 * first one met holds from then on. */
#ifndef PAYPIPE_CURRENCY_H
#define PAYPIPE_CURRENCY_H

#include "record.h"

struct currency {
	const char *member; /* the caller's; NULL: nothing is checked */
	int name;           /* its registered number */
	struct slice held;  /* the currency; empty: none was met yet */
	struct scratch decoded;
	char reason[256];
};

/* Sets it up: member as --currency names it, NULL for none, and the currency held so far, copied, empty for none. */
void currency_init(struct currency *currency, struct names *names, const char *member, struct slice held);

/* Whether the record's amount is of the currency held, which the first record gives. Returns NULL, or why not (valid
 * until the next call). */
const char *currency_check(struct currency *currency, const struct members *members);

#endif
