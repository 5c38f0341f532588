/* inject: for LD_PRELOAD. At a chosen call to the system a program is told that it failed, or is ended, or stopped; and
 * all that a program changes on the disk can be recorded in order, so that a loss of power can be tried at any point.
 *
 * FAULT=CALL:CLASS:N:ACTION  at the N-th such call, from 1. CALL and CLASS as in the tables below, or *. ACTION: a
 * number (the call fails with that errno), short (it does a part), kill, stop or term (a signal before the call),
 * kill-after, stop-after, term-after. FAULT_COUNT=FILE           each call so far, as "CALL CLASS COUNT" lines, at the
 * end of the program. FAULT_RECORD=FILE          each change is appended as a struct event; FAULT_SELF is its number
 * for this program. FAULT_CLOCK=N:SECONDS      from the N-th look at it on the time of day is so much later, or
 * earlier. */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum call { WRITE, READ, OPEN, CLOSE, SYNC, RENAME, LINK, UNLINK, TRUNCATE, MAP, ALLOCATE, LOCK, CALLS };
static const char *const call_name[CALLS] = {"write", "read",   "open",     "close", "sync",   "rename",
					     "link",  "unlink", "truncate", "mmap",  "malloc", "lock"};

/* What a call is about: standard input or output, a database, its log, a file beside it, another file, a folder. */
enum class { IN, OUT, DATABASE, WAL, SHM, JOURNAL, DISK, FOLDER, OTHER, CLASSES };
static const char *const class_name[CLASSES] = {"in", "out", "db", "wal", "shm", "journal", "file", "folder", "other"};

enum action { NONE, FAIL, SHORT, SIGNAL, SIGNAL_AFTER };

enum op {
	OP_NEW = 'N',      /* a file is made under a name */
	OP_NAMELESS = 'A', /* a file is made without one */
	OP_WRITE = 'W',    /* bytes at an offset */
	OP_TRUNCATE = 'T', /* the length is now the offset */
	OP_SYNC = 'S',     /* a file is on the disk */
	OP_FOLDER = 'D',   /* a folder's names are */
	OP_RENAME = 'R',   /* a name, and after a NUL its new one */
	OP_LINK = 'L',     /* a file gets a name */
	OP_UNLINK = 'U',   /* a name goes */
	OP_OUT = 'O'       /* bytes are about to be written to standard output */
};

/* A change in the record: this, then the path, then the bytes. */
struct event {
	uint64_t op, self, inode;
	int64_t offset;
	uint64_t path_n, n;
};

enum { SYNC_US = 1000 };
enum { HIGH = 900 }; /* the record's descriptor is out of the program's way, if it may have so many */

static bool ready;
static uint64_t counts[CALLS][CLASSES];
static int wanted_call = -1, wanted_class = -1, action_number, record = -1;
static enum action action;
static uint64_t wanted_at, met, self, looks, clock_at;
static int64_t clock_by;

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder, const char *path, int flags);
int __openat64_2(int folder, const char *path, int flags);
ssize_t __read_chk(int fd, void *to, size_t n, size_t room);
ssize_t __pread_chk(int fd, void *to, size_t n, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *to, size_t n, off64_t offset, size_t room);
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t n);

/* The result of a system call as the C library gives it. */
#define SYSTEM(...) syscall(__VA_ARGS__)

static int named(const char *const *names, int n, const char *text, size_t length)
{
	if (length == 1 && text[0] == '*')
		return n;
	for (int i = 0; i < n; i++)
		if (strlen(names[i]) == length && strncmp(names[i], text, length) == 0)
			return i;
	dprintf(2, "inject: unknown word in FAULT: %.*s\n", (int)length, text);
	_exit(99);
}

