#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confine.h"
#include "fail.h"
#include "file.h"
#include "shape.h"
#include "target.h"

enum { PLAIN_SEGMENT = 10000 }; /* records after which plain input ends a segment */
enum { DISK_MS = 1 };           /* after which is asked again whether a segment is on the disk */

static const char standard_input[] = "standard input", line_too_long[] = "line over 16 MiB";

static void take_ahead(struct stream *stream);

/* Messages are this stage's from here on; returns whose they were. */
static struct fail_voice speak(const struct stream *stream)
{
	return fail_speak((struct fail_voice){stream->settings->program, stream->settings->quiet});
}

/* Whether the segment that ended last is on the disk, here and in the streams that this one is joined behind; wait:
 * until it is. */
static bool durable(void *self, bool wait)
{
	struct stream *stream = self;
	bool is = true;
	for (; stream && is; stream = stream->settings->upstream) {
		if (!stream->stage->durable)
			continue;
		struct fail_voice was = speak(stream);
		is = stream->stage->durable(stream->self, stream, wait);
		fail_speak(was);
	}
	return is;
}

/* What a stream writes leaves the process by the last one that it is joined with. */
static struct output *way_out(struct stream *stream)
{
	while (stream->down)
		stream = stream->down;
	return &stream->out;
}

/* What was whole before an error is not left undone. */
static void do_now(struct stream *stream)
{
	output_hurry(way_out(stream));
	if (stream->stage->put_off)
		stream->stage->put_off(stream->self, stream, true);
}

void stream_cut(struct stream *stream, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	do_now(stream);
	output_flush(&stream->out);
	fail(EX_DATAERR, "%s: line %llu: %s: the input was cut or altered; run it again from its source%s",
	     stream->input.name, (unsigned long long)stream->line, text,
	     stream->settings->offers & OPTIONS_STREAM ? ", or accept it with --unsealed" : "");
}

/* What goes its way now must not overtake what is held. */
static void release(struct stream *stream)
{
	if (stream->held.n > 0 && !stream->again)
		stream->stage->release(stream->self, stream);
}

/* What was written must not wait for a reader that waits for it; but for the disk, while more may come. */
static int idle(void *self)
{
	struct stream *first = self;
	int pause = -1;
	for (struct stream *stream = first; stream; stream = stream->down) {
		speak(stream);
		release(stream);
		if (!output_ready(way_out(stream)))
			pause = DISK_MS;
		else if (stream->out.n > 0)
			output_flush(&stream->out);
		int wanted = stream->stage->put_off ? stream->stage->put_off(stream->self, stream, false) : -1;
		if (wanted >= 0 && (pause < 0 || wanted < pause))
			pause = wanted;
	}
	speak(first);
	if (first->settings->progress)
		stats_progress(&first->stats, first->settings->program, first->input.bytes, 0, false);
	return pause;
}

static void print_stats(const struct stream *first)
{
	for (const struct stream *stream = first; stream; stream = stream->down)
		if (stream->settings->stats)
			stats_print(&stream->stats, stream->settings->program, stream->more);
}

/* The program ends by an error, of this stream's stage or of one that it is joined with. */
static void give_up(void *self)
{
	struct stream *first = self;
	for (struct stream *stream = first; stream; stream = stream->down)
		if (stream->stage->broken) {
			speak(stream);
			stream->stage->broken(stream->self, stream);
		}
	(void)output_wait(way_out(first)); /* it ends by another error */
	print_stats(first);
}

/* Lines that were read ahead */

/* Takes all of them, here and in the streams behind, so that nothing points any more into what is read or written here.
 */
static void settle(struct stream *stream)
{
	for (; stream; stream = stream->down)
		while (stream->ahead_n > 0)
			take_ahead(stream);
}

/* Where the next one goes. */
static struct ahead *next_ahead(struct stream *stream)
{
	return &stream->ahead[(stream->ahead_first + stream->ahead_n) % stream->ahead_size];
}

