#include "append.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "file.h"
#include "input.h"
#include "json.h"
#include "lock.h"
#include "opener.h"
#include "record.h"

enum { UNSYNCED_MOST = 64 << 20 }; /* more than the segments that are under way at a time */

/* Where the first NUL is in the file's last part, else its size. No line has one; what was not synced when the power
 * went may be zeros. */
static off_t first_zero(int fd, const char *path, off_t size)
{
	char block[16384];
	off_t at = size > UNSYNCED_MOST ? size - UNSYNCED_MOST : 0;
	while (at < size) {
		ssize_t got = pread(fd, block, sizeof block, at);
		if (got <= 0)
			fail(EX_IOERR, "%s: cannot read its end:", path);
		const char *zero = memchr(block, '\0', (size_t)got);
		if (zero)
			return at + (zero - block);
		at += got;
	}
	return size;
}

/* The length of the file up to its last line feed before size. */
static off_t whole_lines(int fd, const char *path, off_t size)
{
	char block[4096];
	while (size > 0) {
		size_t n = size < (off_t)sizeof block ? (size_t)size : sizeof block;
		ssize_t got = pread(fd, block, n, size - (off_t)n);
		if (got != (ssize_t)n)
			fail(EX_IOERR, "%s: cannot read its end:", path);
		const char *feed = memrchr(block, '\n', n);
		if (feed)
			return size - (off_t)n + (feed - block) + 1;
		size -= (off_t)n;
	}
	return 0;
}

/* Whether the last line, of n bytes from there on, is a whole object. */
static bool is_object(int fd, const char *path, off_t from, size_t n)
{
	struct names names;
	struct record record;
	const char *reason;
	if (n > INPUT_LETTER_MAX)
		return false;
	char *line = must_alloc(n + 1 + JSON_PADDING);
	if (pread(fd, line, n, from) != (ssize_t)n)
		fail(EX_IOERR, "%s: cannot read its end:", path);
	memset(line + n, 0, 1 + JSON_PADDING);
	line[n] = '\n';
	names_init(&names);
	record_init(&record);
	bool whole = record_read(&record, &names, line, &reason) == line + n;
	record_free(&record);
	free(line);
	return whole;
}

/* Whether nothing was begun at the end of the file, of size bytes. */
static bool ends_whole(const struct append *append, off_t size)
{
	char last;
	if (size == 0)
		return true;
	if (pread(append->output.fd, &last, 1, size - 1) != 1)
		fail(EX_IOERR, "%s: cannot read its end:", append->output.name);
	return last == '\n';
}

/* What a program that died left of its last line is cut off; a line that only lacks its line feed gets it. */
static void mend_end(const struct append *append, off_t size)
{
	const char *path = append->output.name;
	int fd = append->output.fd;
	off_t sound = first_zero(fd, path, size), whole = whole_lines(fd, path, sound), rest = size - whole;
	if (rest > 0 && sound == size && is_object(fd, path, whole, (size_t)rest)) {
		if (write(fd, "\n", 1) != 1)
			fail(EX_IOERR, "%s: cannot write:", path);
	} else if (rest > 0) {
		warn("%s: cut off %jd bytes of half-written lines at its end", path, (intmax_t)rest);
		if (ftruncate(fd, whole) != 0)
			fail(EX_IOERR, "%s: cannot cut off a half-written line:", path);
	}
}

/* --- the file of the name --- */

/* The open files of this process, by number from the last one down. */
static struct append *opened;
static int opener = -1; /* asks who may still open files; -1: it is done here */

/* A new file's name is as durable as its content; in a folder that may be written to and not read, as far as it is.
 * Returns an errno. */
static int sync_folder(const char *path)
{
	char *copy = must_strdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
	free(copy);
	if (fd < 0)
		return errno == EACCES ? 0 : errno;
	if (fsync(fd) != 0)
		error = errno;
	close(fd);
	return error;
}

/* Opens the name for appending; a file also for reading, to see what it is and how it ends. Returns the negative of an
 * errno where it cannot. */
static int open_name(const char *path)
{
	struct stat status;
	bool other = stat(path, &status) == 0 && !S_ISREG(status.st_mode);
	int fd = file_open_guarded(path, (other ? O_WRONLY : O_RDWR) | O_APPEND | O_CREAT);
	if (fd < 0)
		return -errno;
	int error = other ? 0 : sync_folder(path);
	if (error)
		fail(EX_IOERR, "%s: cannot sync its folder: %s", path, strerror(error));
	return fd;
}

/* An opener_answer. */
static int find_name(const struct opener_question *question)
{
	struct stat status;
	const struct append *append = opened;
	while (append->number != question->which)
		append = append->next;
	if (stat(append->target.path, &status) == 0 && status.st_dev == question->device &&
	    status.st_ino == question->inode)
		return OPENER_SAME;
	return open_name(append->target.path);
}

_Noreturn static void cannot_open(const struct append *append, int error)
{
	errno = error;
	fail(error == EACCES || error == EPERM || error == EROFS ? EX_NOPERM : EX_CANTCREAT,
	     "%s: cannot open for writing:", append->target.path);
}

