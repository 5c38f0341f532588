#include "append.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "file.h"
#include "input.h"
#include "json.h"
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

/* What a program that died left of its last line is cut off; a line that only lacks its line feed gets it. */
static void mend_end(struct append *append)
{
	const char *path = append->output.name;
	int to = append->output.fd, fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	if (fd < 0)
		return; /* it may be written and not read: then there is nothing to look at */
	if (fstat(fd, &status) != 0)
		fail(EX_IOERR, "%s: cannot look at it:", path);
	off_t sound = first_zero(fd, path, status.st_size);
	off_t whole = whole_lines(fd, path, sound), rest = status.st_size - whole;
	if (rest > 0 && sound == status.st_size && is_object(fd, path, whole, (size_t)rest)) {
		if (write(to, "\n", 1) != 1)
			fail(EX_IOERR, "%s: cannot write:", path);
	} else if (rest > 0) {
		warn("%s: cut off %jd bytes of half-written lines at its end", path, (intmax_t)rest);
		if (ftruncate(to, whole) != 0)
			fail(EX_IOERR, "%s: cannot cut off a half-written line:", path);
	}
	close(fd);
}

/* A new file's name is as durable as its content; in a folder that may be written to and not read, as far as it is. */
static void sync_folder(const char *path)
{
	char *copy = must_strdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0 && errno == EACCES)
		return;
	if (fd < 0 || fsync(fd) != 0)
		fail(EX_IOERR, "%s: cannot sync its folder:", path);
	close(fd);
}

/* Waits for its turn at a file; where there are no locks, others must be kept away by the user. */
static void lock(struct append *append, bool take)
{
	if (!append->regular || append->alone)
		return;
	while (flock(append->output.fd, take ? LOCK_EX : LOCK_UN) != 0 && errno == EINTR)
		;
}

void append_open(struct append *append, const char *path, bool alone)
{
	int fd = file_open_guarded(path, O_WRONLY | O_APPEND | O_CREAT);
	if (fd < 0)
		fail(errno == EACCES || errno == EPERM || errno == EROFS ? EX_NOPERM : EX_CANTCREAT,
		     "%s: cannot open for writing:", path);
	struct stat status;
	if (fstat(fd, &status) != 0)
		fail(EX_IOERR, "%s: cannot look at it:", path);
	*append = (struct append){.regular = S_ISREG(status.st_mode), .alone = alone};
	output_open(&append->output, fd, path);
	if (!append->regular)
		return;
	if (alone && flock(fd, LOCK_EX | LOCK_NB) != 0)
		fail(EX_TEMPFAIL, "%s: in use by another program, wait for it or name another file", path);
	lock(append, true);
	mend_end(append);
	lock(append, false);
	sync_folder(path);
}

/* Whole lines reach the file. */
static void flush(struct append *append)
{
	lock(append, true);
	output_flush(&append->output);
	lock(append, false);
}

void append_begin(struct append *append, size_t n)
{
	struct output *output = &append->output;
	if (output->capacity - output->n < n)
		flush(append);
	append->locked = output->capacity < n;
	if (append->locked)
		lock(append, true);
}

void append_end(struct append *append)
{
	append->unsynced = true;
	if (append->locked) {
		output_flush(&append->output);
		lock(append, false);
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
	append->unsynced = false;
}

void append_close(struct append *append)
{
	append_sync(append);
	output_close(&append->output, false);
}