/* Reads the line at p into it; cut: it had no line feed of its own. Returns its line feed. */
static const char *read_ahead(struct stream *stream, struct ahead *ahead, const char *p, bool cut)
{
	*ahead = (struct ahead){.record = ahead->record, .line = stream->input.line, .cut = cut};
	const char *feed = record_read(ahead->record, &stream->names, p, &ahead->reason);
	if (feed)
		ahead->reason = NULL;
	else
		feed = rawmemchr(p, '\n');
	ahead->length = ahead->record->line.n;
	return feed;
}

/* Adds it: it waits until as many others are read as the stage prepares. */
static void add_ahead(struct stream *stream, const struct ahead *ahead)
{
	const struct members *top = &ahead->record->top;
	size_t wait = stream->ahead_size - 1;
	stream->ahead_n++;
	if (record_large(ahead->record) || (!ahead->reason && top->at[NAME_MARK]))
		wait = 0; /* of large ones one is held; whether a mark ends the input is told while no more is read */
	else if (wait > 0 && !ahead->reason && !top->at[NAME_DEAD])
		stream->stage->prepare(stream->self, stream, ahead->record, ahead->line);
	while (stream->ahead_n > wait)
		take_ahead(stream);
}

/* Joined streams */

/* Gives the next stream the whole lines that were written since the last time; rest: a begun one too. */
static void hand_lines(struct stream *stream, bool rest)
{
	struct stream *down = stream->down;
	const struct output *out = &stream->out;
	while (stream->handed < out->n) {
		const char *p = out->buffer + stream->handed;
		if (!rest && !memrchr(p, '\n', out->n - stream->handed))
			break;
		struct ahead *ahead = next_ahead(down);
		size_t n = (size_t)(read_ahead(down, ahead, p, rest) - p);
		if (n > INPUT_LINE_MAX && n > input_line_most(p)) {
			ahead->record->line = (struct slice){p, INPUT_TOO_LONG_KEPT};
			ahead->reason = line_too_long;
			ahead->length = n;
		}
		stream->handed += n + 1;
		down->input.line++;
		down->input.bytes += n + 1;
		add_ahead(down, ahead);
	}
}

/* Gives the next stream the record at hand as it was read here. Returns false where that stream must read the line
 * itself, or there is none. */
static bool hand_record(struct stream *stream, const struct record *record)
{
	struct stream *down = stream->down;
	struct ahead *at = stream->at;
	if (!down || record != at->record || record->top.doubtful || record->line.n > INPUT_LINE_MAX || stream->given ||
	    stream->names.expand != down->names.expand)
		return false;
	struct ahead *ahead = next_ahead(down);
	struct record *spare = ahead->record;
	*ahead = (struct ahead){.record = at->record, .line = down->input.line++, .length = record->line.n};
	at->record = spare;
	down->input.bytes += record->line.n + 1;
	add_ahead(down, ahead);
	return true;
}

/* Something was written to the stream's output. */
static inline void wrote(struct stream *stream)
{
	if (stream->down)
		hand_lines(stream, false);
}

/* In place of a descriptor, see output_open_sink. */
static size_t hand_on(void *self, bool flush)
{
	struct stream *stream = self;
	hand_lines(stream, false);
	settle(stream->down);
	if (flush) {
		struct fail_voice was = speak(stream->down);
		output_flush(&stream->down->out);
		fail_speak(was);
	}
	size_t handed = stream->handed;
	stream->handed = 0;
	return handed;
}

/* What was written last is no whole line, and no more comes. */
static void hand_rest(struct stream *stream)
{
	output_flush(&stream->out);
	if (stream->out.n == 0)
		return;
	*output_room(&stream->out, 1) = '\n';
	output_advance(&stream->out, 1);
	hand_lines(stream, true);
	settle(stream->down);
}

/* The input must not be what an option names for writing. */
static void know_input(int fd, const char *name)
{
	struct stat status;
	if (fstat(fd, &status) == 0)
		target_input(name, &status);
}

