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
#include "digest.h"
#include "envelope.h"
#include "fail.h"
#include "file.h"
#include "input.h"
#include "prefix.h"
#include "record.h"
#include "stream.h"
#include "table.h"

/* What a database knows of the first lines of the file. */
struct known_lines {
	int64_t line;
	char hash[MARK_HASH];
	const char *database;
	bool whole; /* they were all that the file had */
};

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
	int fd;                          /* of what cannot be opened again: a pipe; else -1 until it is read */
	int64_t size;                    /* as stored, -1: not known */
	int64_t from;                    /* the first line to deliver */
	bool whole;                      /* all of it was read before: nothing to deliver */
	bool resumed;                    /* from is where a database goes on */
	int64_t lines;                   /* lines taken */
	struct known_lines *known_lines; /* what databases know of its first lines */
	size_t known_n;
	int64_t due;           /* the next line at which one of them is to be compared; INT64_MAX: none */
	struct digest digest;  /* of the lines taken */
	int64_t settled;       /* how many of these are settled */
	struct mark_file said; /* of it in the next mark */
	bool payments;         /* it holds some */
	int64_t known;         /* covered up to here, as last said */
	int64_t next;          /* covered up to here */
	bool ended;            /* its end was reached, by way of its lines */
	struct bytes *bytes;
	struct input input;
	bool opened;
	enum capture_format format;
	struct delivery *delivery;
	uint64_t before; /* bytes of the files before it */
	struct names names;
	int data; /* name of a member */
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
	fail(
	    EX_OPERATOR,
	    "%s: %s knows %s with other content (%s): nothing was taken; give another file another name (--as), accept "
	    "one that has grown with --grown, or a new edition by pay-settle --correct",
	    capture->path, database, capture->name, what);
}

static void add_known(struct capture *capture, int64_t line, const char *hash, const char *database, bool whole)
{
	capture->known_lines =
	    must_realloc(capture->known_lines, (capture->known_n + 1) * sizeof *capture->known_lines);
	struct known_lines *known = &capture->known_lines[capture->known_n++];
	*known = (struct known_lines){.line = line, .database = database, .whole = whole};
	snprintf(known->hash, sizeof known->hash, "%s", hash);
	if (line < capture->due)
		capture->due = line;
}

/* Compares the settled lines with what databases know of so many. */
static void compare(struct capture *capture)
{
	char hash[MARK_HASH];
	digest_text(&capture->digest, &capture->input, hash);
	capture->due = INT64_MAX;
	for (size_t i = 0; i < capture->known_n; i++) {
		const struct known_lines *known = &capture->known_lines[i];
		if (known->line == capture->settled && strcmp(known->hash, hash) != 0)
			other_content(capture, known->database, "not the same lines");
		if (known->line > capture->settled && known->line < capture->due)
			capture->due = known->line;
	}
}

/* More lines follow the settled ones: a file that had ended with them has grown. */
static void compare_length(struct capture *capture)
{
	for (size_t i = 0; i < capture->known_n; i++) {
		const struct known_lines *known = &capture->known_lines[i];
		if (!known->whole || known->line != capture->settled)
			continue;
		if (!capture->wish->grown)
			other_content(capture, known->database, "it was shorter");
		capture->whole = false;
	}
}

/* It has no more lines: a database must not know more. */
static void compare_end(const struct capture *capture)
{
	for (size_t i = 0; i < capture->known_n; i++) {
		const struct known_lines *known = &capture->known_lines[i];
		if (known->line <= capture->settled)
			continue;
		if (known->whole)
			other_content(capture, known->database, "it was longer");
		fail(EX_OPERATOR,
		     "%s: has %" PRId64 " lines, but a database has taken %" PRId64
		     " of it: the file was cut, or is another (--as gives it another name)",
		     capture->path, capture->settled, known->line);
	}
}

static int keep_waiting(void *self, uint64_t read, bool waiting)
{
	enum { AGAIN_MS = 1000 };
	(void)self, (void)read, (void)waiting;
	return AGAIN_MS;
}

