#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "coordinates.h"
#include "cover.h"
#include "database.h"
#include "envelope.h"
#include "fail.h"
#include "file.h"
#include "input.h"
#include "prefix.h"
#include "record.h"
#include "stream.h"
#include "table.h"

/* What marks in the file say must be what stands in it. */
struct seal {
	struct mark mark;
	bool met, ended;
	bool counting; /* all records since the mark before were seen */
	uint64_t next_seq, seen;
	amount_sum amount;
};

struct capture {
	const char *path, *name;
	const struct capture_wish *wish;
	int fd;       /* of what cannot be opened again: a pipe; else -1 until it is read */
	int64_t size; /* as stored, -1: not known */
	char sample[BYTES_HASH], was[BYTES_HASH];
	int64_t from;  /* the first line to deliver */
	bool whole;    /* all of it was read before: nothing to deliver */
	bool resumed;  /* from is where a database goes on */
	int64_t lines; /* lines taken */
	int64_t known; /* covered up to here, as last said */
	int64_t next;  /* covered up to here */
	bool ended;    /* its end was reached, by way of its lines */
	struct bytes *bytes;
	struct input input;
	bool opened;
	enum capture_format format;
	struct delivery *delivery;
	uint64_t before; /* bytes of the files before it */
	struct names names;
	struct record record;
	struct envelopes envelopes;
	struct scratch scratch;
	struct seal seal;
	struct csv *csv;
	int64_t csv_before; /* lines that were not for it */
	struct prefix prefix;
};

/* --- what is known of it --- */

_Noreturn static void other_content(const struct capture *capture, const char *database, const char *what)
{
	fail(EX_OPERATOR,
	     "%s: %s knows %s with other content (%s); give another file another name (--as), or accept a file that "
	     "has grown with --grown",
	     capture->path, database, capture->name, what);
}

/* Whether the last line that was read then still ends where it did. */
static bool line_ends_at(const struct capture *capture, int fd, int64_t size)
{
	char around[2], first[4];
	if (pread(fd, first, 4, 0) == 4 &&
	    (memcmp(first, "\x1f\x8b", 2) == 0 || memcmp(first, "\x28\xb5\x2f\xfd", 4) == 0))
		return true; /* packed: another member or frame follows */
	if (size == 0)
		return true;
	if (pread(fd, around, 2, size - 1) != 2)
		fail(EX_IOERR, "%s: cannot read:", capture->path);
	return around[0] == '\n' || around[1] == '\n';
}

/* The file against what a database knows of one under its name that was read to its end. Returns whether it is that
 * file, with nothing more to read. */
static bool compare(struct capture *capture, int fd, const char *database, const struct mark_file *known)
{
	char hash[BYTES_HASH];
	if (capture->size < 0 || known->size < 0)
		return false; /* a pipe: the sink compares when it has ended */
	bool grown = capture->size > known->size && capture->wish->grown;
	if (capture->size != known->size && !grown)
		other_content(capture, database, capture->size > known->size ? "it was shorter" : "it was longer");
	if (!bytes_hash_start(fd, capture->path, (uint64_t)known->size, hash) || strcmp(hash, known->content) != 0)
		other_content(capture, database, "not the same bytes");
	if (grown && !line_ends_at(capture, fd, known->size))
		other_content(capture, database, "its last line went on");
	if (grown)
		memcpy(capture->was, known->content, sizeof capture->was);
	return !grown;
}

/* Where to begin by the databases' cover. */
static void resume(struct capture *capture, int fd)
{
	const struct capture_wish *wish = capture->wish;
	struct slice name = slice_of(capture->name);
	int64_t least = INT64_MAX, hole = INT64_MAX; /* hole: where one would begin in a database that has cover */
	const char *holed = NULL;
	capture->whole = wish->resume_n > 0;
	for (size_t i = 0; i < wish->resume_n; i++) {
		struct database database;
		struct mark_file known;
		int64_t high = 0;
		bool there = database_open_cover(&database, wish->resume[i]);
		bool covered = there && cover_high(&database, name, 0, NULL, &high);
		if (there && cover_file(&database, name, &known))
			capture->whole &= compare(capture, fd, wish->resume[i], &known);
		else
			capture->whole = false;
		if (there)
			database_close(&database);
		if (!covered)
			high = 0;
		if (covered && high < hole) {
			holed = wish->resume[i];
			hole = high;
		}
		least = high < least ? high : least;
	}
	capture->from = wish->from;
	if (wish->from > hole && !wish->allow_gap)
		fail(EX_OPERATOR,
		     "%s: --from %" PRId64 " would leave a hole: %s has its lines up to %" PRId64
		     " only; begin there, or accept the hole with --allow-gap",
		     capture->path, wish->from, holed, hole - 1);
	if (wish->resume_n > 0 && least > wish->from) {
		capture->from = least;
		capture->resumed = true;
	}
}

