#ifndef LP_TEST_TOOLS_WORK_H
#define LP_TEST_TOOLS_WORK_H
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "media/av/ladder.h"
#include "protocol/peer_msg.h"

/*
 * A segment's renditions, honestly made in this process: what the tools that lie begin
 * with.  Any thread.
 */
struct work {
	struct buf data[PROFILES_MAX];
	struct ladder_out out[PROFILES_MAX];	/* of the last piece: the totals */
	size_t n;
};

static inline void work_take(void *arg, struct ladder_out *out)
{
	struct work *w = arg;

	buf_add(&w->data[out->index], out->data, out->len);
	free(out->data);
	w->out[out->index] = *out;
	w->out[out->index].data = NULL;
}

static inline void work_fini(struct work *w)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		buf_fini(&w->data[i]);
	w->n = 0;
}

static inline void work_init(struct work *w, size_t n)
{
	size_t i;

	memset(w, 0, sizeof(*w));
	w->n = n;
	for (i = 0; i < n; i++)
		buf_init(&w->data[i], RENDITION_BYTES_MAX);
}

/* fitted: sizes as they are to be made.  Nothing to free after a failure. */
static inline int work_do(struct work *w, const struct profile_list *fitted, const char *preset,
			  bool fmp4, const struct buf *input, struct err *err)
{
	struct ladder_rung rungs[PROFILES_MAX];
	struct ladder_spec spec = {
		.rungs = rungs, .n_rungs = fitted->n, .preset = preset, .fmp4 = fmp4,
		.max_pixels = 4096 * 2304,
	};
	struct ladder_stats stats;
	size_t i;

	for (i = 0; i < fitted->n; i++) {
		const struct profile *p = &fitted->p[i];

		rungs[i] = (struct ladder_rung){
			.width = p->width, .height = p->height, .bitrate = p->bitrate,
			.fps_num = p->fps_num, .fps_den = p->fps_den, .gop_ms = p->gop_ms,
			.encoder = (enum ladder_encoder)p->encoder,
			.h264 = (enum ladder_h264)p->h264, .quality = p->quality,
		};
	}
	work_init(w, fitted->n);
	if (ladder_run(&spec, input->data, input->len, work_take, w, &stats, err) == 0)
		return 0;
	work_fini(w);
	return -1;
}

static inline void work_replace(struct work *w, size_t i, const void *data, size_t len)
{
	buf_clear(&w->data[i]);
	buf_add(&w->data[i], data, len);
}

static inline void work_swap(struct work *w, size_t i, size_t k)
{
	struct buf b = w->data[i];

	w->data[i] = w->data[k];
	w->data[k] = b;
}

#endif
