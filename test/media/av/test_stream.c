/* Segments that are still coming: the same bytes as the whole, in pieces. */
#include "test/test.h"
#include "media/av/input.h"
#include "media/av/mux.h"
#include "media/av/picture.h"
#include "test/media/av/media.h"

#define X264 "-c:v libx264 -preset veryfast -pix_fmt yuv420p -threads 1"
#define PICTURE(size, rate) "-f lavfi -i testsrc2=s=" size ":r=" rate
#define SOUND "-f lavfi -i sine=f=440:r=48000"

static struct bytes plain_clip(void)
{
	return media_make("plain.ts", PICTURE("320x180", "25") " " SOUND " -t 2 " X264
			  " -bf 2 -g 50 -c:a aac -b:a 64k -ac 2");
}

/* One IDR, several, a rate of its own, another container: what can end in pieces and
 * what cannot. */
static const struct ladder_rung mixed[] = {
	RUNG(256, 144, 300000),
	{ .width = 160, .height = 90, .bitrate = 150000, .quality = -1, .gop_ms = 500 },
	{ .width = 128, .height = 72, .bitrate = 100000, .quality = -1, .gop_ms = 480,
	  .fps_num = 30, .fps_den = 1 },
	{ .width = 96, .height = 54, .bitrate = 80000, .quality = -1, .gop_ms = 1000,
	  .encoder = LADDER_VP9 },
	{ .width = 64, .height = 36, .bitrate = 80000, .quality = -1, .gop_ms = -1 },
};

/* How to split the input: 0 at random, else so many bytes each time. */
struct split {
	size_t step;
	uint64_t seed;
};

static size_t next_len(struct split *s, size_t left)
{
	size_t n = s->step;

	if (n == 0) {
		s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
		n = 1 + (s->seed >> 33) % (s->seed >> 60 == 0 ? 20000 : 700);
	}
	return n < left ? n : left;
}

static void run_split(struct result *r, const struct ladder_spec *spec, struct bytes in,
		      struct split s)
{
	struct ladder *l;
	size_t at, n;

	memset(r, 0, sizeof(*r));
	l = ladder_open(spec, result_sink, r, &r->err);
	if (!l) {
		r->rc = -1;
		return;
	}
	for (at = 0; at < in.len && r->rc == 0; at += n) {
		n = next_len(&s, in.len - at);
		r->rc = ladder_feed(l, in.data + at, n, &r->err);
	}
	if (r->rc == 0)
		r->rc = ladder_end(l, &r->stats, &r->err);
	ladder_free(l);
}

static void assert_same(const struct result *a, const struct result *b)
{
	size_t i;

	if (a->rc < 0 || b->rc < 0)
		fprintf(stderr, "%s / %s\n", a->err.msg, b->err.msg);
	assert_int_equal(a->rc, 0);
	assert_int_equal(b->rc, 0);
	assert_same_renditions(a, b);
	for (i = 0; i < a->n; i++) {
		assert_int_equal(a->n_pieces[i], b->n_pieces[i]);
		assert_int_equal(a->out[i].n_video, b->out[i].n_video);
		assert_int_equal(a->out[i].duration_90k, b->out[i].duration_90k);
		assert_int_equal(a->out[i].init_len, b->out[i].init_len);
	}
	assert_int_equal(a->stats.n_decoded, b->stats.n_decoded);
	assert_int_equal(a->stats.width, b->stats.width);
}

static void check_splits(struct bytes in, const struct ladder_rung *rungs, size_t n)
{
	static const struct split splits[] = { { 1, 0 }, { 188, 0 }, { 0, 1 }, { 0, 2 } };
	struct ladder_spec spec = spec_of(rungs, n);
	struct result whole, r;
	size_t i;

	run_well(&whole, &spec, in);
	for (i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		spec.n_threads = i % 2;
		run_split(&r, &spec, in, splits[i]);
		assert_same(&whole, &r);
		result_fini(&r);
	}
	result_fini(&whole);
}

