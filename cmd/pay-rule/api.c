#include "api.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fail.h"
#include "file.h"
#include "options.h"
#include "settings_file.h"
#include "stats.h"

static const double first_pause = 0.1, longest_pause = 10; /* seconds between attempts: doubled each time, up to */
enum { LONGEST_WISH = 30 };                                /* seconds of Retry-After that are granted */

static const struct libcurl *curl; /* loaded by api_open */

const char *api_version(void)
{
	static char text[128];
	const char *why;
	const struct libcurl *library = libcurl_load(&why);
	if (!library)
		return "libcurl: not there";
	const curl_version_info_data *info = library->version_info(CURLVERSION_NOW);
	snprintf(text, sizeof text, "libcurl %s%s%s%s", info->version, info->ssl_version ? " (" : "",
		 info->ssl_version ? info->ssl_version : "", info->ssl_version ? ")" : "");
	return text;
}

/* What was given */

static void check_url(const char *text)
{
	CURLU *url = curl->url();
	char *scheme = NULL, *user = NULL, *fragment = NULL;
	if (!url)
		fail(EX_OSERR, "out of memory");
	if (curl->url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
	    curl->url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		options_misuse("--rule-url: not a URL, as https://rules.example/v1/rule");
	if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		options_misuse("--rule-url: http or https, not %s", scheme);
	if (curl->url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK)
		options_misuse("--rule-url: everybody can read a command line: no user and password there, but "
			       "Authorization in a --rule-header file");
	if (curl->url_get(url, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_OK)
		options_misuse("--rule-url: a part behind # is never sent, leave it out");
	curl->free(scheme);
	curl->url_cleanup(url);
}

/* Whether a line is `Name: value` with a name of RFC 9110's token characters, and no control characters. */
static bool is_header(struct slice line)
{
	size_t name = 0;
	while (name < line.n && line.p[name] &&
	       (isalnum((unsigned char)line.p[name]) || strchr("!#$%&'*+-.^_`|~", line.p[name])))
		name++;
	if (name == 0 || name == line.n || line.p[name] != ':')
		return false;
	for (size_t i = name; i < line.n; i++)
		if (((unsigned char)line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] == 0x7f)
			return false;
	return true;
}

/* A settings_line of --rule-header's file. */
static void take_header(void *self, const char *file, uint64_t number, struct slice line)
{
	struct api *api = self;
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (line.n == 0)
		return;
	if (!is_header(line))
		fail(EX_CONFIG, "%s:%" PRIu64 ": not a header line `Name: value`", file, number);
	char *text = must_format("%.*s", (int)line.n, line.p);
	struct curl_slist *more = curl->slist_append(api->headers, text);
	if (!more)
		fail(EX_OSERR, "out of memory");
	free(text);
	api->headers = more;
}

/* Keeps a part of an answer; one that is too long ends the transfer. */
static size_t on_body(char *p, size_t size, size_t n, void *self)
{
	struct api_transfer *transfer = self;
	(void)size; /* always 1 */
	if (n > API_BODY_MOST - transfer->n)
		return 0;
	memcpy(transfer->body + transfer->n, p, n);
	transfer->n += n;
	return n;
}

static void set(CURLcode code)
{
	if (code != CURLE_OK)
		fail(EX_UNAVAILABLE, "%s: %s", api_version(), curl->easy_strerror(code));
}

static void ready_transfer(struct api *api, struct api_transfer *transfer)
{
	static char agent[64];
	CURL *easy = curl->easy_init();
	if (!easy)
		fail(EX_OSERR, "out of memory");
	snprintf(agent, sizeof agent, "paypipe/%s", paypipe_version);
	transfer->easy = easy;
	transfer->api = api;
	transfer->body = must_alloc(API_BODY_MOST);
	set(curl->easy_setopt(easy, CURLOPT_USERAGENT, agent));
	set(curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https"));
	set(curl->easy_setopt(easy, CURLOPT_PROXY, "")); /* none from the environment, on which no result depends */
	set(curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(api->terms.timeout * 1e3)));
	set(curl->easy_setopt(easy, CURLOPT_HTTPHEADER, api->headers));
	set(curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error));
	set(curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body));
	set(curl->easy_setopt(easy, CURLOPT_WRITEDATA, transfer));
	set(curl->easy_setopt(easy, CURLOPT_PRIVATE, transfer));
	if (api->terms.ca)
		set(curl->easy_setopt(easy, CURLOPT_CAINFO, api->terms.ca));
}

