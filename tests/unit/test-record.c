/* record: lines as members, with those that were asked for at hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "record.h"

/* What reads the lines of one test, one after the other. */
struct reader {
	struct names names;
	struct record record;
	char *line; /* in an allocation of its own, so that a sanitizer sees what is read too far */
	const char *reason;
};

static struct reader *reader_new(void)
{
	struct reader *reader = calloc(1, sizeof *reader);
	assert_non_null(reader);
	names_init(&reader->names);
	record_init(&reader->record);
	return reader;
}

static void reader_free(struct reader *reader)
{
	for (unsigned i = 1; i < reader->names.count; i++)
		free((char *)reader->names.name[i].p);
	record_free(&reader->record);
	free(reader->line);
	free(reader);
}

/* Reads a line, given without its line feed. Whether it is a record. */
static bool reads(struct reader *reader, struct slice text)
{
	free(reader->line);
	reader->line = malloc(text.n + 1 + JSON_PADDING);
	assert_non_null(reader->line);
	memcpy(reader->line, text.p, text.n);
	reader->line[text.n] = '\n';
	memset(reader->line + text.n + 1, '"', JSON_PADDING);
	reader->reason = NULL;
	const char *feed = record_read(&reader->record, &reader->names, reader->line, &reader->reason);
	if (feed)
		assert_ptr_equal(feed, reader->line + text.n);
	else
		assert_non_null(reader->reason);
	return feed;
}

static void must_read(struct reader *reader, const char *text)
{
	if (!reads(reader, slice_of(text)))
		fail_msg("%s: %s", text, reader->reason);
}

static void must_refuse(struct reader *reader, const char *text, const char *why)
{
	if (reads(reader, slice_of(text)) || strcmp(reader->reason, why) != 0)
		fail_msg("%s: \"%s\" where \"%s\" was expected", text, reader->reason ? reader->reason : "accepted",
			 why);
}

/* A registered member has this value, as spelled; NULL: the line has none. */
static void has(const struct members *members, int name, const char *value)
{
	const struct member *member = members_get(members, name);
	if (!value) {
		assert_null(member);
		return;
	}
	assert_non_null(member);
	assert_int_equal(member->id, name);
	if (!slice_equal(member->value, slice_of(value)))
		fail_msg("%.*s where %s was expected", (int)member->value.n, member->value.p, value);
}

static void registers_names_once(void **state)
{
	(void)state;
	struct reader *reader = reader_new();
	char mine[] = "testPayment";
	int name = names_add(&reader->names, slice_of(mine));
	mine[0] = 'X'; /* it was copied */
	assert_int_equal(name, NAME_SHARED);
	assert_int_equal(names_add(&reader->names, SLICE("testPayment")), name);
	assert_int_equal(names_find(&reader->names, SLICE("testPayment")), name);
	assert_int_equal(names_find(&reader->names, SLICE("testpayment")), NAME_NONE);
	assert_int_equal(names_find(&reader->names, SLICE("testPaymen")), NAME_NONE);
	assert_int_equal(names_find(&reader->names, SLICE("")), NAME_NONE);
	assert_int_equal(names_add(&reader->names, SLICE("amount")), NAME_AMOUNT);
	assert_int_equal(names_find(&reader->names, SLICE("_mark")), NAME_MARK);
	reader_free(reader);
}

static void takes_127_names_of_255_bytes(void **state)
{
	(void)state;
	struct reader *reader = reader_new();
	char name[NAMES_LONGEST + 2];
	memset(name, 'n', sizeof name);
	assert_int_equal(names_add(&reader->names, (struct slice){name, NAMES_LONGEST + 1}), -1);
	for (int i = NAME_SHARED; i < NAMES_MAX; i++) {
		name[100] = (char)i; /* where the hash does not look */
		assert_int_equal(names_add(&reader->names, (struct slice){name, NAMES_LONGEST}), i);
	}
	assert_int_equal(names_add(&reader->names, SLICE("one more")), -1);
	assert_int_equal(names_add(&reader->names, SLICE("amount")), NAME_AMOUNT);
	for (int i = NAME_SHARED; i < NAMES_MAX; i++) {
		name[100] = (char)i;
		assert_int_equal(names_find(&reader->names, (struct slice){name, NAMES_LONGEST}), i);
	}
	reader_free(reader);
}

