#include "rules.h"

#include <stdlib.h>

#include "fail.h"

enum { IDLE_LEAST = 64 << 10 }; /* bytes of former ruleIds that are worth an effort */

struct rules_entry {
	uint64_t id_at; /* where in rules->id */
	uint32_t id_n, line;
	date_day payout, confirm;
};

void rules_free(struct rules *rules)
{
	keytable_free(&rules->keys);
	free(rules->entry);
	free(rules->id);
	*rules = (struct rules){0};
}

bool rules_find(const struct rules *rules, const struct key *key, struct rule *to)
{
	int64_t number = keytable_find(&rules->keys, key);
	if (number == KEYTABLE_NONE)
		return false;
	const struct rules_entry *entry = &rules->entry[number];
	*to = (struct rule){{rules->id + entry->id_at, entry->id_n}, entry->payout, entry->confirm, entry->line};
	return true;
}

void rules_fetch_rule(const struct rules *rules, const struct key *key)
{
	int64_t number = keytable_guess(&rules->keys, key);
	if (number == KEYTABLE_NONE)
		return;
	__builtin_prefetch(&rules->keys.key[number]);
	__builtin_prefetch(&rules->entry[number]);
}

/* Moves the ruleIds together once more than half of their bytes are no rule's, so that a table that changes for months
 * stays as small as one that was just read. */
static void tidy(struct rules *rules)
{
	if (rules->id_idle < IDLE_LEAST || rules->id_idle < rules->id_n / 2)
		return;
	size_t live = rules->id_n - rules->id_idle;
	char *to = must_alloc(live + live / 2 + 1);
	size_t n = 0;
	for (uint32_t i = 0; i < rules->keys.count; i++) {
		struct rules_entry *entry = &rules->entry[i];
		memcpy(to + n, rules->id + entry->id_at, entry->id_n);
		entry->id_at = n;
		n += entry->id_n;
	}
	free(rules->id);
	rules->id = to;
	rules->id_n = n;
	rules->id_capacity = live + live / 2 + 1;
	rules->id_idle = 0;
}

/* An entry for a key that has none, its ruleId empty. */
static uint32_t add(struct rules *rules, const struct key *key)
{
	uint32_t number = rules->keys.count;
	if (number == rules->capacity) {
		rules->capacity = rules->capacity ? 2 * rules->capacity : 64;
		rules->entry = must_realloc(rules->entry, (size_t)rules->capacity * sizeof *rules->entry);
	}
	rules->entry[number] = (struct rules_entry){0};
	keytable_add(&rules->keys, key);
	return number;
}

void rules_set(struct rules *rules, const struct key *key, const struct rule *rule)
{
	int64_t known = keytable_find(&rules->keys, key);
	uint32_t number = known == KEYTABLE_NONE ? add(rules, key) : (uint32_t)known;
	struct rules_entry *entry = &rules->entry[number];
	uint64_t at = entry->id_at;
	rules->id_idle += entry->id_n;
	if (rule->id.n <= entry->id_n) {
		rules->id_idle -= rule->id.n;
	} else {
		if (rules->id_capacity - rules->id_n < rule->id.n) {
			rules->id_capacity = 2 * rules->id_capacity + rule->id.n;
			rules->id = must_realloc(rules->id, rules->id_capacity);
		}
		at = rules->id_n;
		rules->id_n += rule->id.n;
	}
	memcpy(rules->id + at, rule->id.p, rule->id.n);
	*entry = (struct rules_entry){at, (uint32_t)rule->id.n, rule->line, rule->payout, rule->confirm};
	tidy(rules);
}

bool rules_remove(struct rules *rules, const struct key *key)
{
	int64_t number = keytable_find(&rules->keys, key);
	if (number == KEYTABLE_NONE)
		return false;
	rules->id_idle += rules->entry[number].id_n;
	rules->entry[number] = rules->entry[rules->keys.count - 1];
	keytable_remove(&rules->keys, (uint32_t)number);
	tidy(rules);
	return true;
}
