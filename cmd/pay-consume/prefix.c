#include "prefix.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "json.h"

static const struct slice beginning = {"{\"_src\":", 8};

void prefix_init(struct prefix *prefix, const char *source, int32_t partition)
{
	enum { NUMBERS = 48 };
	struct slice name = slice_of(source);
	prefix->text = must_alloc(beginning.n + json_quote_room(name.n) + NUMBERS);
	char *to = slice_append(prefix->text, beginning);
	to += json_quote(to, name) - 1;
	to += sprintf(to, "/%" PRId32 "/", partition);
	prefix->fixed = (size_t)(to - prefix->text);
	prefix->offset = -1;
}

void prefix_free(struct prefix *prefix)
{
	free(prefix->text);
	prefix->text = NULL;
}

struct slice prefix_of(struct prefix *prefix, int64_t offset)
{
	char *digits = prefix->text + prefix->fixed;
	if (prefix->offset >= 0 && offset == prefix->offset + 1 && digits[prefix->digits - 1] < '9')
		digits[prefix->digits - 1]++;
	else if (offset != prefix->offset)
		prefix->digits = (size_t)sprintf(digits, "%" PRId64 "\"", offset) - 1;
	prefix->offset = offset;
	return (struct slice){prefix->text, prefix->fixed + prefix->digits + 1};
}

struct slice prefix_source(struct prefix *prefix, int64_t offset)
{
	struct slice whole = prefix_of(prefix, offset);
	return (struct slice){whole.p + beginning.n, whole.n - beginning.n};
}
