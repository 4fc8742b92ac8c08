/*
 * Sources are described as packets in milliseconds; every segment that comes out is
 * inspected, so the bytes are checked along with the facts.
 */
#include "test/test.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "media/wire/inspect.h"
#include "media/wire/segmenter.h"
#include "test/media/wire/fake.h"

#define MAX_SEGMENTS 64
#define BASE_90K 126000		/* what the segmenter adds to every time */

struct seen {
	struct segment_info info;
	struct inspect in;
	size_t bytes;
};

struct run {
	struct segmenter *s;
	struct seen seen[MAX_SEGMENTS];
	unsigned n;		/* ended */
	unsigned n_begun;
	struct buf bytes;	/* of the open segment */
	size_t largest_piece;
	unsigned n_pushed[N_TRACKS], n_refused;
};

static void on_begin(void *arg, const struct segment_info *info)
{
	struct run *r = arg;

	assert_int_equal(r->n_begun, r->n);
	assert_true(r->n < MAX_SEGMENTS);
	r->n_begun++;
	r->seen[r->n].info = *info;
	buf_clear(&r->bytes);
}

static void on_data(void *arg, const uint8_t *data, size_t len)
{
	struct run *r = arg;

	assert_int_equal(r->n_begun, r->n + 1);
	assert_true(len > 0);
	if (len > r->largest_piece)
		r->largest_piece = len;
	assert_true(buf_add(&r->bytes, data, len));
}

static void on_end(void *arg, const struct segment_info *info)
{
	struct run *r = arg;
	struct seen *to = &r->seen[r->n];
	struct err err = { .msg = "" };

	/* what was told at the beginning still holds */
	assert_int_equal(to->info.sequence, info->sequence);
	assert_int_equal(to->info.discontinuity, info->discontinuity);
	assert_int_equal(to->info.independent, info->independent);
	assert_int_equal(to->info.init_len, info->init_len);
	to->info = *info;
	to->bytes = r->bytes.len;
	if (inspect_segment(&to->in, info->container == CONTAINER_FMP4, r->bytes.data, r->bytes.len,
			    &err) < 0)
		fail_msg("segment %llu: %s", (unsigned long long)info->sequence, err.msg);
	assert_false(to->in.damaged);
	assert_int_equal(to->in.n_video, info->n_video);
	assert_int_equal(to->in.n_audio, info->n_audio);
	assert_int_equal(to->in.init_len, info->init_len);
	if (info->n_video > 0)
		assert_int_equal(to->in.starts_with_idr, info->independent);
	assert_true(info->duration_90k > 0);
	r->n++;
}

static const struct segmenter_cb callbacks = { on_begin, on_data, on_end };
static const struct segmenter_opts defaults = { 2000, 16000, 32 << 20, 0 };

static void set_tracks(struct run *r, const char *video, const char *audio)
{
	struct track_config v = config_of(CODEC_H264, video ? video : ""), a = config_of(CODEC_AAC, audio ? audio : "");
	struct err err = { .msg = "" };

	if (video && segmenter_set_track(r->s, TRACK_VIDEO, &v, &err) < 0)
		fail_msg("%s", err.msg);
	if (audio && segmenter_set_track(r->s, TRACK_AUDIO, &a, &err) < 0)
		fail_msg("%s", err.msg);
}

static struct run *run_with(const struct segmenter_opts *opts, bool video, bool audio)
{
	struct run *r = xcalloc(1, sizeof(*r));

	buf_init(&r->bytes, 64 << 20);
	r->s = segmenter_new(opts, &callbacks, r);
	set_tracks(r, video ? AVCC_640X358 : NULL, audio ? "1190" : NULL);
	return r;
}

static void run_free(struct run *r)
{
	segmenter_free(r->s);
	buf_fini(&r->bytes);
	free(r);
}

static int push(struct run *r, enum track track, int64_t dts_ms, int cts_ms, bool key, size_t len)
{
	static uint8_t bytes[1 << 20];
	struct media_packet p = { .track = track, .dts_90k = dts_ms * 90, .key = key, .data = bytes,
				  .pts_90k = (dts_ms + cts_ms) * 90 };
	struct err err;

	if (track == TRACK_VIDEO)
		p.len = fake_au(bytes, key, len, (unsigned)dts_ms);
	else
		fake_fill(bytes, p.len = len, (unsigned)dts_ms);
	if (segmenter_push(r->s, &p, &err) < 0) {
		assert_int_equal(err.code, ERR_INVALID);
		r->n_refused++;
		return -1;
	}
	r->n_pushed[track]++;
	return 0;
}

