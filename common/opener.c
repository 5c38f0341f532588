#include "opener.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"

_Static_assert(sizeof(struct opener_question) == sizeof(uint64_t) + sizeof(dev_t) + sizeof(ino_t), "has no gaps");

/* Room for one descriptor beside a message. */
union beside {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* The answer, and with it the descriptor, if it is one. */
static ssize_t send_answer(int socket, int answer)
{
	union beside beside = {0};
	struct iovec text = {&answer, sizeof answer};
	struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1};
	if (answer >= 0) {
		message.msg_control = &beside;
		message.msg_controllen = sizeof beside.bytes;
		beside.header = (struct cmsghdr){
		    .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&beside.header), &answer, sizeof answer);
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL);
}

_Noreturn static void serve(int socket, opener_answer *answer)
{
	struct opener_question question;
	/* What is meant for the program ends it, and then this. */
	for (int number = 1; number < NSIG; number++)
		if (number != SIGCHLD)
			(void)signal(number, SIG_IGN);
	fail_last(NULL, NULL);
	if (socket > 0)
		(void)close_range(0, (unsigned)socket - 1, 0);
	(void)close_range((unsigned)socket + 1, ~0u, 0);
	while (recv(socket, &question, sizeof question, 0) == sizeof question) {
		int fd = answer(&question);
		if (send_answer(socket, fd) != sizeof fd)
			break;
		if (fd >= 0)
			close(fd);
	}
	_exit(0);
}

static int asked = -1; /* the socket */
static pid_t child;

/* It is not left to be reaped by others. */
static void end_child(void)
{
	close(asked);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

int opener_start(opener_answer *answer)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		fail(EX_OSERR, "cannot have a socket:");
	child = fork();
	if (child < 0)
		fail(EX_OSERR, "cannot start a process:");
	if (child == 0) {
		close(pair[0]);
		serve(pair[1], answer);
	}
	close(pair[1]);
	asked = pair[0];
	if (atexit(end_child))
		fail(EX_OSERR, "cannot arrange the end of a process");
	return asked;
}

int opener_ask(int socket, const struct opener_question *question)
{
	union beside beside;
	int answer = 0;
	struct iovec text = {&answer, sizeof answer};
	struct msghdr message = {
	    .msg_iov = &text, .msg_iovlen = 1, .msg_control = &beside, .msg_controllen = sizeof beside.bytes};
	ssize_t n;
	if (sendto(socket, question, sizeof *question, MSG_NOSIGNAL, NULL, 0) != sizeof *question)
		return -EPIPE;
	while ((n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	if (n != sizeof answer)
		return -EPIPE;
	if (answer < 0)
		return answer;
	if (message.msg_controllen < CMSG_LEN(sizeof(int)))
		return -EMFILE; /* no room for another descriptor */
	memcpy(&answer, CMSG_DATA(&beside.header), sizeof answer);
	return answer;
}
