/*
 * Parses and prints; node/bench does the work.  Standard output is the CSV alone, so
 * that it can be piped; header, progress and tables go to standard error.
 *
 * Source: facts/go-livepeer.md 6b.
 */
#include "cmd/bench.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/opt.h"
#include "cmd/bench_table.h"
#include "media/av/gpu.h"
#include "node/bench/run.h"
#include "node/bench/source.h"
#include "node/farm/transcoder.h"
#include "protocol/peer_msg.h"
#include "protocol/profile.h"

#define MAX_PIXELS (4096 * 2304)
#define TRIAL_SEGS 5	/* segments a session does in a run of the search */
#define PIPE_PROGRESS_MS 5000
#define TERMINAL_PROGRESS_MS 500

struct bench_config {
	char *in, *sessions, *transcoding_options, *preset;
	char *nvidia, *vaapi, *qsv, *out_prefix, *verbosity;
	uint64_t delay_ms, repeat, segs, workers;
	bool live, help;
};

#define AT(f) offsetof(struct bench_config, f)
static const struct opt table[] = {
	{ "in", OPT_STRING, AT(in), NULL, 0, 0, "Source", "FILE",
	  "media playlist (.m3u8) with local segments, or a .ts, .mp4 or .mov file, which is cut into "
	  "segments of about 2 s" },
	{ "segs", OPT_UINT, AT(segs), "0", 0, 1000000, "Source", "N", "segments to take of it; 0: all" },
	{ "repeat", OPT_UINT, AT(repeat), "1", 1, 1000000, "Source", "N",
	  "times that each session goes through them" },
	{ "live", OPT_BOOL, AT(live), "true", 0, 0, "Sessions", NULL,
	  "hand a segment in no sooner than it would be there in a live stream" },
	{ "concurrentSessions", OPT_STRING, AT(sessions), "1", 0, 0, "Sessions", "N|auto",
	  "sessions at once; auto (or 0): search the largest number with a real-time duration ratio "
	  "of at most 0.8, by short runs" },
	{ "concurrentSessionDelay", OPT_DURATION, AT(delay_ms), "300ms", 0, 600000, "Sessions", "TIME",
	  "from one session's start to the next one's; the search spreads its sessions over one "
	  "segment at most" },
	{ "transcodingOptions", OPT_STRING, AT(transcoding_options),
	  "P240p30fps16x9,P360p30fps16x9,P720p30fps16x9", 0, 0, "Transcoding", "PRESETS|FILE",
	  "renditions: presets or a JSON file; those larger than the source are left out" },
	{ "preset", OPT_STRING, AT(preset), "superfast", 0, 0, "Transcoding", "NAME",
	  "x264 preset, ultrafast to medium" },
	{ "workers", OPT_UINT, AT(workers), "0", 0, 256, "Transcoding", "N",
	  "worker processes at once (on each device); 0: as a transcoder, two a core, at least 4" },
	{ "nvidia", OPT_STRING, AT(nvidia), NULL, 0, 0, "Transcoding", "LIST",
	  "devices such as 0,1, or all: session k works on device k mod n" },
	{ "vaapi", OPT_STRING, AT(vaapi), NULL, 0, 0, "Transcoding", "LIST",
	  "devices such as /dev/dri/renderD128, or all" },
	{ "qsv", OPT_STRING, AT(qsv), NULL, 0, 0, "Transcoding", "LIST",
	  "devices such as /dev/dri/renderD128, or all" },
	{ "outPrefix", OPT_STRING, AT(out_prefix), NULL, 0, 0, "Output", "PREFIX",
	  "keep the renditions as PREFIX_PROFILE_SESSION_SEGMENT.ts" },
	{ "v", OPT_STRING, AT(verbosity), "warn", 0, 0, "Output", "LEVEL",
	  "lowest log level shown: error, warn, info, debug" },
	{ "help", OPT_BOOL, AT(help), "false", 0, 0, "Output", NULL, "print this and end" },
};
#define N_OPTS (sizeof(table) / sizeof(table[0]))

/* A run of the program. */
struct bench {
	struct bench_config c;
	bool search;			/* for the number of sessions */
	unsigned n_sessions;
	struct profile_list profiles;
	char devices[DEVICES_MAX][GPU_NAME_MAX];	/* "nvidia:0" */
	const char *device_names[DEVICES_MAX];
	size_t n_devices;
	struct bench_source source;
	bool terminal;			/* stderr is one */
	bool line_open;			/* the progress line stands there */
	uint64_t n_failed;		/* in all runs */
};

/* ---- the command line ---- */