/* Holds the file for this program alone, from now on. */
static void hold(const struct append *append, int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		fail(EX_TEMPFAIL, "%s: in use by another program, wait for it or name another file",
		     append->target.path);
}

/* Makes fd the file that is written to; what the one before it holds is on the disk first. */
static void replace(struct append *append, int fd)
{
	int old = append->output.fd;
	if (append->alone)
		hold(append, fd);
	if (append->written && fdatasync(old) != 0)
		fail(EX_IOERR, "%s: cannot sync:", append->target.path);
	close(old);
	append->output.fd = fd;
	append->known = append->written = false;
}

/* Takes the file, if it is no longer that of its name (logrotate has moved it, or it was removed), for the one that is.
 * Returns whether it was another one. */
static bool follow_name(struct append *append)
{
	struct stat status;
	if (fstat(append->output.fd, &status) != 0)
		fail(EX_IOERR, "%s: cannot look at it:", append->target.path);
	struct opener_question question = {append->number, status.st_dev, status.st_ino};
	int fd = opener < 0 ? find_name(&question) : opener_ask(opener, &question);
	if (fd == OPENER_SAME)
		return false;
	if (fd < 0)
		cannot_open(append, -fd);
	replace(append, fd);
	return true;
}

/* Begins a turn at the file that has the name: it is ours to write, nobody else writes, and it ends with a line feed.
 * Where there are no locks, others must be kept away by the user. */
static void begin_turn(struct append *append)
{
	enum { REOPENS = 100 };
	struct stat status;
	if (!append->regular)
		return;
	for (int tries = 0;; tries++) {
		/* A foreign file may be locked for good: it is not waited for. */
		if (!append->known)
			target_look(&append->target, append->output.fd);
		if (!append->alone)
			lock_take(append->output.fd, append->target.path, append->wait);
		if (!follow_name(append))
			break;
		if (tries == REOPENS)
			fail(EX_TEMPFAIL, "%s: is replaced again and again by another program; try again",
			     append->target.path);
	}
	if (!append->known)
		target_look(&append->target, append->output.fd);
	if (fstat(append->output.fd, &status) != 0)
		fail(EX_IOERR, "%s: cannot look at it:", append->target.path);
	if (!append->known || !ends_whole(append, status.st_size))
		mend_end(append, status.st_size);
	append->known = status.st_size > 0;
}

static void end_turn(struct append *append)
{
	if (append->regular && !append->alone)
		lock_give(append->output.fd);
}

void append_open(struct append *append, const struct target *target, bool alone, double wait)
{
	struct stat status;
	static unsigned numbers;
	*append = (struct append){.target = *target, .alone = alone, .wait = wait, .number = numbers++};
	/* Not made, nor waited for, where it is not ours. */
	file_look_at(target);
	int fd = open_name(target->path);
	if (fd < 0)
		cannot_open(append, -fd);
	if (fstat(fd, &status) != 0)
		fail(EX_IOERR, "%s: cannot look at it:", target->path);
	append->regular = S_ISREG(status.st_mode);
	append->next = opened;
	opened = append;
	output_open(&append->output, fd, target->path);
	if (!append->regular)
		return;
	if (alone)
		hold(append, fd);
	begin_turn(append);
	end_turn(append);
}

void append_confine(void)
{
	if (opened && opener < 0)
		opener = opener_start(find_name);
}

/* Whole lines reach the file. */
static void write_out(struct append *append)
{
	output_flush(&append->output);
	append->known = append->written = true;
}

static void flush(struct append *append)
{
	if (append->output.n == 0)
		return;
	begin_turn(append);
	write_out(append);
	end_turn(append);
}

void append_wait_for_sync(struct append *append)
{
	append->most = APPEND_WAITING;
}

/* Makes room in the buffer for n bytes more, if it may be so long. */
static void grow(struct append *append, size_t n)
{
	struct output *output = &append->output;
	size_t capacity = output->capacity;
	while (capacity - output->n < n && capacity < append->most)
		capacity *= 2;
	if (capacity - output->n < n || capacity == output->capacity)
		return;
	output->buffer = must_realloc(output->buffer, capacity + JSON_PADDING);
	output->capacity = capacity;
}

void append_begin(struct append *append, size_t n)
{
	struct output *output = &append->output;
	grow(append, n);
	if (output->capacity - output->n < n)
		flush(append);
	append->locked = output->capacity < n;
	if (append->locked)
		begin_turn(append);
}

void append_end(struct append *append)
{
	append->unsynced = true;
	if (append->locked) {
		write_out(append);
		end_turn(append);
	}
	append->locked = false;
}

void append_sync(struct append *append)
{
	if (!append->unsynced)
		return;
	flush(append);
	if (append->regular && fdatasync(append->output.fd) != 0)
		fail(EX_IOERR, "%s: cannot sync:", append->output.name);
	append->unsynced = append->written = false;
}

void append_close(struct append *append)
{
	struct append **at = &opened;
	append_sync(append);
	while (*at != append)
		at = &(*at)->next;
	*at = append->next;
	output_close(&append->output, false);
}
