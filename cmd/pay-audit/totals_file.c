#include "totals_file.h"

#include <stdlib.h>
#include <unistd.h>

#include "file.h"

void totals_file_open(struct totals_file *file, const char *path, const struct grouping *grouping)
{
	*file = (struct totals_file){.missing = access(path, F_OK) != 0};
	if (file->missing)
		return;
	input_open(&file->input, file_open(path), path);
	total_start(&file->writer, TOTAL_NDJSON, grouping);
}

/* Takes the file's next line, with its line feed. Returns whether there is a whole one. */
static bool take_line(struct totals_file *file, struct slice *line)
{
	const char *p;
	uint64_t length;
	switch (input_next(&file->input, &p, &length, NULL, NULL)) {
	case INPUT_END: return false;
	case INPUT_TOO_LONG:
		file->lines++;
		input_take(&file->input, NULL);
		*line = (struct slice){p, 0};
		return true;
	case INPUT_CUT:
	case INPUT_LINE: break;
	}
	const char *feed = rawmemchr(p, '\n');
	file->lines++;
	input_take(&file->input, feed);
	*line = (struct slice){p, (size_t)(feed + 1 - p)};
	return true;
}

void totals_file_next(struct totals_file *file, struct slice key, uint64_t count, amount_sum sum)
{
	struct slice line;
	int64_t narrow;
	if (file->missing || !amount_narrow(sum, &narrow))
		return;
	file->due++;
	char *due = scratch_room(&file->line, total_room(&file->writer, key));
	size_t n = total_write(&file->writer, due, key, count, sum);
	if (!take_line(file, &line) || !slice_equal(line, (struct slice){due, n}))
		file->differ++;
}

void totals_file_close(struct totals_file *file)
{
	struct slice line;
	if (file->missing)
		return;
	while (take_line(file, &line))
		file->differ++;
	close(file->input.fd);
	input_close(&file->input);
	free(file->line.p);
}
