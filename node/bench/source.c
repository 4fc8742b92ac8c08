#include "node/bench/source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "media/wire/inspect.h"
#include "media/wire/playlist_read.h"
#include "media/wire/ts_cut.h"
#include "node/work/pool.h"

#define CUT_MS 2000
#define READ_LEN (1u << 20)
#define REMUX_DEADLINE_MS 60000

struct loader {
	struct bench_source *s;
	size_t max, cap;		/* segments: wanted, room for */
	const struct work_opts *workers;
	struct buf bytes;		/* of the segment that is being cut */
	struct err err;
	bool failed;			/* in a callback */
};

/* ---- files ---- */

/* An open regular file, and its size.  Anything else could make us wait. */
static int open_file(const char *path, size_t *size, struct err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO,
			       "%.100s: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*size = (size_t)st.st_size;
		return fd;
	}
	close(fd);
	return err_set(err, ERR_INVALID, "%.100s: not a file", path);
}

/* Up to len bytes; 0 at the end of the file. */
static ssize_t read_some(int fd, void *to, size_t len, const char *path, struct err *err)
{
	ssize_t n;

	do
		n = read(fd, to, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_set(err, ERR_IO, "%.100s: %s", path, strerror(errno)) : n;
}

/* Append a whole file. */
static int read_file(struct buf *to, const char *path, struct err *err)
{
	size_t size, room = to->max - to->len;
	uint8_t *at;
	ssize_t n = 0;
	int fd = open_file(path, &size, err);

	if (fd < 0)
		return -1;
	if (size > room) {
		close(fd);
		return err_set(err, ERR_LIMIT, "%.100s: %zu bytes, at most %zu", path, size, room);
	}
	/* As long as it was: one that grows meanwhile is somebody's mistake. */
	while (size > 0 && (at = buf_reserve(to, size)) &&
	       (n = read_some(fd, at, size, path, err)) > 0) {
		to->len += (size_t)n;
		size -= (size_t)n;
	}
	close(fd);
	return n < 0 ? -1 : 0;
}

/* ---- segments ---- */

static bool has_enough(const struct loader *l)
{
	return l->max > 0 && l->s->n >= l->max;
}

/* Takes the content of b. */
static int add_segment(struct loader *l, struct buf *b, bool fmp4, int64_t duration_90k,
		       struct err *err)
{
	struct bench_source *s = l->s;

	if (b->len > BENCH_SOURCE_BYTES_MAX - s->bytes)
		return err_set(err, ERR_LIMIT, "more than %u MiB of media; take less of it with -segs",
			       BENCH_SOURCE_BYTES_MAX >> 20);
	if (b->len == 0)
		return err_set(err, ERR_INVALID, "segment %zu is empty", s->n);
	if (s->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		s->seg = xrealloc(s->seg, l->cap * sizeof(s->seg[0]));
	}
	s->bytes += b->len;
	/* On the heap: a descriptor each would be too many for a long source. */
	s->seg[s->n++] = (struct bench_segment){
		.data = blob_from_heap(xrealloc(b->data, b->len), b->len), .fmp4 = fmp4,
		.duration_90k = duration_90k,
	};
	buf_init(b, b->max);
	return 0;
}

/* ---- playlists ---- */

/* A URI of the playlist as a path; owned by the caller, NULL when it is elsewhere. */
static char *resolve(const char *playlist, const char *uri)
{
	const char *slash = strrchr(playlist, '/');

	if (strstr(uri, "://"))
		return NULL;
	if (*uri == '/' || !slash)
		return xstrdup(uri);
	return xasprintf("%.*s/%s", (int)(slash - playlist), playlist, uri);
}

static int read_uri(struct buf *to, const char *playlist, const char *uri, struct err *err)
{
	char *path = resolve(playlist, uri);
	int rc;

	if (!path)
		return err_set(err, ERR_INVALID, "%.100s: only files on this machine are read", uri);
	rc = read_file(to, path, err);
	free(path);
	return rc;
}

static int load_item(struct loader *l, const char *path, const struct media_item *item,
		     struct err *err)
{
	struct buf b;
	int rc;

	if (item->duration_90k == 0 || item->duration_90k > SEGMENT_MS_MAX * 90LL)
		return err_set(err, ERR_INVALID, "%.80s: segments are up to %d s long", item->uri,
			       SEGMENT_MS_MAX / 1000);
	buf_init(&b, SEGMENT_BYTES_MAX);
	rc = item->map ? read_uri(&b, path, item->map, err) : 0;
	if (rc == 0)
		rc = read_uri(&b, path, item->uri, err);
	if (rc == 0)
		rc = add_segment(l, &b, item->map != NULL, item->duration_90k, err);
	buf_fini(&b);
	return rc;
}

static int load_playlist(struct loader *l, const char *path, struct err *err)
{
	struct media_playlist p = { 0 };
	struct buf text;
	size_t i;
	int rc;

	buf_init(&text, MEDIA_PLAYLIST_BYTES_MAX);
	rc = read_file(&text, path, err);
	if (rc == 0 && media_playlist_parse(&p, (char *)text.data, text.len, err) < 0)
		rc = err_wrap(err, "%.80s", path);
	for (i = 0; rc == 0 && i < p.n && !has_enough(l); i++)
		rc = load_item(l, path, &p.item[i], err);
	media_playlist_fini(&p);
	buf_fini(&text);
	return rc;
}

/* ---- files that are cut ---- */

static void on_cut_begin(void *arg, const struct segment_info *info)
{
	struct loader *l = arg;

	(void)info;
	buf_clear(&l->bytes);
}

static void on_cut_data(void *arg, const uint8_t *data, size_t len)
{
	struct loader *l = arg;

	if (!has_enough(l))
		buf_add(&l->bytes, data, len);
}

static void on_cut_end(void *arg, const struct segment_info *info)
{
	struct loader *l = arg;

	if (l->failed || has_enough(l))
		return;
	if (!info->transcodable || l->bytes.failed) {
		l->s->n_skipped++;
		return;
	}
	l->failed = add_segment(l, &l->bytes, info->container == CONTAINER_FMP4, info->duration_90k,
				&l->err) < 0;
}

static struct ts_cut *new_cut(struct loader *l)
{
	static const struct segmenter_cb cb = { on_cut_begin, on_cut_data, on_cut_end };
	static const struct segmenter_opts opts = {
		.target_ms = CUT_MS, .max_ms = 16000, .max_bytes = SEGMENT_BYTES_MAX,
	};

	buf_init(&l->bytes, SEGMENT_BYTES_MAX);
	return ts_cut_new(&opts, &cb, l);
}

/* The answer of a cut: rc, or what went wrong in a callback. */
static int end_cut(struct loader *l, struct ts_cut *c, int rc, struct err *err)
{
	if (rc == 0 && !l->failed)
		ts_cut_flush(c);
	ts_cut_free(c);
	buf_fini(&l->bytes);
	if (rc < 0 || !l->failed)
		return rc;
	*err = l->err;
	return -1;
}

static int load_ts(struct loader *l, const char *path, struct err *err)
{
	struct ts_cut *c;
	uint8_t *data;
	size_t size;
	ssize_t n = 0;
	int rc = 0, fd = open_file(path, &size, err);

	if (fd < 0)
		return -1;
	c = new_cut(l);
	data = xmalloc(READ_LEN);
	while (rc == 0 && !has_enough(l) && !l->failed &&
	       (n = read_some(fd, data, READ_LEN, path, err)) > 0)
		rc = ts_cut_push(c, data, (size_t)n, err);
	close(fd);
	free(data);
	return end_cut(l, c, n < 0 ? -1 : rc, err);
}

/* ---- MP4: into TS by a worker process ---- */

struct remux {
	uv_loop_t loop;
	struct work_pool *pool;
	struct blob *ts;	/* a reference, once there */
	struct err err;
	bool failed;
};

static void on_ts(void *arg, const struct work_rendition *r)
{
	struct remux *x = arg;

	x->ts = blob_ref(r->data);
}

static void on_ts_done(void *arg, const struct work_stats *st, const struct err *err)
{
	struct remux *x = arg;

	(void)st;
	if (err) {
		x->failed = true;
		x->err = *err;
	}
	work_pool_close(x->pool, NULL, NULL);
}

/* The loop runs until the pool has closed. */
static int run_remux(struct remux *x, const struct work_opts *workers, struct blob *mp4,
		     struct err *err)
{
	static const struct work_cb cb = { .rendition = on_ts, .done = on_ts_done };
	struct work_spec spec = {
		.kind = TASK_TO_TS, .stream_key = "bench", .fmp4 = true, .preset = "superfast",
		.input = mp4, .duration_ms = CUT_MS, .deadline_ms = REMUX_DEADLINE_MS,
	};
	struct work_opts w = *workers;

	w.n_workers = w.max_queue = 1;
	w.device = NULL;
	uv_loop_init(&x->loop);
	x->pool = work_pool_new(&x->loop, &w, err);
	if (!x->pool) {
		x->failed = true;
	} else if (!work_task_start(x->pool, &spec, &cb, x, &x->err)) {
		x->failed = true;
		work_pool_close(x->pool, NULL, NULL);
	}
	uv_run(&x->loop, UV_RUN_DEFAULT);
	assert(uv_loop_close(&x->loop) == 0);
	if (!x->failed)
		return 0;
	if (x->pool)
		*err = x->err;
	return err_wrap(err, "cannot remux it");
}

static int cut_blob(struct loader *l, const struct blob *b, struct err *err)
{
	struct ts_cut *c = new_cut(l);

	return end_cut(l, c, ts_cut_push(c, b->data, b->len, err), err);
}

static int load_mp4(struct loader *l, const char *path, struct err *err)
{
	struct remux x = { .ts = NULL };
	struct blob *mp4;
	struct buf b;
	int rc;

	buf_init(&b, SEGMENT_BYTES_MAX);
	if (read_file(&b, path, err) < 0) {
		buf_fini(&b);
		if (err->code != ERR_LIMIT)
			return -1;
		return err_set(err, ERR_LIMIT, "an MP4 above %u MiB; make a playlist of it: ffmpeg -i "
			       "FILE -c copy -f hls -hls_time 2 -hls_list_size 0 out.m3u8, then -in out.m3u8",
			       SEGMENT_BYTES_MAX >> 20);
	}
	mp4 = blob_from_heap(b.data, b.len);
	rc = run_remux(&x, l->workers, mp4, err);
	blob_unref(mp4);
	if (rc == 0)
		rc = cut_blob(l, x.ts, err);
	blob_unref(x.ts);
	return rc;
}

/* ---- all ---- */

static bool ends_in(const char *path, const char *end)
{
	size_t n = strlen(path), len = strlen(end);

	return n > len && strcasecmp(path + n - len, end) == 0;
}

static int load(struct loader *l, const char *path, struct err *err)
{
	if (ends_in(path, ".m3u8") || ends_in(path, ".m3u"))
		return load_playlist(l, path, err);
	if (ends_in(path, ".ts"))
		return load_ts(l, path, err);
	if (ends_in(path, ".mp4") || ends_in(path, ".mov") || ends_in(path, ".m4v"))
		return load_mp4(l, path, err);
	return err_set(err, ERR_INVALID, "%.100s: give a media playlist (.m3u8), a .ts, .mp4 or .mov "
		       "file", path);
}

/* The size that renditions are fitted to. */
static int find_size(struct bench_source *s, struct err *err)
{
	struct inspect in;
	struct err why = { .msg = "no video in it" };
	size_t i;

	for (i = 0; i < s->n; i++) {
		const struct bench_segment *g = &s->seg[i];

		if (inspect_segment(&in, g->fmp4, g->data->data, g->data->len, &why) < 0)
			continue;
		s->width = in.width;
		s->height = in.height;
		if (in.width > 0 && in.height > 0)
			return 0;
	}
	return err_set(err, ERR_INVALID, "%s", s->n ? why.msg : "no segment begins with a key frame");
}

int bench_source_load(struct bench_source *s, const char *path, size_t max_segments,
		      const struct work_opts *workers, struct err *err)
{
	struct loader l = { .s = s, .max = max_segments, .workers = workers };

	*s = (struct bench_source){ 0 };
	if (load(&l, path, err) == 0) {
		if (find_size(s, err) == 0)
			return 0;
		err_wrap(err, "%.80s", path);
	}
	bench_source_fini(s);
	return -1;
}

void bench_source_fini(struct bench_source *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		blob_unref(s->seg[i].data);
	free(s->seg);
	*s = (struct bench_source){ 0 };
}