void stream_open(struct stream *stream, const struct stage *stage, void *self, const struct options *options)
{
	*stream = (struct stream){.stage = stage, .self = self, .settings = &options->settings};
	struct stream *up = options->settings.upstream;
	if (up)
		names_follow(&stream->names, &up->names);
	else
		names_init(&stream->names);
	stream->ahead_size = stage->prepare ? STREAM_AHEAD : 1;
	for (size_t i = 0; i < stream->ahead_size; i++) {
		stream->ahead[i].record = must_alloc(sizeof *stream->ahead[i].record);
		record_init(stream->ahead[i].record);
	}
	record_init(&stream->held_record);
	reserved_init(&stream->reserved);
	mark_init(&stream->mark);
	stats_start(&stream->stats);
	stream->stats.amounts = stage->kind != STREAM_MESSAGES || stage->to_base;
	if (options->operands_n > 1)
		options_misuse("one file at most, not \"%s\"", options->operands[1]);
	if (up && options->operands_n > 0 && strcmp(options->operands[0], "-") != 0)
		options_misuse("no file, but what %s writes is read", up->settings->program);
	int fd = STDIN_FILENO;
	const char *name = standard_input;
	if (options->operands_n == 1 && strcmp(options->operands[0], "-") != 0) {
		name = options->operands[0];
		fd = file_open(name);
	}
	if (!up)
		know_input(fd, name);
	if (options->settings.check) {
		deadletter_check(&options->settings);
		return;
	}
	if (up) {
		up->down = stream;
		stream->input = (struct input){.name = name, .fd = -1, .line = 1};
	} else {
		input_open(&stream->input, fd, name);
	}
	if (options->settings.downstream)
		output_open_sink(&stream->out, "standard output", hand_on, stream);
	else
		output_open(&stream->out, STDOUT_FILENO, "standard output");
	deadletter_open(&stream->dead, &options->settings, &stream->out);
	if (!up)
		input_announce(fd);
	stream->dead_reason = stats_reason(&stream->stats, "DEAD");
	fail_last(give_up, stream);
}

/* The record at hand is accounted for, once. */
static void done(struct stream *stream)
{
	if (stream->done)
		fail(EX_SOFTWARE, "a record was accounted for twice, a bug");
	stream->done = true;
}

static void count_out(struct stream *stream, amount value)
{
	done(stream);
	stream->wrote++;
	stream->stats.out++;
	stream->wrote_amount += value;
	stream->stats.amount_out += value;
	if (stream->stage->to_base)
		stream->stats.amount_in += value; /* money is known from here on */
}

void stream_pass(struct stream *stream, const struct record *record)
{
	struct slice line = record->line;
	count_out(stream, stream->amount);
	if (hand_record(stream, record))
		return;
	if (stream->given) {
		output_bytes(&stream->out, SLICE("{\"_src\":"));
		output_bytes(&stream->out, stream->source);
		if (record->top.n > 0)
			output_bytes(&stream->out, SLICE(","));
		line = (struct slice){line.p + 1, line.n - 1};
	}
	if (line.n < OUTPUT_SMALL) {
		char *to = output_room(&stream->out, line.n + 1);
		memcpy(to, line.p, line.n);
		to[line.n] = '\n';
		output_advance(&stream->out, line.n + 1);
	} else {
		output_line(&stream->out, line);
	}
	wrote(stream);
}

char *stream_write_room(struct stream *stream, size_t n)
{
	return output_room(&stream->out, n);
}

void stream_wrote(struct stream *stream, size_t n, amount value)
{
	output_advance(&stream->out, n);
	count_out(stream, value);
	wrote(stream);
}

void stream_delivered(struct stream *stream)
{
	count_out(stream, stream->amount);
}

char *stream_add_room(struct stream *stream, size_t n)
{
	return output_room(&stream->out, n);
}

void stream_added(struct stream *stream, size_t n)
{
	output_advance(&stream->out, n);
	stream->added++;
	wrote(stream);
}

void stream_drop(struct stream *stream, unsigned reason)
{
	done(stream);
	stats_drop(&stream->stats, reason, stream->amount);
}

