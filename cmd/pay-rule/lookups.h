/* lookups: what the rule API says of keys: each is asked for once at a time, remembered, published and pinned.
 *
 * A record is asked about as soon as it is read (lookups_answer, fresh), and again when it can be written. Between the
 * two, lookups_pin makes durable what dates it. */
#ifndef PAYPIPE_RULE_LOOKUPS_H
#define PAYPIPE_RULE_LOOKUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "api.h"
#include "pins.h"
#include "publisher.h"
#include "rules.h"
#include "ruletext.h"

/* Where a record comes from: what "none" is pinned by. */
struct place {
	uint32_t partition; /* its number, see lookups_partition; 0: the record has no coordinates */
	int64_t offset;
};

enum answer {
	ANSWER_NOT_YET,
	ANSWER_RULE,
	ANSWER_NONE,    /* there is none */
	ANSWER_REFUSED, /* the payment is none to be asked about: see lookups_failure */
	ANSWER_FAILED   /* the API gave no answer: see lookups_failure */
};

struct lookups_terms {
	struct api_terms api;
	const char *cache;   /* a database, or NULL */
	const char *topic;   /* where found rules are published, or NULL */
	double negative_ttl; /* seconds that a "none" is remembered */
	double lock_wait;
};

/* The members are its own. */
struct lookups {
	struct api api;
	struct pins pins;
	struct publisher publisher;
	bool pinning, publishing;
	double negative_ttl;
	struct keys keys; /* of what was asked */
	struct dictionary partitions;
	struct keytable index;
	struct lookup *lookup; /* by the number of its key in index */
	uint32_t capacity;
	struct rules found;
	struct ruletext reader;
	struct scratch query, partition, complaint;
};

/* Gets ready; settings are for the publisher. */
void lookups_open(struct lookups *lookups, const struct lookups_terms *terms, const struct settings *settings,
		  const struct calendar *calendar);

/* The key of a payment by a numbering of its own, which forgets with the look-ups: what payments name must not grow the
 * tables' for ever. Valid until lookups_trim; lookups_texts gives its texts, valid until the next lookups_key. */
struct key lookups_key(struct lookups *lookups, struct key_texts texts, date_day day);
struct key_texts lookups_texts(const struct lookups *lookups, const struct key *key);

/* The place of a record by its coordinates. */
struct place lookups_place(struct lookups *lookups, const struct coordinates *coordinates);

/* Whether a record is pinned as dated without a rule. This comes before any rule that has been found since. */
bool lookups_dated_before(struct lookups *lookups, const struct key *key, const struct place *place);

/* What is known for a record; its key has no number 0. Where nothing is, asks. A fresh record makes it ask again where
 * a "none" has become too old. *durable is set to whether a replay would come to the same; else lookups_pin first. */
enum answer lookups_answer(struct lookups *lookups, const struct key *key, bool fresh, struct rule *to, bool *durable);

/* Notes what dates a record by its answer (not ANSWER_NOT_YET), to be made durable by lookups_commit. That the API gave
 * no answer is not noted: nobody knows then whether there is a rule. */
void lookups_pin(struct lookups *lookups, const struct key *key, const struct place *place, enum answer answer);

/* Publishes, and makes durable, all that was found and noted. */
void lookups_commit(struct lookups *lookups);

/* Why the API gave no answer, or refused to. */
const char *lookups_failure(const struct lookups *lookups, const struct key *key);

/* Goes on with what is in flight; with `wait`, waits for something to happen. */
void lookups_step(struct lookups *lookups, bool wait);

/* Forgets what can be found again, if it has become much. Only while no record waits. */
void lookups_trim(struct lookups *lookups);

void lookups_close(struct lookups *lookups);

#endif
