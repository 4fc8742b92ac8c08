#ifndef LP_TEST_NODE_WORK_FAKE_LADDER_H
#define LP_TEST_NODE_WORK_FAKE_LADDER_H
/*
 * A ladder that does what the first word of its input says, so that tests can make
 * a worker crash, hang or lie.  Linked instead of media/av: include it once.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "media/av/ladder.h"
#include "node/work/zygote.h"

/* In memory that all workers of a zygote share: tasks begun since its start. */
static unsigned *fake_n_runs;
static int fake_zygote_pid;	/* a confined worker is not told by getppid */

int ladder_warm_up(struct err *err)
{
	const char *lang = getenv("LANG");	/* what the zygote's environment keeps */

	if (lang && strcmp(lang, "no-ladder") == 0)
		return err_set(err, ERR_INTERNAL, "told so");
	fake_zygote_pid = getpid();
	fake_n_runs = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return fake_n_runs == MAP_FAILED ? err_set(err, ERR_INTERNAL, "mmap") : 0;
}

static void fake_crash(void)
{
#ifdef LP_SANITIZED
	raise(SIGKILL);		/* no sanitizer's report */
#else
	static volatile int *volatile nowhere;

	*nowhere = 1;
#endif
}

static void fake_write(const void *p, size_t len)
{
	if (write(ZYGOTE_FD, p, len) < 0)
		_exit(9);
}

static const char *fake_tried(long rc)
{
	return rc >= 0 ? "done" : errno == EPERM || errno == EACCES || errno == ENOMEM ||
		errno == ENOSYS ? "refused" : strerror(errno);
}

#define TRY(what, call) (errno = 0, n += (size_t)snprintf(to + n, size - n, "%s:%s\n", what, fake_tried(call)))

