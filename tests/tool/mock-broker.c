/* mock-broker: librdkafka's mock cluster as a process of its own, for tests and a demo without Kafka.
 *
 *   mock-broker [-n BROKERS] [-e APIKEY:ERROR[,ERROR]...]... [-r MILLISECONDS] [TOPIC[:PARTITIONS]]...
 *
 * Prints its address on standard output once the topics are there (one partition each unless said), then runs until its
 * standard input ends or a SIGTERM or SIGINT comes. -n: brokers (1). -r: time of every round trip. -e: the next
 * requests of that kind are answered by these errors, one each; APIKEY is the protocol's number (0 produce, 1 fetch, 2
 * offsets, 3 metadata, 8 offset commit, 22 init producer id, 26 end transaction), ERROR a name as librdkafka has it
 * (NOT_LEADER_FOR_PARTITION; _TRANSPORT cuts the connection; NO_ERROR lets one request pass).
 *
 * While it runs, a line APIKEY:ERROR[,ERROR]... on standard input does the same, `down` cuts all connections and
 * accepts none, `up` accepts them again, `rtt MILLISECONDS` changes -r; each is answered by `ok` on standard output.
 * What the mock cannot do: keep more than the last 5 MB or 100,000 records of a partition, log compaction, look-ups by
 * time, isolation of transactions, admin requests. */
#include "fail.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ERRORS_MAX = 1000 };

static volatile sig_atomic_t told;

static void on_signal(int signal)
{
	told = signal;
}

/* error_named: librdkafka's error of that name. */
static rd_kafka_resp_err_t error_named(const char *name)
{
	const struct rd_kafka_err_desc *all;
	size_t n;

	if (strcmp(name, "NO_ERROR") == 0)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_get_err_descs(&all, &n);
	for (size_t i = 0; i < n; i++)
		if (all[i].name && strcmp(all[i].name, name) == 0)
			return all[i].code;
	fail(EX_USAGE, "unknown error \"%s\" (as NOT_LEADER_FOR_PARTITION, _TRANSPORT)", name);
}

/* inject: takes APIKEY:ERROR[,ERROR]..., which it changes. */
static void inject(rd_kafka_mock_cluster_t *cluster, char *text)
{
	rd_kafka_resp_err_t errors[ERRORS_MAX];
	size_t n = 0;
	char *end, *rest;
	long key = strtol(text, &end, 10);

	if (end == text || *end != ':' || key < 0 || key > INT16_MAX)
		fail(EX_USAGE, "\"%s\" is not APIKEY:ERROR[,ERROR]...", text);
	for (char *name = strtok_r(end + 1, ",", &rest); name && n < ERRORS_MAX; name = strtok_r(NULL, ",", &rest))
		errors[n++] = error_named(name);
	rd_kafka_mock_push_request_errors_array(cluster, (int16_t)key, n, errors);
}

/* topic: makes TOPIC[:PARTITIONS]; the text is changed. */
static void topic(rd_kafka_mock_cluster_t *cluster, char *text)
{
	char *colon = strchr(text, ':');
	int partitions = 1;

	if (colon) {
		*colon = '\0';
		partitions = atoi(colon + 1);
	}
	rd_kafka_resp_err_t error = rd_kafka_mock_topic_create(cluster, text, partitions, 1);
	if (error)
		fail(EX_USAGE, "%s: %s", text, rd_kafka_err2str(error));
}

/* say: a line on standard output, at once. */
static void say(const char *text)
{
	if (puts(text) < 0 || fflush(stdout) != 0)
		fail(EX_IOERR, "standard output:");
}

/* obey: a line of standard input, without its end. */
static void obey(rd_kafka_mock_cluster_t *cluster, char *line)
{
	if (strcmp(line, "down") == 0)
		rd_kafka_mock_broker_set_down(cluster, -1);
	else if (strcmp(line, "up") == 0)
		rd_kafka_mock_broker_set_up(cluster, -1);
	else if (strncmp(line, "rtt ", 4) == 0)
		rd_kafka_mock_broker_set_rtt(cluster, -1, atoi(line + 4));
	else
		inject(cluster, line);
	say("ok");
}

int main(int argc, char **argv)
{
	char said[512];
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	int brokers = 1, rtt = 0, option;
	int injected = 0;
	char **injections = must_alloc((size_t)argc * sizeof *injections);

	fail_name("mock-broker");
	while ((option = getopt(argc, argv, "n:r:e:")) != -1)
		switch (option) {
		case 'n': brokers = atoi(optarg); break;
		case 'r': rtt = atoi(optarg); break;
		case 'e': injections[injected++] = optarg; break;
		default:
			fail(EX_USAGE,
			     "usage: mock-broker [-n BROKERS] [-r MS] [-e APIKEY:ERROR]... [TOPIC[:PARTITIONS]]...");
		}
	/* No SA_RESTART: a signal ends the reading. */
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);

	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	/* Without the notice that this client has no broker to connect to. */
	if (rd_kafka_conf_set(conf, "log_level", "4", said, sizeof said))
		fail(EX_USAGE, "%s", said);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, said, sizeof said);
	if (!rk)
		fail(EX_UNAVAILABLE, "%s", said);
	rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(rk, brokers);
	if (!cluster)
		fail(EX_UNAVAILABLE, "the cluster cannot be made");
	for (int i = optind; i < argc; i++)
		topic(cluster, argv[i]);
	if (rtt)
		rd_kafka_mock_broker_set_rtt(cluster, -1, rtt);
	for (int i = 0; i < injected; i++)
		inject(cluster, injections[i]);
	free(injections);
	say(rd_kafka_mock_cluster_bootstraps(cluster));

	while (!told && (n = getline(&line, &room, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		obey(cluster, line);
	}
	free(line);
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(rk);
	return 0;
}
