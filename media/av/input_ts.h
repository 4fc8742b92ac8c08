#ifndef LP_MEDIA_AV_INPUT_TS_H
#define LP_MEDIA_AV_INPUT_TS_H
#include <stddef.h>
#include <stdint.h>
struct err;
struct input;

/*
 * Takes MPEG-TS apart while it arrives.  What comes of it, errors included, is a
 * function of the bytes: it does not matter how they are split.
 */
struct input_ts;

struct input_ts *input_ts_new(struct input *in);	/* in: borrowed, outlives us */
void input_ts_free(struct input_ts *t);

/*
 * Takes bytes up to the packet that completes a video unit.  Returns how many, at
 * least one of len > 0, or -1: ERR_INVALID (damaged), ERR_LIMIT (bytes, units,
 * pixels), and nothing more may be fed.
 */
long input_ts_feed(struct input_ts *t, const uint8_t *data, size_t len, struct err *err);
/* The end: adds what is pending and ends the input. */
int input_ts_end(struct input_ts *t, struct err *err);

#endif
