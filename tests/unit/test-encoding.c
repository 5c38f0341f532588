/* Text in other encodings is read as UTF-8, in whatever pieces it comes and is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "cmd/pay-consume/encoding.h"

/* Bytes that come so many at a time. */
struct pieces {
	struct slice left;
	size_t step;
};

static size_t fill(void *self, char *to, size_t n)
{
	struct pieces *pieces = self;
	size_t given = pieces->step < n ? pieces->step : n;
	given = given < pieces->left.n ? given : pieces->left.n;
	memcpy(to, pieces->left.p, given);
	pieces->left = (struct slice){pieces->left.p + given, pieces->left.n - given};
	return given;
}

static void reads(const char *name, struct slice text, const char *wanted)
{
	for (size_t step = 1; step < 9; step++) {
		char got[256];
		size_t n = 0, more;
		struct pieces pieces = {text, step};
		struct encoding *encoding = encoding_open(name, fill, &pieces);
		while ((more = encoding_fill(encoding, got + n, 64)) > 0)
			n += more;
		encoding_close(encoding);
		got[n] = '\0';
		assert_string_equal(got, wanted);
	}
}

static void characters_are_converted_over_the_ends_of_pieces(void **state)
{
	(void)state;
	reads("CP949", SLICE("a\xb0\xa1\xb3\xaa\n"), "a가나\n");
	reads("UTF-16LE", SLICE("a\0\0\xac\n\0"), "a가\n");
	reads("UTF-16", SLICE("\xfe\xff\0a\xac\0"), "a가");
	reads("ISO-2022-KR", SLICE("\x1b$)C\n\x0e\x30\x21\x0f.\n"), "\n가.\n");
	reads("UTF-8", SLICE(""), "");
}

static void bytes_that_are_no_text_are_kept_and_named(void **state)
{
	struct pieces none = {SLICE(""), 1};
	struct encoding *encoding = encoding_open("CP949", fill, &none);
	(void)state;
	reads("CP949", SLICE("a\xff\nb"),
	      "a\377"
	      "FF\nb");
	reads("CP949", SLICE("a\xb0"),
	      "a\377"
	      "B0");
	reads("UTF-16LE",
	      SLICE("\0\xdc"
		    "a\0b"),
	      "\377"
	      "00\377"
	      "DCa\377"
	      "62");
	assert_string_equal(encoding_fault(encoding, SLICE("a\377"
							   "8A b")),
			    "the byte 0x8A is no text in CP949 (--encoding)");
	assert_null(encoding_fault(encoding, SLICE("ab")));
	assert_null(encoding_fault(encoding, SLICE("ab\377"
						   "8")));
	encoding_close(encoding);
	encoding_close(NULL);
}

static void names_that_would_leave_something_out_are_not_known(void **state)
{
	(void)state;
	assert_true(encoding_known("CP949"));
	assert_false(encoding_known("CP949//IGNORE"));
	assert_false(encoding_known("nonsense"));
	assert_false(encoding_known(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(characters_are_converted_over_the_ends_of_pieces),
	    cmocka_unit_test(bytes_that_are_no_text_are_kept_and_named),
	    cmocka_unit_test(names_that_would_leave_something_out_are_not_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