struct capture *capture_find(const char *path, const char *name, const struct capture_wish *wish, uint64_t before)
{
	struct capture *capture = must_alloc(sizeof *capture);
	*capture = (struct capture){.path = path, .name = name, .wish = wish, .before = before, .fd = -1, .size = -1};
	bool standard = strcmp(path, "-") == 0;
	int fd = STDIN_FILENO;
	struct stat status;
	if (standard)
		capture->path = "standard input";
	else
		fd = file_open(path);
	if (fstat(fd, &status) != 0)
		fail(EX_IOERR, "%s:", capture->path);
	/* Standard input may be a file that somebody else has begun to read. */
	if (S_ISREG(status.st_mode) && !standard) {
		capture->size = status.st_size;
		bytes_hash_sample(fd, path, (uint64_t)status.st_size, capture->sample);
	}
	resume(capture, fd);
	if (capture->size < 0)
		capture->fd = fd;
	else
		close(fd);
	capture->known = capture->next = capture->from;
	prefix_init(&capture->prefix, name, 0);
	return capture;
}

uint64_t capture_size(const struct capture *capture)
{
	return capture->size > 0 ? (uint64_t)capture->size : 0;
}

static void announce(void *self, struct mark *mark)
{
	const struct capture *capture = self;
	struct mark_file *file = mark_file(mark, slice_of(capture->name));
	if (capture->was[0]) {
		/* A sink knows the file by its former size: what it is now is said at its end. */
		memcpy(file->was, capture->was, sizeof file->was);
		return;
	}
	file->size = capture->size;
	memcpy(file->sample, capture->sample, sizeof file->sample);
}

/* --- reading --- */

static int tick(void *self, uint64_t read, bool waiting)
{
	struct capture *capture = self;
	int most = delivery_tick(capture->delivery, capture->before + read, waiting);
	return *capture->delivery->stop ? -1 : most;
}

static void open_capture(void *self, struct delivery *delivery)
{
	struct capture *capture = self;
	capture->delivery = delivery;
	if (capture->whole)
		return;
	int fd = capture->fd >= 0 ? capture->fd : file_open(capture->path);
	capture->bytes = bytes_open(fd, capture->path, tick, capture);
	input_open_fill(&capture->input, capture->path, bytes_fill, capture->bytes);
	names_init(&capture->names);
	record_init(&capture->record);
	envelopes_init(&capture->envelopes, capture->wish->with);
	mark_init(&capture->seal.mark);
	capture->seal.counting = true;
	capture->opened = true;
	capture->format = capture->wish->format;
}

/* The line's coordinates as a JSON string. */
static struct slice coordinates(struct capture *capture)
{
	return prefix_source(&capture->prefix, capture->lines + 1);
}

static void bad_line(struct capture *capture, struct slice raw, uint64_t length, const char *reason)
{
	capture->seal.seen++;
	struct slice source = stream_leading_source(raw);
	delivery_bad(capture->delivery, source.n ? source : coordinates(capture), reason, raw, length);
}

