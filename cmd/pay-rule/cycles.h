/* cycles: which settlement cycle a payment without a rule of its own has. */
#ifndef PAYPIPE_RULE_CYCLES_H
#define PAYPIPE_RULE_CYCLES_H

#include <stdbool.h>
#include <stdint.h>

#include "cycle.h"
#include "key.h"

enum confirm_kind {
	CONFIRM_BEFORE, /* on the last business day before the payout */
	CONFIRM_SAME,   /* on the day of the payout */
	CONFIRM_CYCLE   /* by a cycle of its own */
};

/* A cycle of payout and how confirmation goes with it. */
struct terms {
	struct cycle payout, confirm; /* confirm: with CONFIRM_CYCLE */
	enum confirm_kind confirm_kind;
	char name[32]; /* what `_rule` says, a JSON string: "cycle:D+3" */
};

/* Zero-initialise. The members are its own. */
struct cycles {
	struct keytable keys;
	struct cycles_entry *entry; /* by the number of its key */
	struct terms *terms;        /* each combination once */
	uint32_t capacity, terms_n;
	uint8_t shapes; /* which combinations of named members there are, see cycles.c */
};

void cycles_free(struct cycles *cycles);

/* Reads a CSV file with header merchantNumber,paymentActionType,paymentMethodType,cycle[,confirm], where `*` in one of
 * the first three matches all. A fault, two rows with the same three, ends the program with 78, naming the place. */
void cycles_load(struct cycles *cycles, struct keys *keys, const char *file);

/* The terms of the row that matches and names most members, merchant before action before method; NULL without any. */
const struct terms *cycles_find(const struct cycles *cycles, const struct key *key);

#endif
