#include "node/work/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

#define OOM_SCORE "800"
#define FIRST_CPU_S 10
#define NOFILE 8	/* 0, 1, 2, the socket, and a few that are opened in vain */

/* Ours, because Debian 12's headers know Landlock as of Linux 6.1 only. */
struct ruleset {
	uint64_t fs, net, scoped;
};

static int fail(struct err *err, const char *what)
{
	return err_set(err, ERR_INTERNAL, "%s: %s", what, strerror(errno));
}

static int limit(int what, const char *name, rlim_t n, struct err *err)
{
	struct rlimit r = { .rlim_cur = n, .rlim_max = n };

	return setrlimit(what, &r) < 0 ? fail(err, name) : 0;
}

int confine_limits(struct err *err)
{
	struct rlimit cpu = { .rlim_cur = FIRST_CPU_S };
	struct rlimit old;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(err, "no_new_privs");
	if (getrlimit(RLIMIT_CPU, &old) < 0)
		return fail(err, "RLIMIT_CPU");
	/* The hard limit stays: once lowered nobody could raise it for a task.  The
	 * worker cannot raise the soft one itself: the call is not on its list. */
	cpu.rlim_max = old.rlim_max;
	if (cpu.rlim_cur > cpu.rlim_max)
		cpu.rlim_cur = cpu.rlim_max;
	if (setrlimit(RLIMIT_CPU, &cpu) < 0)
		return fail(err, "RLIMIT_CPU");
	if (limit(RLIMIT_AS, "RLIMIT_AS", CONFINE_AS_BYTES, err) < 0 ||
	    limit(RLIMIT_NOFILE, "RLIMIT_NOFILE", NOFILE, err) < 0 ||
	    limit(RLIMIT_FSIZE, "RLIMIT_FSIZE", 0, err) < 0)
		return -1;
	return limit(RLIMIT_CORE, "RLIMIT_CORE", 0, err);
}

int confine_landlock(bool *has, struct err *err)
{
	/* Rights by the ABI version that brought them. */
	static const uint64_t fs_bits[] = { 0, 13, 14, 15, 15, 16 };
	struct ruleset rules = { 0 };
	size_t size = sizeof(rules.fs);
	long abi, fd, rc;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	*has = abi > 0;
	if (!*has)
		return 0;
	rules.fs = (1ull << fs_bits[abi < 5 ? abi : 5]) - 1;
	if (abi >= 4) {
		rules.net = 3;		/* bind and connect TCP */
		size = offsetof(struct ruleset, scoped);
	}
	if (abi >= 6) {
		rules.scoped = 3;	/* abstract sockets, signals */
		size = sizeof(rules);
	}
	fd = syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (fd < 0)
		return fail(err, "landlock_create_ruleset");
	rc = syscall(SYS_landlock_restrict_self, (int)fd, 0);
	close((int)fd);
	return rc < 0 ? fail(err, "landlock_restrict_self") : 0;
}

/* What the ladder, malloc, threads and the frame loop were seen to call, or their
 * next of kin on other versions of libc.  None of these can open or name anything. */
static const char *const allowed[] = {
	"read", "write", "readv", "writev", "recvfrom", "sendto", "recvmsg", "sendmsg",
	"poll", "ppoll", "close",
	"brk", "munmap", "mremap", "madvise", "futex", "set_robust_list", "rseq",
	"rt_sigprocmask", "rt_sigreturn", "restart_syscall", "exit", "exit_group",
	"clock_gettime", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
	"getrusage", "sched_yield", "sched_getaffinity", "gettid", "getpid", "getrandom",
};

static int allow(scmp_filter_ctx ctx, const char *name, unsigned n, const struct scmp_arg_cmp *arg)
{
	int nr = seccomp_syscall_resolve_name(name);

	if (nr < 0)		/* not on this machine */
		return 0;
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, n, arg);
}

static int add_rules(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
	const struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	/* abort() raises: a worker may signal itself and nobody else. */
	const struct scmp_arg_cmp self = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0);
	int rc = 0;
	size_t i;

	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && rc == 0; i++)
		rc = allow(ctx, allowed[i], 0, NULL);
	if (rc == 0)
		rc = allow(ctx, "clone", 1, &thread);
	if (rc == 0)
		rc = allow(ctx, "mmap", 1, &no_exec);
	if (rc == 0)
		rc = allow(ctx, "mprotect", 1, &no_exec);
	if (rc == 0)
		rc = allow(ctx, "tgkill", 1, &self);
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return rc;
}

int confine_syscalls(struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = ctx ? add_rules(ctx) : -ENOMEM;

	if (rc == 0)
		rc = seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return rc < 0 ? err_set(err, ERR_INTERNAL, "seccomp: %s", strerror(-rc)) : 0;
}

/* Wanted, not needed: some containers mount /proc read-only. */
static void offer_to_oom_killer(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, OOM_SCORE, strlen(OOM_SCORE)) < 0)
		errno = 0;
	close(fd);
}

int confine_process(struct err *err)
{
	bool has_landlock;

	offer_to_oom_killer();
	if (confine_limits(err) < 0 || confine_landlock(&has_landlock, err) < 0)
		return -1;
	return confine_syscalls(err);
}

int confine_device_process(struct err *err)
{
	offer_to_oom_killer();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(err, "no_new_privs");
	return limit(RLIMIT_CORE, "RLIMIT_CORE", 0, err);
}
