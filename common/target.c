#include "target.h"

#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "input.h"
#include "record.h"
#include "shape.h"

enum { HEAD = 4096 }; /* bytes by which a file shows what it is, but for a long first line */

/* --- what a file is --- */

/* The beginning of a file, up to its first line feed, NUL or end. */
struct head {
	struct slice text; /* at most HEAD bytes, of whatever kind */
	struct slice line; /* the first line without its end */
	bool whole;        /* the line has its line feed */
	bool zeros;        /* nothing but NULs, as a loss of power leaves what was not synced */
};

static const struct magic {
	const char *bytes;
	size_t n;
	const char *what;
} magics[] = {
    {"SQLite format 3", 16, "a SQLite database"},
    {"\x1f\x8b", 2, "a gzip file"},
    {"\x28\xb5\x2f\xfd", 4, "a zstd file"},
    {"\xfd"
     "7zXZ",
     6, "an xz file"},
    {"BZh", 3, "a bzip2 file"},
    {"PK\x03\x04", 4, "a zip file (or a spreadsheet)"},
    {"\x7f"
     "ELF",
     4, "a program (ELF)"},
    {"%PDF", 4, "a PDF"},
    {"#!", 2, "a script"},
    {"\xff\xfe", 2, "text in UTF-16"},
    {"\xfe\xff", 2, "text in UTF-16"},
};

static const char plain_text[] = "text";

static const char *what_shape(enum shape shape)
{
	switch (shape) {
	case SHAPE_MESSAGE: return "messages";
	case SHAPE_BASE: return "base records";
	case SHAPE_REJECTED: return "rejected records of pay-filter";
	case SHAPE_TOTAL: return "totals of pay-agg";
	case SHAPE_VERDICT: return "verdicts of pay-filter --explain";
	case SHAPE_KCAT: return "a capture of kcat";
	case SHAPE_LETTER: return "dead letters";
	case SHAPE_MARK: return "a stream with marks";
	default: return "lines of JSON";
	}
}

static const char *what_bytes(struct slice text)
{
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
		if (slice_begins(text, (struct slice){magics[i].bytes, magics[i].n}))
			return magics[i].what;
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < 0x20 && !strchr("\t\n\v\f\r\033", text.p[i]))
			return "a binary file";
	return memchr(text.p, '\0', text.n) ? "a binary file" : plain_text;
}

/* --- own kinds --- */

/* The end of the JSON value that begins at p, as far as it is there: `end` where it is cut. What is within is not
 * checked. */
static const char *behind_value(const char *p, const char *end)
{
	int depth = 0;
	bool string = false;
	for (; p < end; p++) {
		if (string) {
			if (*p == '\\' && p + 1 < end)
				p++;
			else if (*p == '"')
				string = false;
			if (!string && depth == 0)
				return p + 1;
		} else if (*p == '"') {
			string = true;
		} else if (*p == '{' || *p == '[') {
			depth++;
		} else if (*p == '}' || *p == ']') {
			if (depth == 0)
				return p;
			if (--depth == 0)
				return p + 1;
		} else if (*p == ',' && depth == 0) {
			return p;
		}
	}
	return end;
}

/* Whether a line that its writer did not finish may be the beginning of an object with that member, which stands among
 * the toolkit's own in front. */
static bool begun_with(struct slice line, struct slice member)
{
	const char *p = line.p, *end = line.p + line.n;
	for (char before = '{'; p < end; before = ',') {
		if (*p++ != before)
			return false;
		if (p == end)
			return true;
		if (*p != '"')
			return false;
		struct slice name = {p + 1, (size_t)(behind_value(p, end) - p - 1)};
		if (name.n == 0 || name.p[name.n - 1] != '"')
			return name.n == 0 || *name.p == '_';
		name.n--;
		if (slice_equal(name, member))
			return true;
		if (name.n == 0 || *name.p != '_' || slice_equal(name, SLICE("_mark")) ||
		    slice_equal(name, SLICE("_dead")) || slice_equal(name, SLICE("_unsettled")))
			return false;
		p = name.p + name.n + 1;
		if (p == end)
			return true;
		if (*p++ != ':')
			return false;
		p = behind_value(p, end);
	}
	return true;
}

/* Whether the line could be the header of a table: names with commas between them, as `merchantNumber,count`. */
static bool is_header(struct slice line)
{
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			    strchr("_.-\"", c) || (unsigned char)c >= 0x80;
		if (!c || (!word && c != ','))
			return false;
	}
	return line.n > 0;
}

static bool is_array(struct slice line)
{
	const char *p = line.p + 1, *end = line.p + line.n;
	if (line.n == 0 || *line.p != '[')
		return false;
	while (p < end && strchr(" \t\r", *p))
		p++;
	return p == end || *p == '{' || *p == ']';
}

