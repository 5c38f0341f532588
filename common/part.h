/* part: a stage as a piece of a program. pay-x is its one part; pay-run joins several in one process. */
#ifndef PAYPIPE_PART_H
#define PAYPIPE_PART_H

#include "options.h"
#include "stream.h"

/* What a part keeps, it keeps for the stream that it opened, and nothing besides: a stage may stand twice in a process.
 */
struct part {
	const struct program *program;
	/* Reads the rest of a command line on which options_start has begun, and opens the stage with all its files.
	 * Returns its stream, ready for stream_run; NULL where there is nothing to run because what was asked for is
	 * done (--check, or what options_alone allows), with its status in *status. options must outlive the stream.
	 * Errors end the program. */
	struct stream *(*open)(struct options *options, int *status);
	/* Closes what the stage has open besides its stream, once that was run. NULL: nothing. Memory is left to the
	 * end of the process. */
	void (*close)(struct stream *stream);
};

/* The part of a program: each stage defines it, cmd/main.c runs it, and for pay-run the Makefile renames it. */
extern const struct part part_own;

#endif
