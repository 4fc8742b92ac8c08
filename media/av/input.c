/*
 * What a segment's units say before any is decoded.  All units are copied once,
 * because decoders want padding behind each; 1.6 MB cost 0.2 ms.  The frame rate and
 * the reorder depth come from the first units' time stamps instead of libavformat's
 * find_stream_info, which costs 45 ms (facts/media-limits 2c) or, on a stream that is
 * still coming, 0.8 s (facts/worker-spike 5).
 *
 * A reorder that is deeper than the first units show is no silent error: a decoder
 * that has given a picture too early drops those that should have come before it,
 * and the count of pictures against units refuses the segment.  Most encoders state
 * the depth in the SPS besides, which the decoder obeys.
 */
#include "media/av/input.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <libavutil/mathematics.h>
#include "base/err.h"
#include "base/mem.h"
#include "media/av/input_mp4.h"
#include "media/av/input_ts.h"
#include "media/av/ladder.h"
#include "media/wire/params.h"

#define FRAME_90K_DEFAULT 3000	/* one picture alone says nothing about its length */
#define SNAP 0.005		/* how far off a common rate stamps may be */

void input_init(struct input *in, uint64_t max_pixels)
{
	memset(in, 0, sizeof(*in));
	in->max_pixels = max_pixels;
}

/* Takes pkt, also on failure. */
static int track_add(struct input_track *t, AVPacket *pkt, size_t max, struct err *err)
{
	if (t->n == max) {
		av_packet_free(&pkt);
		return err_set(err, ERR_LIMIT, "more than %zu units in a track", max);
	}
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 256;
		t->pkt = xrealloc(t->pkt, t->cap * sizeof(*t->pkt));
	}
	t->pkt[t->n++] = pkt;
	return 0;
}

static void track_fini(struct input_track *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		av_packet_free(&t->pkt[i]);
	free(t->pkt);
	avcodec_parameters_free(&t->par);
}

void input_fini(struct input *in)
{
	track_fini(&in->video);
	track_fini(&in->audio);
	memset(in, 0, sizeof(*in));
}

/* ---- one unit ---- */

/* The NAL length size of MP4 units, 0 for Annex B. */
static int nal_prefix(const AVCodecParameters *par)
{
	const uint8_t *x = par->extradata;

	if (par->codec_id == AV_CODEC_ID_H264 && par->extradata_size > 6 && x[0] == 1)
		return (x[4] & 3) + 1;
	if (par->codec_id == AV_CODEC_ID_HEVC && par->extradata_size > 22)
		return (x[21] & 3) + 1;
	return 0;
}

static long next_nal(const AVPacket *p, int prefix, size_t *pos, const uint8_t **nal)
{
	if (prefix > 0)
		return nal_next_prefixed(p->data, p->size, prefix, pos, nal);
	return nal_next_annexb(p->data, p->size, pos, nal);
}

static int check_pixels(const struct input *in, int width, int height, struct err *err)
{
	uint64_t pixels = (uint64_t)width * (uint64_t)height;

	if (pixels > in->max_pixels)
		return err_set(err, ERR_LIMIT, "%llu pixels a picture, at most %llu",
			       (unsigned long long)pixels, (unsigned long long)in->max_pixels);
	return 0;
}

/* Every SPS is looked at, not the first alone: the size may change inside. */
static int take_sps(struct input *in, bool h264, const uint8_t *nal, size_t len, struct err *err)
{
	struct sps sps;

	if ((h264 ? sps_parse_h264(&sps, nal, len, NULL) : sps_parse_hevc(&sps, nal, len, NULL)) < 0)
		return 0;	/* the decoder's matter */
	if (in->video.n == 0 && in->sps_fps_num == 0) {
		in->width = sps.width;
		in->height = sps.height;
		in->sps_fps_num = sps.fps_num;
		in->sps_fps_den = sps.fps_den;
	}
	return check_pixels(in, sps.width, sps.height, err);
}

enum unit_kind { UNIT_EMPTY, UNIT_PICTURE, UNIT_LEADING, UNIT_KEY };

/* What a slice's NAL type says of its unit; UNIT_EMPTY: it is no slice. */
static enum unit_kind slice_kind(bool h264, int type)
{
	if (h264)
		return type == 5 ? UNIT_KEY : type >= 1 && type <= 4 ? UNIT_PICTURE : UNIT_EMPTY;
	if (type >= 32)
		return UNIT_EMPTY;
	return type >= 16 && type <= 23 ? UNIT_KEY : type >= 6 && type <= 9 ? UNIT_LEADING :
	       UNIT_PICTURE;
}