static void *fake_map(int prot)
{
	void *p = mmap(NULL, 65536, PROT_READ | prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* A harmless part of what follows, for a worker that can. */
static void fake_reach_out(char *to, size_t size)
{
	size_t n = 0;
	pid_t pid;
	void *big;

	TRY("open", open("/etc/passwd", O_RDONLY));
	TRY("socket_inet", socket(AF_INET, SOCK_STREAM, 0));
	pid = fork();
	if (pid == 0)
		_exit(0);
	TRY("fork", pid);
	TRY("2GiB", (big = malloc(2ul << 30)) ? 0 : -1);
	free(big);
}

/* What a worker that has been taken over would do next. */
static void fake_break_out(char *to, size_t size)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/tmp/x" };
	struct timespec ts;
	size_t n = 0;
	void *big;

	TRY("open", open("/etc/passwd", O_RDONLY));
	TRY("create", open("/tmp/lp-worker-was-here", O_WRONLY | O_CREAT, 0600));
	TRY("open_raw", syscall(SYS_open, "/proc/self/maps", O_RDONLY));
	TRY("openat2", syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", NULL, 0));
	TRY("stat", syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &ts, 0));
	TRY("socket_inet", socket(AF_INET, SOCK_STREAM, 0));
	TRY("socket_unix", socket(AF_UNIX, SOCK_STREAM, 0));
	TRY("socketpair", syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, (int[2]){ 0 }));
	TRY("connect", connect(ZYGOTE_FD, (struct sockaddr *)&un, sizeof(un)));
	TRY("exec", execl("/bin/true", "true", (char *)NULL));
	TRY("fork", syscall(SYS_fork));
	TRY("vfork_by_clone", syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
	TRY("clone3", syscall(SYS_clone3, NULL, 0));
	TRY("ptrace", ptrace(PTRACE_ATTACH, fake_zygote_pid, 0, 0));
	TRY("kill_parent", kill(fake_zygote_pid, SIGTERM));
	TRY("tgkill_parent", syscall(SYS_tgkill, fake_zygote_pid, fake_zygote_pid, 0));
	TRY("process_vm_readv", syscall(SYS_process_vm_readv, fake_zygote_pid, NULL, 0, NULL, 0, 0));
	TRY("prlimit", syscall(SYS_prlimit64, 0, 7, NULL, NULL));
	TRY("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
	TRY("bpf", syscall(SYS_bpf, 0, NULL, 0));
	TRY("unshare", unshare(CLONE_NEWUSER));
	TRY("sigaction", syscall(SYS_rt_sigaction, SIGXCPU, NULL, NULL, 8));
	TRY("memfd", memfd_create("x", 0));
	TRY("mmap_exec", fake_map(PROT_EXEC) ? 0 : -1);
	TRY("mprotect_exec", mprotect(fake_map(PROT_WRITE), 65536, PROT_READ | PROT_EXEC));
	TRY("2GiB", (big = malloc(2ul << 30)) ? 0 : -1);
	free(big);
}
#undef TRY

/* What word says; text is what the renditions hold, NULL: the input. */
static int fake_obey(const char *word, const uint8_t *input, size_t len, char *text, size_t size,
		     struct err *err)
{
	unsigned n_runs = ++*fake_n_runs;
	struct timespec ts = { 0 };

	if (strcmp(word, "crash") == 0)
		fake_crash();
	else if (strcmp(word, "crash-first") == 0 && n_runs == 1)
		fake_crash();
	else if (strcmp(word, "spin") == 0 || (strcmp(word, "spin-first") == 0 && n_runs == 1))
		for (;;)
			*(volatile char *)text = 0;
	else if (strcmp(word, "stop") == 0)
		raise(SIGSTOP);
	else if (strcmp(word, "exit") == 0)
		_exit(0);
	else if (strcmp(word, "garbage") == 0)
		fake_write("\xff\xff\xff\xff garbage", 12);
	else if (strcmp(word, "early-done") == 0)	/* TaskDone of a task that has outputs */
		fake_write("\0\0\0\2\4\0\0\0\1\0\25", 11);
	else if (strcmp(word, "bad") == 0)
		return err_set(err, ERR_INVALID, "no \x1b[31mpicture\n in it");
	else if (strcmp(word, "no-memory") == 0)
		return err_set(err, ERR_INTERNAL, "no memory");
	else if (strcmp(word, "pids") == 0)
		snprintf(text, size, "%d %d", (int)getpid(), fake_zygote_pid);
	else if (strcmp(word, "break-out") == 0)
		fake_break_out(text, size);
	else if (strcmp(word, "reach-out") == 0)
		fake_reach_out(text, size);
	else if (strcmp(word, "sleep") == 0) {
		/* The input is bytes, not a string: it ends nowhere but at len. */
		snprintf(text, size, "%.*s", (int)(len - 6), (const char *)input + 6);
		ts.tv_nsec = 1000000L * atoi(text);
		text[0] = 0;
		nanosleep(&ts, NULL);
	}
	return 0;
}

static void fake_word(char word[32], const uint8_t *input, size_t len)
{
	size_t i;

	for (i = 0; i < len && i < 31 && input[i] > ' '; i++)
		word[i] = (char)input[i];
	word[i] = 0;
}

static const struct ladder_stats fake_stats = {
	.n_decoded = 60, .width = 1280, .height = 720, .wall_ms = 5, .cpu_ms = 4,
};

/* One piece to each rendition: they take turns.  total: with this one. */
static void fake_give(const struct ladder_spec *spec, ladder_sink *sink, void *arg,
		      const void *data, size_t len, size_t total, bool last)
{
	size_t i;

	for (i = 0; i < spec->n_rungs; i++) {
		struct ladder_out out = {
			.index = i, .len = len, .last = last, .total = total,
			.n_video = 60, .duration_90k = 180000,
			.width = spec->rungs[i].width, .height = spec->rungs[i].height,
		};

		out.data = malloc(len + 1);
		if (len > 0)
			memcpy(out.data, data, len);
		sink(arg, &out);
	}
}

int ladder_run(const struct ladder_spec *spec, const uint8_t *input, size_t len,
	       ladder_sink *sink, void *arg, struct ladder_stats *stats, struct err *err)
{
	char word[32], text[4096] = "";
	size_t n;

	fake_word(word, input, len);
	if (strcmp(word, "device") == 0)
		snprintf(text, sizeof(text), "%s", spec->device ? spec->device : "none");
	else if (fake_obey(word, input, len, text, sizeof(text), err) < 0)
		return -1;
	n = strlen(text);
	*stats = fake_stats;
	if (strcmp(word, "pieces") == 0) {	/* in two, the second longer */
		fake_give(spec, sink, arg, input, len / 3, len / 3, false);
		fake_give(spec, sink, arg, input + len / 3, len - len / 3, len, true);
	} else {
		fake_give(spec, sink, arg, n ? (const void *)text : input, n ? n : len,
			  n ? n : len, true);
	}
	return 0;
}

/* Obeys the first word when it is whole; each feed is a piece to each rendition, and the
 * last one an empty piece.  "bad-end" fails at the end only. */
struct ladder {
	const struct ladder_spec *spec;
	ladder_sink *sink;
	void *arg;
	char word[32];
	size_t n_word, n_given;
	bool obeyed;
};

struct ladder *ladder_open(const struct ladder_spec *spec, ladder_sink *sink, void *arg,
			   struct err *err)
{
	struct ladder *l;

	if (strcmp(spec->preset, "ultrafast") == 0) {
		err_set(err, ERR_INVALID, "cannot open");
		return NULL;
	}
	l = calloc(1, sizeof(*l));
	l->spec = spec;
	l->sink = sink;
	l->arg = arg;
	return l;
}

int ladder_feed(struct ladder *l, const uint8_t *data, size_t len, struct err *err)
{
	char text[4096] = "";
	size_t i;

	for (i = 0; i < len && !l->obeyed; i++) {
		if (data[i] <= ' ' || l->n_word == sizeof(l->word) - 1)
			l->obeyed = true;
		else
			l->word[l->n_word++] = (char)data[i];
	}
	if (i > 0 && l->obeyed) {
		if (fake_obey(l->word, (const uint8_t *)"sleep 20", 8, text, sizeof(text), err) < 0)
			return -1;
		if (text[0]) {
			l->n_given += strlen(text);
			fake_give(l->spec, l->sink, l->arg, text, strlen(text), l->n_given, false);
			return 0;
		}
	}
	l->n_given += len;
	fake_give(l->spec, l->sink, l->arg, data, len, l->n_given,
		  strcmp(l->word, "finish-early") == 0);
	if (strcmp(l->word, "finish-early") == 0)	/* TaskDone, on a worker's first channel */
		fake_write("\0\0\0\2\4\0\0\0\1\0\25", 11);
	return 0;
}

int ladder_end(struct ladder *l, struct ladder_stats *stats, struct err *err)
{
	if (strcmp(l->word, "bad-end") == 0)
		return err_set(err, ERR_INVALID, "cut off");
	fake_give(l->spec, l->sink, l->arg, NULL, 0, l->n_given, true);
	*stats = fake_stats;
	if (strcmp(l->word, "slow") == 0)	/* says that it took longer */
		stats->cpu_ms = 100;
	return 0;
}

void ladder_free(struct ladder *l)
{
	free(l);
}

int ladder_probe(bool fmp4, const uint8_t *input, size_t len, uint64_t max_pixels,
		 struct ladder_stats *stats, struct err *err)
{
	*stats = (struct ladder_stats){ .n_decoded = 1, .width = 640, .height = 360 };
	return len > 0 ? 0 : err_set(err, ERR_INVALID, "empty");
}

int ladder_remux(bool to_fmp4, const uint8_t *input, size_t len, struct ladder_out *out,
		 struct err *err)
{
	*out = (struct ladder_out){ .data = malloc(len + 1), .len = len, .last = true,
				    .total = len, .n_video = 60,
				    .duration_90k = 180000, .width = 640, .height = 360,
				    .fmp4 = to_fmp4, .init_len = to_fmp4 ? 1 : 0 };
	memcpy(out->data, input, len);
	return 0;
}

#endif
