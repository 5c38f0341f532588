#include "syncer.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static void sync_now(struct syncer *syncer)
{
	syncer->error = fdatasync(syncer->fd) == 0 ? 0 : errno;
}

static void take(sem_t *semaphore)
{
	while (sem_wait(semaphore) != 0) {
		/* EINTR: a signal came */
	}
}

static void *work(void *self)
{
	struct syncer *syncer = self;

	for (;;) {
		take(&syncer->ask);
		if (syncer->ended)
			return NULL;
		sync_now(syncer);
		sem_post(&syncer->answer);
	}
}

void syncer_open(struct syncer *syncer, int fd)
{
	sigset_t all, was;

	*syncer = (struct syncer){.fd = fd};
	sem_init(&syncer->ask, 0, 0);
	sem_init(&syncer->answer, 0, 0);
	/* Signals are for the program's own thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	syncer->threaded = pthread_create(&syncer->thread, NULL, work, syncer) == 0;
	pthread_sigmask(SIG_SETMASK, &was, NULL);
}

void syncer_ask(struct syncer *syncer)
{
	syncer->asked = true;
	if (syncer->threaded)
		sem_post(&syncer->ask);
	else
		sync_now(syncer);
}

bool syncer_done(struct syncer *syncer, bool wait, int *error)
{
	*error = 0;
	if (!syncer->asked)
		return true;
	if (syncer->threaded && wait)
		take(&syncer->answer);
	else if (syncer->threaded && sem_trywait(&syncer->answer) != 0)
		return false;
	syncer->asked = false;
	*error = syncer->error;
	return true;
}

void syncer_close(struct syncer *syncer)
{
	if (syncer->threaded) {
		syncer->ended = true;
		sem_post(&syncer->ask);
		pthread_join(syncer->thread, NULL);
	}
	sem_destroy(&syncer->ask);
	sem_destroy(&syncer->answer);
}
