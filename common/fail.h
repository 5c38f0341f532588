/* fail: how a program says what went wrong, and with which status it ends.
 *
 * A message names the place, the cause and what to do: `policy.csv:3: unknown test "lik" (is, prefix, in, missing)`.
 * The program's name goes before it. A format that ends in ':' gets errno's text after it. Bytes of the message that a
 * terminal would act on are written as \xNN, so data can be quoted as it is. */
#ifndef PAYPIPE_FAIL_H
#define PAYPIPE_FAIL_H

#include <stdarg.h>
#include <stddef.h>
#include <sysexits.h>

/* Exit status for what an operator must decide: a gap, retention, other content under a known name. EX_PROTOCOL's
 * number, under the name that it has here. */
enum { EX_OPERATOR = 76 };

/* Who speaks in messages. Where a process runs several stages, the one at work. */
struct fail_voice {
	const char *name; /* the caller's, and must outlive them */
	_Bool quiet;      /* warn says nothing */
};

/* From here on messages are those of that voice; returns the one before. */
struct fail_voice fail_speak(struct fail_voice voice);

/* Names the program in all later messages; name stays the caller's and must outlive them. */
void fail_name(const char *name);

/* The name given to fail_name, "paypipe" before that. */
const char *fail_program(void);

/* Writes "name: message" to standard error and exits with status (a sysexits code, or EX_OPERATOR). */
_Noreturn void fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes the same line and returns, unless fail_quiet was called. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for an error with which the program goes on to its end, and ends with its status then: always said. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Registers what is to be done before fail exits, once, in any case (statistics); NULL: nothing any more. */
void fail_last(void (*last)(void *self), void *self);

/* Silences warn for the voice at hand (option -q); errors are always said. */
void fail_quiet(void);

/* The sysexits status that fits errno for opening or creating a path: 66 (missing, a folder), 77 (permission), else
 * the status given. */
int fail_status(int error, int otherwise);

/* Memory that is there: each ends the program with 71 when there is none. The caller frees. */
void *must_alloc(size_t size);
void *must_realloc(void *old, size_t size);
char *must_strdup(const char *s);
/* size bytes of formatted text, newly allocated. */
char *must_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *must_vformat(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

#endif
