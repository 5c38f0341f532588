#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fail.h"

const char paypipe_version[] = PAYPIPE_VERSION;

/* getopt's values: a program's own ids from OWN on, shared options below it. */
enum {
	HELP = 1,
	VERSION,
	QUIET,
	STATS,
	PROGRESS,
	CHECK,
	DEAD_LETTER,
	MAX_DEAD,
	UNSEALED,
	PLAIN,
	LOCK_WAIT,
	ALLOW_GAP,
	SOURCE,
	BROKERS,
	PROPERTY,
	PROPERTY_FILE
};
enum { OWN = 1000 };

static const struct {
	unsigned group; /* 0: every program's */
	struct option_entry entry;
} shared[] = {
    {OPTIONS_KAFKA, {BROKERS, 'b', "brokers", "LIST", "the Kafka cluster: HOST[:PORT], more of them behind commas"}},
    {OPTIONS_KAFKA, {PROPERTY, 'X', "property", "NAME=VALUE", "set a property of librdkafka (repeatable)"}},
    {OPTIONS_KAFKA,
     {PROPERTY_FILE, 'F', "properties", "FILE", "set those of a file, a NAME=VALUE a line (repeatable)"}},
    {OPTIONS_DEAD,
     {DEAD_LETTER, 0, "dead-letter", "FILE", "append bad records to FILE and go on; - keeps them in the stream"}},
    {OPTIONS_DEAD, {MAX_DEAD, 0, "max-dead", "N", "stop all the same after more than N bad records"}},
    {OPTIONS_STREAM, {UNSEALED, 0, "unsealed", NULL, "accept input that is cut or whose marks do not add up"}},
    {OPTIONS_STREAM, {PLAIN, 0, "plain", NULL, "write records without marks"}},
    {OPTIONS_DATABASE | OPTIONS_NO_COVER,
     {LOCK_WAIT, 0, "lock-wait", "SECONDS", "wait that long for another writer of a database (30)"}},
    {OPTIONS_DATABASE, {ALLOW_GAP, 0, "allow-gap", NULL, "accept a segment that leaves a hole after known cover"}},
    {OPTIONS_DATABASE | OPTIONS_NO_COVER,
     {SOURCE, 0, "source", "NAME", "number records without coordinates as NAME/0/line"}},
    {0, {STATS, 0, "stats", NULL, "write counts and amounts as a JSON line to standard error at exit"}},
    {0, {PROGRESS, 0, "progress", NULL, "draw progress when standard error is a terminal"}},
    {0, {CHECK, 0, "check", NULL, "validate options and files, and do nothing"}},
    {0, {QUIET, 'q', "quiet", NULL, "no warnings"}},
    {0, {HELP, 'h', "help", NULL, "show this help"}},
    {0, {VERSION, 'V', "version", NULL, "show the versions of program and libraries"}},
};
enum { SHARED = sizeof shared / sizeof *shared };

static bool offered(const struct program *program, int i)
{
	return shared[i].group == 0 || (program->groups & shared[i].group);
}

static void add(struct options *options, int *n, size_t *letters, const struct option_entry *entry, int value)
{
	options->table[(*n)++] =
	    (struct option){entry->name, entry->arg ? required_argument : no_argument, NULL, value};
	if (entry->letter) {
		options->letters[(*letters)++] = entry->letter;
		if (entry->arg)
			options->letters[(*letters)++] = ':';
	}
}

/* A standard stream that the caller closed must not become the descriptor of a database: puts one in its place whose
 * use fails. */
static void guard_standard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			fail(EX_OSERR, "/dev/null: cannot open:");
}

void options_start(struct options *options, const struct program *program, int argc, char **argv)
{
	fail_speak((struct fail_voice){.name = program->name});
	guard_standard_streams();
	signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is a failed write, with its message */
	*options = (struct options){.program = program, .argc = argc, .argv = argv};
	options->settings = (struct settings){.program = program->name, .max_dead = UINT64_MAX, .lock_wait = 30};
	int own = 0, n = 0;
	while (program->options && program->options[own].name)
		own++;
	options->table = must_alloc((size_t)(own + SHARED + 1) * sizeof *options->table);
	options->settings.kafka = must_alloc((size_t)argc * sizeof *options->settings.kafka);
	options->letters = must_alloc((size_t)(own + SHARED) * 2 + 2);
	size_t letters = 0;
	options->letters[letters++] = ':'; /* a missing argument is told apart */
	for (int i = 0; i < own; i++)
		add(options, &n, &letters, &program->options[i], OWN + program->options[i].id);
	for (int i = 0; i < SHARED; i++)
		if (offered(program, i))
			add(options, &n, &letters, &shared[i].entry, shared[i].entry.id);
	options->letters[letters] = '\0';
	options->table[n] = (struct option){0};
	opterr = 0;
	optind = 0; /* getopt begins anew, whatever command line it was at */
}

void options_alone(const struct options *options, const char *option)
{
	if (options->settings.part)
		options_misuse("%s is for %s by itself, not for a stage of pay-run", option, options->program->name);
}