/* Video of 25 fps with a key each gop_ms, and 48 kHz AAC, from from_ms up to to_ms,
 * interleaved as an encoder sends them. */
static void play(struct run *r, int64_t from_ms, int64_t to_ms, int gop_ms, bool video, bool audio)
{
	int64_t t, n = 0;

	for (t = from_ms; t < to_ms; t += 40) {
		if (video)
			push(r, TRACK_VIDEO, t, 0, (t - from_ms) % gop_ms == 0, 1000);
		for (; audio && from_ms + n * 1024 / 48 < t + 40 && from_ms + n * 1024 / 48 < to_ms; n++)
			push(r, TRACK_AUDIO, from_ms + n * 1024 / 48, 0, true, 200);
	}
}

static unsigned total(const struct run *r, enum track track)
{
	unsigned i, n = 0;

	for (i = 0; i < r->n; i++)
		n += track == TRACK_VIDEO ? r->seen[i].info.n_video : r->seen[i].info.n_audio;
	return n;
}

static int64_t total_90k(const struct run *r)
{
	int64_t sum = 0;
	unsigned i;

	for (i = 0; i < r->n; i++)
		sum += r->seen[i].info.duration_90k;
	return sum;
}

static void segments_end_at_the_idr_and_lose_nothing(void **state)
{
	struct run *r = run_with(&defaults, true, true);
	unsigned i;

	play(r, 0, 10000, 2000, true, true);
	assert_int_equal(r->n, 4);
	segmenter_flush(r->s);
	assert_int_equal(r->n, 5);
	assert_int_equal(total_90k(r), 10000 * 90);
	assert_int_equal(total(r, TRACK_VIDEO), r->n_pushed[TRACK_VIDEO]);
	assert_int_equal(total(r, TRACK_AUDIO), r->n_pushed[TRACK_AUDIO]);
	assert_int_equal(r->n_refused, 0);
	for (i = 0; i < r->n; i++) {
		const struct seen *s = &r->seen[i];

		assert_int_equal(s->info.sequence, i);
		assert_int_equal(s->info.container, CONTAINER_TS);
		assert_int_equal(s->info.n_video, 50);
		assert_int_equal(s->info.duration_90k, 180000);
		assert_int_equal(s->info.start_pts_90k, BASE_90K + i * 180000);
		assert_int_equal(s->in.first_pts_90k, s->info.start_pts_90k);
		assert_int_equal(s->in.duration_90k, 180000);
		assert_false(s->info.discontinuity);
		assert_true(s->info.independent && s->info.transcodable);
		assert_string_equal(s->info.codecs, "avc1.64001e,mp4a.40.2");
		assert_int_equal(s->info.width, 640);
		assert_int_equal(s->info.fps_num, 30);	/* the SPS says so */
		/* audio follows the video's cut, to the frame */
		assert_true(s->in.audio_first_pts_90k >= s->info.start_pts_90k);
		assert_true(s->in.audio_first_pts_90k < s->info.start_pts_90k + 1920);
	}
	assert_int_equal(segmenter_gop_ms(r->s), 2000);
	assert_int_equal(segmenter_next_sequence(r->s), 5);
	run_free(r);
}

static void segment_is_there_the_moment_its_last_idr_arrives(void **state)
{
	struct run *r = run_with(&defaults, true, true);

	play(r, 0, 2000, 2000, true, true);
	assert_int_equal(r->n, 0);
	push(r, TRACK_VIDEO, 2000, 0, true, 1000);
	assert_int_equal(r->n, 1);
	run_free(r);
}

static void idr_is_taken_at_or_after_the_target(void **state)
{
	static const struct { int gop_ms, want_ms; } t[] = {
		{ 2000, 2000 }, { 1960, 1960 }, { 1800, 3600 }, { 480, 1920 }, { 1000, 2000 },
		{ 5000, 5000 }, { 8320, 8320 },
	};
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct run *r = run_with(&defaults, true, false);

		play(r, 0, 3 * t[i].want_ms + 40, t[i].gop_ms, true, false);
		segmenter_flush(r->s);
		assert_int_equal(r->seen[0].info.duration_90k, t[i].want_ms * 90);
		assert_int_equal(r->seen[1].info.duration_90k, t[i].want_ms * 90);
		assert_true(r->seen[1].info.transcodable);
		run_free(r);
	}
}

