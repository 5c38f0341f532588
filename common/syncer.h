/* syncer: a file is brought to the disk while the program goes on.
 *
 * A thread of its own waits for the disk. It touches nothing else of the program, which so has one thread as far as all
 * other modules go. Where no thread is to be had, the caller waits instead. */
#ifndef PAYPIPE_SYNCER_H
#define PAYPIPE_SYNCER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

/* Stays where it is while it is open. */
struct syncer {
	int fd;
	bool threaded; /* a thread waits for `ask`; it answers by `answer` */
	bool asked;    /* and the answer was not yet taken */
	bool ended;    /* the thread is to end */
	int error;     /* of the last sync, or 0 */
	pthread_t thread;
	sem_t ask, answer;
};

/* For an open file, which stays the caller's. */
void syncer_open(struct syncer *syncer, int fd);

/* Begins to sync what was written to the file until now, by whatever descriptor; nothing may be asked for already. */
void syncer_ask(struct syncer *syncer);

/* Whether nothing that was asked for is under way any more. wait: until that is so. *error is then the errno of what
 * was asked for, 0 where all is on the disk; it is told once. */
bool syncer_done(struct syncer *syncer, bool wait, int *error);

/* Waits for what is under way, and ends the thread. */
void syncer_close(struct syncer *syncer);

#endif
