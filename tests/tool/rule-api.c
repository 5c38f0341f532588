/* A rule API for the tests, on libmicrohttpd: answers GET with the rules of a CSV file, and misbehaves as it is told.
 *
 *   rule-api RULES.csv LOG [NAME=VALUE...]
 *
 * It prints its port and serves until its standard input ends. RULES.csv has a header and pay-rule's columns, without
 * quotes. LOG gets a line a request when it comes, `> KEY`, and one when it is answered, `< KEY WHAT`; KEY is
 * merchant/date/action/method. Each request is met with one of the misdeeds, by chance and within a percentage; what is
 * left of the hundred is answered in full.
 *
 *   seed=N     of the chances, so that a run can be repeated      slow=MS     wait this long, by chance up to twice
 *   500=P 429=P 302=P      answer with that status                close=P     close the connection without an answer
 *   half=P     close within the answer                            garbage=P   200 with what is no JSON
 *   lie=P      200 with a rule for another merchant               huge=P      200 with a body of 1 MB
 *   times=N    misbehave to the first N requests of a key at most (default: always)
 *   tls=NAME   serve https with the certificate NAME.crt and its key NAME.key
 *   header=TEXT  401 to requests without this `Name: value`      need=NAME=VALUE  400 to those without this argument */
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COLUMNS = 7, MISDEEDS = 8 };
enum misdeed { M500, M429, M302, CLOSE, HALF, GARBAGE, LIE, HUGE_BODY, NO_MISDEED };
static const char *const misdeed_name[MISDEEDS] = {"500", "429", "302", "close", "half", "garbage", "lie", "huge"};

struct rule {
	char *field[COLUMNS]; /* merchant, date, action, method, id, payout, confirm */
};

struct counted {
	char *key;
	int n;
};

static struct rule *rules;
static size_t rules_n;
static struct counted *counted;
static size_t counted_n;
static FILE *log_file;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned seed = 1;
static int chance[MISDEEDS], slow_ms, times = -1;
static char *certificate, *private_key;
static const char *header_name, *header_value, *need_name, *need_value;

static _Noreturn void stop(const char *what)
{
	fprintf(stderr, "rule-api: %s\n", what);
	exit(1);
}

static void *alloc(void *old, size_t n)
{
	void *p = realloc(old, n);
	if (!p)
		stop("out of memory");
	return p;
}

static void read_rules(const char *file)
{
	FILE *in = fopen(file, "r");
	char *line = NULL;
	size_t room = 0;
	if (!in)
		stop("cannot read the rules");
	for (long n = 0; getline(&line, &room, in) > 0; n++) {
		if (n == 0)
			continue;
		rules = alloc(rules, (rules_n + 1) * sizeof *rules);
		char *rest = line;
		line[strcspn(line, "\r\n")] = '\0';
		for (int i = 0; i < COLUMNS; i++) {
			const char *field = strsep(&rest, ",");
			rules[rules_n].field[i] = strdup(field ? field : "");
		}
		rules_n++;
	}
	free(line);
	fclose(in);
}

/* The text of NAME.EXTENSION. */
static char *read_text(const char *name, const char *extension)
{
	char path[1024];
	snprintf(path, sizeof path, "%s.%s", name, extension);
	FILE *in = fopen(path, "r");
	char *text = alloc(NULL, 1 << 16);
	if (!in)
		stop(path);
	text[fread(text, 1, (1 << 16) - 1, in)] = '\0';
	fclose(in);
	return text;
}

static const struct rule *find(const char *const asked[4])
{
	for (size_t i = 0; i < rules_n; i++) {
		int same = 0;
		while (same < 4 && strcmp(rules[i].field[same], asked[same]) == 0)
			same++;
		if (same == 4)
			return &rules[i];
	}
	return NULL;
}

static void note(const char *format, const char *key, const char *what)
{
	fprintf(log_file, format, key, what);
	fflush(log_file);
}

/* How often a key has been asked for, this time included. */
static int count(const char *key)
{
	for (size_t i = 0; i < counted_n; i++)
		if (strcmp(counted[i].key, key) == 0)
			return ++counted[i].n;
	counted = alloc(counted, (counted_n + 1) * sizeof *counted);
	counted[counted_n++] = (struct counted){strdup(key), 1};
	return 1;
}

static enum misdeed choose(const char *key)
{
	int drawn = rand_r(&seed) % 100;
	if (times >= 0 && count(key) > times)
		return NO_MISDEED;
	for (int i = 0; i < MISDEEDS; i++)
		if ((drawn -= chance[i]) < 0)
			return (enum misdeed)i;
	return NO_MISDEED;
}

