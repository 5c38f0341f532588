/* libcurl: what the rule API is asked by, loaded when it is needed. To have it from the start would cost every pay-rule
 * 3 ms and 30 libraries, of which most runs use none. */
#ifndef PAYPIPE_RULE_LIBCURL_H
#define PAYPIPE_RULE_LIBCURL_H

#define CURL_DISABLE_TYPECHECK /* its macros know functions only by their own names */
#include <curl/curl.h>

#define LIBCURL_FUNCTIONS(each)                                                                                     \
	each(easy_cleanup) each(easy_getinfo) each(easy_init) each(easy_setopt) each(easy_strerror) each(free)      \
	    each(global_cleanup) each(global_init) each(multi_add_handle) each(multi_cleanup) each(multi_info_read) \
		each(multi_init) each(multi_perform) each(multi_poll) each(multi_remove_handle) each(multi_setopt)  \
		    each(multi_strerror) each(slist_append) each(slist_free_all) each(url) each(url_cleanup)        \
			each(url_get) each(url_set) each(version_info)

/* curl_easy_init as easy_init, and so on. */
#define LIBCURL_MEMBER(name) __typeof__(curl_##name) *name;
struct libcurl {
	LIBCURL_FUNCTIONS(LIBCURL_MEMBER)
};
#undef LIBCURL_MEMBER

/* The library, loaded by the first call. Returns NULL where it cannot be loaded, with *why a text that is valid until
 * the next call. */
const struct libcurl *libcurl_load(const char **why);

#endif
