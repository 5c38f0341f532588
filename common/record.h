/* record: one line of the stream as slices, with the members that a stage asked for at hand.
 *
 * A stage registers the names of the members it uses; each gets a small number. record_read checks a line whole, keeps
 * its members in order, and finds those that were registered. Nothing is copied: slices point into the line. */
#ifndef PAYPIPE_RECORD_H
#define PAYPIPE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <strings.h>

#include "json.h"
#include "scan.h"
#include "slice.h"

/* The names that the stages share, registered by names_init; a stage's further names follow. */
enum name {
	NAME_NONE, /* a member that nobody asked for */
	NAME_MARK,
	NAME_SRC,
	NAME_DEAD,
	NAME_UNSETTLED,
	NAME_RULE,
	NAME_PAYMENT_TYPE, /* the eight of a base record, in its order */
	NAME_AMOUNT,
	NAME_PAYOUT_DATE,
	NAME_CONFIRM_DATE,
	NAME_MERCHANT_NUMBER,
	NAME_PAYMENT_DATE,
	NAME_PAYMENT_ACTION_TYPE,
	NAME_PAYMENT_METHOD_TYPE,
	NAME_SHARED /* how many are shared, NAME_NONE included */
};
enum { NAMES_MAX = 128, NAMES_LONGEST = 255, NAMES_SLOTS = 512, NAMES_HINTS = 32 };

/* Registered names. Read-only to callers; names_init and names_add fill it. */
struct names {
	struct slice name[NAMES_MAX];
	unsigned count;
	int expand;                /* the member whose object is read into record.data; NAME_NONE: none */
	bool other[NAMES_MAX];     /* a name that only another reader uses, see names_follow */
	bool expand_other;         /* the same of expand */
	uint8_t slot[NAMES_SLOTS]; /* hash table of numbers, 0 free */
	/* What stood at a place of a line before: of the line, of its expand. */
	struct names_hint {
		struct scan_text text; /* `name":`, as it was spelled */
		uint8_t id;            /* the name's number */
	} hint[2][NAMES_HINTS];
};

/* Registers the shared names. */
void names_init(struct names *names);

/* Registers a name (decoded, at most NAMES_LONGEST bytes; copied) and returns its number; a name that is registered
 * keeps its number. Returns -1 when there is no room for more or the name is longer. */
int names_add(struct names *names, struct slice name);

/* The same for a name that a program cannot do without; where there is no room, because the stages that stand before it
 * in a pay-run name so many members, it ends the program with 78. */
int names_need(struct names *names, struct slice name);

/* Has the object of a registered name read into record.data. */
void names_expand(struct names *names, int name);

/* For readers that hand records on to each other, so that what one has read the next need not read again: names begins
 * with the numbers of `before`, and once all names are registered names_agree gives it those of `last`, which followed
 * it. What is wrong with a name of another reader only is no fault of a line: it makes its members `doubtful`. */
void names_follow(struct names *names, const struct names *before);
void names_agree(struct names *names, const struct names *last);

/* The number of a registered name, NAME_NONE for others. */
int names_find(const struct names *names, struct slice name);

/* "_src" and the like: the toolkit's own. */
static inline bool name_reserved(struct slice name)
{
	return name.n > 0 && name.p[0] == '_';
}

struct member {
	struct slice name;  /* as spelled, without quotes */
	struct slice value; /* as spelled; a string with its quotes */
	uint8_t type;       /* enum json_type */
	bool escaped;       /* the value is a string with escapes: compare it decoded */
	bool name_escaped;  /* the name is spelled with escapes */
	uint8_t id;         /* its registered number, or NAME_NONE */
};

/* All members of an object, in the order of the text. */
struct members {
	struct member *v;
	size_t n, capacity;
	uint32_t at[NAMES_MAX]; /* 1 + where in v a registered member is; 0: it is absent */
	size_t reserved;        /* how many leading members are the toolkit's own (begin with '_') */
	bool doubtful;          /* for a reader with other names it may be a fault: read the line again with these */
};

struct record {
	struct slice line;              /* the object from '{' to '}' */
	struct members top;             /* its members */
	struct members data;            /* those of the member names.expand, when that is an object; else n is 0 */
	char fault[NAMES_LONGEST + 64]; /* room for a reason that quotes a name */
};

/* Gets a record ready / gives back what it holds. A record is used for line after line. */
void record_init(struct record *record);
void record_free(struct record *record);

enum { MEMBERS_KEPT = 1 << 12 }; /* members of an object that a record keeps room for */

/* Whether an object of a record has more members than that: its room is to be given back when the record is done
 * with, and no more such records held meanwhile than need be. */
bool record_large(const struct record *record);

/* Gives that room back; a large record's members are gone then. */
void record_trim(struct record *record);

/* Reads the line at p, which ends in a line feed and lies in a buffer as json.h asks. Returns the line feed, or NULL
 * with *reason a text that is valid until the next call: not an object, bad JSON, a registered name twice, a
 * registered reserved name after others. After NULL, record->line is the line without its end and `top` holds the
 * members before the fault. Allocates only when a line has more members than any before it. */
const char *record_read(struct record *record, struct names *names, const char *p, const char **reason);

/* Reads the members of an object whose text was already checked as part of a line; names may be NULL. Zero-initialise
 * members before the first use; members_free gives back what they hold. */
void members_read(struct members *members, struct names *names, struct slice object);
void members_free(struct members *members);

/* A registered member, NULL where the line has none. */
static inline const struct member *members_get(const struct members *members, int name)
{
	return members->at[name] ? &members->v[members->at[name] - 1] : NULL;
}

/* Whether a member's name begins with '_', however it is spelled. */
static inline bool member_reserved(const struct member *member)
{
	return name_reserved(member->name) ||
	       (member->name_escaped && member->name.n >= 6 && strncasecmp(member->name.p, "\\u005f", 6) == 0);
}

/* The member's bytes from its name's quote to its value's end. */
static inline struct slice member_text(const struct member *member)
{
	const char *start = member->name.p - 1;
	return (struct slice){start, (size_t)(member->value.p + member->value.n - start)};
}

/* A string member's inside as spelled, without quotes. The member must be a JSON_STRING. */
static inline struct slice member_inside(const struct member *member)
{
	return (struct slice){member->value.p + 1, member->value.n - 2};
}

/* Bytes that grow and are used again and again; zero-initialise, free .p at the end. */
struct scratch {
	char *p;
	size_t capacity;
};

/* Room for n bytes in scratch; what it held before is lost. */
char *scratch_room(struct scratch *scratch, size_t n);

/* A string member's characters with escapes resolved: into the line where it has none, else into scratch. */
struct slice member_decoded(const struct member *member, struct scratch *scratch);

/* Whether a member is there and not null. */
static inline bool member_given(const struct member *member)
{
	return member && member->type != JSON_NULL;
}

#endif
