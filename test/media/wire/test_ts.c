/* The multiplexer and the demultiplexer against each other, and each against bytes. */
#include "test/test.h"

#include "base/buf.h"
#include "base/err.h"
#include "media/wire/ts.h"
#include "media/wire/tsdemux.h"
#include "media/wire/tsmux.h"
#include "test/media/wire/fake.h"

#define MAX_UNITS 600

struct unit {
	struct ts_unit u;
	uint8_t head[64];	/* of the data */
	uint64_t sum;
};

struct got {
	struct unit units[MAX_UNITS];
	unsigned n;
};

static uint64_t sum_of(const uint8_t *p, size_t len)
{
	uint64_t sum = 14695981039346656037u;

	for (; len > 0; len--)
		sum = (sum ^ *p++) * 1099511628211u;
	return sum;
}

static void on_unit(void *arg, const struct ts_unit *u)
{
	struct got *g = arg;
	struct unit *to = &g->units[g->n];

	assert_true(g->n < MAX_UNITS);
	to->u = *u;
	memcpy(to->head, u->data, u->len < sizeof(to->head) ? u->len : sizeof(to->head));
	to->sum = sum_of(u->data, u->len);
	g->n++;
}

/* Demultiplex in pushes of step bytes; the answer is whether there was damage. */
static bool demux(struct got *g, const uint8_t *data, size_t len, size_t step)
{
	struct ts_demux *d = ts_demux_new(on_unit, g);
	struct err err = { .msg = "" };
	size_t at, n;
	bool damaged;

	g->n = 0;
	for (at = 0; at < len; at += n) {
		n = step < len - at ? step : len - at;
		if (ts_demux_push(d, data + at, n, &err) < 0)
			fail_msg("%s", err.msg);
	}
	ts_demux_flush(d);
	damaged = ts_demux_had_damage(d);
	ts_demux_free(d);
	return damaged;
}

static struct tsmux *mux_of(bool video, bool audio)
{
	struct track_config v = config_of(CODEC_H264, AVCC_640X358), a = config_of(CODEC_AAC, ASC_44100);
	struct tsmux *m = tsmux_new();

	assert_int_equal(params_parse(&a, NULL), 0);
	assert_int_equal(tsmux_set_track(m, TRACK_VIDEO, video ? &v : NULL, NULL), 0);
	assert_int_equal(tsmux_set_track(m, TRACK_AUDIO, audio ? &a : NULL, NULL), 0);
	return m;
}

static void put_video(struct tsmux *m, struct buf *out, bool key, size_t len, int64_t pts, int64_t dts)
{
	static uint8_t au[200000];
	struct tsmux_au a = { .data = au, .len = fake_au(au, key, len, (unsigned)dts), .len_size = 4,
			      .pts_90k = pts, .dts_90k = dts, .key = key };

	assert_true(tsmux_video(m, out, &a));
}

/* One second of 30 fps with a reordered pair, and AAC beside it. */
static void put_second(struct tsmux *m, struct buf *out, int64_t at)
{
	uint8_t frame[400];
	int i, a = 0;

	for (i = 0; i < 30; i++) {
		int64_t dts = at + i * 3000;

		put_video(m, out, i == 0, i == 0 ? 70000 : 100 + (size_t)i * 53,
			  dts + (i % 3 == 1 ? 9000 : 3000), dts);
		for (; a * INT64_C(92160000) / 44100 <= i * 3000; a++) {
			fake_fill(frame, sizeof(frame), (unsigned)a);
			assert_true(tsmux_audio(m, out, frame, 200 + (size_t)a,
						at + a * INT64_C(92160000) / 44100));
		}
	}
	tsmux_flush(m, out);
}

