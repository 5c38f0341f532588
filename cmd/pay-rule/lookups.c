#include "lookups.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fail.h"
#include "stats.h"

enum {
	REMEMBERED_MOST = 1 << 18,     /* keys: some 30 MB */
	REMEMBERED_TEXT_MOST = 8 << 20 /* bytes of their texts */
};

enum { QUERY_MOST = 4096 }; /* bytes: servers take URLs of 8 KB */

enum state { UNASKED, ASKED, RULE, NONE, REFUSED, FAILED };

struct lookup {
	uint8_t state;
	bool pinned;   /* RULE: it is in the database */
	bool had_none; /* the database has offsets before which payments of the key had none */
	double until;  /* NONE, REFUSED, FAILED: when to ask again (stats_clock) */
	char *failure; /* REFUSED, FAILED: why; allocated */
};

struct key lookups_key(struct lookups *lookups, struct key_texts texts, date_day day)
{
	return keys_add(&lookups->keys, texts, day);
}

struct key_texts lookups_texts(const struct lookups *lookups, const struct key *key)
{
	const struct keys *keys = &lookups->keys;
	return (struct key_texts){dictionary_text(&keys->merchant, key->merchant),
				  dictionary_text(&keys->action, key->action),
				  dictionary_text(&keys->method, key->method)};
}

static struct pin_key texts_of(const struct lookups *lookups, const struct key *key)
{
	return (struct pin_key){lookups_texts(lookups, key), key->day};
}

static const struct key *key_at(const struct lookups *lookups, uint32_t number)
{
	return &lookups->index.key[number];
}

/* Answers of the API */

static bool take_rule(void *self, uint32_t tag, struct slice body, const char **reason)
{
	struct lookups *lookups = self;
	struct keyed_rule keyed;
	char day[DATE_TEXT];
	const struct key *key = key_at(lookups, tag);
	struct pin_key texts = texts_of(lookups, key);
	date_write(day, key->day);
	const struct slice asked[RULE_KEY] = {[RULE_MERCHANT_NUMBER] = texts.texts.merchant,
					      [RULE_PAYMENT_DATE] = slice_of(day),
					      [RULE_PAYMENT_ACTION_TYPE] = texts.texts.action,
					      [RULE_PAYMENT_METHOD_TYPE] = texts.texts.method};
	if (!ruletext_object(&lookups->reader, body, asked, &keyed)) {
		char *complaint = ruletext_complaint(&lookups->reader);
		size_t n = strlen(complaint) + 1;
		*reason = memcpy(scratch_room(&lookups->complaint, n), complaint, n);
		free(complaint);
		return false;
	}
	rules_set(&lookups->found, key, &keyed.rule);
	lookups->lookup[tag].state = RULE;
	lookups->lookup[tag].pinned = false;
	if (lookups->publishing)
		publisher_send(&lookups->publisher, &texts, &keyed.rule);
	return true;
}

static void settle(struct lookups *lookups, uint32_t tag, enum state state)
{
	struct lookup *lookup = &lookups->lookup[tag];
	lookup->state = (uint8_t)state;
	lookup->until = stats_clock() + lookups->negative_ttl;
}

static void take_none(void *self, uint32_t tag)
{
	settle(self, tag, NONE);
}

static void fall_short(struct lookups *lookups, uint32_t tag, enum state state, const char *reason)
{
	free(lookups->lookup[tag].failure);
	lookups->lookup[tag].failure = must_strdup(reason);
	settle(lookups, tag, state);
}

static void take_refusal(void *self, uint32_t tag, const char *reason)
{
	fall_short(self, tag, REFUSED, reason);
}

static void take_failure(void *self, uint32_t tag, const char *reason)
{
	fall_short(self, tag, FAILED, reason);
}

void lookups_open(struct lookups *lookups, const struct lookups_terms *terms, const struct settings *settings,
		  const struct calendar *calendar)
{
	static const struct api_hooks hooks = {take_rule, take_none, take_refusal, take_failure};
	*lookups = (struct lookups){.negative_ttl = terms->negative_ttl};
	ruletext_init(&lookups->reader, calendar);
	api_open(&lookups->api, &terms->api, &hooks, lookups);
	if (settings->check) {
		if (terms->cache && access(terms->cache, F_OK) == 0) {
			database_open_read(&lookups->pins.file, terms->cache, DATABASE_PINS);
			database_close(&lookups->pins.file);
		}
		return;
	}
	if (terms->topic) {
		publisher_open(&lookups->publisher, settings, terms->topic);
		lookups->publishing = true;
	}
	if (terms->cache) {
		pins_open(&lookups->pins, terms->cache, terms->lock_wait);
		lookups->pinning = true;
	}
}

struct place lookups_place(struct lookups *lookups, const struct coordinates *coordinates)
{
	struct slice source = coordinates->source;
	char *text = scratch_room(&lookups->partition, source.n + 16);
	memcpy(text, source.p, source.n);
	size_t n = source.n + (size_t)sprintf(text + source.n, "/%" PRId32, coordinates->partition);
	return (struct place){dictionary_add(&lookups->partitions, (struct slice){text, n}), coordinates->offset};
}

/* Keys */

