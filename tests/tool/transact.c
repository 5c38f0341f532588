/* transact: produces the lines of its standard input to one partition in one transaction, and ends that.
 *
 *   transact BROKERS TOPIC PARTITION commit|abort|leave [TRANSACTIONAL-ID]
 *
 * A line is the value, or with a tab in it KEY<TAB>VALUE. `leave` lets the transaction stay open and ends by SIGKILL,
 * as a producer that dies does: the broker aborts it after its time-out of 60 s, or when the id (default: transact)
 * comes back. */
#include "fail.h"

#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MS = 30000 };

/* must: ends the program with the broker's words where there is an error. */
static void must(const char *what, rd_kafka_error_t *error)
{
	if (error)
		fail(EX_UNAVAILABLE, "%s: %s", what, rd_kafka_error_string(error));
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char said[512];

	if (rd_kafka_conf_set(conf, name, value, said, sizeof said))
		fail(EX_USAGE, "%s", said);
}

int main(int argc, char **argv)
{
	char said[512];
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	fail_name("transact");
	if (argc < 5 || argc > 6)
		fail(EX_USAGE, "usage: transact BROKERS TOPIC PARTITION commit|abort|leave [TRANSACTIONAL-ID]");
	if (strcmp(argv[4], "commit") != 0 && strcmp(argv[4], "abort") != 0 && strcmp(argv[4], "leave") != 0)
		fail(EX_USAGE, "\"%s\" is no way to end (commit, abort, leave)", argv[4]);
	int32_t partition = (int32_t)atoi(argv[3]);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	set(conf, "bootstrap.servers", argv[1]);
	set(conf, "transactional.id", argc == 6 ? argv[5] : "transact");
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, said, sizeof said);
	if (!rk)
		fail(EX_UNAVAILABLE, "%s", said);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[2], NULL);
	if (!topic)
		fail(EX_UNAVAILABLE, "%s: %s", argv[2], rd_kafka_err2str(rd_kafka_last_error()));
	must("init_transactions", rd_kafka_init_transactions(rk, TIMEOUT_MS));
	must("begin_transaction", rd_kafka_begin_transaction(rk));
	while ((n = getline(&line, &room, stdin)) > 0) {
		if (line[n - 1] == '\n')
			n--;
		char *tab = memchr(line, '\t', (size_t)n);
		char *value = tab ? tab + 1 : line;
		if (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK, value,
				     (size_t)(line + n - value), tab ? line : NULL, tab ? (size_t)(tab - line) : 0,
				     NULL))
			fail(EX_UNAVAILABLE, "%s: %s", argv[2], rd_kafka_err2str(rd_kafka_last_error()));
		rd_kafka_poll(rk, 0);
	}
	free(line);
	/* Aborting would also drop what was not sent yet, and then there would be nothing to skip. */
	if (rd_kafka_flush(rk, TIMEOUT_MS))
		fail(EX_UNAVAILABLE, "%s: not all was acknowledged", argv[2]);
	if (strcmp(argv[4], "leave") == 0)
		raise(SIGKILL);
	if (strcmp(argv[4], "commit") == 0)
		must("commit_transaction", rd_kafka_commit_transaction(rk, TIMEOUT_MS));
	else
		must("abort_transaction", rd_kafka_abort_transaction(rk, TIMEOUT_MS));
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	return 0;
}
