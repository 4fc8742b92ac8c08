/*
 * The ladder against ffmpeg at equal settings: the same source, sizes, bitrates,
 * preset, scaler and GOP; ffmpeg uses the threads it wants.  Twice: one process for
 * the whole ladder, which decodes once, and a process a rendition, all at once.
 * Ours works as in a node: warm processes take segment after segment.
 * Runs come in rounds of all three and the order turns, so that drift of a shared
 * machine falls on each; ratios are of one round.  CPU is what getrusage says of the
 * processes.  Usage: bench_ladder [-n ROUNDS] [-w WORKERS] [-p PRESET] SOURCE.ts
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
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

#define N_RUNGS (sizeof(rungs) / sizeof(rungs[0]))

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

/* A command line as it grows; the words that are made here live in text. */
struct command {
	char *argv[160], text[16][64];
	int n, n_text;
};

static void add(struct command *c, const char *word)
{
	if (c->n == (int)(sizeof(c->argv) / sizeof(c->argv[0])) - 1)
		die("a long command");
	c->argv[c->n++] = ARG(word);
	c->argv[c->n] = NULL;
}

static __attribute__((format(printf, 2, 3))) void addf(struct command *c, const char *fmt, ...)
{
	char *to = c->text[c->n_text++];
	va_list ap;

	if (c->n_text > 16)
		die("a long command");
	va_start(ap, fmt);
	vsnprintf(to, sizeof(c->text[0]), fmt, ap);
	va_end(ap);
	add(c, to);
}

static void add_words(struct command *c, const char *const *words, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		add(c, words[i]);
}

#define ADD(c, ...) \
	add_words(c, (const char *const[]){ __VA_ARGS__ }, \
		  sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void add_input(struct command *c)
{
	ADD(c, "ffmpeg", "-loglevel", "error", "-nostdin", "-y", "-i", source);
}

/* How rung i is encoded, at the settings of ours, and where it goes. */
static void add_output(struct command *c, size_t i)
{
	ADD(c, "-map", "0:a?", "-c:a", "copy", "-c:v", "libx264", "-profile:v", "high",
	    "-force_key_frames", "expr:gte(t,n_forced*2)", "-g", "100000", "-preset", preset);
	add(c, "-b:v");
	addf(c, "%u", rungs[i].bitrate);
	ADD(c, "-maxrate", c->argv[c->n - 1], "-bufsize", c->argv[c->n - 1], "-f", "mpegts");
	addf(c, "%s/out%zu.ts", dir, i);
}

/* One process for the whole ladder: it decodes once. */
static struct cost run_ffmpeg(void)
{
	static const char filter[] =
		"[0:v]split=4[a][b][c][d];[a]scale=1280:720:flags=bicubic[v0];"
		"[b]scale=854:480:flags=bicubic[v1];[c]scale=640:360:flags=bicubic[v2];"
		"[d]scale=426:240:flags=bicubic[v3]";
	int64_t start = clock_mono_us();
	struct command cmd = { .n = 0 };
	struct cost c;
	size_t i;

	add_input(&cmd);
	ADD(&cmd, "-filter_complex", filter);
	for (i = 0; i < N_RUNGS; i++) {
		add(&cmd, "-map");
		addf(&cmd, "[v%zu]", i);
		add_output(&cmd, i);
	}
	c.cpu_s = reap(spawn(cmd.argv));
	c.wall_s = (double)(clock_mono_us() - start) / 1e6;
	return c;
}

/* A process for each rendition, all at once, as scripts do it: each decodes for itself. */
static struct cost run_separate(void)
{
	int64_t start = clock_mono_us();
	struct cost c = { 0 };
	pid_t pid[N_RUNGS];
	size_t i;

	for (i = 0; i < N_RUNGS; i++) {
		struct command cmd = { .n = 0 };

		add_input(&cmd);
		ADD(&cmd, "-map", "0:v", "-vf");
		addf(&cmd, "scale=%d:%d:flags=bicubic", rungs[i].width, rungs[i].height);
		add_output(&cmd, i);
		pid[i] = spawn(cmd.argv);
	}
	for (i = 0; i < N_RUNGS; i++)
		c.cpu_s += reap(pid[i]);
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

/* Ratios of one rival's runs to ours, sorted when told. */
struct rival {
	const char *name, *key;
	struct cost (*run)(void);
	double wall[PAIRS_MAX], cpu[PAIRS_MAX];
	struct cost last;
};

static void tell_rival(struct rival *v, int n)
{
	double mw = median(v->wall, n), mc = median(v->cpu, n);

	printf("throughput against %s: n=%d median %.2f times (%.2f to %.2f), worst %.2f; "
	       "CPU %.2f of it (%.2f to %.2f), worst %.2f\n", v->name, n, mw, v->wall[0],
	       v->wall[n - 1], v->wall[0], mc, v->cpu[0], v->cpu[n - 1], v->cpu[n - 1]);
	printf("BENCH %s_wall_ratio=%.3f %s_wall_ratio_min=%.3f %s_wall_ratio_max=%.3f "
	       "%s_cpu_ratio=%.3f %s_cpu_ratio_min=%.3f %s_cpu_ratio_max=%.3f\n", v->key, mw,
	       v->key, v->wall[0], v->key, v->wall[n - 1], v->key, mc, v->key, v->cpu[0], v->key,
	       v->cpu[n - 1]);
}

static void bench_throughput(int n_rounds, unsigned n_workers)
{
	static struct rival rivals[] = {
		{ .name = "one ffmpeg process", .key = "ladder", .run = run_ffmpeg },
		{ .name = "an ffmpeg process a rendition", .key = "separate", .run = run_separate },
	};
	struct cost o = { 0 };
	int i, k, turn;

	for (i = 0; i < n_rounds; i++) {
		for (k = 0; k < 3; k++) {
			turn = (i + k) % 3;
			if (turn == 2)
				o = run_ladder(n_workers);
			else
				rivals[turn].last = rivals[turn].run();
		}
		printf("round %d: ladder wall %.2f s cpu %.2f s", i + 1, o.wall_s, o.cpu_s);
		for (k = 0; k < 2; k++) {
			struct rival *v = &rivals[k];

			v->wall[i] = v->last.wall_s / o.wall_s;
			v->cpu[i] = o.cpu_s / v->last.cpu_s;
			printf(", %s wall %.2f s cpu %.2f s", v->name, v->last.wall_s, v->last.cpu_s);
		}
		printf("\n");
	}
	for (k = 0; k < 2; k++)
		tell_rival(&rivals[k], n_rounds);
	printf("BENCH rounds=%d workers=%u preset=%s segments=%zu\n", n_rounds, n_workers, preset,
	       n_segments);
}

/* One segment alone: as many threads as cores against all in one. */
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
	printf("one segment, a thread a core: n=%d median %.2f of the serial time (%.2f to "
	       "%.2f), %.0f ms\n", n_pairs, m, ratio[0], ratio[n_pairs - 1],
	       median(threads, n_pairs));
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
			die("usage: bench_ladder [-n ROUNDS] [-w WORKERS] [-p PRESET] SOURCE.ts");
	}
	if (optind >= argc || n_pairs < 1 || n_pairs > PAIRS_MAX || n_workers < 1)
		die("usage: bench_ladder [-n ROUNDS] [-w WORKERS] [-p PRESET] SOURCE.ts");
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
