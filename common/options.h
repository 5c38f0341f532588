/* options: one table a program, from which come its parser, its --help, its completion and the test of its page. */
#ifndef PAYPIPE_OPTIONS_H
#define PAYPIPE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One option. The table ends with an entry without a name. */
struct option_entry {
	int id;           /* what options_next returns for it, from 1; with flags of enum option_use */
	char letter;      /* its short form, 0 without */
	const char *name; /* its long form, without "--" */
	const char *arg;  /* its argument's name in the help (FILE), NULL without */
	const char *help; /* one line, lower case, no full stop */
};

/* What is known of an option beside its name, in its id: `REJECT | OPTION_REPEATS`. */
enum option_use {
	OPTION_REPEATS = 1 << 16, /* may be given more than once; another one with an argument may not */
	OPTION_WRITES = 1 << 17   /* its argument names a file that is written to, see target.h */
};

/* Groups of options that programs share; every program has --help, --version, -q, --stats, --progress, --check. */
enum options_group {
	OPTIONS_DEAD = 1,     /* --dead-letter FILE|-, --max-dead N, --lock-wait SECONDS */
	OPTIONS_STREAM = 2,   /* --unsealed, --plain */
	OPTIONS_DATABASE = 4, /* --lock-wait SECONDS, --allow-gap, --source NAME */
	OPTIONS_NO_COVER = 8, /* a database without cover: --lock-wait SECONDS, --source NAME */
	OPTIONS_KAFKA = 16,   /* -b BROKERS, -X NAME=VALUE, -F FILE */
};

struct program {
	const char *name;                   /* "pay-filter" */
	const char *about;                  /* one line: what it does */
	const char *operands;               /* "[FILE]", "FILE...", "" */
	const struct option_entry *options; /* its own; may be NULL */
	unsigned groups;                    /* of enum options_group */
	const char *examples;               /* lines for the end of the help, each ended by a line feed; may be NULL */
	const char *(*libraries)(void);     /* "libjq 1.6, xxHash 0.8.1": at run time; NULL: none */
};

/* One of -b, -X and -F, as they were given. */
struct kafka_setting {
	enum kafka_setting_kind { KAFKA_BROKERS, KAFKA_PROPERTY, KAFKA_FILE } kind;
	const char *text;
};

struct stream;

/* What the shared options say. */
struct settings {
	const char *program; /* its name */
	unsigned offers;     /* enum options_group: the groups of options that it has */
	bool stats, progress, check, quiet;
	const char *dead_letter; /* NULL: stop at a bad record; "-": in the stream; else a file */
	uint64_t max_dead;       /* UINT64_MAX: any number */
	bool unsealed, plain, allow_gap;
	bool ends_stream;   /* set by a program that refuses --dead-letter -, since nothing follows its records */
	double lock_wait;   /* seconds */
	const char *source; /* NULL: coordinates must be in the records */
	struct kafka_setting *kafka; /* in their order */
	size_t kafka_n;
	/* Set behind options_start, or between options_next and stream_open, by a program of several stages, see
	 * stream_open. */
	bool part;               /* one of them, which must be a stage and nothing else: see options_alone */
	struct stream *upstream; /* whose records it takes; NULL: it reads its input */
	bool downstream;         /* another takes its records; else it writes to standard output */
};

struct options {
	struct settings settings;
	const char *value; /* the argument of the option that options_next returned */
	const char *name;  /* its long name, without "--" */
	char **operands;   /* set once options_next has returned 0; ended by NULL */
	int operands_n;
	const struct program *program; /* the rest is its own */
	int argc;
	char **argv;
	struct option *table;
	const struct option_entry **entries; /* of each of the table */
	const char **given;                  /* its argument, once it was given */
	char *letters;
};

/* Starts on a command line; sets the name for messages. What a program inherits is put right: closed standard streams,
 * SIGPIPE ignored, and stdio on descriptors that do not wait. */
void options_start(struct options *options, const struct program *program, int argc, char **argv);

/* The id of the program's next own option, 0 after the last. Shared ones are taken into settings. --help and --version
 * print and exit 0. An unknown option, a missing or a superfluous argument, one that comes twice and does not repeat,
 * and one file for two options (target.h) end the program with 64. */
int options_next(struct options *options);

/* Reads the value at hand as a whole number from least to most, or ends the program with 64, naming option and bounds.
 */
int64_t options_number(const struct options *options, int64_t least, int64_t most);

/* Reads the value at hand as seconds, a decimal >= 0. */
double options_seconds(const struct options *options);

/* Ends the program with 64 where it is a stage of a pay-run: option asks for something else than to be one. */
void options_alone(const struct options *options, const char *option);

/* Ends the program with 64 and a message that points to --help. */
_Noreturn void options_misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The version of paypipe. */
extern const char paypipe_version[];

#endif
