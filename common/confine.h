/* confine: once its files are open, a program that reads, computes and writes gives up all other system calls, so that
 * a fault in it cannot be made to open, connect or run anything. */
#ifndef PAYPIPE_CONFINE_H
#define PAYPIPE_CONFINE_H

#include <stdbool.h>

/* Whether confine would: not on processors other than x86-64 and aarch64, in builds with CONFINE_NONE (sanitizers and
 * coverage make calls of their own), nor where a library was put before ours by LD_PRELOAD, as valgrind's are. */
bool confine_possible(void);

/* From here on the process may use the descriptors that it has (read, write, lock, sync, close), memory that is not
 * executable, signals and clocks, take descriptors that its opener sends
 * (opener.h), and end. To open a file for reading, and some questions of C libraries, fail with
 * EACCES; any other call ends it by SIGSYS. For good, by a seccomp(2) filter. Returns whether it is so: not where the
 * kernel has no filters, nor where it is not possible. */
bool confine(void);

#endif
