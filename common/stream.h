/* stream: the loop of every stage. It reads records, checks marks, writes what the stage passes on, and turns bad
 * records into dead letters; a stage gives it a few functions.
 *
 * For each record the stage's `record` calls exactly one of stream_pass, stream_write_room + stream_wrote, stream_drop,
 * stream_bad, or stream_hold for one that cannot be decided yet. (A stage that only totals calls stream_drop with a
 * reason such as "aggregated".) At a mark the stage's `segment` finishes all work of the segment; only then the mark is
 * passed on, with records and amount restated. */
#ifndef PAYPIPE_STREAM_H
#define PAYPIPE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "amount.h"
#include "coordinates.h"
#include "deadletter.h"
#include "held.h"
#include "input.h"
#include "mark.h"
#include "options.h"
#include "output.h"
#include "record.h"
#include "reserved.h"
#include "stats.h"

/* What the records are: decides whether `amount` is demanded. */
enum stream_kind {
	STREAM_MESSAGES, /* no amounts; the marks' amount is passed as it came */
	STREAM_BASES,    /* each record but a dead letter has a valid amount, else it is bad */
	STREAM_ANY       /* an amount counts where there is one */
};

enum stream_end {
	STREAM_PLAIN,    /* the input had no marks, or --unsealed */
	STREAM_COMPLETE, /* end mark "complete" */
	STREAM_STOPPED   /* end mark "stop" */
};

struct stream;

enum { STREAM_AHEAD = 8 }; /* records that are read before the one at hand, where a stage prepares */

struct stage {
	enum stream_kind kind;
	bool to_base;      /* reads messages, writes base records: the amounts begin here (stream_wrote gives them) */
	bool as_is;        /* takes records whose reserved members lack their form, too: a log keeps what comes */
	bool needs_source; /* a stage with a database: a record without coordinates is an error (see --source) */
	bool needs_input;  /* wholly empty input ends the program with 65 */
	bool confined;     /* opens nothing once it runs, and talks to nobody: see confine.h */
	bool totals;       /* writes totals: the marks' amount becomes null, it is no longer that of their records */
	/* A record that `record` may get soon, if it is not a dead letter nor bad: time to fetch what will be needed.
	 * Called in the order of the lines, less than STREAM_AHEAD lines before; `line` is what stream->line will be
	 * then, up to which the record's line stays where it is. NULL: records are not read ahead. */
	void (*prepare)(void *self, struct stream *stream, const struct record *record, uint64_t line);
	/* A record; not for dead letters. */
	void (*record)(void *self, struct stream *stream, struct record *record);
	/* A dead letter on its way; NULL: it is passed on. Else it must call stream_pass or stream_drop. */
	void (*dead)(void *self, struct stream *stream, struct record *record);
	/* A bad record became a dead letter that flows on in the stream; raw and length as deadletter_write takes them.
	 * NULL: nothing to do. A store keeps it, since the letter passes nobody else's `dead` here. */
	void (*died)(void *self, struct stream *stream, const char *reason, struct slice raw, uint64_t length);
	/* Lets go of all held records, the oldest first, by stream_again. Called while some are held: before a read
	 * that may wait, before a dead letter goes its way, at the end of a segment. NULL: the stage holds none. */
	void (*release)(void *self, struct stream *stream);
	/* The end of a segment: at a mark (before it is passed on; `mark` is as it came in), and with mark NULL after
	 * every 10,000 records and at the end of plain input. NULL: nothing to do. */
	void (*segment)(void *self, struct stream *stream, const struct mark *mark);
	/* Whether what `segment` has taken in is on the disk; wait: until it is, or the program ends. Only then the
	 * mark goes on; records behind it are read meanwhile. NULL: it is when `segment` returns. */
	bool (*durable)(void *self, struct stream *stream, bool wait);
	/* For a stage that puts off what a segment's end asks for: `now`: it must be done. Else called before a read
	 * that may wait; returns in how many milliseconds it wants to be called again if nothing comes, negative: when
	 * more has come. NULL: nothing is put off. */
	int (*put_off)(void *self, struct stream *stream, bool now);
	/* The end of the input, after the last segment; not called when it was cut. Called before an end mark is passed
	 * on, so that what it writes stands before it. NULL: nothing to do. */
	void (*end)(void *self, struct stream *stream, enum stream_end how);
	/* The program ends by an error, of this stage or of another that is joined with it: what must not be left as it
	 * is. Called at most once, before --stats, at any time after stream_open. NULL: nothing to do. */
	void (*broken)(void *self, struct stream *stream);
};

