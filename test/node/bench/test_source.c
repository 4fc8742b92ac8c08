/* Sources made of files in a folder of our own. */
#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "media/wire/tsmux.h"
#include "node/bench/source.h"
#include "node/work/pool.h"
#include "test/media/wire/fake.h"

static char dir[] = "/tmp/lpnode-test-source-XXXXXX";
static const struct work_opts no_workers = { .n_workers = 1 };
static struct bench_source s;
static struct err err;

static const char *path_of(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const void *data, size_t len)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

/* Video of 30 fps with a key frame each second, from frame first_key on. */
static void make_ts(struct buf *out, int frames, int first_key)
{
	struct track_config v = config_of(CODEC_H264, AVCC_640X358);
	struct tsmux *m = tsmux_new();
	uint8_t au[2000];
	int i;

	assert_int_equal(tsmux_set_track(m, TRACK_VIDEO, &v, NULL), 0);
	tsmux_begin(m, out, true);
	for (i = 0; i < frames; i++) {
		bool key = i >= first_key && (i - first_key) % 30 == 0;
		struct tsmux_au a = { .data = au, .len = fake_au(au, key, 500, (unsigned)i), .len_size = 4,
				      .pts_90k = 126000 + i * 3000, .dts_90k = 126000 + i * 3000, .key = key };

		assert_true(tsmux_video(m, out, &a));
	}
	tsmux_flush(m, out);
	tsmux_free(m);
}

static void put_ts(const char *name, int frames, int first_key)
{
	struct buf b;

	buf_init(&b, 4 << 20);
	make_ts(&b, frames, first_key);
	put(name, b.data, b.len);
	buf_fini(&b);
}

static int load(const char *name, size_t max)
{
	err = (struct err){ 0 };
	return bench_source_load(&s, path_of(name), max, &no_workers, &err);
}

static void a_ts_file_is_cut_into_2_s(void **state)
{
	size_t i;

	put_ts("a.ts", 300, 0);
	assert_int_equal(load("a.ts", 0), 0);
	assert_int_equal(s.n, 5);
	assert_int_equal(s.width, 640);
	assert_int_equal(s.height, 358);
	assert_int_equal(s.n_skipped, 0);
	for (i = 0; i < s.n; i++) {
		assert_int_equal(s.seg[i].duration_90k, 180000);
		assert_false(s.seg[i].fmp4);
	}
	bench_source_fini(&s);
	assert_int_equal(load("a.ts", 2), 0);
	assert_int_equal(s.n, 2);
	bench_source_fini(&s);
}

static void a_playlist_gives_its_segments_as_they_are(void **state)
{
	struct stat st;

	put_ts("p0.ts", 60, 0);
	put_ts("p1.ts", 30, 0);
	put_text("p.m3u8", "#EXTM3U\n#EXTINF:2,\np0.ts\n#EXTINF:1.001,\np1.ts\n#EXTINF:2,\np0.ts\n");
	assert_int_equal(load("p.m3u8", 0), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.seg[1].duration_90k, 90090);
	assert_int_equal(stat(path_of("p1.ts"), &st), 0);
	assert_int_equal(s.seg[1].data->len, st.st_size);
	assert_int_equal(s.bytes, s.seg[0].data->len * 2 + s.seg[1].data->len);
	bench_source_fini(&s);
	/* What is beyond -segs need not be there. */
	put_text("q.m3u8", "#EXTM3U\n#EXTINF:2,\np0.ts\n#EXTINF:2,\nmissing.ts\n");
	assert_int_equal(load("q.m3u8", 1), 0);
	bench_source_fini(&s);
}

static void the_init_part_stands_before_each_fmp4_segment(void **state)
{
	put_text("init.mp4", "INIT");
	put_text("0.m4s", "zero");
	put_ts("p0.ts", 60, 0);
	put_text("m.m3u8", "#EXTM3U\n#EXTINF:2,\np0.ts\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2,\n0.m4s\n");
	assert_int_equal(load("m.m3u8", 0), 0);
	assert_true(s.seg[1].fmp4);
	assert_int_equal(s.seg[1].data->len, 8);
	assert_memory_equal(s.seg[1].data->data, "INITzero", 8);
	bench_source_fini(&s);
}

static void expect(const char *name, enum err_code code, const char *says)
{
	assert_int_equal(load(name, 0), -1);
	if (err.code != code || !strstr(err.msg, says))
		fail_msg("%s: %s: %s", name, err_code_name(err.code), err.msg);
	assert_int_equal(s.n, 0);
	assert_null(s.seg);
}

static void what_cannot_be_a_source_is_refused_with_a_remedy(void **state)
{
	static char zeros[1 << 20];

	expect("none.ts", ERR_NOT_FOUND, "No such file");
	expect("none.avi", ERR_INVALID, "give a media playlist");
	put_text("empty.ts", "");
	expect("empty.ts", ERR_INVALID, "no segment begins with a key frame");
	put("zeros.ts", zeros, sizeof(zeros));
	expect("zeros.ts", ERR_INVALID, "sync");
	put_ts("nokey.ts", 60, 1000);
	expect("nokey.ts", ERR_INVALID, "key frame");
	put_text("not.m3u8", "hello\n");
	expect("not.m3u8", ERR_INVALID, "not.m3u8");
	put_text("far.m3u8", "#EXTM3U\n#EXTINF:2,\nhttp://127.0.0.1/0.ts\n");
	expect("far.m3u8", ERR_INVALID, "only files on this machine");
	put_text("gone.m3u8", "#EXTM3U\n#EXTINF:2,\ngone.ts\n");
	expect("gone.m3u8", ERR_NOT_FOUND, "gone.ts");
	put_text("long.m3u8", "#EXTM3U\n#EXTINF:61,\np0.ts\n");
	expect("long.m3u8", ERR_INVALID, "60 s");
	put_text("self.m3u8", "#EXTM3U\n#EXTINF:2,\nself.m3u8\n");
	expect("self.m3u8", ERR_INVALID, "TS");
}

static void what_would_block_or_fill_the_memory_is_refused(void **state)
{
	assert_int_equal(mkfifo(path_of("fifo.ts"), 0600), 0);
	expect("fifo.ts", ERR_INVALID, "not a file");
	assert_int_equal(mkdir(path_of("dir.ts"), 0700), 0);
	expect("dir.ts", ERR_INVALID, "not a file");
	put_text("large.mp4", "");
	assert_int_equal(truncate(path_of("large.mp4"), SEGMENT_BYTES_MAX + 1), 0);
	expect("large.mp4", ERR_LIMIT, "ffmpeg -i FILE -c copy -f hls");
	put_text("large.m3u8", "#EXTM3U\n#EXTINF:2,\nlarge.mp4\n");
	expect("large.m3u8", ERR_LIMIT, "at most");
}

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = {
		"a.ts", "p0.ts", "p1.ts", "p.m3u8", "q.m3u8", "init.mp4", "0.m4s", "m.m3u8", "empty.ts",
		"zeros.ts", "nokey.ts", "not.m3u8", "far.m3u8", "gone.m3u8", "long.m3u8", "self.m3u8",
		"fifo.ts", "large.mp4", "large.m3u8",
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(path_of(names[i]));
	rmdir(path_of("dir.ts"));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ts_file_is_cut_into_2_s),
		cmocka_unit_test(a_playlist_gives_its_segments_as_they_are),
		cmocka_unit_test(the_init_part_stands_before_each_fmp4_segment),
		cmocka_unit_test(what_cannot_be_a_source_is_refused_with_a_remedy),
		cmocka_unit_test(what_would_block_or_fill_the_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
