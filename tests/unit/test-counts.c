/* counts: statistics of stages are read, added up and held against each other, exactly. */
#include "cmd/pay-audit/counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const stages[] = {
    "{\"program\":\"pay-tobase\",\"in\":5,\"out\":4,\"dropped\":{\"FINISH\":1},\"duplicates\":0,\"dead\":1,"
    "\"amount\":{\"in\":\"170141183460469231731687303715884105\",\"out\":\"170141183460469231731687303715884105\","
    "\"dropped\":{\"FINISH\":\"0\"}},\"seconds\":0.1}\n",
    "{\"program\":\"pay-filter\",\"in\":4,\"out\":3,\"dropped\":{\"DEAD\":0,\"T\\u0045ST\":1},\"duplicates\":2,"
    "\"dead\":1,\"amount\":{\"in\":\"170141183460469231731687303715884105\",\"out\":\"100\",\"dropped\":"
    "{\"DEAD\":\"170141183460469231731687303715884000\",\"TEST\":\"5\"}},\"seconds\":0.1,\"tagged\":{\"A\":3}}\n",
    "{\"program\":\"pay-agg\",\"in\":3,\"out\":0,\"dropped\":{\"aggregated\":3},\"duplicates\":0,\"dead\":0,"
    "\"amount\":{\"in\":\"100\",\"out\":\"0\",\"dropped\":{\"aggregated\":\"100\"}},\"seconds\":0.1}\n",
    "{\"program\":\"pay-produce\",\"in\":2,\"out\":2,\"dropped\":{},\"duplicates\":0,\"dead\":0,"
    "\"amount\":{\"in\":\"0\",\"out\":\"0\",\"dropped\":{}},\"seconds\":0.1}\n",
};
enum { STAGES = sizeof stages / sizeof *stages };

/* Reads the stages out of a file, each preceded by a message; `of` changed to `into` in one of them. */
static void read_stages(struct counts *counts, int changed, const char *of, const char *into)
{
	char path[] = "/tmp/counts-XXXXXX";
	FILE *file = fdopen(mkstemp(path), "w");
	assert_non_null(file);
	for (int i = 0; i < STAGES; i++) {
		const char *at = i == changed ? strstr(stages[i], of) : NULL;
		if (i == changed)
			assert_non_null(at);
		fputs("pay-x: a message\n", file);
		if (at)
			fprintf(file, "%.*s%s%s", (int)(at - stages[i]), stages[i], into, at + strlen(of));
		else
			fputs(stages[i], file);
	}
	assert_int_equal(fclose(file), 0);
	*counts = (struct counts){0};
	counts_read(counts, path);
	unlink(path);
}

static void statistics_are_read(void **state)
{
	(void)state;
	static struct counts counts;
	struct findings findings = {0};
	read_stages(&counts, -1, NULL, NULL);
	assert_int_equal(counts.n, STAGES);
	assert_true(counts_stage(&counts, "pay-filter") == &counts.stage[1]);
	assert_null(counts_stage(&counts, "pay-rule"));
	assert_true(reasons_of(&counts.stage[1].dropped, "TEST") == 1);
	assert_true(reasons_of(&counts.stage[1].dropped, "none") == 0);
	assert_true(reasons_sum(&counts.stage[1].tagged) == 3);
	counts_check(&counts, "", &findings);
	assert_int_equal(findings.n, 0);
}

static void what_does_not_add_up_is_found(void **state)
{
	(void)state;
	static const struct {
		int stage;
		const char *of, *into;
		size_t n;
		const char *finding;
	} cases[] = {
	    {0, "\"in\":5", "\"in\":6", 1, "x: pay-tobase: in, and out + dropped: 6 is not 5"},
	    {1, "\"T\\u0045ST\":1", "\"TEST\":2", 1, "x: pay-filter: in, and out + dropped: 4 is not 5"},
	    {1, "DEAD\":\"170141183460469231731687303715884000", "DEAD\":\"170141183460469231731687303715884001", 1,
	     "x: pay-filter: amount in, and out + dropped: 170141183460469231731687303715884105 is not "
	     "170141183460469231731687303715884106"},
	    {2, "\"in\":3,\"out\":0", "\"in\":4,\"out\":1", 1,
	     "x: what pay-filter wrote, and pay-agg read: 3 is not 4"},
	    {2, "\"in\":\"100\",\"out\":\"0\"", "\"in\":\"101\",\"out\":\"1\"", 1,
	     "x: amounts that pay-filter wrote, and pay-agg read: 100 is not 101"},
	    /* totals are no payments: neither is their number that of the records, nor their money */
	    {3, "\"in\":\"0\",\"out\":\"0\"", "\"in\":\"7\",\"out\":\"8\"", 0, NULL},
	};
	static struct counts counts;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct findings findings = {0};
		read_stages(&counts, cases[i].stage, cases[i].of, cases[i].into);
		counts_check(&counts, "x: ", &findings);
		assert_int_equal(findings.n, cases[i].n);
		if (cases[i].n > 0)
			assert_string_equal(findings.text[0], cases[i].finding);
	}
}

static void pipelines_are_added_up_by_stage_and_reason(void **state)
{
	(void)state;
	static struct counts counts, sum;
	struct findings findings = {0};
	read_stages(&counts, -1, NULL, NULL);
	counts_add(&sum, &counts, "one");
	read_stages(&counts, 1, "\"T\\u0045ST\"", "\"OTHER\"");
	counts_add(&sum, &counts, "two");
	assert_int_equal(sum.n, STAGES);
	assert_true(sum.stage[1].in == 8);
	assert_true(sum.stage[1].duplicates == 4);
	assert_true(reasons_of(&sum.stage[1].dropped, "TEST") == 1);
	assert_true(reasons_of(&sum.stage[1].dropped, "OTHER") == 1);
	assert_true(sum.stage[3].totals);
	counts_check(&sum, "", &findings);
	assert_int_equal(findings.n, 0);
}

static void reasons_stand_in_the_order_of_their_bytes(void **state)
{
	(void)state;
	struct reasons reasons = {0};
	static const char *const names[] = {"b", "a", "", "ab", "b", "\xc3\xa4"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		reasons_add(&reasons, slice_of(names[i]), 1, 10);
	assert_int_equal(reasons.n, 5);
	assert_string_equal(reasons.v[0].reason, "");
	assert_string_equal(reasons.v[2].reason, "ab");
	assert_true(reasons.v[3].records == 2 && reasons.v[3].amount == 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(statistics_are_read),
	    cmocka_unit_test(what_does_not_add_up_is_found),
	    cmocka_unit_test(pipelines_are_added_up_by_stage_and_reason),
	    cmocka_unit_test(reasons_stand_in_the_order_of_their_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