struct slice stream_leading_source(struct slice line)
{
	const char *p = line.p, *end = line.p + line.n;
	struct slice start = SLICE("{\"_src\":\"");
	if (!slice_begins(line, start))
		return (struct slice){p, 0};
	const char *quote = p + start.n - 1;
	for (p = quote + 1; p < end && *p != '"'; p++)
		if (*p == '\\' || (unsigned char)*p < 0x20)
			return (struct slice){p, 0};
	struct slice text = {quote, (size_t)(p + 1 - quote)};
	struct coordinates ignored;
	bool whole = p < end && json_utf8(text) && coordinates_read((struct slice){quote + 1, text.n - 2}, &ignored);
	return whole ? text : (struct slice){p, 0};
}

/* Makes the record at hand, or the line that could not be read, a dead letter. */
static void dead(struct stream *stream, struct slice raw, uint64_t length, const char *reason)
{
	char place[128];
	release(stream);
	if (!stream->settings->dead_letter)
		do_now(stream);
	snprintf(place, sizeof place, "%.90s: line %llu", stream->input.name, (unsigned long long)stream->line);
	done(stream);
	stream->stats.dead++;
	/* Its money leaves the stream here, whether the letter flows on or not. */
	stream->stats.dropped[stream->dead_reason].amount += stream->amount;
	struct deadletter_origin origin = {.source = stream->source};
	if (deadletter_write(&stream->dead, &origin, place, reason, raw, length)) {
		stream->wrote++;
		stream->stats.out++;
		if (stream->stage->died)
			stream->stage->died(stream->self, stream, reason, raw, length);
		wrote(stream);
	} else {
		stream->stats.dropped[stream->dead_reason].records++;
	}
}

