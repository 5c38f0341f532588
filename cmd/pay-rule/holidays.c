#include "holidays.h"

#include <inttypes.h>

#include "csv.h"
#include "fail.h"

enum { DATE, NAME };

struct loading {
	struct calendar *calendar;
	const char *file;
};

static void holiday(void *self, uint64_t line, const struct slice *fields, const char *fault, struct slice raw)
{
	struct loading *loading = self;
	date_day day;
	(void)fault; /* csv_file ends the program at one */
	(void)raw;
	if (!date_read(fields[DATE], &day))
		fail(EX_CONFIG, "%s:%" PRIu64 ": no such date \"%.*s\", write a day that exists as YYYY-MM-DD",
		     loading->file, line, (int)fields[DATE].n, fields[DATE].p);
	if (!calendar_add(loading->calendar, day))
		fail(EX_CONFIG, "%s:%" PRIu64 ": %.*s stands there before, remove one of the two", loading->file, line,
		     (int)fields[DATE].n, fields[DATE].p);
}

void holidays_load(struct calendar *calendar, const char *file)
{
	static const struct csv_column columns[] = {[DATE] = {"date", false}, [NAME] = {"name", true}, {NULL, false}};
	struct loading loading = {calendar, file};
	csv_file(file, columns, holiday, &loading);
}
