#include "media/av/mux_ts.h"
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "media/av/mux_mp4.h"
#include "media/wire/params.h"
#include "media/wire/tsmux.h"

#define OUT_MAX (128u << 20)

struct ts_writer {
	struct tsmux *mux;
	struct buf out;		/* written, not taken */
	int len_size;		/* of the video's NAL length prefixes; 0: Annex B */
};

static enum codec wire_codec(enum AVCodecID id)
{
	switch (id) {
	case AV_CODEC_ID_H264: return CODEC_H264;
	case AV_CODEC_ID_HEVC: return CODEC_HEVC;
	case AV_CODEC_ID_AAC: return CODEC_AAC;
	case AV_CODEC_ID_MP3: return CODEC_MP3;
	default: return CODEC_NONE;
	}
}

/* Parameters in front of the units: avcC and hvcC (their first byte is a version),
 * AudioSpecificConfig.  Annex B units bring their own. */
static bool has_box_parameters(const AVCodecParameters *par)
{
	return par->extradata_size > 0 && (par->codec_type == AVMEDIA_TYPE_AUDIO ||
					   par->extradata[0] == 1);
}

static int set_track(struct ts_writer *w, enum track track, const AVCodecParameters *par,
		     struct err *err)
{
	struct track_config c = { .codec = wire_codec(par->codec_id) };

	c.sample_rate = par->sample_rate;
	c.channels = par->ch_layout.nb_channels;
	if (has_box_parameters(par)) {
		if ((size_t)par->extradata_size > sizeof(c.extra))
			return err_set(err, ERR_LIMIT, "codec parameters of %d bytes",
				       par->extradata_size);
		c.extra_len = (size_t)par->extradata_size;
		memcpy(c.extra, par->extradata, c.extra_len);
		if (params_parse(&c, err) < 0)
			return -1;
		if (track == TRACK_VIDEO)
			w->len_size = params_nal_len_size(&c);
	}
	return tsmux_set_track(w->mux, track, &c, err);
}

int ts_writer_add(struct ts_writer *w, bool video, const AVPacket *p, struct err *err)
{
	struct tsmux_au au = {
		.data = p->data, .len = (size_t)p->size, .len_size = w->len_size,
		.pts_90k = p->pts, .dts_90k = p->dts, .key = p->flags & AV_PKT_FLAG_KEY,
	};
	bool written;

	if (p->pts == AV_NOPTS_VALUE || p->dts == AV_NOPTS_VALUE)
		return err_set(err, ERR_INVALID, "a unit without time");
	if (video)
		written = tsmux_video(w->mux, &w->out, &au);
	else
		written = tsmux_audio(w->mux, &w->out, p->data, (size_t)p->size, p->pts);
	if (!written)
		return err_set(err, ERR_INVALID, "a unit that MPEG-TS cannot carry");
	if (w->out.failed)
		return err_set(err, ERR_LIMIT, "a segment of more than %u bytes", OUT_MAX);
	return 0;
}

struct ts_writer *ts_writer_new(const AVCodecParameters *video, const AVCodecParameters *audio,
				struct err *err)
{
	struct ts_writer *w = xcalloc(1, sizeof(*w));

	w->mux = tsmux_new();
	buf_init(&w->out, OUT_MAX);
	if ((video && set_track(w, TRACK_VIDEO, video, err) < 0) ||
	    (audio && set_track(w, TRACK_AUDIO, audio, err) < 0)) {
		ts_writer_free(w);
		return NULL;
	}
	/* Fresh counters make the bytes independent of the segment before. */
	tsmux_begin(w->mux, &w->out, true);
	return w;
}

void ts_writer_free(struct ts_writer *w)
{
	if (!w)
		return;
	tsmux_free(w->mux);
	buf_fini(&w->out);
	free(w);
}

void ts_writer_end(struct ts_writer *w)
{
	tsmux_flush(w->mux, &w->out);
}

uint8_t *ts_writer_take(struct ts_writer *w, size_t *len)
{
	uint8_t *data = w->out.data;	/* the memory moves */

	*len = w->out.len;
	buf_init(&w->out, OUT_MAX);
	return data;
}

int mux_ts(struct mux_out *out, const struct mux_track *video, const struct mux_track *audio,
	   struct err *err)
{
	const struct mux_track *const t[2] = { video, audio };
	struct ts_writer *w = ts_writer_new(video->n > 0 ? video->par : NULL,
					    audio->n > 0 ? audio->par : NULL, err);
	size_t at[2] = { 0, 0 };
	int k, rc = w ? 0 : -1;

	while (rc == 0 && (k = mux_next(t, at)) >= 0)
		rc = ts_writer_add(w, k == 0, t[k]->pkt[at[k]++], err);
	if (rc == 0) {
		ts_writer_end(w);
		out->data = ts_writer_take(w, &out->len);
	}
	ts_writer_free(w);
	return rc;
}