static void finds_members_and_keeps_their_order(void **state)
{
	(void)state;
	struct reader *reader = reader_new();
	struct record *record = &reader->record;
	must_read(reader,
		  " {\"_src\":\"a/0/1\" , \"zz\" : [1, {\"amount\":9}],\t\"amount\":-5,\"n\":null,\"b\":true}\r");
	assert_ptr_equal(record->line.p, reader->line + 1);
	assert_memory_equal(record->line.p + record->line.n - 1, "}\r\n", 3);
	assert_int_equal(record->top.n, 5);
	assert_int_equal(record->top.reserved, 1);
	has(&record->top, NAME_SRC, "\"a/0/1\"");
	has(&record->top, NAME_AMOUNT, "-5");
	has(&record->top, NAME_MARK, NULL);
	static const enum json_type types[] = {JSON_STRING, JSON_ARRAY, JSON_NUMBER, JSON_NULL, JSON_TRUE};
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(record->top.v[i].type, types[i]);
	assert_int_equal(record->top.v[1].id, NAME_NONE);
	assert_true(slice_equal(record->top.v[1].name, SLICE("zz")));
	assert_true(slice_equal(member_text(&record->top.v[1]), SLICE("\"zz\" : [1, {\"amount\":9}]")));
	assert_true(slice_equal(member_inside(&record->top.v[0]), SLICE("a/0/1")));
	assert_false(member_given(&record->top.v[3]));
	assert_true(member_given(&record->top.v[4]));
	assert_false(member_given(NULL));
	must_read(reader, "{}");
	assert_int_equal(record->top.n, 0);
	has(&record->top, NAME_AMOUNT, NULL);
	reader_free(reader);
}

/* The hints of a line must not show in what the next one says, whatever its order. */
static void lines_do_not_depend_on_the_lines_before(void **state)
{
	(void)state;
	static const char *const members[] = {
	    "\"amount\":1",      "\"amoun\":2",         "\"amounts\":3",      "\"payoutDate\":4",
	    "\"paymentType\":5", "\"amoun\\u0074x\":6", "\"confirmDate\" :7", "\"x\":8"};
	enum { MEMBERS = sizeof members / sizeof *members };
	struct reader *reader = reader_new();
	unsigned chance = 1;
	for (int round = 0; round < 2000; round++) {
		char text[512], *to = stpcpy(text, "{");
		int order[MEMBERS];
		for (int i = 0; i < MEMBERS; i++) {
			chance = chance * 1103515245 + 12345;
			int there = (int)((chance >> 16) % (unsigned)(i + 1));
			order[i] = order[there];
			order[there] = i;
		}
		int n = 1 + round % MEMBERS;
		for (int i = 0; i < n; i++) {
			to = stpcpy(to, i ? "," : "");
			to = stpcpy(to, members[order[i]]);
		}
		stpcpy(to, "}");
		must_read(reader, text);
		struct members *top = &reader->record.top;
		assert_int_equal(top->n, n);
		static const int ids[MEMBERS] = {NAME_AMOUNT,       NAME_NONE, NAME_NONE,         NAME_PAYOUT_DATE,
						 NAME_PAYMENT_TYPE, NAME_NONE, NAME_CONFIRM_DATE, NAME_NONE};
		int met = 0;
		for (int i = 0; i < n; i++) {
			assert_int_equal(top->v[i].id, ids[order[i]]);
			assert_int_equal(top->v[i].value.p[0], '1' + order[i]);
			if (ids[order[i]] != NAME_NONE) {
				assert_ptr_equal(members_get(top, ids[order[i]]), &top->v[i]);
				met++;
			}
		}
		for (int id = 1; id < NAME_SHARED; id++)
			met -= members_get(top, id) != NULL;
		assert_int_equal(met, 0);
	}
	reader_free(reader);
}

