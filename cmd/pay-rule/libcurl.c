#include "libcurl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const char file[] = "libcurl.so.4"; /* of the interface that curl/curl.h describes since 2006 */

/* Sets *to, a pointer to a function, to the address of one. */
static bool find(void *library, const char *name, void *to)
{
	void *address = dlsym(library, name);
	memcpy(to, &address, sizeof address);
	return address != NULL;
}

const struct libcurl *libcurl_load(const char **why)
{
	static struct libcurl functions;
	static const struct libcurl *loaded;
	if (loaded)
		return loaded;
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	bool whole = library != NULL;
#define FIND(name) whole = whole && find(library, "curl_" #name, &functions.name);
	LIBCURL_FUNCTIONS(FIND)
#undef FIND
	if (whole)
		loaded = &functions;
	else
		*why = dlerror();
	return loaded;
}