static void read_fault(const char *text)
{
	size_t n = strcspn(text, ":");
	wanted_call = named(call_name, CALLS, text, n);
	text += n + 1;
	n = strcspn(text, ":");
	wanted_class = named(class_name, CLASSES, text, n);
	char *rest;
	wanted_at = strtoull(text + n + 1, &rest, 10);
	rest++;
	bool after = strstr(rest, "-after") != NULL;
	action = after ? SIGNAL_AFTER : SIGNAL;
	if (strncmp(rest, "kill", 4) == 0) {
		action_number = SIGKILL;
	} else if (strncmp(rest, "stop", 4) == 0) {
		action_number = SIGSTOP;
	} else if (strncmp(rest, "term", 4) == 0) {
		action_number = SIGTERM;
	} else if (strcmp(rest, "short") == 0) {
		action = SHORT;
	} else {
		action = FAIL;
		action_number = atoi(rest);
	}
}

__attribute__((constructor)) static void start(void)
{
	const char *text = getenv("FAULT");
	if (text)
		read_fault(text);
	if ((text = getenv("FAULT_CLOCK"))) {
		char *rest;
		clock_at = strtoull(text, &rest, 10);
		clock_by = strtoll(rest + 1, NULL, 10);
	}
	if ((text = getenv("FAULT_SELF")))
		self = strtoull(text, NULL, 10);
	if ((text = getenv("FAULT_RECORD"))) {
		int fd = (int)SYSTEM(SYS_openat, AT_FDCWD, text, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
		record = fcntl(fd, F_DUPFD_CLOEXEC, HIGH);
		SYSTEM(SYS_close, fd);
	}
	ready = true;
}

__attribute__((destructor)) static void finish(void)
{
	ready = false;
	const char *path = getenv("FAULT_COUNT");
	if (!path)
		return;
	int fd = (int)SYSTEM(SYS_openat, AT_FDCWD, path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < CALLS; i++)
		for (int j = 0; j < CLASSES; j++)
			if (counts[i][j] > 0)
				dprintf(fd, "%s %s %llu\n", call_name[i], class_name[j],
					(unsigned long long)counts[i][j]);
	SYSTEM(SYS_close, fd);
}

/* Counts a call, and says what is to happen at it; a signal before it happens here. */
static enum action at(enum call call, enum class class)
{
	if (!ready)
		return NONE;
	__atomic_add_fetch(&counts[call][class], 1, __ATOMIC_RELAXED);
	if ((wanted_call != CALLS && wanted_call != (int)call) ||
	    (wanted_class != CLASSES && wanted_class != (int)class) ||
	    __atomic_add_fetch(&met, 1, __ATOMIC_RELAXED) != wanted_at)
		return NONE;
	if (action == SIGNAL) {
		kill(getpid(), action_number);
		return NONE;
	}
	if (action == FAIL)
		errno = action_number;
	return action;
}

static void afterwards(enum action what)
{
	if (what == SIGNAL_AFTER) {
		int error = errno;
		kill(getpid(), action_number);
		errno = error;
	}
}

static bool ends(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && strcmp(text + n - m, end) == 0;
}

static enum class class_of_path(const char *path) {
	return ends(path, "-wal")                ? WAL
	       : ends(path, "-shm")              ? SHM
	       : ends(path, "-journal")          ? JOURNAL
	       : ends(path, ".db")               ? DATABASE
	       : strncmp(path, "/proc/", 6) == 0 ? OTHER
						 : DISK;
}

/* The path of an open file, "" where it has none; its class. */
static enum class look(int fd, char *path, struct stat *status) {
	char link[64]; path[0] = '\0'; if (fstat(fd, status) != 0) return OTHER;
	if (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode)){snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
								  ssize_t n = readlink(link, path, PATH_MAX - 1);
								  path[n > 0 ? n : 0] = '\0';}
return fd == 0                    ? IN
       : fd == 1                  ? OUT
       : S_ISDIR(status->st_mode) ? FOLDER
       : S_ISREG(status->st_mode) ? class_of_path(path)
				  : OTHER;
}

static enum class class_of(int fd) { char path[PATH_MAX]; struct stat status; return look(fd, path, &status); }