static void what_is_muxed_comes_back(void **state)
{
	static const size_t steps[] = { 1 << 20, 188, 1316, 1, 187, 4096 };
	static struct got g;
	struct tsmux *m = mux_of(true, true);
	uint8_t au[100000], frame[400];
	struct buf out;
	unsigned v, a, i;
	size_t s, len;

	buf_init(&out, 4 << 20);
	tsmux_begin(m, &out, true);
	put_second(m, &out, 126000);
	assert_int_equal(out.len % TS_PACKET, 0);
	for (s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
		assert_false(demux(&g, out.data, out.len, steps[s]));
		for (i = v = a = 0; i < g.n; i++) {
			const struct unit *u = &g.units[i];

			assert_false(u->u.damaged);
			if (u->u.track == TRACK_VIDEO) {
				int64_t dts = 126000 + v * 3000;

				assert_int_equal(u->u.codec, CODEC_H264);
				assert_int_equal(u->u.dts_90k, dts);
				assert_int_equal(u->u.pts_90k, dts + (v % 3 == 1 ? 9000 : 3000));
				assert_int_equal(u->u.key, v == 0);
				/* AUD first, then SPS where it is an IDR, then the slice as it was */
				assert_memory_equal(u->head, "\0\0\0\1\x09\xf0\0\0\0\1", 10);
				assert_int_equal(u->head[10], v == 0 ? 0x67 : 0x41);
				len = fake_au(au, v == 0, v == 0 ? 70000 : 100 + (size_t)v * 53, (unsigned)dts);
				if (v > 0) {
					memcpy(au, "\0\0\0\1", 4);
					memmove(au + 6, au, len);
					memcpy(au, "\0\0\0\1\x09\xf0", 6);
					assert_int_equal(u->u.len, len + 6);
					assert_int_equal(u->sum, sum_of(au, len + 6));
				}
				v++;
			} else {
				fake_fill(frame, sizeof(frame), a);
				assert_int_equal(u->u.codec, CODEC_AAC);
				assert_int_equal(u->u.len, 200 + a);
				assert_int_equal(u->sum, sum_of(frame, 200 + a));
				assert_in_range(u->u.pts_90k - 126000 - a * INT64_C(92160000) / 44100 + 1, 0, 2);
				assert_int_equal(u->u.sample_rate, 44100);
				assert_int_equal(u->u.channels, 2);
				assert_memory_equal(u->u.asc, "\x12\x10", 2);
				a++;
			}
		}
		assert_int_equal(v, 30);
		assert_int_equal(a, 42);
	}
	buf_fini(&out);
	tsmux_free(m);
}

static void times_wrap_at_33_bits(void **state)
{
	static struct got g;
	struct tsmux *m = mux_of(true, false);
	int64_t at = (INT64_C(1) << 33) - 3000;
	struct buf out;

	buf_init(&out, 1 << 20);
	tsmux_begin(m, &out, true);
	put_video(m, &out, true, 100, at, at);
	put_video(m, &out, false, 100, at + 6000, at + 3000);
	demux(&g, out.data, out.len, 188);
	assert_int_equal(g.n, 2);
	assert_int_equal(g.units[0].u.pts_90k, at);
	assert_int_equal(g.units[1].u.pts_90k, 3000);
	assert_int_equal(g.units[1].u.dts_90k, 0);
	buf_fini(&out);
	tsmux_free(m);
}

/* ---- packet facts, read from the bytes ---- */

struct facts {
	int last_cc[8192];
	bool first_has_indicator[8192];
	int64_t last_pcr, widest_pcr;
	unsigned n_random, n_pcr;
};

static void read_facts(struct facts *f, const uint8_t *data, size_t len)
{
	int pid, want;
	int64_t pcr;

	for (; len > 0; data += TS_PACKET, len -= TS_PACKET) {
		assert_int_equal(data[0], 0x47);
		pid = (data[1] & 31) << 8 | data[2];
		if (pid == 0x1fff)	/* null packets do not count */
			continue;
		if (f->last_cc[pid] == -1)
			f->first_has_indicator[pid] = data[3] & 0x20 && data[4] > 0 && data[5] & 0x80;
		want = data[3] & 0x10 ? (f->last_cc[pid] + 1) & 15 : f->last_cc[pid];
		assert_int_equal(data[3] & 15, want);
		f->last_cc[pid] = want;
		if (!(data[3] & 0x20) || data[4] == 0)
			continue;
		f->n_random += (data[5] & 0x40) != 0;
		if (!(data[5] & 0x10))
			continue;
		pcr = (int64_t)data[6] << 25 | data[7] << 17 | data[8] << 9 | data[9] << 1 | data[10] >> 7;
		if (f->n_pcr++ > 0 && pcr - f->last_pcr > f->widest_pcr)
			f->widest_pcr = pcr - f->last_pcr;
		f->last_pcr = pcr;
	}
}

