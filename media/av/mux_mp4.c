/*
 * One fragment of MP4, by libavformat: ftyp and moov first (the init part), then
 * moof and mdat.  Absolute times stand in tfdt (frag_discont without edit list),
 * so that segments made apart continue each other.
 */
#include "media/av/mux_mp4.h"
#include <stdlib.h>
#include <string.h>
#include <libavformat/avformat.h>
#include "base/err.h"
#include "media/wire/params.h"

#define OUT_MAX (128u << 20)
#define IO_BUFFER 65536
#define EXTRA_MAX 4096

struct growing {
	uint8_t *data;
	size_t len, cap;
};

static int write_memory(void *arg, uint8_t *from, int n)
{
	struct growing *g = arg;
	size_t cap = g->cap;
	uint8_t *more;

	while (cap - g->len < (size_t)n)
		cap = cap ? 2 * cap : 1 << 20;
	if (cap > OUT_MAX)
		return AVERROR(ENOSPC);
	if (cap != g->cap) {
		more = realloc(g->data, cap);
		if (!more)
			return AVERROR(ENOMEM);
		g->data = more;
		g->cap = cap;
	}
	memcpy(g->data + g->len, from, n);
	g->len += n;
	return n;
}

static bool is_parameter_set(enum AVCodecID id, const uint8_t *nal)
{
	int type = id == AV_CODEC_ID_H264 ? nal[0] & 31 : nal[0] >> 1 & 63;

	return id == AV_CODEC_ID_H264 ? type == 7 || type == 8 : type >= 32 && type <= 34;
}

static void take_size(AVCodecParameters *par, const uint8_t *nal, size_t len)
{
	bool h264 = par->codec_id == AV_CODEC_ID_H264;
	struct sps sps;

	if (par->width > 0 || (h264 ? nal[0] & 31 : nal[0] >> 1 & 63) != (h264 ? 7 : 33))
		return;
	if ((h264 ? sps_parse_h264(&sps, nal, len, NULL) :
		    sps_parse_hevc(&sps, nal, len, NULL)) < 0)
		return;
	par->width = sps.width;
	par->height = sps.height;
}

/* H.264 and HEVC from a transport stream carry their parameter sets in the first
 * unit: MP4 wants them in front. */
static int front_parameters(AVCodecParameters *par, const AVPacket *first, struct err *err)
{
	uint8_t extra[EXTRA_MAX];
	const uint8_t *nal;
	size_t pos = 0, len = 0;
	long n;

	while ((n = nal_next_annexb(first->data, first->size, &pos, &nal)) > 0) {
		if (!is_parameter_set(par->codec_id, nal))
			continue;
		take_size(par, nal, n);
		if (len + 4 + n > sizeof(extra))
			return err_set(err, ERR_LIMIT, "parameter sets of more than %d bytes", EXTRA_MAX);
		memcpy(extra + len, "\0\0\0\1", 4);
		memcpy(extra + len + 4, nal, n);
		len += 4 + n;
	}
	if (len == 0 || par->width <= 0)
		return err_set(err, ERR_INVALID, "no parameter sets in the first unit");
	par->extradata = av_mallocz(len + AV_INPUT_BUFFER_PADDING_SIZE);
	if (!par->extradata)
		return err_set(err, ERR_INTERNAL, "no memory for parameters");
	memcpy(par->extradata, extra, len);
	par->extradata_size = (int)len;
	return 0;
}

static int add_stream(AVFormatContext *f, const struct mux_track *t, struct err *err)
{
	AVStream *st = avformat_new_stream(f, NULL);

	if (!st || avcodec_parameters_copy(st->codecpar, t->par) < 0)
		return err_set(err, ERR_INTERNAL, "no memory for a track");
	st->codecpar->codec_tag = 0;
	st->time_base = (AVRational){ 1, 90000 };
	if (t->par->codec_type == AVMEDIA_TYPE_AUDIO && t->par->sample_rate > 0)
		st->time_base = (AVRational){ 1, t->par->sample_rate };
	if ((t->par->codec_id == AV_CODEC_ID_H264 || t->par->codec_id == AV_CODEC_ID_HEVC) &&
	    t->par->extradata_size == 0)
		return front_parameters(st->codecpar, t->pkt[0], err);
	return 0;
}

