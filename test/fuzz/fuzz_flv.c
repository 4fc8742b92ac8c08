/*
 * FLV tags through parser and demuxer: [type][ms since the last, 2][len, 2][body]
 * repeated; type 22 is an aggregate.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "media/wire/flv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool announced[N_TRACKS];

static void on_track(void *arg, enum track track, const struct track_config *c)
{
	assert(c->codec != CODEC_NONE && c->extra_len <= CODEC_EXTRA_MAX);
	assert(codec_is_video(c->codec) == (track == TRACK_VIDEO));
	announced[track] = true;
}

static void on_packet(void *arg, const struct media_packet *p)
{
	static uint8_t copy[65536];

	assert(announced[p->track] && p->len > 0);
	memcpy(copy, p->data, p->len);	/* all of it may be read */
}

static void on_refused(void *arg, enum track track, const char *why)
{
	assert(why[0]);
}

static void push(struct flv_demux *d, uint8_t type, uint32_t time_ms, const uint8_t *data, size_t len)
{
	struct flv_tag t;
	struct err err;
	int ret;

	if (type != 8 && type != 9)
		return;
	ret = type == 9 ? flv_parse_video(&t, data, len, &err) : flv_parse_audio(&t, data, len, &err);
	if (ret == 0)
		flv_demux_push(d, type == 9 ? TRACK_VIDEO : TRACK_AUDIO, time_ms, &t, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct flv_demux_cb cb = { on_track, on_packet, on_refused };
	struct flv_demux *d = flv_demux_new(&cb, NULL);
	struct rd r = rd_of(data, len);
	uint32_t time_ms = 0xffffff00;

	memset(announced, 0, sizeof(announced));
	while (r.left > 0 && !r.failed) {
		uint8_t type = rd_u8(&r);
		const uint8_t *body;
		struct flv_aggregate a;
		struct flv_sub_tag t;
		size_t n;

		time_ms += rd_u16(&r);
		n = rd_u16(&r);
		n = n < r.left ? n : r.left;
		body = rd_bytes(&r, n);
		if (r.failed)
			break;
		push(d, type, time_ms, body, n);
		a = flv_aggregate_of(body, n, time_ms);
		while (type == 22 && flv_aggregate_next(&a, &t))
			push(d, t.type, t.time_ms, t.data, t.len);
	}
	flv_demux_free(d);
	return 0;
}