static void b_frames_and_negative_offsets_keep_presentation_times(void **state)
{
	static const int cts[2][3] = { { 40, 80, 0 }, { 0, 40, -40 } };
	int kind, i;

	for (kind = 0; kind < 2; kind++) {
		struct run *r = run_with(&defaults, true, false);

		for (i = 0; i < 150; i++)
			push(r, TRACK_VIDEO, i * 40, cts[kind][i % 50 == 0 ? 0 : 1 + i % 2], i % 50 == 0, 500);
		segmenter_flush(r->s);
		assert_int_equal(r->n, 3);
		assert_int_equal(total(r, TRACK_VIDEO), 150);
		assert_int_equal(r->seen[1].info.start_pts_90k, BASE_90K + (2000 + cts[kind][0]) * 90);
		assert_int_equal(r->seen[1].in.first_pts_90k, r->seen[1].info.start_pts_90k);
		assert_int_equal(r->seen[1].info.duration_90k, 180000);
		run_free(r);
	}
}

static void audio_early_and_late_goes_to_the_right_segment(void **state)
{
	struct run *r = run_with(&defaults, true, true);
	int64_t t;

	/* audio comes 300 ms before the video of its time */
	for (t = 0; t < 4040; t += 40) {
		push(r, TRACK_AUDIO, t + 300, 0, true, 100);
		push(r, TRACK_VIDEO, t, 0, t % 2000 == 0, 500);
	}
	/* what belongs before 2000 ms is in the first segment although the IDR came later
	 * than audio of 2300 ms */
	assert_in_range(r->seen[0].in.audio_first_pts_90k + r->seen[0].in.audio_duration_90k,
			BASE_90K + 1900 * 90, BASE_90K + 2025 * 90);
	assert_true(r->seen[1].in.audio_first_pts_90k >= BASE_90K + 1990 * 90);
	segmenter_flush(r->s);
	assert_int_equal(total(r, TRACK_AUDIO), 101);
	run_free(r);

	/* and 500 ms after it */
	r = run_with(&defaults, true, true);
	for (t = 0; t < 4040; t += 40) {
		push(r, TRACK_VIDEO, t, 0, t % 2000 == 0, 500);
		if (t >= 500)
			push(r, TRACK_AUDIO, t - 500, 0, true, 100);
	}
	assert_int_equal(r->n, 2);
	assert_true(r->seen[1].in.audio_first_pts_90k < BASE_90K + 1600 * 90);
	segmenter_flush(r->s);
	assert_int_equal(total(r, TRACK_AUDIO), r->n_pushed[TRACK_AUDIO]);
	run_free(r);
}

static void audio_times_are_free_of_millisecond_jitter(void **state)
{
	struct run *r = run_with(&defaults, true, true);

	play(r, 0, 6000, 2000, true, true);
	segmenter_flush(r->s);
	/* 1024 samples at 48 kHz are 1920 ticks; the source says 21 or 22 ms */
	assert_int_equal(r->seen[1].in.audio_duration_90k, r->seen[1].info.n_audio * 1920);
	run_free(r);
}

static void video_alone_and_audio_alone_start_after_a_wait(void **state)
{
	struct run *r = run_with(&defaults, true, false);
	unsigned i;

	play(r, 0, 1480, 2000, true, false);
	assert_int_equal(r->n_begun, 0);
	play(r, 1480, 1560, 4000, true, false);
	assert_int_equal(r->n_begun, 1);
	segmenter_flush(r->s);
	assert_int_equal(total(r, TRACK_VIDEO), 39);
	assert_string_equal(r->seen[0].info.codecs, "avc1.64001e");
	run_free(r);

	r = run_with(&defaults, false, true);
	play(r, 0, 7000, 2000, false, true);
	segmenter_flush(r->s);
	assert_int_equal(r->n, 4);
	assert_int_equal(total(r, TRACK_AUDIO), r->n_pushed[TRACK_AUDIO]);
	for (i = 0; i < r->n; i++) {
		assert_true(r->seen[i].info.independent && r->seen[i].info.transcodable);
		assert_string_equal(r->seen[i].info.codecs, "mp4a.40.2");
		assert_int_equal(r->seen[i].info.width, 0);
	}
	assert_in_range(r->seen[0].info.duration_90k, 180000, 182000);
	/* the last frame is that of 6997 ms */
	assert_int_equal(total_90k(r), 329 * 1920);
	run_free(r);
}

