/* capture: a file, or standard input, as a source: NDJSON, kcat -J or CSV, packed or not; one coordinate a line. */
#ifndef PAYPIPE_CAPTURE_H
#define PAYPIPE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "columns.h"
#include "database.h"
#include "message.h"
#include "source.h"

enum capture_format { CAPTURE_AUTO, CAPTURE_NDJSON, CAPTURE_KCAT, CAPTURE_CSV };

/* What is asked of all files. */
struct capture_wish {
	enum capture_format format;
	struct message_with with;
	int64_t from, to;    /* lines [from, to); to INT64_MAX: to the end */
	const char **resume; /* databases whose cover is gone on from */
	size_t resume_n;
	bool allow_gap, grown, twice;
	bool unsealed; /* marks in a file are read over */
	/* Of tables: */
	const struct columns *columns; /* what the header's words stand for; NULL: themselves */
	char delimiter;
	int64_t skip_lines;   /* above the header */
	bool unterminated;    /* the last row need not have a line feed */
	const char *encoding; /* of any text; NULL: UTF-8 */
};

struct capture;

/* A file is understood, or it is refused as a file: until its first good record its bad lines wait (doubt.h), and
 * when none comes nothing of it is kept, and the program ends with 65, whatever becomes of bad records. */

/* Looks at a file (path "-": standard input) that will be read under a name, without reading its records: whether it is
 * there (66, 77), whether the databases know it with other content or it leaves a hole (76), and where to begin. wish
 * and the texts are the caller's. before: the bytes of the files before it, for progress. */
struct capture *capture_find(const char *path, const char *name, const struct capture_wish *wish, uint64_t before);

/* Reads the beginning of a regular file, unpacked, up to its first good record or 64 KiB: ends the program with 65
 * where it cannot be understood. One that is wanted whole, and of which no database of wish->resume knows the name, is
 * read to its end: 76 where they, or `run` (see cover_open_run), which remembers it, know its content under another.
 * program: as in settings. */
void capture_look(struct capture *capture, const char *program, struct database *run);

/* Its length as stored, 0 where it is not known. */
uint64_t capture_size(const struct capture *capture);

struct source capture_source(struct capture *capture);

#endif