static void note(enum op op, uint64_t inode, int64_t offset, const char *path, size_t path_n, const void *bytes,
		 size_t n)
{
	if (record < 0)
		return;
	int error = errno;
	struct event event = {(uint64_t)op, self, inode, offset, path_n, n};
	struct iovec parts[] = {{&event, sizeof event}, {(char *)path, path_n}, {(void *)bytes, n}};
	if ((size_t)SYSTEM(SYS_writev, record, parts, 3) != sizeof event + path_n + n) {
		dprintf(2, "inject: the record cannot be written\n");
		_exit(99);
	}
	errno = error;
}

static ssize_t do_write(int fd, const void *bytes, size_t n, off64_t offset, bool placed)
{
	char path[PATH_MAX];
	struct stat status;
	if (fd == 2 || !ready)
		return placed ? SYSTEM(SYS_pwrite64, fd, bytes, n, offset) : SYSTEM(SYS_write, fd, bytes, n);
	enum class class = look(fd, path, &status);
	enum action what = at(WRITE, class);
	if (what == FAIL)
		return -1;
	if (what == SHORT && n > 1)
		n /= 2;
	if (class == OUT)
		note(OP_OUT, 0, 0, NULL, 0, bytes, n);
	ssize_t done = placed ? SYSTEM(SYS_pwrite64, fd, bytes, n, offset) : SYSTEM(SYS_write, fd, bytes, n);
	if (done > 0 && S_ISREG(status.st_mode) && class != SHM && class != OUT)
		note(OP_WRITE, status.st_ino, placed ? offset : lseek(fd, 0, SEEK_CUR) - done, NULL, 0, bytes,
		     (size_t)done);
	afterwards(what);
	return done;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
	return do_write(fd, bytes, n, 0, false);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
	return do_write(fd, bytes, n, offset, true);
}

static ssize_t do_read(int fd, void *to, size_t n, off64_t offset, bool placed)
{
	enum action what = at(READ, ready ? class_of(fd) : OTHER);
	if (what == FAIL)
		return -1;
	if (what == SHORT && n > 1)
		n = n > 4096 ? 1 : n / 2;
	ssize_t done = placed ? SYSTEM(SYS_pread64, fd, to, n, offset) : SYSTEM(SYS_read, fd, to, n);
	afterwards(what);
	return done;
}

ssize_t read(int fd, void *to, size_t n)
{
	return do_read(fd, to, n, 0, false);
}

ssize_t __read_chk(int fd, void *to, size_t n, size_t room)
{
	(void)room;
	return do_read(fd, to, n, 0, false);
}

ssize_t pread(int fd, void *to, size_t n, off_t offset)
{
	return do_read(fd, to, n, offset, true);
}

ssize_t pread64(int fd, void *to, size_t n, off64_t offset)
{
	return do_read(fd, to, n, offset, true);
}

ssize_t __pread_chk(int fd, void *to, size_t n, off_t offset, size_t room)
{
	(void)room;
	return do_read(fd, to, n, offset, true);
}

ssize_t __pread64_chk(int fd, void *to, size_t n, off64_t offset, size_t room)
{
	(void)room;
	return do_read(fd, to, n, offset, true);
}

/* The path of a name in an open folder. */
static const char *path_at(int folder, const char *name, char *to)
{
	char link[40];
	if (folder == AT_FDCWD || *name == '/')
		return name;
	snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
	ssize_t n = readlink(link, to, PATH_MAX - 1);
	n = n < 0 ? 0 : n;
	if (strcmp(name, ".") == 0)
		to[n] = '\0';
	else
		snprintf(to + n, (size_t)(PATH_MAX - n), "/%s", name);
	return to;
}