static void any_split_gives_the_bytes_of_the_whole(void **state)
{
	struct bytes in = plain_clip();

	check_splits(in, mixed, sizeof(mixed) / sizeof(mixed[0]));
	free(in.data);
}

static void all_kinds_of_segments_may_come_in_parts(void **state)
{
	static const char *const args[] = {
		PICTURE("320x180", "25") " -t 1 " X264 " -g 50",	/* no sound */
		SOUND " -t 1 -c:a aac",					/* no picture */
		PICTURE("320x180", "25") " -frames:v 1 " X264,
		PICTURE("320x180", "25") " -frames:v 15 " X264,
		PICTURE("320x180", "25") " -frames:v 16 " X264,
		PICTURE("320x180", "25") " -frames:v 17 " X264,
		PICTURE("320x180", "25") " " SOUND " -t 1 " X264 " -bf 8 -refs 16 -x264-params "
			"b-pyramid=normal:b-adapt=0 -g 50 -c:a libmp3lame",
		PICTURE("320x180", "25") " " SOUND " -t 1 -c:v libx265 -preset ultrafast -x265-params "
			"log-level=none:keyint=50 -pix_fmt yuv420p -c:a aac",
		PICTURE("320x180", "25") " " SOUND " -t 2 " X264 " -bf 2 -g 50 -c:a aac "
			"-output_ts_offset 95442.7 -mpegts_copyts 1 -muxdelay 0 -muxpreload 0",
		/* Sound begins in the second half; it ends in the first. */
		PICTURE("320x180", "25") " -itsoffset 1 " SOUND " -t 2 " X264 " -g 50 -c:a aac",
		PICTURE("320x180", "25") " -t 2 -f lavfi -t 0.5 -i sine=f=440:r=48000 -t 2 " X264
			" -g 50 -c:a aac",
	};
	char name[32];
	struct bytes in;
	size_t i;

	for (i = 0; i < sizeof(args) / sizeof(args[0]); i++) {
		snprintf(name, sizeof(name), "kind%zu.ts", i);
		in = media_make(name, args[i]);
		check_splits(in, mixed, 2);
		free(in.data);
	}
}

/* ---- pieces ---- */

struct watch {
	struct result r;
	size_t fed, fed_at_first[LADDER_MAX], fed_at_last[LADDER_MAX];
};

static void watch_sink(void *arg, struct ladder_out *out)
{
	struct watch *w = arg;

	if (w->r.n_pieces[out->index] == 0)
		w->fed_at_first[out->index] = w->fed;
	w->fed_at_last[out->index] = w->fed;
	/* A piece begins with a key frame, PAT and PMT before the first. */
	if (!out->last || w->r.n_pieces[out->index] > 0)
		assert_int_equal(out->len % 188, 0);
	result_sink(&w->r, out);
}

static void gops_come_before_the_input_has_ended(void **state)
{
	struct ladder_rung rungs[] = { RUNG(160, 90, 150000), RUNG(256, 144, 300000) };
	struct ladder_spec spec = spec_of(rungs, 2);
	struct bytes in = plain_clip();
	struct watch w = { .fed = 0 };
	struct ladder *l;
	size_t n;

	rungs[0].gop_ms = 520;		/* 13 pictures: IDRs at 0, 13, 26, 39 */
	spec.n_threads = 1;		/* the time of a piece is that of its bytes then */
	l = ladder_open(&spec, watch_sink, &w, NULL);
	assert_non_null(l);
	for (; w.fed < in.len; w.fed += n) {
		n = in.len - w.fed < 1316 ? in.len - w.fed : 1316;
		assert_int_equal(ladder_feed(l, in.data + w.fed, n, NULL), 0);
	}
	assert_int_equal(ladder_end(l, NULL, NULL), 0);
	ladder_free(l);
	assert_int_equal(w.r.n_pieces[0], 4);
	assert_int_equal(w.r.n_pieces[1], 1);
	assert_true(w.fed_at_first[0] < in.len * 3 / 4);
	assert_int_equal(w.fed_at_last[0], in.len);
	assert_int_equal(w.fed_at_first[1], in.len);
	result_fini(&w.r);
	free(in.data);
}

