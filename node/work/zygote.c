/*
 * The zygote: warm and single-threaded, it only forks, kills and reaps workers.
 * Being their parent, it can name a child without the race that a pid has for
 * everybody else, so the node asks it to kill and to set limits.
 *
 * A device is not touched here: what a driver holds does not survive a fork.
 *
 * It ends when the node's end of its socket closes, and takes the workers with it.
 */
#include "node/work/zygote.h"

#include <dirent.h>
#include <errno.h>
#include <libavutil/log.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "media/av/gpu.h"
#include "media/av/ladder.h"
#include "node/work/child.h"
#include "node/work/pool.h"

#ifdef LP_SANITIZED
#define SANITIZER_THREADS 1	/* TSan's own */
#else
#define SANITIZER_THREADS 0
#endif
#define STACK_BYTES (512 << 10)	/* 128 kB worked, 64 kB did not: worker-spike 2 */

struct kid {
	uint32_t id;
	pid_t pid;
};

struct zygote {
	bool confine;
	const char *device;	/* of the workers; NULL: none */
	int sigchld;		/* signalfd */
	sigset_t old_mask;
	struct kid *kids;	/* those not reaped yet */
	size_t n_kids, cap;
};

/* Ctrl-C goes to the whole process group: the node decides when workers end. */
static void ignore_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2,
				       SIGPIPE, SIGXFSZ };
	size_t i;

	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
}

static void limit_memory(void)
{
	pthread_attr_t attr;

	mallopt(M_ARENA_MAX, 2);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
}

/* A fork of a process with threads takes over locks that nobody will open. */
static unsigned n_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static int warm_up(const char *device, struct err *err)
{
	av_log_set_level(AV_LOG_QUIET);
	if (device)
		gpu_warm_up();
	if (ladder_warm_up(err) < 0)
		return err_wrap(err, "warm-up");
	if (n_threads() > 1 + SANITIZER_THREADS)
		return err_set(err, ERR_INTERNAL, "threads are left after the warm-up");
	malloc_trim(0);		/* every fork copies the page tables of what is kept */
	return 0;
}

static int tell(enum zygote_op op, uint32_t id, int32_t value)
{
	struct zygote_msg m = { .op = op, .id = id, .value = value };

	return send(ZYGOTE_FD, &m, sizeof(m), 0) == (ssize_t)sizeof(m) ? 0 : -1;
}

static struct kid *find(struct zygote *z, uint32_t id)
{
	size_t i;

	for (i = 0; i < z->n_kids; i++)
		if (z->kids[i].id == id)
			return &z->kids[i];
	return NULL;
}

static void add(struct zygote *z, uint32_t id, pid_t pid)
{
	if (z->n_kids == z->cap) {
		z->cap = z->cap ? 2 * z->cap : 16;
		z->kids = xrealloc(z->kids, z->cap * sizeof(z->kids[0]));
	}
	z->kids[z->n_kids++] = (struct kid){ .id = id, .pid = pid };
}

/* In the new process. */
static _Noreturn void be_child(struct zygote *z, int fd, pid_t zygote_pid)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != zygote_pid)	/* died before the line above */
		_exit(0);
	prctl(PR_SET_NAME, "lpnode-worker");
	sigprocmask(SIG_SETMASK, &z->old_mask, NULL);
	if (dup2(fd, ZYGOTE_FD) < 0 || close_range(ZYGOTE_FD + 1, ~0u, 0) < 0)
		_exit(1);
	/* No exit handlers: they belong to the zygote. */
	_exit(child_main(ZYGOTE_FD, z->confine, z->device));
}

/* A fork that fails closes the socket: the node sees a worker that never came. */
static int fork_kid(struct zygote *z, uint32_t id, int fd)
{
	pid_t self = getpid(), pid = fork();

	if (pid == 0)
		be_child(z, fd, self);
	if (pid < 0)
		log_error(NULL, "cannot fork a worker: error=%s", strerror(errno));
	close(fd);
	if (pid < 0)
		return 0;
	add(z, id, pid);
	return tell(ZYGOTE_FORKED, id, pid);
}