void options_misuse(const char *format, ...)
{
	char text[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	fail(EX_USAGE, "%s; see %s --help", text, fail_program());
}

static void print_entry(const struct option_entry *entry)
{
	char left[64], letter[8] = "    ";
	if (entry->letter)
		snprintf(letter, sizeof letter, "-%c, ", entry->letter);
	snprintf(left, sizeof left, "%s--%s%s%s", letter, entry->name, entry->arg ? " " : "",
		 entry->arg ? entry->arg : "");
	printf("  %-30s %s\n", left, entry->help);
}

/* Standard output of --help and --version must reach its reader like any other. */
static _Noreturn void finish(void)
{
	if (fflush(stdout) != 0 || fclose(stdout) != 0)
		fail(EX_IOERR, "standard output: cannot write:");
	exit(0);
}

static _Noreturn void help(const struct program *program)
{
	printf("%s: %s\n\nUsage: %s [OPTION]...%s%s\n", program->name, program->about, program->name,
	       *program->operands ? " " : "", program->operands);
	if (program->options && program->options->name) {
		printf("\nOptions:\n");
		for (const struct option_entry *entry = program->options; entry->name; entry++)
			print_entry(entry);
	}
	printf("\nShared options:\n");
	for (int i = 0; i < SHARED; i++)
		if (offered(program, i))
			print_entry(&shared[i].entry);
	if (program->examples)
		printf("\nExamples:\n%s", program->examples);
	printf("\nExit status: 0; 64 usage; 65 bad or cut data; 66 no input; 69 unreachable;\n"
	       "73, 74 output; 75 try again; 76 an operator must decide; 77 permission; 78 configuration.\nThe page is "
	       "%s(1), the stream paypipe(7).\n",
	       program->name);
	finish();
}

static _Noreturn void version(const struct program *program)
{
	unsigned xxh = XXH_versionNumber();
	printf("%s %s\nSQLite %s, xxHash %u.%u.%u%s%s\n", program->name, paypipe_version, sqlite3_libversion(),
	       xxh / 10000, xxh / 100 % 100, xxh % 100, program->libraries ? ", " : "",
	       program->libraries ? program->libraries() : "");
	finish();
}

/* The option as the user wrote it, for a message. */
static const char *written(const struct options *options)
{
	static char letter[3] = "-?";
	const char *word = options->argv[optind - 1];
	if (strncmp(word, "--", 2) != 0 && optopt) {
		letter[1] = (char)optopt;
		return letter;
	}
	return word;
}

static void take_kafka(struct options *options, enum kafka_setting_kind kind)
{
	struct settings *settings = &options->settings;
	settings->kafka[settings->kafka_n++] = (struct kafka_setting){kind, optarg};
}

static void take(struct options *options, int id)
{
	struct settings *settings = &options->settings;
	switch (id) {
	case HELP: options_alone(options, "--help"); help(options->program);
	case VERSION: options_alone(options, "--version"); version(options->program);
	case QUIET:
		settings->quiet = true;
		fail_quiet();
		break;
	case STATS: settings->stats = true; break;
	case PROGRESS: settings->progress = true; break;
	case CHECK:
		options_alone(options, "--check");
		settings->check = true;
		break;
	case DEAD_LETTER: settings->dead_letter = optarg; break;
	case MAX_DEAD: settings->max_dead = (uint64_t)options_number(options, 0, INT64_MAX); break;
	case UNSEALED: settings->unsealed = true; break;
	case PLAIN: settings->plain = true; break;
	case LOCK_WAIT: settings->lock_wait = options_seconds(options); break;
	case ALLOW_GAP: settings->allow_gap = true; break;
	case SOURCE:
		if (!*optarg)
			options_misuse("--source: a name is needed");
		settings->source = optarg;
		break;
	case BROKERS: take_kafka(options, KAFKA_BROKERS); break;
	case PROPERTY: take_kafka(options, KAFKA_PROPERTY); break;
	case PROPERTY_FILE: take_kafka(options, KAFKA_FILE); break;
	default: fail(EX_SOFTWARE, "option %d is not handled, a bug", id);
	}
}

int options_next(struct options *options)
{
	for (;;) {
		int id = getopt_long(options->argc, options->argv, options->letters, options->table, NULL);
		options->value = optarg;
		if (id == -1) {
			options->operands = options->argv + optind;
			options->operands_n = options->argc - optind;
			return 0;
		}
		if (id == ':')
			options_misuse("option %s needs an argument", written(options));
		if (id == '?') {
			const char *word = written(options);
			bool known = strncmp(word, "--", 2) == 0 && strchr(word, '=') && optopt;
			options_misuse(known ? "option %s takes no argument" : "unknown option %s", word);
		}
		/* A long form by its number, a short one by its letter: find whose it is. */
		for (const struct option_entry *own = options->program->options; own && own->name; own++)
			if (id == OWN + own->id || (own->letter && own->letter == id)) {
				options->name = own->name;
				return own->id;
			}
		for (int i = 0; i < SHARED; i++)
			if (id == shared[i].entry.id || (shared[i].entry.letter && shared[i].entry.letter == id)) {
				options->name = shared[i].entry.name;
				id = shared[i].entry.id;
			}
		take(options, id);
	}
}

int64_t options_number(const struct options *options, int64_t least, int64_t most)
{
	char *end;
	errno = 0;
	long long value = strtoll(options->value, &end, 10);
	bool plain = *options->value == '-' || (*options->value >= '0' && *options->value <= '9');
	if (errno || *end || !plain || value < least || value > most)
		options_misuse("--%s: \"%s\" is not a whole number from %lld to %lld", options->name, options->value,
			       (long long)least, (long long)most);
	return value;
}

double options_seconds(const struct options *options)
{
	char *end;
	double value = strtod(options->value, &end);
	bool plain = *options->value >= '0' && *options->value <= '9';
	if (*end || !plain || !isfinite(value) || value > 1e9)
		options_misuse("--%s: \"%s\" is not a number of seconds", options->name, options->value);
	return value;
}