static void names_may_be_spelled_with_escapes(void **state)
{
	(void)state;
	struct reader *reader = reader_new();
	int quote = names_add(&reader->names, SLICE("a\"b\\")), accent = names_add(&reader->names, SLICE("\xc3\xa9"));
	for (int round = 0; round < 2; round++) {
		must_read(reader, "{\"\\u0061moun\\u0074\":1,\"a\\\"b\\\\\":2,\"\\u00E9\":3}");
		has(&reader->record.top, NAME_AMOUNT, "1");
		has(&reader->record.top, quote, "2");
		has(&reader->record.top, accent, "3");
		assert_true(reader->record.top.v[0].name_escaped);
		must_read(reader, "{\"amount\":1,\"a\\u0022b\\u005c\":2,\"\xc3\xa9\":3}");
		has(&reader->record.top, NAME_AMOUNT, "1");
		has(&reader->record.top, quote, "2");
		has(&reader->record.top, accent, "3");
		assert_false(reader->record.top.v[0].name_escaped);
	}
	reader_free(reader);
}

static void refuses_a_registered_member_twice(void **state)
{
	(void)state;
	static const char why[] = "repeated member \"amount\"";
	struct reader *reader = reader_new();
	must_refuse(reader, "{\"amount\":1,\"amount\":1}", why);
	must_refuse(reader, "{\"amount\":1,\"x\":0,\"\\u0061mount\":1}", why);
	must_refuse(reader, "{\"\\u0061mount\":1,\"amoun\\u0074\":1}", why);
	must_refuse(reader, "{\"_src\":\"a\",\"\\u005fsrc\":\"a\"}", "repeated member \"_src\"");
	must_read(reader, "{\"x\":1,\"x\":2,\"\\u0078\":3}");
	must_read(reader, "{\"amount\":1,\"x\":{\"amount\":1,\"amount\":2}}");
	must_read(reader, "{\"amount\":1}"); /* the line before leaves nothing */
	reader_free(reader);
}

static void reserved_members_come_first(void **state)
{
	(void)state;
	struct reader *reader = reader_new();
	must_refuse(reader, "{\"x\":1,\"_src\":\"a\"}", "\"_src\" must stand before the other members");
	must_refuse(reader, "{\"amount\":1,\"\\u005Fmark\":{}}", "\"_mark\" must stand before the other members");
	must_read(reader, "{\"_src\":\"a\",\"_mine\":1,\"\\u005fours\":2,\"amount\":3,\"_late\":4}");
	struct members *top = &reader->record.top;
	assert_int_equal(top->reserved, 3);
	for (size_t i = 0; i < top->n; i++)
		assert_int_equal(member_reserved(&top->v[i]), i != 3);
	must_read(reader, "{\"\\u005emine\":1,\"\\\\u005f\":2,\"\":3}");
	assert_int_equal(top->reserved, 0);
	for (size_t i = 0; i < top->n; i++)
		assert_false(member_reserved(&top->v[i]));
	reader_free(reader);
}

static void reads_the_object_inside_that_is_asked_for(void **state)
{
	(void)state;
	struct reader *reader = reader_new();
	struct record *record = &reader->record;
	int data = names_add(&reader->names, SLICE("data"));
	reader->names.expand = data;
	for (int round = 0; round < 2; round++) {
		must_read(reader,
			  "{\"amount\":1,\"data\":{\"x\":{\"data\":{}},\"amount\":2,\"data\":{\"amount\":3}},\"y\":4}");
		has(&record->top, NAME_AMOUNT, "1");
		has(&record->data, NAME_AMOUNT, "2");
		has(&record->data, data, "{\"amount\":3}");
		assert_int_equal(record->top.n, 3);
		assert_int_equal(record->data.n, 3);
		assert_int_equal(members_get(&record->top, data)->type, JSON_OBJECT);
		must_read(reader, "{\"d\\u0061ta\" : {\"payoutDate\":5}}");
		has(&record->data, NAME_PAYOUT_DATE, "5");
		has(&record->data, NAME_AMOUNT, NULL);
		must_read(reader, "{\"data\":[{\"amount\":1}]}");
		assert_int_equal(record->data.n, 0);
		has(&record->data, NAME_AMOUNT, NULL);
		must_read(reader, "{\"data\":null}");
		must_read(reader, "{\"data\":{}}");
		assert_int_equal(record->data.n, 0);
	}
	must_refuse(reader, "{\"data\":{\"amount\":1,\"amount\":2}}", "repeated member \"amount\"");
	must_refuse(reader, "{\"data\":{},\"data\":{}}", "repeated member \"data\"");
	must_refuse(reader, "{\"data\":{\"amount\":1,\"amoun\\u0074\":2}}", "repeated member \"amount\"");
	must_refuse(reader, "{\"data\":{\"x\":1]}", "no ',' or '}' after a value");
	reader_free(reader);
}

