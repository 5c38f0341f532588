/* opener: a child process that opens files anew, for a program that may open none any more (confine.h). It knows the
 * files' names from before; what it can be asked is whether one of them is still the file that the program has. */
#ifndef PAYPIPE_OPENER_H
#define PAYPIPE_OPENER_H

#include <stdint.h>
#include <sys/types.h>

/* Whether the name number `which` still is the file of that device and inode. It is sent as it lies in memory: without
 * gaps, of which nobody would know what they hold. */
struct opener_question {
	uint64_t which;
	dev_t device;
	ino_t inode;
};

/* Answers it: OPENER_SAME, or a descriptor of the file that is there now, made when nothing is, or the negative of an
 * errno. */
typedef int opener_answer(const struct opener_question *question);
enum { OPENER_SAME = -1000000 };

/* Starts the child, which answers by that function with what the program knows at this time. It has none of the
 * program's descriptors, and ends with the program. Once in a process. Returns the socket to ask it by; errors end the
 * program. */
int opener_start(opener_answer *answer);

/* Asks it, and returns as `answer` does. An answer that does not come is -EPIPE: the child has ended. */
int opener_ask(int socket, const struct opener_question *question);

#endif
