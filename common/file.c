#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"

enum { TEMPORARY_TRIES = 100 };

/* Temporary files that have a name, to be removed when the program ends; the kernel removes those without. */
struct pending {
	char *path;
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
		unlink(p->path);
}

static void forget_pending(const char *path)
{
	for (struct pending **at = &pending; *at; at = &(*at)->next)
		if ((*at)->path == path) {
			struct pending *gone = *at;
			*at = gone->next;
			free(gone);
			return;
		}
}

/* To be called before the file is there: it may find no memory. */
static void remove_at_exit(char *path)
{
	if (!pending && atexit(remove_pending))
		fail(EX_OSERR, "%s: cannot arrange its removal", path);
	struct pending *p = must_alloc(sizeof *p);
	*p = (struct pending){path, pending};
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

/* Whether everybody may write to the folder of path; *owner is whose it is. */
static bool public_folder(const char *path, uid_t *owner)
{
	struct stat status;
	char *folder = folder_of(path);
	bool public = stat(folder, &status) == 0 && (status.st_mode & S_IWOTH);
	free(folder);
	if (public)
		*owner = status.st_uid;
	return public;
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

/* file_guard; returns whether path is a link. */
static bool guard(const char *path, bool *public, uid_t *owner)
{
	struct stat status;
	bool there = lstat(path, &status) == 0;
	*public = public_folder(path, owner);
	if (there && *public)
		check_owner(path, &status, *owner);
	return there && S_ISLNK(status.st_mode);
}

void file_guard(const char *path)
{
	bool public;
	uid_t owner;
	guard(path, &public, &owner);
}

int file_open_guarded(const char *path, int flags)
{
	struct stat status;
	bool public;
	uid_t owner = 0;
	bool link = guard(path, &public, &owner);
	int fd = open(path, flags | O_CLOEXEC | (public && !link ? O_NOFOLLOW : 0), 0600);
	if (fd >= 0 && public && !link && fstat(fd, &status) == 0)
		check_owner(path, &status, owner);
	return fd;
}

/* A name beside path that other programs, and earlier runs, do not use. */
static char *temporary_name(const char *path, int try)
{
	size_t n = folder_length(path);
	return must_format("%.*s.%s.%ld-%d", (int)n, path, path + n, (long)getpid(), try);
}

/* Opens a file under a temporary name; -1 with errno. */
static int open_named(struct file_new *file)
{
	for (int try = 0; try < TEMPORARY_TRIES; try++) {
		file->temporary = temporary_name(file->path, try);
		remove_at_exit(file->temporary);
		int fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
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

void file_create(struct file_new *file, const char *path)
{
	file_guard(path);
	/* Through a symbolic link, so that what it points to is replaced and not the link. */
	char *real = realpath(path, NULL);
	*file = (struct file_new){.path = real ? real : must_strdup(path)};
	struct stat status;
	if (stat(file->path, &status) == 0 && !S_ISREG(status.st_mode)) {
		/* A terminal, a pipe, /dev/null: there is nothing to put in its place. */
		int fd = open(file->path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			cannot_create(path);
		output_open(&file->output, fd, path);
		return;
	}
	char *folder = folder_of(file->path);
	int fd = open(folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT))
		fd = open_named(file);
	else if (fd >= 0)
		file->temporary = must_strdup("");
	if (fd < 0)
		cannot_create(path);
	free(folder);
	output_open(&file->output, fd, path);
}

void file_create_named(struct file_new *file, const char *path)
{
	struct stat status;
	file_guard(path);
	char *real = realpath(path, NULL);
	bool there = lstat(path, &status) == 0;
	if (there && !real && S_ISLNK(status.st_mode))
		fail(EX_CANTCREAT, "%s: a symbolic link to nothing; make its target or name another file", path);
	if (real && (stat(real, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > 0))
		fail(EX_CANTCREAT, "%s: is there already; name a file that is missing or empty", path);
	*file = (struct file_new){.path = real ? real : must_strdup(path)};
	int fd = open_named(file);
	if (fd < 0)
		cannot_create(path);
	output_open(&file->output, fd, path);
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
		file->temporary = temporary_name(file->path, try);
		remove_at_exit(file->temporary);
		if (linkat(AT_FDCWD, from, AT_FDCWD, file->temporary, AT_SYMLINK_FOLLOW) == 0) {
			free(from);
			return;
		}
		int error = errno;
		forget_pending(file->temporary);
		errno = error;
		if (error != EEXIST)
			break;
	}
	fail(EX_IOERR, "%s:", file->path);
}

void file_finish(struct file_new *file)
{
	if (!file->temporary) {
		output_close(&file->output, false);
		free(file->path);
		return;
	}
	output_flush(&file->output);
	if (fsync(file->output.fd) < 0)
		fail(EX_IOERR, "%s:", file->path);
	if (!*file->temporary)
		name_it(file);
	output_close(&file->output, false);
	if (rename(file->temporary, file->path) < 0)
		fail(EX_IOERR, "%s:", file->path);
	forget_pending(file->temporary);
	/* The new name is durable only when its folder is. */
	char *folder = folder_of(file->path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		fail(EX_IOERR, "%s:", folder);
	close(fd);
	free(folder);
	free(file->temporary);
	free(file->path);
}

int file_write(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);
		if (w < 0) {
			if (errno == EINTR)
				continue;
			return errno;
		}
		p += w;
		n -= (size_t)w;
	}
	return 0;
}
