#ifndef LP_MEDIA_AV_INPUT_MP4_H
#define LP_MEDIA_AV_INPUT_MP4_H
#include <stddef.h>
#include <stdint.h>
struct err;
struct input;

/* What input_load does for MP4 without its end; use that. */
int input_mp4_load(struct input *in, const uint8_t *data, size_t len, struct err *err);

#endif