static void facts_init(struct facts *f)
{
	memset(f, 0, sizeof(*f));
	memset(f->last_cc, 0xff, sizeof(f->last_cc));
}

static void fresh_segment_counts_from_0_and_tells_it(void **state)
{
	static const int pids[] = { 0, 0x1000, 0x100, 0x101 };
	static struct facts f;
	struct tsmux *m = mux_of(true, true);
	struct buf out, again;
	size_t i, n;

	buf_init(&out, 4 << 20);
	buf_init(&again, 4 << 20);
	tsmux_begin(m, &out, true);
	put_second(m, &out, 126000);
	n = out.len;
	facts_init(&f);
	read_facts(&f, out.data, out.len);
	for (i = 0; i < 4; i++)
		assert_true(f.first_has_indicator[pids[i]]);
	assert_int_equal(f.n_random, 1);
	assert_true(f.widest_pcr <= 9000);
	/* the next one runs on, without a word */
	tsmux_begin(m, &out, false);
	put_second(m, &out, 216000);
	read_facts(&f, out.data + n, out.len - n);
	assert_true(f.widest_pcr <= 9000);
	/* and a fresh one has the same bytes as the first: a pure function of its input */
	tsmux_begin(m, &again, true);
	put_second(m, &again, 126000);
	assert_int_equal(again.len, n);
	assert_memory_equal(again.data, out.data, n);
	buf_fini(&out);
	buf_fini(&again);
	tsmux_free(m);
}

static void slow_video_still_has_a_pcr_each_100_ms(void **state)
{
	static struct facts f;
	struct tsmux *m = mux_of(true, false);
	struct buf out;
	int i;

	buf_init(&out, 1 << 20);
	tsmux_begin(m, &out, true);
	for (i = 0; i < 4; i++)
		put_video(m, &out, i == 0, 500, 200000 + i * 90000, 200000 + i * 90000);
	facts_init(&f);
	read_facts(&f, out.data, out.len);
	assert_int_equal(f.widest_pcr, 9000);
	assert_int_equal(f.last_pcr, 200000 + 3 * 90000 - TSMUX_PCR_DELAY_90K);
	buf_fini(&out);
	tsmux_free(m);
}

static void audio_alone_carries_the_pcr(void **state)
{
	static struct facts f;
	static struct got g;
	struct tsmux *m = mux_of(false, true);
	uint8_t frame[300];
	struct buf out;
	int i;

	buf_init(&out, 1 << 20);
	tsmux_begin(m, &out, true);
	fake_fill(frame, sizeof(frame), 1);
	for (i = 0; i < 100; i++)
		assert_true(tsmux_audio(m, &out, frame, sizeof(frame), 126000 + i * INT64_C(92160000) / 44100));
	tsmux_flush(m, &out);
	facts_init(&f);
	read_facts(&f, out.data, out.len);
	assert_true(f.n_pcr >= 23 && f.widest_pcr <= 9000);
	assert_false(demux(&g, out.data, out.len, 188));
	assert_int_equal(g.n, 100);
	buf_fini(&out);
	tsmux_free(m);
}

