#include "payment.h"

#include <string.h>

#include "amount.h"
#include "random.h"

const char *const payment_methods[METHODS] = {"CARD", "MONEY", "PAY", "POINT"};

enum { ACTION_NETWORK_CANCEL = 4 };
enum { SECONDS_OF_DAY = 86400, MICROSECONDS_OF_SECOND = 1000000 };

/* How a malformed line is bad. */
enum fault {
	FAULT_CUT,
	FAULT_AMOUNT_TEXT,
	FAULT_AMOUNT_FRACTION,
	FAULT_AMOUNT_MISSING,
	FAULT_AMOUNT_TWICE,
	FAULT_DATE,
	FAULT_TIME,
	FAULT_METHOD,
	FAULT_MERCHANT_EMPTY,
	FAULT_UTF8,
	FAULT_CONTROL,
	FAULT_DATA_NULL,
	FAULT_BLANK,
	FAULT_NOT_JSON,
	FAULTS
};

/* The values of a message as they are spelled in it. */
struct spelled {
	struct slice channel, amount, payout, confirm, merchant, time, action, method, more;
};

void day_start(struct day *day, uint64_t seed, uint64_t payments, uint32_t merchants, date_day date)
{
	*day = (struct day){.seed = seed, .payments = payments, .merchants = merchants};
	day->non_settlement = merchants / 100 + 1;
	date_write(day->date, date);
	for (int i = 0; i < DAY_DATES; i++) {
		do
			date++;
		while (date_weekday(date) > 5);
		date_write(day->business[i], date);
	}
}

unsigned day_payout(const struct day *day, uint32_t merchant)
{
	struct random random = random_of(day->seed, RANDOM_MERCHANT, merchant);
	return 1 + (unsigned)random_below(&random, 3);
}

unsigned day_confirm(const struct day *day, uint32_t merchant, unsigned payout)
{
	struct random random = random_of(day->seed, RANDOM_MERCHANT, merchant);
	random_next(&random);
	return random_below(&random, 4) ? payout : payout - 1;
}

/* A merchant's rank from 1 to n, the first the most frequent: a power of two is drawn evenly, then a rank between it
 * and the next one, so that a rank's share falls with the rank as in Zipf's law. */
static uint64_t draw_rank(struct random *random, uint64_t n)
{
	unsigned powers = 63u - (unsigned)__builtin_clzll(n); /* 2^powers <= n: whole steps below it, a part above */
	uint64_t top = (uint64_t)1 << powers;
	uint64_t part = n - top + 1; /* of top ranks */
	for (;;) {
		unsigned power = (unsigned)random_below(random, powers + 1);
		uint64_t rank = random_below(random, (uint64_t)1 << power);
		if (power < powers || rank < part)
			return ((uint64_t)1 << power) + rank;
	}
}

static uint32_t draw_merchant(struct random *random, const struct day *day)
{
	/* A prime above any number of merchants spreads the ranks over the numbers, each to one of its own. */
	uint64_t rank = draw_rank(random, day->merchants);
	return (uint32_t)((rank * 2654435761u + (day->seed & 0xffff)) % day->merchants) + 1;
}

/* Most payments are small change to a week's wages; one in a thousand is a house, one in a hundred thousand a fleet. */
static amount draw_amount(struct random *random)
{
	uint64_t luck = random_below(random, 100000);
	unsigned low = luck == 0 ? 32 : luck < 100 ? 21 : 9;
	uint64_t base = (uint64_t)1 << (low + random_below(random, 8));
	return (amount)(base + random_below(random, base));
}

static struct slice write_time(char *to, const struct day *day, struct random *random, uint64_t number)
{
	/* Payments come in the order of their times but for some dozens that overtake each other. */
	uint64_t place = (number << 20) + random_below(random, (uint64_t)64 << 20);
	uint64_t microsecond = (uint64_t)((random_wide)place * ((uint64_t)SECONDS_OF_DAY * MICROSECONDS_OF_SECOND) /
					  ((day->payments + 64) << 20));
	uint32_t second = (uint32_t)(microsecond / MICROSECONDS_OF_SECOND);
	uint32_t fraction = (uint32_t)(microsecond % MICROSECONDS_OF_SECOND);
	uint32_t clock[3] = {second / 3600, second / 60 % 60, second % 60};

	memcpy(to, day->date, DATE_TEXT - 1);
	char *p = to + DATE_TEXT - 1;
	for (int i = 0; i < 3; i++) {
		*p++ = i ? ':' : 'T';
		*p++ = (char)('0' + clock[i] / 10);
		*p++ = (char)('0' + clock[i] % 10);
	}
	*p++ = '.';
	for (int i = 5; i >= 0; i--, fraction /= 10)
		p[i] = (char)('0' + fraction % 10);
	return (struct slice){to, (size_t)(p + 6 - to)};
}

/* Prefix and number, such as merchant-1881. */
static struct slice write_name(char *to, struct slice prefix, uint64_t number)
{
	memcpy(to, prefix.p, prefix.n);
	return (struct slice){to, prefix.n + amount_write(to + prefix.n, (amount_sum)number)};
}

static unsigned draw_action(struct random *random)
{
	uint64_t percent = random_below(random, 100);
	return percent < 90 ? 0 : percent < 95 ? 1 : percent < 98 ? 2 : 3;
}

static unsigned draw_method(struct random *random)
{
	uint64_t percent = random_below(random, 100);
	return percent < 70 ? 0 : percent < 82 ? 1 : percent < 95 ? 2 : 3;
}

static inline char *put(char *p, struct slice bytes)
{
	memcpy(p, bytes.p, bytes.n);
	return p + bytes.n;
}

