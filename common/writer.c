#include "writer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "fail.h"
#include "file.h"

/* Writes the first buffer, with the lock given back meanwhile. After an error none is written. */
static void write_first(struct writer *writer)
{
	char *bytes = writer->queue[writer->first].bytes;
	size_t n = writer->queue[writer->first].n;
	int error = writer->error;

	pthread_mutex_unlock(&writer->lock);
	if (!error)
		error = file_write(writer->fd, bytes, n);
	pthread_mutex_lock(&writer->lock);
	writer->error = error;
	writer->first = (writer->first + 1) % WRITER_BUFFERS;
	writer->queued--;
	writer->released--;
	writer->spare[writer->spares++] = bytes;
	pthread_cond_broadcast(&writer->changed);
}

static void *work(void *self)
{
	struct writer *writer = self;

	pthread_mutex_lock(&writer->lock);
	while (writer->released > 0 || !writer->ended) {
		if (writer->released > 0)
			write_first(writer);
		else
			pthread_cond_wait(&writer->changed, &writer->lock);
	}
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

void writer_open(struct writer *writer, int fd, size_t size)
{
	sigset_t others, was;

	*writer = (struct writer){.fd = fd, .size = size};
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->changed, NULL);
	/* Signals are for the program's own thread, but for the one that says that nobody reads any more. */
	sigfillset(&others);
	sigdelset(&others, SIGPIPE);
	pthread_sigmask(SIG_SETMASK, &others, &was);
	writer->threaded = pthread_create(&writer->thread, NULL, work, writer) == 0;
	pthread_sigmask(SIG_SETMASK, &was, NULL);
}

static bool is_full(const struct writer *writer)
{
	return writer->spares == 0 && writer->made == WRITER_BUFFERS - 1;
}

/* Lets all that was given be written; where there is no thread, does it. With the lock. */
static void release(struct writer *writer)
{
	writer->released = writer->queued;
	while (!writer->threaded && writer->released > 0)
		write_first(writer);
	pthread_cond_broadcast(&writer->changed);
}

char *writer_give(struct writer *writer, char *bytes, size_t n, bool hold)
{
	char *next = NULL;

	pthread_mutex_lock(&writer->lock);
	unsigned at = (writer->first + writer->queued++) % WRITER_BUFFERS;
	writer->queue[at].bytes = bytes;
	writer->queue[at].n = n;
	if (!hold)
		release(writer);
	while (is_full(writer) && !writer->error)
		pthread_cond_wait(&writer->changed, &writer->lock);
	int error = writer->error;
	bool make = !error && writer->spares == 0;
	if (make)
		writer->made++;
	else if (!error)
		next = writer->spare[--writer->spares];
	pthread_mutex_unlock(&writer->lock);
	errno = error;
	return make ? must_alloc(writer->size) : next;
}

bool writer_full(struct writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	bool full = is_full(writer);
	pthread_mutex_unlock(&writer->lock);
	return full;
}

void writer_release(struct writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	release(writer);
	pthread_mutex_unlock(&writer->lock);
}

int writer_wait(struct writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	while (writer->released > 0)
		pthread_cond_wait(&writer->changed, &writer->lock);
	int error = writer->error;
	pthread_mutex_unlock(&writer->lock);
	return error;
}

int writer_close(struct writer *writer)
{
	int error = writer_wait(writer);

	pthread_mutex_lock(&writer->lock);
	writer->ended = true;
	pthread_cond_broadcast(&writer->changed);
	pthread_mutex_unlock(&writer->lock);
	if (writer->threaded)
		pthread_join(writer->thread, NULL);
	for (; writer->queued > 0; writer->queued--, writer->first = (writer->first + 1) % WRITER_BUFFERS)
		free(writer->queue[writer->first].bytes);
	while (writer->spares > 0)
		free(writer->spare[--writer->spares]);
	pthread_mutex_destroy(&writer->lock);
	pthread_cond_destroy(&writer->changed);
	return error;
}