static void short_stream_is_not_lost(void **state)
{
	struct run *r = run_with(&defaults, true, false);

	push(r, TRACK_VIDEO, 0, 0, true, 100);
	push(r, TRACK_VIDEO, 40, 0, false, 100);
	segmenter_flush(r->s);
	assert_int_equal(r->n, 1);
	assert_int_equal(r->seen[0].info.n_video, 2);
	assert_int_equal(r->seen[0].info.duration_90k, 80 * 90);
	segmenter_flush(r->s);
	assert_int_equal(r->n, 1);
	run_free(r);
}

static void late_audio_begins_at_an_idr_with_a_discontinuity(void **state)
{
	struct run *r = run_with(&defaults, true, false);

	play(r, 0, 3000, 1000, true, false);
	set_tracks(r, NULL, "1190");
	play(r, 3000, 6000, 1000, true, true);
	segmenter_flush(r->s);
	assert_false(r->seen[0].info.discontinuity);
	assert_int_equal(total(r, TRACK_VIDEO), 150);
	/* the IDR at 4000 is the first after audio was there */
	assert_int_equal(r->seen[1].info.duration_90k, 180000);
	assert_true(r->seen[2].info.discontinuity);
	assert_string_equal(r->seen[2].info.codecs, "avc1.64001e,mp4a.40.2");
	assert_int_equal(r->seen[2].info.start_pts_90k, BASE_90K + 4000 * 90);
	assert_true(r->seen[2].in.audio_first_pts_90k < BASE_90K + 4022 * 90);
	assert_int_equal(total_90k(r), 6000 * 90);
	run_free(r);
}

static void late_video_ends_the_audio_segment(void **state)
{
	struct run *r = run_with(&defaults, false, true);

	play(r, 0, 3000, 2000, false, true);
	set_tracks(r, AVCC_640X358, NULL);
	assert_int_equal(push(r, TRACK_VIDEO, 2960, 0, false, 100), -1);
	play(r, 3000, 5000, 2000, true, true);
	segmenter_flush(r->s);
	assert_int_equal(r->n, 3);
	assert_true(r->seen[2].info.discontinuity && r->seen[2].info.independent);
	assert_int_equal(r->seen[2].info.n_video, 50);
	run_free(r);
}

static void video_that_stops_leaves_an_audio_stream(void **state)
{
	struct run *r = run_with(&defaults, true, true);

	play(r, 0, 3000, 1000, true, true);
	play(r, 3000, 12000, 1000, false, true);
	assert_true(r->n >= 3);
	assert_true(r->seen[2].info.discontinuity);
	assert_int_equal(r->seen[2].info.n_video, 0);
	play(r, 12000, 14000, 1000, true, true);
	segmenter_flush(r->s);
	assert_true(r->seen[r->n - 1].info.discontinuity);
	assert_int_equal(r->seen[r->n - 1].info.n_video, 50);
	assert_int_equal(total(r, TRACK_AUDIO), r->n_pushed[TRACK_AUDIO]);
	run_free(r);
}

static void audio_far_from_the_video_is_refused(void **state)
{
	struct run *r = run_with(&defaults, true, true);
	int64_t t;

	play(r, 0, 2000, 2000, true, true);
	/* a microphone with a clock of its own: 40 s ahead for good */
	for (t = 2000; t < 10000; t += 40) {
		push(r, TRACK_VIDEO, t, 0, t % 2000 == 0, 100);
		push(r, TRACK_AUDIO, t + 40000, 0, true, 50);
	}
	segmenter_flush(r->s);
	/* one discontinuity where it jumped, then the video goes on alone */
	assert_int_equal(r->n, 5);
	assert_false(r->seen[1].info.discontinuity);
	assert_true(r->seen[2].info.discontinuity);
	assert_false(r->seen[3].info.discontinuity || r->seen[4].info.discontinuity);
	assert_int_equal(total(r, TRACK_VIDEO), 250);
	assert_true(r->n_refused > 100);
	run_free(r);
}

