#include "settings_file.h"

#include <inttypes.h>
#include <unistd.h>

#include "fail.h"
#include "file.h"
#include "input.h"

void settings_file_read(const char *file, settings_line *take, void *self)
{
	struct input input;
	enum input_state state;
	const char *p;
	uint64_t length;
	input_open(&input, file_open(file), file);
	input.settings = true;
	while ((state = input_next(&input, &p, &length, NULL, NULL)) != INPUT_END) {
		if (state == INPUT_TOO_LONG)
			fail(EX_CONFIG, "%s:%" PRIu64 ": line over 16 MiB", file, input.line);
		const char *feed = rawmemchr(p, '\n');
		take(self, file, input.line, (struct slice){p, (size_t)(feed - p)});
		input_take(&input, feed);
	}
	close(input.fd);
	input_close(&input);
}
