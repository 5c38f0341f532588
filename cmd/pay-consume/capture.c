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

#include "beginning.h"
#include "bytes.h"
#include "coordinates.h"
#include "cover.h"
#include "database.h"
#include "digest.h"
#include "doubt.h"
#include "encoding.h"
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
	int fd;                          /* of standard input; else -1 */
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
	struct csv_form form;
	struct table table;
	struct encoding *encoding;
	char *help; /* where the header is not understood */
	struct doubt doubt;
	bool looked; /* at what the file seems to be */
	struct prefix prefix;
};

/* --- what is known of it --- */

_Noreturn static void other_content(const struct capture *capture, const char *database, const char *what)
{
	fail(
	    EX_OPERATOR,
	    "%s: %s knows %s with other content (%s): nothing was taken; give another file another name (--as), accept "
	    "%sa new edition by pay-settle --correct",
	    capture->path, database, capture->name, what,
	    capture->wish->grown ? "" : "one that has grown with --grown, or ");
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

/* Reads the file's lines from its bytes, in its encoding. */
static void open_text(struct capture *capture)
{
	const char *encoding = capture->wish->encoding;
	if (encoding)
		capture->encoding = encoding_open(encoding, bytes_fill, capture->bytes);
	if (encoding)
		input_open_fill(&capture->input, capture->path, encoding_fill, capture->encoding);
	else
		input_open_fill(&capture->input, capture->path, bytes_fill, capture->bytes);
}

static void close_text(struct capture *capture)
{
	encoding_close(capture->encoding);
	capture->encoding = NULL;
	input_close(&capture->input);
	bytes_close(capture->bytes);
	capture->bytes = NULL;
}

static int keep_waiting(void *self, uint64_t read, bool waiting)
{
	enum { AGAIN_MS = 1000 };
	(void)self, (void)read, (void)waiting;
	return AGAIN_MS;
}

/* Whether a last line without a line feed is the beginning of an object: it was not taken for one of the file's lines.
 */
static bool is_begun(const char *p)
{
	struct names names;
	struct record record;
	const char *reason;
	names_init(&names);
	record_init(&record);
	bool whole = record_read(&record, &names, p, &reason) != NULL;
	record_free(&record);
	return !whole && *json_space(p) == '{';
}

/* Reads a file that can be read once more as far as databases know it, before anything of it is delivered. */
static void compare_before(struct capture *capture)
{
	struct input *input = &capture->input;
	const char *p;
	uint64_t length;
	int64_t due = capture->due;
	capture->bytes = bytes_open(file_open(capture->path), capture->path, keep_waiting, NULL);
	open_text(capture);
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
		bool begun = state == INPUT_CUT && is_begun(p);
		if (!begun)
			compare_length(capture);
		digest_next(&capture->digest, input, state, p, length);
		input_take(input, state == INPUT_TOO_LONG ? NULL : rawmemchr(p, '\n'));
		if (begun)
			continue;
		digest_settle(&capture->digest, input);
		capture->settled++;
	}
	digest_close(&capture->digest);
	close_text(capture);
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
		else
			capture->whole = false;
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
	struct stat status;
	int fd = -1;
	if (standard) {
		/* It may be a file that somebody else has begun to read. */
		capture->path = "standard input";
		capture->fd = STDIN_FILENO;
	} else if (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
		/* A pipe is opened when it is read: whoever writes to it must not lose its reader. */
		if (access(path, R_OK) != 0)
			fail(fail_status(errno, EX_NOINPUT), "%s:", path);
	} else {
		fd = file_open(path);
		if (fstat(fd, &status) != 0)
			fail(EX_IOERR, "%s:", path);
		capture->size = status.st_size;
	}
	resume(capture);
	if (fd < 0) {
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

static bool tell(const struct capture *capture, char *text)
{
	struct beginning beginning = {doubt_start(&capture->doubt), capture->path, capture->name,
				      bytes_unpack(capture->bytes), capture->wish->encoding};
	return beginning_tell(&beginning, text);
}

/* Before the program ends by a fault of the file: what was read before goes out. Where nothing of the file was
 * understood, the files before it are whole, and are closed by a mark. */
static void before_failing(void *self)
{
	struct capture *capture = self;
	struct delivery *delivery = capture->delivery;
	if (delivery->doubt && (delivery->mark.in > 0 || delivery->mark.ranges_n > 0 || delivery->mark.files_n > 0))
		delivery_close_segment(delivery);
	else
		output_flush(&delivery->out);
}

/* Nothing of the file is understood: ends the program. what: why, with the line's number where it has one. */
__attribute__((format(printf, 2, 3))) _Noreturn static void refuse(struct capture *capture, const char *format, ...)
{
	char text[512], told[BEGINNING_TEXT];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	bool known = tell(capture, told);
	before_failing(capture);
	fail(EX_DATAERR, "%s: not understood, and nothing of it is kept: %s%s%s", capture->path, text,
	     known ? "; it seems to be " : "; its name is free for a mended one", known ? told : "");
}

/* The same, for the bad lines that wait. */
_Noreturn static void refuse_lines(struct capture *capture, const char *what)
{
	struct slice source;
	const char *reason = doubt_first(&capture->doubt, &source);
	refuse(capture, "%s, the first, %.*s: %.300s", what, (int)(source.n < 200 ? source.n - 2 : 198), source.p + 1,
	       reason);
}

/* All that was asked for of the file was read. */
static void understand(struct capture *capture)
{
	struct delivery *delivery = capture->delivery;
	if (!delivery->doubt)
		return;
	if (capture->doubt.n > 0)
		refuse_lines(capture, "all of its lines are bad");
	delivery_understood(delivery, 0);
	if (capture->lines >= capture->from)
		capture->next = capture->lines + 1;
}

/* What is buffered from there on tells more of the file. */
static void see_ahead(struct capture *capture, const char *from)
{
	const struct input *input = &capture->input;
	doubt_see(&capture->doubt, (struct slice){from, (size_t)(input->buffer + input->end - from)});
}

/* Whether the bad lines may wait on. */
static void judge(struct capture *capture)
{
	char told[BEGINNING_TEXT];
	struct delivery *delivery = capture->delivery;
	const struct settings *settings = delivery->settings;
	uint64_t n = capture->doubt.n, taken = delivery->stats.in - delivery->left_out;
	if (!settings->dead_letter || n > settings->max_dead - delivery->dead.count) {
		see_ahead(capture, capture->input.buffer + capture->input.start);
		if (tell(capture, told))
			refuse_lines(capture, "its lines are bad");
		delivery_understood(delivery, 0); /* which ends the program */
	} else if (doubt_full(&capture->doubt)) {
		refuse_lines(capture, "so many lines are bad");
	} else if (n >= delivery->most - taken) {
		refuse_lines(capture, "all of its lines that were asked for are bad");
	}
}

/* Before a line of a file that is not understood yet is taken: is it one of another kind? */
static void look(struct capture *capture, const char *p, bool too_long)
{
	size_t n = too_long ? INPUT_TOO_LONG_KEPT : (size_t)((const char *)rawmemchr(p, '\n') - p) + 1;
	struct slice line = {p, n};
	doubt_see(&capture->doubt, line);
	if (capture->looked || *json_space(p) == '\n' || capture->lines < capture->wish->skip_lines)
		return;
	capture->looked = true;
	if (!beginning_foreign(doubt_start(&capture->doubt)) &&
	    (capture->format == CAPTURE_CSV || !beginning_spread(line)))
		return;
	if (!too_long)
		see_ahead(capture, p + n);
	refuse(capture, "its beginning is that of another kind of file");
}

static void open_capture(void *self, struct delivery *delivery)
{
	struct capture *capture = self;
	const struct capture_wish *wish = capture->wish;
	capture->delivery = delivery;
	if (capture->whole)
		return;
	int fd = capture->fd >= 0 ? capture->fd : file_open(capture->path);
	capture->bytes = bytes_open(fd, capture->path, tick, capture);
	bytes_before_failing(capture->bytes, before_failing);
	open_text(capture);
	digest_open(&capture->digest);
	names_init(&capture->names);
	capture->data = names_add(&capture->names, SLICE("data"));
	record_init(&capture->record);
	envelopes_init(&capture->envelopes, wish->with);
	capture->envelopes.file = slice_of(capture->name);
	mark_init(&capture->seal.mark);
	capture->seal.counting = true;
	capture->opened = true;
	capture->format = wish->format;
	/* What was read before has been understood. */
	delivery->doubt = capture->resumed ? NULL : &capture->doubt;
}

/* The line's coordinates as a JSON string. */
static struct slice coordinates(struct capture *capture)
{
	return prefix_source(&capture->prefix, capture->lines + 1);
}

/* Why a line is bad: the byte that is no text in its encoding comes before all else. */
static const char *reason_of(struct capture *capture, struct slice raw, const char *reason)
{
	const char *fault = capture->encoding ? encoding_fault(capture->encoding, raw) : NULL;
	return fault ? fault : reason;
}

static void bad_line(struct capture *capture, struct slice raw, uint64_t length, const char *reason)
{
	capture->seal.seen++;
	struct slice source = stream_leading_source(raw);
	reason = reason_of(capture, raw, reason);
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
	before_failing(capture);
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
	if (capture->delivery->doubt)
		delivery_understood(capture->delivery, 0);
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
	const char *wrapped = capture->delivery->doubt && top->reserved == 0 ? beginning_envelope(top) : NULL;
	if (wrapped) {
		bad_line(capture, line, line.n, wrapped);
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
		delivery_bad(capture->delivery, coordinates(capture), reason_of(capture, raw, fault), raw, raw.n);
	else
		table_deliver(&capture->table, capture->delivery, coordinates(capture), fields);
	capture->payments = true;
	capture->lines = at;
}

static struct slice column_name(void *self, struct slice word)
{
	const struct capture *capture = self;
	return columns_member(capture->wish->columns, word);
}

static const char *name_others(void *self, const struct slice *names, size_t n)
{
	struct capture *capture = self;
	return table_name_others(&capture->table, names, n);
}

static void start_table(struct capture *capture)
{
	char told[BEGINNING_TEXT];
	bool known = capture->delivery->doubt && tell(capture, told);
	capture->help = known ? must_format("; it seems to be %s", told)
			      : must_strdup("; --columns FILE says what its words stand for");
	capture->form = (struct csv_form){
	    .delimiter = capture->wish->delimiter, .name = column_name, .others = name_others, .help = capture->help};
	capture->csv = csv_start(capture->path, table_columns, EX_DATAERR, take_row, capture);
	csv_as(capture->csv, &capture->form);
	csv_before_failing(capture->csv, before_failing);
	capture->csv_before = capture->lines;
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
	if (capture->format == CAPTURE_CSV)
		start_table(capture);
}

static const char *take_csv(struct capture *capture, const char *p, bool cut)
{
	const char *feed = rawmemchr(p, '\n');
	if (cut && !capture->wish->unterminated && json_space(p) != feed) {
		before_failing(capture);
		fail(EX_DATAERR,
		     "%s:%" PRId64
		     ": the last row has no line feed behind it, and may be cut: fetch the file again, or "
		     "take the row for whole with --unterminated",
		     capture->path, capture->lines + 1);
	}
	csv_line(capture->csv, p, (size_t)(feed - p) + !cut);
	return feed;
}

static void too_long(struct capture *capture, const char *p, uint64_t length)
{
	if (capture->csv && !csv_between(capture->csv)) {
		before_failing(capture);
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

/* Takes a line by its format; returns its line feed, NULL for one that is too long. */
static const char *take_wanted(struct capture *capture, enum input_state state, const char *p, uint64_t length,
			       bool wanted)
{
	const char *feed = NULL;
	bool cut = state == INPUT_CUT;
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
		feed = envelope_deliver(&capture->envelopes, capture->delivery, p, coordinates(capture), cut);
		capture->payments = true;
	} else {
		feed = take_ndjson(capture, p, cut);
	}
	return feed;
}

/* Bad lines so far, those that wait among them. */
static uint64_t bad_lines(const struct capture *capture)
{
	return capture->delivery->stats.dead + capture->doubt.n;
}

/* Takes the line at hand, by its format. */
static void take_line(struct capture *capture, enum input_state state, const char *p, uint64_t length)
{
	const char *feed = NULL;
	bool wanted = capture->lines + 1 >= capture->from, cut = state == INPUT_CUT;
	uint64_t bad = bad_lines(capture);
	if (capture->lines == 0 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
		p += 3; /* a byte order mark */
	if (capture->delivery->doubt)
		look(capture, p, state == INPUT_TOO_LONG);
	if (capture->lines < capture->wish->skip_lines)
		feed = state == INPUT_TOO_LONG ? NULL : rawmemchr(p, '\n');
	else
		feed = take_wanted(capture, state, p, length, wanted);
	input_take(&capture->input, feed);
	capture->lines++;
	/* A last line that was cut may be whole when the file has grown: it is not settled. */
	bool awaited = cut && bad_lines(capture) > bad;
	if (cut && !awaited)
		compare_length(capture);
	if (!awaited && (!wanted || !capture->csv || csv_between(capture->csv)))
		settle_lines(capture, wanted && !capture->delivery->doubt);
	if (capture->delivery->doubt && capture->doubt.n > 0)
		judge(capture);
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
	understand(capture);
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

/* Takes the next line; false when there is none, or none that is wanted. */
static bool read_one(struct capture *capture)
{
	const char *p;
	uint64_t length;
	if (at_end(capture)) {
		understand(capture);
		return false;
	}
	digest_before_next(&capture->digest, &capture->input);
	enum input_state state = input_next(&capture->input, &p, &length, NULL, NULL);
	/* What was begun when the end was asked for is not known to be whole. */
	if (*capture->delivery->stop)
		return false;
	if (state == INPUT_END) {
		end_file(capture);
		return false;
	}
	if (state != INPUT_CUT)
		compare_length(capture);
	digest_next(&capture->digest, &capture->input, state, p, length);
	take_line(capture, state, p, length);
	return true;
}

static bool read_capture(void *self, struct delivery *delivery)
{
	struct capture *capture = self;
	if (capture->whole)
		return false;
	do {
		if (!read_one(capture))
			return false;
		delivery_segment(delivery);
	} while (!delivery_full(delivery) && input_buffered(&capture->input));
	return true;
}

static void cover(void *self, struct mark *mark)
{
	struct capture *capture = self;
	struct slice name = slice_of(capture->name);
	char state[sizeof COVER_FILE_STATE + MARK_HASH] = COVER_FILE_STATE;
	if (capture->delivery && capture->delivery->doubt)
		return; /* it may be no file of payments */
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

/* Reads the rest of a file that nobody knows by its name, and refuses it where its content is known. */
static void look_for_content(struct capture *capture, struct database *run)
{
	const struct capture_wish *wish = capture->wish;
	struct mark mark;
	while (read_one(capture)) {
	}
	mark_init(&mark);
	cover(capture, &mark);
	for (size_t i = 0; i < wish->resume_n; i++) {
		struct database database;
		if (!database_open_cover(&database, wish->resume[i]))
			continue;
		cover_check_files(&database, &mark);
		database_close(&database);
	}
	cover_take_files(run, &mark);
	mark_free(&mark);
}

void capture_look(struct capture *capture, const char *program, struct database *run)
{
	const struct capture_wish *wish = capture->wish;
	volatile sig_atomic_t stop = 0;
	struct settings settings = {.program = program};
	struct delivery delivery;
	if (capture->size < 0 || capture->whole || capture->resumed)
		return;
	delivery_look(&delivery, &settings);
	delivery.stop = &stop;
	open_capture(capture, &delivery);
	while (delivery.doubt && doubt_start(&capture->doubt).n < DOUBT_START && read_one(capture)) {
	}
	if (wish->resume_n > 0 && capture->known_n == 0 && wish->from == 1 && wish->to == INT64_MAX)
		look_for_content(capture, run);
	delivery_look_end(&delivery);
}

static void close_capture(void *self)
{
	struct capture *capture = self;
	if (capture->opened) {
		close_text(capture);
		digest_close(&capture->digest);
		record_free(&capture->record);
		envelopes_free(&capture->envelopes);
		mark_free(&capture->seal.mark);
	}
	doubt_free(&capture->doubt);
	table_free(&capture->table);
	free(capture->help);
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