static void hole_in_audio_begins_a_new_pes(void **state)
{
	static struct got g;
	struct tsmux *m = mux_of(false, true);
	uint8_t frame[50] = { 1 };
	struct buf out;

	buf_init(&out, 1 << 20);
	tsmux_begin(m, &out, true);
	tsmux_audio(m, &out, frame, 50, 100000);
	tsmux_audio(m, &out, frame, 50, 105000);	/* expected at 102089 */
	tsmux_flush(m, &out);
	demux(&g, out.data, out.len, 188);
	assert_int_equal(g.n, 2);
	assert_int_equal(g.units[1].u.pts_90k, 105000);
	buf_fini(&out);
	tsmux_free(m);
}

static void annexb_unit_is_taken_as_it_stands(void **state)
{
	static const uint8_t au[] = "\0\0\0\1\x09\x10\0\0\0\1\x67\x42\0\x1e\0\0\1\x65\x88\1\2\3";
	static const uint8_t want[] = "\0\0\0\1\x09\xf0\0\0\0\1\x67\x42\0\x1e\0\0\1\x65\x88\1\2\3";
	static struct got g;
	struct tsmux *m = mux_of(true, false);
	struct tsmux_au a = { .data = au, .len = sizeof(au) - 1, .pts_90k = 90000, .dts_90k = 90000,
			      .key = true };
	struct buf out;

	buf_init(&out, 1 << 20);
	tsmux_begin(m, &out, true);
	assert_true(tsmux_video(m, &out, &a));
	demux(&g, out.data, out.len, 188);
	assert_int_equal(g.n, 1);
	/* its AUD is replaced, its own SPS is enough */
	assert_int_equal(g.units[0].u.len, sizeof(want) - 1);
	assert_memory_equal(g.units[0].head, want, sizeof(want) - 1);
	a.len = 6;	/* nothing but an AUD */
	assert_false(tsmux_video(m, &out, &a));
	buf_fini(&out);
	tsmux_free(m);
}

static void damaged_unit_is_not_muxed(void **state)
{
	struct tsmux *m = mux_of(true, true);
	uint8_t au[100];
	struct tsmux_au a = { .data = au, .len_size = 4, .key = true };
	struct buf out;
	size_t n;

	buf_init(&out, 1 << 20);
	tsmux_begin(m, &out, true);
	n = out.len;
	a.len = fake_au(au, true, 50, 1) - 1;
	assert_false(tsmux_video(m, &out, &a));
	a.len = 0;
	assert_false(tsmux_video(m, &out, &a));
	assert_false(tsmux_audio(m, &out, au, 0, 0));
	tsmux_flush(m, &out);
	assert_int_equal(out.len, n);
	buf_fini(&out);
	tsmux_free(m);
}