/* The shape of the first line; *object: whether it is an object at all. */
static enum shape read_shape(struct slice line, bool *object)
{
	struct names names;
	struct record record;
	const char *reason;
	char *copy = must_alloc(line.n + 1 + JSON_PADDING);
	memcpy(copy, line.p, line.n);
	memset(copy + line.n, 0, 1 + JSON_PADDING);
	copy[line.n] = '\n';
	names_init(&names);
	record_init(&record);
	*object = record_read(&record, &names, copy, &reason) == copy + line.n;
	enum shape shape = *object ? shape_of(&record.top) : SHAPE_NONE;
	record_free(&record);
	free(copy);
	return shape;
}

static bool owns(const struct target *target, const struct head *head, enum shape shape, bool object)
{
	switch (target->kind) {
	case TARGET_LETTERS:
		return object ? shape == SHAPE_LETTER : !head->whole && begun_with(head->line, SLICE("_dead"));
	case TARGET_REJECTS:
		return object ? shape == SHAPE_REJECTED : !head->whole && begun_with(head->line, SLICE("_unsettled"));
	case TARGET_TABLE: return head->whole && slice_equal(head->line, slice_of(target->header));
	default:
		if (object)
			return shape != SHAPE_MARK && shape != SHAPE_KCAT && shape != SHAPE_VERDICT;
		return what_bytes(head->text) == plain_text && json_utf8(head->line) &&
		       (is_array(head->line) || is_header(head->line));
	}
}

/* Reads the file's first line, or of one that is none its beginning, into a buffer that is the caller's. */
static char *read_head(const struct target *target, int fd, struct head *head)
{
	size_t n = 0, capacity = HEAD;
	char *text = must_alloc(capacity);
	const char *feed = NULL, *zero = NULL;
	while (!feed && !zero && n <= INPUT_LETTER_MAX && (n == 0 || *text == '{')) {
		if (n == capacity)
			text = must_realloc(text, capacity *= 2);
		ssize_t got = pread(fd, text + n, capacity - n, (off_t)n);
		if (got < 0)
			fail(EX_IOERR, "%s: cannot read it:", target->path);
		if (got == 0)
			break;
		feed = memchr(text + n, '\n', (size_t)got);
		zero = memchr(text + n, '\0', (size_t)got);
		n += (size_t)got;
	}
	head->text = (struct slice){text, n < HEAD ? n : HEAD};
	if (zero && (!feed || zero < feed))
		feed = NULL;
	else
		zero = NULL;
	head->line = (struct slice){text, (size_t)((feed ? feed : zero ? zero : text + n) - text)};
	head->whole = feed;
	return text;
}

/* Whether there is nothing in the file but zeros. */
static bool is_zero(int fd)
{
	enum { MOST = 64 << 20 };
	char block[16384];
	ssize_t got;
	for (off_t at = 0; (got = pread(fd, block, sizeof block, at)) > 0; at += got) {
		if (at > MOST || *block || memcmp(block, block + 1, (size_t)got - 1) != 0)
			return false;
	}
	return got == 0;
}

_Noreturn static void refuse(const struct target *target, const char *what)
{
	static const char *const kinds[] = {[TARGET_LETTERS] = "dead letters",
					    [TARGET_REJECTS] = "rejected records",
					    [TARGET_RECORDS] = "a result of pay-produce",
					    [TARGET_TABLE] = "such a table"};
	fail(EX_CANTCREAT,
	     "%s %s: seems to be %s, not %s, and is left as it is: name a file that is missing or empty, or one of "
	     "these%s%s",
	     target->option, target->path, what, kinds[target->kind], target->instead ? "; " : "",
	     target->instead ? target->instead : "");
}

void target_look(const struct target *target, int fd)
{
	struct stat status;
	struct head head;
	bool object;
	if (fstat(fd, &status) != 0)
		fail(EX_IOERR, "%s: cannot look at it:", target->path);
	if (!S_ISREG(status.st_mode) || status.st_size == 0)
		return;
	char *text = read_head(target, fd, &head);
	enum shape shape = read_shape(head.line, &object);
	bool lines = target->kind == TARGET_LETTERS || target->kind == TARGET_REJECTS;
	if (!owns(target, &head, shape, object) && !(lines && !*text && is_zero(fd)))
		refuse(target, object ? what_shape(shape) : what_bytes(head.text));
	free(text);
}

/* --- the files of a process --- */

/* A file, or where one would be made. */
struct identity {
	bool there;
	dev_t device; /* of the file, else of its folder */
	ino_t inode;
	char *name; /* where the file is not there */
};

