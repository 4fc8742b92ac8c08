/*
 * Takes a segment apart.  All units are copied once, because decoders want
 * padding behind each; 1.6 MB cost 0.2 ms.  Knowing the whole segment before the
 * first picture is decoded gives the frame rate, the reorder depth and the number
 * of pictures to expect without libavformat's find_stream_info (45 ms,
 * facts/media-limits 2c).
 */
#include "media/av/input.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <libavformat/avformat.h>
#include "base/err.h"
#include "base/mem.h"
#include "media/wire/params.h"
#include "media/wire/tsdemux.h"

#define IO_BUFFER 32768
#define TS_PACKET 188
#define FRAME_90K_DEFAULT 3000	/* one picture alone says nothing about its length */

static int no_memory(struct err *err)
{
	return err_set(err, ERR_INTERNAL, "no memory for a unit");
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

/* ---- MPEG-TS ---- */

struct ts_load {
	struct input *in;
	int64_t origin;		/* first time stamp seen, INT64_MIN: none */
	int64_t next_audio;	/* when the next audio frame is due, for those without a stamp */
	struct err err;
	bool failed;
};

static enum AVCodecID av_codec_id(enum codec c)
{
	switch (c) {
	case CODEC_H264: return AV_CODEC_ID_H264;
	case CODEC_HEVC: return AV_CODEC_ID_HEVC;
	case CODEC_AAC: return AV_CODEC_ID_AAC;
	case CODEC_MP3: return AV_CODEC_ID_MP3;
	case CODEC_AV1: case CODEC_VP9: case CODEC_VP8: case CODEC_OPUS: case CODEC_NONE:
		break;	/* not in MPEG-TS */
	}
	return AV_CODEC_ID_NONE;
}

/* Unfold a 33-bit stamp around the first one of the segment. */
static int64_t unfold(struct ts_load *l, int64_t ts)
{
	if (ts < 0)
		return AV_NOPTS_VALUE;
	if (l->origin == INT64_MIN)
		l->origin = ts;
	return l->origin + ((int64_t)((uint64_t)(ts - l->origin) << 31) >> 31);
}

static int set_extradata(AVCodecParameters *par, const uint8_t *data, size_t len)
{
	par->extradata = av_mallocz(len + AV_INPUT_BUFFER_PADDING_SIZE);
	if (!par->extradata)
		return -1;
	memcpy(par->extradata, data, len);
	par->extradata_size = (int)len;
	return 0;
}

static int begin_ts_track(struct input_track *t, const struct ts_unit *u, struct err *err)
{
	t->par = avcodec_parameters_alloc();
	if (!t->par)
		return no_memory(err);
	t->par->codec_id = av_codec_id(u->codec);
	if (t->par->codec_id == AV_CODEC_ID_NONE)
		return err_set(err, ERR_INVALID, "codec not allowed in MPEG-TS");
	if (u->track == TRACK_VIDEO) {
		t->par->codec_type = AVMEDIA_TYPE_VIDEO;
		return 0;
	}
	t->par->codec_type = AVMEDIA_TYPE_AUDIO;
	t->par->sample_rate = u->sample_rate;
	av_channel_layout_default(&t->par->ch_layout, u->channels > 0 ? u->channels : 2);
	if (u->codec == CODEC_AAC && set_extradata(t->par, u->asc, sizeof(u->asc)) < 0)
		return no_memory(err);
	return 0;
}

static int64_t audio_frame_90k(const AVCodecParameters *par)
{
	int rate = par->sample_rate > 0 ? par->sample_rate : 48000;
	int samples = par->codec_id == AV_CODEC_ID_AAC ? 1024 : rate < 32000 ? 576 : 1152;

	return (int64_t)samples * 90000 / rate;
}

static int take_ts_unit(struct ts_load *l, const struct ts_unit *u, struct err *err)
{
	bool video = u->track == TRACK_VIDEO;
	struct input_track *t = video ? &l->in->video : &l->in->audio;
	AVPacket *pkt;

	if (u->damaged)
		return err_set(err, ERR_INVALID, "a packet of the transport stream is missing");
	if (!t->par && begin_ts_track(t, u, err) < 0)
		return -1;
	if (t->par->codec_id != av_codec_id(u->codec))
		return err_set(err, ERR_INVALID, "the codec changes inside the segment");
	pkt = av_packet_alloc();
	if (!pkt || u->len > INT_MAX / 2 || av_new_packet(pkt, (int)u->len) < 0) {
		av_packet_free(&pkt);
		return no_memory(err);
	}
	memcpy(pkt->data, u->data, u->len);
	pkt->pts = unfold(l, u->pts_90k);
	pkt->dts = u->dts_90k < 0 ? pkt->pts : unfold(l, u->dts_90k);
	if (u->key)
		pkt->flags |= AV_PKT_FLAG_KEY;
	if (!video) {
		if (pkt->pts == AV_NOPTS_VALUE)
			pkt->pts = l->next_audio;
		pkt->dts = pkt->pts;
		pkt->duration = audio_frame_90k(t->par);
		l->next_audio = pkt->pts + pkt->duration;
	}
	return track_add(t, pkt, video ? INPUT_MAX_VIDEO : INPUT_MAX_AUDIO, err);
}

static void on_ts_unit(void *arg, const struct ts_unit *u)
{
	struct ts_load *l = arg;

	if (!l->failed && take_ts_unit(l, u, &l->err) < 0)
		l->failed = true;
}

static int load_ts(struct input *in, const uint8_t *data, size_t len, struct err *err)
{
	struct ts_load l = { .in = in, .origin = INT64_MIN };
	struct ts_demux *d;
	int rc;

	if (len % TS_PACKET != 0)	/* the demultiplexer would wait for the rest */
		return err_set(err, ERR_INVALID, "cut off inside a packet");
	d = ts_demux_new(on_ts_unit, &l);
	rc = ts_demux_push(d, data, len, err);
	if (rc == 0) {
		ts_demux_flush(d);
		if (l.failed) {
			if (err)
				*err = l.err;
			rc = -1;
		} else if (ts_demux_had_damage(d)) {
			rc = err_set(err, ERR_INVALID, "the transport stream is damaged");
		}
	}
	ts_demux_free(d);
	return rc;
}

/* ---- MP4 ---- */

struct memory {
	const uint8_t *data;
	size_t len, pos;
};

static int read_memory(void *arg, uint8_t *to, int n)
{
	struct memory *m = arg;
	size_t left = m->len - m->pos;

	if (left == 0)
		return AVERROR_EOF;
	if ((size_t)n > left)
		n = (int)left;
	memcpy(to, m->data + m->pos, n);
	m->pos += n;
	return n;
}

static int64_t seek_memory(void *arg, int64_t pos, int whence)
{
	struct memory *m = arg;

	if (whence == AVSEEK_SIZE)
		return (int64_t)m->len;
	if (whence == SEEK_CUR)
		pos += (int64_t)m->pos;
	else if (whence == SEEK_END)
		pos += (int64_t)m->len;
	if (pos < 0 || pos > (int64_t)m->len)
		return AVERROR(EINVAL);
	m->pos = (size_t)pos;
	return pos;
}

/* A file may name other files: none is ever opened. */
static int refuse_open(AVFormatContext *s, AVIOContext **pb, const char *url, int flags,
		       AVDictionary **options)
{
	return AVERROR(EPERM);
}

static bool codec_is_allowed(enum AVCodecID id)
{
	switch (id) {
	case AV_CODEC_ID_H264: case AV_CODEC_ID_HEVC: case AV_CODEC_ID_AV1:
	case AV_CODEC_ID_VP9: case AV_CODEC_ID_VP8:
	case AV_CODEC_ID_AAC: case AV_CODEC_ID_MP3: case AV_CODEC_ID_OPUS:
		return true;
	default:
		return false;
	}
}

static AVFormatContext *open_mp4(AVIOContext *io, struct err *err)
{
	AVFormatContext *f = avformat_alloc_context();
	AVDictionary *opts = NULL;
	int rc;

	if (!f) {
		no_memory(err);
		return NULL;
	}
	f->pb = io;
	f->io_open = refuse_open;
	f->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_NOFILLIN;
	f->protocol_whitelist = av_strdup("");
	f->max_streams = 16;
	/* Edit lists shift times, but drop no picture: pictures are counted. */
	av_dict_set(&opts, "advanced_editlist", "0", 0);
	rc = avformat_open_input(&f, NULL, av_find_input_format("mov"), &opts);
	av_dict_free(&opts);
	if (rc < 0) {
		err_set(err, ERR_INVALID, "not an MP4 file: %s", av_err2str(rc));
		return NULL;
	}
	return f;
}

static void take_matrix(struct input *in, const AVStream *st)
{
	size_t size = 0;
	const uint8_t *m = av_stream_get_side_data(st, AV_PKT_DATA_DISPLAYMATRIX, &size);

	if (!m || size < sizeof(in->matrix))
		return;
	memcpy(in->matrix, m, sizeof(in->matrix));
	in->has_matrix = true;
}

/* Choose the first video and the first audio stream; -1 for none. */
static int choose_streams(struct input *in, AVFormatContext *f, int index[2], struct err *err)
{
	unsigned i;

	index[0] = index[1] = -1;
	for (i = 0; i < f->nb_streams; i++) {
		AVStream *st = f->streams[i];
		bool video = st->codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
		struct input_track *t = video ? &in->video : &in->audio;

		st->discard = AVDISCARD_ALL;
		if (!video && st->codecpar->codec_type != AVMEDIA_TYPE_AUDIO)
			continue;
		if (t->par || (st->disposition & AV_DISPOSITION_ATTACHED_PIC))
			continue;
		if (!codec_is_allowed(st->codecpar->codec_id))
			return err_set(err, ERR_INVALID, "codec %s is not allowed",
				       avcodec_get_name(st->codecpar->codec_id));
		if (st->time_base.num <= 0 || st->time_base.den <= 0)
			return err_set(err, ERR_INVALID, "a track without time scale");
		t->par = avcodec_parameters_alloc();
		if (!t->par || avcodec_parameters_copy(t->par, st->codecpar) < 0)
			return no_memory(err);
		st->discard = AVDISCARD_DEFAULT;
		index[video ? 0 : 1] = (int)i;
		if (video)
			take_matrix(in, st);
	}
	return 0;
}

static int read_mp4_packets(struct input *in, AVFormatContext *f, const int index[2],
			    struct err *err)
{
	AVPacket *pkt;
	int rc;

	for (;;) {
		pkt = av_packet_alloc();
		if (!pkt)
			return no_memory(err);
		rc = av_read_frame(f, pkt);
		if (rc < 0)
			break;
		if (pkt->stream_index != index[0] && pkt->stream_index != index[1]) {
			av_packet_free(&pkt);
			continue;
		}
		av_packet_rescale_ts(pkt, f->streams[pkt->stream_index]->time_base,
				     (AVRational){ 1, 90000 });
		if (pkt->pts == AV_NOPTS_VALUE)
			pkt->pts = pkt->dts;
		if ((pkt->flags & AV_PKT_FLAG_CORRUPT) || pkt->size <= 0 ||
		    av_packet_make_refcounted(pkt) < 0) {
			rc = AVERROR_INVALIDDATA;
			break;
		}
		if (pkt->stream_index == index[0])
			rc = track_add(&in->video, pkt, INPUT_MAX_VIDEO, err);
		else
			rc = track_add(&in->audio, pkt, INPUT_MAX_AUDIO, err);
		if (rc < 0)
			return -1;
	}
	av_packet_free(&pkt);
	if (rc != AVERROR_EOF)
		return err_set(err, ERR_INVALID, "damaged MP4: %s", av_err2str(rc));
	return 0;
}

static int load_mp4(struct input *in, const uint8_t *data, size_t len, struct err *err)
{
	struct memory m = { data, len, 0 };
	uint8_t *buffer = av_malloc(IO_BUFFER);
	AVIOContext *io = buffer ? avio_alloc_context(buffer, IO_BUFFER, 0, &m, read_memory,
						      NULL, seek_memory) : NULL;
	AVFormatContext *f = NULL;
	int index[2], rc = -1;

	if (!io) {
		av_free(buffer);
		return no_memory(err);
	}
	f = open_mp4(io, err);
	if (f && choose_streams(in, f, index, err) == 0)
		rc = read_mp4_packets(in, f, index, err);
	avformat_close_input(&f);
	av_freep(&io->buffer);
	avio_context_free(&io);
	return rc;
}

/* ---- what the whole says ---- */

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
	double best = 0.005, off;
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
 * The rate from the time stamps.  The mean sees through stamps rounded to
 * milliseconds; the median sees through a gap.
 */
static void measure_rate(struct input *in)
{
	int64_t *ts = xmalloc((in->video.n + 1) * sizeof(*ts));
	double mean, median;
	size_t n = 0, i;

	for (i = 0; i < in->video.n; i++)
		if (in->video.pkt[i]->pts != AV_NOPTS_VALUE)
			ts[n++] = in->video.pkt[i]->pts;
	qsort(ts, n, sizeof(*ts), compare_times);
	in->frame_90k = FRAME_90K_DEFAULT;
	mean = n > 1 ? (double)(ts[n - 1] - ts[0]) / (double)(n - 1) : 0;
	for (i = 0; i + 1 < n; i++)
		ts[i] = ts[i + 1] - ts[i];
	if (n > 1)
		qsort(ts, n - 1, sizeof(*ts), compare_times);
	median = n > 1 ? (double)ts[(n - 1) / 2] : 0;
	if (median > 0 && fabs(mean / median - 1) > 0.2)
		mean = median;
	if (mean >= 1)
		in->frame_90k = llrint(mean);
	if (in->frame_90k > 90000)
		in->frame_90k = 90000;
	input_snap_fps(90000.0 / (mean >= 1 ? mean : FRAME_90K_DEFAULT), &in->fps_num, &in->fps_den);
	free(ts);
}

/* How many pictures the decoder must hold back to give them in order.  Told to
 * it, because a stream without VUI makes it guess and drop. */
static int reorder_depth(const struct input_track *t)
{
	size_t i, k;
	int depth = 0, later;

	for (i = 0; i < t->n; i++) {
		later = 0;
		/* H.264 allows 16; what is farther back is a broken clock. */
		for (k = i > 32 ? i - 32 : 0; k < i; k++)
			later += t->pkt[k]->pts > t->pkt[i]->pts &&
				 t->pkt[i]->pts != AV_NOPTS_VALUE;
		if (later > depth)
			depth = later;
	}
	return depth > 16 ? 16 : depth;
}

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

enum unit_kind { UNIT_EMPTY, UNIT_PICTURE, UNIT_LEADING, UNIT_KEY };

/* What a unit of H.264 or HEVC codes. */
static enum unit_kind unit_kind(enum AVCodecID codec, const AVPacket *p, int prefix)
{
	const uint8_t *nal;
	size_t pos = 0;
	long n;
	int type;

	while ((n = next_nal(p, prefix, &pos, &nal)) > 0) {
		type = codec == AV_CODEC_ID_H264 ? nal[0] & 31 : nal[0] >> 1 & 63;
		if (codec == AV_CODEC_ID_H264 && type >= 1 && type <= 5)
			return type == 5 ? UNIT_KEY : UNIT_PICTURE;
		if (codec == AV_CODEC_ID_HEVC && type < 32)
			return type >= 16 && type <= 23 ? UNIT_KEY :
			       type >= 6 && type <= 9 ? UNIT_LEADING : UNIT_PICTURE;
	}
	return UNIT_EMPTY;
}

/* The first SPS inside the first unit; false: none. */
static bool find_sps(struct sps *sps, const struct input *in, int prefix)
{
	bool h264 = in->video.par->codec_id == AV_CODEC_ID_H264;
	const uint8_t *nal;
	size_t pos = 0;
	long n;

	while ((n = next_nal(in->video.pkt[0], prefix, &pos, &nal)) > 0) {
		if (h264 && (nal[0] & 31) == 7)
			return sps_parse_h264(sps, nal, n, NULL) == 0;
		if (!h264 && (nal[0] >> 1 & 63) == 33)
			return sps_parse_hevc(sps, nal, n, NULL) == 0;
	}
	return false;
}

/* Note the size, and refuse it before any decoder sees it. */
static int check_size(struct input *in, int prefix, uint64_t max_pixels, struct err *err)
{
	const AVCodecParameters *par = in->video.par;
	uint64_t pixels;
	struct sps sps;

	in->width = par->width > 0 ? par->width : 0;
	in->height = par->height > 0 ? par->height : 0;
	if ((par->codec_id == AV_CODEC_ID_H264 || par->codec_id == AV_CODEC_ID_HEVC) &&
	    find_sps(&sps, in, prefix)) {
		in->width = sps.width;
		in->height = sps.height;
	}
	pixels = (uint64_t)in->width * (uint64_t)in->height;
	if (pixels > max_pixels)
		return err_set(err, ERR_LIMIT, "%llu pixels a picture, at most %llu",
			       (unsigned long long)pixels, (unsigned long long)max_pixels);
	return 0;
}

static int inspect_video(struct input *in, uint64_t max_pixels, struct err *err)
{
	AVCodecParameters *par = in->video.par;
	int prefix = nal_prefix(par);
	bool in_first_gop = true;
	enum unit_kind kind;
	size_t i;

	if (check_size(in, prefix, max_pixels, err) < 0)
		return -1;
	if (!(in->video.pkt[0]->flags & AV_PKT_FLAG_KEY))
		return err_set(err, ERR_INVALID, "the segment does not start with a key frame");
	in->n_pictures = in->video.n;
	if (par->codec_id != AV_CODEC_ID_H264 && par->codec_id != AV_CODEC_ID_HEVC)
		return 0;
	par->video_delay = reorder_depth(&in->video);
	for (i = 0; i < in->video.n; i++) {
		kind = unit_kind(par->codec_id, in->video.pkt[i], prefix);
		if (i == 0 && kind != UNIT_KEY)
			return err_set(err, ERR_INVALID, "the segment does not start with an IDR");
		if (kind == UNIT_KEY && i > 0)
			in_first_gop = false;
		in->n_leading += kind == UNIT_LEADING && in_first_gop;
		in->n_pictures -= kind == UNIT_EMPTY;
	}
	return 0;
}

int input_load(struct input *in, bool fmp4, const uint8_t *data, size_t len,
	       uint64_t max_pixels, struct err *err)
{
	int rc;

	memset(in, 0, sizeof(*in));
	if (len > INPUT_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "%zu bytes, at most %u", len, INPUT_MAX_BYTES);
	rc = fmp4 ? load_mp4(in, data, len, err) : load_ts(in, data, len, err);
	if (rc == 0 && in->video.n == 0 && in->audio.n == 0)
		rc = err_set(err, ERR_INVALID, "no frame of video or audio");
	if (rc == 0 && in->video.n > 0) {
		measure_rate(in);
		rc = inspect_video(in, max_pixels, err);
	}
	if (rc < 0)
		input_fini(in);
	return rc;
}
