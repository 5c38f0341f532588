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
#include <unistd.h>
#include <xxhash.h>

#include "fail.h"
#include "file.h"
#include "target.h"

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
    {OPTIONS_KAFKA,
     {PROPERTY | OPTION_REPEATS, 'X', "property", "NAME=VALUE", "set a property of librdkafka (repeatable)"}},
    {OPTIONS_KAFKA,
     {PROPERTY_FILE | OPTION_REPEATS, 'F', "properties", "FILE",
      "set those of a file, a NAME=VALUE a line (repeatable)"}},
    {OPTIONS_DEAD,
     {DEAD_LETTER | OPTION_WRITES, 0, "dead-letter", "FILE",
      "append bad records to FILE and go on; - keeps them in the stream"}},
    {OPTIONS_DEAD, {MAX_DEAD, 0, "max-dead", "N", "stop all the same after more than N bad records"}},
    {OPTIONS_STREAM, {UNSEALED, 0, "unsealed", NULL, "accept input that is cut or whose marks do not add up"}},
    {OPTIONS_STREAM, {PLAIN, 0, "plain", NULL, "write records without marks"}},
    {OPTIONS_DATABASE | OPTIONS_NO_COVER | OPTIONS_DEAD,
     {LOCK_WAIT, 0, "lock-wait", "SECONDS", "wait that long for another writer of a file (30)"}},
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

enum { USES = OPTION_REPEATS | OPTION_WRITES };