void stream_bad(struct stream *stream, const struct record *record, const char *format, ...)
{
	char reason[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(reason, sizeof reason, format, arguments);
	va_end(arguments);
	/* A reason that quotes data may have been cut within a character. */
	struct slice text = slice_of(reason);
	while (text.n > 0 && !json_utf8(text))
		reason[--text.n] = '\0';
	dead(stream, record->line, record->line.n, reason);
}

bool stream_coordinates(struct stream *stream, const struct record *record, struct coordinates *to)
{
	if (stream->source.n == 0)
		return false;
	if (stream->given) {
		*to = (struct coordinates){slice_of(stream->settings->source), 0, (int64_t)stream->line};
		return true;
	}
	const struct member *member = members_get(&record->top, NAME_SRC);
	if (coordinates_read(member_decoded(member, &stream->decoded), to))
		return true;
	stream_bad(stream, record, "_src is not source/partition/offset");
	return false;
}

/* Coordinates for a record that has none: NAME/0/line as a JSON string. */
static void number_record(struct stream *stream)
{
	struct slice name = slice_of(stream->settings->source);
	char *to = scratch_room(&stream->numbered, json_quote_room(name.n) + 32);
	size_t n = json_quote(to, name) - 1;
	n += (size_t)sprintf(to + n, "/0/%llu\"", (unsigned long long)stream->line);
	stream->source = (struct slice){to, n};
	stream->given = true;
}

/* Starts on the record at hand. */
static void begin(struct stream *stream)
{
	stream->done = false;
	stream->given = false;
	stream->amount = 0;
	stream->source.n = 0;
	stream->seen++;
	stream->stats.in++;
}

/* A line that is no record. */
static void bad_line(struct stream *stream, struct slice raw, uint64_t length, const char *reason)
{
	begin(stream);
	stream->source = stream_leading_source(raw);
	if (stream->source.n == 0 && stream->settings->source)
		number_record(stream);
	dead(stream, raw, length, reason);
}

/* The amount of the record at hand, by the kind of the stream. Returns whether the record goes on. */
static bool take_amount(struct stream *stream, const struct record *record)
{
	if (stream->stage->kind == STREAM_MESSAGES)
		return true;
	const struct member *member = members_get(&record->top, NAME_AMOUNT);
	bool whole = member && member->type == JSON_NUMBER && amount_read(member->value, &stream->amount);
	if (whole) {
		stream->seen_amount += stream->amount;
		stream->stats.amount_in += stream->amount;
	} else if (stream->stage->kind == STREAM_BASES) {
		const char *order = member ? NULL : shape_no_base(shape_of(&record->top));
		if (!member)
			stream_bad(stream, record, "%s", order ? order : "no amount");
		else
			stream_bad(stream, record, "amount %.*s is not a 64-bit integer",
				   (int)(member->value.n < 60 ? member->value.n : 60), member->value.p);
		return false;
	}
	return true;
}

void stream_unplaced(struct stream *stream, const struct record *record)
{
	enum shape shape = shape_of(&record->top);
	const char *order = stream->stage->kind == STREAM_MESSAGES ? shape_no_message(shape) : shape_no_base(shape);
	output_flush(&stream->out);
	fail(EX_DATAERR, "%s: line %llu: %s", stream->input.name, (unsigned long long)stream->line,
	     order ? order : "record without _src; give the lines coordinates with --source NAME, or by pay-consume");
}

static void end_plain_segment(struct stream *stream)
{
	stream->plain_since = 0;
	release(stream);
	deadletter_sync(&stream->dead);
	if (stream->stage->segment)
		stream->stage->segment(stream->self, stream, NULL);
}

static void take_record(struct stream *stream, struct record *record)
{
	if (!stream->sealed && stream->plain_since++ == PLAIN_SEGMENT) {
		end_plain_segment(stream);
		stream->plain_since = 1;
	}
	begin(stream);
	const struct member *source = members_get(&record->top, NAME_SRC);
	if (source && source->type == JSON_STRING)
		stream->source = source->value;
	else if (!source && stream->settings->source)
		number_record(stream);
	const char *fault = reserved_any(record) ? reserved_check(&stream->reserved, record, &stream->letter) : NULL;
	if (members_get(&record->top, NAME_DEAD) && !fault) {
		release(stream);
		if (stream->stage->dead)
			stream->stage->dead(stream->self, stream, record);
		else
			stream_pass(stream, record);
	} else if (stream->stage->needs_source && !source && stream->source.n == 0) {
		release(stream);
		stream_unplaced(stream, record);
	} else if (source && source->type != JSON_STRING) {
		stream_bad(stream, record, "_src is not source/partition/offset");
	} else if (take_amount(stream, record)) {
		if (fault && !stream->stage->as_is)
			stream_bad(stream, record, "%s", fault);
		else
			stream->stage->record(stream->self, stream, record);
	}
	if (!stream->done)
		fail(EX_SOFTWARE, "a record was not accounted for, a bug");
}

void stream_hold(struct stream *stream, const struct record *record)
{
	if (stream->again)
		fail(EX_SOFTWARE, "a record was held twice, a bug");
	done(stream);
	held_add(&stream->held, record->line,
		 &(struct held_line){.line = stream->line, .amount = stream->amount, .given = stream->given});
}

void stream_again(struct stream *stream)
{
	struct record *record = &stream->held_record;
	struct held_line about;
	const char *reason;
	struct slice source = stream->source;
	struct scratch numbered = stream->numbered;
	amount value = stream->amount;
	uint64_t line = stream->line;
	bool was_done = stream->done, given = stream->given;

	if (!record_read(record, &stream->names, held_first(&stream->held, &about), &reason))
		fail(EX_SOFTWARE, "a record that was held is no record any more: %s, a bug", reason);
	stream->again = true;
	stream->done = stream->given = false;
	stream->line = about.line;
	stream->amount = about.amount;
	stream->numbered = stream->held_numbered;
	const struct member *member = members_get(&record->top, NAME_SRC);
	stream->source = member ? member->value : (struct slice){0};
	if (about.given)
		number_record(stream);
	stream->stage->record(stream->self, stream, record);
	if (!stream->done)
		fail(EX_SOFTWARE, "a record was not accounted for, a bug");
	settle(stream->down);
	record_trim(record);
	held_drop(&stream->held);
	stream->held_numbered = stream->numbered;
	stream->numbered = numbered;
	stream->again = false;
	stream->done = was_done;
	stream->line = line;
	stream->amount = value;
	stream->source = source;
	stream->given = given;
}

/* What the mark at hand says must be what came. */
static void check_mark(struct stream *stream, const struct mark *mark)
{
	typedef unsigned long long number;
	if (mark->seq != stream->next_seq)
		stream_cut(stream, "mark %llu where mark %llu was due", (number)mark->seq, (number)stream->next_seq);
	if (mark->records != stream->seen)
		stream_cut(stream, "mark %llu says %llu records, but %llu came", (number)mark->seq,
			   (number)mark->records, (number)stream->seen);
	if (mark->in != mark->records + mark_dropped_sum(mark))
		stream_cut(stream, "mark %llu: in is not records and dropped together", (number)mark->seq);
	if (mark->has_amount && stream->stage->kind != STREAM_MESSAGES && mark->amount != stream->seen_amount) {
		char said[AMOUNT_TEXT], came[AMOUNT_TEXT];
		amount_write(said, mark->amount);
		amount_write(came, stream->seen_amount);
		stream_cut(stream, "mark %llu says amounts of %s in all, but %s came", (number)mark->seq, said, came);
	}
}

/* Makes the mark say what this stage wrote. */
static void restate(struct stream *stream, struct mark *mark)
{
	const struct stage *stage = stream->stage;
	if (stream->seen > stream->wrote)
		mark_drop(mark, stream->settings->program, stream->seen - stream->wrote);
	mark->records = stream->wrote + stream->added;
	mark->in += stream->added;
	if (stage->totals)
		mark->has_amount = false;
	else if (stage->kind == STREAM_BASES || stage->to_base)
		mark->has_amount = true;
	if (stage->kind != STREAM_MESSAGES || stage->to_base)
		mark->amount = stream->wrote_amount;
	stream->seen = stream->wrote = stream->added = 0;
	stream->seen_amount = stream->wrote_amount = 0;
}

/* An end mark is only one when nothing follows: finds out before anything is acknowledged. */
static void await_end(struct stream *stream)
{
	const char *p;
	uint64_t length;
	if (stream->settings->upstream)
		return;
	settle(stream->down);
	if (input_next(&stream->input, &p, &length, idle, stream) == INPUT_END)
		return;
	stream->line = stream->input.line;
	stream_cut(stream, "there is more after the end mark");
}

static void go_on(int number)
{
	(void)number;
}

/* Ctrl-C at a terminal reaches every program of the pipeline, but it is for pay-consume, which then ends the stream in
 * order: the others see to the rest of it. A second one ends them at once. */
static void leave_interrupt_to_consume(const struct stream *stream)
{
	struct sigaction action = {.sa_handler = go_on, .sa_flags = SA_RESTART | (int)SA_RESETHAND}, was;
	struct stat status;

	if (fstat(stream->input.fd, &status) != 0 || !S_ISFIFO(status.st_mode))
		return;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGINT, NULL, &was) == 0 && was.sa_handler == SIG_DFL)
		sigaction(SIGINT, &action, NULL);
}

