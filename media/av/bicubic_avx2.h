#ifndef LP_MEDIA_AV_BICUBIC_AVX2_H
#define LP_MEDIA_AV_BICUBIC_AVX2_H
#include <stdbool.h>
#include <stdint.h>

/*
 * The two inner loops of media/av/bicubic.c.  Only where bicubic_avx2_is_there.
 *
 * A "pair row" holds two neighbouring lines after the horizontal pass, their 15-bit
 * samples by turns, so that the vertical pass multiplies and adds two lines at once.
 */
#define BICUBIC_LANE 4		/* results fed by one load of 16 samples */
#define BICUBIC_GROUP 8		/* results at once, across */
#define BICUBIC_SPAN 32		/* results at once, down; pair rows are padded to it */
#define BICUBIC_PAIRS_MAX 4	/* pairs of weights a load */

/* Horizontal filter, laid out in the order it is read. */
struct bicubic_across {
	int n_groups;		/* of BICUBIC_GROUP results */
	int n_loads;		/* for each lane of a group, one after the other */
	int n_pairs;		/* pairs of weights a load: 1 .. BICUBIC_PAIRS_MAX */
	int32_t *at;		/* owned; n_groups * n_loads * 2: first sample of each lane's load */
	uint8_t *table;		/* owned; as many shuffles of 32 bytes, each followed by n_pairs
				 * times 32 bytes of weights; aligned to 32 */
};

bool bicubic_avx2_is_there(void);

/* Two lines into one pair row. */
void bicubic_avx2_across(const struct bicubic_across *h, int32_t *to, const uint8_t *a,
			 const uint8_t *b);

/* n_rows pair rows into one line of width samples; weights: two of 16 bits a row. */
void bicubic_avx2_down(uint8_t *to, int width, const int32_t *const *rows,
		       const int32_t *weights, int n_rows);

#endif
