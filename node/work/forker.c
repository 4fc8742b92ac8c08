#include "node/work/forker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "node/work/pool.h"
#include "node/work/zygote.h"

#define CLOSE_MS 1000

struct forker {
	uv_process_t process;
	uv_poll_t poll;		/* on fd */
	uv_timer_t patience;	/* runs after an orderly close */
	int n_open;		/* handles still open: the last one frees us */
	int fd;			/* -1 once closed */
	const struct forker_cb *cb;	/* NULL once closed */
	void *arg;
	void (*closed)(void *arg);
	void *closed_arg;
	bool has_exited, told_down, closing;
};

static void on_closed(uv_handle_t *h)
{
	struct forker *f = h->data;

	if (--f->n_open > 0)
		return;
	if (f->closed)
		f->closed(f->closed_arg);
	free(f);
}

static void close_rest(struct forker *f)
{
	uv_close((uv_handle_t *)&f->process, on_closed);
	uv_close((uv_handle_t *)&f->patience, on_closed);
}

static void tell_down(struct forker *f)
{
	if (!f->cb || f->told_down)
		return;
	f->told_down = true;
	uv_poll_stop(&f->poll);
	f->cb->down(f->arg);
}

static void on_process_exit(uv_process_t *process, int64_t status, int sig)
{
	struct forker *f = process->data;

	f->has_exited = true;
	if (f->closing)
		close_rest(f);
	else
		tell_down(f);
}

static void on_msg(struct forker *f, const struct zygote_msg *m)
{
	if (m->op == ZYGOTE_READY)
		f->cb->ready(f->arg);
	else if (m->op == ZYGOTE_FORKED)
		f->cb->forked(f->arg, m->id, m->value);
	else if (m->op == ZYGOTE_EXITED)
		f->cb->exited(f->arg, m->id, m->value);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct forker *f = poll->data;
	struct zygote_msg m;
	ssize_t n = 0;

	while (f->cb && !f->told_down) {
		n = recv(f->fd, &m, sizeof(m), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n != (ssize_t)sizeof(m))
			tell_down(f);
		else
			on_msg(f, &m);
	}
}

/* A zygote and what it forks see no secret that came by the environment. */
static const char *const kept_env[] = {
	"PATH", "LANG", "TZ", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
	"LSAN_OPTIONS", "MALLOC_PERTURB_",
	/* What drivers are told. */
	"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH",
};
#define N_KEPT (sizeof(kept_env) / sizeof(kept_env[0]))

static void make_env(char *env[N_KEPT + 1])
{
	size_t i, n = 0;

	for (i = 0; i < N_KEPT; i++) {
		const char *v = getenv(kept_env[i]);

		if (v)
			env[n++] = xasprintf("%s=%s", kept_env[i], v);
	}
	env[n] = NULL;
}

static int spawn(struct forker *f, uv_loop_t *loop, bool confine, const char *device, int fd)
{
	char exe[] = "/proc/self/exe", name[] = "lpnode", flag[] = WORK_ZYGOTE_ARG;
	char mode[sizeof(ZYGOTE_CONFINED)], *gpu = device ? xstrdup(device) : NULL;
	char *args[] = { name, flag, mode, gpu, NULL };
	char *env[N_KEPT + 1], **e;
	uv_stdio_container_t io[ZYGOTE_FD + 1] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
		{ .flags = UV_INHERIT_FD, .data.fd = fd },
	};
	uv_process_options_t o = { .file = exe, .args = args, .env = env, .exit_cb = on_process_exit,
				   .stdio = io, .stdio_count = ZYGOTE_FD + 1 };
	int rc;

	strcpy(mode, confine ? ZYGOTE_CONFINED : ZYGOTE_OPEN);
	make_env(env);
	rc = uv_spawn(loop, &f->process, &o);
	for (e = env; *e; e++)
		free(*e);
	free(gpu);
	return rc;
}

static void init_handles(struct forker *f, uv_loop_t *loop)
{
	uv_poll_init(loop, &f->poll, f->fd);
	uv_timer_init(loop, &f->patience);
	f->poll.data = f->patience.data = f->process.data = f;
	f->n_open = 3;
}

struct forker *forker_start(uv_loop_t *loop, bool confine, const char *device,
			    const struct forker_cb *cb, void *arg, struct err *err)
{
	struct forker *f;
	int fds[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		err_set(err, ERR_IO, "socketpair: %s", strerror(errno));
		return NULL;
	}
	f = xcalloc(1, sizeof(*f));
	f->fd = fds[0];
	f->cb = cb;
	f->arg = arg;
	init_handles(f, loop);
	rc = spawn(f, loop, confine, device, fds[1]);
	close(fds[1]);
	if (rc < 0) {
		err_set(err, ERR_IO, "start the worker zygote: %s", uv_strerror(rc));
		f->has_exited = true;
		forker_close(f, true, NULL, NULL);
		return NULL;
	}
	uv_poll_start(&f->poll, UV_READABLE, on_readable);
	return f;
}

bool forker_is_alive(const struct forker *f)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN };

	return poll(&p, 1, 0) >= 0 && !(p.revents & (POLLHUP | POLLERR));
}

/* The socket's buffer holds hundreds of packets: when it is full, nobody reads. */
static int tell(struct forker *f, enum zygote_op op, uint32_t id, int32_t value, int fd,
		struct err *err)
{
	struct zygote_msg m = { .op = op, .id = id, .value = value };
	struct iovec iov = { .iov_base = &m, .iov_len = sizeof(m) };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} u = { .space = { 0 } };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		h.msg_control = u.space;
		h.msg_controllen = sizeof(u.space);
		*CMSG_FIRSTHDR(&h) = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), &fd, sizeof(fd));
	}
	do {
		n = sendmsg(f->fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? err_set(err, ERR_IO, "worker zygote: %s", strerror(errno)) : 0;
}

int forker_fork(struct forker *f, uint32_t id, int fd, struct err *err)
{
	int rc = tell(f, ZYGOTE_FORK, id, 0, fd, err);

	close(fd);
	return rc;
}

int forker_kill(struct forker *f, uint32_t id, struct err *err)
{
	return tell(f, ZYGOTE_KILL, id, 0, -1, err);
}

int forker_allow_cpu(struct forker *f, uint32_t id, int seconds, struct err *err)
{
	return tell(f, ZYGOTE_CPU, id, seconds, -1, err);
}

static void on_patience_over(uv_timer_t *timer)
{
	struct forker *f = timer->data;

	uv_process_kill(&f->process, SIGKILL);
}

static void on_poll_closed(uv_handle_t *h)
{
	struct forker *f = h->data;

	/* Not before: libuv must not poll a number that may be another file's. */
	close(f->fd);
	f->fd = -1;
	on_closed(h);
}

void forker_close(struct forker *f, bool force, void (*closed)(void *arg), void *arg)
{
	f->cb = NULL;
	f->closing = true;
	f->closed = closed;
	f->closed_arg = arg;
	uv_close((uv_handle_t *)&f->poll, on_poll_closed);
	if (f->has_exited)
		close_rest(f);
	else if (force)
		uv_process_kill(&f->process, SIGKILL);
	else
		uv_timer_start(&f->patience, on_patience_over, CLOSE_MS, 0);
}
