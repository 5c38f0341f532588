/* A mark that is accepted is written and read back as the same mark. */
#include <unistd.h>

#include "fuzz.h"
#include "mark.h"

static bool read_line(struct mark *mark, const uint8_t *bytes, size_t n)
{
	static struct names names;
	static struct record record;
	const char *reason;
	if (names.count == 0)
		names_init(&names);
	char *line = fuzz_line(bytes, &n);
	bool good = false;
	if (record_read(&record, &names, line, &reason)) {
		const struct member *member = members_get(&record.top, NAME_MARK);
		good = member && !mark_read(mark, member);
	}
	free(line);
	return good;
}

/* The text that mark_write makes; the output's own buffer, which is never flushed. */
static struct slice written(struct output *output, const struct mark *mark)
{
	output_open(output, STDOUT_FILENO, "standard output");
	mark_write(mark, output);
	return (struct slice){output->buffer, output->n};
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct mark mark, again;
	struct output output, output_again;
	mark_init(&mark);
	mark_init(&again);
	if (read_line(&mark, bytes, n)) {
		struct slice first = written(&output, &mark);
		MUST(read_line(&again, (const uint8_t *)first.p, first.n));
		struct slice second = written(&output_again, &again);
		MUST(slice_equal(first, second));
		mark_drop(&mark, "pay-filter", 1);
		mark_cover(&mark, SLICE("source"), 0, 1, 2);
		mark_file(&mark, SLICE("file"));
		free(output.buffer);
		free(output_again.buffer);
	}
	mark_free(&mark);
	mark_free(&again);
	return 0;
}
