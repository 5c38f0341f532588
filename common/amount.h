/* amount: money in a currency's minor unit, a signed 64-bit integer; sums in 128 bits, so that they are exact. */
#ifndef PAYPIPE_AMOUNT_H
#define PAYPIPE_AMOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

typedef int64_t amount;
__extension__ typedef __int128 amount_sum; /* holds 2^64 amounts of any size */

enum { AMOUNT_TEXT = 41 }; /* room for any sum's decimal digits, sign and NUL */

/* Reads a JSON number that is an integer (RFC 8259 section 6 without fraction and exponent) and fits 64 bits.
 * Returns whether it is one; *to is set only then. */
bool amount_read(struct slice number, amount *to);

/* Reads a sum as amount_write writes it: an optional '-', digits without leading zeros, at most 38 of them (2^64
 * amounts need no more than 39; sums of real streams stay below 10^38). */
bool amount_sum_read(struct slice text, amount_sum *to);

/* Writes the decimal digits of sum with a NUL; returns their number without it. */
size_t amount_write(char to[AMOUNT_TEXT], amount_sum sum);

/* Whether sum fits an int64; *to is set only then. */
bool amount_narrow(amount_sum sum, int64_t *to);

#endif