void api_open(struct api *api, const struct api_terms *terms, const struct api_hooks *hooks, void *self)
{
	*api = (struct api){.terms = *terms, .hooks = *hooks, .self = self};
	const char *why;
	curl = libcurl_load(&why);
	if (!curl)
		fail(EX_UNAVAILABLE, "--rule-url needs libcurl (Debian: libcurl4): %s", why);
	if (curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(api->multi = curl->multi_init()))
		fail(EX_OSERR, "%s cannot start", api_version());
	check_url(terms->url);
	if (terms->headers)
		settings_file_read(terms->headers, take_header, api);
	if (terms->ca)
		close(file_open(terms->ca)); /* a message of ours when it cannot be read */
	curl->multi_setopt(api->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)terms->parallel);
	curl->multi_setopt(api->multi, CURLMOPT_MAXCONNECTS, (long)terms->parallel);
	api->transfer = must_alloc((size_t)terms->parallel * sizeof *api->transfer);
	for (int i = 0; i < terms->parallel; i++) {
		api->transfer[i] = (struct api_transfer){0};
		ready_transfer(api, &api->transfer[i]);
	}
	srand48((long)getpid()); /* for pauses only */
}

/* Asking */

char *api_parameter(char *to, const char *name, struct slice value)
{
	static const char digits[] = "0123456789ABCDEF";
	to = slice_append(to, slice_of(name));
	*to++ = '=';
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];
		if (c < 0x80 && (isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~')) {
			*to++ = (char)c;
		} else {
			*to++ = '%';
			*to++ = digits[c >> 4];
			*to++ = digits[c & 15];
		}
	}
	return to;
}

static void await(struct api *api, const struct api_question *question)
{
	if (api->waiting_n == api->waiting_capacity) {
		api->waiting_capacity = api->waiting_capacity ? 2 * api->waiting_capacity : 64;
		api->waiting = must_realloc(api->waiting, api->waiting_capacity * sizeof *api->waiting);
	}
	api->waiting[api->waiting_n++] = *question;
}

void api_ask(struct api *api, uint32_t tag, struct slice query)
{
	char *copy = must_alloc(query.n);
	memcpy(copy, query.p, query.n);
	await(api, &(struct api_question){.tag = tag, .query = {copy, query.n}});
}

static void take_off(struct api *api, struct api_transfer *transfer, const struct api_question *question)
{
	struct slice url = slice_of(api->terms.url);
	char *text = scratch_room(&api->url, url.n + question->query.n + 2), *end = slice_append(text, url);
	*end++ = strchr(api->terms.url, '?') ? '&' : '?';
	end = slice_append(end, question->query);
	*end = '\0';
	set(curl->easy_setopt(transfer->easy, CURLOPT_URL, text)); /* copied */
	transfer->busy = true;
	transfer->question = *question;
	transfer->question.attempts++;
	transfer->n = 0;
	transfer->error[0] = '\0';
	CURLMcode code = curl->multi_add_handle(api->multi, transfer->easy);
	if (code != CURLM_OK)
		fail(EX_SOFTWARE, "%s: %s", api_version(), curl->multi_strerror(code));
	api->flying++;
	api->asked++;
}

/* Sends off what is due, the longest asked first, as far as there are free transfers. */
static void send_due(struct api *api)
{
	double now = stats_clock();
	size_t kept = 0;
	int at = 0;
	for (size_t i = 0; i < api->waiting_n; i++) {
		while (at < api->terms.parallel && api->transfer[at].busy)
			at++;
		if (at < api->terms.parallel && api->waiting[i].due <= now)
			take_off(api, &api->transfer[at], &api->waiting[i]);
		else
			api->waiting[kept++] = api->waiting[i];
	}
	api->waiting_n = kept;
}

