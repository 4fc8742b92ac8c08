#ifndef LP_TEST_MEDIA_AV_MEDIA_H
#define LP_TEST_MEDIA_AV_MEDIA_H
/*
 * Test media made with the ffmpeg program when a test needs it, in a folder of
 * its own that goes at the end; and short ways to run the ladder on it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/err.h"
#include "media/av/ladder.h"

extern char **environ;

static char media_dir[] = "/tmp/lpnode-media-XXXXXX";

struct bytes {
	uint8_t *data;
	size_t len;
};

static inline int media_setup(void **state)
{
	return mkdtemp(media_dir) ? 0 : -1;
}

static inline int media_teardown(void **state)
{
	DIR *d = opendir(media_dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	return rmdir(media_dir);
}

static inline const char *media_path(const char *name)
{
	static char path[2][300];
	static int turn;

	turn ^= 1;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", media_dir, name);
	return path[turn];
}

/* ffmpeg with arguments parted by single spaces, in media_dir. */
static inline void ffmpeg(const char *args)
{
	const char *const head[] = { "ffmpeg", "-loglevel", "error", "-nostdin", "-y" };
	char *argv[128], *copy = strdup(args), *save = NULL, *a;
	posix_spawn_file_actions_t fa;
	int n = 0, status;
	pid_t pid;

	for (; n < 5; n++)
		argv[n] = (char *)(uintptr_t)head[n];
	for (a = strtok_r(copy, " ", &save); a; a = strtok_r(NULL, " ", &save)) {
		assert_true(n < 127);
		argv[n++] = a;
	}
	argv[n] = NULL;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addchdir_np(&fa, media_dir);
	assert_int_equal(posix_spawnp(&pid, "ffmpeg", &fa, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&fa);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fprintf(stderr, "ffmpeg %s\n", args);
	assert_int_equal(status, 0);
	free(copy);
}

static inline struct bytes media_read(const char *name)
{
	struct bytes b = { NULL, 0 };
	FILE *f = fopen(media_path(name), "rb");
	long n;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	b.data = malloc(n > 0 ? (size_t)n : 1);
	b.len = fread(b.data, 1, (size_t)n, f);
	fclose(f);
	return b;
}

/* Make a file unless it is there, and read it. */
static inline struct bytes media_make(const char *name, const char *args)
{
	char line[2000];

	if (access(media_path(name), R_OK) < 0) {
		snprintf(line, sizeof(line), "%s %s", args, name);
		ffmpeg(line);
	}
	return media_read(name);
}

/* ---- running the ladder ---- */

struct result {
	struct ladder_out out[LADDER_MAX];	/* pieces joined */
	unsigned n_pieces[LADDER_MAX];
	size_t n;				/* whole ones */
	struct ladder_stats stats;
	struct err err;
	int rc;
};

static inline void result_sink(void *arg, struct ladder_out *out)
{
	struct result *r = arg;
	struct ladder_out *to = &r->out[out->index];
	uint8_t *all;

	assert_true(out->index < LADDER_MAX);
	assert_false(to->last);
	all = malloc(to->len + out->len + 1);
	if (to->len > 0)
		memcpy(all, to->data, to->len);
	if (out->len > 0)
		memcpy(all + to->len, out->data, out->len);
	free(to->data);
	free(out->data);
	out->len += to->len;
	*to = *out;
	to->data = all;
	r->n_pieces[out->index]++;
	r->n += out->last;
	if (out->last)
		assert_int_equal(to->len, out->total);
}

static inline void result_fini(struct result *r)
{
	size_t i;

	for (i = 0; i < LADDER_MAX; i++)
		free(r->out[i].data);
	memset(r, 0, sizeof(*r));
}

static inline void run_spec(struct result *r, const struct ladder_spec *spec, struct bytes in)
{
	memset(r, 0, sizeof(*r));
	r->rc = ladder_run(spec, in.data, in.len, result_sink, r, &r->stats, &r->err);
	if (r->rc == 0)
		assert_int_equal(r->n, spec->n_rungs);
}

#define RUNG(w, h, rate) { .width = (w), .height = (h), .bitrate = (rate), .quality = -1 }

static const struct ladder_rung two_rungs[] = { RUNG(256, 144, 300000), RUNG(160, 90, 150000) };

static inline struct ladder_spec spec_of(const struct ladder_rung *rungs, size_t n)
{
	return (struct ladder_spec){
		.rungs = rungs, .n_rungs = n, .preset = "superfast",
		.max_pixels = 1920 * 1088,
	};
}

/* Run and expect success. */
static inline void run_well(struct result *r, const struct ladder_spec *spec, struct bytes in)
{
	run_spec(r, spec, in);
	if (r->rc < 0)
		fprintf(stderr, "ladder_run: %s\n", r->err.msg);
	assert_int_equal(r->rc, 0);
}

/* The two rungs of a small source. */
static inline void run_two(struct result *r, struct bytes in, bool fmp4)
{
	struct ladder_spec spec = spec_of(two_rungs, 2);

	spec.fmp4 = fmp4;
	run_well(r, &spec, in);
}

static inline void assert_same_renditions(const struct result *a, const struct result *b)
{
	size_t i;

	assert_int_equal(a->n, b->n);
	for (i = 0; i < a->n; i++) {
		assert_int_equal(a->out[i].len, b->out[i].len);
		assert_memory_equal(a->out[i].data, b->out[i].data, a->out[i].len);
	}
}

#endif