static void jump_of_the_source_is_a_discontinuity(void **state)
{
	/* forward, back, and back to zero as after a restart */
	static const int64_t to_ms[] = { 60000, 3000, 0 };
	size_t i;

	for (i = 0; i < 3; i++) {
		struct run *r = run_with(&defaults, true, true);

		play(r, 20000, 25000, 2000, true, true);
		play(r, to_ms[i], to_ms[i] + 3000, 2000, true, true);
		segmenter_flush(r->s);
		assert_int_equal(r->n, 5);
		assert_int_equal(r->seen[2].info.duration_90k, 90000);
		assert_true(r->seen[3].info.discontinuity && r->seen[3].info.independent);
		assert_false(r->seen[2].info.discontinuity || r->seen[4].info.discontinuity);
		assert_int_equal(r->seen[3].info.start_pts_90k, BASE_90K + to_ms[i] * 90);
		assert_true(r->seen[3].in.audio_first_pts_90k < BASE_90K + to_ms[i] * 90 + 2000);
		assert_int_equal(total(r, TRACK_VIDEO), r->n_pushed[TRACK_VIDEO]);
		assert_int_equal(total(r, TRACK_AUDIO), r->n_pushed[TRACK_AUDIO]);
		run_free(r);
	}
}

static void audio_that_jumps_first_waits_for_the_video(void **state)
{
	struct run *r = run_with(&defaults, true, true);
	int i;

	play(r, 20000, 22520, 2000, true, true);
	for (i = 0; i < 5; i++)
		push(r, TRACK_AUDIO, 100000 + i * 21, 0, true, 77);
	play(r, 100000, 102000, 2000, true, false);
	/* and audio of the old line that comes late is not mixed in */
	push(r, TRACK_AUDIO, 22500, 0, true, 77);
	segmenter_flush(r->s);
	assert_int_equal(r->n, 3);
	assert_true(r->seen[2].info.discontinuity);
	assert_int_equal(r->seen[2].info.n_audio, 5);
	assert_int_equal(r->seen[2].in.audio_first_pts_90k, BASE_90K + 100000 * 90);
	assert_int_equal(r->seen[1].info.n_video, 13);
	run_free(r);
}

static void jump_into_the_middle_of_a_gop_is_served_but_not_transcoded(void **state)
{
	struct run *r = run_with(&defaults, true, false);
	int64_t t;

	play(r, 0, 3000, 2000, true, false);
	for (t = 60000; t < 61000; t += 40)
		push(r, TRACK_VIDEO, t, 0, false, 100);
	play(r, 61000, 63000, 2000, true, false);
	segmenter_flush(r->s);
	assert_int_equal(r->n, 4);
	assert_true(r->seen[2].info.discontinuity);
	assert_false(r->seen[2].info.independent || r->seen[2].info.transcodable);
	assert_int_equal(r->seen[2].info.duration_90k, 90000);
	/* the next IDR ends it, however short it is */
	assert_true(r->seen[3].info.independent && !r->seen[3].info.discontinuity);
	run_free(r);
}

static void small_steps_back_are_repaired(void **state)
{
	struct run *r = run_with(&defaults, true, true);
	int i;

	for (i = 0; i < 100; i++) {
		/* every tenth frame is 300 ms early, some twice the same */
		int64_t t = i * 40 - (i % 10 == 5 ? 300 : i % 10 == 7 ? 40 : 0);

		push(r, TRACK_VIDEO, t, 0, i % 50 == 0, 200);
		push(r, TRACK_AUDIO, i * 40 - (i % 10 == 3 ? 200 : 0), 0, true, 50);
	}
	segmenter_flush(r->s);
	assert_int_equal(r->n, 2);
	assert_int_equal(total(r, TRACK_VIDEO), 100);
	assert_int_equal(total(r, TRACK_AUDIO), 100);
	assert_false(r->seen[1].info.discontinuity);
	run_free(r);
}

static void new_parameters_begin_with_their_key_frame(void **state)
{
	struct run *r = run_with(&defaults, true, true);

	play(r, 0, 3000, 2000, true, true);
	set_tracks(r, AVCC_640X358, "1190");	/* the same again: nothing happens */
	set_tracks(r, AVCC_320X240, NULL);
	assert_int_equal(push(r, TRACK_VIDEO, 3000, 0, false, 100), -1);
	push(r, TRACK_VIDEO, 3040, 0, true, 100);
	assert_int_equal(r->n, 2);
	assert_int_equal(r->seen[1].info.duration_90k, 1040 * 90);
	push(r, TRACK_AUDIO, 3040, 0, true, 100);
	segmenter_flush(r->s);
	assert_true(r->seen[2].info.discontinuity);
	assert_int_equal(r->seen[2].info.width, 320);
	assert_int_equal(r->seen[2].in.width, 320);
	assert_string_equal(r->seen[2].in.codecs, r->seen[2].info.codecs);
	run_free(r);
}