/* Reads a file that can be read once more as far as databases know it, before anything of it is delivered. */
static void compare_before(struct capture *capture)
{
	struct input *input = &capture->input;
	struct bytes *bytes = bytes_open(file_open(capture->path), capture->path, keep_waiting, NULL);
	const char *p;
	uint64_t length;
	int64_t due = capture->due;
	input_open_fill(input, capture->path, bytes_fill, bytes);
	digest_open(&capture->digest);
	for (capture->settled = 0; capture->due < INT64_MAX || capture->whole;) {
		if (capture->settled == capture->due)
			compare(capture);
		digest_before_next(&capture->digest, input);
		enum input_state state = input_next(input, &p, &length, NULL, NULL);
		if (state == INPUT_END) {
			compare_end(capture);
			break;
		}
		compare_length(capture);
		digest_next(&capture->digest, input, state, p, length);
		input_take(input, state == INPUT_TOO_LONG ? NULL : rawmemchr(p, '\n'));
		digest_settle(&capture->digest, input);
		capture->settled++;
	}
	digest_close(&capture->digest);
	input_close(input);
	bytes_close(bytes);
	capture->settled = 0;
	capture->due = due;
}

/* What a database knows of it; returns up to where it has its lines, 0: it has none. */
static int64_t ask(struct capture *capture, struct database *database, const char *path)
{
	struct slice name = slice_of(capture->name);
	int64_t high = 0, lines;
	char content[MARK_HASH];
	bool covered = cover_high(database, name, 0, NULL, &high);
	char *state = covered ? cover_state(database, name, 0, high) : NULL;
	if (state && !slice_begins(slice_of(state), SLICE(COVER_FILE_STATE)))
		fail(EX_OPERATOR,
		     "%s: %s knows %s as a topic: its coordinates would be those of other payments; give the file "
		     "another name (--as)",
		     capture->path, path, capture->name);
	if (state)
		add_known(capture, high - 1, state + strlen(COVER_FILE_STATE), path, false);
	free(state);
	if (cover_file(database, name, &lines, content)) {
		if (capture->wish->grown)
			memcpy(capture->said.was, content, MARK_HASH);
		/* A last line that was cut is not covered: it may go on now. */
		if (!capture->wish->grown || high > lines)
			add_known(capture, lines, content, path, true);
	} else {
		capture->whole = false;
	}
	return covered ? high : 0;
}