struct stream {
	const struct stage *stage;
	void *self;
	const struct settings *settings;
	struct names names; /* a stage adds its own before stream_run */
	struct input input;
	struct output out;
	struct stats stats;
	struct held held;     /* see stream_hold; a stage bounds held.n and held.bytes */
	bool again;           /* the record at hand was held */
	struct letter letter; /* what the dead letter at hand says, for `dead` */
	/* the rest is the stream's own */
	struct stream *down; /* that it is joined with and that takes what it writes, or NULL */
	size_t handed;       /* bytes of out that `down` has been given */
	struct ahead {
		struct record *record;
		const char *reason; /* why it is none; NULL: it is one */
		uint64_t line;      /* its number */
		uint64_t length;    /* its bytes, of which record->line holds some where they are too many */
		bool cut;           /* it had no line feed of its own */
	} ahead[STREAM_AHEAD];      /* lines that were read, a ring */
	size_t ahead_first, ahead_n, ahead_size;
	struct ahead *at;            /* whose record is at hand */
	bool hold_marks;             /* set by a stage that passes no marks on */
	int status;                  /* set by a stage: with what the program ends, if by no other error; 0 */
	const char *more;            /* set by a stage: further members of --stats, with a leading comma */
	amount amount;               /* of the record at hand */
	amount_sum seen_amount;      /* of the segment, as read */
	amount_sum wrote_amount;     /* of the segment, as written */
	uint64_t seen, wrote, added; /* records of the segment; added: made by the stage, see stream_add */
	uint64_t next_seq;
	bool sealed; /* a mark was seen */
	bool ended;  /* an end mark was seen */
	bool done;   /* the record at hand was passed, written, dropped or found bad */
	uint64_t line;
	struct mark mark;
	struct scratch decoded;
	struct scratch numbered; /* coordinates that --source gives, as a JSON string */
	struct reserved reserved;
	struct record held_record;
	struct scratch held_numbered;
	struct slice source; /* coordinates of the record at hand as a JSON string; empty: it has none */
	bool given;          /* they are from --source, not in the line */
	struct deadletter dead;
	unsigned dead_reason;
	uint64_t plain_since; /* records since the last segment of plain input */
};

/* Gets a stream ready: registers the shared names, opens standard input (or the one operand, a file; "-" is standard
 * input) and standard output, and the dead-letter file. Errors end the program.
 *
 * Streams of one process are joined by their settings: one with `upstream` reads nothing itself, but takes what that
 * stream, which was opened before it with `downstream`, would have written: records as they were read, where they pass
 * unchanged, and lines where they do not. All else is as between two programs. */
void stream_open(struct stream *stream, const struct stage *stage, void *self, const struct options *options);

/* Runs the stage, and all that are joined behind it, to the end of its input, closes standard output, prints --stats;
 * returns the exit status: 0, or the first that a
 * stage has set. Cut or altered input, errors of reading and writing end the program with their status. */
int stream_run(struct stream *stream);

/* Passes the record on byte for byte (with its coordinates in front, when --source gave them). */
void stream_pass(struct stream *stream, const struct record *record);

/* Room for a line of up to n bytes; then stream_wrote says how many were used, line feed included (the caller writes
 * it), and what the written record's amount is. */
char *stream_write_room(struct stream *stream, size_t n);
void stream_wrote(struct stream *stream, size_t n, amount amount);

/* The record was written elsewhere than to standard output (a file, a topic): it counts as written. */
void stream_delivered(struct stream *stream);

/* A line the stage makes beyond its input (a total): like stream_write_room + stream_wrote. The segment's `in` grows
 * with it, so that in = records + dropped holds. */
char *stream_add_room(struct stream *stream, size_t n);
void stream_added(struct stream *stream, size_t n);

/* Leaves the record out, counted under a reason from stats_reason(&stream->stats, …). */
void stream_drop(struct stream *stream, unsigned reason);

/* Keeps a copy of the record at hand until stream_again; it counts as read already. All that follow it must be held as
 * well, so that their order stays. Not for a record that was held. */
void stream_hold(struct stream *stream, const struct record *record);

/* Makes the oldest held record the record at hand once more: calls the stage's `record` with it, stream->again set.
 * What was at hand before is so again afterwards. There must be one. */
void stream_again(struct stream *stream);

/* The record is bad: a dead letter, or the end of the program with 65 that names its coordinates and the reason. */
void stream_bad(struct stream *stream, const struct record *record, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The coordinates of the record at hand: from its `_src`, or by --source. The slice in *to is valid until the next
 * record. Returns whether it has any: false when it has none (a stage with needs_source never sees such a record), or
 * when its `_src` is malformed and the record was found bad, so that the caller has nothing more to do with it. */
bool stream_coordinates(struct stream *stream, const struct record *record, struct coordinates *to);

/* Ends the program with 65: the record has no coordinates, and the stage needs them; or it is another stage's. */
_Noreturn void stream_unplaced(struct stream *stream, const struct record *record);

/* Ends the program with 65: the input was cut or altered. */
_Noreturn void stream_cut(struct stream *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The best guess at the coordinates of a line that could not be read: the value of a leading `_src` member with its
 * quotes, else an empty slice. */
struct slice stream_leading_source(struct slice line);

#endif