/* ---- ends and failures ---- */

static void a_ladder_may_be_given_up_at_any_point(void **state)
{
	struct ladder_spec spec = spec_of(mixed, 5);
	struct bytes in = plain_clip();
	size_t at, n;

	for (at = 0; at <= in.len; at += in.len / 7) {
		struct result r = { .n = 0 };
		struct ladder *l = ladder_open(&spec, result_sink, &r, NULL);

		assert_non_null(l);
		for (n = 0; n < at; n += at / 3 + 1)
			assert_int_equal(ladder_feed(l, in.data + n, at - n < at / 3 + 1 ? at - n :
						     at / 3 + 1, NULL), 0);
		ladder_free(l);
		result_fini(&r);
	}
	ladder_free(NULL);
	free(in.data);
}

/* Damage: the same verdict however it comes. */
static void verdicts_do_not_depend_on_the_split(void **state)
{
	struct ladder_spec spec = spec_of(two_rungs, 2);
	struct bytes in = plain_clip(), bad = { malloc(in.len), in.len };
	uint64_t seed = 7;
	struct result a, b;
	int i, k;

	for (i = 0; i < 24; i++) {
		memcpy(bad.data, in.data, in.len);
		bad.len = in.len - (i % 6 == 0 ? 100 : 0);
		for (k = 0; k < 1 + i % 4; k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bad.data[seed % bad.len] ^= (uint8_t)(1 << (seed >> 60 & 7));
		}
		run_spec(&a, &spec, bad);
		run_split(&b, &spec, bad, (struct split){ i % 2 ? 1 : 0, 3 });
		assert_int_equal(a.rc, b.rc);
		if (a.rc == 0)
			assert_same(&a, &b);
		else
			assert_string_equal(a.err.msg, b.err.msg);
		result_fini(&a);
		result_fini(&b);
	}
	free(bad.data);
	free(in.data);
}

