#include "protocol/job_options.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

__extension__ typedef unsigned __int128 u128;

#define VERSION 1
#define HEADER 11
#define RECORD 19

/* How much dearer than H.264 an encoder is: docs/contracts.md 5. */
static const uint8_t weights[] = {
	[ENCODER_H264] = 1, [ENCODER_HEVC] = 4, [ENCODER_VP8] = 1, [ENCODER_VP9] = 4,
	[ENCODER_AV1] = 8,
};
#define ENCODERS (sizeof(weights) / sizeof(weights[0]))

const char *job_encoder_name(enum profile_encoder e)
{
	static const char *const names[ENCODERS] = { "H.264", "HEVC", "VP8", "VP9", "AV1" };

	return e < ENCODERS ? names[e] : "?";
}

static int check_source(const struct job_options *o, struct err *err)
{
	if (o->width == 0 || o->height == 0)
		return err_set(err, ERR_INVALID, "a source of %" PRIu16 "x%" PRIu16, o->width, o->height);
	if (o->rate == 0)
		return err_set(err, ERR_INVALID, "a source without frame rate");
	if (o->max_segment_ms == 0)
		return err_set(err, ERR_INVALID, "a longest segment of 0 ms");
	return 0;
}

static struct job_rendition rendition_of(const struct profile *p, const struct job_options *o)
{
	uint64_t rate = p->fps_num ? (uint64_t)p->fps_num * 1000 / (uint64_t)p->fps_den : 0;
	int w, h;

	profile_fit(p, o->width, o->height, &w, &h);
	return (struct job_rendition) {
		.width = (uint16_t)w, .height = (uint16_t)h, .rate = (uint32_t)rate,
		.bitrate = p->bitrate, .encoder = p->encoder, .h264 = (uint8_t)p->h264,
		.gop_ms = p->gop_ms, .quality = (int8_t)p->quality,
	};
}

int job_options_of_profiles(struct job_options *o, const struct profile_list *l, struct err *err)
{
	struct profile_list fitted = *l;
	size_t i;

	if (check_source(o, err) < 0)
		return -1;
	if (l->n == 0)
		return err_set(err, ERR_INVALID, "no profile");
	profiles_fit_source(&fitted, o->width, o->height);
	o->n = fitted.n;
	for (i = 0; i < fitted.n; i++)
		o->r[i] = rendition_of(&fitted.p[i], o);
	return 0;
}

void job_options_pack(struct buf *b, const struct job_options *o)
{
	size_t i;

	buf_add_u8(b, VERSION);
	buf_add_u16(b, o->width);
	buf_add_u16(b, o->height);
	buf_add_u32(b, o->rate);
	buf_add_u16(b, o->max_segment_ms);
	for (i = 0; i < o->n; i++) {
		const struct job_rendition *r = &o->r[i];

		buf_add_u16(b, r->width);
		buf_add_u16(b, r->height);
		buf_add_u32(b, r->rate);
		buf_add_u32(b, r->bitrate);
		buf_add_u8(b, (uint8_t)r->encoder);
		buf_add_u8(b, r->h264);
		buf_add_u32(b, (uint32_t)r->gop_ms);
		buf_add_u8(b, (uint8_t)r->quality);
	}
}

static int read_rendition(struct job_rendition *r, struct rd *in, struct err *err)
{
	uint8_t encoder;

	r->width = rd_u16(in);
	r->height = rd_u16(in);
	r->rate = rd_u32(in);
	r->bitrate = rd_u32(in);
	encoder = rd_u8(in);
	r->h264 = rd_u8(in);
	r->gop_ms = (int32_t)rd_u32(in);
	r->quality = (int8_t)rd_u8(in);
	if (r->width == 0 || r->height == 0)
		return err_set(err, ERR_INVALID, "a rendition of %" PRIu16 "x%" PRIu16, r->width,
			       r->height);
	if (encoder >= ENCODERS)
		return err_set(err, ERR_INVALID, "encoder %" PRIu8 " is not known", encoder);
	r->encoder = (enum profile_encoder)encoder;
	return 0;
}

int job_options_parse(struct job_options *o, const void *data, size_t len, struct err *err)
{
	struct rd r = rd_of(data, len);

	memset(o, 0, sizeof(*o));
	if (len < HEADER + RECORD || len > JOB_OPTIONS_MAX || (len - HEADER) % RECORD)
		return err_set(err, ERR_INVALID, "%zu bytes of options", len);
	if (rd_u8(&r) != VERSION)
		return err_set(err, ERR_INVALID, "options of another version");
	o->width = rd_u16(&r);
	o->height = rd_u16(&r);
	o->rate = rd_u32(&r);
	o->max_segment_ms = rd_u16(&r);
	if (check_source(o, err) < 0)
		return -1;
	while (r.left) {
		if (read_rendition(&o->r[o->n++], &r, err) < 0)
			return -1;
	}
	return 0;
}

int job_options_units(uint32_t *units, const struct job_options *o, struct err *err)
{
	/* pixels x weight x 1/1000 frames a second x ms: the two 1/1000, and the 10^6 */
	const uint64_t scale = 1000000000000;
	u128 sum = 0;
	size_t i;

	for (i = 0; i < o->n; i++) {
		const struct job_rendition *r = &o->r[i];

		sum += (u128)((uint64_t)r->width * r->height) * (r->rate ? r->rate : o->rate) *
		       weights[r->encoder];
	}
	sum = (sum * o->max_segment_ms + scale - 1) / scale;
	if (sum > UINT32_MAX)
		return err_set(err, ERR_LIMIT, "more than %" PRIu32 " units a segment", UINT32_MAX);
	*units = (uint32_t)sum;
	return 0;
}
