/* lock: a file that one program uses at a time, by flock(2): a lock that dies with its holder. */
#ifndef PAYPIPE_LOCK_H
#define PAYPIPE_LOCK_H

#include <stddef.h>
#include <stdint.h>

/* Takes the lock of an open file, waiting up to `wait` seconds, which is said after some of them; then ends the program
 * with 75 and names the holder. */
void lock_take(int fd, const char *path, double wait);

/* Gives it back. */
void lock_give(int fd);

/* Writes who holds a lock on an open file, as far as /proc/locks tells (proc(5)): "pay-store, process 17,", else
 * "another program". form takes process, device, inode and first byte of the lock's line; bytes are those from `from`
 * to `to`. */
void lock_holder(int fd, const char *form, int64_t from, int64_t to, char *who, size_t n);

#endif
