#include "lock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "fail.h"
#include "stats.h"

enum { FIRST_NS = 200000, LAST_NS = 20000000 }; /* between two attempts */
static const double say_after = 2;              /* seconds */

void lock_holder(int fd, const char *form, int64_t from, int64_t to, char *who, size_t n)
{
	struct stat st;
	FILE *locks = fopen("/proc/locks", "re");
	char line[256], comm[64];
	unsigned major_, minor_;
	unsigned long long inode;
	long long first;
	int pid, found = 0;

	snprintf(who, n, "another program");
	if (!locks)
		return;
	if (fstat(fd, &st) == 0)
		while (!found && fgets(line, sizeof line, locks))
			found = sscanf(line, form, &pid, &major_, &minor_, &inode, &first) == 5 && pid > 0 &&
				pid != getpid() && inode == st.st_ino && makedev(major_, minor_) == st.st_dev &&
				first >= from && first <= to;
	fclose(locks);
	if (!found)
		return;
	snprintf(line, sizeof line, "/proc/%d/comm", pid);
	FILE *file = fopen(line, "re");
	if (file && fgets(comm, sizeof comm, file)) {
		comm[strcspn(comm, "\n")] = 0;
		snprintf(who, n, "%s, process %d,", comm, pid);
	} else {
		snprintf(who, n, "process %d", pid);
	}
	if (file)
		fclose(file);
}

void lock_take(int fd, const char *path, double wait)
{
	char who[128];
	double begun = stats_clock();
	struct timespec pause = {.tv_nsec = FIRST_NS};
	bool said = false;

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			fail(EX_IOERR, "%s: cannot lock:", path);
		double waited = stats_clock() - begun;
		bool late = waited >= wait;
		if (late || (!said && waited >= say_after))
			lock_holder(fd, "%*d: FLOCK %*s WRITE %d %x:%x:%llu %lld", 0, 0, who, sizeof who);
		if (late)
			fail(EX_TEMPFAIL,
			     "%s: %s writes to it; waited %g s for its lock (--lock-wait): try again when it has ended",
			     path, who, wait);
		if (!said && waited >= say_after) {
			warn("%s: %s writes to it; waiting for its lock, %g s at most (--lock-wait)", path, who, wait);
			said = true;
		}
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < LAST_NS)
			pause.tv_nsec *= 2;
	}
	if (said)
		warn("%s: has its lock after %.0f s", path, stats_clock() - begun);
}

void lock_give(int fd)
{
	while (flock(fd, LOCK_UN) != 0 && errno == EINTR)
		;
}