/* The limit counts from birth: add to what has been used. */
static void raise_cpu_limit(const struct kid *k, int32_t seconds)
{
	struct rlimit r;
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(k->pid, &clock) != 0 || clock_gettime(clock, &used) < 0 ||
	    prlimit(k->pid, RLIMIT_CPU, NULL, &r) < 0)
		return;
	r.rlim_cur = (rlim_t)used.tv_sec + 1 + (rlim_t)seconds;
	if (r.rlim_cur > r.rlim_max)
		r.rlim_cur = r.rlim_max;
	prlimit(k->pid, RLIMIT_CPU, &r, NULL);
}

static int obey(struct zygote *z, const struct zygote_msg *m, int fd)
{
	struct kid *k = find(z, m->id);

	if (m->op == ZYGOTE_FORK && fd >= 0)
		return fork_kid(z, m->id, fd);
	if (fd >= 0)
		close(fd);
	if (k && m->op == ZYGOTE_KILL)
		kill(k->pid, SIGKILL);
	else if (k && m->op == ZYGOTE_CPU)
		raise_cpu_limit(k, m->value);
	return 0;
}

/* One packet.  Returns -1 at the end. */
static int on_node(struct zygote *z)
{
	struct zygote_msg m;
	struct iovec iov = { .iov_base = &m, .iov_len = sizeof(m) };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} u;
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1,
			    .msg_control = u.space, .msg_controllen = sizeof(u.space) };
	ssize_t n = recvmsg(ZYGOTE_FD, &h, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&h) : NULL;
	int fd = -1;

	if (n < 0 && errno == EINTR)
		return 0;
	if (n != (ssize_t)sizeof(m))
		return -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return obey(z, &m, fd);
}

static int reap(struct zygote *z)
{
	struct signalfd_siginfo si;
	int status, rc = 0;
	pid_t pid;
	size_t i;

	if (read(z->sigchld, &si, sizeof(si)) < 0 && errno != EINTR && errno != EAGAIN)
		return -1;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < z->n_kids && z->kids[i].pid != pid; i++)
			;
		if (i == z->n_kids)
			continue;
		if (tell(ZYGOTE_EXITED, z->kids[i].id, status) < 0)
			rc = -1;
		z->kids[i] = z->kids[--z->n_kids];
	}
	return rc;
}

static void serve(struct zygote *z)
{
	struct pollfd p[2] = { { .fd = ZYGOTE_FD, .events = POLLIN },
			       { .fd = z->sigchld, .events = POLLIN } };

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents && reap(z) < 0)
			return;
		if (p[0].revents && on_node(z) < 0)
			return;
	}
}

/* Nobody is left behind, and no zombie either. */
static void end_kids(struct zygote *z)
{
	size_t i;

	for (i = 0; i < z->n_kids; i++)
		kill(z->kids[i].pid, SIGKILL);
	for (i = 0; i < z->n_kids; i++)
		waitpid(z->kids[i].pid, NULL, 0);
	free(z->kids);
}

static int watch_kids(struct zygote *z)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, &z->old_mask);
	z->sigchld = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return z->sigchld < 0 ? -1 : 0;
}

int work_zygote_main(int argc, char **argv)
{
	struct zygote z = { .confine = argc < 3 || strcmp(argv[2], ZYGOTE_OPEN) != 0,
			    .device = argc > 3 ? argv[3] : NULL };
	struct err err;

	ignore_signals();
	close_range(ZYGOTE_FD + 1, ~0u, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "lpnode-zygote");
	if (!z.device)		/* a driver's threads are not ours to squeeze */
		limit_memory();
	if (warm_up(z.device, &err) < 0) {
		log_error(NULL, "the worker zygote cannot start: error=%s", err.msg);
		return 1;
	}
	if (watch_kids(&z) < 0 || tell(ZYGOTE_READY, 0, 0) < 0)
		return 1;
	serve(&z);
	end_kids(&z);
	close(z.sigchld);
	return 0;
}
