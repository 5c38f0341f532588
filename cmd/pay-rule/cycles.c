#include "cycles.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "csv.h"
#include "fail.h"

/* A row's shape: which of the three it names. A row that does not name one has the number 0 there, as has a payment
 * whose text no table names. */
enum { MERCHANT = 4, ACTION = 2, METHOD = 1, SHAPES = 8 };

/* Shapes in the order in which they are asked: most members first, merchant before action before method. */
static const uint8_t shape_order[SHAPES] = {
    MERCHANT | ACTION | METHOD, MERCHANT | ACTION, MERCHANT | METHOD, ACTION | METHOD, MERCHANT, ACTION, METHOD, 0};

static int named(const struct key *key)
{
	return (key->merchant ? MERCHANT : 0) | (key->action ? ACTION : 0) | (key->method ? METHOD : 0);
}

struct cycles_entry {
	uint32_t terms;
	uint64_t line;
};

enum { MERCHANT_NUMBER, PAYMENT_ACTION_TYPE, PAYMENT_METHOD_TYPE, CYCLE, CONFIRM };

static const struct csv_column columns[] = {[MERCHANT_NUMBER] = {"merchantNumber", false},
					    [PAYMENT_ACTION_TYPE] = {"paymentActionType", false},
					    [PAYMENT_METHOD_TYPE] = {"paymentMethodType", false},
					    [CYCLE] = {"cycle", false},
					    [CONFIRM] = {"confirm", true},
					    {NULL, false}};

struct loading {
	struct cycles *cycles;
	struct keys *keys;
	const char *file;
};

void cycles_free(struct cycles *cycles)
{
	keytable_free(&cycles->keys);
	free(cycles->entry);
	free(cycles->terms);
	*cycles = (struct cycles){0};
}

static struct cycle read_cycle(const struct loading *loading, uint64_t line, struct slice text)
{
	struct cycle cycle;
	if (!cycle_read(text, &cycle))
		fail(EX_CONFIG, "%s:%" PRIu64 ": unknown cycle \"%.*s\" (%s)", loading->file, line, (int)text.n, text.p,
		     cycle_forms);
	return cycle;
}

static bool terms_equal(const struct terms *a, const struct terms *b)
{
	return strcmp(a->name, b->name) == 0 && a->confirm_kind == b->confirm_kind &&
	       a->confirm.kind == b->confirm.kind && a->confirm.count == b->confirm.count &&
	       a->confirm.day == b->confirm.day;
}

/* The number of terms, added when they are new. */
static uint32_t terms_number(struct cycles *cycles, const struct terms *terms)
{
	for (uint32_t i = 0; i < cycles->terms_n; i++)
		if (terms_equal(&cycles->terms[i], terms))
			return i;
	cycles->terms = must_realloc(cycles->terms, (cycles->terms_n + (size_t)1) * sizeof *cycles->terms);
	cycles->terms[cycles->terms_n] = *terms;
	return cycles->terms_n++;
}

static void add_entry(struct cycles *cycles, const struct key *key, struct cycles_entry entry)
{
	if (cycles->keys.count == cycles->capacity) {
		cycles->capacity = cycles->capacity ? 2 * cycles->capacity : 64;
		cycles->entry = must_realloc(cycles->entry, (size_t)cycles->capacity * sizeof *cycles->entry);
	}
	cycles->entry[cycles->keys.count] = entry;
	keytable_add(&cycles->keys, key);
	cycles->shapes |= (uint8_t)(1 << named(key));
}

/* The number of a field's text, 0 for `*`. */
static uint32_t number_of(struct dictionary *dictionary, struct slice field)
{
	return slice_equal(field, SLICE("*")) ? 0 : dictionary_add(dictionary, field);
}

static void row(void *self, uint64_t line, const struct slice *fields, const char *fault, struct slice raw)
{
	struct loading *loading = self;
	struct cycles *cycles = loading->cycles;
	(void)fault; /* csv_file ends the program at one */
	(void)raw;
	for (int i = MERCHANT_NUMBER; i <= PAYMENT_METHOD_TYPE; i++)
		if (!fields[i].n)
			fail(EX_CONFIG, "%s:%" PRIu64 ": no %s, write * for all", loading->file, line, columns[i].name);
	struct terms terms = {.payout = read_cycle(loading, line, fields[CYCLE])};
	snprintf(terms.name, sizeof terms.name, "\"cycle:%.*s\"", (int)fields[CYCLE].n, fields[CYCLE].p);
	if (fields[CONFIRM].n) {
		terms.confirm_kind = CONFIRM_CYCLE;
		terms.confirm = read_cycle(loading, line, fields[CONFIRM]);
	}
	struct key key = {.merchant = number_of(&loading->keys->merchant, fields[MERCHANT_NUMBER]),
			  .action = number_of(&loading->keys->action, fields[PAYMENT_ACTION_TYPE]),
			  .method = number_of(&loading->keys->method, fields[PAYMENT_METHOD_TYPE])};
	int64_t known = keytable_find(&cycles->keys, &key);
	if (known != KEYTABLE_NONE)
		fail(EX_CONFIG,
		     "%s:%" PRIu64 ": the same merchant, action and method as in line %" PRIu64
		     ", remove one of the two",
		     loading->file, line, cycles->entry[known].line);
	add_entry(cycles, &key, (struct cycles_entry){terms_number(cycles, &terms), line});
}

void cycles_load(struct cycles *cycles, struct keys *keys, const char *file)
{
	struct loading loading = {cycles, keys, file};
	csv_file(file, columns, row, &loading);
}

const struct terms *cycles_find(const struct cycles *cycles, const struct key *key)
{
	int known = named(key);
	for (int i = 0; i < SHAPES; i++) {
		uint8_t shape = shape_order[i];
		if (!(cycles->shapes >> shape & 1) || shape & ~known)
			continue;
		struct key asked = {.merchant = shape & MERCHANT ? key->merchant : 0,
				    .action = shape & ACTION ? key->action : 0,
				    .method = shape & METHOD ? key->method : 0};
		int64_t number = keytable_find(&cycles->keys, &asked);
		if (number != KEYTABLE_NONE)
			return &cycles->terms[cycles->entry[number].terms];
	}
	return NULL;
}
