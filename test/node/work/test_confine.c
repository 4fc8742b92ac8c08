/* What a confined process can and cannot do.  Not in sanitizer builds, where
 * workers are not confined. */
#include "test/node/work/pool_rig.h"
#include "test/node/work/fake_ladder.h"

#include <sys/resource.h>

#include "node/work/confine.h"

#ifndef LP_SANITIZED

static void expect_refused(const char *text, const char *what)
{
	char line[64];

	snprintf(line, sizeof(line), "%s:refused\n", what);
	if (!strstr(text, line))
		fail_msg("%s is not refused: %s", what, text);
}

static void worker_taken_over_cannot_reach_anything(void **state)
{
	static const char *const what[] = {
		"open", "create", "open_raw", "openat2", "stat", "socket_inet", "socket_unix",
		"socketpair", "connect", "exec", "fork", "vfork_by_clone", "clone3", "ptrace",
		"kill_parent", "tgkill_parent", "process_vm_readv", "prlimit", "io_uring", "bpf",
		"unshare", "sigaction", "memfd", "mmap_exec", "mprotect_exec", "2GiB",
	};
	struct rig *r = rig_new(&rig_opts);
	struct job j;
	size_t i, n_lines = 0;

	job_run(&j, r, "a", "break-out");
	assert_int_equal(j.err.code, ERR_NONE);
	for (i = 0; i < sizeof(what) / sizeof(what[0]); i++)
		expect_refused(j.text, what[i]);
	for (i = 0; i < j.len; i++)
		n_lines += j.text[i] == '\n';
	assert_int_equal(n_lines, sizeof(what) / sizeof(what[0]));
	job_fini(&j);
	rig_free(r);
}

/* The same attempts succeed in an open worker: the list above tests something. */
static void open_worker_can(void **state)
{
	struct work_opts o = rig_opts;
	struct rig *r;
	struct job j;

	o.confine = false;
	r = rig_new(&o);
	job_run(&j, r, "a", "reach-out");
	assert_int_equal(j.err.code, ERR_NONE);
	assert_non_null(strstr(j.text, "open:done\n"));
	assert_non_null(strstr(j.text, "socket_inet:done\n"));
	assert_non_null(strstr(j.text, "fork:done\n"));
	assert_non_null(strstr(j.text, "2GiB:done\n"));
	job_fini(&j);
	rig_free(r);
}

static void file_line(char *to, size_t size, int pid, const char *file, const char *key)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "r");
	assert_non_null(f);
	do {
		assert_non_null(fgets(to, (int)size, f));
	} while (strncmp(to, key, strlen(key)) != 0);
	fclose(f);
}

/* As the kernel tells it. */
static void worker_has_its_limits(void **state)
{
	struct rig *r = rig_new(&rig_opts);
	unsigned long long soft, hard;
	char line[256], path[64];
	struct job j;
	int pid, fd;

	job_run(&j, r, "a", "pids");
	pid = atoi(j.text);
	assert_true(pid > 1);
	file_line(line, sizeof(line), pid, "status", "NoNewPrivs:");
	assert_int_equal(atoi(strchr(line, ':') + 1), 1);
	file_line(line, sizeof(line), pid, "status", "Seccomp:");
	assert_int_equal(atoi(strchr(line, ':') + 1), 2);
	file_line(line, sizeof(line), pid, "limits", "Max address space");
	assert_int_equal(sscanf(line + 25, "%llu %llu", &soft, &hard), 2);
	assert_int_equal(hard, CONFINE_AS_BYTES);
	file_line(line, sizeof(line), pid, "limits", "Max core file size");
	assert_int_equal(sscanf(line + 25, "%llu %llu", &soft, &hard), 2);
	assert_int_equal(hard, 0);
	file_line(line, sizeof(line), pid, "limits", "Max file size");
	assert_int_equal(sscanf(line + 25, "%llu %llu", &soft, &hard), 2);
	assert_int_equal(hard, 0);
	/* 18 s of a try at 60 % of 30 s on each core: raised for the task. */
	file_line(line, sizeof(line), pid, "limits", "Max cpu time");
	assert_int_equal(sscanf(line + 25, "%llu", &soft), 1);
	assert_in_range(soft, 19 + 5, 19 * uv_available_parallelism() + 10);
	file_line(line, sizeof(line), pid, "oom_score_adj", "800");
	/* Nothing is open but the standard three and the socket. */
	for (fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		assert_int_equal(access(path, F_OK) == 0, fd <= ZYGOTE_FD);
	}
	job_fini(&j);
	rig_free(r);
}

