/* json: what is a text of RFC 8259 and what is not, to the byte; and strings there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "json.h"

/* A text as the reader wants it: a line feed and no more than the padding behind it. The caller frees. */
static char *line_of(struct slice text)
{
	char *line = malloc(text.n + 1 + JSON_PADDING);
	assert_non_null(line);
	memcpy(line, text.p, text.n);
	line[text.n] = '\n';
	memset(line + text.n + 1, '"', JSON_PADDING); /* would end a string that is read too far */
	return line;
}

/* Why text is no value; NULL when it is one, whole. */
static const char *refusal(struct slice text)
{
	static const char further[] = "text behind the value";
	struct json_value value;
	const char *reason = NULL;
	char *line = line_of(text);
	const char *end = json_value(line, 1, &value, &reason);
	if (end) {
		assert_true(end <= line + text.n);
		assert_ptr_equal(value.text.p, line);
		assert_int_equal(value.text.n, end - line);
		reason = end == line + text.n ? NULL : further;
	} else {
		assert_non_null(reason);
	}
	free(line);
	return reason;
}

static void all_good(const char *const *texts)
{
	for (; *texts; texts++)
		if (refusal(slice_of(*texts)))
			fail_msg("%s: %s", *texts, refusal(slice_of(*texts)));
}

static void all_bad(const char *const *texts, const char *why)
{
	for (; *texts; texts++) {
		const char *reason = refusal(slice_of(*texts));
		if (!reason || strcmp(reason, why) != 0)
			fail_msg("%s: \"%s\" where \"%s\" was expected", *texts, reason ? reason : "accepted", why);
	}
}

