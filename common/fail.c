#include "fail.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shown.h"

static struct fail_voice voice = {.name = "paypipe"};
static void (*last_words)(void *);
static void *last_self;

struct fail_voice fail_speak(struct fail_voice next)
{
	struct fail_voice was = voice;
	voice = next;
	return was;
}

void fail_name(const char *name)
{
	voice.name = name;
}

const char *fail_program(void)
{
	return voice.name;
}

void fail_last(void (*last)(void *), void *self)
{
	last_words = last;
	last_self = self;
}

void fail_quiet(void)
{
	voice.quiet = true;
}

/* One line in one write, so that lines of a pipeline's stages do not mix; what a terminal would act on is escaped. */
static void say(int error, const char *format, va_list arguments)
{
	char text[4096], line[4 * sizeof text + 1];
	size_t room = sizeof text, n = 0, m;
	int k = snprintf(text, room, "%s: ", voice.name);
	n = k < 0 ? 0 : (size_t)k < room ? (size_t)k : room - 1;
	k = vsnprintf(text + n, room - n, format, arguments);
	n += k < 0 ? 0 : (size_t)k < room - n ? (size_t)k : room - n - 1;
	if (n > 0 && text[n - 1] == ':') {
		k = snprintf(text + n, room - n, " %s", strerror(error));
		n += k < 0 ? 0 : (size_t)k < room - n ? (size_t)k : room - n - 1;
	}
	m = shown_write(line, (struct slice){text, n});
	line[m++] = '\n';
	/* Nothing can be said about a standard error that takes nothing. */
	for (size_t done = 0; done < m;) {
		ssize_t w = write(STDERR_FILENO, line + done, m - done);
		if (w > 0)
			done += (size_t)w;
		else if (w == 0 || (errno != EINTR && errno != EAGAIN))
			break;
		else if (errno == EAGAIN) /* others share it, and it does not wait */
			(void)poll(&(struct pollfd){STDERR_FILENO, POLLOUT, 0}, 1, -1);
	}
}

void fail(int status, const char *format, ...)
{
	int error = errno;
	va_list arguments;
	va_start(arguments, format);
	say(error, format, arguments);
	va_end(arguments);
	if (last_words) {
		void (*last)(void *) = last_words;
		last_words = NULL; /* it may fail itself */
		last(last_self);
	}
	exit(status);
}

void warn(const char *format, ...)
{
	int error = errno;
	if (voice.quiet)
		return;
	va_list arguments;
	va_start(arguments, format);
	say(error, format, arguments);
	va_end(arguments);
}

void complain(const char *format, ...)
{
	int error = errno;
	va_list arguments;
	va_start(arguments, format);
	say(error, format, arguments);
	va_end(arguments);
}

int fail_status(int error, int otherwise)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case EISDIR: return EX_NOINPUT;
	case EACCES:
	case EPERM:
	case EROFS: return EX_NOPERM;
	default: return otherwise;
	}
}

void *must_alloc(size_t size)
{
	return must_realloc(NULL, size);
}

void *must_realloc(void *old, size_t size)
{
	void *p = realloc(old, size ? size : 1);
	if (!p)
		fail(EX_OSERR, "out of memory: %zu bytes are not to be had", size);
	return p;
}

char *must_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	return memcpy(must_alloc(n), s, n);
}

char *must_format(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text = must_vformat(format, arguments);
	va_end(arguments);
	return text;
}

char *must_vformat(const char *format, va_list arguments)
{
	char *text;
	if (vasprintf(&text, format, arguments) < 0)
		fail(EX_OSERR, "out of memory");
	return text;
}
