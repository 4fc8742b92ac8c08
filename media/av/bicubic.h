#ifndef LP_MEDIA_AV_BICUBIC_H
#define LP_MEDIA_AV_BICUBIC_H
#include <libavutil/frame.h>

/*
 * Bicubic scaling of yuv420p, the same bytes as swscale's with SWS_BICUBIC |
 * SWS_BITEXACT | SWS_ACCURATE_RND and about three times as fast (docs/performance.md).  Needs AVX2; whoever
 * gets none uses swscale.  One thread at a time.
 */
struct bicubic;

/* Sizes in luma samples.  NULL: this CPU, this version of swscale or these sizes are
 * left to swscale (less than 32 a side, or made more than 4.6 times narrower). */
struct bicubic *bicubic_new(int src_width, int src_height, int width, int height);
void bicubic_free(struct bicubic *b);

/* Both yuv420p of the sizes given; reads and writes nothing beside their samples. */
void bicubic_run(struct bicubic *b, AVFrame *to, const AVFrame *from);

#endif