static int set_verbosity(const char *v, struct err *err)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	int i;

	for (i = 0; i < 4; i++) {
		if (strcmp(v ? v : "", names[i]) == 0) {
			log_setup((enum log_level)i, false);
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "-v=%.40s: give error, warn, info or debug", v ? v : "");
}

static int parse_sessions(struct bench *b, struct err *err)
{
	const char *s = b->c.sessions ? b->c.sessions : "";
	size_t len = strlen(s);

	if (strcmp(s, "auto") == 0 || strcmp(s, "0") == 0) {
		b->search = true;
		return 0;
	}
	b->n_sessions = len <= 5 && strspn(s, "0123456789") == len ? (unsigned)atoi(s) : 0;
	if (b->n_sessions >= 1 && b->n_sessions <= BENCH_SESSIONS_MAX)
		return 0;
	return err_set(err, ERR_INVALID, "-concurrentSessions=%.40s: give auto or 1 to %d", s,
		       BENCH_SESSIONS_MAX);
}

/* "0,1" of -nvidia: "nvidia:0" and "nvidia:1". */
static int add_devices(struct bench *b, enum gpu_kind kind, const char *flag, const char *list,
		       struct err *err)
{
	int n;

	if (!list)
		return 0;
	n = gpu_list(kind, list, NULL, b->devices + b->n_devices, DEVICES_MAX - b->n_devices, err);
	if (n < 0)
		return err_wrap(err, "%s=%.60s", flag, list);
	for (; n > 0; n--, b->n_devices++)
		b->device_names[b->n_devices] = b->devices[b->n_devices];
	return 0;
}

static int check(struct bench *b, struct err *err)
{
	struct bench_config *c = &b->c;

	if (set_verbosity(c->verbosity, err) < 0)
		return -1;
	if (!c->in)
		return err_set(err, ERR_INVALID, "-in is missing: give a media playlist (.m3u8), a .ts, "
			       ".mp4 or .mov file");
	if (!c->preset || !preset_is_known(c->preset))
		return err_set(err, ERR_INVALID, "-preset=%.40s: give ultrafast, superfast, veryfast, "
			       "faster, fast or medium", c->preset ? c->preset : "");
	if (!c->transcoding_options)
		return err_set(err, ERR_INVALID, "-transcodingOptions is empty: give presets or a file");
	if (profiles_parse_option(&b->profiles, c->transcoding_options, err) < 0)
		return err_wrap(err, "-transcodingOptions");
	if (parse_sessions(b, err) < 0 ||
	    add_devices(b, GPU_NVIDIA, "-nvidia", c->nvidia, err) < 0 ||
	    add_devices(b, GPU_VAAPI, "-vaapi", c->vaapi, err) < 0 ||
	    add_devices(b, GPU_QSV, "-qsv", c->qsv, err) < 0)
		return -1;
	return 0;
}

/* ---- tables ---- */

static void print_header(const struct bench *b)
{
	struct bench_row rows[] = {
		{ "Source File", "" }, { "Source", "" }, { "Transcoding Options", "" },
		{ "Concurrent Sessions", "" }, { "Live Mode", "" }, { "Devices", "" },
		{ "Preset", "" }, { "Repeat Times", "" },
	};
	size_t i;

	BENCH_SET(rows[0], "%.200s", b->c.in);
	BENCH_SET(rows[1], "%dx%d, %zu segments, %zu KiB", b->source.width, b->source.height, b->source.n,
		  b->source.bytes >> 10);
	for (i = 0; i < b->profiles.n; i++)
		bench_row_add(&rows[2], b->profiles.p[i].name);
	BENCH_SET(rows[3], b->search ? "auto" : "%u", b->n_sessions);
	BENCH_SET(rows[4], "%s", b->c.live ? "true" : "false");
	for (i = 0; i < b->n_devices; i++)
		bench_row_add(&rows[5], b->devices[i]);
	if (b->n_devices == 0)
		BENCH_SET(rows[5], "CPU");
	BENCH_SET(rows[6], "%s", b->c.preset);
	BENCH_SET(rows[7], "%llu", (unsigned long long)b->c.repeat);
	bench_table_print(rows, sizeof(rows) / sizeof(rows[0]));
}

