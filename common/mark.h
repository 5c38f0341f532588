/* mark: the line that closes a segment and says what the segment held. See paypipe(7). */
#ifndef PAYPIPE_MARK_H
#define PAYPIPE_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "amount.h"
#include "output.h"
#include "record.h"
#include "slice.h"

enum mark_end { MARK_GOES_ON, MARK_COMPLETE, MARK_STOP };

/* What stages left out of a segment: a stage's name, how many records. */
struct mark_dropped {
	char *stage;
	uint64_t records;
};

/* The offsets [from, next) that a segment covers of one source partition. */
struct mark_range {
	char *source;
	int32_t partition;
	int64_t from, next;
	char *state; /* what pay-consume wants to know again when it goes on at next; NULL: nothing */
};

enum { MARK_HASH = 33 }; /* XXH128 in hex and a NUL */

/* What a file's first lines are known by. */
struct mark_place {
	int64_t line;
	char hash[MARK_HASH]; /* of the (unpacked) bytes up to the end of that line, without its line feed */
};

/* What pay-consume says of a file: enough for a sink to see that a known name has other content, or that known content
 * comes under another name. */
struct mark_file {
	char *source;
	int64_t lines;           /* how many it has, in the mark with which it ended; -1 before */
	char content[MARK_HASH]; /* the hash of all of them, in that mark; "" before */
	char was[MARK_HASH]; /* content of its beginning, which was the whole file when it was read before; "" else */
	bool twice;          /* it counts, even if its content came under another name */
	struct mark_place *places; /* that were passed since the mark before, see mark_is_place */
	size_t places_n, places_capacity;
};

/* The lines after which a file's hash is said: those whose number has at most six significant binary digits, so that
 * any two runs over files of one name can be compared up to a thirty-second of the shorter one's length. */
static inline bool mark_is_place(int64_t line)
{
	enum { DIGITS = 6 };
	return line > 0 && ((unsigned long long)line >> __builtin_ctzll((unsigned long long)line)) < 1u << DIGITS;
}

struct mark {
	uint64_t seq;
	uint64_t records;
	uint64_t in;
	struct mark_dropped *dropped;
	size_t dropped_n, dropped_capacity;
	bool has_amount; /* false: pay-consume wrote null */
	amount_sum amount;
	struct mark_range *ranges;
	size_t ranges_n, ranges_capacity;
	struct mark_file *files; /* member "files", only where there is something to say of one */
	size_t files_n, files_capacity;
	enum mark_end end;
};

/* An empty mark / gives back what a mark holds and empties it. */
void mark_init(struct mark *mark);
void mark_free(struct mark *mark);

/* Reads the value of a `_mark` member into mark (which is emptied first, and owns what it holds). Returns NULL, or a
 * constant reason: a member missing, of a wrong type or out of range. Members it does not know are left out. */
const char *mark_read(struct mark *mark, const struct member *member);

/* Writes the mark as a line. */
void mark_write(const struct mark *mark, struct output *output);

/* Adds to what a stage dropped; stage is copied. */
void mark_drop(struct mark *mark, const char *stage, uint64_t records);

/* Widens the range of a source partition to take in [from, next), or adds it; source is copied. */
void mark_cover(struct mark *mark, struct slice source, int32_t partition, int64_t from, int64_t next);

/* Says what pay-consume wants to know again of a source partition that the mark covers; text is copied. */
void mark_state(struct mark *mark, struct slice source, int32_t partition, struct slice text);

/* Makes `to` the mark of its segment and the one that follows it, closed by `next`: its ranges, states and files are
 * joined to those of `to`, no more. Returns false, `to` unchanged, where a range does not go on where that of `to`
 * ends. */
bool mark_join(struct mark *to, const struct mark *next);

/* The entry of a file, added empty when it is not there; valid until the next call. */
struct mark_file *mark_file(struct mark *mark, struct slice source);

/* Adds a place to a file's entry, unless it has one of that line. */
void mark_place(struct mark_file *file, int64_t line, const char hash[MARK_HASH]);

/* Adds what is said of a file to what the mark says of it. */
void mark_say(struct mark *mark, struct slice source, const struct mark_file *file);

/* All that stages have dropped. */
uint64_t mark_dropped_sum(const struct mark *mark);

#endif
