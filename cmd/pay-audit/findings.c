#include "findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fail.h"
#include "shown.h"

static void add(struct findings *findings, char *text)
{
	if (findings->n == findings->capacity) {
		findings->capacity = findings->capacity ? 2 * findings->capacity : 16;
		findings->text = must_realloc(findings->text, findings->capacity * sizeof *findings->text);
	}
	findings->text[findings->n++] = text;
}

void findings_add(struct findings *findings, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	add(findings, must_vformat(format, arguments));
	va_end(arguments);
}

void findings_same(struct findings *findings, amount_sum a, amount_sum b, const char *format, ...)
{
	char left[AMOUNT_TEXT], right[AMOUNT_TEXT];
	va_list arguments;
	if (a == b)
		return;
	va_start(arguments, format);
	char *what = must_vformat(format, arguments);
	va_end(arguments);
	amount_write(left, a);
	amount_write(right, b);
	add(findings, must_format("%s: %s is not %s", what, left, right));
	free(what);
}

void findings_move(struct findings *findings, struct findings *more)
{
	for (size_t i = 0; i < more->n; i++)
		add(findings, more->text[i]);
	more->n = 0;
}

void findings_print(const struct findings *findings)
{
	if (findings->n == 0)
		shown_print(stdout, "\nEverything adds up.\n");
	for (size_t i = 0; i < findings->n; i++)
		shown_print(stdout, "%sDOES NOT ADD UP: %s\n", i == 0 ? "\n" : "", findings->text[i]);
}
