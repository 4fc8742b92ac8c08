/*
 * MP4 by libavformat, from memory.  Comes whole: its index stands at the front or at
 * the end, and a fragment's size before its first unit.
 */
#include "media/av/input_mp4.h"
#include <stdbool.h>
#include <string.h>
#include <libavformat/avformat.h>
#include "base/err.h"
#include "media/av/input.h"

#define IO_BUFFER 32768

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
		err_set(err, ERR_INTERNAL, "no memory for a unit");
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
			return err_set(err, ERR_INTERNAL, "no memory for a unit");
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
			return err_set(err, ERR_INTERNAL, "no memory for a unit");
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
		if (input_add(in, pkt->stream_index == index[0], pkt, index[1] >= 0, err) < 0)
			return -1;
	}
	av_packet_free(&pkt);
	if (rc != AVERROR_EOF)
		return err_set(err, ERR_INVALID, "damaged MP4: %s", av_err2str(rc));
	return 0;
}

int input_mp4_load(struct input *in, const uint8_t *data, size_t len, struct err *err)
{
	struct memory m = { data, len, 0 };
	uint8_t *buffer = av_malloc(IO_BUFFER);
	AVIOContext *io = buffer ? avio_alloc_context(buffer, IO_BUFFER, 0, &m, read_memory,
						      NULL, seek_memory) : NULL;
	AVFormatContext *f = NULL;
	int index[2], rc = -1;

	if (!io) {
		av_free(buffer);
		return err_set(err, ERR_INTERNAL, "no memory for a unit");
	}
	f = open_mp4(io, err);
	if (f && choose_streams(in, f, index, err) == 0)
		rc = read_mp4_packets(in, f, index, err);
	avformat_close_input(&f);
	av_freep(&io->buffer);
	avio_context_free(&io);
	return rc == 0 ? input_end(in, err) : rc;
}