static void ts_does_not_carry_opus_or_av1(void **state)
{
	struct track_config o = config_of(CODEC_OPUS, OPUS_HEAD), a = config_of(CODEC_AV1, AV1C_640X358);
	struct tsmux *m = tsmux_new();
	struct err err;

	assert_int_equal(tsmux_set_track(m, TRACK_AUDIO, &o, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(tsmux_set_track(m, TRACK_VIDEO, &a, &err), -1);
	tsmux_free(m);
}

/* ---- foreign TS ---- */

static void sample_ts(struct buf *out)
{
	struct tsmux *m = mux_of(true, true);

	buf_init(out, 4 << 20);
	tsmux_begin(m, out, true);
	put_second(m, out, 126000);
	tsmux_free(m);
}

static void lost_packet_damages_its_unit_only(void **state)
{
	static struct got g;
	struct buf b;
	unsigned i, n_damaged = 0;
	size_t at;

	sample_ts(&b);
	/* a packet in the middle of the first (large) picture */
	at = 40 * TS_PACKET;
	memmove(b.data + at, b.data + at + TS_PACKET, b.len - at - TS_PACKET);
	assert_true(demux(&g, b.data, b.len - TS_PACKET, 188));
	for (i = 0; i < g.n; i++)
		n_damaged += g.units[i].u.damaged;
	assert_int_equal(n_damaged, 1);
	assert_true(g.units[0].u.damaged);
	assert_int_equal(g.n, 72);
	buf_fini(&b);
}

static void repeated_packet_is_no_damage(void **state)
{
	static struct got g;
	struct buf b;
	size_t at = 40 * TS_PACKET;

	sample_ts(&b);
	buf_reserve(&b, TS_PACKET);
	memmove(b.data + at + TS_PACKET, b.data + at, b.len - at);
	assert_false(demux(&g, b.data, b.len + TS_PACKET, 188));
	assert_int_equal(g.n, 72);
	buf_fini(&b);
}

static void garbage_in_front_is_skipped_up_to_a_bound(void **state)
{
	static struct got g;
	static uint8_t junk[70000];
	struct ts_demux *d = ts_demux_new(on_unit, &g);
	struct err err;
	struct buf b;

	sample_ts(&b);
	g.n = 0;
	assert_int_equal(ts_demux_push(d, junk, 1000, &err), 0);
	assert_int_equal(ts_demux_push(d, b.data, b.len, &err), 0);
	ts_demux_flush(d);
	assert_int_equal(g.n, 72);
	assert_true(ts_demux_had_damage(d));
	assert_int_equal(ts_demux_push(d, junk, sizeof(junk), &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	ts_demux_free(d);
	buf_fini(&b);
}

static void truncation_anywhere_is_survived_and_seen(void **state)
{
	static struct got g;
	struct buf b;
	size_t len;

	sample_ts(&b);
	for (len = 0; len < b.len; len += 61) {
		bool damaged = demux(&g, b.data, len, 4096);

		if (len % TS_PACKET != 0)
			assert_true(damaged);
	}
	buf_fini(&b);
}

/* A PES packet with two access units and no AUD: split at the first slices. */
static void put_raw_pes(struct buf *b, const uint8_t *pes, size_t len, uint8_t pid_low)
{
	uint8_t p[TS_PACKET];

	assert_true(len <= 182);
	memset(p, 0xff, sizeof(p));
	p[0] = 0x47;
	p[1] = 0x41;
	p[2] = pid_low;
	p[3] = 0x30;
	p[4] = (uint8_t)(183 - len);
	p[5] = 0;
	memcpy(p + TS_PACKET - len, pes, len);
	buf_add(b, p, sizeof(p));
}

static void two_units_in_one_pes_are_parted(void **state)
{
	static const uint8_t pes[] = "\0\0\1\xe0\0\0\x80\x80\5\x21\0\1\x5f\x91"
		"\0\0\0\1\x67\x42\0\x1e\0\0\1\x68\1\0\0\1\x65\x88\1\0\0\1\x65\x08\2\0\0\1\x41\x9a\3";
	static struct got g;
	struct tsmux *m = mux_of(true, true);
	struct buf b;

	buf_init(&b, 1 << 20);
	tsmux_begin(m, &b, false);
	put_raw_pes(&b, pes, sizeof(pes) - 1, 0);
	demux(&g, b.data, b.len, 188);
	assert_int_equal(g.n, 2);
	assert_true(g.units[0].u.key);		/* of two slices */
	assert_int_equal(g.units[0].u.len, 25);
	assert_int_equal(g.units[0].u.pts_90k, 12232);
	assert_false(g.units[1].u.key);
	assert_int_equal(g.units[1].u.pts_90k, -1);
	assert_int_equal(g.units[1].u.len, 6);
	buf_fini(&b);
	tsmux_free(m);
}

static void adts_frame_across_two_pes_is_whole_again(void **state)
{
	/* frames of 20 bytes; the first PES ends 6 bytes into the second frame */
	static struct got g;
	struct tsmux *m = mux_of(true, true);
	struct track_config c = config_of(CODEC_AAC, ASC_44100);
	uint8_t es[60], pes[60] = "\0\0\1\xc0\0\x22\x80\x80\5\x21\0\7\xd8\x61";
	struct buf b;
	int i;

	for (i = 0; i < 3; i++) {
		assert_true(params_adts(es + 20 * i, &c, 13));
		memset(es + 20 * i + 7, i + 1, 13);
	}
	buf_init(&b, 1 << 20);
	tsmux_begin(m, &b, false);
	memcpy(pes + 14, es, 26);
	put_raw_pes(&b, pes, 40, 1);
	memcpy(pes + 14, es + 26, 34);
	pes[5] = 0x2a;
	pes[13] = 0xe1;		/* another time */
	put_raw_pes(&b, pes, 48, 1);
	b.data[b.len - TS_PACKET + 3] |= 1;
	assert_false(demux(&g, b.data, b.len, 188));
	assert_int_equal(g.n, 3);
	assert_int_equal(g.units[1].u.len, 13);
	assert_int_equal(g.units[1].head[0], 2);
	assert_int_equal(g.units[1].head[12], 2);
	/* the second frame began in the first PES, the third in the second */
	assert_int_equal(g.units[1].u.pts_90k, g.units[0].u.pts_90k + 2089);
	assert_int_equal(g.units[2].u.pts_90k, g.units[0].u.pts_90k + 64);
	buf_fini(&b);
	tsmux_free(m);
}

static void section_with_wrong_crc_is_ignored(void **state)
{
	static struct got g;
	struct buf b;

	sample_ts(&b);
	b.data[TS_PACKET + 15] ^= 1;	/* in the PMT, and in its copy */
	b.data[3 * TS_PACKET + 15] ^= 1;
	assert_true(demux(&g, b.data, b.len, 188));
	assert_int_equal(g.n, 0);
	buf_fini(&b);
}

/* libavformat's mpegps_probe takes more than six for a program stream before its
 * mpegts_probe is sure. */
static void still_pictures_do_not_look_like_a_program_stream(void **state)
{
	static const uint8_t frame[] = { 0, 0, 0, 2, 0x65, 0x88 };
	struct tsmux *m = tsmux_new();
	struct track_config c = config_of(CODEC_H264, AVCC_640X358);
	struct buf b;
	size_t i, n = 0;

	assert_int_equal(tsmux_set_track(m, TRACK_VIDEO, &c, NULL), 0);
	buf_init(&b, 1 << 20);
	tsmux_begin(m, &b, true);
	for (i = 0; i < 30; i++) {
		struct tsmux_au au = { .data = frame, .len = sizeof(frame), .len_size = 4,
				       .pts_90k = 200000 + (int64_t)i * 3000,
				       .dts_90k = 200000 + (int64_t)i * 3000, .key = i == 0 };

		assert_true(tsmux_video(m, &b, &au));
	}
	for (i = 0; i + 4 <= 2048; i++)
		n += memcmp(b.data + i, "\0\0\1\xe0", 4) == 0;
	assert_in_range(n, 1, 6);
	buf_fini(&b);
	tsmux_free(m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_muxed_comes_back),
		cmocka_unit_test(still_pictures_do_not_look_like_a_program_stream),
		cmocka_unit_test(times_wrap_at_33_bits),
		cmocka_unit_test(fresh_segment_counts_from_0_and_tells_it),
		cmocka_unit_test(slow_video_still_has_a_pcr_each_100_ms),
		cmocka_unit_test(audio_alone_carries_the_pcr),
		cmocka_unit_test(hole_in_audio_begins_a_new_pes),
		cmocka_unit_test(annexb_unit_is_taken_as_it_stands),
		cmocka_unit_test(damaged_unit_is_not_muxed),
		cmocka_unit_test(ts_does_not_carry_opus_or_av1),
		cmocka_unit_test(lost_packet_damages_its_unit_only),
		cmocka_unit_test(repeated_packet_is_no_damage),
		cmocka_unit_test(garbage_in_front_is_skipped_up_to_a_bound),
		cmocka_unit_test(truncation_anywhere_is_survived_and_seen),
		cmocka_unit_test(two_units_in_one_pes_are_parted),
		cmocka_unit_test(adts_frame_across_two_pes_is_whole_again),
		cmocka_unit_test(section_with_wrong_crc_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