static void take_mark(struct stream *stream, const struct member *member)
{
	const struct stage *stage = stream->stage;
	struct mark *mark = &stream->mark;
	if (stream->settings->unsealed)
		return;
	const char *reason = mark_read(mark, member);
	if (reason)
		stream_cut(stream, "%s", reason);
	check_mark(stream, mark);
	if (mark->end != MARK_GOES_ON)
		await_end(stream);
	if (!stream->sealed)
		leave_interrupt_to_consume(stream);
	stream->sealed = true;
	stream->next_seq++;
	release(stream);
	output_hurry(way_out(stream)); /* the mark before this one */
	if (stage->segment)
		stage->segment(stream->self, stream, mark);
	if (mark->end != MARK_GOES_ON) {
		durable(stream, true);
		stream->ended = true;
		if (stage->end)
			stage->end(stream->self, stream, mark->end == MARK_COMPLETE ? STREAM_COMPLETE : STREAM_STOPPED);
	}
	deadletter_sync(&stream->dead);
	restate(stream, mark);
	bool passed_on = !stream->settings->plain && !stream->hold_marks;
	bool kept_back = passed_on && !stream->down && !durable(stream, false);
	if (kept_back)
		output_flush(&stream->out);
	if (passed_on)
		mark_write(mark, &stream->out);
	if (kept_back)
		output_gate(&stream->out, durable, stream);
	wrote(stream);
	if (!way_out(stream)->gate)
		output_flush(&stream->out);
}