static void tells_the_type_and_extent_of_a_value(void **state)
{
	(void)state;
	static const struct {
		const char *text, *value;
		enum json_type type;
		bool escaped;
	} cases[] = {
	    {"null,", "null", JSON_NULL, false},
	    {"true}", "true", JSON_TRUE, false},
	    {"false ", "false", JSON_FALSE, false},
	    {"-1.5e+3]", "-1.5e+3", JSON_NUMBER, false},
	    {"\"ab\",1", "\"ab\"", JSON_STRING, false},
	    {"\"a\\\"b\":", "\"a\\\"b\"", JSON_STRING, true},
	    {"\"\"", "\"\"", JSON_STRING, false},
	    {"[1,\"\\n\",{}] ", "[1,\"\\n\",{}]", JSON_ARRAY, false},
	    {"{ \"a\" :\t[ ] }\r", "{ \"a\" :\t[ ] }", JSON_OBJECT, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json_value value;
		const char *reason;
		char *line = line_of(slice_of(cases[i].text));
		const char *end = json_value(line, 1, &value, &reason);
		assert_non_null(end);
		assert_true(slice_equal(value.text, slice_of(cases[i].value)));
		assert_ptr_equal(end, line + value.text.n);
		assert_int_equal(value.type, cases[i].type);
		assert_int_equal(value.escaped, cases[i].escaped);
		free(line);
	}
}

static void numbers_have_one_grammar(void **state)
{
	(void)state;
	all_good((const char *const[]){"0", "-0", "7", "10", "-123", "0.0", "0.000", "1.50", "1e5", "1E5", "1e+5",
				       "1e-5", "0e0", "-0.0e-0", "1e00", "123456789012345678901234567890", "1e999999",
				       NULL});
	all_bad((const char *const[]){"-", "1.", "1.e5", "1e", "1e+", "1E-", "-.5", "--1", "-e1", "-n", NULL},
		"bad number");
	all_bad((const char *const[]){"00", "01", "-01", "-00", "007.5", NULL}, "number with a leading zero");
	all_bad((const char *const[]){"+1", ".5", "NaN", "nan", "Infinity", "N", NULL}, "bad value");
	all_bad((const char *const[]){"0x10", "1a", "1.5.5", "1e5.5", "1_000", "-0-", NULL}, "text behind the value");
}

static void literals_are_lower_case_and_whole(void **state)
{
	(void)state;
	all_bad((const char *const[]){"nul", "tru", "fals", "Null", "TRUE", "False", "n", "t", "f", "undefined", "'a'",
				      "a", "//", NULL},
		"bad value");
	all_bad((const char *const[]){"nulll", "truee", "false0", NULL}, "text behind the value");
}

static void structure_is_strict(void **state)
{
	(void)state;
	all_good((const char *const[]){"{}", "[]", "[ ]", "{ }", "[[],{}]", "{\"\":0}", "{\"a\":1,\"a\":2}",
				       "[ 1 ,\t2\r, 3 ]", "{\"a\":{\"b\":[{\"c\":null}]}}", NULL});
	all_bad((const char *const[]){"[1 2]", "[1:2]", "[1}", "{\"a\":1]", "{\"a\":1 \"b\":2}", "[\"a\" 1]", NULL},
		"no ',' or end after a value");
	all_bad((const char *const[]){"{,}", "{\"a\":1,}", "{1:2}", "{a:1}", "{null:1}", "{'a':1}", "{]", NULL},
		"a member's name must be a string");
	all_bad((const char *const[]){"[,]", "[1,]", "[,1]", "{\"a\":}", "{\"a\":,}", "[}", "[1,,2]", NULL},
		"bad value");
	all_bad((const char *const[]){"{\"a\"}", "{\"a\",1}", "{\"a\"=1}", "{\"a\" \"b\"}", NULL},
		"no ':' after a member's name");
	all_bad((const char *const[]){"", "[", "[1", "[1,", "{", "{\"a\":1", "{\"a\":1,", "{\"a\":", "[[]", NULL},
		"line ends inside the object");
	all_bad((const char *const[]){"[1,\f2]", "[\v]", "[\xc2\xa0]", NULL}, "bad value");
}

/* 0x01 … 0x1f are refused raw and accepted escaped; NUL needs its own length. */
static void control_characters_must_be_escaped(void **state)
{
	(void)state;
	for (int c = 0; c < 0x20; c++) {
		char raw[] = {'"', 'x', (char)c, '"'};
		char spelled[16];
		const char *reason = refusal((struct slice){raw, sizeof raw});
		assert_string_equal(reason, c == '\n' ? "string without end" : "control character in a string");
		snprintf(spelled, sizeof spelled, "\"\\u%04x\"", c);
		assert_null(refusal(slice_of(spelled)));
	}
	assert_null(refusal(SLICE("\"\x7f\""))); /* DEL is none of them */
}

/* At each place of the 16 bytes that are looked at together, and over their border. */
static void a_string_ends_at_its_quote_wherever_that_is(void **state)
{
	(void)state;
	for (size_t n = 0; n < 70; n++) {
		char text[80] = {'"'};
		bool escaped;
		const char *reason;
		memset(text + 1, 'a', n);
		text[1 + n] = '"';
		char *line = line_of((struct slice){text, n + 2});
		assert_ptr_equal(json_string(line + 1, &escaped, &reason), line + 1 + n);
		assert_false(escaped);
		line[1 + n] = '\n';
		assert_null(json_string(line + 1, &escaped, &reason));
		assert_string_equal(reason, "string without end");
		line[1 + n] = '\t';
		assert_null(json_string(line + 1, &escaped, &reason));
		assert_string_equal(reason, "control character in a string");
		free(line);
	}
}

static void escapes_are_those_of_the_grammar(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char text[] = {'"', '\\', (char)c, '"'};
		bool good = strchr("\\/bfnrt", c);
		if (c == '"')
			continue;
		assert_int_equal(!refusal((struct slice){text, sizeof text}), good);
	}
	all_bad((const char *const[]){"\"\\\"", NULL}, "string without end");
	all_bad((const char *const[]){"\"\\", "\"\\u\"", "\"\\u1\"", "\"\\u12\"", "\"\\u123\"", "\"\\u123",
				      "\"\\uABCG\"", "\"\\u+123\"", "\"\\u 123\"", "\"\\U0041\"", "\"\\x41\"",
				      "\"\\'\"", NULL},
		"bad escape in a string");
	all_good((const char *const[]){"\"\\u0000\"", "\"\\uabcd\"", "\"\\uABCD\"", "\"\\uFFFF\"", NULL});
}