/* What a unit of H.264 or HEVC codes: its first slice says. */
static int look_into(struct input *in, const AVPacket *p, enum unit_kind *kind, struct err *err)
{
	bool h264 = in->video.par->codec_id == AV_CODEC_ID_H264;
	int prefix = nal_prefix(in->video.par), type;
	const uint8_t *nal;
	size_t pos = 0;
	long n;

	*kind = UNIT_EMPTY;
	while ((n = next_nal(p, prefix, &pos, &nal)) > 0) {
		type = h264 ? nal[0] & 31 : nal[0] >> 1 & 63;
		if (type == (h264 ? 7 : 33) && take_sps(in, h264, nal, n, err) < 0)
			return -1;
		if (*kind == UNIT_EMPTY)
			*kind = slice_kind(h264, type);
	}
	return 0;
}

static int count_unit(struct input *in, enum unit_kind kind, struct err *err)
{
	bool first = in->video.n == 0;

	if (first && kind != UNIT_KEY)
		return err_set(err, ERR_INVALID, "the segment does not start with an IDR");
	if (!first && kind == UNIT_KEY)
		in->second_gop = true;
	in->n_leading += kind == UNIT_LEADING && !in->second_gop;
	in->n_pictures += kind != UNIT_EMPTY;
	return 0;
}

/* What an MP4 says in front: the container and the avcC or hvcC may disagree. */
static int check_front(struct input *in, struct err *err)
{
	const AVCodecParameters *par = in->video.par;
	struct track_config c = { .codec = CODEC_H264 };

	in->width = par->width > 0 ? par->width : 0;
	in->height = par->height > 0 ? par->height : 0;
	if (check_pixels(in, in->width, in->height, err) < 0)
		return -1;
	if (nal_prefix(par) == 0 || (size_t)par->extradata_size > sizeof(c.extra))
		return 0;
	if (par->codec_id == AV_CODEC_ID_HEVC)
		c.codec = CODEC_HEVC;
	c.extra_len = (size_t)par->extradata_size;
	memcpy(c.extra, par->extradata, c.extra_len);
	return params_parse(&c, NULL) < 0 ? 0 : check_pixels(in, c.width, c.height, err);
}

static int inspect(struct input *in, const AVPacket *p, struct err *err)
{
	const AVCodecParameters *par = in->video.par;
	enum unit_kind kind;

	if (in->video.n == 0) {
		if (check_front(in, err) < 0)
			return -1;
		if (!(p->flags & AV_PKT_FLAG_KEY))
			return err_set(err, ERR_INVALID, "the segment does not start with a key frame");
	}
	if (par->codec_id != AV_CODEC_ID_H264 && par->codec_id != AV_CODEC_ID_HEVC) {
		in->n_pictures++;
		return 0;
	}
	if (look_into(in, p, &kind, err) < 0)
		return -1;
	return count_unit(in, kind, err);
}

/* ---- the head ---- */

static int compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void input_snap_fps(double fps, int *num, int *den)
{
	static const int common[][2] = {
		{ 24000, 1001 }, { 24, 1 }, { 25, 1 }, { 30000, 1001 }, { 30, 1 },
		{ 48, 1 }, { 50, 1 }, { 60000, 1001 }, { 60, 1 }, { 12, 1 }, { 15, 1 },
		{ 10, 1 }, { 20, 1 }, { 100, 1 }, { 120000, 1001 }, { 120, 1 },
	};
	double best = SNAP, off;
	size_t i;

	if (!(fps >= 1))
		fps = 1;
	if (fps > 240)
		fps = 240;
	*num = (int)lrint(fps * 100);
	*den = 100;
	for (i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		off = fabs(fps * common[i][1] / common[i][0] - 1);
		if (off < best) {
			best = off;
			*num = common[i][0];
			*den = common[i][1];
		}
	}
}

/*
 * The usual distance of n pictures that are shown at ts: the mean of those distances
 * that resemble the median.  A mean sees through stamps rounded to milliseconds; the
 * others are gaps of the source, and the holes that come of looking at units in
 * decoding order: pictures that are shown in between follow later.
 */
static double usual_distance(int64_t *ts, size_t n)
{
	double median, sum = 0;
	size_t i, used = 0;

	qsort(ts, n, sizeof(*ts), compare_times);
	for (i = 0; i + 1 < n; i++)
		ts[i] = ts[i + 1] - ts[i];
	if (n < 2)
		return FRAME_90K_DEFAULT;
	qsort(ts, n - 1, sizeof(*ts), compare_times);
	median = (double)ts[(n - 1) / 2];
	for (i = 0; i + 1 < n; i++) {
		if ((double)ts[i] < median / 2 || (double)ts[i] > median * 1.5)
			continue;
		sum += (double)ts[i];
		used++;
	}
	return sum >= 1 ? sum / (double)used : FRAME_90K_DEFAULT;
}

