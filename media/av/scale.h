#ifndef LP_MEDIA_AV_SCALE_H
#define LP_MEDIA_AV_SCALE_H
#include <libavutil/frame.h>
struct err;

/*
 * Scales pictures of any size and format to yuv420p of one size: bicubic, with
 * the flags under which swscale gives the same bytes on every CPU.  A picture
 * that needs nothing is passed on by reference.  One thread at a time.
 */
struct scaler;

struct scaler *scaler_new(int width, int height);
void scaler_free(struct scaler *s);

/* from: borrowed; its size and format may differ from call to call.  Returns a
 * frame that is the caller's, or NULL (ERR_INVALID, ERR_INTERNAL). */
AVFrame *scaler_run(struct scaler *s, const AVFrame *from, struct err *err);

#endif
