#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "json.h"

enum column {
	PAYMENT_TYPE,
	AMOUNT,
	PAYOUT_DATE,
	CONFIRM_DATE,
	MERCHANT_NUMBER,
	PAYMENT_DATE,
	PAYMENT_ACTION_TYPE,
	PAYMENT_METHOD_TYPE,
	EIGHT,
	CHANNEL = EIGHT,
	ACTION,
	COLUMNS
};

const struct csv_column table_columns[] = {
    [PAYMENT_TYPE] = {"paymentType", false},
    [AMOUNT] = {"amount", false},
    [PAYOUT_DATE] = {"payoutDate", false},
    [CONFIRM_DATE] = {"confirmDate", false},
    [MERCHANT_NUMBER] = {"merchantNumber", false},
    [PAYMENT_DATE] = {"paymentDate", false},
    [PAYMENT_ACTION_TYPE] = {"paymentActionType", false},
    [PAYMENT_METHOD_TYPE] = {"paymentMethodType", false},
    [CHANNEL] = {"channel", true},
    [ACTION] = {"action", true},
    [COLUMNS] = {NULL, false},
};

size_t table_named(struct slice line)
{
	size_t n = 0;
	if (line.n == 0 || line.p[0] == '{' || line.p[0] == '[')
		return 0;
	for (int c = 0; c < EIGHT; c++)
		n += memmem(line.p, line.n, table_columns[c].name, strlen(table_columns[c].name)) != NULL;
	return n;
}

bool table_is(struct slice line)
{
	return table_named(line) > 0;
}

/* Whether a field is a JSON number; the longest integer and more fit. */
static bool is_number(struct slice field)
{
	enum { LONGEST = 63 };
	char text[LONGEST + 1 + JSON_PADDING] = {0};
	struct json_value value;
	const char *reason;
	if (field.n == 0 || field.n > LONGEST)
		return false;
	memcpy(text, field.p, field.n);
	text[field.n] = '\n';
	return json_value(text, 1, &value, &reason) == text + field.n && value.type == JSON_NUMBER;
}

static char *append_field(char *to, int column, struct slice field)
{
	if (column == AMOUNT && is_number(field))
		return slice_append(to, field);
	if ((column == PAYOUT_DATE || column == CONFIRM_DATE || column == PAYMENT_DATE) && field.n == 0)
		return slice_append(to, SLICE("null"));
	return to + json_quote(to, field);
}

/* A row that closes a partition's day carries no payment. */
static bool is_finish(const struct slice *fields)
{
	if (!slice_equal(fields[ACTION], SLICE("FINISH")))
		return false;
	for (int c = 0; c < EIGHT; c++)
		if (fields[c].n > 0)
			return false;
	return true;
}

const char *table_name_others(struct table *table, const struct slice *names, size_t n)
{
	table->names = must_alloc(n * sizeof *table->names);
	for (size_t i = 0; i < n; i++) {
		if (names[i].n == 0)
			return "a column without a name; name it, or leave it out";
		if (names[i].p[0] == '_')
			return "a column whose name begins with _, which only the toolkit may set; --columns FILE "
			       "gives it another";
		char *text = must_alloc(json_quote_room(names[i].n) + 2), *to = text;
		*to++ = ',';
		to += json_quote(to, names[i]);
		*to++ = ':';
		table->names[table->n++] = (struct slice){text, (size_t)(to - text)};
		table->names_size += table->names[i].n;
	}
	return NULL;
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->n; i++)
		free((char *)(uintptr_t)table->names[i].p);
	free(table->names);
	*table = (struct table){0};
}

static char *append_others(char *to, const struct table *table, const struct slice *fields)
{
	for (size_t i = 0; i < table->n; i++) {
		to = slice_append(to, table->names[i]);
		if (fields[i].n > 0)
			to += json_quote(to, fields[i]);
		else
			to = slice_append(to, SLICE("null"));
	}
	return to;
}

void table_deliver(const struct table *table, struct delivery *delivery, struct slice source,
		   const struct slice *fields)
{
	enum { NAMES = 300 };
	size_t room = source.n + NAMES + json_quote_room(fields[PAYMENT_TYPE].n) + table->names_size;
	for (size_t c = 0; c < COLUMNS + table->n; c++)
		room += json_quote_room(fields[c].n) + 4;
	char *start = delivery_room(delivery, room), *to = start;
	struct slice channel = fields[CHANNEL].n ? fields[CHANNEL] : fields[PAYMENT_TYPE];
	to = slice_append(to, SLICE("{\"_src\":"));
	to = slice_append(to, source);
	to = slice_append(to, SLICE(",\"channel\":"));
	to += json_quote(to, channel);
	to = slice_append(to, SLICE(",\"action\":"));
	to += json_quote(to, fields[ACTION].n ? fields[ACTION] : SLICE("PAYMENT"));
	to = slice_append(to, SLICE(",\"data\":"));
	if (is_finish(fields)) {
		to = slice_append(to, SLICE("null"));
	} else {
		for (int c = 0; c < EIGHT; c++) {
			*to++ = c ? ',' : '{';
			*to++ = '"';
			to = slice_append(to, slice_of(table_columns[c].name));
			to = slice_append(to, SLICE("\":"));
			to = append_field(to, c, fields[c]);
		}
		to = append_others(to, table, fields + COLUMNS);
		*to++ = '}';
	}
	to = slice_append(to, SLICE("}\n"));
	delivery_record(delivery, (size_t)(to - start));
}