static size_t head_len(const struct input *in)
{
	return in->video.n < LADDER_AHEAD ? in->video.n : LADDER_AHEAD;
}

/*
 * The rate from the time stamps.  Sixteen of them in milliseconds do not tell 30 from
 * 29.97: between two rates that both fit, the SPS decides.
 */
static void measure_rate(struct input *in)
{
	int64_t ts[LADDER_AHEAD];
	double fps, said;
	size_t n = 0, i;

	for (i = 0; i < head_len(in); i++)
		if (in->video.pkt[i]->pts != AV_NOPTS_VALUE)
			ts[n++] = in->video.pkt[i]->pts;
	fps = 90000 / usual_distance(ts, n);
	if (in->sps_fps_num > 0 && in->sps_fps_den > 0) {
		said = (double)in->sps_fps_num / in->sps_fps_den;
		if (fabs(said / fps - 1) < SNAP)
			fps = said;
	}
	input_snap_fps(fps, &in->fps_num, &in->fps_den);
	in->frame_90k = av_rescale(90000, in->fps_den, in->fps_num);
}

/* How many pictures the decoder must hold back to give them in order.  Told to
 * it, because a stream without VUI makes it guess and drop. */
static int reorder_depth(const struct input *in)
{
	const struct input_track *t = &in->video;
	size_t i, k;
	int depth = 0, later;

	for (i = 0; i < head_len(in); i++) {
		later = 0;
		for (k = 0; k < i; k++)
			later += t->pkt[k]->pts > t->pkt[i]->pts &&
				 t->pkt[i]->pts != AV_NOPTS_VALUE;
		if (later > depth)
			depth = later;
	}
	return depth;
}

static void begin(struct input *in, bool may_have_sound)
{
	AVCodecParameters *par = in->video.par;

	in->begun = true;
	in->has_sound = may_have_sound || in->audio.n > 0;
	if (in->video.n == 0)
		return;
	measure_rate(in);
	if (par->codec_id == AV_CODEC_ID_H264 || par->codec_id == AV_CODEC_ID_HEVC)
		par->video_delay = reorder_depth(in);
}

/* ---- in and out ---- */

int input_add(struct input *in, bool video, AVPacket *pkt, bool may_have_sound, struct err *err)
{
	if (video && inspect(in, pkt, err) < 0) {
		av_packet_free(&pkt);
		return -1;
	}
	/* Renditions without sound may be on their way already. */
	if (!video && in->begun && !in->has_sound) {
		av_packet_free(&pkt);
		return err_set(err, ERR_INVALID, "sound that is not announced in the first %d units",
			       LADDER_AHEAD);
	}
	if (!video)
		return track_add(&in->audio, pkt, INPUT_MAX_AUDIO, err);
	if (track_add(&in->video, pkt, INPUT_MAX_VIDEO, err) < 0)
		return -1;
	if (in->video.n == LADDER_AHEAD)
		begin(in, may_have_sound);
	return 0;
}

int input_end(struct input *in, struct err *err)
{
	if (in->video.n == 0 && in->audio.n == 0)
		return err_set(err, ERR_INVALID, "no frame of video or audio");
	if (!in->begun)
		begin(in, false);
	in->ended = true;
	return 0;
}

AVPacket *input_take_video(struct input *in)
{
	struct input_track *t = &in->video;
	AVPacket *p;

	if (!in->begun || t->at == t->n)
		return NULL;
	p = t->pkt[t->at];
	t->pkt[t->at++] = NULL;
	return p;
}

static int load_ts(struct input *in, const uint8_t *data, size_t len, struct err *err)
{
	struct input_ts *t = input_ts_new(in);
	long n = 0;
	int rc = -1;

	while (len > 0 && (n = input_ts_feed(t, data, len, err)) >= 0) {
		data += n;
		len -= (size_t)n;
	}
	if (n >= 0)
		rc = input_ts_end(t, err);
	input_ts_free(t);
	return rc;
}

int input_load(struct input *in, bool fmp4, const uint8_t *data, size_t len,
	       uint64_t max_pixels, struct err *err)
{
	int rc;

	input_init(in, max_pixels);
	if (fmp4 && len > INPUT_MAX_BYTES)
		rc = err_set(err, ERR_LIMIT, "%zu bytes, at most %u", len, INPUT_MAX_BYTES);
	else if (fmp4)
		rc = input_mp4_load(in, data, len, err);
	else
		rc = load_ts(in, data, len, err);
	if (rc < 0)
		input_fini(in);
	return rc;
}
