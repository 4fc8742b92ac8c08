/*
 * MPEG-TS as it arrives.  Each packet is judged as soon as it is whole, before the
 * next is looked at: units, errors and their order are then a function of the bytes.
 */
#include "media/av/input_ts.h"
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/mem.h"
#include "media/av/input.h"
#include "media/wire/ts.h"
#include "media/wire/tsdemux.h"

struct input_ts {
	struct input *in;	/* borrowed */
	struct ts_demux *demux;
	uint8_t packet[TS_PACKET];	/* cut by the end of a feed */
	size_t packet_len;
	size_t taken;		/* bytes of all feeds */
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

static int no_memory(struct err *err)
{
	return err_set(err, ERR_INTERNAL, "no memory for a unit");
}

/* Unfold a 33-bit stamp around the first one of the segment. */
static int64_t unfold(struct input_ts *l, int64_t ts)
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

static int begin_track(struct input_track *t, const struct ts_unit *u, struct err *err)
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

static int take_unit(struct input_ts *l, const struct ts_unit *u, struct err *err)
{
	bool video = u->track == TRACK_VIDEO;
	struct input_track *t = video ? &l->in->video : &l->in->audio;
	AVPacket *pkt;

	if (u->damaged)
		return err_set(err, ERR_INVALID, "a packet of the transport stream is missing");
	if (!t->par && begin_track(t, u, err) < 0)
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
	return input_add(l->in, video, pkt, ts_demux_has_track(l->demux, TRACK_AUDIO), err);
}

static void on_unit(void *arg, const struct ts_unit *u)
{
	struct input_ts *l = arg;

	if (!l->failed && take_unit(l, u, &l->err) < 0)
		l->failed = true;
}

struct input_ts *input_ts_new(struct input *in)
{
	struct input_ts *l = xcalloc(1, sizeof(*l));

	l->in = in;
	l->origin = INT64_MIN;
	l->demux = ts_demux_new(on_unit, l);
	return l;
}

void input_ts_free(struct input_ts *l)
{
	if (!l)
		return;
	ts_demux_free(l->demux);
	free(l);
}

/* What the demultiplexer has met. */
static int judge(struct input_ts *l, struct err *err)
{
	if (l->failed) {
		if (err)
			*err = l->err;
		return -1;
	}
	if (ts_demux_had_damage(l->demux))
		return err_set(err, ERR_INVALID, "the transport stream is damaged");
	return 0;
}

static int take_packet(struct input_ts *l, const uint8_t *p, struct err *err)
{
	if (p[0] != TS_SYNC)	/* no search for the next one: damaged is damaged */
		return err_set(err, ERR_INVALID, "the transport stream is damaged");
	if (ts_demux_push(l->demux, p, TS_PACKET, err) < 0)
		return -1;
	return judge(l, err);
}

long input_ts_feed(struct input_ts *l, const uint8_t *data, size_t len, struct err *err)
{
	size_t units = l->in->video.n, used = 0, n;
	const uint8_t *p;

	while (used < len && l->in->video.n == units) {
		p = data + used;
		n = TS_PACKET - l->packet_len < len - used ? TS_PACKET - l->packet_len : len - used;
		if (n < TS_PACKET) {
			memcpy(l->packet + l->packet_len, p, n);
			p = l->packet;
		}
		used += n;
		l->packet_len = (l->packet_len + n) % TS_PACKET;
		if (l->packet_len > 0)
			break;
		l->taken += TS_PACKET;
		if (l->taken > INPUT_MAX_BYTES)
			return err_set(err, ERR_LIMIT, "more than %u bytes", INPUT_MAX_BYTES);
		if (take_packet(l, p, err) < 0)
			return -1;
	}
	return (long)used;
}

int input_ts_end(struct input_ts *l, struct err *err)
{
	if (l->packet_len > 0)
		return err_set(err, ERR_INVALID, "cut off inside a packet");
	ts_demux_flush(l->demux);
	if (judge(l, err) < 0)
		return -1;
	return input_end(l->in, err);
}
