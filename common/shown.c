#include "shown.h"

#include <stdarg.h>
#include <stdlib.h>

#include "fail.h"

size_t shown_write(char *to, struct slice text)
{
	char *start = to;
	for (size_t i = 0; i < text.n; i++) {
		size_t control = shown_control(text.p + i, text.n - i);
		if (control == 0)
			*to++ = text.p[i];
		else
			to += sprintf(to, "\\x%02x", (unsigned char)text.p[i]);
		if (control == 2)
			to += sprintf(to, "\\x%02x", (unsigned char)text.p[++i]);
	}
	return (size_t)(to - start);
}

void shown_print(FILE *to, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text = must_vformat(format, arguments);
	va_end(arguments);
	size_t n = strlen(text);
	char *shown = must_alloc(4 * n + 1);
	for (struct slice rest = {text, n}; rest.n > 0;) {
		const char *feed = memchr(rest.p, '\n', rest.n);
		size_t line = feed ? (size_t)(feed - rest.p) : rest.n, whole = line + (feed != NULL);
		size_t m = shown_write(shown, (struct slice){rest.p, line});
		/* The caller looks at the stream's error. */
		(void)fwrite(shown, 1, m, to);
		if (feed)
			(void)putc('\n', to);
		rest = (struct slice){rest.p + whole, rest.n - whole};
	}
	free(shown);
	free(text);
}
