/* settings_file: the lines of a small file of settings that an option names. */
#ifndef PAYPIPE_SETTINGS_FILE_H
#define PAYPIPE_SETTINGS_FILE_H

#include <stdint.h>

#include "slice.h"

/* Takes a line: its number from 1, and its text without the line feed, which stands behind it in memory. The text is
 * gone after the call. */
typedef void settings_line(void *self, const char *file, uint64_t line, struct slice text);

/* Calls take(self, …) for each line of the file. A file that cannot be read, or that has a line over 16 MiB, ends the
 * program (EX_NOINPUT, EX_CONFIG). */
void settings_file_read(const char *file, settings_line *take, void *self);

#endif
