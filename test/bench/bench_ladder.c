/*
 * The ladder against one ffmpeg process at equal settings: the same source, sizes,
 * bitrates, preset, scaler and GOP; ffmpeg decodes once and uses the threads it
 * wants.  Ours works as in a node: warm processes take segment after segment.
 * Runs are paired and interleaved, the order turns, so that drift of a shared
 * machine falls on both.  Usage: bench_ladder [-n PAIRS] [-w WORKERS] [-p PRESET]
 * SOURCE.ts
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "media/av/ladder.h"

#define PAIRS_MAX 100
#define SEGMENTS_MAX 256
#define WORKERS_MAX 64

extern char **environ;

static const struct ladder_rung rungs[] = {
	{ .width = 1280, .height = 720, .bitrate = 4000000, .quality = -1 },
	{ .width = 854, .height = 480, .bitrate = 2000000, .quality = -1 },
	{ .width = 640, .height = 360, .bitrate = 1200000, .quality = -1 },
	{ .width = 426, .height = 240, .bitrate = 600000, .quality = -1 },
};

static const char *preset = "superfast", *source;
static char dir[] = "/tmp/bench-ladder-XXXXXX";

struct segment {
	uint8_t *data;
	size_t len;
};
static struct segment segments[SEGMENTS_MAX];
static size_t n_segments;

struct cost {
	double wall_s, cpu_s;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench_ladder: %s\n", what);
	exit(2);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* Wait for a child; its CPU time. */
static double reap(pid_t pid)
{
	struct rusage ru;
	int status;

	if (wait4(pid, &status, 0, &ru) != pid || status != 0)
		die("a child failed");
	return seconds(ru.ru_utime) + seconds(ru.ru_stime);
}

static pid_t spawn(char *const argv[])
{
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0)
		die("no ffmpeg");
	return pid;
}

#define ARG(s) ((char *)(uintptr_t)(s))

/* ---- ffmpeg ---- */

static struct cost run_ffmpeg(void)
{
	static const char filter[] =
		"[0:v]split=4[a][b][c][d];[a]scale=1280:720:flags=bicubic[v0];"
		"[b]scale=854:480:flags=bicubic[v1];[c]scale=640:360:flags=bicubic[v2];"
		"[d]scale=426:240:flags=bicubic[v3]";
	char map[4][8], rate[4][16], out[4][64], *argv[140];
	int64_t start = clock_mono_us();
	struct cost c;
	int n = 0, i;
	const char *const head[] = { "ffmpeg", "-loglevel", "error", "-nostdin", "-y", "-i" };
	const char *const each[] = {
		"-map", "0:a?", "-c:a", "copy", "-c:v", "libx264", "-profile:v", "high",
		"-force_key_frames", "expr:gte(t,n_forced*2)", "-g", "100000", "-f", "mpegts",
	};

	for (i = 0; i < 6; i++)
		argv[n++] = ARG(head[i]);
	argv[n++] = ARG(source);
	argv[n++] = ARG("-filter_complex");
	argv[n++] = ARG(filter);
	for (i = 0; i < 4; i++) {
		size_t k;

		snprintf(map[i], sizeof(map[i]), "[v%d]", i);
		snprintf(rate[i], sizeof(rate[i]), "%u", rungs[i].bitrate);
		snprintf(out[i], sizeof(out[i]), "%s/out%d.ts", dir, i);
		argv[n++] = ARG("-map");
		argv[n++] = map[i];
		for (k = 0; k < sizeof(each) / sizeof(each[0]); k++)
			argv[n++] = ARG(each[k]);
		argv[n++] = ARG("-preset");
		argv[n++] = ARG(preset);
		argv[n++] = ARG("-b:v");
		argv[n++] = rate[i];
		argv[n++] = ARG("-maxrate");
		argv[n++] = rate[i];
		argv[n++] = ARG("-bufsize");
		argv[n++] = rate[i];
		argv[n++] = out[i];
	}
	argv[n] = NULL;
	c.cpu_s = reap(spawn(argv));
	c.wall_s = (double)(clock_mono_us() - start) / 1e6;
	return c;
}

/* ---- ours ---- */

static void drop(void *arg, struct ladder_out *out)
{
	free(out->data);
}

static struct ladder_spec make_spec(unsigned n_threads)
{
	return (struct ladder_spec){
		.rungs = rungs, .n_rungs = 4, .preset = preset, .max_pixels = 4096 * 2304,
		.n_threads = n_threads, .cpu_limit_s = 600,
	};
}

static unsigned transcode(const struct segment *s, unsigned n_threads)
{
	struct ladder_spec spec = make_spec(n_threads);
	struct ladder_stats st;
	struct err err;

	if (ladder_run(&spec, s->data, s->len, drop, NULL, &st, &err) < 0)
		die(err.msg);
	return st.wall_ms;
}

