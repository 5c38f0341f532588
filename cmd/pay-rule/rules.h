/* rules: a table of payout rules, one for a merchant, payment date, action and method. */
#ifndef PAYPIPE_RULE_RULES_H
#define PAYPIPE_RULE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "date.h"
#include "key.h"

struct rule {
	struct slice id; /* the ruleId as a JSON string with its quotes; of rules_find: valid until the table changes */
	date_day payout, confirm;
	uint32_t line; /* where it was read, for messages; 0: in no file */
};

/* Whether two rules date alike, under one id. */
static inline bool rules_equal(const struct rule *a, const struct rule *b)
{
	return a->payout == b->payout && a->confirm == b->confirm && slice_equal(a->id, b->id);
}

/* Zero-initialise. The members are its own. */
struct rules {
	struct keytable keys;
	struct rules_entry *entry; /* by the number of its key */
	uint32_t capacity;
	char *id;                          /* the ruleIds, one behind another, some of them no rule's any more */
	size_t id_n, id_capacity, id_idle; /* id_idle: bytes that are no rule's */
};

void rules_free(struct rules *rules);

/* The rule of a key. Returns whether there is one; *to is set only then. */
bool rules_find(const struct rules *rules, const struct key *key, struct rule *to);

/* Fetch into the processor's cache what rules_find of a key will need: first the key's place, later its rule. */
static inline void rules_fetch_place(const struct rules *rules, const struct key *key)
{
	keytable_fetch(&rules->keys, key);
}
void rules_fetch_rule(const struct rules *rules, const struct key *key);

/* Gives a key its rule, in the place of the one that it had. */
void rules_set(struct rules *rules, const struct key *key, const struct rule *rule);

/* Takes a key's rule away; returns whether it had one. */
bool rules_remove(struct rules *rules, const struct key *key);

#endif