#define PUT(p, literal) put(p, SLICE(literal))

/* `null`, or the text in quotes. */
static inline char *put_date(char *p, struct slice date)
{
	if (!date.p)
		return PUT(p, "null");
	*p++ = '"';
	p = put(p, date);
	*p++ = '"';
	return p;
}

static char *put_message(char *p, const struct spelled *spelled)
{
	p = PUT(p, "{\"channel\":\"");
	p = put(p, spelled->channel);
	p = PUT(p, "\",\"action\":\"PAYMENT\",\"data\":{\"paymentType\":\"");
	p = put(p, spelled->channel);
	p = PUT(p, "\",");
	p = put(p, spelled->amount);
	p = PUT(p, "\"payoutDate\":");
	p = put_date(p, spelled->payout);
	p = PUT(p, ",\"confirmDate\":");
	p = put_date(p, spelled->confirm);
	p = PUT(p, ",\"merchantNumber\":\"");
	p = put(p, spelled->merchant);
	p = PUT(p, "\",\"paymentDate\":\"");
	p = put(p, spelled->time);
	p = PUT(p, "\",\"paymentActionType\":\"");
	p = put(p, spelled->action);
	p = PUT(p, "\",\"paymentMethodType\":\"");
	p = put(p, spelled->method);
	p = PUT(p, "\"");
	p = put(p, spelled->more);
	return PUT(p, "}}");
}

/* Writes a line that is bad in one way. */
static char *put_fault(char *p, struct spelled *spelled, enum fault fault)
{
	char *start = p;
	switch (fault) {
	case FAULT_AMOUNT_TEXT: spelled->amount = SLICE("\"amount\":\"65218\","); break;
	case FAULT_AMOUNT_FRACTION: spelled->amount = SLICE("\"amount\":65218.5,"); break;
	case FAULT_AMOUNT_MISSING: spelled->amount = SLICE(""); break;
	case FAULT_AMOUNT_TWICE: spelled->amount = SLICE("\"amount\":65218,\"amount\":65219,"); break;
	case FAULT_DATE: spelled->payout = SLICE("2025-02-30"); break;
	case FAULT_TIME: spelled->time = SLICE("2025-05-25 at noon"); break;
	case FAULT_METHOD: spelled->method = SLICE("BARTER"); break;
	case FAULT_MERCHANT_EMPTY: spelled->merchant = SLICE(""); break;
	case FAULT_UTF8: spelled->merchant = SLICE("merchant-\xff"); break;
	case FAULT_CONTROL: spelled->merchant = SLICE("merchant-\t1"); break;
	case FAULT_DATA_NULL: return PUT(p, "{\"channel\":\"ONLINE\",\"action\":\"PAYMENT\",\"data\":null}");
	case FAULT_BLANK: return p;
	case FAULT_NOT_JSON: return PUT(p, "<html><body>502 Bad Gateway</body></html>");
	case FAULT_CUT:
	case FAULTS: break;
	}
	p = put_message(p, spelled);
	return fault == FAULT_CUT ? start + (p - start) / 2 : p;
}

size_t payment_write(char *to, const struct day *day, uint64_t number, enum kind kind, uint64_t fault,
		     struct payment_key *key)
{
	struct random random = random_of(day->seed, RANDOM_PAYMENT, number);
	char name[16 + AMOUNT_TEXT], time[32], digits[16 + AMOUNT_TEXT];

	/* Everything is drawn for every kind, so that a payment is the same whatever others are. */
	key->merchant = draw_merchant(&random, day);
	key->action = draw_action(&random);
	key->method = draw_method(&random);
	amount money = draw_amount(&random);
	uint64_t dice = random_next(&random);
	struct spelled spelled = {.time = write_time(time, day, &random, number), .more = SLICE("")};
	spelled.channel = dice % 5 < 3 ? SLICE("OFFLINE") : SLICE("ONLINE");
	unsigned payout = day_payout(day, key->merchant), confirm = day_confirm(day, key->merchant, payout);
	if ((dice >> 8) % 5 == 0) /* the sender knows the merchant's contract mostly, not always */
		confirm = payout = 1 + (unsigned)((dice >> 16) % 4);

	uint32_t merchant = key->merchant;
	struct slice prefix = SLICE("merchant-");
	if (kind == KIND_NETWORK_CANCEL) {
		key->action = ACTION_NETWORK_CANCEL;
	} else if (kind == KIND_NON_SETTLEMENT) {
		merchant = day->merchants + 1 + (uint32_t)((dice >> 32) % day->non_settlement);
		key->merchant = 0;
	} else if (kind == KIND_TEST && (dice >> 32) & 1) {
		prefix = SLICE("test-");
		key->merchant = 0;
	} else if (kind == KIND_TEST) {
		spelled.more = SLICE(",\"testPayment\":true");
	}
	spelled.merchant = write_name(name, prefix, merchant);
	spelled.action = actions_documented[key->action].name;
	spelled.method = slice_of(payment_methods[key->method]);
	spelled.payout = (struct slice){day->business[payout], DATE_TEXT - 1};
	if (kind != KIND_UNCONFIRMED)
		spelled.confirm = (struct slice){day->business[confirm], DATE_TEXT - 1};
	spelled.amount = write_name(digits, SLICE("\"amount\":"), (uint64_t)money);
	digits[spelled.amount.n++] = ',';

	char *p;
	if (kind == KIND_MALFORMED) {
		key->merchant = 0;
		p = put_fault(to, &spelled, (enum fault)(fault % FAULTS));
	} else {
		p = put_message(to, &spelled);
	}
	*p++ = '\n';
	return (size_t)(p - to);
}