static struct cost run_ladder(unsigned n_workers)
{
	atomic_size_t *next = mmap(NULL, sizeof(*next), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int64_t start = clock_mono_us();
	struct cost c = { 0 };
	pid_t pid[WORKERS_MAX];
	unsigned i;
	size_t k;

	if (next == MAP_FAILED)
		die("no shared memory");
	atomic_store(next, 0);
	for (i = 0; i < n_workers; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			die("no child");
		if (pid[i] > 0)
			continue;
		while ((k = atomic_fetch_add(next, 1)) < n_segments)
			transcode(&segments[k], 0);
		_exit(0);
	}
	for (i = 0; i < n_workers; i++)
		c.cpu_s += reap(pid[i]);
	c.wall_s = (double)(clock_mono_us() - start) / 1e6;
	munmap(next, sizeof(*next));
	return c;
}

/* ---- segments ---- */

static void read_segment(const char *path)
{
	struct segment *s = &segments[n_segments];
	FILE *f = fopen(path, "rb");
	long n;

	if (!f || fseek(f, 0, SEEK_END) < 0 || (n = ftell(f)) <= 0)
		die("cannot read a segment");
	rewind(f);
	s->data = malloc((size_t)n);
	s->len = s->data ? fread(s->data, 1, (size_t)n, f) : 0;
	if (s->len != (size_t)n)
		die("cannot read a segment");
	n_segments++;
	fclose(f);
}

static void cut_segments(void)
{
	char pattern[64], path[64];
	char *argv[] = {
		ARG("ffmpeg"), ARG("-loglevel"), ARG("error"), ARG("-nostdin"), ARG("-y"), ARG("-i"),
		ARG(source), ARG("-c"), ARG("copy"), ARG("-f"), ARG("segment"), ARG("-segment_time"),
		ARG("2"), ARG("-segment_format"), ARG("mpegts"), pattern, NULL,
	};

	snprintf(pattern, sizeof(pattern), "%s/seg%%03d.ts", dir);
	reap(spawn(argv));
	for (;;) {
		snprintf(path, sizeof(path), "%s/seg%03zu.ts", dir, n_segments);
		if (access(path, R_OK) < 0 || n_segments == SEGMENTS_MAX)
			break;
		read_segment(path);
	}
	if (n_segments == 0)
		die("the source gave no segment");
}

static void remove_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(dir);
}

/* ---- numbers ---- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), compare);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void bench_throughput(int n_pairs, unsigned n_workers)
{
	double wall[PAIRS_MAX], cpu[PAIRS_MAX], mw, mc;
	struct cost f, o;
	int i;

	for (i = 0; i < n_pairs; i++) {
		if (i % 2 == 0)
			f = run_ffmpeg();
		o = run_ladder(n_workers);
		if (i % 2 == 1)
			f = run_ffmpeg();
		wall[i] = f.wall_s / o.wall_s;
		cpu[i] = o.cpu_s / f.cpu_s;
		printf("pair %d: ffmpeg wall %.2f s cpu %.2f s, ladder wall %.2f s cpu %.2f s, "
		       "wall ratio %.2f, cpu ratio %.2f\n", i + 1, f.wall_s, f.cpu_s, o.wall_s,
		       o.cpu_s, wall[i], cpu[i]);
	}
	mw = median(wall, n_pairs);
	mc = median(cpu, n_pairs);
	printf("throughput against one ffmpeg process: %.2f times (%.2f to %.2f), CPU %.2f of it "
	       "(%.2f to %.2f)\n", mw, wall[0], wall[n_pairs - 1], mc, cpu[0], cpu[n_pairs - 1]);
	printf("BENCH ladder_wall_ratio=%.3f ladder_wall_ratio_min=%.3f ladder_wall_ratio_max=%.3f "
	       "ladder_cpu_ratio=%.3f ladder_cpu_ratio_min=%.3f ladder_cpu_ratio_max=%.3f "
	       "pairs=%d workers=%u preset=%s segments=%zu\n", mw, wall[0], wall[n_pairs - 1], mc,
	       cpu[0], cpu[n_pairs - 1], n_pairs, n_workers, preset, n_segments);
}

/* One segment alone: a thread a rendition against all in one thread. */
static void bench_latency(int n_pairs)
{
	double ratio[PAIRS_MAX], threads[PAIRS_MAX], m;
	int i;

	for (i = 0; i < n_pairs; i++) {
		const struct segment *s = &segments[(size_t)i % n_segments];

		threads[i] = transcode(s, 0);
		ratio[i] = threads[i] / transcode(s, 1);
	}
	m = median(ratio, n_pairs);
	printf("one segment, a thread a rendition: %.2f of the serial time (%.2f to %.2f), "
	       "%.0f ms\n", m, ratio[0], ratio[n_pairs - 1], median(threads, n_pairs));
	printf("BENCH ladder_latency_ratio=%.3f ladder_latency_ratio_min=%.3f "
	       "ladder_latency_ratio_max=%.3f ladder_latency_ms=%.0f\n", m, ratio[0],
	       ratio[n_pairs - 1], median(threads, n_pairs));
}

int main(int argc, char **argv)
{
	int n_pairs = 5, c;
	long n_workers = sysconf(_SC_NPROCESSORS_ONLN);
	struct err err;

	while ((c = getopt(argc, argv, "n:w:p:")) != -1) {
		if (c == 'n')
			n_pairs = atoi(optarg);
		else if (c == 'w')
			n_workers = atoi(optarg);
		else if (c == 'p')
			preset = optarg;
		else
			die("usage: bench_ladder [-n PAIRS] [-w WORKERS] [-p PRESET] SOURCE.ts");
	}
	if (optind >= argc || n_pairs < 1 || n_pairs > PAIRS_MAX || n_workers < 1)
		die("usage: bench_ladder [-n PAIRS] [-w WORKERS] [-p PRESET] SOURCE.ts");
	if (n_workers > WORKERS_MAX)
		n_workers = WORKERS_MAX;
	source = argv[optind];
	if (!mkdtemp(dir))
		die("no temporary folder");
	atexit(remove_dir);
	cut_segments();
	if (ladder_warm_up(&err) < 0)
		die(err.msg);
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench_throughput(n_pairs, (unsigned)n_workers);
	bench_latency(n_pairs);
	return 0;
}