static void add(struct options *options, int *n, size_t *letters, const struct option_entry *entry, int value)
{
	options->entries[*n] = entry;
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

/* The C library's streams lose what a descriptor that does not wait (O_NONBLOCK) will not take at once: in their place
 * comes one that waits. */
static ssize_t write_waiting(void *fd, const char *p, size_t n)
{
	errno = file_write(*(int *)fd, p, n);
	return errno ? 0 : (ssize_t)n;
}

static int close_waiting(void *fd)
{
	return close(*(int *)fd);
}

static FILE *waiting(FILE *stream, int *fd, int buffering)
{
	cookie_io_functions_t by = {.write = write_waiting, .close = close_waiting};
	int flags = fcntl(*fd, F_GETFL);
	FILE *other = flags >= 0 && (flags & O_NONBLOCK) ? fopencookie(fd, "w", by) : NULL;
	if (!other)
		return stream;
	setvbuf(other, NULL, buffering, BUFSIZ);
	return other;
}

static void wait_in_standard_streams(void)
{
	static int out = STDOUT_FILENO, error = STDERR_FILENO;
	static bool done;
	if (!done) {
		stdout = waiting(stdout, &out, _IOFBF);
		stderr = waiting(stderr, &error, _IONBF);
	}
	done = true;
}

void options_start(struct options *options, const struct program *program, int argc, char **argv)
{
	fail_speak((struct fail_voice){.name = program->name});
	guard_standard_streams();
	wait_in_standard_streams();
	signal(SIGPIPE,
	       SIG_DFL); /* who starts us may have it ignored (systemd, Python): then nobody would end a stage */
	signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is a failed write, with its message */
	*options = (struct options){.program = program, .argc = argc, .argv = argv};
	options->settings = (struct settings){
	    .program = program->name, .offers = program->groups, .max_dead = UINT64_MAX, .lock_wait = 30};
	int own = 0, n = 0;
	while (program->options && program->options[own].name)
		own++;
	size_t most = (size_t)(own + SHARED + 1);
	options->table = must_alloc(most * sizeof *options->table);
	options->entries = must_alloc(most * sizeof *options->entries);
	options->given = must_alloc(most * sizeof *options->given);
	memset(options->given, 0, most * sizeof *options->given);
	options->settings.kafka = must_alloc((size_t)argc * sizeof *options->settings.kafka);
	options->letters = must_alloc((size_t)(own + SHARED) * 2 + 2);
	size_t letters = 0;
	options->letters[letters++] = ':'; /* a missing argument is told apart */
	for (int i = 0; i < own; i++)
		add(options, &n, &letters, &program->options[i], OWN + (program->options[i].id & ~USES));
	for (int i = 0; i < SHARED; i++)
		if (offered(program, i))
			add(options, &n, &letters, &shared[i].entry, shared[i].entry.id & ~USES);
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
	/* In one write: who reads only its beginning ends nobody. */
	static char room[64 << 10];
	setvbuf(stdout, room, _IOFBF, sizeof room);
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

/* How many letters must be put in, left out, changed or swapped to make one name of the other, or more than `most`. */
static size_t distance(const char *one, const char *other, size_t most)
{
	enum { LONGEST = 40 };
	size_t row[3][LONGEST + 1], n = strlen(one), m = strlen(other);
	if (n > LONGEST || m > LONGEST)
		return most + 1;
	for (size_t i = 0; i <= n; i++) {
		size_t *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];
		now[0] = i;
		for (size_t k = 1; k <= m && i == 0; k++)
			now[k] = k;
		for (size_t k = 1; k <= m && i > 0; k++) {
			size_t least = before[k - 1] + (one[i - 1] != other[k - 1]);
			least = before[k] + 1 < least ? before[k] + 1 : least;
			least = now[k - 1] + 1 < least ? now[k - 1] + 1 : least;
			if (i > 1 && k > 1 && one[i - 1] == other[k - 2] && one[i - 2] == other[k - 1] &&
			    earlier[k - 2] + 1 < least)
				least = earlier[k - 2] + 1;
			now[k] = least;
		}
	}
	return row[n % 3][m];
}

/* The option that a long one, which is none, was most likely meant to be; NULL: none is near. */
static const char *nearest(const struct options *options, const char *name)
{
	size_t best = 1 + strlen(name) / 3;
	const char *found = NULL;
	for (const struct option *each = options->table; each->name; each++) {
		size_t far = distance(name, each->name, best);
		if (far < best || (far == best && !found)) {
			best = far;
			found = each->name;
		}
	}
	return found;
}

/* An option that getopt does not take. */
_Noreturn static void refuse(const struct options *options)
{
	const char *word = written(options);
	size_t n = strcspn(word, "="); /* an argument may be a secret */
	bool is_long = strncmp(word, "--", 2) == 0;
	if (is_long && word[n] && optopt)
		options_misuse("option %.*s takes no argument", (int)n, word);
	char *name = must_format("%.*s", (int)n - 2 * is_long, word + 2 * is_long);
	const char *meant = is_long ? nearest(options, name) : NULL;
	if (meant)
		fail(EX_USAGE, "unknown option --%s; did you mean --%s? (see %s --help)", name, meant, fail_program());
	options_misuse("unknown option %s%s", is_long ? "--" : "", name);
}

/* An option with an argument comes once, unless its table says otherwise: the second one would undo the first. */
static void take_once(struct options *options, int at)
{
	const struct option_entry *entry = options->entries[at];
	const char *before = options->given[at];
	options->name = entry->name;
	if (!entry->arg)
		return;
	if (before && !(entry->id & OPTION_REPEATS)) {
		if (strstr(before, "://") || strstr(optarg, "://"))
			options_misuse("--%s is given twice: once only", entry->name); /* they may hold secrets */
		options_misuse("--%s %s and --%s %s: once only", entry->name, before, entry->name, optarg);
	}
	options->given[at] = optarg;
	bool names_file = strcmp(entry->arg, "FILE") == 0 || strcmp(entry->arg, "DB") == 0;
	if ((names_file || (entry->id & OPTION_WRITES)) && strcmp(optarg, "-") != 0 && *optarg)
		target_named(entry->name, optarg, entry->id & OPTION_WRITES);
}

int options_next(struct options *options)
{
	for (;;) {
		int id = getopt_long(options->argc, options->argv, options->letters, options->table, NULL), at = 0;
		options->value = optarg;
		if (id == -1) {
			options->operands = options->argv + optind;
			options->operands_n = options->argc - optind;
			return 0;
		}
		if (id == ':')
			options_misuse("option %s needs an argument", written(options));
		if (id == '?')
			refuse(options);
		/* A long form by its number, a short one by its letter: find whose it is. */
		while (options->table[at].val != id && options->entries[at]->letter != id)
			at++;
		take_once(options, at);
		id = options->table[at].val;
		if (id >= OWN)
			return id - OWN;
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
