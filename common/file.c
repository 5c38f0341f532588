#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fail.h"

enum { TEMPORARY_TRIES = 100 };

/* Temporary files that have a name, to be removed when the program ends; the kernel removes those without. */
struct pending {
	int folder;
	char *name;
	struct pending *next;
};
static struct pending *pending;

int file_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0)
		fail(fail_status(errno, EX_NOINPUT), "%s:", path);
	if (S_ISDIR(status.st_mode)) {
		errno = EISDIR;
		fail(EX_NOINPUT, "%s:", path);
	}
	return fd;
}

static void remove_pending(void)
{
	for (struct pending *p = pending; p; p = p->next)
		unlinkat(p->folder, p->name, 0);
}

static void forget_pending(const char *name)
{
	for (struct pending **at = &pending; *at; at = &(*at)->next)
		if ((*at)->name == name) {
			struct pending *gone = *at;
			*at = gone->next;
			free(gone);
			return;
		}
}

/* To be called before the file is there: it may find no memory. */
static void remove_at_exit(int folder, char *name)
{
	if (!pending && atexit(remove_pending))
		fail(EX_OSERR, "%s: cannot arrange its removal", name);
	struct pending *p = must_alloc(sizeof *p);
	*p = (struct pending){folder, name, pending};
	pending = p;
}

/* The length of a path's folder with its last slash; 0 for a bare name. */
static size_t folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? (size_t)(slash - path) + 1 : 0;
}

static char *folder_of(const char *path)
{
	size_t n = folder_length(path);
	return n ? must_format("%.*s", (int)n, path) : must_strdup(".");
}

static void check_owner(const char *path, const struct stat *status, uid_t folder_owner)
{
	if (status->st_uid == geteuid() || status->st_uid == 0 || status->st_uid == folder_owner)
		return;
	fail(EX_NOPERM,
	     "%s: a %s of another user (%u), in a folder that everybody may write to: remove it, or name a place that "
	     "is yours",
	     path, S_ISLNK(status->st_mode) ? "symbolic link" : "file", (unsigned)status->st_uid);
}

/* Where a path leads: a name in a folder that is open, so that nobody can put another folder in its place. */
struct place {
	int folder;
	char *name;
	bool kernel; /* a link that only the kernel can follow, as /proc/self/fd/63 */
	bool public; /* everybody may write to the folder */
	uid_t owner; /* of the folder */
};

static void leave_place(struct place *place)
{
	int error = errno;
	if (place->folder >= 0)
		close(place->folder);
	free(place->name);
	*place = (struct place){.folder = -1};
	errno = error;
}

