/* terms: under which a store's amounts are read: which actions subtract, whether amounts are signed, in what currency
 * they are. The views sum by them, so they are kept in the store (tables action and setting), and hold for all runs. */
#ifndef PAYPIPE_STORE_TERMS_H
#define PAYPIPE_STORE_TERMS_H

#include <stdbool.h>

#include "action.h"
#include "currency.h"
#include "database.h"

struct terms {
	struct actions actions;
	bool is_signed;
	struct currency currency;
	bool currency_kept;
};

/* Brings together what a command line asks for (currency: the member, NULL where it names none) and what an open store
 * keeps: declares further actions in it, and sets what holds for good as long as it has no payments. Ends the program
 * with 78 where the two differ. */
void terms_open(struct terms *terms, struct database *database, struct names *names, const char *currency);

/* Keeps the currency that the records gave; inside a transaction. */
void terms_keep(struct terms *terms, struct database *database);

#endif
