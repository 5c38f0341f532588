#include "confine.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__)) && !defined(CONFINE_NONE)

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
/* The lower half of an argument, on these little-endian machines. */
#define LOAD_ARGUMENT(i)      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[i]))
#define SKIP_UNLESS(value, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, n)
#define ANSWER(action)        BPF_STMT(BPF_RET | BPF_K, action)
#define ALLOW(name)           SKIP_UNLESS(SYS_##name, 1), ANSWER(SECCOMP_RET_ALLOW)
#define REFUSE(name)          SKIP_UNLESS(SYS_##name, 1), ANSWER(SECCOMP_RET_ERRNO | EACCES)
/* With this argument alone. */
#define ALLOW_ONLY(name, argument, value)                                                                      \
	SKIP_UNLESS(SYS_##name, 4), LOAD_ARGUMENT(argument), SKIP_UNLESS(value, 1), ANSWER(SECCOMP_RET_ALLOW), \
	    ANSWER(SECCOMP_RET_KILL_PROCESS)
/* The action, unless the argument has one of these bits. */
#define WITHOUT(name, argument, bits, action)                                                                  \
	SKIP_UNLESS(SYS_##name, 4), LOAD_ARGUMENT(argument), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1), \
	    ANSWER(SECCOMP_RET_KILL_PROCESS), ANSWER(action)
/* Memory that is not executable; to open for reading. */
#define ALLOW_DATA(name) WITHOUT(name, 2, PROT_EXEC, SECCOMP_RET_ALLOW)
#define REFUSE_READING(name, argument) \
	WITHOUT(name, argument, O_ACCMODE | O_CREAT | O_TRUNC, SECCOMP_RET_ERRNO | EACCES)

bool confine_possible(void)
{
	return !getenv("LD_PRELOAD");
}

bool confine(void)
{
	static struct sock_filter filter[] = {
	    LOAD(arch),
	    SKIP_UNLESS(ARCHITECTURE, 1),
	    BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
	    ANSWER(SECCOMP_RET_KILL_PROCESS),
	    LOAD(nr),
	    /* descriptors */
	    ALLOW(read),
	    ALLOW(write),
	    ALLOW(writev),
	    ALLOW(pread64),
	    ALLOW(lseek),
	    ALLOW(close),
	    ALLOW(fstat),
	    ALLOW(ppoll),
	    ALLOW(flock),
	    ALLOW(fsync),
	    ALLOW(fdatasync),
	    ALLOW(ftruncate),
	    ALLOW(fcntl),
#ifdef __x86_64__
	    ALLOW(poll),
#endif
	    ALLOW_ONLY(sendto, 4, 0), /* to no address: over a connection that it has */
	    ALLOW(recvmsg),
	    ALLOW_ONLY(ioctl, 1, TCGETS),             /* isatty */
	    ALLOW_ONLY(newfstatat, 3, AT_EMPTY_PATH), /* fstat of a newer C library */
	    /* memory */
	    ALLOW(brk),
	    ALLOW(munmap),
	    ALLOW(mremap),
	    ALLOW(madvise),
	    ALLOW_DATA(mmap),
	    ALLOW_DATA(mprotect),
	    /* time, signals, the end */
	    ALLOW(clock_gettime),
	    ALLOW(gettimeofday),
	    ALLOW(clock_nanosleep),
	    ALLOW(nanosleep),
	    ALLOW(restart_syscall),
	    ALLOW(rt_sigaction),
	    ALLOW(rt_sigprocmask),
	    ALLOW(rt_sigreturn),
	    ALLOW(getpid),
	    ALLOW(gettid),
	    ALLOW(tgkill), /* abort */
	    ALLOW(futex),
	    ALLOW(getrandom),
	    ALLOW(wait4), /* for its opener */
	    ALLOW(exit),
	    ALLOW(exit_group),
	    /* What a C library may ask by the way, and can do without: it learns nothing, and the program goes on. */
	    ALLOW(sysinfo),
	    REFUSE(faccessat),
	    REFUSE(readlinkat),
	    REFUSE(prlimit64),
	    REFUSE(sched_getaffinity),
	    REFUSE(getcwd),
	    REFUSE(uname),
	    REFUSE_READING(openat, 2),
#ifdef __x86_64__
	    REFUSE(access),
	    REFUSE(stat),
	    REFUSE(readlink),
	    REFUSE_READING(open, 1),
#endif
	    ANSWER(SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
	if (!confine_possible())
		return false;
	/* The time zone is read now and, being named, not looked for again by jq's date functions. */
	setenv("TZ", ":/etc/localtime", 0);
	tzset();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return false;
	/* Else some kernels make a process with a filter slower, against attacks that ours is not open to. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) == 0 ||
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

#else

bool confine_possible(void)
{
	return false;
}

bool confine(void)
{
	return false;
}

#endif
