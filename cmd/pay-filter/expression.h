/* expression: the user's own tests in jq's language, run by libjq, each with the reason that it stands for. */
#ifndef PAYPIPE_FILTER_EXPRESSION_H
#define PAYPIPE_FILTER_EXPRESSION_H

#include "slice.h"

struct expression {
	const char *reason, *text; /* the caller's */
	struct jq_state *jq;
};

/* Expressions in the order in which they are tried; zero-initialise. */
struct expressions {
	struct expression *v;
	int n;
	char why[256]; /* the last failure, see expressions_first */
};

enum { EXPRESSIONS_NONE = -1, EXPRESSIONS_FAILED = -2 };

/* Compiles an expression and adds it; reason and text must outlive it. One that does not compile ends the program with
 * 78. The environment's HOME is unset, since libjq would read the user's own definitions from there. */
void expressions_add(struct expressions *expressions, const char *reason, const char *text);

/* The index of the first expression whose first output for an object (its JSON text) is neither false nor null;
 * EXPRESSIONS_NONE if there is none, EXPRESSIONS_FAILED with expressions->why if one ends in an error before that.
 * libjq holds numbers as doubles. */
int expressions_first(struct expressions *expressions, struct slice object);

/* Which libjq is loaded: its file's name, which ends in its version (libjq.so.1.0.4), since it does not tell that
 * itself; "libjq" where it is not a file of its own. A static text. */
const char *expressions_library(void);

/* Gives back what they hold. */
void expressions_free(struct expressions *expressions);

#endif