/* levels of objects, each the member a of the one around it. */
static char *nested(int levels, const char *name)
{
	char *text = malloc((size_t)levels * 16 + 2), *to = text;
	assert_non_null(text);
	for (int i = 0; i < levels; i++)
		to += sprintf(to, "{\"%s\":", i ? "a" : name);
	to = stpcpy(to, "1");
	for (int i = 0; i < levels; i++)
		to = stpcpy(to, "}");
	return text;
}

/* Two readers of one chain: the second reads "more", and the object of "data". */
static void what_only_another_reader_minds_is_doubtful(void **state)
{
	(void)state;
	struct reader *first = reader_new(), *second = reader_new();
	int own = names_add(&first->names, SLICE("own"));
	struct names alone = second->names;
	names_follow(&second->names, &first->names);
	int more = names_add(&second->names, SLICE("more")), data = names_add(&second->names, SLICE("data"));
	names_expand(&second->names, data);
	names_agree(&first->names, &second->names);
	assert_int_equal(names_find(&first->names, SLICE("more")), more);
	assert_int_equal(names_find(&second->names, SLICE("own")), own);

	must_read(first, "{\"more\":1,\"data\":{\"amount\":5}}");
	assert_false(first->record.top.doubtful);
	has(&first->record.data, NAME_AMOUNT, "5");
	must_read(first, "{\"more\":1,\"more\":2}");
	assert_true(first->record.top.doubtful);
	must_read(first, "{\"data\":{\"amount\":5,\"amount\":6}}");
	assert_true(first->record.top.doubtful);
	must_read(first, "{\"data\":{},\"data\":{}}");
	assert_true(first->record.top.doubtful);
	must_refuse(first, "{\"own\":1,\"own\":2}", "repeated member \"own\"");

	must_refuse(second, "{\"more\":1,\"more\":2}", "repeated member \"more\"");
	must_refuse(second, "{\"data\":{\"amount\":5,\"amount\":6}}", "repeated member \"amount\"");
	must_read(second, "{\"own\":1,\"own\":2}");
	assert_true(second->record.top.doubtful);
	must_read(second, "{\"own\":1}");
	assert_false(second->record.top.doubtful);

	first->names = second->names = alone; /* the names are shared, and are few */
	reader_free(first);
	second->names.count = 1;
	reader_free(second);
}

static void counts_depth_from_the_line(void **state)
{
	(void)state;
	struct reader *reader = reader_new();
	reader->names.expand = names_add(&reader->names, SLICE("data"));
	static const char *const outermost[] = {"a", "data"};
	for (int i = 0; i < 2; i++) {
		char *good = nested(JSON_DEPTH, outermost[i]), *bad = nested(JSON_DEPTH + 1, outermost[i]);
		must_read(reader, good);
		must_refuse(reader, bad, "nested deeper than 512");
		free(good);
		free(bad);
	}
	reader_free(reader);
}

