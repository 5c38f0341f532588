/* writer: buffers are written to a descriptor, in their order, while the program goes on.
 *
 * A thread of its own waits for who reads them, so that neither a full pipe stops the program nor the program's work
 * starves the reader. It touches nothing of the program but the buffers that it was given. Where no thread is to be
 * had, the caller waits instead. */
#ifndef PAYPIPE_WRITER_H
#define PAYPIPE_WRITER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { WRITER_BUFFERS = 12 }; /* with the caller's */

/* Stays where it is while it is open. */
struct writer {
	int fd;
	size_t size; /* of a buffer */
	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	struct {
		char *bytes;
		size_t n;
	} queue[WRITER_BUFFERS]; /* a ring: `released` from `first` on, then those that are held */
	unsigned first, queued, released;
	char *spare[WRITER_BUFFERS]; /* the one that was used last is used next */
	unsigned spares, made;
	bool ended;
	int error; /* errno of the write that failed; nothing is written after it */
};

/* For an open descriptor, which stays the caller's; buffers of `size` bytes. */
void writer_open(struct writer *writer, int fd, size_t size);

/* Gives a buffer with n bytes, the caller's no more, and returns another. hold: it is not written before
 * writer_release; else it and all before it may be, and where all buffers are given, one is waited for. Returns NULL
 * where a write has failed; errno says why. */
char *writer_give(struct writer *writer, char *bytes, size_t n, bool hold);

/* Whether writer_give would have to wait, so that it must not hold. */
bool writer_full(struct writer *writer);

/* All that was given may be written. */
void writer_release(struct writer *writer);

/* Waits until all that was released is written; returns 0 or an errno. */
int writer_wait(struct writer *writer);

/* Waits, ends the thread, and frees the buffers that it has; returns as writer_wait. */
int writer_close(struct writer *writer);

#endif
