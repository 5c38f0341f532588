/* Whatever text a database or a group holds gives a trace, and what is written of it is read back as the same. */
#include "pay-consume/trace.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct trace trace, again;
	char written[TRACE_TEXT], twice[TRACE_TEXT];
	char *text = fuzz_text(bytes, n);
	trace_read(&trace, text);
	MUST(trace.offset >= -1 && trace.channels <= TRACE_CHANNELS);
	size_t length = trace_write(&trace, written);
	MUST(length < TRACE_TEXT && length == strlen(written));
	trace_read(&again, written);
	MUST(trace_write(&again, twice) == length && strcmp(written, twice) == 0);
	for (size_t i = 0; i < trace.channels; i++)
		MUST(trace_days(&again, slice_of(trace.channel[i].name)) == trace.channel[i].days);
	free(text);
	return 0;
}
