#include "expression.h"

#include <dlfcn.h>
#include <jq.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fail.h"

static volatile sig_atomic_t inside; /* libjq */

/* libjq aborts when it finds no memory, or does not look: that ends the program as any lack of memory does. */
static void gave_up(int number)
{
	static const char text[] = "pay-filter: --reject: libjq broke off, most likely there is no memory left\n";
	if (inside) {
		ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
		(void)ignored;
		_exit(EX_OSERR);
	}
	signal(number, SIG_DFL);
}

/* The text of an error that libjq gives, its first line, without libjq's own prefix. Consumes message. */
static void error_text(char *to, size_t room, jv message)
{
	if (jv_get_kind(message) != JV_KIND_STRING)
		message = jv_dump_string(message, 0);
	const char *text = jv_string_value(message), *prefix = "jq: error: ";
	if (strncmp(text, prefix, strlen(prefix)) == 0)
		text += strlen(prefix);
	size_t n = strcspn(text, "\n");
	while (n > 0 && (text[n - 1] == ':' || text[n - 1] == ' '))
		n--;
	snprintf(to, room, "%.*s", (int)n, text);
	jv_free(message);
}

/* Of several messages of the compiler the first says most. */
static void compile_error(void *self, jv message)
{
	struct expressions *expressions = self;
	if (expressions->why[0])
		jv_free(message);
	else
		error_text(expressions->why, sizeof expressions->why, message);
}

/* To libjq an error with null is none, and the expression that raises it gives no output: a record whose test failed
 * would pass. On one line, so that the lines of an expression keep their numbers. */
static const char errors_that_are[] = "def error_: error;"
				      " def error: if . == null then \"null\" | error_ else error_ end;"
				      " def error(message): message | error; ";

static bool compile(jq_state *jq, const char *text)
{
	char *program = must_format("%s%s", errors_that_are, text);
	bool compiled = jq_compile(jq, program);
	free(program);
	return compiled;
}

void expressions_add(struct expressions *expressions, const char *reason, const char *text)
{
	unsetenv("HOME");
	signal(SIGABRT, gave_up);
	signal(SIGSEGV, gave_up);
	inside = true;
	jq_state *jq = jq_init();
	if (!jq)
		fail(EX_OSERR, "libjq: cannot be started, is there memory left?");
	/* libjq aborts on an import when it has not been told where to look: nowhere. */
	jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	jq_set_attr(jq, jv_string("JQ_ORIGIN"), jv_string("/nonexistent"));
	jq_set_attr(jq, jv_string("PROGRAM_ORIGIN"), jv_string("/nonexistent"));
	expressions->why[0] = '\0';
	jq_set_error_cb(jq, compile_error, expressions);
	bool compiled = compile(jq, text);
	inside = false;
	if (!compiled)
		fail(EX_CONFIG, "--reject %s: not a jq expression: %s", reason, expressions->why);
	expressions->v = must_realloc(expressions->v, (size_t)(expressions->n + 1) * sizeof *expressions->v);
	expressions->v[expressions->n++] = (struct expression){.reason = reason, .text = text, .jq = jq};
}

/* 1: the first output is neither false nor null, 0: it is, or there is none; -1: an error. Consumes value. */
static int try(struct expressions *expressions, jq_state *jq, jv value)
{
	jq_start(jq, value, 0);
	jv output = jq_next(jq);
	if (jv_is_valid(output)) {
		jv_kind kind = jv_get_kind(output);
		jv_free(output);
		return kind != JV_KIND_FALSE && kind != JV_KIND_NULL;
	}
	if (jv_invalid_has_msg(jv_copy(output))) {
		error_text(expressions->why, sizeof expressions->why, jv_invalid_get_msg(output));
		return -1;
	}
	jv_free(output);
	if (jq_halted(jq)) {
		snprintf(expressions->why, sizeof expressions->why, "it halts");
		return -1;
	}
	return 0;
}

static int first_of(struct expressions *expressions, struct slice object)
{
	jv value = object.n > INT_MAX ? jv_invalid() : jv_parse_sized(object.p, (int)object.n);
	if (!jv_is_valid(value)) {
		snprintf(expressions->why, sizeof expressions->why, "libjq cannot read the record");
		if (jv_invalid_has_msg(jv_copy(value)))
			error_text(expressions->why, sizeof expressions->why, jv_invalid_get_msg(value));
		else
			jv_free(value);
		return EXPRESSIONS_FAILED;
	}
	int first = EXPRESSIONS_NONE;
	for (int i = 0; i < expressions->n && first == EXPRESSIONS_NONE; i++) {
		int found = try(expressions, expressions->v[i].jq, jv_copy(value));
		if (found < 0) {
			char why[sizeof expressions->why];
			memcpy(why, expressions->why, sizeof why);
			snprintf(expressions->why, sizeof expressions->why, "--reject %.64s: %.180s",
				 expressions->v[i].reason, why);
			first = EXPRESSIONS_FAILED;
		} else if (found) {
			first = i;
		}
	}
	jv_free(value);
	return first;
}

int expressions_first(struct expressions *expressions, struct slice object)
{
	if (expressions->n == 0)
		return EXPRESSIONS_NONE;
	inside = true;
	int first = first_of(expressions, object);
	inside = false;
	return first;
}

const char *expressions_library(void)
{
	Dl_info info;
	if (!dladdr((const void *)(uintptr_t)jq_init, &info) || !info.dli_fname)
		return "libjq";
	char *path = realpath(info.dli_fname, NULL); /* behind the links to it; kept */
	const char *name = path ? strrchr(path, '/') : NULL;
	return name && strncmp(name, "/libjq", 6) == 0 ? name + 1 : "libjq";
}

void expressions_free(struct expressions *expressions)
{
	for (int i = 0; i < expressions->n; i++)
		jq_teardown(&expressions->v[i].jq);
	free(expressions->v);
	*expressions = (struct expressions){0};
}
