/*
 * Bytes are a program: what a source does.  Whatever it does, segments follow one
 * another, each within its limit and readable, and no frame is in two of them.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "media/wire/inspect.h"
#include "media/wire/segmenter.h"
#include "test/media/wire/fake.h"

#define MAX_BYTES (32 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct world {
	struct segmenter *s;
	struct rd in;
	struct buf bytes;		/* of the open segment */
	bool open;
	uint64_t next;			/* sequence that has to come */
	unsigned n_pushed[N_TRACKS], n_out[N_TRACKS];
	int64_t now[N_TRACKS];		/* dts of each track, 90 kHz */
	enum codec codec[N_TRACKS];
	struct segment_info begun;
};

static void on_begin(void *arg, const struct segment_info *info)
{
	struct world *w = arg;

	assert(!w->open);
	assert(info->sequence == w->next);
	w->open = true;
	w->begun = *info;
	buf_clear(&w->bytes);
}

static void on_data(void *arg, const uint8_t *data, size_t len)
{
	struct world *w = arg;

	assert(w->open && len > 0);
	assert(buf_add(&w->bytes, data, len));
}

static void on_end(void *arg, const struct segment_info *info)
{
	struct world *w = arg;
	struct inspect in;
	struct err err;

	assert(w->open);
	w->open = false;
	w->next++;
	assert(info->sequence == w->begun.sequence && info->init_len == w->begun.init_len);
	assert(info->discontinuity == w->begun.discontinuity);
	assert(info->duration_90k > 0);
	assert(info->n_video + info->n_audio > 0);
	assert(!info->transcodable || info->independent);
	if (info->transcodable)
		assert(w->bytes.len <= MAX_BYTES && info->duration_90k <= 4000 * 90);
	w->n_out[TRACK_VIDEO] += info->n_video;
	w->n_out[TRACK_AUDIO] += info->n_audio;
	assert(inspect_segment(&in, info->container == CONTAINER_FMP4, w->bytes.data, w->bytes.len,
			       &err) == 0);
	assert(!in.damaged);
	assert(in.n_video == info->n_video && in.n_audio == info->n_audio);
	assert(in.init_len == info->init_len);
	if (info->n_video)
		assert(in.starts_with_idr == info->independent);
}

static void set_track(struct world *w, enum track track, unsigned which)
{
	static const struct { enum codec codec; const char *hex; } t[N_TRACKS][4] = {
		{ { CODEC_H264, AVCC_640X358 }, { CODEC_H264, AVCC_320X240 }, { CODEC_AV1, AV1C_640X358 },
		  { CODEC_H264, AVCC_640X358 } },
		{ { CODEC_AAC, "1190" }, { CODEC_AAC, ASC_44100 }, { CODEC_OPUS, OPUS_HEAD },
		  { CODEC_MP3, "fffb9064" } },
	};
	struct track_config c = config_of(t[track][which & 3].codec, t[track][which & 3].hex);

	assert(segmenter_set_track(w->s, track, &c, NULL) == 0);
	w->codec[track] = c.codec;
}

static void push(struct world *w, enum track track, int64_t step_ms, int cts_ms, bool key, size_t len)
{
	static uint8_t bytes[1 << 17];
	struct media_packet p = { .track = track, .key = key, .data = bytes };

	w->now[track] += step_ms * 90;
	p.dts_90k = w->now[track];
	p.pts_90k = p.dts_90k + (track == TRACK_VIDEO ? cts_ms * 90 : 0);
	if (track == TRACK_VIDEO) {
		p.len = fake_au(bytes, key, len, (unsigned)len);
	} else {
		p.len = len % 600 + 4;
		fake_fill(bytes, p.len, 5);
		if (w->codec[TRACK_AUDIO] == CODEC_OPUS)
			bytes[0] = 0xfc;
		if (w->codec[TRACK_AUDIO] == CODEC_MP3) {
			p.len = 417;
			fake_fill(bytes, p.len, 5);
			memcpy(bytes, "\xff\xfb\x90\x64", 4);
		}
	}
	if (segmenter_push(w->s, &p, NULL) == 0)
		w->n_pushed[track]++;
}

/* Foreign bytes as a packet: a frame the muxer takes still has to be read back, so
 * only what it must refuse. */
static void push_broken(struct world *w)
{
	static const uint8_t bad[] = { 0, 0, 1, 0, 0x65, 0x88, 1 };
	struct media_packet p = { .data = bad, .len = sizeof(bad) };

	if (w->codec[TRACK_VIDEO] == CODEC_H264)
		assert(segmenter_push(w->s, &p, NULL) < 0);
	p.pts_90k = INT64_MIN;
	assert(segmenter_push(w->s, &p, NULL) < 0);
}

static void step(struct world *w)
{
	uint8_t op = rd_u8(&w->in), a = rd_u8(&w->in);
	enum track track = op & 8 ? TRACK_AUDIO : TRACK_VIDEO;

	switch (op & 7) {
	case 0:		/* the usual */
	case 1:
	case 2:
	case 3:
		push(w, track, (op >> 4 & 7) * 10, (a & 7) * 20, (a & 0x30) == 0, (size_t)(a + 1) * (op & 0x80 ? 50 : 1));
		break;
	case 4:		/* a step back, a negative offset */
		push(w, track, -(int64_t)a * 8, -(op >> 4) * 10, a & 1, 50);
		break;
	case 5:		/* a jump */
		push(w, track, ((int8_t)a) * INT64_C(500), 0, op & 0x10, 50);
		break;
	case 6:
		set_track(w, track, a);
		break;
	case 7:
		if (a < 128)
			push_broken(w);
		else if (a < 200)
			w->now[TRACK_AUDIO] = w->now[TRACK_VIDEO];
		else if (a < 240)
			segmenter_break(w->s);
		else
			segmenter_flush(w->s);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct segmenter_cb cb = { on_begin, on_data, on_end };
	static const struct segmenter_opts opts = { 500, 4000, MAX_BYTES, 5 };
	struct world w = { .next = 5 };

	if (len > 1500)
		return 0;
	w.in = rd_of(data, len);
	buf_init(&w.bytes, 16 << 20);
	w.s = segmenter_new(&opts, &cb, &w);
	while (w.in.left > 1)
		step(&w);
	segmenter_flush(w.s);
	assert(!w.open);
	assert(segmenter_next_sequence(w.s) == w.next);
	assert(w.n_out[TRACK_VIDEO] <= w.n_pushed[TRACK_VIDEO]);
	assert(w.n_out[TRACK_AUDIO] <= w.n_pushed[TRACK_AUDIO]);
	segmenter_free(w.s);
	buf_fini(&w.bytes);
	return 0;
}
