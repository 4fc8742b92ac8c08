/*
 * What worker processes cost: bench_worker SEGMENT.ts [runs].  Prints a line a
 * measure: the same probe (transport of the segment and its first picture) in this
 * process, in a warm worker, in one forked ahead and in one forked on demand; then
 * a ladder of 720p, 480p, 360p and 240p; then what the processes hold.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/blob.h"
#include "base/err.h"
#include "media/av/ladder.h"
#include "node/work/pool.h"

struct bench {
	uv_loop_t loop;
	struct work_pool *pool;
	struct blob *input;
	bool over;
	struct work_stats st;
	uint64_t begin, end;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

static struct blob *load(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(SEGMENT_BYTES_MAX);
	struct blob *b;
	size_t len;

	if (!f)
		die(path, strerror(errno));
	len = fread(data, 1, SEGMENT_BYTES_MAX, f);
	fclose(f);
	b = blob_new(data, len, NULL);
	free(data);
	return b;
}

static void on_done(void *arg, const struct work_stats *st, const struct err *err)
{
	struct bench *b = arg;

	if (err)
		die("task", err->msg);
	b->end = uv_hrtime();
	b->st = *st;
	b->over = true;
}

static void run_task(struct bench *b, enum task_kind kind, const char *stream)
{
	static const struct work_cb cb = { .done = on_done };
	struct profile_list ladder;
	struct work_spec spec = { .kind = kind, .stream_key = stream, .input = b->input,
				  .profiles = &ladder, .preset = "superfast", .deadline_ms = 60000 };
	struct err err;

	profiles_default(&ladder);
	b->over = false;
	b->begin = uv_hrtime();
	if (!work_task_start(b->pool, &spec, &cb, b, &err))
		die("start", err.msg);
	while (!b->over)
		uv_run(&b->loop, UV_RUN_ONCE);
}

static void on_flag(uv_timer_t *t)
{
	*(bool *)t->data = true;
}

static void pause_ms(struct bench *b, uint64_t ms)
{
	uv_timer_t t;
	bool over = false;

	uv_timer_init(&b->loop, &t);
	t.data = &over;
	uv_timer_start(&t, on_flag, ms, 0);
	while (!over)
		uv_run(&b->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&t, NULL);
	uv_run(&b->loop, UV_RUN_NOWAIT);
}

static void on_closed(void *arg)
{
	((struct bench *)arg)->over = true;
}

static void open_pool(struct bench *b, unsigned n_workers)
{
	struct work_opts o = { .n_workers = n_workers, .max_queue = 4, .max_pixels = 4096 * 2304,
			       .confine = true, .idle_ms = 60000 };
	struct err err;

	b->pool = work_pool_new(&b->loop, &o, &err);
	if (!b->pool)
		die("pool", err.msg);
}

static void close_pool(struct bench *b)
{
	b->over = false;
	work_pool_close(b->pool, on_closed, b);
	while (!b->over)
		uv_run(&b->loop, UV_RUN_ONCE);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const char *what, double *ms, size_t n)
{
	qsort(ms, n, sizeof(*ms), by_value);
	printf("%-34s median %8.2f ms   min %8.2f   p90 %8.2f   n %zu\n", what, ms[n / 2], ms[0],
	       ms[n * 9 / 10], n);
}

static double took(const struct bench *b)
{
	return (double)(b->end - b->begin) / 1e6;
}

static void bench_local(struct bench *b, double *ms, size_t n)
{
	struct ladder_stats st;
	struct err err;
	size_t i;

	for (i = 0; i < n; i++) {
		b->begin = uv_hrtime();
		if (ladder_probe(false, b->input->data, b->input->len, 4096 * 2304, &st, &err) < 0)
			die("probe", err.msg);
		b->end = uv_hrtime();
		ms[i] = took(b);
	}
	report("probe, in this process", ms, n);
}

static void bench_probes(struct bench *b, double *ms, size_t n)
{
	char stream[32];
	size_t i;

	for (i = 0; i < n; i++) {
		run_task(b, TASK_PROBE, "one");
		ms[i] = took(b);
	}
	report("probe, warm worker", ms, n);
	for (i = 0; i < n; i++) {
		snprintf(stream, sizeof(stream), "ahead-%zu", i);
		pause_ms(b, 20);
		run_task(b, TASK_PROBE, stream);
		work_stream_end(b->pool, stream);
		ms[i] = took(b);
	}
	report("probe, worker forked ahead", ms, n);
}

static void bench_on_demand(struct bench *b, double *ms, size_t n)
{
	char stream[32];
	size_t i;

	for (i = 0; i < n; i++) {
		snprintf(stream, sizeof(stream), "demand-%zu", i);
		run_task(b, TASK_PROBE, stream);
		ms[i] = took(b);
	}
	report("probe, worker forked on demand", ms, n);
}

static void bench_ladder(struct bench *b, double *ms, size_t n)
{
	double over[100];
	size_t i;

	for (i = 0; i < n; i++) {
		run_task(b, TASK_TRANSCODE, "ladder");
		ms[i] = took(b);
		over[i] = ms[i] - b->st.wall_ms;
	}
	report("ladder, warm worker", ms, n);
	report("ladder, beyond its own wall time", over, n);
}

/* Memory of every process below pid. */
static void print_memory(int pid, int depth)
{
	char path[64], line[256];
	int kid;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (depth && (strncmp(line, "Name:", 5) == 0 || strncmp(line, "VmRSS", 5) == 0 ||
			      strncmp(line, "VmHWM", 5) == 0 || strncmp(line, "VmPeak", 6) == 0))
			printf("%.*s  ", (int)strcspn(line, "\n"), line);
	if (f)
		fclose(f);
	if (depth)
		printf("\n");
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	f = depth < 4 ? fopen(path, "r") : NULL;
	while (f && fscanf(f, "%d", &kid) == 1)
		print_memory(kid, depth + 1);
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	struct bench b = { .over = false };
	uint64_t begin;
	double ms[100];
	size_t n;

	if (argc > 1 && strcmp(argv[1], WORK_ZYGOTE_ARG) == 0)
		return work_zygote_main(argc, argv);
	if (argc < 2)
		die("usage", "bench_worker SEGMENT.ts [runs]");
	n = argc > 2 ? (size_t)atoi(argv[2]) : 30;
	if (n < 1 || n > 100)
		die("runs", "1 to 100");
	uv_loop_init(&b.loop);
	b.input = load(argv[1]);
	printf("input: %zu bytes\n", b.input->len);
	bench_local(&b, ms, n);
	begin = uv_hrtime();
	open_pool(&b, 2);
	run_task(&b, TASK_PROBE, "one");
	printf("%-34s %.0f ms\n", "pool opened, first answer after", (double)(b.end - begin) / 1e6);
	bench_probes(&b, ms, n);
	bench_ladder(&b, ms, n < 6 ? n : 6);
	print_memory(getpid(), 0);
	close_pool(&b);
	open_pool(&b, 1);
	run_task(&b, TASK_PROBE, "one");
	bench_on_demand(&b, ms, n);
	close_pool(&b);
	blob_unref(b.input);
	uv_run(&b.loop, UV_RUN_DEFAULT);
	return uv_loop_close(&b.loop);
}
