/* file: files that are there whole or not at all. */
#ifndef PAYPIPE_FILE_H
#define PAYPIPE_FILE_H

#include "output.h"

/* A file being written under a temporary name beside its place. */
struct file_new {
	struct output output; /* write through this */
	char *path, *temporary;
};

/* Opens a file for reading; ends the program with 66 (missing, a folder) or 77 (permission), naming it. */
int file_open(const char *path);

/* A folder that everybody may write to, as /tmp, is a place where others can lay out names before us. There a symbolic
 * link is followed, and a file that is there already is written to, only if it belongs to us, to root, or to the
 * folder's owner. Elsewhere names are taken as they are. */

/* Ends the program with 77 where path's last name is a link or file there that we must not use. */
void file_guard(const char *path);

/* open(2) for writing with O_CLOEXEC, guarded in that way, also against a name that comes in between; what it makes
 * (O_CREAT) has mode 0600. Returns -1 with errno where open fails. */
int file_open_guarded(const char *path, int flags);

/* Starts a new file with mode 0600 less the umask; errors end the program with 73, and
 * a name that file_guard refuses with 77. */
void file_create(struct file_new *file, const char *path);

/* The same, for a file that is written by its temporary name and not through output; never in place of what has
 * content, or is no file. */
void file_create_named(struct file_new *file, const char *path);

/* Looks whether file_create could make this file, and creates nothing; if not, ends the program with 73 or 77. */
void file_creatable(const char *path);

/* Looks whether this file could be opened for appending, and made where it is not there; opens and creates nothing. If
 * not, ends the program with 73 or 77. */
void file_appendable(const char *path);

/* Flushes, fsyncs, renames it into its place, fsyncs the folder. Errors end the program with 74 and leave what was
 * there before. The temporary file goes away with the program when it ends before this. */
void file_finish(struct file_new *file);

/* Writes n bytes, in as many calls as it takes; returns 0 or an errno. */
int file_write(int fd, const char *p, size_t n);

#endif