static void print_figures(const struct bench_figures *f)
{
	struct bench_row rows[] = {
		{ "Concurrent Sessions", "" }, { "Total Segs Transcoded", "" },
		{ "Failed Segs", "" }, { "Real-Time Segs Transcoded", "" },
		{ "* Real-Time Segs Ratio *", "" }, { "Total Source Duration", "" },
		{ "Total Transcoding Duration", "" }, { "* Real-Time Duration Ratio *", "" },
	};

	BENCH_SET(rows[0], "%u", f->n_sessions);
	BENCH_SET(rows[1], "%llu", (unsigned long long)f->n_done);
	BENCH_SET(rows[2], "%llu", (unsigned long long)f->n_failed);
	BENCH_SET(rows[3], "%llu", (unsigned long long)f->n_realtime);
	BENCH_SET(rows[4], "%.4f", bench_segs_ratio(f));
	BENCH_SET(rows[5], "%.3fs", f->source_s);
	BENCH_SET(rows[6], "%.3fs", f->transcode_s);
	BENCH_SET(rows[7], "%.4f", bench_duration_ratio(f));
	bench_table_print(rows, sizeof(rows) / sizeof(rows[0]));
}

/* ---- while it runs ---- */

static void clear_line(struct bench *b)
{
	if (b->line_open)
		fputs("\r\033[K", stderr);
	b->line_open = false;
}

static void on_segment(void *arg, const struct bench_done *d)
{
	char now[25];

	clear_line(arg);
	clock_fmt_utc(now, clock_wall_ms());
	printf("%s,%u,%llu,%.4f,%.4f,%u\n", now, d->session, (unsigned long long)d->segment,
	       d->source_s, d->transcode_s, d->n_frames);
}

static void on_failed(void *arg, unsigned session, uint64_t segment, const struct err *why)
{
	struct bench *b = arg;

	clear_line(b);
	b->n_failed++;
	fprintf(stderr, "segment failed: session=%u segment=%llu why=%s\n", session,
		(unsigned long long)segment, why->msg);
}

static void on_progress(void *arg, const struct bench_progress *p)
{
	const struct bench_figures *f = p->figures;
	struct bench *b = arg;

	clear_line(b);
	fprintf(stderr, "%u sessions: %llu of %llu segments, ratio %.3f, %llu failed, %u at work, "
		"%u waiting%s", f->n_sessions, (unsigned long long)(f->n_done + f->n_failed),
		(unsigned long long)p->n_total, bench_duration_ratio(f),
		(unsigned long long)f->n_failed, p->n_running, p->n_queued, b->terminal ? "" : "\n");
	b->line_open = b->terminal;
	fflush(stderr);
}

static int run(struct bench *b, struct bench_figures *f, const struct bench_run_opts *o,
	       struct err *err)
{
	static const struct bench_run_cb cb = { on_segment, on_failed, on_progress };
	int rc = bench_run(f, o, &cb, b, err);

	clear_line(b);
	return rc;
}

static struct work_opts work_opts_of(const struct bench *b)
{
	return (struct work_opts){
		.n_workers = transcoder_slots((unsigned)b->c.workers), .max_queue = 1, .max_pixels = MAX_PIXELS,
		.idle_ms = 5000,
#ifndef LP_SANITIZED
		.confine = true,
#endif
	};
}

static struct bench_run_opts run_opts_of(const struct bench *b, unsigned n_sessions)
{
	return (struct bench_run_opts){
		.source = &b->source, .n_segs = b->source.n, .n_sessions = n_sessions,
		.delay_ms = b->c.delay_ms, .repeat = (unsigned)b->c.repeat, .live = b->c.live,
		.profiles = &b->profiles, .preset = b->c.preset, .work = work_opts_of(b),
		.devices = b->device_names, .n_devices = b->n_devices,
		.out_prefix = b->c.out_prefix,
		.progress_ms = b->terminal ? TERMINAL_PROGRESS_MS : PIPE_PROGRESS_MS,
	};
}

/* An average hides what viewers see. */
static void note_late(const struct bench_figures *f)
{
	if (f->n_done > f->n_realtime)
		fprintf(stderr, "note: at %u sessions %.1f %% of the segments took longer than they play\n",
			f->n_sessions, 100 * (1 - bench_segs_ratio(f)));
}

/* ---- a fixed number ---- */

static void note_overlap(const struct bench *b)
{
	int64_t media_90k = 0;
	size_t i;

	for (i = 0; i < b->source.n; i++)
		media_90k += b->source.seg[i].duration_90k;
	if (b->c.live && (uint64_t)(media_90k / 90) * b->c.repeat <= (b->n_sessions - 1) * b->c.delay_ms)
		fprintf(stderr, "note: the first session ends before the last begins; with -repeat or a "
			"shorter -concurrentSessionDelay all run at once\n");
}

static int run_fixed(struct bench *b, struct bench_figures *f, struct err *err)
{
	struct bench_run_opts o = run_opts_of(b, b->n_sessions);
	unsigned n;

	note_overlap(b);
	if (run(b, f, &o, err) < 0)
		return -1;
	print_figures(f);
	note_late(f);
	n = bench_recommend(f);
	if (n == 0)
		fprintf(stderr, "no recommendation: %s\n", f->n_done ?
			"this machine does not keep up with one session" : "no segment was transcoded");
	else
		fprintf(stderr, "recommended -maxSessions %u (by this ratio; -concurrentSessions auto "
			"tries it)\n", n);
	return 0;
}