static void after_a_failure_it_is_freed(void **state)
{
	struct ladder_spec spec = spec_of(two_rungs, 2);
	struct bytes in = plain_clip();
	struct result r = { .n = 0 };
	struct ladder *l = ladder_open(&spec, result_sink, &r, NULL);
	size_t gone = in.len / 376 * 188;
	struct err err;

	/* A packet of video (PID 0x100) is missing in the middle. */
	while ((in.data[gone + 1] & 31) != 1 || in.data[gone + 2] != 0)
		gone += 188;
	assert_int_equal(ladder_feed(l, in.data, gone, &err), 0);
	gone += 188;
	assert_int_equal(ladder_feed(l, in.data + gone, in.len - gone, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	ladder_free(l);
	result_fini(&r);

	l = ladder_open(&spec, result_sink, &r, NULL);
	assert_int_equal(ladder_end(l, NULL, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	ladder_free(l);

	spec.fmp4 = true;
	assert_null(ladder_open(&spec, result_sink, &r, &err));
	assert_int_equal(err.code, ERR_INVALID);
	free(in.data);
}

static void a_rung_that_fails_ends_the_feeding(void **state)
{
	struct ladder_rung rung = RUNG(320, 180, 400000);
	struct ladder_spec spec = spec_of(&rung, 1);
	struct bytes in = media_make("noisy.ts", "-f lavfi -i testsrc2=s=320x180:r=60,noise=alls=40:"
				     "allf=t -t 3 " X264 " -g 300");
	struct result r;

	rung.width = 1280;
	rung.height = 720;
	spec.preset = "veryslow";
	spec.cpu_limit_s = 1;
	run_split(&r, &spec, in, (struct split){ 4096, 0 });
	assert_int_equal(r.rc, -1);
	assert_int_equal(r.err.code, ERR_LIMIT);
	result_fini(&r);
	free(in.data);
}

/* ---- what the first units say ---- */

static void the_rate_comes_from_the_first_units(void **state)
{
	static const struct {
		const char *name, *args;
		int num, den;
		int64_t frame_90k;
	} cases[] = {
		{ "r25.ts", PICTURE("160x90", "25") " -t 2 " X264 " -bf 3 -g 50", 25, 1, 3600 },
		{ "r2997.ts", PICTURE("160x90", "30000/1001") " -t 2 " X264 " -bf 2 -g 60",
		  30000, 1001, 3003 },
		{ "r60.ts", PICTURE("160x90", "60") " -t 1 " X264 " -bf 8 -x264-params "
		  "b-adapt=0:b-pyramid=normal -g 60", 60, 1, 1500 },
		/* Stamps in milliseconds, as RTMP has them: 16 do not tell these apart. */
		{ "r2997ms.ts", "-i r2997.flv -c copy", 30000, 1001, 3003 },
		{ "r30ms.ts", "-i r30.flv -c copy", 30, 1, 3000 },
	};
	struct input in;
	struct bytes b;
	size_t i;

	ffmpeg(PICTURE("160x90", "30000/1001") " -t 2 " X264 " -bf 2 -g 60 r2997.flv");
	ffmpeg(PICTURE("160x90", "30") " -t 2 " X264 " -bf 2 -g 60 r30.flv");
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b = media_make(cases[i].name, cases[i].args);
		assert_int_equal(input_load(&in, false, b.data, b.len, 1 << 20, NULL), 0);
		assert_int_equal(in.fps_num, cases[i].num);
		assert_int_equal(in.fps_den, cases[i].den);
		assert_int_equal(in.frame_90k, cases[i].frame_90k);
		input_fini(&in);
		free(b.data);
	}
}

/* ---- a reorder that the first units do not show ---- */

struct bits {
	uint8_t *p;
	size_t at;
};

static unsigned bit(struct bits *b)
{
	unsigned v = b->p[b->at / 8] >> (7 - b->at % 8) & 1;

	b->at++;
	return v;
}

static unsigned ue(struct bits *b)
{
	unsigned zeros = 0, v = 1, i;

	while (bit(b) == 0)
		zeros++;
	for (i = 0; i < zeros; i++)
		v = v << 1 | bit(b);
	return v - 1;
}

/* Take the VUI out of x264's Main profile SPS, whose bytes become trailing zeros: then
 * it does not tell how deep the reorder is. */
static void silence_sps(struct bytes in)
{
	uint8_t *sps = memmem(in.data, in.len, "\0\0\0\1\x67", 5);
	struct bits b = { sps + 5, 24 };
	size_t end, flag;
	int i;

	assert_non_null(sps);
	assert_int_equal(sps[5], 77);
	ue(&b);			/* id */
	ue(&b);			/* log2 of frame_num */
	if (ue(&b) == 0)	/* kind of picture order */
		ue(&b);
	ue(&b);			/* references */
	bit(&b);
	ue(&b);			/* width, height */
	ue(&b);
	if (bit(&b) == 0)	/* interlaced */
		bit(&b);
	bit(&b);
	if (bit(&b))		/* cropping */
		for (i = 0; i < 4; i++)
			ue(&b);
	flag = b.at;
	assert_int_equal(bit(&b), 1);
	for (end = 5; memcmp(sps + end, "\0\0\1", 3) != 0; end++)
		;
	for (b.at = flag; b.at < (end - 5) * 8; b.at++)
		b.p[b.at / 8] &= (uint8_t)~(0x80 >> b.at % 8);
	b.p[(flag + 1) / 8] |= (uint8_t)(0x80 >> (flag + 1) % 8);	/* the stop bit */
}

static AVCodecContext *open_x264(void)
{
	AVCodecContext *c = avcodec_alloc_context3(avcodec_find_encoder_by_name("libx264"));
	AVDictionary *opts = NULL;

	c->width = 320;
	c->height = 180;
	c->pix_fmt = AV_PIX_FMT_YUV420P;
	c->time_base = (AVRational){ 1, 25 };
	c->max_b_frames = 7;
	c->gop_size = 250;
	c->thread_count = 1;
	av_dict_set(&opts, "preset", "veryfast", 0);
	av_dict_set(&opts, "profile", "main", 0);
	av_dict_set(&opts, "x264-params", "b-pyramid=normal:scenecut=0:b-adapt=0", 0);
	assert_int_equal(avcodec_open2(c, NULL, &opts), 0);
	av_dict_free(&opts);
	return c;
}

static size_t take_packets(AVCodecContext *c, AVPacket **to, size_t n)
{
	for (;;) {
		AVPacket *p = av_packet_alloc();

		if (avcodec_receive_packet(c, p) < 0) {
			av_packet_free(&p);
			return n;
		}
		p->pts = p->pts * 3600 + 200000;
		p->dts = p->dts * 3600 + 200000;
		to[n++] = p;
	}
}

/* 50 pictures: n without B pictures, then pyramids of seven; the SPS is silent. */
static struct bytes late_pyramid(int n)
{
	AVCodecContext *c = open_x264();
	AVCodecParameters *par = avcodec_parameters_alloc();
	AVPacket *pkt[50];
	struct mux_track video = { par, pkt, 0 }, audio = { NULL, NULL, 0 };
	struct pic_pool pool;
	struct mux_out out;
	size_t k;
	int i, x;

	pic_pool_init(&pool, c->width, c->height);
	for (i = 0; i < 50; i++) {
		AVFrame *f = pic_pool_get(&pool);

		for (k = 0; k < 3; k++)
			for (x = 0; x < f->linesize[k] * (k ? 90 : 180); x++)
				f->data[k][x] = (uint8_t)(x * 7 / (i + 9) + i * 3);
		f->pts = i;
		f->pict_type = i == 0 ? AV_PICTURE_TYPE_I : i < n || (i - n) % 8 == 7 ?
			AV_PICTURE_TYPE_P : AV_PICTURE_TYPE_B;
		assert_int_equal(avcodec_send_frame(c, f), 0);
		video.n = take_packets(c, pkt, video.n);
		av_frame_free(&f);
	}
	avcodec_send_frame(c, NULL);
	video.n = take_packets(c, pkt, video.n);
	assert_int_equal(video.n, 50);
	avcodec_parameters_from_context(par, c);
	assert_int_equal(mux_segment(&out, false, &video, &audio, NULL), 0);
	for (k = 0; k < video.n; k++)
		av_packet_free(&pkt[k]);
	pic_pool_fini(&pool);
	avcodec_parameters_free(&par);
	avcodec_free_context(&c);
	silence_sps((struct bytes){ out.data, out.len });
	return (struct bytes){ out.data, out.len };
}

static void a_deeper_reorder_that_comes_late_is_refused_or_right(void **state)
{
	struct ladder_spec spec = spec_of(two_rungs, 1);
	struct bytes in = late_pyramid(4);
	struct result r;

	run_well(&r, &spec, in);	/* inside the first 16 units */
	assert_int_equal(r.out[0].n_video, 50);
	result_fini(&r);
	free(in.data);

	in = late_pyramid(30);
	run_spec(&r, &spec, in);
	assert_int_equal(r.rc, -1);
	assert_int_equal(r.err.code, ERR_INVALID);
	assert_non_null(strstr(r.err.msg, "pictures from 50 units"));
	result_fini(&r);
	free(in.data);
}

/* ---- sound ---- */

static struct bytes join(struct bytes a, const struct ladder_out *b)
{
	struct bytes both = { malloc(a.len + b->len), a.len + b->len };

	memcpy(both.data, a.data, a.len);
	memcpy(both.data + a.len, b->data, b->len);
	return both;
}

/* Our own renditions follow each other without damage: their counters begin anew and
 * say so. */
static void sound_must_be_announced_in_the_first_units(void **state)
{
	struct ladder_spec spec = spec_of(two_rungs, 1);
	struct bytes loud = plain_clip(), mute, in;
	struct result with, without, r;
	const int n[] = { 10, 20 };
	char line[200], name[20];
	int i;

	run_well(&with, &spec, loud);
	for (i = 0; i < 2; i++) {
		snprintf(line, sizeof(line), PICTURE("320x180", "25") " -frames:v %d " X264, n[i]);
		snprintf(name, sizeof(name), "mute%d.ts", n[i]);
		mute = media_make(name, line);
		run_well(&without, &spec, mute);
		free(mute.data);
		mute = (struct bytes){ without.out[0].data, without.out[0].len };
		in = join(mute, &with.out[0]);
		run_spec(&r, &spec, in);
		if (r.rc < 0)
			assert_non_null(strstr(r.err.msg, "sound"));
		assert_int_equal(r.rc, i == 0 ? 0 : -1);
		result_fini(&r);
		result_fini(&without);
		if (i == 0)
			check_splits(in, two_rungs, 2);
		free(in.data);
	}
	result_fini(&with);
	free(loud.data);
}

/* ---- probing ---- */

static void a_probe_needs_the_first_unit_alone(void **state)
{
	struct bytes in = plain_clip();
	struct ladder_stats st;
	struct err err;

	/* Cut inside a packet far from the end: whoever reads on finds that out. */
	assert_int_equal(ladder_probe(false, in.data, in.len / 3 + 100, 1 << 20, &st, &err), 0);
	assert_int_equal(st.n_decoded, 1);
	assert_int_equal(st.width, 320);
	assert_int_equal(st.height, 180);
	assert_int_equal(ladder_probe(false, in.data, 188 * 5, 1 << 20, &st, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(st.n_decoded, 0);
	assert_int_equal(ladder_probe(false, in.data, in.len, 320 * 179, &st, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	free(in.data);
}

/* Big pictures behind a small first one. */
static void every_sps_is_measured(void **state)
{
	struct bytes in, small, big;
	struct ladder_spec spec = spec_of(two_rungs, 1);
	struct result r;
	FILE *f;

	small = media_make("small.ts", PICTURE("160x90", "25") " -frames:v 20 " X264 " -bf 0");
	big = media_make("big.ts", PICTURE("1280x720", "25") " -frames:v 5 " X264 " -bf 0");
	f = fopen(media_path("grow.txt"), "w");
	fprintf(f, "file small.ts\nfile big.ts\n");
	fclose(f);
	in = media_make("grow.ts", "-f concat -i grow.txt -c copy");
	run_well(&r, &spec, in);
	result_fini(&r);
	spec.max_pixels = 640 * 480;
	run_spec(&r, &spec, in);
	assert_int_equal(r.rc, -1);
	assert_int_equal(r.err.code, ERR_LIMIT);
	assert_non_null(strstr(r.err.msg, "input"));	/* before the decoder saw it */
	result_fini(&r);
	free(in.data);
	free(small.data);
	free(big.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_split_gives_the_bytes_of_the_whole),
		cmocka_unit_test(all_kinds_of_segments_may_come_in_parts),
		cmocka_unit_test(gops_come_before_the_input_has_ended),
		cmocka_unit_test(a_ladder_may_be_given_up_at_any_point),
		cmocka_unit_test(verdicts_do_not_depend_on_the_split),
		cmocka_unit_test(after_a_failure_it_is_freed),
		cmocka_unit_test(a_rung_that_fails_ends_the_feeding),
		cmocka_unit_test(the_rate_comes_from_the_first_units),
		cmocka_unit_test(a_deeper_reorder_that_comes_late_is_refused_or_right),
		cmocka_unit_test(every_sps_is_measured),
		cmocka_unit_test(sound_must_be_announced_in_the_first_units),
		cmocka_unit_test(a_probe_needs_the_first_unit_alone),
	};

	return cmocka_run_group_tests(tests, media_setup, media_teardown);
}
