/* key: a message's key, made of a record's members.
 *
 * The members' values are joined by '/': a string decoded, a number, true or false as it is spelled. Behind the first,
 * a
 * '/' of a value is written %2F and a % %25, so that the key has its slashes from the joining, read from its end, and
 * no two lists of values have one key. A member that is a number (or true, false) in one record, and a string that
 * reads like one in another, is bad there: both would be one key. A name that the record has no member of is looked for
 * in its member "key", where totals have theirs. */
#ifndef PAYPIPE_PRODUCE_KEY_H
#define PAYPIPE_PRODUCE_KEY_H

#include "record.h"

enum { KEY_MEMBERS = 16 };

/* What --key says. Zero-initialise; without members a record's own `_key` is its key. */
struct key {
	const struct names *names;
	int own; /* the name `_key` */
	int name[KEY_MEMBERS];
	int n;
	struct {
		bool literal, alike; /* it was a number, true or false; a string that reads like one */
	} seen[KEY_MEMBERS];
	struct scratch text, decoded;
	char fault[NAMES_LONGEST + 64];
};

/* Registers `_key` and the members in `spelled` (NULL: none), MEMBER[/MEMBER]..., in names. A bad list ends the program
 * with 64. */
void key_open(struct key *key, const char *spelled, struct names *names);

/* The key of a record, valid until the next call or the next line; .p is NULL where it has none (no `_key`, or null).
 * Returns NULL, or why the record is bad, valid until the next call. */
const char *key_read(struct key *key, const struct record *record, struct slice *to);

#endif
