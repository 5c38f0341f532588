/* verdict: one line for each line of standard input, "ok" or the reader's reason against it. What a record means is
 * not asked, only whether it is one; "amount" is among the registered names, in the line and in its member "data". */
#include "fail.h"
#include "input.h"
#include "record.h"

#include <stdio.h>
#include <unistd.h>

int main(void)
{
	static struct names names;
	struct input input;
	struct record record;
	const char *p, *reason;
	uint64_t length;

	fail_name("verdict");
	names_init(&names);
	names.expand = names_add(&names, SLICE("data"));
	record_init(&record);
	input_open(&input, STDIN_FILENO, "standard input");
	for (;;) {
		enum input_state state = input_next(&input, &p, &length, NULL, NULL);
		if (state == INPUT_END)
			break;
		if (state == INPUT_TOO_LONG) {
			input_take(&input, NULL);
			puts("too long");
			continue;
		}
		const char *feed = record_read(&record, &names, p, &reason);
		puts(feed ? "ok" : reason);
		input_take(&input, feed ? feed : rawmemchr(p, '\n'));
	}
	record_free(&record);
	return fflush(stdout) ? EX_IOERR : 0;
}