/* Takes the line that was read first. */
static void take_ahead(struct stream *stream)
{
	struct ahead *ahead = &stream->ahead[stream->ahead_first];
	const struct record *record = ahead->record;
	struct fail_voice was = speak(stream);
	stream->ahead_first = (stream->ahead_first + 1) % stream->ahead_size;
	stream->ahead_n--;
	stream->at = ahead;
	stream->line = ahead->line;
	if (ahead->reason) {
		/* A mark that cannot be read is not a matter of one record. */
		if (slice_begins(record->line, SLICE("{\"_mark\":")) && !stream->settings->unsealed)
			stream_cut(stream, "a mark that cannot be read: %s", ahead->reason);
		bad_line(stream, record->line, ahead->length, ahead->cut ? "the last line is cut" : ahead->reason);
	} else if (record->top.at[NAME_MARK] == 1 && record->top.n == 1) {
		take_mark(stream, &record->top.v[0]);
	} else if (record->top.at[NAME_MARK] == 1 && !stream->settings->unsealed) {
		stream_cut(stream, "a mark with more in its line");
	} else if (record->top.at[NAME_MARK]) {
		bad_line(stream, record->line, record->line.n, "\"_mark\" in a record");
	} else {
		take_record(stream, ahead->record);
	}
	record_trim(ahead->record);
	fail_speak(was);
}

/* Reads a line of the input; returns false at its end. */
static bool read_line(struct stream *stream)
{
	const char *p;
	uint64_t length;
	if (!input_buffered(&stream->input))
		settle(stream);
	enum input_state state = input_next(&stream->input, &p, &length, idle, stream);
	if (state == INPUT_END)
		return false;
	struct ahead *ahead = next_ahead(stream);
	if (state == INPUT_TOO_LONG) {
		*ahead = (struct ahead){ahead->record, line_too_long, stream->input.line, length, false};
		ahead->record->line = (struct slice){p, INPUT_TOO_LONG_KEPT};
		input_take(&stream->input, NULL);
	} else {
		input_take(&stream->input, read_ahead(stream, ahead, p, state == INPUT_CUT));
	}
	add_ahead(stream, ahead);
	return true;
}

static void end_input(struct stream *stream)
{
	if (stream->input.bytes == 0 && stream->stage->needs_input)
		fail(EX_DATAERR,
		     "%s: empty, not even a mark came: the program before this one has failed, or the file is the "
		     "wrong one",
		     stream->input.name);
	if (stream->sealed && !stream->ended) {
		stream_cut(stream, "no end mark came");
	}
	if (!stream->sealed) {
		end_plain_segment(stream);
		durable(stream, true);
		if (stream->stage->end)
			stream->stage->end(stream->self, stream, STREAM_PLAIN);
	}
	deadletter_close(&stream->dead);
	if (stream->down)
		hand_rest(stream);
	output_close(&stream->out, false);
}

int stream_run(struct stream *first)
{
	struct stream *last = first;
	bool confined = true, awaits_disk = false;
	for (struct stream *stream = first; stream; stream = stream->down) {
		confined &= stream->stage->confined;
		awaits_disk |= stream->stage->durable != NULL;
		last = stream;
	}
	for (struct stream *stream = first; stream; stream = stream->down)
		names_agree(&stream->names, &last->names);
	fail_last(give_up, first);
	speak(first);
	if (confined && confine_possible()) {
		append_confine();
		confine();
	}
	if (awaits_disk)
		output_beside(&last->out);
	while (read_line(first)) {
	}
	for (struct stream *stream = first; stream; stream = stream->down) {
		speak(stream);
		settle(stream);
		end_input(stream);
	}
	if (first->settings->progress)
		stats_progress(&first->stats, first->settings->program, first->input.bytes, 0, true);
	fail_last(NULL, NULL);
	print_stats(first);
	for (struct stream *stream = first; stream; stream = stream->down)
		if (stream->status)
			return stream->status;
	return 0;
}
