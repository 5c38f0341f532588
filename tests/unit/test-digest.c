/* The hash of a file's lines is that of its bytes up to there, however they come and whenever they are settled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cmd/pay-consume/digest.h"

/* A text that is given in pieces. */
struct text {
	char *p;
	size_t n, at, step;
};

static size_t give(void *self, char *to, size_t n)
{
	struct text *text = self;
	size_t left = text->n - text->at, got = text->step < n ? text->step : n;

	got = got < left ? got : left;
	memcpy(to, text->p + text->at, got);
	text->at += got;
	return got;
}

static void hash_of(const char *p, size_t n, char hex[MARK_HASH])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits(p, n));
	for (int i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", canonical.digest[i]);
}

/* How long the text up to `end` is without the end of its last line. */
static size_t without_end(const char *p, size_t end)
{
	if (end > 0 && p[end - 1] == '\n')
		end--;
	return end > 0 && p[end - 1] == '\r' ? end - 1 : end;
}

/* Reads the text in pieces of `step` bytes, settles each `every`-th line, and holds the hash against one of the bytes
 * up to the line settled last. Returns how many lines there were. */
static unsigned read_all(struct text *text, size_t step, unsigned every)
{
	struct input input;
	struct digest digest;
	char is[MARK_HASH], wanted[MARK_HASH];
	const char *p;
	uint64_t length;
	unsigned lines = 0;
	size_t behind = 0, settled = 0;

	text->at = 0;
	text->step = step;
	input_open_fill(&input, "text", give, text);
	digest_open(&digest);
	for (;;) {
		digest_before_next(&digest, &input);
		enum input_state state = input_next(&input, &p, &length, NULL, NULL);
		if (state == INPUT_END)
			break;
		digest_next(&digest, &input, state, p, length);
		const char *feed = rawmemchr(p, '\n');
		behind += (size_t)(feed - p) + (state != INPUT_CUT);
		input_take(&input, feed);
		if (++lines % every == 0) {
			digest_settle(&digest, &input);
			settled = behind;
		}
		digest_text(&digest, &input, is);
		hash_of(text->p, without_end(text->p, settled), wanted);
		assert_string_equal(is, wanted);
	}
	digest_text(&digest, &input, is);
	hash_of(text->p, without_end(text->p, settled), wanted);
	assert_string_equal(is, wanted);
	digest_close(&digest);
	input_close(&input);
	return lines;
}

static void however_the_bytes_come(void **state)
{
	enum { BYTES = 30000 };
	static const size_t steps[] = {1, 7, 255, 256, 4096, BYTES};
	struct text text = {.p = malloc(BYTES), .n = BYTES};
	unsigned lines = 0;

	(void)state;
	assert_non_null(text.p);
	srand(1);
	for (size_t i = 0; i < BYTES; i++)
		text.p[i] = rand() % 40 == 0 ? '\n' : rand() % 40 == 0 ? '\r' : (char)('a' + rand() % 26);
	for (size_t i = 1; i < BYTES; i++)
		if (text.p[i] == '\n' && rand() % 2)
			text.p[i - 1] = '\r';
	text.p[BYTES - 1] = '\n';
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		for (unsigned every = 1; every <= 5; every += 2) {
			unsigned n = read_all(&text, steps[i], every);
			assert_true(lines == 0 || n == lines);
			lines = n;
		}
	assert_true(lines > BYTES / 100);
	free(text.p);
}

static void a_last_line_end_makes_no_difference(void **state)
{
	static const char *const texts[] = {"one\n\ntwo", "one\n\ntwo\n", "one\n\ntwo\r\n", "one\n\ntwo\r"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct text text = {.p = (char *)texts[i], .n = strlen(texts[i])};
		assert_int_equal(read_all(&text, 3, 1), 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(however_the_bytes_come),
	    cmocka_unit_test(a_last_line_end_makes_no_difference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