static int write_header(AVFormatContext *f, struct err *err)
{
	AVDictionary *opts = NULL;
	int rc;

	av_dict_set(&opts, "movflags", "empty_moov+default_base_moof+frag_custom+frag_discont", 0);
	av_dict_set(&opts, "use_editlist", "0", 0);
	av_dict_set(&opts, "video_track_timescale", "90000", 0);
	f->flags |= AVFMT_FLAG_BITEXACT;
	f->avoid_negative_ts = AVFMT_AVOID_NEG_TS_DISABLED;
	rc = avformat_write_header(f, &opts);
	av_dict_free(&opts);
	if (rc < 0)
		return err_set(err, ERR_INVALID, "MP4: %s", av_err2str(rc));
	return 0;
}

static int write_packet(AVFormatContext *f, int index, const AVPacket *from, struct err *err)
{
	AVPacket *p = av_packet_clone(from);
	int rc = p ? 0 : AVERROR(ENOMEM);

	if (rc == 0) {
		p->stream_index = index;
		av_packet_rescale_ts(p, (AVRational){ 1, 90000 }, f->streams[index]->time_base);
		rc = av_write_frame(f, p);
	}
	av_packet_free(&p);
	if (rc < 0)
		return err_set(err, ERR_INVALID, "MP4 packet: %s", av_err2str(rc));
	return 0;
}

static int write_all(AVFormatContext *f, const struct mux_track *const t[2], const int index[2],
		     struct err *err)
{
	size_t at[2] = { 0, 0 };
	int k, rc;

	for (;;) {
		k = mux_next(t, at);
		if (k < 0)
			break;
		if (write_packet(f, index[k], t[k]->pkt[at[k]++], err) < 0)
			return -1;
	}
	rc = av_write_trailer(f);
	return rc < 0 ? err_set(err, ERR_INTERNAL, "MP4: %s", av_err2str(rc)) : 0;
}

static int write_file(AVFormatContext *f, const struct mux_track *const t[2], size_t *init_len,
		      const struct growing *g, struct err *err)
{
	int index[2] = { -1, -1 }, k;

	for (k = 0; k < 2; k++) {
		if (!t[k]->par || t[k]->n == 0)
			continue;
		index[k] = (int)f->nb_streams;
		if (add_stream(f, t[k], err) < 0)
			return -1;
	}
	if (write_header(f, err) < 0)
		return -1;
	avio_flush(f->pb);
	*init_len = g->len;
	return write_all(f, t, index, err);
}

int mux_mp4(struct mux_out *out, const struct mux_track *video, const struct mux_track *audio,
	    struct err *err)
{
	const struct mux_track *const t[2] = { video, audio };
	struct growing g = { 0 };
	uint8_t *buffer = av_malloc(IO_BUFFER);
	AVIOContext *io = buffer ? avio_alloc_context(buffer, IO_BUFFER, 1, &g, NULL,
						      write_memory, NULL) : NULL;
	AVFormatContext *f = NULL;
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (!io || avformat_alloc_output_context2(&f, NULL, "mp4", NULL) < 0) {
		err_set(err, ERR_INTERNAL, "no memory for MP4");
	} else {
		f->pb = io;
		f->flags |= AVFMT_FLAG_CUSTOM_IO;
		rc = write_file(f, t, &out->init_len, &g, err);
	}
	avformat_free_context(f);
	if (io) {
		avio_flush(io);
		av_freep(&io->buffer);
		avio_context_free(&io);
	} else {
		av_free(buffer);
	}
	if (rc < 0) {
		free(g.data);
		return -1;
	}
	out->data = g.data;
	out->len = g.len;
	return 0;
}