static void ask(struct lookups *lookups, uint32_t number)
{
	char day[DATE_TEXT];
	struct pin_key key = texts_of(lookups, key_at(lookups, number));
	const struct key_texts *texts = &key.texts;
	date_write(day, key.day);
	if (texts->merchant.n + texts->action.n + texts->method.n > QUERY_MOST) {
		take_refusal(lookups, number, "merchantNumber, action and method are over 4096 bytes");
		return;
	}
	char *start = scratch_room(&lookups->query, 3 * (texts->merchant.n + texts->action.n + texts->method.n) + 128);
	char *to = api_parameter(start, "merchantNumber", texts->merchant);
	*to++ = '&';
	to = api_parameter(to, "paymentDate", slice_of(day));
	*to++ = '&';
	to = api_parameter(to, "paymentActionType", texts->action);
	*to++ = '&';
	to = api_parameter(to, "paymentMethodType", texts->method);
	if (to - start > QUERY_MOST) {
		take_refusal(lookups, number, "its query would be over 4096 bytes");
		return;
	}
	lookups->lookup[number].state = ASKED;
	api_ask(&lookups->api, number, (struct slice){start, (size_t)(to - start)});
}

/* The number of a key, added with what the database has of it. */
static uint32_t number_of(struct lookups *lookups, const struct key *key)
{
	int64_t known = keytable_find(&lookups->index, key);
	if (known != KEYTABLE_NONE)
		return (uint32_t)known;
	uint32_t number = lookups->index.count;
	if (number == lookups->capacity) {
		lookups->capacity = lookups->capacity ? 2 * lookups->capacity : 256;
		lookups->lookup = must_realloc(lookups->lookup, lookups->capacity * sizeof *lookups->lookup);
	}
	struct lookup *lookup = &lookups->lookup[number];
	*lookup = (struct lookup){.state = UNASKED};
	keytable_add(&lookups->index, key);
	if (lookups->pinning) {
		struct pin_key texts = texts_of(lookups, key);
		struct rule rule;
		if (pins_rule(&lookups->pins, &texts, &rule)) {
			rules_set(&lookups->found, key, &rule);
			lookup->state = RULE;
			lookup->pinned = true;
		}
		lookup->had_none = pins_had_none(&lookups->pins, &texts);
	}
	return number;
}

bool lookups_dated_before(struct lookups *lookups, const struct key *key, const struct place *place)
{
	if (!lookups->pinning || !place->partition)
		return false;
	uint32_t number = number_of(lookups, key);
	if (!lookups->lookup[number].had_none)
		return false;
	struct pin_key texts = texts_of(lookups, key);
	return pins_none_at(&lookups->pins, &texts, dictionary_text(&lookups->partitions, place->partition),
			    place->offset);
}

enum answer lookups_answer(struct lookups *lookups, const struct key *key, bool fresh, struct rule *to, bool *durable)
{
	uint32_t number = number_of(lookups, key);
	struct lookup *lookup = &lookups->lookup[number];
	bool old = (lookup->state == NONE || lookup->state == REFUSED || lookup->state == FAILED) && fresh &&
		   lookup->until <= stats_clock();
	if (lookup->state == UNASKED || old)
		ask(lookups, number);
	switch (lookup->state) {
	case RULE:
		rules_find(&lookups->found, key, to);
		*durable = lookup->pinned || !lookups->pinning;
		return ANSWER_RULE;
	case NONE: *durable = !lookups->pinning; return ANSWER_NONE;
	case REFUSED: *durable = true; return ANSWER_REFUSED;
	case FAILED: *durable = true; return ANSWER_FAILED;
	default: *durable = false; return ANSWER_NOT_YET;
	}
}

const char *lookups_failure(const struct lookups *lookups, const struct key *key)
{
	return lookups->lookup[keytable_find(&lookups->index, key)].failure;
}

/* Pinning */

void lookups_pin(struct lookups *lookups, const struct key *key, const struct place *place, enum answer answer)
{
	struct lookup *lookup = &lookups->lookup[keytable_find(&lookups->index, key)];
	struct pin_key texts = texts_of(lookups, key);
	struct rule rule;
	if (!lookups->pinning)
		return;
	if (answer == ANSWER_RULE) {
		if (lookup->pinned || !rules_find(&lookups->found, key, &rule))
			return;
		pins_keep_rule(&lookups->pins, &texts, &rule);
		lookup->pinned = true;
	} else if (answer == ANSWER_NONE && place->partition) {
		pins_keep_none(&lookups->pins, &texts, dictionary_text(&lookups->partitions, place->partition),
			       place->offset);
		lookup->had_none = true;
	}
}

void lookups_commit(struct lookups *lookups)
{
	if (lookups->publishing)
		publisher_flush(&lookups->publisher);
	if (lookups->pinning)
		pins_commit(&lookups->pins);
}

void lookups_step(struct lookups *lookups, bool wait)
{
	api_step(&lookups->api, wait);
}

static void forget(struct lookups *lookups)
{
	for (uint32_t i = 0; i < lookups->index.count; i++)
		free(lookups->lookup[i].failure);
	free(lookups->lookup);
	lookups->lookup = NULL;
	lookups->capacity = 0;
	keytable_free(&lookups->index);
	rules_free(&lookups->found);
	dictionary_free(&lookups->keys.merchant);
	dictionary_free(&lookups->keys.action);
	dictionary_free(&lookups->keys.method);
}

void lookups_trim(struct lookups *lookups)
{
	/* A record may have got its rule from elsewhere while the API was asked. */
	const struct keys *keys = &lookups->keys;
	size_t bytes = keys->merchant.text_n + keys->action.text_n + keys->method.text_n;
	bool many = lookups->index.count > REMEMBERED_MOST || bytes > REMEMBERED_TEXT_MOST;
	if (many && lookups->api.flying == 0 && lookups->api.waiting_n == 0)
		forget(lookups);
}

void lookups_close(struct lookups *lookups)
{
	api_close(&lookups->api);
	if (lookups->publishing)
		publisher_close(&lookups->publisher);
	if (lookups->pinning)
		pins_close(&lookups->pins);
	forget(lookups);
	ruletext_free(&lookups->reader);
	dictionary_free(&lookups->partitions);
	free(lookups->query.p);
	free(lookups->partition.p);
	free(lookups->complaint.p);
}
