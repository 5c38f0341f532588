/* A position that is accepted has a value in range, and an offset is written back as the same text. */
#include "pay-consume/position.h"

#include <inttypes.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct position position = {POSITION_END, -7};
	char again[32];
	char *text = fuzz_text(bytes, n);
	if (position_read(text, &position)) {
		MUST(position.value >= 0 && position.value < INT64_MAX && position.kind <= POSITION_STORED);
		if (position.kind == POSITION_OFFSET || position.kind == POSITION_LAST) {
			const char *digits = text + (*text == '-');
			while (digits[0] == '0' && digits[1])
				digits++;
			sprintf(again, "%" PRId64, position.value);
			MUST(strcmp(digits, again) == 0);
		}
		MUST((position.kind == POSITION_TIME) == (*text == '@'));
	} else {
		MUST(position.kind == POSITION_END && position.value == -7);
	}
	free(text);
	return 0;
}
