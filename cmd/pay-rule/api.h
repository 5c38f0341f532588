/* api: questions to the rule API by HTTP GET, many in flight, asked again until they are answered. */
#ifndef PAYPIPE_RULE_API_H
#define PAYPIPE_RULE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libcurl.h"
#include "record.h"
#include "slice.h"

enum { API_BODY_MOST = 64 << 10 }; /* a longer answer is none */

struct api_terms {
	const char *url;     /* http or https; it may have a query of its own */
	const char *headers; /* a file of header lines, or NULL */
	const char *ca;      /* a file of certificates to trust, or NULL: the system's */
	int parallel, retries;
	double timeout; /* seconds for one attempt, connecting included */
};

struct api_question {
	uint32_t tag;
	int attempts;       /* so far */
	double due;         /* not before (stats_clock) */
	struct slice query; /* name=value&..., encoded; allocated */
};

struct api_transfer {
	CURL *easy;
	struct api *api;
	bool busy;
	struct api_question question;
	char *body;
	size_t n;
	char error[CURL_ERROR_SIZE];
};

struct api_hooks {
	/* An answer of status 200. Returns whether it is the rule that was asked for; if not, *reason says why, and it
	 * is asked again. reason is valid until the next call. */
	bool (*rule)(void *self, uint32_t tag, struct slice body, const char **reason);
	/* An answer of status 404. */
	void (*none)(void *self, uint32_t tag);
	/* An answer that asking again does not change: a status of 4xx that is about what was asked. */
	void (*refused)(void *self, uint32_t tag, const char *reason);
	/* No answer after all attempts. */
	void (*failed)(void *self, uint32_t tag, const char *reason);
};

/* The members are its own. */
struct api {
	struct api_terms terms;
	struct api_hooks hooks;
	void *self;
	CURLM *multi;
	struct curl_slist *headers;
	struct api_transfer *transfer; /* terms.parallel of them */
	struct api_question *waiting;  /* asked, and not in flight */
	size_t waiting_n, waiting_capacity;
	size_t flying;
	struct scratch url;
	uint64_t asked; /* requests made */
};

/* Gets ready; asks nothing. A URL that cannot be used ends the program with 64, bad header lines with 78, a file that
 * cannot be read with 66 or 77. What is in the header file is never shown. */
void api_open(struct api *api, const struct api_terms *terms, const struct api_hooks *hooks, void *self);

/* Asks; query is copied. The answer comes by a hook, from api_step. */
void api_ask(struct api *api, uint32_t tag, struct slice query);

/* Does what can be done now; with `wait`, waits first until something can be done. */
void api_step(struct api *api, bool wait);

void api_close(struct api *api);

/* Appends name=value to a query, with what RFC 3986 does not call unreserved as %XX; `to` has room for the name and
 * three times the value, and 2. Returns the byte behind it. */
char *api_parameter(char *to, const char *name, struct slice value);

/* "libcurl 7.88.1 (OpenSSL/3.0.15)", of the loaded library. */
const char *api_version(void);

#endif
