/* action: which way a payment's money goes. An amount is a magnitude; paymentActionType gives its direction: PAYMENT
 * adds, the cancels subtract. A further action is declared with its sign, CHARGEBACK:- or TOPUP:+. */
#ifndef PAYPIPE_ACTION_H
#define PAYPIPE_ACTION_H

#include <stdbool.h>

#include "slice.h"

enum { ACTIONS_DOCUMENTED = 5, ACTIONS_MAX = 16 };

struct action {
	struct slice name; /* followed by a NUL */
	int sign;          /* 1 or -1 */
};

/* The actions that a program knows. */
struct actions {
	struct action v[ACTIONS_MAX];
	unsigned n;
};

/* The documented ones: PAYMENT, CANCEL, PARTIAL_CANCEL, FULL_CANCEL, NETWORK_CANCEL, in this order. */
extern const struct action actions_documented[ACTIONS_DOCUMENTED];

/* What a value that is none of them is not, for messages. */
extern const char actions_listed[];

/* Knows the documented ones. */
void actions_init(struct actions *actions);

/* Adds an action, whose name is copied; one that is known with this sign stays as it is. Returns NULL, or why it cannot
 * be added. */
const char *actions_add(struct actions *actions, struct slice name, int sign);

/* Adds what --accept declares, NAME:+ or NAME:-, and returns its name; ends the program with 64 where it has another
 * form, or contradicts what is known. */
struct slice actions_declare(struct actions *actions, const char *declared);

/* The same for --accept paymentActionType=NAME:+ as a whole, in a program that judges no other member. */
void actions_accept(struct actions *actions, const char *argument);

/* The sign of an action by its decoded name; 0: it is not known. Nearly all are payments. */
int actions_find(const struct actions *actions, struct slice name);
static inline int actions_sign(const struct actions *actions, struct slice name)
{
	return slice_equal(name, SLICE("PAYMENT")) ? 1 : actions_find(actions, name);
}

/* The declared ones as NAME:- with commas between, sorted, so that equal declarations are equal texts; newly allocated,
 * empty where there are none. */
char *actions_declared(const struct actions *actions);

#endif
