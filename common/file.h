/* file: files that are there whole or not at all. */
#ifndef PAYPIPE_FILE_H
#define PAYPIPE_FILE_H

#include <sys/types.h>

#include "output.h"
#include "target.h"

/* A file being written under a temporary name beside its place. */
struct file_new {
	struct output output; /* write through this */
	struct target target;
	int folder; /* of its place, open */
	char *name, *temporary;
};

/* Opens a file for reading; ends the program with 66 (missing, a folder) or 77 (permission), naming it. */
int file_open(const char *path);

/* A folder that everybody may write to, as /tmp, is a place where others can lay out names before us. There a symbolic
 * link is followed, and a file that is there already is written to, only if it belongs to us, to root, or to the
 * folder's owner; that holds for each link on the way. Elsewhere names are taken as they are. What was looked at is
 * what is used: names are found in folders that stay open. */

/* Ends the program with 77 where path's last name is a link or file there that we must not use. */
void file_guard(const char *path);

/* open(2) for writing with O_CLOEXEC, guarded in that way, also against a name that comes in between; what it makes
 * (O_CREAT) has mode 0600. Returns -1 with errno where open fails. */
int file_open_guarded(const char *path, int flags);

/* target_look by the path: a missing file is well, a folder is 73, what cannot be read 77. Changes nothing. */
void file_look_at(const struct target *target);

/* Starts a new file that will replace the target, with mode 0600 less the umask; errors end the program with 73, and so
 * does something else at its place (target_look), and a name that file_guard refuses with 77. */
void file_create(struct file_new *file, const struct target *target);

/* The same, for a file that is written by its temporary name and not through output; never in place of what has
 * content, or is no file. */
void file_create_named(struct file_new *file, const struct target *target);

/* The path by which such a file is found while it is written; the caller frees it. */
char *file_temporary(const struct file_new *file);

/* Looks whether file_create could make this file, and creates nothing; if not, ends the program with 73 or 77. */
void file_creatable(const char *path);

/* Looks whether this file could be opened for appending, and made where it is not there; opens and creates nothing. If
 * not, ends the program with 73 or 77. */
void file_appendable(const char *path);

/* Flushes, fsyncs, renames it into its place, fsyncs the folder. The mode of what it replaces is kept; that may have
 * come since file_create, and is looked at in the same way. Errors end the program with 74 and leave what was there
 * before. The temporary file goes away with the program when it ends before this. */
void file_finish(struct file_new *file);

/* read(2) that goes on after a signal, and waits where the descriptor does not (O_NONBLOCK, which others that share it
 * may have set). Returns -1 with errno. */
ssize_t file_read(int fd, void *to, size_t n);

/* Writes n bytes, in as many calls as it takes, and waits in the same way; returns 0 or an errno. */
int file_write(int fd, const char *p, size_t n);

#endif
