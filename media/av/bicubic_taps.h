#ifndef LP_MEDIA_AV_BICUBIC_TAPS_H
#define LP_MEDIA_AV_BICUBIC_TAPS_H
#include <stdbool.h>
#include <stdint.h>

/*
 * The weights of a bicubic filter along one side of a plane, to the bit those of
 * swscale 6 with SWS_BICUBIC | SWS_BITEXACT.  Integers only.
 */
struct taps {
	int n;			/* results along the side */
	int size;		/* weights of each */
	int32_t *pos;		/* owned; n: the sample the first weight is for, never falling */
	int16_t *weight;	/* owned; n * size; those of one result sum up to one */
};

/* from, to: samples along the side, 16 to 16384 and 1 to 16384; one: what the
 * weights sum up to.  All samples pos[i] .. pos[i] + size - 1 exist.  False, and
 * nothing to free: this filter is left to swscale. */
bool taps_init(struct taps *t, int from, int to, int one);
void taps_fini(struct taps *t);

#endif
