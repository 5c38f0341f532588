/* The reader's two paths, with and without SSE2, must say the same of every text. */
#include "fuzz.h"

/* See json-twin.c. */
const char *twin_value(const char *p, int depth, struct json_value *to, const char **reason);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *line = fuzz_line(bytes, &n);
	const char *reason = NULL, *twin_reason = NULL;
	struct json_value value, twin;
	const char *start = json_space(line);
	const char *end = json_value(start, 1, &value, &reason);
	MUST(end == twin_value(start, 1, &twin, &twin_reason));
	if (end) {
		MUST(end > start && end <= line + n);
		MUST(value.text.p == start && value.text.n == (size_t)(end - start));
		MUST(value.type == twin.type && value.escaped == twin.escaped);
		MUST(json_utf8(value.text));
		MUST(json_value(start, JSON_DEPTH + 1, &value, &reason) == NULL || (*start != '{' && *start != '['));
	} else {
		MUST(reason && twin_reason && strcmp(reason, twin_reason) == 0);
	}
	free(line);
	return 0;
}
