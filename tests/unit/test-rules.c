/* rules: a table that changes while it is used. */
#include "cmd/pay-rule/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct key key_of(uint32_t n)
{
	return (struct key){n / 12 + 1, 20000, n / 4 % 3 + 1, n % 4 + 1};
}

static struct rule rule_of(char *room, uint32_t n, int padding)
{
	int written = sprintf(room, "\"rule-%u-%0*u\"", n, padding, n);
	return (struct rule){{room, (size_t)written}, (date_day)n, (date_day)n - 1, 0};
}

static void set(struct rules *rules, uint32_t key_n, uint32_t n, int padding)
{
	char room[256];
	struct key key = key_of(key_n);
	struct rule rule = rule_of(room, n, padding);
	rules_set(rules, &key, &rule);
}

static void is(const struct rules *rules, uint32_t key_n, uint32_t n, int padding)
{
	char room[256];
	struct key key = key_of(key_n);
	struct rule want = rule_of(room, n, padding), rule;
	rules_fetch_place(rules, &key); /* changes nothing, whatever the table holds */
	rules_fetch_rule(rules, &key);
	assert_true(rules_find(rules, &key, &rule));
	assert_int_equal(rule.id.n, want.id.n);
	assert_memory_equal(rule.id.p, want.id.p, want.id.n);
	assert_int_equal(rule.payout, want.payout);
	assert_int_equal(rule.confirm, want.confirm);
}

static void is_none(const struct rules *rules, uint32_t key_n)
{
	struct rule rule;
	struct key key = key_of(key_n);
	rules_fetch_place(rules, &key);
	rules_fetch_rule(rules, &key);
	assert_false(rules_find(rules, &key, &rule));
}

static void a_later_rule_takes_the_place_of_the_one_before(void **state)
{
	(void)state;
	struct rules rules = {0};
	set(&rules, 7, 1, 3);
	set(&rules, 8, 2, 3);
	set(&rules, 7, 3, 3);
	is(&rules, 7, 3, 3);
	set(&rules, 7, 4, 100);
	is(&rules, 7, 4, 100);
	set(&rules, 7, 5, 1);
	is(&rules, 7, 5, 1);
	is(&rules, 8, 2, 3);
	assert_int_equal(rules.keys.count, 2);
	rules_free(&rules);
}

static void a_rule_that_was_removed_is_gone_and_may_come_back(void **state)
{
	(void)state;
	struct rules rules = {0};
	struct key key = key_of(7);
	assert_false(rules_remove(&rules, &key));
	set(&rules, 7, 1, 3);
	assert_true(rules_remove(&rules, &key));
	assert_false(rules_remove(&rules, &key));
	is_none(&rules, 7);
	set(&rules, 7, 2, 3);
	is(&rules, 7, 2, 3);
	rules_free(&rules);
}

/* The oracle is an array of what each key should have. */
static void random_changes_agree_with_a_plain_array(void **state)
{
	(void)state;
	enum { KEYS = 3000, STEPS = 300000 };
	static struct {
		uint32_t n;
		int padding;
	} want[KEYS];
	struct rules rules = {0};
	unsigned seed = 1;
	for (uint32_t step = 1; step <= STEPS; step++) {
		uint32_t k = (uint32_t)rand_r(&seed) % KEYS;
		if (rand_r(&seed) % 5 < 2) {
			struct key key = key_of(k);
			assert_int_equal(rules_remove(&rules, &key), want[k].n != 0);
			want[k].n = 0;
		} else {
			want[k].n = step;
			want[k].padding = 1 + rand_r(&seed) % 60;
			set(&rules, k, step, want[k].padding);
		}
		k = (uint32_t)rand_r(&seed) % KEYS;
		if (want[k].n)
			is(&rules, k, want[k].n, want[k].padding);
		else
			is_none(&rules, k);
	}
	uint32_t count = 0;
	for (uint32_t k = 0; k < KEYS; k++) {
		count += want[k].n != 0;
		if (want[k].n)
			is(&rules, k, want[k].n, want[k].padding);
		else
			is_none(&rules, k);
	}
	assert_int_equal(rules.keys.count, count);
	rules_free(&rules);
}

static void former_rules_take_no_room_for_long(void **state)
{
	(void)state;
	struct rules rules = {0};
	for (uint32_t i = 0; i < 1000000; i++)
		set(&rules, i % 1000, i, 1 + (int)(i / 1000 % 90));
	assert_true(rules.id_capacity < 1 << 20);
	for (uint32_t i = 0; i < 1000000; i++) { /* keys that come and go, as those of days do */
		struct key key = key_of(5000 + i);
		set(&rules, 5000 + i, i, 40);
		assert_true(rules_remove(&rules, &key));
	}
	assert_true(rules.id_capacity < 1 << 20);
	assert_int_equal(rules.keys.count, 1000);
	assert_true(rules.keys.slots <= 4096);
	is(&rules, 999, 999999, 1 + 999 % 90);
	rules_free(&rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_later_rule_takes_the_place_of_the_one_before),
	    cmocka_unit_test(a_rule_that_was_removed_is_gone_and_may_come_back),
	    cmocka_unit_test(random_changes_agree_with_a_plain_array),
	    cmocka_unit_test(former_rules_take_no_room_for_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