/* Where to begin by the databases' cover. */
static void resume(struct capture *capture)
{
	const struct capture_wish *wish = capture->wish;
	int64_t least = INT64_MAX, hole = INT64_MAX; /* hole: where one would begin in a database that has cover */
	const char *holed = NULL;
	capture->whole = wish->resume_n > 0;
	for (size_t i = 0; i < wish->resume_n; i++) {
		struct database database;
		int64_t high = 0;
		if (database_open_cover(&database, wish->resume[i])) {
			high = ask(capture, &database, wish->resume[i]);
			database_close(&database);
		} else {
			capture->whole = false;
		}
		if (high > 0 && high < hole) {
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
	*capture = (struct capture){.path = path,
				    .name = name,
				    .wish = wish,
				    .before = before,
				    .fd = -1,
				    .size = -1,
				    .due = INT64_MAX,
				    .said = {.lines = -1}};
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
	if (S_ISREG(status.st_mode) && !standard)
		capture->size = status.st_size;
	resume(capture);
	if (capture->size < 0) {
		capture->fd = fd;
		capture->whole = false; /* it has to be read before that can be said */
	} else {
		close(fd);
		if (capture->known_n > 0)
			compare_before(capture);
	}
	capture->known = capture->next = capture->from;
	prefix_init(&capture->prefix, name, 0);
	return capture;
}

uint64_t capture_size(const struct capture *capture)
{
	return capture->size > 0 ? (uint64_t)capture->size : 0;
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
	digest_open(&capture->digest);
	names_init(&capture->names);
	capture->data = names_add(&capture->names, SLICE("data"));
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
	struct coordinates at;
	amount value;
	bool dead = members_get(top, NAME_DEAD) != NULL;
	if (source && !(dead && source->type == JSON_NULL) &&
	    (source->type != JSON_STRING || !coordinates_read(member_decoded(source, &capture->scratch), &at))) {
		bad_line(capture, line, line.n, "_src is not source/partition/offset");
		return;
	}
	const struct member *data = members_get(top, capture->data);
	capture->seal.seen++;
	capture->payments |= money || (data && data->type == JSON_OBJECT);
	if (money && !dead && money->type == JSON_NUMBER && amount_read(money->value, &value))
		capture->seal.amount += value;
	if (source && source->type == JSON_STRING)
		covers_met(capture->delivery->covers, &at);
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
	capture->payments = true;
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

/* The lines taken are settled: what was wanted of them is covered, and the hash of all is known. */
static void settle_lines(struct capture *capture, bool wanted)
{
	char hash[MARK_HASH];
	if (wanted)
		capture->next = capture->lines + 1;
	digest_settle(&capture->digest, &capture->input);
	capture->settled = capture->lines;
	if (capture->settled == capture->due)
		compare(capture);
	if (!mark_is_place(capture->settled))
		return;
	digest_text(&capture->digest, &capture->input, hash);
	mark_place(&capture->said, capture->settled, hash);
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
		capture->payments = true;
	} else {
		feed = take_ndjson(capture, p, cut);
	}
	input_take(&capture->input, feed);
	capture->lines++;
	if (!wanted || !capture->csv || csv_between(capture->csv))
		settle_lines(capture, wanted);
}

/* The end of the file: was it whole, and is it what a database knew? */
static void end_file(struct capture *capture)
{
	if (capture->csv) {
		csv_end(capture->csv); /* may deliver the last row */
		capture->csv = NULL;
		settle_lines(capture, capture->lines >= capture->from);
	}
	compare_end(capture);
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
		digest_before_next(&capture->digest, input);
		enum input_state state = input_next(input, &p, &length, NULL, NULL);
		/* What was begun when the end was asked for is not known to be whole. */
		if (*delivery->stop)
			return false;
		if (state == INPUT_END) {
			end_file(capture);
			return false;
		}
		compare_length(capture);
		digest_next(&capture->digest, input, state, p, length);
		take_line(capture, state, p, length);
		delivery_segment(delivery);
	} while (!delivery_full(delivery) && input->start < input->whole);
	return true;
}

static void cover(void *self, struct mark *mark)
{
	struct capture *capture = self;
	struct slice name = slice_of(capture->name);
	char state[sizeof COVER_FILE_STATE + MARK_HASH] = COVER_FILE_STATE;
	if (capture->next > capture->known) {
		mark_cover(mark, name, 0, capture->known, capture->next);
		digest_text(&capture->digest, &capture->input, state + strlen(state));
		mark_state(mark, name, 0, slice_of(state));
	}
	capture->known = capture->next;
	if (capture->ended) {
		capture->said.lines = capture->settled;
		digest_text(&capture->digest, &capture->input, capture->said.content);
	}
	if (!capture->ended && capture->said.places_n == 0 && !capture->said.was[0])
		return;
	/* A file without payments, as of a day off, may be like others. */
	capture->said.twice = capture->wish->twice || !capture->payments;
	mark_say(mark, name, &capture->said);
	capture->ended = false; /* said once */
	capture->said.content[0] = '\0';
	capture->said.lines = -1;
	capture->said.places_n = 0;
}

static void close_capture(void *self)
{
	struct capture *capture = self;
	if (capture->opened) {
		bytes_close(capture->bytes);
		digest_close(&capture->digest);
		input_close(&capture->input);
		record_free(&capture->record);
		envelopes_free(&capture->envelopes);
		mark_free(&capture->seal.mark);
	}
	free(capture->scratch.p);
	free(capture->known_lines);
	free(capture->said.places);
	prefix_free(&capture->prefix);
	free(capture);
}

struct source capture_source(struct capture *capture)
{
	return (struct source){
	    .self = capture, .open = open_capture, .read = read_capture, .cover = cover, .close = close_capture};
}