static struct MHD_Response *text_response(const char *text)
{
	return MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* A body that breaks off. */
static ssize_t half(void *self, uint64_t at, char *to, size_t room)
{
	static const char start[] = "{\"ruleId\":\"half\",\"payoutDate\":\"2025-";
	(void)self;
	if (at > 0 || room < sizeof start)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	memcpy(to, start, sizeof start - 1);
	return sizeof start - 1;
}

static enum MHD_Result misbehave(struct MHD_Connection *connection, enum misdeed misdeed)
{
	static char large[1 << 20];
	struct MHD_Response *response;
	switch (misdeed) {
	case M500: return answer(connection, 500, text_response("out of order"));
	case M429: return answer(connection, 429, text_response("too many"));
	case M302:
		response = text_response("");
		MHD_add_response_header(response, "Location", "/elsewhere");
		return answer(connection, 302, response);
	case CLOSE: return MHD_NO;
	case HALF: return answer(connection, 200, MHD_create_response_from_callback(200, 64, half, NULL, NULL));
	case GARBAGE: return answer(connection, 200, text_response("<html>welcome</html>"));
	case LIE:
		return answer(connection, 200,
			      text_response("{\"ruleId\":\"lie\",\"payoutDate\":\"2025-01-01\",\"confirmDate\":"
					    "\"2025-01-01\",\"merchantNumber\":\"somebody else\"}"));
	default: memset(large, ' ', sizeof large - 1); return answer(connection, 200, text_response(large));
	}
}

static enum MHD_Result serve(struct MHD_Connection *connection, const char *const asked[4])
{
	const struct rule *rule = find(asked);
	char body[2048], confirm[32];
	if (!rule)
		return answer(connection, 404, text_response("none"));
	snprintf(confirm, sizeof confirm, rule->field[6][0] ? "\"%s\"" : "null", rule->field[6]);
	snprintf(body, sizeof body,
		 "{\"ruleId\":\"%s\",\"payoutDate\":\"%s\",\"confirmDate\":%s,\"merchantNumber\":\"%s\","
		 "\"paymentDate\":\"%s\",\"paymentActionType\":\"%s\",\"paymentMethodType\":\"%s\"}",
		 rule->field[4], rule->field[5], confirm, rule->field[0], rule->field[1], rule->field[2],
		 rule->field[3]);
	return answer(connection, 200, text_response(body));
}

static enum MHD_Result request(void *self, struct MHD_Connection *connection, const char *url, const char *method,
			       const char *version, const char *upload, size_t *upload_n, void **state)
{
	static const char *const names[] = {"merchantNumber", "paymentDate", "paymentActionType", "paymentMethodType"};
	const char *asked[4];
	char key[1024];
	(void)self, (void)url, (void)version, (void)upload, (void)upload_n, (void)state;
	if (strcmp(method, "GET") != 0)
		return answer(connection, 405, text_response("GET"));
	for (int i = 0; i < 4; i++) {
		asked[i] = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, names[i]);
		if (!asked[i])
			return answer(connection, 400, text_response(names[i]));
	}
	snprintf(key, sizeof key, "%s/%s/%s/%s", asked[0], asked[1], asked[2], asked[3]);
	const char *header = header_name ? MHD_lookup_connection_value(connection, MHD_HEADER_KIND, header_name) : NULL;
	const char *need = need_name ? MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, need_name) : NULL;
	if (header_name && (!header || strcmp(header, header_value) != 0))
		return answer(connection, 401, text_response("who?"));
	if (need_name && (!need || strcmp(need, need_value) != 0))
		return answer(connection, 400, text_response(need_name));
	pthread_mutex_lock(&lock);
	enum misdeed misdeed = choose(key);
	int wait_ms = slow_ms ? slow_ms + rand_r(&seed) % slow_ms : 0;
	note("> %s%s\n", key, "");
	pthread_mutex_unlock(&lock);
	usleep((useconds_t)wait_ms * 1000);
	pthread_mutex_lock(&lock);
	note("< %s %s\n", key, misdeed == NO_MISDEED ? "well" : misdeed_name[misdeed]);
	pthread_mutex_unlock(&lock);
	return misdeed == NO_MISDEED ? serve(connection, asked) : misbehave(connection, misdeed);
}

/* Splits NAME<by>VALUE at its first <by>. */
static void split(char *text, const char *by, const char **name, const char **value)
{
	char *at = strstr(text, by);
	if (!at)
		stop(text);
	*at = '\0';
	*name = text;
	*value = at + strlen(by);
}

static void setting(char *text)
{
	const char *name, *value;
	split(text, "=", &name, &value);
	if (strcmp(name, "seed") == 0)
		seed = (unsigned)atoi(value);
	else if (strcmp(name, "slow") == 0)
		slow_ms = atoi(value);
	else if (strcmp(name, "times") == 0)
		times = atoi(value);
	else if (strcmp(name, "tls") == 0) {
		certificate = read_text(value, "crt");
		private_key = read_text(value, "key");
	} else if (strcmp(name, "header") == 0)
		split((char *)value, ": ", &header_name, &header_value);
	else if (strcmp(name, "need") == 0)
		split((char *)value, "=", &need_name, &need_value);
	else {
		int i = 0;
		while (i < MISDEEDS && strcmp(name, misdeed_name[i]) != 0)
			i++;
		if (i == MISDEEDS)
			stop(name);
		chance[i] = atoi(value);
	}
}

int main(int argc, char **argv)
{
	if (argc < 3)
		stop("rule-api RULES.csv LOG [NAME=VALUE...]");
	read_rules(argv[1]);
	log_file = fopen(argv[2], "a");
	if (!log_file)
		stop("cannot write the log");
	for (int i = 3; i < argc; i++)
		setting(argv[i]);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct MHD_OptionItem options[] = {{MHD_OPTION_SOCK_ADDR, 0, &address},
					   {certificate ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, certificate},
					   {MHD_OPTION_HTTPS_MEM_KEY, 0, private_key},
					   {MHD_OPTION_END, 0, NULL}};
	struct MHD_Daemon *daemon = MHD_start_daemon(
	    MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | (certificate ? MHD_USE_TLS : 0), 0, NULL,
	    NULL, request, NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
	if (!daemon)
		stop("cannot listen");
	printf("%u\n", (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	MHD_stop_daemon(daemon);
	return 0;
}