static void takes_any_number_of_members(void **state)
{
	(void)state;
	struct reader *reader = reader_new();
	for (int n = 30; n <= 1030; n += 100) {
		char *text = malloc((size_t)n * 16 + 64), *to = stpcpy(text, "{");
		assert_non_null(text);
		for (int i = 0; i < n; i++)
			to += sprintf(to, "\"m%d\":%d,", i, i);
		stpcpy(to, "\"amount\":7,\"payoutDate\":8}");
		must_read(reader, text);
		assert_int_equal(reader->record.top.n, n + 2);
		has(&reader->record.top, NAME_AMOUNT, "7");
		has(&reader->record.top, NAME_PAYOUT_DATE, "8");
		for (int i = 0; i < n; i++) {
			char digits[16];
			sprintf(digits, "%d", i);
			assert_true(slice_equal(reader->record.top.v[i].value, slice_of(digits)));
		}
		free(text);
	}
	reader_free(reader);
}

/* The longest name is a hint while the line ends early, at each byte of it. */
static void a_long_name_at_the_end_of_a_line_is_not_read_past_it(void **state)
{
	(void)state;
	struct reader *reader = reader_new();
	char name[NAMES_LONGEST + 1], text[NAMES_LONGEST + 16];
	memset(name, 'n', NAMES_LONGEST);
	name[NAMES_LONGEST] = '\0';
	int number = names_add(&reader->names, (struct slice){name, NAMES_LONGEST});
	int n = sprintf(text, "{\"%s\":1}", name);
	must_read(reader, text);
	has(&reader->record.top, number, "1");
	for (int length = n - 1; length > 0; length--) {
		assert_false(reads(reader, (struct slice){text, (size_t)length}));
		if (length % 64 == 0) {
			must_read(reader, text); /* a hint again */
			has(&reader->record.top, number, "1");
		}
	}
	name[NAMES_LONGEST - 1] = '\0';
	sprintf(text, "{\"%s\":2}", name); /* its beginning is another name */
	must_read(reader, text);
	has(&reader->record.top, number, NULL);
	reader_free(reader);
}

/* A spelling of 6 bytes for each character of a name of 255. */
static void a_name_of_255_escapes_is_known(void **state)
{
	(void)state;
	struct reader *reader = reader_new();
	char name[NAMES_LONGEST + 1], text[6 * NAMES_LONGEST + 32], *to = stpcpy(text, "{\"");
	memset(name, 'n', NAMES_LONGEST);
	name[NAMES_LONGEST] = '\0';
	int number = names_add(&reader->names, (struct slice){name, NAMES_LONGEST});
	for (int i = 0; i < NAMES_LONGEST; i++)
		to = stpcpy(to, "\\u006e");
	char *end = to;
	stpcpy(to, "\":1}");
	must_read(reader, text);
	has(&reader->record.top, number, "1");
	stpcpy(end, "n\":1}");
	must_read(reader, text);
	has(&reader->record.top, number, NULL);
	reader_free(reader);
}

