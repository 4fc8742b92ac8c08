#include "media/av/mux_ts.h"
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/err.h"
#include "media/av/mux_mp4.h"
#include "media/wire/params.h"
#include "media/wire/tsmux.h"

#define OUT_MAX (128u << 20)

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

static int set_track(struct tsmux *m, enum track track, const AVCodecParameters *par,
		     struct track_config *c, struct err *err)
{
	memset(c, 0, sizeof(*c));
	c->codec = wire_codec(par->codec_id);
	c->sample_rate = par->sample_rate;
	c->channels = par->ch_layout.nb_channels;
	if (has_box_parameters(par)) {
		if ((size_t)par->extradata_size > sizeof(c->extra))
			return err_set(err, ERR_LIMIT, "codec parameters of %d bytes",
				       par->extradata_size);
		c->extra_len = (size_t)par->extradata_size;
		memcpy(c->extra, par->extradata, c->extra_len);
		if (params_parse(c, err) < 0)
			return -1;
	}
	return tsmux_set_track(m, track, c, err);
}

static int write_unit(struct tsmux *m, struct buf *out, enum track track, const AVPacket *p,
		      int len_size, struct err *err)
{
	struct tsmux_au au = {
		.data = p->data, .len = (size_t)p->size, .len_size = len_size,
		.pts_90k = p->pts, .dts_90k = p->dts, .key = p->flags & AV_PKT_FLAG_KEY,
	};
	bool written;

	if (track == TRACK_VIDEO)
		written = tsmux_video(m, out, &au);
	else
		written = tsmux_audio(m, out, p->data, (size_t)p->size, p->pts);
	if (!written)
		return err_set(err, ERR_INVALID, "a unit that MPEG-TS cannot carry");
	if (out->failed)
		return err_set(err, ERR_LIMIT, "a segment of more than %u bytes", OUT_MAX);
	return 0;
}

static int write_segment(struct tsmux *m, struct buf *out, const struct mux_track *const t[2],
			 struct err *err)
{
	struct track_config config;
	size_t at[2] = { 0, 0 };
	int k, len_size = 0;

	for (k = 0; k < 2; k++) {
		if (!t[k]->par || t[k]->n == 0)
			continue;
		if (set_track(m, k == 0 ? TRACK_VIDEO : TRACK_AUDIO, t[k]->par, &config, err) < 0)
			return -1;
		if (k == 0 && config.extra_len > 0)
			len_size = params_nal_len_size(&config);
	}
	/* Fresh counters make the bytes independent of the segment before. */
	tsmux_begin(m, out, true);
	while ((k = mux_next(t, at)) >= 0)
		if (write_unit(m, out, k == 0 ? TRACK_VIDEO : TRACK_AUDIO, t[k]->pkt[at[k]++],
			       len_size, err) < 0)
			return -1;
	tsmux_flush(m, out);
	return 0;
}

int mux_ts(struct mux_out *out, const struct mux_track *video, const struct mux_track *audio,
	   struct err *err)
{
	const struct mux_track *const t[2] = { video, audio };
	struct tsmux *m = tsmux_new();
	struct buf b;
	int rc;

	buf_init(&b, OUT_MAX);
	rc = write_segment(m, &b, t, err);
	tsmux_free(m);
	if (rc < 0) {
		buf_fini(&b);
		return -1;
	}
	*out = (struct mux_out){ .data = b.data, .len = b.len };	/* the memory moves */
	return 0;
}