static struct named {
	const char *program, *option, *path;
	bool writes;
	struct identity identity;
	struct named *next;
} * files;

static struct input_file {
	const char *name;
	struct identity identity;
	struct input_file *next;
} * inputs;

static struct identity identity_of(const struct stat *status)
{
	return (struct identity){true, status->st_dev, status->st_ino, NULL};
}

/* What a link to nothing would make, newly allocated; NULL: it is no link. */
static char *behind_link(const char *path)
{
	char to[PATH_MAX];
	ssize_t n = readlink(path, to, sizeof to - 1);
	if (n <= 0)
		return NULL;
	to[n] = '\0';
	const char *slash = strrchr(path, '/');
	int folder = *to != '/' && slash ? (int)(slash + 1 - path) : 0;
	return must_format("%.*s%s", folder, path, to);
}

/* Returns false for what is no regular file, nor could be made. */
static bool identify(const char *path, struct identity *to)
{
	enum { LINKS = 40 };
	struct stat status;
	char *name = must_strdup(path), *next;
	for (int links = 0; stat(name, &status) != 0 && links < LINKS && (next = behind_link(name)); links++) {
		free(name);
		name = next;
	}
	free(to->name);
	to->name = NULL;
	if (stat(name, &status) == 0) {
		*to = identity_of(&status);
		free(name);
		return S_ISREG(status.st_mode);
	}
	const char *slash = strrchr(name, '/');
	char *base = must_strdup(slash ? slash + 1 : name);
	bool folder = stat(dirname(name), &status) == 0;
	free(name);
	*to = (struct identity){false, status.st_dev, status.st_ino, base};
	return folder;
}

static bool same(const struct identity *one, const struct identity *other)
{
	return one->there == other->there && one->device == other->device && one->inode == other->inode &&
	       (one->there || strcmp(one->name, other->name) == 0);
}

_Noreturn static void refuse_input(const struct named *file, const char *input)
{
	fail(EX_CANTCREAT, "--%s %s: is the input (%s), and is left as it is: name another file", file->option,
	     file->path, input);
}

static void compare_named(const struct named *one, struct named *other)
{
	bool one_program = one->program == other->program;
	(void)identify(other->path, &other->identity); /* it may have been made meanwhile */
	if (!same(&one->identity, &other->identity) || strcmp(one->option, other->option) == 0)
		return;
	if (one_program ? one->writes || other->writes : one->writes && other->writes)
		fail(EX_USAGE, "--%s %s and --%s %s: one file for two options: name two; see %s --help", other->option,
		     other->path, one->option, one->path, fail_program());
}

void target_beside(const char *option, const char *path)
{
	static const char *const endings[] = {"-wal", "-shm", "-journal"};
	size_t n = strlen(path);
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		size_t ending = strlen(endings[i]);
		if (n <= ending || strcmp(path + n - ending, endings[i]) != 0)
			continue;
		char *database = must_format("%.*s", (int)(n - ending), path);
		struct identity of = {0};
		bool known = access(database, F_OK) == 0;
		(void)identify(database, &of);
		for (const struct named *other = files; other && !known; other = other->next)
			known = same(&of, &other->identity);
		if (known)
			fail(EX_CANTCREAT, "--%s %s: belongs to %s, and is left as it is: name another file", option,
			     path, database);
		free(of.name);
		free(database);
	}
}

void target_named(const char *option, const char *path, bool writes)
{
	struct named *file = must_alloc(sizeof *file);
	struct stat out;
	*file = (struct named){.program = fail_program(), .option = option, .path = path, .writes = writes};
	if (!identify(path, &file->identity)) {
		free(file->identity.name);
		free(file);
		return;
	}
	for (struct named *other = files; other; other = other->next)
		compare_named(file, other);
	file->next = files;
	files = file;
	if (!writes)
		return;
	target_beside(option, path);
	for (const struct input_file *input = inputs; input; input = input->next)
		if (same(&file->identity, &input->identity))
			refuse_input(file, input->name);
	if (fstat(STDOUT_FILENO, &out) == 0 &&
	    same(&file->identity, &(struct identity){true, out.st_dev, out.st_ino, NULL}))
		fail(EX_CANTCREAT, "--%s %s: standard output goes to this file too: name another one", option, path);
}

void target_input(const char *name, const struct stat *status)
{
	if (!S_ISREG(status->st_mode))
		return;
	struct input_file *input = must_alloc(sizeof *input);
	*input = (struct input_file){.name = name, .identity = identity_of(status), .next = inputs};
	inputs = input;
	for (const struct named *file = files; file; file = file->next)
		if (file->writes && same(&file->identity, &input->identity))
			refuse_input(file, name);
}
