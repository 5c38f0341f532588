#include "finding.h"

#include <stdlib.h>

#include "fail.h"
#include "rulefile.h"

enum { WAITING_MOST = 10000, WAITING_BYTES_MOST = 8 << 20 }; /* records held for the rule API */

void finding_open(struct finding *finding, const struct settings *settings, const struct calendar *calendar)
{
	struct lookups_terms *terms = &finding->terms;
	if (finding->file)
		rulefile_load(&finding->file_rules, &finding->keys, calendar, finding->file);
	if (finding->asks) {
		terms->topic = finding->topic_name;
		terms->lock_wait = settings->lock_wait;
		lookups_open(&finding->lookups, terms, settings, calendar);
		finding->waiting = must_alloc(WAITING_MOST * sizeof *finding->waiting);
	}
	if (finding->topic_name)
		topic_open(&finding->topic, settings, finding->topic_name, &finding->topic_rules, &finding->keys,
			   calendar);
}

void finding_close(struct finding *finding)
{
	if (finding->asks)
		lookups_close(&finding->lookups);
	if (finding->topic_name)
		topic_close(&finding->topic);
	free(finding->waiting);
}

enum answer finding_rule(struct finding *finding, const struct waiting *of, bool fresh, struct rule *to, bool *durable)
{
	*durable = true;
	if (rules_find(&finding->file_rules, &of->key, to))
		return ANSWER_RULE;
	if (finding->asks && lookups_dated_before(&finding->lookups, &of->asked, &of->place))
		return ANSWER_NONE;
	struct key key = of->key;
	/* While it was held the topic may have named what no table knew. */
	if (finding->asks && finding->topic_name && !fresh)
		key = keys_find(&finding->keys, lookups_texts(&finding->lookups, &of->asked), of->asked.day);
	if (rules_find(&finding->topic_rules, &key, to))
		return ANSWER_RULE;
	return finding->asks ? lookups_answer(&finding->lookups, &of->asked, fresh, to, durable) : ANSWER_NONE;
}

void finding_commit(struct finding *finding)
{
	if (finding->asks)
		lookups_commit(&finding->lookups);
	if (finding->topic_name)
		topic_serve(&finding->topic); /* what is said of brokers must not pile up */
}

/* Waiting for the rule API */

static struct waiting *waiting_at(const struct finding *finding, size_t i)
{
	return &finding->waiting[(finding->first + i) % WAITING_MOST];
}

/* Ends the program because the rule API does not answer. All before the record at the head is written. */
static _Noreturn void stop(struct finding *finding, struct stream *stream)
{
	const struct key *key = &waiting_at(finding, 0)->asked;
	const struct slice merchant = lookups_texts(&finding->lookups, key).merchant;
	output_flush(&stream->out);
	fail(EX_TEMPFAIL,
	     "the rule API does not answer for a payment of merchant %.*s, asked %d times: %s; run again when it does",
	     merchant.n < 200 ? (int)merchant.n : 200, merchant.p, finding->terms.api.retries + 1,
	     lookups_failure(&finding->lookups, key));
}

/* How many of the held records, from the oldest on, can be written; what dates them is noted for pinning. */
static size_t count_ready(struct finding *finding, struct stream *stream)
{
	size_t n = 0;
	for (; n < stream->held.n; n++) {
		const struct waiting *waiting = waiting_at(finding, n);
		struct rule rule;
		bool durable;
		if (!waiting->dated)
			continue;
		enum answer answer = finding_rule(finding, waiting, false, &rule, &durable);
		if (answer == ANSWER_NOT_YET)
			break;
		if (answer == ANSWER_FAILED && finding->on_error == ON_ERROR_STOP) {
			if (n == 0)
				stop(finding, stream);
			break;
		}
		if (!durable)
			lookups_pin(&finding->lookups, &waiting->asked, &waiting->place, answer);
	}
	return n;
}

/* Writes held records, the oldest first, until no more than `keep` are left: what dates them is made durable before. */
static void write_held(struct finding *finding, struct stream *stream, size_t keep)
{
	while (stream->held.n > keep) {
		size_t n = count_ready(finding, stream);
		if (n == 0) {
			lookups_step(&finding->lookups, true);
			continue;
		}
		lookups_commit(&finding->lookups);
		for (; n > 0; n--) {
			stream_again(stream);
			finding->first = (finding->first + 1) % WAITING_MOST;
		}
	}
}

void finding_hold(struct finding *finding, struct stream *stream, const struct record *record,
		  const struct waiting *waiting)
{
	*waiting_at(finding, stream->held.n) = *waiting;
	stream_hold(stream, record);
	if (waiting->dated)
		lookups_step(&finding->lookups, false);
	if (stream->held.n == WAITING_MOST || stream->held.bytes >= WAITING_BYTES_MOST)
		write_held(finding, stream, stream->held.n / 2);
}

void finding_release(struct finding *finding, struct stream *stream)
{
	write_held(finding, stream, 0);
	lookups_trim(&finding->lookups);
}

void finding_take_news(struct finding *finding, struct stream *stream)
{
	if (topic_follow(&finding->topic))
		return;
	if (finding->asks)
		finding_release(finding, stream);
	output_flush(&stream->out);
	topic_refuse(&finding->topic);
}

bool finding_locate(struct finding *finding, struct stream *stream, const struct record *record, struct key_texts texts,
		    date_day day, struct waiting *to)
{
	*to = (struct waiting){.key = keys_find(&finding->keys, texts, day), .dated = true};
	if (!finding->asks)
		return true;
	struct coordinates coordinates;
	to->asked = lookups_key(&finding->lookups, texts, day);
	if (finding->terms.cache) {
		if (!stream_coordinates(stream, record, &coordinates))
			return false;
		to->place = lookups_place(&finding->lookups, &coordinates);
	}
	return true;
}