/* A GPU's driver opens files and maps memory: such a worker has little taken away. */
static void device_worker_can_but_gains_nothing(void **state)
{
	struct work_opts o = rig_opts;
	unsigned long long hard;
	char line[256];
	struct rig *r;
	struct job j;
	int pid;

	o.device = "nvidia:0";
	o.confine = true;
	r = rig_new(&o);
	job_run(&j, r, "a", "reach-out");
	assert_non_null(strstr(j.text, "open:done\n"));
	assert_non_null(strstr(j.text, "2GiB:done\n"));
	job_fini(&j);
	job_run(&j, r, "a", "pids");
	pid = atoi(j.text);
	assert_true(pid > 1);
	file_line(line, sizeof(line), pid, "status", "NoNewPrivs:");
	assert_int_equal(atoi(strchr(line, ':') + 1), 1);
	file_line(line, sizeof(line), pid, "status", "Seccomp:");
	assert_int_equal(atoi(strchr(line, ':') + 1), 0);
	file_line(line, sizeof(line), pid, "limits", "Max core file size");
	assert_int_equal(sscanf(line + 25, "%*s %llu", &hard), 1);
	assert_int_equal(hard, 0);
	file_line(line, sizeof(line), pid, "limits", "Max address space");
	assert_non_null(strstr(line, "unlimited"));
	file_line(line, sizeof(line), pid, "limits", "Max cpu time");
	assert_non_null(strstr(line, "unlimited"));
	file_line(line, sizeof(line), pid, "oom_score_adj", "800");
	job_fini(&j);
	rig_free(r);
}

static unsigned long long cpu_limit(int pid)
{
	unsigned long long soft = 0;
	char line[256];

	file_line(line, sizeof(line), pid, "limits", "Max cpu time");
	assert_int_equal(sscanf(line + 25, "%llu", &soft), 1);
	return soft;
}

static void on_streamed_piece(void *arg, size_t index, const uint8_t *data, size_t len)
{
	struct job *j = arg;

	job_on_piece(arg, index, data, len);
	j->has_piece = j->n_pieces >= 2;
}

/* While its input is open, it may compute all of that time; then until the deadline. */
static void streamed_task_has_time_for_its_input(void **state)
{
	static const struct work_cb cb = { .piece = on_streamed_piece, .done = job_on_done };
	struct rig *r = rig_new(&rig_opts);
	struct work_spec spec = rig_spec("a", NULL, 0);
	struct job j = { .rig = r };
	unsigned n = uv_available_parallelism();
	int pid, i;

	j.task = work_task_start(r->pool, &spec, &cb, &j, NULL);
	assert_non_null(j.task);
	assert_int_equal(work_task_feed(j.task, (const uint8_t *)"pids ", 5, NULL), 0);
	rig_wait(r, &j.has_piece);
	pid = atoi(j.pieces[0]);
	assert_true(pid > 1);
	assert_in_range(cpu_limit(pid), 60, 66 * n + 10);
	work_task_finish(j.task, 2000, 3000000);
	rig_wait(r, &j.ended);
	assert_int_equal(j.err.code, ERR_NONE);
	/* The zygote was told before the worker was, but may be slower. */
	for (i = 0; i < 500 && cpu_limit(pid) < 3000; i++)
		rig_pause(r, 10);
	assert_in_range(cpu_limit(pid), 3000, 3001 * n + 10);
	job_fini(&j);
	rig_free(r);
}

/* In a process of its own: returns what f left as exit code. */
static int in_child(int (*f)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		close_range(3, ~0u, 0);
		_exit(f());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int try_landlock(void)
{
	bool has;

	if (confine_limits(NULL) < 0 || confine_landlock(&has, NULL) < 0)
		return 1;
	if (!has)
		return 77;
	return open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES ? 0 : 2;
}

static void landlock_alone_keeps_files_away(void **state)
{
	int rc = in_child(try_landlock);

	if (rc == 77) {
		print_message("           this kernel has no Landlock\n");
		skip();
	}
	assert_int_equal(rc, 0);
}

static int try_file_write(void)
{
	int fd = memfd_create("x", 0);

	signal(SIGXFSZ, SIG_IGN);
	if (confine_limits(NULL) < 0)
		return 1;
	return write(fd, "x", 1) < 0 && errno == EFBIG ? 0 : 2;
}

static void limits_alone_keep_files_from_growing(void **state)
{
	assert_int_equal(in_child(try_file_write), 0);
}

static int try_abort(void)
{
	if (confine_process(NULL) < 0)
		return 1;
	if (getpid() <= 1 || syscall(SYS_tgkill, getpid(), gettid(), 0) != 0)
		return 2;
	return 0;
}

static void confined_process_may_still_signal_itself(void **state)
{
	assert_int_equal(in_child(try_abort), 0);
}
#endif

int main(int argc, char **argv)
{
#ifndef LP_SANITIZED
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worker_taken_over_cannot_reach_anything),
		cmocka_unit_test(open_worker_can),
		cmocka_unit_test(worker_has_its_limits),
		cmocka_unit_test(device_worker_can_but_gains_nothing),
		cmocka_unit_test(streamed_task_has_time_for_its_input),
		cmocka_unit_test(landlock_alone_keeps_files_away),
		cmocka_unit_test(limits_alone_keep_files_from_growing),
		cmocka_unit_test(confined_process_may_still_signal_itself),
	};
#endif

	if (argc > 1 && strcmp(argv[1], WORK_ZYGOTE_ARG) == 0)
		return work_zygote_main(argc, argv);
#ifdef LP_SANITIZED
	puts("1..1\nok 1 # SKIP workers are not confined in a sanitizer build");
	return 0;
#else
	return cmocka_run_group_tests(tests, NULL, NULL);
#endif
}