/* Answers */

/* Asks again after a pause, or gives up. */
static void fall_short(struct api *api, struct api_transfer *transfer, const char *reason)
{
	struct api_question *question = &transfer->question;
	if (question->attempts > api->terms.retries) {
		free((char *)question->query.p);
		api->hooks.failed(api->self, question->tag, reason);
		return;
	}
	double pause = ldexp(first_pause, question->attempts - 1);
	pause = (pause < longest_pause ? pause : longest_pause) * (0.5 + 0.5 * drand48());
	curl_off_t wish = 0;
	if (curl->easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &wish) == CURLE_OK && (double)wish > pause)
		pause = wish < LONGEST_WISH ? (double)wish : LONGEST_WISH;
	question->due = stats_clock() + pause;
	await(api, question);
}

/* Whether a status says that the question is at fault: neither the server or the way there, which may be well later,
 * nor our credentials, which are the same for all. */
static bool is_refusal(long status)
{
	return status >= 400 && status < 500 && status != 401 && status != 403 && status != 407 && status != 408 &&
	       status != 425 && status != 429;
}

static void land(struct api *api, struct api_transfer *transfer, CURLcode result)
{
	char text[CURL_ERROR_SIZE + 64];
	const char *reason = text;
	long status = 0;
	curl->easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	curl->multi_remove_handle(api->multi, transfer->easy);
	transfer->busy = false;
	api->flying--;
	if (result == CURLE_WRITE_ERROR) {
		snprintf(text, sizeof text, "an answer of more than %d bytes", API_BODY_MOST);
	} else if (result != CURLE_OK) {
		snprintf(text, sizeof text, "%s", transfer->error[0] ? transfer->error : curl->easy_strerror(result));
	} else if (status == 404) {
		free((char *)transfer->question.query.p);
		api->hooks.none(api->self, transfer->question.tag);
		return;
	} else if (is_refusal(status)) {
		free((char *)transfer->question.query.p);
		snprintf(text, sizeof text, "status %ld", status);
		api->hooks.refused(api->self, transfer->question.tag, text);
		return;
	} else if (status != 200) {
		snprintf(text, sizeof text, "status %ld", status);
	} else if (api->hooks.rule(api->self, transfer->question.tag, (struct slice){transfer->body, transfer->n},
				   &reason)) {
		free((char *)transfer->question.query.p);
		return;
	}
	fall_short(api, transfer, reason);
}

/* Milliseconds until the first question is due that waits for its time alone; nothing waits: long. */
static int until_due(const struct api *api)
{
	double now = stats_clock(), first = now + 1;
	for (size_t i = 0; i < api->waiting_n; i++)
		if (api->waiting[i].due < first && api->waiting[i].due > now)
			first = api->waiting[i].due;
	return (int)((first - now) * 1e3) + 1;
}

void api_step(struct api *api, bool wait)
{
	int running, left;
	CURLMsg *message;
	send_due(api);
	CURLMcode code = curl->multi_perform(api->multi, &running);
	if (code == CURLM_OK && wait && (size_t)running == api->flying) {
		code = curl->multi_poll(api->multi, NULL, 0, until_due(api), NULL);
		if (code == CURLM_OK)
			code = curl->multi_perform(api->multi, &running);
	}
	if (code != CURLM_OK)
		fail(EX_SOFTWARE, "%s: %s", api_version(), curl->multi_strerror(code));
	while ((message = curl->multi_info_read(api->multi, &left))) {
		struct api_transfer *transfer;
		CURLcode result = message->data.result;
		set(curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer));
		land(api, transfer, result);
	}
	send_due(api);
}

void api_close(struct api *api)
{
	for (int i = 0; i < api->terms.parallel; i++) {
		curl->easy_cleanup(api->transfer[i].easy);
		free(api->transfer[i].body);
	}
	curl->multi_cleanup(api->multi);
	curl->slist_free_all(api->headers);
	curl->global_cleanup();
	free(api->transfer);
	free(api->waiting);
	free(api->url.p);
}
