#include "media/av/rate.h"
#include <libavutil/mathematics.h>

void rate_init(struct rate *r, int num, int den)
{
	*r = (struct rate){ .num = num, .den = den };
}

static int64_t tick_of(const struct rate *r, int64_t pts)
{
	return av_rescale_rnd(pts - r->origin_90k, r->num, (int64_t)r->den * 90000,
			      AV_ROUND_NEAR_INF);
}

int64_t rate_time(const struct rate *r, int64_t tick)
{
	return r->origin_90k + av_rescale(tick, (int64_t)r->den * 90000, r->num);
}

/* One second of the same picture at most, so that a gap in the source stays a gap. */
static struct rate_span span_until(const struct rate *r, int64_t end)
{
	int64_t most = r->tick + 1 + r->num / r->den;

	if (end > most)
		end = most;
	return (struct rate_span){ r->tick, end > r->tick ? end - r->tick : 0 };
}

struct rate_span rate_take(struct rate *r, int64_t pts)
{
	struct rate_span s = { 0, 0 };
	int64_t tick;

	if (!r->holds)
		r->origin_90k = pts;
	tick = tick_of(r, pts);
	if (r->holds)
		s = span_until(r, tick);
	r->holds = true;
	r->tick = tick;
	return s;
}

struct rate_span rate_end(struct rate *r, int64_t last_end)
{
	int64_t end;

	if (!r->holds)
		return (struct rate_span){ 0, 0 };
	end = tick_of(r, last_end);
	return span_until(r, end <= 0 ? 1 : end);
}
