#include "media/av/mux.h"
#include <string.h>
#include "base/err.h"
#include "media/av/mux_mp4.h"
#include "media/av/mux_ts.h"

bool mux_ts_takes(enum AVCodecID id)
{
	return id == AV_CODEC_ID_H264 || id == AV_CODEC_ID_HEVC || id == AV_CODEC_ID_AAC ||
	       id == AV_CODEC_ID_MP3;
}

int mux_next(const struct mux_track *const t[2], const size_t at[2])
{
	bool has_video = at[0] < t[0]->n, has_audio = at[1] < t[1]->n;

	if (!has_video || !has_audio)
		return has_video ? 0 : has_audio ? 1 : -1;
	return t[1]->pkt[at[1]]->dts < t[0]->pkt[at[0]]->dts;
}

int mux_segment(struct mux_out *out, bool fmp4, const struct mux_track *video,
		const struct mux_track *audio, struct err *err)
{
	const struct mux_track *const t[2] = { video, audio };
	size_t i, k;

	memset(out, 0, sizeof(*out));
	for (k = 0; k < 2; k++) {
		if (!fmp4 && t[k]->par && !mux_ts_takes(t[k]->par->codec_id))
			return err_set(err, ERR_INVALID, "%s cannot stand in MPEG-TS",
				       avcodec_get_name(t[k]->par->codec_id));
		for (i = 0; i < t[k]->n; i++)
			if (t[k]->pkt[i]->pts == AV_NOPTS_VALUE || t[k]->pkt[i]->dts == AV_NOPTS_VALUE)
				return err_set(err, ERR_INVALID, "a unit without time");
	}
	return fmp4 ? mux_mp4(out, video, audio, err) : mux_ts(out, video, audio, err);
}
