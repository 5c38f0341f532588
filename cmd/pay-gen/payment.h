/* payment: one made-up payment of a day, and its message as a line. */
#ifndef PAY_GEN_PAYMENT_H
#define PAY_GEN_PAYMENT_H

#include <stdint.h>

#include "action.h"
#include "date.h"
#include "slice.h"

/* What a line is. All but the first are in shares that the user states; a line is of one kind. */
enum kind {
	KIND_ORDINARY,
	KIND_TEST,           /* testPayment is true, or a merchant that begins with "test-" */
	KIND_NETWORK_CANCEL, /* that action type */
	KIND_UNCONFIRMED,    /* confirmDate is null */
	KIND_NON_SETTLEMENT, /* of a merchant behind the ordinary ones */
	KIND_DUPLICATE,      /* an ordinary payment's line again */
	KIND_MALFORMED,      /* a line that no stage may take for a payment */
	KINDS
};

enum { ACTIONS = ACTIONS_DOCUMENTED, METHODS = 4, DAY_DATES = 8, PAYMENT_ROOM = 768 };
extern const char *const payment_methods[METHODS];

/* What all payments of a day share. */
struct day {
	uint64_t seed, payments;
	uint32_t merchants;      /* ordinary ones: merchant-1 to merchant-N */
	uint32_t non_settlement; /* those behind them: merchant-N+1 and so on */
	char date[DATE_TEXT];
	char business[DAY_DATES][DATE_TEXT]; /* the business days after it, the first at 0 */
};

/* A number under which an ordinary merchant's payments of one action and method come together, below
 * merchants * ACTIONS * METHODS: the key of a payout rule. */
struct payment_key {
	uint32_t merchant; /* from 1 */
	unsigned action, method;
};

/* Sets up a day; its date must lie a month before the last one that can be written. */
void day_start(struct day *day, uint64_t seed, uint64_t payments, uint32_t merchants, date_day date);

/* When a merchant is paid as its contract says: which of the day's business days; the confirmation is one before,
 * or, for most merchants, the same. */
unsigned day_payout(const struct day *day, uint32_t merchant);
unsigned day_confirm(const struct day *day, uint32_t merchant, unsigned payout);

/* Writes the message of the payment with this number, of this kind (not KIND_DUPLICATE), with a line feed, to `to`,
 * which has PAYMENT_ROOM bytes; returns how many. `fault` chooses how a malformed line is bad. *key is set for a line
 * of an ordinary merchant (merchant 0: it is none). The same arguments always give the same line. */
size_t payment_write(char *to, const struct day *day, uint64_t number, enum kind kind, uint64_t fault,
		     struct payment_key *key);

#endif
