#include "node/farm/check.h"

#include <stdlib.h>

#include "base/err.h"
#include "media/wire/inspect.h"
#include "protocol/profile.h"

#define SLACK_MS 100
#define PTS_MASK ((1LL << 33) - 1)

/* Distance of two 33-bit time stamps. */
static int64_t pts_diff(int64_t a, int64_t b)
{
	int64_t d = (a - b) & PTS_MASK;

	return d > PTS_MASK / 2 ? PTS_MASK + 1 - d : d;
}

static int check_frames(const struct inspect *in, const struct profile *p,
			const struct check_source *src, struct err *err)
{
	unsigned want = src->n_video, slack = 0;

	if (want == 0)
		return 0;
	if (p->fps_num) {
		want = (unsigned)((uint64_t)src->duration_ms * (unsigned)p->fps_num /
				  (1000u * (unsigned)p->fps_den));
		slack = want / 20 + 2;
	}
	if (in->n_video + slack < want || in->n_video > want + slack)
		return err_set(err, ERR_INVALID, "%u frames, %u expected", in->n_video, want);
	return 0;
}

int check_rendition(const struct inspect *in, const struct profile *p,
		    const struct check_source *src, struct err *err)
{
	int64_t got_ms = in->duration_90k / 90;
	int64_t frame_ms = in->n_video ? got_ms / in->n_video : 0;
	int64_t off = llabs(got_ms - (int64_t)src->duration_ms);

	if (in->damaged)
		return err_set(err, ERR_INVALID, "damaged");
	if (in->video == CODEC_NONE || !in->starts_with_idr)
		return err_set(err, ERR_INVALID, "does not begin with an IDR frame");
	if (in->width != p->width || in->height != p->height)
		return err_set(err, ERR_INVALID, "%dx%d, %dx%d asked", in->width, in->height,
			       p->width, p->height);
	if (check_frames(in, p, src, err) < 0)
		return -1;
	if (off > SLACK_MS + 2 * frame_ms)
		return err_set(err, ERR_INVALID, "%lld ms long, source %u ms", (long long)got_ms,
			       src->duration_ms);
	if (pts_diff(in->first_pts_90k, src->first_pts_90k) > 90 * (SLACK_MS + 2 * frame_ms))
		return err_set(err, ERR_INVALID, "begins at %lld, source at %lld",
			       (long long)in->first_pts_90k, (long long)src->first_pts_90k);
	return 0;
}