static int do_open(int folder, const char *name, int flags, mode_t mode)
{
	char at_path[PATH_MAX];
	const char *path = path_at(folder, name, at_path);
	if (!ready || (flags & O_PATH))
		return (int)SYSTEM(SYS_openat, folder, name, flags, mode);
	struct stat status;
	bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
	bool made = !nameless && (flags & O_CREAT) && lstat(path, &status) != 0;
	enum action what = at(OPEN, nameless ? DISK : flags & O_DIRECTORY ? FOLDER : class_of_path(path));
	if (what == FAIL)
		return -1;
	int fd = (int)SYSTEM(SYS_openat, folder, name, flags, mode);
	if (fd >= 0 && record >= 0 && (made || nameless || (flags & O_TRUNC))) {
		char full[PATH_MAX];
		enum class class = look(fd, full, &status);
		if (class == SHM || !S_ISREG(status.st_mode))
			;
		else if (nameless)
			note(OP_NAMELESS, status.st_ino, 0, NULL, 0, NULL, 0);
		else if (made)
			note(OP_NEW, status.st_ino, 0, full, strlen(full), NULL, 0);
		else
			note(OP_TRUNCATE, status.st_ino, 0, NULL, 0, NULL, 0);
	}
	afterwards(what);
	return fd;
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {
		va_list rest;
		va_start(rest, flags);
		mode = va_arg(rest, mode_t);
		va_end(rest);
	}
	return do_open(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int openat(int folder, const char *path, int flags, ...)
{
	mode_t mode = 0;
	if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {
		va_list rest;
		va_start(rest, flags);
		mode = va_arg(rest, mode_t);
		va_end(rest);
	}
	return do_open(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) __attribute__((alias("openat")));

int __openat_2(int folder, const char *path, int flags)
{
	return do_open(folder, path, flags, 0);
}

int __openat64_2(int folder, const char *path, int flags)
{
	return do_open(folder, path, flags, 0);
}

int __open_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return do_open(AT_FDCWD, path, flags, 0);
}

/* A close that fails has closed all the same, as Linux does. */
int close(int fd)
{
	enum action what = ready && fd > 2 ? at(CLOSE, class_of(fd)) : fd == 1 ? at(CLOSE, OUT) : NONE;
	int result = (int)SYSTEM(SYS_close, fd);
	if (what == FAIL) {
		errno = action_number;
		return -1;
	}
	afterwards(what);
	return result;
}

static int do_sync(int fd, bool data)
{
	char path[PATH_MAX];
	struct stat status;
	if (!ready)
		return (int)SYSTEM(data ? SYS_fdatasync : SYS_fsync, fd);
	enum class class = look(fd, path, &status);
	enum action what = at(SYNC, class);
	if (what == FAIL)
		return -1;
	/* What is recorded is the promise; the disk of the test need not be waited for, but it takes its time, so that
	 * the record shows who does not wait. */
	if (record >= 0)
		usleep(SYNC_US);
	int result = record >= 0 ? 0 : (int)SYSTEM(data ? SYS_fdatasync : SYS_fsync, fd);
	if (class == FOLDER)
		note(OP_FOLDER, 0, 0, path, strlen(path), NULL, 0);
	else
		note(OP_SYNC, status.st_ino, 0, NULL, 0, NULL, 0);
	afterwards(what);
	return result;
}

int fsync(int fd)
{
	return do_sync(fd, false);
}

int fdatasync(int fd)
{
	return do_sync(fd, true);
}

static void note_names(enum op op, uint64_t inode, const char *one, const char *two)
{
	char text[2 * PATH_MAX + 1], full[PATH_MAX];
	size_t n = 0;
	const char *names[] = {one, two};
	for (int i = 0; i < 2 && names[i]; i++) {
		if (names[i][0] != '/' && getcwd(full, sizeof full))
			n += (size_t)snprintf(text + n, sizeof text - n, "%s/%s", full, names[i]) + 1;
		else
			n += (size_t)snprintf(text + n, sizeof text - n, "%s", names[i]) + 1;
	}
	note(op, inode, 0, text, n - 1, NULL, 0);
}

static int do_rename(int from_folder, const char *from_name, int to_folder, const char *to_name)
{
	char from_path[PATH_MAX], to_path[PATH_MAX];
	const char *from = path_at(from_folder, from_name, from_path), *to = path_at(to_folder, to_name, to_path);
	enum action what = at(RENAME, class_of_path(to));
	if (what == FAIL)
		return -1;
	int result = (int)SYSTEM(SYS_renameat2, from_folder, from_name, to_folder, to_name, 0);
	if (result == 0)
		note_names(OP_RENAME, 0, from, to);
	afterwards(what);
	return result;
}

int rename(const char *from, const char *to)
{
	return do_rename(AT_FDCWD, from, AT_FDCWD, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	return do_rename(from_folder, from, to_folder, to);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to_name, int flags)
{
	struct stat status = {0};
	char to_path[PATH_MAX];
	const char *to = path_at(to_folder, to_name, to_path);
	enum action what = at(LINK, class_of_path(to));
	if (what == FAIL)
		return -1;
	int result = (int)SYSTEM(SYS_linkat, from_folder, from, to_folder, to_name, flags);
	if (result == 0 && stat(to, &status) == 0)
		note_names(OP_LINK, status.st_ino, to, NULL);
	afterwards(what);
	return result;
}

static int do_unlink(int folder, const char *name, int flags)
{
	char at_path[PATH_MAX];
	const char *path = path_at(folder, name, at_path);
	enum class class = class_of_path(path);
	enum action what = at(UNLINK, class);
	if (what == FAIL)
		return -1;
	int result = (int)SYSTEM(SYS_unlinkat, folder, name, flags);
	if (result == 0 && class != SHM)
		note_names(OP_UNLINK, 0, path, NULL);
	afterwards(what);
	return result;
}

int unlink(const char *path)
{
	return do_unlink(AT_FDCWD, path, 0);
}

int unlinkat(int folder, const char *path, int flags)
{
	return do_unlink(folder, path, flags);
}

static int do_truncate(int fd, off64_t length)
{
	char path[PATH_MAX];
	struct stat status;
	enum class class = look(fd, path, &status);
	enum action what = at(TRUNCATE, class);
	if (what == FAIL)
		return -1;
	int result = (int)SYSTEM(SYS_ftruncate, fd, length);
	if (result == 0 && class != SHM)
		note(OP_TRUNCATE, status.st_ino, length, NULL, 0, NULL, 0);
	afterwards(what);
	return result;
}

int ftruncate(int fd, off_t length)
{
	return do_truncate(fd, length);
}

int ftruncate64(int fd, off64_t length)
{
	return do_truncate(fd, length);
}

static void *do_map(void *where, size_t n, int protection, int flags, int fd, off64_t offset)
{
	enum action what = at(MAP, ready && fd >= 0 ? class_of(fd) : OTHER);
	if (what == FAIL)
		return MAP_FAILED;
	void *result = (void *)SYSTEM(SYS_mmap, where, n, protection, flags, fd, offset);
	afterwards(what);
	return result;
}

void *mmap(void *where, size_t n, int protection, int flags, int fd, off_t offset)
{
	return do_map(where, n, protection, flags, fd, offset);
}

void *mmap64(void *where, size_t n, int protection, int flags, int fd, off64_t offset)
{
	return do_map(where, n, protection, flags, fd, offset);
}

int flock(int fd, int operation)
{
	enum action what = at(LOCK, ready ? class_of(fd) : OTHER);
	if (what == FAIL)
		return -1;
	int result = (int)SYSTEM(SYS_flock, fd, operation);
	afterwards(what);
	return result;
}

void *malloc(size_t n)
{
	return at(ALLOCATE, OTHER) == FAIL ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return at(ALLOCATE, OTHER) == FAIL ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t n)
{
	return at(ALLOCATE, OTHER) == FAIL ? NULL : __libc_realloc(old, n);
}

static int64_t shift(void)
{
	return clock_at > 0 && __atomic_add_fetch(&looks, 1, __ATOMIC_RELAXED) >= clock_at ? clock_by : 0;
}

int clock_gettime(clockid_t which, struct timespec *to)
{
	int result = (int)SYSTEM(SYS_clock_gettime, which, to);
	if (which == CLOCK_REALTIME)
		to->tv_sec += shift();
	return result;
}

int gettimeofday(struct timeval *restrict to, void *restrict zone)
{
	int result = (int)SYSTEM(SYS_gettimeofday, to, zone);
	to->tv_sec += shift();
	return result;
}

time_t time(time_t *to)
{
	struct timeval now;
	gettimeofday(&now, NULL);
	if (to)
		*to = now.tv_sec;
	return now.tv_sec;
}