static void new_audio_parameters_apply_at_once_and_mark_the_next_segment(void **state)
{
	struct run *r = run_with(&defaults, true, true);

	play(r, 0, 1000, 2000, true, true);
	set_tracks(r, NULL, ASC_44100);
	push(r, TRACK_AUDIO, 1010, 0, true, 99);
	push(r, TRACK_VIDEO, 2000, 0, true, 100);
	push(r, TRACK_AUDIO, 2010, 0, true, 99);
	segmenter_flush(r->s);
	assert_int_equal(r->n, 2);
	assert_true(r->seen[1].info.discontinuity);
	assert_int_equal(total(r, TRACK_AUDIO), r->n_pushed[TRACK_AUDIO]);
	run_free(r);
}

static void without_an_idr_segments_are_cut_at_16_s_and_not_transcodable(void **state)
{
	struct run *r = run_with(&defaults, true, false);
	int64_t t;

	for (t = 0; t < 40000; t += 40)
		push(r, TRACK_VIDEO, t, t % 80 ? 80 : 0, t == 0, 100);
	play(r, 40000, 44000, 2000, true, false);
	segmenter_flush(r->s);
	assert_int_equal(r->n, 5);
	assert_int_equal(r->seen[0].info.duration_90k, 16000 * 90);
	assert_true(r->seen[0].info.independent && !r->seen[0].info.transcodable);
	assert_false(r->seen[1].info.independent || r->seen[1].info.transcodable);
	assert_int_equal(r->seen[2].info.duration_90k, 8000 * 90);
	assert_false(r->seen[2].info.transcodable);
	assert_true(r->seen[3].info.independent && r->seen[3].info.transcodable);
	assert_int_equal(total_90k(r), 44000 * 90);
	assert_int_equal(total(r, TRACK_VIDEO), 1100);
	run_free(r);
}

static void segment_stays_below_its_byte_limit(void **state)
{
	struct segmenter_opts opts = { 2000, 16000, 1 << 20, 0 };
	struct run *r = run_with(&opts, true, false);
	int i;

	for (i = 0; i < 50; i++)
		push(r, TRACK_VIDEO, i * 40, 0, i == 0, 50000);
	segmenter_flush(r->s);
	assert_int_equal(r->n, 3);
	assert_int_equal(total(r, TRACK_VIDEO), 50);
	for (i = 0; i < 3; i++) {
		assert_true(r->seen[i].bytes <= 1 << 20);
		assert_false(r->seen[i].info.transcodable);
	}
	/* a frame that no segment could hold */
	assert_int_equal(push(r, TRACK_VIDEO, 2000, 0, true, 600000), -1);
	run_free(r);
}

static void break_lets_another_source_go_on(void **state)
{
	struct run *r = run_with(&defaults, true, true);

	play(r, 50000, 53000, 2000, true, true);
	segmenter_break(r->s);
	assert_int_equal(r->n, 2);
	/* the next source has no audio, another size, and begins at 0 */
	set_tracks(r, AVCC_320X240, NULL);
	play(r, 0, 2000, 2000, true, false);
	segmenter_flush(r->s);
	assert_int_equal(r->n, 3);
	assert_int_equal(r->seen[2].info.sequence, 2);
	assert_true(r->seen[2].info.discontinuity);
	assert_string_equal(r->seen[2].info.codecs, "avc1.42c00d");
	run_free(r);
}

static void numbers_that_go_on_begin_with_a_discontinuity(void **state)
{
	struct segmenter_opts opts = { 2000, 16000, 32 << 20, 17 };
	struct run *r = run_with(&opts, true, true);

	play(r, 0, 1000, 2000, true, true);
	segmenter_flush(r->s);
	assert_int_equal(r->seen[0].info.sequence, 17);
	assert_true(r->seen[0].info.discontinuity);
	run_free(r);
}

static void times_past_33_bits_go_on(void **state)
{
	struct run *r = run_with(&defaults, true, true);
	int64_t at = ((INT64_C(1) << 33) - BASE_90K) / 90 - 3000;

	play(r, at, at + 6000, 2000, true, true);
	segmenter_flush(r->s);
	assert_int_equal(r->n, 3);
	assert_int_equal(total_90k(r), 6000 * 90);
	assert_int_equal(r->seen[2].info.start_pts_90k,
			 ((at + 4000) * 90 + BASE_90K) & ((INT64_C(1) << 33) - 1));
	assert_int_equal(r->seen[2].info.start_pts_90k, r->seen[2].in.first_pts_90k);
	assert_false(r->seen[1].info.discontinuity || r->seen[2].info.discontinuity);
	run_free(r);
}

