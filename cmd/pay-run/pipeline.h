/* pipeline: the text of a shell pipeline, as words. Words are split as the shell splits them; what the shell would
 * expand or redirect is refused, so that a text means here what it means there. */
#ifndef PAYPIPE_RUN_PIPELINE_H
#define PAYPIPE_RUN_PIPELINE_H

#include <stdio.h>

/* One command of it. */
struct command {
	char **word; /* the program and its arguments, ended by NULL */
	int n;
};

/* Zero-initialise. */
struct pipeline {
	struct command *command;
	int n;
};

/* Reads a pipeline from a text. A text that a shell would take otherwise, or that has an empty command, ends the
 * program with 64. */
void pipeline_read(struct pipeline *pipeline, const char *text);

/* The same from a file, in which what follows a # at the start of a word is a comment up to the end of its line. */
void pipeline_file(struct pipeline *pipeline, const char *file);

/* Writes a word so that a shell, and pipeline_read, read it back. */
void pipeline_word(FILE *to, const char *word);

#endif