/* Opens the folder of path, which is relative to `base`. Returns false with errno. */
static bool enter(struct place *place, int base, const char *path)
{
	struct stat status;
	char *folder = folder_of(path);
	int fd = openat(base, folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int error = errno;
	free(folder);
	leave_place(place);
	place->folder = fd;
	errno = error;
	if (fd < 0)
		return false;
	const char *name = path + folder_length(path);
	place->name = must_strdup(*name ? name : ".");
	if (fstat(fd, &status) != 0)
		return false;
	place->public = status.st_mode & S_IWOTH;
	place->owner = status.st_uid;
	return true;
}

static bool in_proc(int folder)
{
	struct statfs system;
	return fstatfs(folder, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

/* What the place's name links to, newly allocated; NULL when it is no link, or nothing. In a public folder it must be
 * ours to use. It is looked at by a descriptor: what was checked is what is read. */
static char *link_at(const struct place *place, const char *path)
{
	struct stat status;
	char *to = NULL;
	int fd = openat(place->folder, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) == 0) {
		if (place->public)
			check_owner(path, &status, place->owner);
		if (S_ISLNK(status.st_mode)) {
			to = must_alloc(PATH_MAX);
			ssize_t n = readlinkat(fd, "", to, PATH_MAX - 1);
			to[n > 0 ? n : 0] = '\0';
		}
	}
	close(fd);
	return to;
}

/* Finds where path leads, link by link, and ends the program with 77 where one must not be followed. Returns false
 * with errno where there is no such folder. */
static bool find_place(struct place *place, const char *path)
{
	enum { LINKS = 40 };
	*place = (struct place){.folder = -1};
	if (!enter(place, AT_FDCWD, path))
		return false;
	for (int links = 0;; links++) {
		char *to = link_at(place, path);
		if (!to)
			return true;
		if (in_proc(place->folder)) {
			free(to);
			to = realpath(path, NULL);
			if (!to)
				return place->kernel = true;
		}
		struct place next = {.folder = -1};
		bool there = links < LINKS && enter(&next, place->folder, to);
		if (links == LINKS)
			errno = ELOOP;
		free(to);
		leave_place(place);
		*place = next;
		if (!there)
			return false;
	}
}

/* Opens what is at the place, or makes it. */
static int open_place(const struct place *place, const char *path, int flags)
{
	struct stat status;
	int fd = openat(place->folder, place->name, flags | O_CLOEXEC | (place->kernel ? 0 : O_NOFOLLOW), 0600);
	if (fd >= 0 && place->public && !place->kernel && fstat(fd, &status) == 0)
		check_owner(path, &status, place->owner);
	return fd;
}

void file_guard(const char *path)
{
	struct place place;
	(void)find_place(&place, path);
	leave_place(&place);
}

int file_open_guarded(const char *path, int flags)
{
	struct place place;
	int fd = find_place(&place, path) ? open_place(&place, path, flags) : -1;
	leave_place(&place);
	return fd;
}

/* A name beside `name` that other programs, and earlier runs, do not use. */
static char *temporary_name(const char *name, int try)
{
	return must_format(".%s.%ld-%d", name, (long)getpid(), try);
}

/* Opens a file under a temporary name; -1 with errno. */
static int open_named(struct file_new *file)
{
	for (int try = 0; try < TEMPORARY_TRIES; try++) {
		file->temporary = temporary_name(file->name, try);
		remove_at_exit(file->folder, file->temporary);
		int fd = openat(file->folder, file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
		int error = errno;
		forget_pending(file->temporary);
		free(file->temporary);
		file->temporary = NULL;
		errno = error;
		if (error != EEXIST)
			break;
	}
	return -1;
}

/* By errno: a matter of permission, or of the place. */
_Noreturn static void cannot_create(const char *path)
{
	bool permission = errno == EACCES || errno == EPERM || errno == EROFS;
	fail(permission ? EX_NOPERM : EX_CANTCREAT, "%s:", path);
}

void file_look_at(const struct target *target)
{
	struct stat status;
	file_guard(target->path);
	if (stat(target->path, &status) != 0)
		return;
	if (S_ISDIR(status.st_mode)) {
		errno = EISDIR;
		fail(EX_CANTCREAT, "%s:", target->path);
	}
	if (!S_ISREG(status.st_mode) || status.st_size == 0)
		return;
	int fd = file_open_guarded(target->path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0)
		fail(fail_status(errno, EX_CANTCREAT),
		     "%s %s: what is in it must be seen before it is written:", target->option, target->path);
	target_look(target, fd);
	close(fd);
}

/* Finds the place of the file that is to be written, and whether something is there: then *status is of that. */
static bool begin_new(struct file_new *file, const struct target *target, struct place *place, struct stat *status)
{
	*file = (struct file_new){.target = *target, .folder = -1};
	if (!find_place(place, target->path))
		cannot_create(target->path);
	return fstatat(place->folder, place->name, status, place->kernel ? 0 : AT_SYMLINK_NOFOLLOW) == 0;
}

void file_create(struct file_new *file, const struct target *target)
{
	const char *path = target->path;
	struct place place;
	struct stat status;
	if (begin_new(file, target, &place, &status) && !S_ISREG(status.st_mode)) {
		/* A terminal, a pipe, /dev/null: there is nothing to put in its place. */
		int fd = open_place(&place, path, O_WRONLY);
		leave_place(&place);
		if (fd < 0)
			cannot_create(path);
		output_open(&file->output, fd, path);
		return;
	}
	file_look_at(target);
	file->folder = place.folder;
	file->name = place.name;
	int fd = openat(file->folder, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT))
		fd = open_named(file);
	else if (fd >= 0)
		file->temporary = must_strdup("");
	if (fd < 0)
		cannot_create(path);
	output_open(&file->output, fd, path);
}

void file_create_named(struct file_new *file, const struct target *target)
{
	const char *path = target->path;
	struct place place;
	struct stat status;
	if (begin_new(file, target, &place, &status) && (!S_ISREG(status.st_mode) || status.st_size > 0))
		fail(EX_CANTCREAT, "%s: is there already; name a file that is missing or empty", path);
	file->folder = place.folder;
	file->name = place.name;
	int fd = open_named(file);
	if (fd < 0)
		cannot_create(path);
	output_open(&file->output, fd, path);
}

char *file_temporary(const struct file_new *file)
{
	return must_format("/proc/self/fd/%d/%s", file->folder, file->temporary);
}

void file_creatable(const char *path)
{
	struct stat status;
	file_guard(path);
	char *real = realpath(path, NULL);
	char *folder = folder_of(real ? real : path);
	bool there = stat(path, &status) == 0;
	if (there && S_ISDIR(status.st_mode)) {
		errno = EISDIR;
		cannot_create(path);
	}
	bool replaced = !there || S_ISREG(status.st_mode);
	if (access(replaced ? folder : path, replaced ? W_OK | X_OK : W_OK) != 0)
		cannot_create(path);
	free(folder);
	free(real);
}

void file_appendable(const char *path)
{
	struct stat status;
	file_guard(path);
	if (stat(path, &status) != 0 || S_ISDIR(status.st_mode))
		file_creatable(path);
	else if (access(path, W_OK) != 0)
		cannot_create(path);
}

/* Gives a file without a name its temporary one. */
static void name_it(struct file_new *file)
{
	char *from = must_format("/proc/self/fd/%d", file->output.fd);
	for (int try = 0; try < TEMPORARY_TRIES; try++) {
		free(file->temporary);
		file->temporary = temporary_name(file->name, try);
		remove_at_exit(file->folder, file->temporary);
		if (linkat(AT_FDCWD, from, file->folder, file->temporary, AT_SYMLINK_FOLLOW) == 0) {
			free(from);
			return;
		}
		int error = errno;
		forget_pending(file->temporary);
		errno = error;
		if (error != EEXIST)
			break;
	}
	fail(EX_IOERR, "%s:", file->target.path);
}

/* What stands at the place now may have come since file_create: it is looked at again, and gives the new file its mode.
 */
static void look_again(const struct file_new *file)
{
	const char *path = file->target.path;
	struct stat folder, status;
	int fd = openat(file->folder, file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fstat(file->folder, &folder) != 0)
		fail(EX_IOERR, "%s: cannot look at its folder:", path);
	if (fstatat(file->folder, file->name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT)
			fail(EX_IOERR, "%s: cannot look at it:", path);
	} else {
		if (folder.st_mode & S_IWOTH)
			check_owner(path, &status, folder.st_uid);
		if (!S_ISREG(status.st_mode))
			fail(EX_CANTCREAT, "%s: something else than a file came to its place meanwhile", path);
		if (fd >= 0)
			target_look(&file->target, fd);
		if (fchmod(file->output.fd, status.st_mode & 0777) != 0)
			fail(EX_IOERR, "%s: cannot keep its mode:", path);
	}
	if (fd >= 0)
		close(fd);
}

static void sync_place(int folder, const char *path)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		fail(EX_IOERR, "%s: cannot sync its folder:", path);
	close(fd);
}

void file_finish(struct file_new *file)
{
	if (!file->temporary) {
		output_close(&file->output, false);
		return;
	}
	output_flush(&file->output);
	look_again(file);
	if (fsync(file->output.fd) < 0)
		fail(EX_IOERR, "%s:", file->target.path);
	if (!*file->temporary)
		name_it(file);
	output_close(&file->output, false);
	if (renameat(file->folder, file->temporary, file->folder, file->name) < 0)
		fail(EX_IOERR, "%s:", file->target.path);
	forget_pending(file->temporary);
	/* The new name is durable only when its folder is. */
	sync_place(file->folder, file->target.path);
	close(file->folder);
	free(file->temporary);
	free(file->name);
}

/* Waits until the descriptor can be used: who shares it has made it one that does not wait. */
static void wait_for(int fd, short events)
{
	struct pollfd ready = {fd, events, 0};
	(void)poll(&ready, 1, -1);
}

ssize_t file_read(int fd, void *to, size_t n)
{
	for (;;) {
		ssize_t got = read(fd, to, n);
		if (got >= 0)
			return got;
		if (errno == EAGAIN)
			wait_for(fd, POLLIN);
		else if (errno != EINTR)
			return -1;
	}
}

int file_write(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);
		if (w >= 0) {
			p += w;
			n -= (size_t)w;
		} else if (errno == EAGAIN) {
			wait_for(fd, POLLOUT);
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}
