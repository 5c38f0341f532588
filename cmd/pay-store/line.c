#include "line.h"

#include "amount.h"
#include "json.h"

enum { NAMES_ROOM = 512 }; /* more than all names, numbers and punctuation of a line */

size_t line_room(struct slice source, const struct slice text[ROW_TEXTS])
{
	size_t n = NAMES_ROOM + json_quote_room(source.n);

	for (int i = 0; i < ROW_TEXTS; i++)
		n += json_quote_room(text[i].n);
	return n;
}

static char *number(char *to, int64_t value)
{
	char text[AMOUNT_TEXT];

	return slice_append(to, (struct slice){text, amount_write(text, value)});
}

/* `{"_src":"source/partition/offset"` */
static char *start(char *to, const struct coordinates *at)
{
	to = slice_append(to, SLICE("{\"_src\":"));
	to += json_quote(to, at->source) - 1;
	*to++ = '/';
	to = number(to, at->partition);
	*to++ = '/';
	to = number(to, at->offset);
	*to++ = '"';
	return to;
}

/* A name with its punctuation, then the text as a string, or null. */
static char *member(char *to, struct slice name, struct slice text)
{
	to = slice_append(to, name);
	return text.p ? to + json_quote(to, text) : slice_append(to, SLICE("null"));
}

/* The members of an object, without its braces. */
static char *inside(char *to, struct slice object)
{
	if (!object.p || object.n <= 2)
		return to;
	*to++ = ',';
	return slice_append(to, (struct slice){object.p + 1, object.n - 2});
}

size_t line_payment(char *to, const struct coordinates *at, const struct slice text[ROW_TEXTS], int64_t money)
{
	char *p = inside(start(to, at), text[ROW_OWN]);

	if (text[ROW_REASON].p)
		p = member(p, SLICE(",\"_unsettled\":"), text[ROW_REASON]);
	if (text[ROW_RULE].p)
		p = member(p, SLICE(",\"_rule\":"), text[ROW_RULE]);
	p = member(p, SLICE(",\"paymentType\":"), text[ROW_PAYMENT_TYPE]);
	p = number(slice_append(p, SLICE(",\"amount\":")), money);
	p = member(p, SLICE(",\"payoutDate\":"), text[ROW_PAYOUT_DATE]);
	p = member(p, SLICE(",\"confirmDate\":"), text[ROW_CONFIRM_DATE]);
	p = member(p, SLICE(",\"merchantNumber\":"), text[ROW_MERCHANT_NUMBER]);
	p = member(p, SLICE(",\"paymentDate\":"), text[ROW_PAYMENT_DATE]);
	p = member(p, SLICE(",\"paymentActionType\":"), text[ROW_PAYMENT_ACTION_TYPE]);
	p = member(p, SLICE(",\"paymentMethodType\":"), text[ROW_PAYMENT_METHOD_TYPE]);
	p = inside(p, text[ROW_MEMBERS]);
	*p++ = '}';
	return (size_t)(p - to);
}

/* Steps over bytes that must stand at p; NULL where others do. */
static const char *over(const char *p, const char *end, struct slice bytes)
{
	return p && (size_t)(end - p) >= bytes.n && memcmp(p, bytes.p, bytes.n) == 0 ? p + bytes.n : NULL;
}

/* Steps over a member as `member` writes it. A text that points right here needs no look: it is the string's. */
static const char *over_member(const char *p, const char *end, struct slice name, struct slice text)
{
	p = over(p, end, name);
	if (!text.p)
		return over(p, end, SLICE("null"));
	return p && p + 1 == text.p ? text.p + text.n + 1 : NULL;
}

bool line_is_payment(struct slice line, struct slice src, const struct slice text[ROW_TEXTS], int64_t money)
{
	const char *end = line.p + line.n, *p = over(line.p, end, SLICE("{\"_src\":"));
	char digits[AMOUNT_TEXT];

	if (p != src.p || text[ROW_OWN].p)
		return false;
	p += src.n;
	if (text[ROW_REASON].p)
		p = over_member(p, end, SLICE(",\"_unsettled\":"), text[ROW_REASON]);
	if (text[ROW_RULE].p)
		p = over_member(p, end, SLICE(",\"_rule\":"), text[ROW_RULE]);
	p = over_member(p, end, SLICE(",\"paymentType\":"), text[ROW_PAYMENT_TYPE]);
	p = over(p, end, SLICE(",\"amount\":"));
	p = over(p, end, (struct slice){digits, amount_write(digits, money)});
	p = over_member(p, end, SLICE(",\"payoutDate\":"), text[ROW_PAYOUT_DATE]);
	p = over_member(p, end, SLICE(",\"confirmDate\":"), text[ROW_CONFIRM_DATE]);
	p = over_member(p, end, SLICE(",\"merchantNumber\":"), text[ROW_MERCHANT_NUMBER]);
	p = over_member(p, end, SLICE(",\"paymentDate\":"), text[ROW_PAYMENT_DATE]);
	p = over_member(p, end, SLICE(",\"paymentActionType\":"), text[ROW_PAYMENT_ACTION_TYPE]);
	p = over_member(p, end, SLICE(",\"paymentMethodType\":"), text[ROW_PAYMENT_METHOD_TYPE]);
	if (!text[ROW_MEMBERS].p)
		return over(p, end, SLICE("}")) == end;
	p = over(p, end, SLICE(","));
	return over(p, end, (struct slice){text[ROW_MEMBERS].p + 1, text[ROW_MEMBERS].n - 1}) == end;
}

size_t line_dead(char *to, const struct coordinates *at, const struct slice text[ROW_TEXTS])
{
	char *p = member(start(to, at), SLICE(",\"_dead\":{\"stage\":"), text[ROW_STAGE]);

	p = member(p, SLICE(",\"reason\":"), text[ROW_REASON]);
	p = member(p, SLICE(",\"raw\":"), text[ROW_RAW]);
	if (text[ROW_ENCODING].p)
		p = member(p, SLICE(",\"encoding\":"), text[ROW_ENCODING]);
	if (text[ROW_LENGTH].p)
		p = slice_append(slice_append(p, SLICE(",\"length\":")), text[ROW_LENGTH]);
	p = slice_append(p, SLICE("}}"));
	return (size_t)(p - to);
}

size_t line_total(char *to, const struct slice text[ROW_TEXTS], int64_t count, int64_t total)
{
	char *p = member(to, SLICE("{\"key\":{\"merchantNumber\":"), text[ROW_MERCHANT_NUMBER]);

	p = member(p, SLICE(",\"paymentActionType\":"), text[ROW_PAYMENT_ACTION_TYPE]);
	p = member(p, SLICE(",\"paymentDateDaily\":"), text[ROW_DAY]);
	p = member(p, SLICE(",\"paymentMethodType\":"), text[ROW_PAYMENT_METHOD_TYPE]);
	p = number(slice_append(p, SLICE("},\"value\":{\"count\":")), count);
	p = number(slice_append(p, SLICE(",\"totalAmount\":")), total);
	p = slice_append(p, SLICE("}}"));
	return (size_t)(p - to);
}