static void bad_packets_are_refused_and_the_stream_goes_on(void **state)
{
	struct run *r = run_with(&defaults, true, true);
	uint8_t au[64];
	struct media_packet p = { .data = au, .key = true };
	struct track_config bad = { .codec = CODEC_H264, .extra_len = 3 }, vp8 = { .codec = CODEC_VP8 };
	struct err err;

	play(r, 0, 1000, 2000, true, true);
	p.len = fake_au(au, true, 20, 0) - 3;
	assert_int_equal(segmenter_push(r->s, &p, &err), -1);
	p.len = 0;
	assert_int_equal(segmenter_push(r->s, &p, &err), -1);
	p.len = fake_au(au, true, 20, 0);
	p.pts_90k = INT64_MAX;
	assert_int_equal(segmenter_push(r->s, &p, &err), -1);
	p.pts_90k = 11 * 90000;		/* 11 s of reordering */
	assert_int_equal(segmenter_push(r->s, &p, &err), -1);
	au[4] = 6;			/* SEI alone */
	p.pts_90k = 0;
	assert_int_equal(segmenter_push(r->s, &p, &err), -1);
	assert_int_equal(segmenter_set_track(r->s, TRACK_VIDEO, &bad, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(segmenter_set_track(r->s, TRACK_VIDEO, &vp8, &err), -1);
	assert_int_equal(segmenter_set_track(r->s, TRACK_AUDIO, &bad, &err), -1);
	play(r, 1000, 2000, 40000, true, true);
	segmenter_flush(r->s);
	assert_int_equal(r->seen[r->n - 1].info.n_audio + r->seen[0].info.n_audio > 90, 1);
	assert_int_equal(total(r, TRACK_VIDEO), 50);
	run_free(r);
}

static void packet_before_parameters_is_refused(void **state)
{
	struct run *r = run_with(&defaults, false, false);

	assert_int_equal(push(r, TRACK_VIDEO, 0, 0, true, 10), -1);
	segmenter_flush(r->s);
	assert_int_equal(r->n, 0);
	run_free(r);
}

static void key_flag_of_the_source_is_not_trusted(void **state)
{
	struct run *r = run_with(&defaults, true, false);
	uint8_t au[64];
	struct media_packet p = { .data = au, .key = true, .dts_90k = 2000 * 90, .pts_90k = 2000 * 90 };

	play(r, 0, 2000, 2000, true, false);
	p.len = fake_au(au, false, 20, 0);	/* a recovery point, called key */
	assert_int_equal(segmenter_push(r->s, &p, NULL), 0);
	assert_int_equal(r->n, 0);
	run_free(r);
}

static void av1_with_opus_goes_into_fmp4(void **state)
{
	struct run *r = run_with(&defaults, false, false);
	struct track_config v = config_of(CODEC_AV1, AV1C_640X358), a = config_of(CODEC_OPUS, OPUS_HEAD);
	uint8_t frame[600] = { 0x12, 0 }, opus[80] = { 0xfc };	/* CELT, 20 ms, stereo */
	struct media_packet p = { .data = frame, .len = sizeof(frame) },
			    q = { .track = TRACK_AUDIO, .data = opus, .len = sizeof(opus) };
	unsigned i, n_audio = 0;

	assert_int_equal(segmenter_set_track(r->s, TRACK_VIDEO, &v, NULL), 0);
	assert_int_equal(segmenter_set_track(r->s, TRACK_AUDIO, &a, NULL), 0);
	for (i = 0; i < 150; i++) {
		p.dts_90k = p.pts_90k = i * 3600;
		p.key = i % 50 == 0;
		assert_int_equal(segmenter_push(r->s, &p, NULL), 0);
		for (; n_audio < 2 * i; n_audio++) {
			q.dts_90k = q.pts_90k = n_audio * 1800;
			assert_int_equal(segmenter_push(r->s, &q, NULL), 0);
		}
	}
	segmenter_flush(r->s);
	assert_int_equal(r->n, 3);
	assert_int_equal(total(r, TRACK_VIDEO), 150);
	assert_int_equal(total(r, TRACK_AUDIO), n_audio);
	for (i = 0; i < 3; i++) {
		const struct seen *s = &r->seen[i];

		assert_int_equal(s->info.container, CONTAINER_FMP4);
		assert_true(s->info.init_len > 500);
		assert_string_equal(s->info.codecs, "av01.0.01M.08,opus");
		assert_string_equal(s->in.codecs, s->info.codecs);
		assert_int_equal(s->in.first_pts_90k, s->info.start_pts_90k);
		assert_int_equal(s->in.duration_90k, 180000);
		assert_int_equal(s->in.audio_duration_90k, s->info.n_audio * 1800);
		assert_int_equal(s->info.fps_num, 25);	/* measured: av1C is silent */
		assert_int_equal(s->info.fps_den, 1);
	}
	run_free(r);
}

static void ntsc_rate_is_recognised_when_measured(void **state)
{
	struct run *r = run_with(&defaults, false, false);
	struct track_config v = config_of(CODEC_AV1, AV1C_640X358);
	uint8_t frame[60] = { 0x12, 0 };
	struct media_packet p = { .data = frame, .len = sizeof(frame) };
	unsigned i;

	assert_int_equal(segmenter_set_track(r->s, TRACK_VIDEO, &v, NULL), 0);
	for (i = 0; i < 120; i++) {
		p.dts_90k = p.pts_90k = (i * 1001 / 30) * 90;	/* rounded to ms */
		p.key = i % 60 == 0;
		assert_int_equal(segmenter_push(r->s, &p, NULL), 0);
	}
	segmenter_flush(r->s);
	assert_int_equal(r->seen[0].info.fps_num, 30000);
	assert_int_equal(r->seen[0].info.fps_den, 1001);
	run_free(r);
}

static void bytes_come_in_pieces(void **state)
{
	struct run *r = run_with(&defaults, true, true);
	int64_t t;

	for (t = 0; t < 2000; t += 40) {
		push(r, TRACK_VIDEO, t, 0, t == 0, 20000);
		push(r, TRACK_AUDIO, t, 0, true, 100);
	}
	assert_int_equal(r->n, 0);
	assert_true(r->bytes.len > 800000);	/* most of it is out before the end */
	assert_true(r->largest_piece < 64 << 10);
	run_free(r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments_end_at_the_idr_and_lose_nothing),
		cmocka_unit_test(segment_is_there_the_moment_its_last_idr_arrives),
		cmocka_unit_test(idr_is_taken_at_or_after_the_target),
		cmocka_unit_test(b_frames_and_negative_offsets_keep_presentation_times),
		cmocka_unit_test(audio_early_and_late_goes_to_the_right_segment),
		cmocka_unit_test(audio_times_are_free_of_millisecond_jitter),
		cmocka_unit_test(video_alone_and_audio_alone_start_after_a_wait),
		cmocka_unit_test(short_stream_is_not_lost),
		cmocka_unit_test(late_audio_begins_at_an_idr_with_a_discontinuity),
		cmocka_unit_test(late_video_ends_the_audio_segment),
		cmocka_unit_test(video_that_stops_leaves_an_audio_stream),
		cmocka_unit_test(audio_far_from_the_video_is_refused),
		cmocka_unit_test(jump_of_the_source_is_a_discontinuity),
		cmocka_unit_test(audio_that_jumps_first_waits_for_the_video),
		cmocka_unit_test(jump_into_the_middle_of_a_gop_is_served_but_not_transcoded),
		cmocka_unit_test(small_steps_back_are_repaired),
		cmocka_unit_test(new_parameters_begin_with_their_key_frame),
		cmocka_unit_test(new_audio_parameters_apply_at_once_and_mark_the_next_segment),
		cmocka_unit_test(without_an_idr_segments_are_cut_at_16_s_and_not_transcodable),
		cmocka_unit_test(segment_stays_below_its_byte_limit),
		cmocka_unit_test(break_lets_another_source_go_on),
		cmocka_unit_test(numbers_that_go_on_begin_with_a_discontinuity),
		cmocka_unit_test(times_past_33_bits_go_on),
		cmocka_unit_test(bad_packets_are_refused_and_the_stream_goes_on),
		cmocka_unit_test(packet_before_parameters_is_refused),
		cmocka_unit_test(key_flag_of_the_source_is_not_trusted),
		cmocka_unit_test(av1_with_opus_goes_into_fmp4),
		cmocka_unit_test(ntsc_rate_is_recognised_when_measured),
		cmocka_unit_test(bytes_come_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
