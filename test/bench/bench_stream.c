/*
 * How long after its last byte a segment is transcoded: once while it arrives in real
 * time, each frame's bytes at the frame's time, and once whole, which begins when the
 * last byte is there.  Both in turns, the four default rungs, one warm process.
 * Usage: bench_stream [-n TIMES] [-p PRESET] [-g GOP_MS] SEGMENT.ts
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/err.h"
#include "media/av/ladder.h"

#define PACKET 188
#define CHUNKS_MAX 4096
#define TIMES_MAX 1000

static struct ladder_rung rungs[] = {
	{ .width = 1280, .height = 720, .bitrate = 4000000, .quality = -1 },
	{ .width = 854, .height = 480, .bitrate = 2000000, .quality = -1 },
	{ .width = 640, .height = 360, .bitrate = 1200000, .quality = -1 },
	{ .width = 426, .height = 240, .bitrate = 600000, .quality = -1 },
};

static struct ladder_spec spec = {
	.rungs = rungs, .n_rungs = 4, .preset = "superfast", .max_pixels = 4096 * 2304,
	.cpu_limit_s = 600,
};

static uint8_t *data;
static size_t len;

/* What belongs to one frame: bytes up to end, there at_us after the first. */
static struct {
	size_t end;
	int64_t at_us;
} chunk[CHUNKS_MAX];
static size_t n_chunks;

static int64_t first_piece_us;	/* when a rendition's first bytes came; 0: not yet */

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench_stream: %s\n", what);
	exit(2);
}

static void read_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	long n;

	if (!f || fseek(f, 0, SEEK_END) < 0 || (n = ftell(f)) <= 0)
		die("cannot read the segment");
	rewind(f);
	data = malloc((size_t)n);
	len = data ? fread(data, 1, (size_t)n, f) : 0;
	fclose(f);
	if (len != (size_t)n || len % PACKET != 0)
		die("cannot read the segment");
}

/* The decoding time of the video frame that begins in packet p, -1: none does. */
static int64_t frame_time(const uint8_t *p)
{
	size_t at = 4 + (p[3] & 0x20 ? 1u + p[4] : 0);
	const uint8_t *t;

	if (!(p[1] & 0x40) || at + 19 > PACKET || p[at] || p[at + 1] || p[at + 2] != 1 ||
	    (p[at + 3] & 0xf0) != 0xe0 || !(p[at + 7] & 0x80))
		return -1;
	t = p + at + ((p[at + 7] & 0x40) ? 14 : 9);
	return (int64_t)(t[0] >> 1 & 7) << 30 | (int64_t)t[1] << 22 | (int64_t)(t[2] >> 1) << 15 |
	       (int64_t)t[3] << 7 | t[4] >> 1;
}

static void find_frames(void)
{
	int64_t first = -1, t;
	size_t at;

	for (at = 0; at < len; at += PACKET) {
		t = frame_time(data + at);
		if (t < 0)
			continue;
		if (first < 0)
			first = t;
		if (n_chunks > 0)
			chunk[n_chunks - 1].end = at;
		if (n_chunks == CHUNKS_MAX)
			die("too many frames");
		chunk[n_chunks++].at_us = (t - first) * 1000 / 90;
	}
	if (n_chunks == 0)
		die("no video frame");
	chunk[n_chunks - 1].end = len;
}

static void drop(void *arg, struct ladder_out *out)
{
	if (first_piece_us == 0)
		first_piece_us = clock_mono_us();
	free(out->data);
}

static void sleep_until(int64_t us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
		;
}

static double since_ms(int64_t us)
{
	return (double)(clock_mono_us() - us) / 1000;
}

/* Returns the time from the last byte to the end; *first_ms: from the first byte to
 * the first piece. */
static double run_streamed(double *first_ms)
{
	struct err err = { 0 };
	struct ladder *l = ladder_open(&spec, drop, NULL, &err);
	int64_t start = clock_mono_us(), last = start;
	size_t i, at = 0;
	double ms;

	first_piece_us = 0;
	if (!l)
		die(err.msg);
	for (i = 0; i < n_chunks; i++) {
		sleep_until(start + chunk[i].at_us);
		last = start + chunk[i].at_us;
		if (ladder_feed(l, data + at, chunk[i].end - at, &err) < 0)
			die(err.msg);
		at = chunk[i].end;
	}
	if (ladder_end(l, NULL, &err) < 0)
		die(err.msg);
	ms = since_ms(last);
	*first_ms = (double)(first_piece_us - start) / 1000;
	ladder_free(l);
	return ms;
}

static double run_whole(void)
{
	int64_t start = clock_mono_us();
	struct err err = { 0 };

	if (ladder_run(&spec, data, len, drop, NULL, NULL, &err) < 0)
		die(err.msg);
	return since_ms(start);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const char *what, const char *name, double *ms, int n)
{
	qsort(ms, (size_t)n, sizeof(*ms), by_value);
	printf("%-44s p50 %7.1f ms   p99 %7.1f   %.1f to %.1f   n %d\n", what, ms[n / 2],
	       ms[(n * 99 - 1) / 100], ms[0], ms[n - 1], n);
	printf("BENCH %s_p50_ms=%.1f %s_p99_ms=%.1f %s_min_ms=%.1f %s_max_ms=%.1f n=%d\n", name,
	       ms[n / 2], name, ms[(n * 99 - 1) / 100], name, ms[0], name, ms[n - 1], n);
}

int main(int argc, char **argv)
{
	static double tail[TIMES_MAX], first[TIMES_MAX], whole[TIMES_MAX];
	int n = 10, c, i;
	struct err err;

	while ((c = getopt(argc, argv, "n:p:g:")) != -1) {
		if (c == 'n')
			n = atoi(optarg);
		else if (c == 'p')
			spec.preset = optarg;
		else if (c == 'g')
			for (i = 0; i < 4; i++)
				rungs[i].gop_ms = atoi(optarg);
		else
			die("usage: bench_stream [-n TIMES] [-p PRESET] [-g GOP_MS] SEGMENT.ts");
	}
	if (optind >= argc || n < 1 || n > TIMES_MAX)
		die("usage: bench_stream [-n TIMES] [-p PRESET] [-g GOP_MS] SEGMENT.ts");
	read_file(argv[optind]);
	find_frames();
	if (ladder_warm_up(&err) < 0)
		die(err.msg);
	for (i = 0; i < n; i++) {
		tail[i] = run_streamed(&first[i]);
		whole[i] = run_whole();
	}
	report("streamed: last byte in to all out", "stream_tail", tail, n);
	report("streamed: first byte in to first piece out", "stream_first", first, n);
	report("whole: last byte in to all out", "stream_whole", whole, n);
	return 0;
}