__attribute__((format(printf, 2, 3))) _Noreturn static void broken_seal(struct capture *capture, const char *format,
									...)
{
	char text[256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	output_flush(&capture->delivery->out);
	fail(EX_DATAERR,
	     "%s:%" PRId64 ": %s: the file was cut or altered; capture it again, or accept it with --unsealed",
	     capture->path, capture->lines + 1, text);
}

static void take_mark(struct capture *capture, const struct member *member)
{
	typedef unsigned long long number;
	struct seal *seal = &capture->seal;
	struct mark *mark = &seal->mark;
	if (capture->wish->unsealed)
		return;
	const char *reason = mark_read(mark, member);
	if (reason)
		broken_seal(capture, "%s", reason);
	if (seal->counting) {
		if (mark->seq != seal->next_seq)
			broken_seal(capture, "mark %llu where mark %llu was due", (number)mark->seq,
				    (number)seal->next_seq);
		if (mark->records != seal->seen)
			broken_seal(capture, "mark %llu says %llu records, but %llu came", (number)mark->seq,
				    (number)mark->records, (number)seal->seen);
		if (mark->has_amount && mark->amount != seal->amount)
			broken_seal(capture, "mark %llu says other amounts than came", (number)mark->seq);
	}
	if (mark->in != mark->records + mark_dropped_sum(mark))
		broken_seal(capture, "mark %llu: in is not records and dropped together", (number)mark->seq);
	seal->met = seal->counting = true;
	seal->ended = mark->end != MARK_GOES_ON;
	seal->next_seq = mark->seq + 1;
	seal->seen = 0;
	seal->amount = 0;
}

/* A record that is trusted as it is: it was captured behind pay-consume. */
static void pass(struct capture *capture)
{
	struct slice line = capture->record.line;
	char *to = delivery_room(capture->delivery, line.n + 1);
	memcpy(to, line.p, line.n);
	to[line.n] = '\n';
	delivery_record(capture->delivery, line.n + 1);
}

static void pass_with_source(struct capture *capture)
{
	struct slice line = capture->record.line, start = prefix_of(&capture->prefix, capture->lines + 1);
	char *to = delivery_room(capture->delivery, start.n + line.n + 2);
	size_t n = start.n;
	memcpy(to, start.p, n);
	if (capture->record.top.n > 0)
		to[n++] = ',';
	memcpy(to + n, line.p + 1, line.n - 1);
	n += line.n - 1;
	to[n++] = '\n';
	delivery_record(capture->delivery, n);
}

static void take_record(struct capture *capture)
{
	const struct members *top = &capture->record.top;
	const struct member *source = members_get(top, NAME_SRC), *money = members_get(top, NAME_AMOUNT);
	struct slice line = capture->record.line;
	struct coordinates ignored;
	amount value;
	bool dead = members_get(top, NAME_DEAD) != NULL;
	if (source && !(dead && source->type == JSON_NULL) &&
	    (source->type != JSON_STRING || !coordinates_read(member_decoded(source, &capture->scratch), &ignored))) {
		bad_line(capture, line, line.n, "_src is not source/partition/offset");
		return;
	}
	capture->seal.seen++;
	if (money && !dead && money->type == JSON_NUMBER && amount_read(money->value, &value))
		capture->seal.amount += value;
	if (source)
		pass(capture);
	else
		pass_with_source(capture);
}

/* Takes a line of NDJSON; returns its line feed. */
static const char *take_ndjson(struct capture *capture, const char *p, bool cut)
{
	const char *reason;
	struct record *record = &capture->record;
	const char *feed = record_read(record, &capture->names, p, &reason);
	if (capture->seal.ended && !capture->wish->unsealed)
		broken_seal(capture, "there is more after the end mark");
	if (!feed) {
		if (slice_begins(record->line, SLICE("{\"_mark\":")) && !capture->wish->unsealed)
			broken_seal(capture, "a mark that cannot be read: %s", reason);
		bad_line(capture, record->line, record->line.n, cut ? "the last line is cut" : reason);
		return rawmemchr(p, '\n');
	}
	if (record->top.at[NAME_MARK] == 1)
		take_mark(capture, &record->top.v[0]);
	else if (record->top.at[NAME_MARK])
		bad_line(capture, record->line, record->line.n, "\"_mark\" in a record");
	else
		take_record(capture);
	return feed;
}

static void take_row(void *self, uint64_t csv_line_number, const struct slice *fields, const char *fault,
		     struct slice raw)
{
	struct capture *capture = self;
	int64_t line = (int64_t)csv_line_number + capture->csv_before, at = capture->lines;
	if (line < capture->from || line >= capture->wish->to)
		return;
	/* The row's coordinates are those of the line where it begins. */
	capture->lines = line - 1;
	if (fault)
		delivery_bad(capture->delivery, coordinates(capture), fault, raw, raw.n);
	else
		table_deliver(capture->delivery, coordinates(capture), fields);
	capture->lines = at;
}

/* What came before a fault is written out. */
static void flush_rows(void *self)
{
	struct capture *capture = self;
	output_flush(&capture->delivery->out);
}

/* Finds the format by the first line that is not blank. */
static void detect(struct capture *capture, const char *p)
{
	const char *feed = rawmemchr(p, '\n');
	if (capture->format == CAPTURE_AUTO && *json_space(p) != '\n') {
		if (table_is((struct slice){p, (size_t)(feed - p)}))
			capture->format = CAPTURE_CSV;
		else
			capture->format = envelope_is(&capture->envelopes, p) ? CAPTURE_KCAT : CAPTURE_NDJSON;
	}
	if (capture->format == CAPTURE_CSV && !capture->csv) {
		capture->csv = csv_start(capture->path, table_columns, EX_DATAERR, take_row, capture);
		csv_before_failing(capture->csv, flush_rows);
		capture->csv_before = capture->lines;
	}
}

static const char *take_csv(struct capture *capture, const char *p, bool cut)
{
	const char *feed = rawmemchr(p, '\n');
	csv_line(capture->csv, p, (size_t)(feed - p) + !cut);
	return feed;
}

static void too_long(struct capture *capture, const char *p, uint64_t length)
{
	if (capture->csv && !csv_between(capture->csv)) {
		output_flush(&capture->delivery->out);
		fail(EX_DATAERR, "%s:%" PRId64 ": line over 16 MiB inside a row; is a quote left open?", capture->path,
		     capture->lines + 1);
	}
	bad_line(capture, (struct slice){p, INPUT_TOO_LONG_KEPT}, length, "line over 16 MiB");
}

/* Takes the line at hand, by its format. */
static void take_line(struct capture *capture, enum input_state state, const char *p, uint64_t length)
{
	const char *feed = NULL;
	bool wanted = capture->lines + 1 >= capture->from, cut = state == INPUT_CUT;
	if (state != INPUT_TOO_LONG && !capture->csv && capture->format != CAPTURE_NDJSON)
		detect(capture, p);
	if (state == INPUT_TOO_LONG) {
		capture->csv_before++;
		if (wanted)
			too_long(capture, p, length);
	} else if (capture->csv) {
		feed = take_csv(capture, p, cut);
	} else if (!wanted) {
		feed = rawmemchr(p, '\n');
		capture->seal.counting = false;
	} else if ((feed = rawmemchr(p, '\n')) - p > INPUT_LINE_MAX && (size_t)(feed - p) > input_line_most(p)) {
		bad_line(capture, (struct slice){p, INPUT_TOO_LONG_KEPT}, (uint64_t)(feed - p), "line over 16 MiB");
	} else if (capture->format == CAPTURE_KCAT) {
		feed = envelope_deliver(&capture->envelopes, capture->delivery, p, coordinates(capture));
	} else {
		feed = take_ndjson(capture, p, cut);
	}
	input_take(&capture->input, feed);
	capture->lines++;
	if (wanted && (!capture->csv || csv_between(capture->csv)))
		capture->next = capture->lines + 1;
}

/* The end of the file: was it whole, and is it what a database knew? */
static void end_file(struct capture *capture)
{
	if (capture->csv) {
		csv_end(capture->csv); /* may deliver the last row */
		capture->csv = NULL;
		if (capture->lines >= capture->from)
			capture->next = capture->lines + 1;
	}
	if (bytes_read(capture->bytes) == 0 && capture->fd == STDIN_FILENO)
		fail(EX_DATAERR, "standard input: empty: the program before this one has failed");
	if (capture->seal.met && !capture->seal.ended && !capture->wish->unsealed)
		broken_seal(capture, "no end mark came");
	if (capture->resumed && capture->from > capture->lines + 1) {
		output_flush(&capture->delivery->out);
		fail(EX_OPERATOR,
		     "%s: has %" PRId64 " lines, but a database has taken %" PRId64
		     " of it: the file was cut, or is another (--as gives it another name)",
		     capture->path, capture->lines, capture->from - 1);
	}
	if (capture->size >= 0 && bytes_read(capture->bytes) != (uint64_t)capture->size) {
		output_flush(&capture->delivery->out);
		fail(EX_TEMPFAIL, "%s: changed while it was read; run again when it is written whole", capture->path);
	}
	/* Whoever begins behind the end has not seen the lines before it: the file is not finished by that. */
	capture->ended = capture->resumed || capture->from == 1 || capture->from <= capture->lines;
}

static bool at_end(const struct capture *capture)
{
	return capture->lines + 1 >= capture->wish->to && (!capture->csv || csv_between(capture->csv));
}

static bool read_capture(void *self, struct delivery *delivery)
{
	struct capture *capture = self;
	struct input *input = &capture->input;
	if (capture->whole)
		return false;
	do {
		const char *p;
		uint64_t length;
		if (at_end(capture))
			return false;
		enum input_state state = input_next(input, &p, &length, NULL, NULL);
		/* What was begun when the end was asked for is not known to be whole. */
		if (*delivery->stop)
			return false;
		if (state == INPUT_END) {
			end_file(capture);
			return false;
		}
		take_line(capture, state, p, length);
		delivery_segment(delivery);
	} while (!delivery_full(delivery) && input->start < input->whole);
	return true;
}

static void cover(void *self, struct mark *mark)
{
	struct capture *capture = self;
	struct slice name = slice_of(capture->name);
	if (capture->next > capture->known)
		mark_cover(mark, name, 0, capture->known, capture->next);
	capture->known = capture->next;
	if (!capture->ended)
		return;
	struct mark_file *file = mark_file(mark, name);
	file->size = capture->size;
	memcpy(file->sample, capture->sample, sizeof file->sample);
	memcpy(file->was, capture->was, sizeof file->was);
	bytes_hash(capture->bytes, file->content);
	capture->ended = false; /* said once */
}

static void close_capture(void *self)
{
	struct capture *capture = self;
	if (capture->opened) {
		bytes_close(capture->bytes);
		input_close(&capture->input);
		record_free(&capture->record);
		envelopes_free(&capture->envelopes);
		mark_free(&capture->seal.mark);
	}
	free(capture->scratch.p);
	prefix_free(&capture->prefix);
	free(capture);
}

struct source capture_source(struct capture *capture)
{
	return (struct source){.self = capture,
			       .announce = announce,
			       .open = open_capture,
			       .read = read_capture,
			       .cover = cover,
			       .close = close_capture};
}
