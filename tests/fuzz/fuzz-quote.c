/* Any UTF-8 text, quoted, is a JSON string that unescapes to the same text. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct slice text = fuzz_slice(bytes, n);
	if (json_utf8(text)) {
		char *quoted = malloc(json_quote_room(n) + 1 + JSON_PADDING);
		size_t length = json_quote(quoted, text);
		MUST(length <= json_quote_room(n));
		quoted[length] = '\n';
		memset(quoted + length + 1, 0, JSON_PADDING);
		struct json_value value;
		const char *reason;
		MUST(json_value(quoted, 1, &value, &reason) == quoted + length && value.type == JSON_STRING);
		char *back = malloc(length);
		size_t back_n = json_unescape(back, (struct slice){quoted + 1, length - 2});
		MUST(slice_equal(text, (struct slice){back, back_n}));
		free(back);
		free(quoted);
	}
	free((char *)text.p);
	return 0;
}
