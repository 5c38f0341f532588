/* csv: tables with a header row, read strictly by libcsv (RFC 4180): a quote left open, or text behind a closing quote,
 * is an error that names file and line. */
#ifndef PAYPIPE_CSV_H
#define PAYPIPE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

/* A column that a table may have. The list ends with an entry without a name. */
struct csv_column {
	const char *name;
	bool optional;
};

/* A row: fields in the order of the columns asked for, an absent optional column as {NULL, 0}. `line` is the line of
 * the file where the row begins. The slices are valid during the call and are followed by a NUL. fault is NULL, or why
 * the row is bad (too many or too few fields, not UTF-8); its fields are then not to be used and `raw` is its text.
 * Without a fault raw is set too. Raw goes without the line's end. */
typedef void csv_row(void *self, uint64_t line, const struct slice *fields, const char *fault, struct slice raw);

struct csv;

/* Space around a field without quotes is not part of it. A blank line between rows is a row with the fault "a blank
 * line"; a row ends at LF or CRLF, never at a bare CR. */

/* Starts reading a table; place is its name in messages, columns what its header may name (an unknown or missing or
 * repeated one ends the program with `status`: 65 for data, 78 for configuration). A leading UTF-8 BOM is skipped. */
struct csv *csv_start(const char *place, const struct csv_column *columns, int status, csv_row *row, void *self);

/* How a table differs from the rule, for one that is taken as it comes. */
struct csv_form {
	char delimiter; /* one byte, no quote, space or line end */
	/* What a word of the header stands for: a column, or a name of the caller's. */
	struct slice (*name)(void *self, struct slice word);
	/* Columns of other names are taken: told once, behind the header, in the file's order. A row's fields have
	 * theirs behind the columns asked for. Returns NULL, or why there cannot be such a column. */
	const char *(*others)(void *self, const struct slice *names, size_t n);
	const char *help; /* what a message of a missing column ends with */
};

/* To be called behind csv_start; form stays the caller's. */
void csv_as(struct csv *csv, const struct csv_form *form);

/* Has act(self) called before a malformed table ends the program, so that the rows before the fault are not lost. */
void csv_before_failing(struct csv *csv, void (*act)(void *self));

/* Feeds it one physical line with its line feed (the last may have none). A malformed quote ends the program with
 * status. */
void csv_line(struct csv *csv, const char *p, size_t n);

/* Whether the next line begins a row, or the header. */
bool csv_between(const struct csv *csv);

/* Ends the table and frees it: an unterminated quote or a missing header ends the program with status. */
void csv_end(struct csv *csv);

/* Reads a whole file; blank lines are stepped over, another row with a fault, or csv_whole_line's, ends the program
 * with 78, naming file:line. Cannot be read: 66 or 77. */
void csv_file(const char *file, const struct csv_column *columns, csv_row *row, void *self);

/* Reads a list: the first column of a CSV file, calling value for each entry. The first row is a header where its first
 * field is `header`, else an entry like all others. What can be no entry ends the program with 78, so that no list is
 * taken for one that names nobody: faults as in csv_file, `header` over another column, control characters, other
 * separators than commas, no entry at all. */
void csv_first_column(const char *file, struct slice header,
		      void (*value)(void *self, uint64_t line, struct slice value), void *self);

/* Ends the program with 78 where a line of a configuration file, with its line feed unless it is cut, cannot be text as
 * it was written: UTF-16, or the last row without a line feed, which may be the beginning of another one. */
void csv_whole_line(const char *file, uint64_t line, struct slice text, bool cut);

#endif
