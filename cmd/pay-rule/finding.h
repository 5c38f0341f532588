/* finding: the rule of a payment, from a file, a topic, or the rule API, in this order; records wait for the API in the
 * stream's queue of held records. */
#ifndef PAYPIPE_RULE_FINDING_H
#define PAYPIPE_RULE_FINDING_H

#include <stdbool.h>

#include "calendar.h"
#include "lookups.h"
#include "rules.h"
#include "stream.h"
#include "topic.h"

/* What a payment's rule is found by; of a record that is held the stream has the line. */
struct waiting {
	struct key key;   /* in the tables */
	struct key asked; /* of the rule API, see lookups_key */
	struct place place;
	bool dated; /* else it is held for the order's sake alone */
};

enum on_error { ON_ERROR_STOP, ON_ERROR_DEFAULT, ON_ERROR_REJECT };

/* Zero-initialise, then set the first part by the command line. The rest is its own. */
struct finding {
	const char *file, *topic_name; /* NULL: none */
	bool asks;                     /* a rule API */
	struct lookups_terms terms;    /* how */
	enum on_error on_error;        /* when it gives no answer */

	struct keys keys; /* of all tables of rules and cycles */
	struct rules file_rules, topic_rules;
	struct topic topic;
	struct lookups lookups;
	struct waiting *waiting; /* a ring, in step with the stream's queue of held records */
	size_t first;
};

/* Reads file and topic, gets ready to ask. Errors end the program, see rulefile.h, topic.h and lookups.h. */
void finding_open(struct finding *finding, const struct settings *settings, const struct calendar *calendar);
void finding_close(struct finding *finding);

/* What the rule of the record at hand is found by. Returns false where its coordinates are bad and it was found so. */
bool finding_locate(struct finding *finding, struct stream *stream, const struct record *record, struct key_texts texts,
		    date_day day, struct waiting *to);

/* The rule of a payment: the one place to ask, whatever the rules come from. *durable is set to whether a replay would
 * come to the same; where it would not, or on ANSWER_NOT_YET, a fresh record must be held. */
enum answer finding_rule(struct finding *finding, const struct waiting *of, bool fresh, struct rule *to, bool *durable);

/* Holds the record at hand; where too many are held, writes the oldest. */
void finding_hold(struct finding *finding, struct stream *stream, const struct record *record,
		  const struct waiting *waiting);

/* Waits until no record is held any more; each goes through the stage's `record` again once what dates it is durable.
 * An API that does not answer ends the program with 75 (ON_ERROR_STOP), what is before in order being written. */
void finding_release(struct finding *finding, struct stream *stream);

/* Two steps before finding_rule, with time between them: fetches the place of a key in the tables, then the rule that
 * is named there. */
static inline void finding_fetch_place(const struct finding *finding, const struct key *key)
{
	rules_fetch_place(&finding->file_rules, key);
	rules_fetch_place(&finding->topic_rules, key);
}
static inline void finding_fetch_rule(const struct finding *finding, const struct key *key)
{
	rules_fetch_rule(&finding->file_rules, key);
	rules_fetch_rule(&finding->topic_rules, key);
}

/* Takes in what the topic has got. A bad rule ends the program with 78, what came before being written. */
void finding_take_news(struct finding *finding, struct stream *stream);

/* The same where there is anything; returns whether there was. */
static inline bool finding_follow(struct finding *finding, struct stream *stream)
{
	if (!topic_has_news(&finding->topic))
		return false;
	finding_take_news(finding, stream);
	return true;
}

/* The end of a segment: all that was found is published and pinned, whether or not a record waited for it. */
void finding_commit(struct finding *finding);

#endif