/* ---- the search ---- */

/* A run long enough to judge by: TRIAL_SEGS segments a session unless told otherwise. */
static void shorten(const struct bench *b, struct bench_run_opts *o)
{
	uint64_t spread_ms = (uint64_t)(b->source.seg[0].duration_90k / 90) / o->n_sessions;

	if (b->c.segs == 0 && b->source.n > TRIAL_SEGS)
		o->n_segs = TRIAL_SEGS;
	if (b->c.segs == 0 && b->c.repeat == 1)
		o->repeat = (unsigned)((TRIAL_SEGS + o->n_segs - 1) / o->n_segs);
	if (o->delay_ms > spread_ms)
		o->delay_ms = spread_ms;
}

static int run_search(struct bench *b, struct bench_figures *best, struct err *err)
{
	struct bench_search s = { 0 };
	struct bench_figures f = { 0 };
	struct bench_run_opts o;
	unsigned n;

	while (!f.interrupted && (n = bench_search_next(&s)) > 0) {
		o = run_opts_of(b, n);
		shorten(b, &o);
		if (run(b, &f, &o, err) < 0)
			return -1;
		fprintf(stderr, "%u sessions: real-time duration ratio %.4f, %llu failed\n", n,
			bench_duration_ratio(&f), (unsigned long long)f.n_failed);
		bench_search_tell(&s, n, !f.interrupted && bench_fits(&f));
		if (s.good == n || s.good == 0)
			*best = f;
	}
	best->interrupted = f.interrupted;
	print_figures(best);
	note_late(best);
	if (f.interrupted)
		fprintf(stderr, "no recommendation: interrupted\n");
	else if (s.good == 0)
		fprintf(stderr, "no recommendation: this machine does not keep up with one session\n");
	else
		fprintf(stderr, "recommended -maxSessions %u\n", s.good);
	return 0;
}

/* ---- all ---- */

/* Segments that fail during the search only say "too many", unless one session fails. */
static int exit_code(const struct bench *b, const struct bench_figures *f)
{
	return f->interrupted || (b->search ? f->n_failed : b->n_failed) > 0 || f->n_done == 0;
}

static int fail(const struct err *err)
{
	bool told = err->code == ERR_INVALID || err->code == ERR_LIMIT || err->code == ERR_NOT_FOUND;

	fprintf(stderr, "lpnode bench: %s\n", err->msg);
	return told ? 2 : 1;
}

static int load(struct bench *b, struct err *err)
{
	struct work_opts w = work_opts_of(b);
	size_t i;

	if (bench_source_load(&b->source, b->c.in, (size_t)b->c.segs, &w, err) < 0)
		return -1;
	if (b->source.n_skipped)
		fprintf(stderr, "note: %u pieces of the source begin without a key frame and are left "
			"out\n", b->source.n_skipped);
	profiles_fit_source(&b->profiles, b->source.width, b->source.height);
	for (i = 0; i < b->profiles.n; i++)
		profile_fit(&b->profiles.p[i], b->source.width, b->source.height,
			    &b->profiles.p[i].width, &b->profiles.p[i].height);
	return 0;
}

static int measure(struct bench *b)
{
	struct bench_figures f = { 0 };
	struct err err = { 0 };

	if (check(b, &err) < 0 || load(b, &err) < 0)
		return fail(&err);
	print_header(b);
	printf("timestamp,session,segment,seg_dur,transcode_time,frames\n");
	if ((b->search ? run_search(b, &f, &err) : run_fixed(b, &f, &err)) < 0)
		return fail(&err);
	return exit_code(b, &f);
}

static void print_help(void)
{
	printf("lpnode bench: how many streams this machine transcodes at once.\n\n"
	       "usage: lpnode bench -in FILE [FLAGS]\n"
	       "A CSV with a line for each segment on standard output, tables on standard error.\n");
	opt_print_help(stdout, table, N_OPTS);
}

int bench_main(int argc, char **argv)
{
	struct bench b = { .terminal = isatty(STDERR_FILENO) };
	struct err err = { 0 };
	int rc = 0;

	/* The node's environment is not the bench's: nobody wants LP_WORKERS here. */
	if (opt_parse(table, N_OPTS, &b.c, argc, argv, NULL, NULL, &err) < 0)
		return fail(&err);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (b.c.help)
		print_help();
	else
		rc = measure(&b);
	bench_source_fini(&b.source);
	opt_free(table, N_OPTS, &b.c);
	return rc;
}