static void says_what_is_wrong_and_keeps_the_line(void **state)
{
	(void)state;
	struct reader *reader = reader_new();
	static const struct {
		const char *text, *why;
	} cases[] = {
	    {"", "blank line"},
	    {" \t\r", "blank line"},
	    {"\xef\xbb\xbf{}", "byte order mark before the object"},
	    {"[]", "not a JSON object"},
	    {"1", "not a JSON object"},
	    {"\"a\"", "not a JSON object"},
	    {"{}{}", "text after the object"},
	    {"{},", "text after the object"},
	    {"{\"a\":1", "line ends inside the object"},
	    {"{\"a\":", "line ends inside the object"},
	    {"{\"a\"", "line ends inside the object"},
	    {"{", "line ends inside the object"},
	    {"{\"a\":1,", "line ends inside the object"},
	    {"{\"a", "string without end"},
	    {"{\"a\" 1}", "no ':' after a member's name"},
	    {"{\"a\":1,}", "a member's name must be a string"},
	    {"{a:1}", "a member's name must be a string"},
	    {"{\"a\":1 \"b\":2}", "no ',' or '}' after a value"},
	    {"{\"a\":01}", "number with a leading zero"},
	    {"{\"a\":\"\xff\"}", "invalid UTF-8"},
	    {"{\"\xc0\xaf\":1}", "invalid UTF-8"},
	    {"{\"a\":\"\\ud800\"}", "lone surrogate in a string"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		must_refuse(reader, cases[i].text, cases[i].why);
		size_t n = strlen(cases[i].text);
		n -= n > 0 && cases[i].text[n - 1] == '\r';
		assert_true(slice_equal(reader->record.line, (struct slice){reader->line, n}));
	}
	must_refuse(reader, "{\"amount\":5,\"x\":nope}", "bad value");
	has(&reader->record.top, NAME_AMOUNT, "5"); /* the members before the fault are there */
	assert_int_equal(reader->record.top.n, 1);
	assert_false(reads(reader, SLICE("{\"a\":\"\0\"}")));
	reader_free(reader);
}

static void members_read_opens_a_value(void **state)
{
	(void)state;
	struct reader *reader = reader_new();
	struct members members = {0};
	must_read(reader, "{\"x\":{ \"amount\" : 1 ,\"\\u0062\":[2],\"c\":{}}}");
	members_read(&members, &reader->names, reader->record.top.v[0].value);
	assert_int_equal(members.n, 3);
	has(&members, NAME_AMOUNT, "1");
	assert_true(slice_equal(members.v[1].value, SLICE("[2]")));
	assert_true(members.v[1].name_escaped);
	members_read(&members, NULL, members.v[2].value);
	assert_int_equal(members.n, 0);
	members_read(&members, NULL, reader->record.top.v[0].value);
	assert_int_equal(members.n, 3);
	assert_int_equal(members.v[0].id, NAME_NONE);
	members_free(&members);
	assert_null(members.v);
	reader_free(reader);
}

static void strings_are_compared_decoded(void **state)
{
	(void)state;
	struct reader *reader = reader_new();
	struct scratch scratch = {0};
	must_read(reader, "{\"a\":\"CARD\",\"b\":\"CA\\u0052D\",\"c\":\"\"}");
	const struct member *v = reader->record.top.v;
	assert_false(v[0].escaped);
	assert_true(v[1].escaped);
	assert_ptr_equal(member_decoded(&v[0], &scratch).p, v[0].value.p + 1); /* nothing is copied */
	assert_null(scratch.p);
	assert_true(slice_equal(member_decoded(&v[1], &scratch), SLICE("CARD")));
	assert_int_equal(member_decoded(&v[2], &scratch).n, 0);
	enum { LONG = 5000 };
	char *text = malloc(LONG + 32), *to = stpcpy(text, "{\"a\":\"\\n");
	assert_non_null(text);
	memset(to, 'x', LONG);
	stpcpy(to + LONG, "\"}");
	must_read(reader, text);
	struct slice decoded = member_decoded(reader->record.top.v, &scratch);
	assert_int_equal(decoded.n, LONG + 1);
	assert_int_equal(decoded.p[0], '\n');
	assert_int_equal(decoded.p[LONG], 'x');
	free(text);
	free(scratch.p);
	reader_free(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(registers_names_once),
	    cmocka_unit_test(takes_127_names_of_255_bytes),
	    cmocka_unit_test(finds_members_and_keeps_their_order),
	    cmocka_unit_test(lines_do_not_depend_on_the_lines_before),
	    cmocka_unit_test(names_may_be_spelled_with_escapes),
	    cmocka_unit_test(refuses_a_registered_member_twice),
	    cmocka_unit_test(reserved_members_come_first),
	    cmocka_unit_test(reads_the_object_inside_that_is_asked_for),
	    cmocka_unit_test(what_only_another_reader_minds_is_doubtful),
	    cmocka_unit_test(counts_depth_from_the_line),
	    cmocka_unit_test(takes_any_number_of_members),
	    cmocka_unit_test(a_long_name_at_the_end_of_a_line_is_not_read_past_it),
	    cmocka_unit_test(a_name_of_255_escapes_is_known),
	    cmocka_unit_test(says_what_is_wrong_and_keeps_the_line),
	    cmocka_unit_test(members_read_opens_a_value),
	    cmocka_unit_test(strings_are_compared_decoded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
