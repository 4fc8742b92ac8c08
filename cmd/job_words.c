#include "cmd/job_words.h"

#include <inttypes.h>

#include "base/buf.h"

struct u256 job_fee_a_minute(const struct u256 *fee, uint64_t segment_ms)
{
	struct u256 minute = u256_of(60000), ms = u256_of(segment_ms), v = { { 0 } };

	if (segment_ms)
		u256_mul_div(&v, fee, &minute, &ms);
	return v;
}

static void say_rendition(struct buf *b, const struct job_rendition *r)
{
	buf_addf(b, "%s%" PRIu16 "x%" PRIu16, b->len ? ", " : "", r->width, r->height);
	if (r->rate)
		buf_addf(b, "@%g", r->rate / 1000.0);
	if (r->quality >= 0)
		buf_addf(b, " crf %d", r->quality);
	else
		buf_addf(b, " %" PRIu32 "k", r->bitrate / 1000);
	if (r->encoder != ENCODER_H264)
		buf_addf(b, " %s", job_encoder_name(r->encoder));
}

char *job_fmt_renditions(const struct job_options *o)
{
	struct buf b;
	size_t i;

	buf_init(&b, 4096);
	for (i = 0; i < o->n; i++)
		say_rendition(&b, &o->r[i]);
	buf_cstr(&b);
	return (char *)b.data;
}