static void surrogates_come_in_pairs(void **state)
{
	(void)state;
	all_good((const char *const[]){"\"\\ud800\\udc00\"", "\"\\uDBFF\\uDFFF\"", "\"\\ud83d\\ude00\"", "\"\\ud7ff\"",
				       "\"\\ue000\"", NULL});
	all_bad((const char *const[]){"\"\\ud800\"", "\"\\udbff\"", "\"\\udc00\"", "\"\\udfff\"", "\"\\ud800x\"",
				      "\"\\ud800\\n\"", "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"",
				      "\"\\ud800\\ue000\"", "\"\\udc00\\ud800\"", "\"\\ud800\\u12\"", "\"\\ud800\\",
				      "\"\\ud800", NULL},
		"lone surrogate in a string");
}

/* RFC 3629, section 4, said again as ranges of code points. */
static bool is_utf8(unsigned char const *u, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t code = n == 2 ? u[0] & 0x1f : n == 3 ? u[0] & 0x0f : u[0] & 0x07;
	if (n == 2 ? u[0] >> 5 != 6 : n == 3 ? u[0] >> 4 != 14 : u[0] >> 3 != 30)
		return false;
	for (size_t i = 1; i < n; i++) {
		if (u[i] >> 6 != 2)
			return false;
		code = code << 6 | (u[i] & 0x3f);
	}
	return code >= least[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

/* Each lead byte with each second byte, and the borders of the others. */
static void utf8_is_that_of_rfc_3629(void **state)
{
	(void)state;
	static const unsigned char last[] = {0x00, 0x22, 0x7f, 0x80, 0xa5, 0xbf, 0xc0, 0xff};
	enum { LAST = sizeof last };
	for (unsigned lead = 0x80; lead < 0x100; lead++)
		for (unsigned second = 1; second < 0x100; second++) {
			char two[] = {'"', (char)lead, (char)second, '"'};
			bool good = is_utf8((unsigned char *)two + 1, 2);
			assert_int_equal(json_utf8((struct slice){two + 1, 2}), good);
			if (second != '"')
				assert_int_equal(!refusal((struct slice){two, sizeof two}), good);
			for (int i = 0; i < LAST * LAST; i++) {
				unsigned char third = last[i / LAST], fourth = last[i % LAST];
				char four[] = {'"', (char)lead, (char)second, (char)third, (char)fourth, '"'};
				unsigned char *u = (unsigned char *)four + 1;
				bool is = is_utf8(u, 4) || (is_utf8(u, 3) && fourth < 0x80) ||
					  (is_utf8(u, 2) && third < 0x80 && fourth < 0x80) ||
					  (is_utf8(u, 2) && is_utf8(u + 2, 2));
				assert_int_equal(json_utf8((struct slice){four + 1, 4}), is);
			}
		}
	for (unsigned code = 0; code < 0x80; code++) {
		char one = (char)code;
		assert_true(json_utf8((struct slice){&one, 1}));
	}
	assert_true(json_utf8(SLICE("")));
}

static void utf8_cut_at_the_end_is_none(void **state)
{
	(void)state;
	static const char text[] = "a\xf0\x9f\x98\x80";
	for (size_t n = 0; n < sizeof text; n++) {
		char *alone = malloc(n ? n : 1); /* a byte read too far shows under a sanitizer */
		assert_non_null(alone);
		memcpy(alone, text, n);
		assert_int_equal(json_utf8((struct slice){alone, n}), n < 2 || n == 5);
		free(alone);
		char quoted[16] = "\"";
		memcpy(quoted + 1, text, n);
		quoted[n + 1] = '"';
		if (n < sizeof text - 1)
			assert_int_equal(!refusal((struct slice){quoted, n + 2}), n < 2);
	}
}

/* levels of arrays, or of objects, with a 1 inside; opened only, when `closed` is false. The caller frees. */
static char *nested(int levels, bool objects, bool closed)
{
	char *text = malloc((size_t)levels * 6 + 2), *to = text;
	assert_non_null(text);
	for (int i = 0; i < levels; i++)
		to = stpcpy(to, objects ? "{\"a\":" : "[");
	to = stpcpy(to, "1");
	for (int i = 0; closed && i < levels; i++)
		to = stpcpy(to, objects ? "}" : "]");
	return text;
}

static void nests_512_deep_and_no_deeper(void **state)
{
	(void)state;
	for (int objects = 0; objects < 2; objects++) {
		char *good = nested(JSON_DEPTH, objects, true), *bad = nested(JSON_DEPTH + 1, objects, true);
		char *open = nested(100000, objects, false), *unclosed = nested(JSON_DEPTH, objects, false);
		assert_null(refusal(slice_of(good)));
		assert_string_equal(refusal(slice_of(bad)), "nested deeper than 512");
		assert_string_equal(refusal(slice_of(open)), "nested deeper than 512");
		assert_string_equal(refusal(slice_of(unclosed)), "line ends inside the object");
		free(good);
		free(bad);
		free(open);
		free(unclosed);
	}
}

static void depth_counts_from_where_a_value_stands(void **state)
{
	(void)state;
	struct json_value value;
	const char *reason;
	char *line = line_of(SLICE("[[1],{}]"));
	assert_non_null(json_value(line, JSON_DEPTH - 1, &value, &reason));
	assert_null(json_value(line, JSON_DEPTH, &value, &reason));
	assert_string_equal(reason, "nested deeper than 512");
	free(line);
	line = line_of(SLICE("1"));
	assert_non_null(json_value(line, JSON_DEPTH + 1, &value, &reason));
	free(line);
}

/* An array in an object in an array: each end must be of its own kind, 64 levels down as well. */
static void remembers_at_each_level_what_is_open(void **state)
{
	(void)state;
	char text[4096], *to = text;
	for (int i = 0; i < 200; i++)
		to = stpcpy(to, i % 3 ? "[" : "{\"k\":");
	to = stpcpy(to, "0");
	for (int i = 199; i >= 0; i--)
		to = stpcpy(to, i % 3 ? "]" : "}");
	struct slice whole = {text, (size_t)(to - text)};
	assert_null(refusal(whole));
	for (int i = 1; i <= 200; i++) {
		char *end = to - i;
		*end ^= ']' ^ '}';
		assert_string_equal(refusal(whole), "no ',' or end after a value");
		*end ^= ']' ^ '}';
	}
}

static void unescapes_what_was_accepted(void **state)
{
	(void)state;
	static const struct {
		const char *spelled;
		struct slice text;
	} cases[] = {
	    {"", {"", 0}},
	    {"plain", {"plain", 5}},
	    {"\\\"\\\\\\/\\b\\f\\n\\r\\t", {"\"\\/\b\f\n\r\t", 8}},
	    {"CA\\u0052D", {"CARD", 4}},
	    {"\\u0000", {"\0", 1}},
	    {"\\u007f\\u0080", {"\x7f\xc2\x80", 3}},
	    {"\\u07ff\\u0800", {"\xdf\xbf\xe0\xa0\x80", 5}},
	    {"\\uFFFF", {"\xef\xbf\xbf", 3}},
	    {"\\ud800\\udc00", {"\xf0\x90\x80\x80", 4}},
	    {"\\uDBFF\\uDFFF!", {"\xf4\x8f\xbf\xbf!", 5}},
	    {"\\\\u0041", {"\\u0041", 6}},
	    {"\xea\xb0\x80", {"\xea\xb0\x80", 3}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct slice spelled = slice_of(cases[i].spelled);
		char *to = malloc(spelled.n ? spelled.n : 1);
		assert_non_null(to);
		struct slice text = {to, json_unescape(to, spelled)};
		if (!slice_equal(text, cases[i].text))
			fail_msg("%s", cases[i].spelled);
		free(to);
	}
}

static void quotes_only_what_must_be(void **state)
{
	(void)state;
	char to[256];
	struct slice text = SLICE("a/\"\\\b\f\n\r\t\x01\x1f\x7f\xc3\xa9");
	size_t n = json_quote(to, text);
	assert_true(
	    slice_equal((struct slice){to, n}, SLICE("\"a/\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\"")));
	assert_int_equal(json_quote(to, SLICE("")), 2);
	assert_memory_equal(to, "\"\"", 2);
}

/* Every byte, at every place among others that are looked at together with it. */
static void a_byte_is_quoted_alike_wherever_it_stands(void **state)
{
	(void)state;
	enum { LENGTH = 20 };
	char text[LENGTH], quoted[6 * LENGTH + 2], alone[8];
	for (int byte = 0; byte < 256; byte++)
		for (size_t at = 0; at < LENGTH; at++)
			for (int other = 0; other < 2; other++) {
				memset(text, other ? 0xfe : '!', sizeof text);
				text[at] = (char)byte;
				size_t inside = json_quote(alone, (struct slice){text + at, 1}) - 2;
				assert_int_equal(json_quote(quoted, (struct slice){text, LENGTH}), LENGTH + 1 + inside);
				assert_memory_equal(quoted + 1, text, at);
				assert_memory_equal(quoted + 1 + at, alone + 1, inside);
				assert_memory_equal(quoted + 1 + at + inside, text + at + 1, LENGTH - at - 1);
				assert_int_equal(json_utf8((struct slice){text, LENGTH}), !other && byte < 0x80);
			}
}

/* Every code point: quoted, read, unescaped, it is the same; and as \uxxxx it is the same too. */
static void every_character_survives_quoting(void **state)
{
	(void)state;
	char text[4], quoted[32], back[32], spelled[16];
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		if (code >= 0xd800 && code <= 0xdfff)
			continue;
		if (code < 0x10000)
			snprintf(spelled, sizeof spelled, "\\u%04x", code);
		else
			snprintf(spelled, sizeof spelled, "\\u%04X\\u%04X", 0xd800 + ((code - 0x10000) >> 10),
				 0xdc00 + ((code - 0x10000) & 0x3ff));
		struct slice character = {text, json_unescape(text, slice_of(spelled))};
		assert_int_equal(character.n, code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
		assert_true(json_utf8(character));
		size_t n = json_quote(quoted, character);
		assert_true(n <= json_quote_room(character.n));
		assert_true(slice_equal(character,
					(struct slice){back, json_unescape(back, (struct slice){quoted + 1, n - 2})}));
		if (code < 0x3000 || code % 251 == 0)
			assert_null(refusal((struct slice){quoted, n}));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_the_type_and_extent_of_a_value),
	    cmocka_unit_test(numbers_have_one_grammar),
	    cmocka_unit_test(literals_are_lower_case_and_whole),
	    cmocka_unit_test(structure_is_strict),
	    cmocka_unit_test(control_characters_must_be_escaped),
	    cmocka_unit_test(a_string_ends_at_its_quote_wherever_that_is),
	    cmocka_unit_test(escapes_are_those_of_the_grammar),
	    cmocka_unit_test(surrogates_come_in_pairs),
	    cmocka_unit_test(utf8_is_that_of_rfc_3629),
	    cmocka_unit_test(utf8_cut_at_the_end_is_none),
	    cmocka_unit_test(nests_512_deep_and_no_deeper),
	    cmocka_unit_test(depth_counts_from_where_a_value_stands),
	    cmocka_unit_test(remembers_at_each_level_what_is_open),
	    cmocka_unit_test(unescapes_what_was_accepted),
	    cmocka_unit_test(quotes_only_what_must_be),
	    cmocka_unit_test(a_byte_is_quoted_alike_wherever_it_stands),
	    cmocka_unit_test(every_character_survives_quoting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
