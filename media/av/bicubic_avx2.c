/*
 * Across: eight results at a time, four a lane.  The samples that four neighbours need
 * lie within 16 bytes, so one load and one shuffle for each pair of weights puts them
 * beside their weights for a multiply-add.  swscale gathers four bytes a result
 * instead and does each line alone.
 *
 * Down: the pair rows need no unpacking, which is half of the work otherwise.
 */
#include "media/av/bicubic_avx2.h"
#include <string.h>
#include <libavutil/cpu.h>
#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define INLINE AVX2 __attribute__((always_inline)) static inline

/* ---- across ---- */

INLINE __m256i load_lanes(const uint8_t *line, const int32_t *at)
{
	__m128i lo = _mm_loadu_si128((const __m128i *)(line + at[0]));
	__m128i hi = _mm_loadu_si128((const __m128i *)(line + at[1]));

	return _mm256_inserti128_si256(_mm256_castsi128_si256(lo), hi, 1);
}

struct sums {
	__m256i a, b;
};

INLINE struct sums add_pair(struct sums s, __m256i a, __m256i b, __m256i shuffle,
			    __m256i weights)
{
	s.a = _mm256_add_epi32(s.a, _mm256_madd_epi16(_mm256_shuffle_epi8(a, shuffle), weights));
	s.b = _mm256_add_epi32(s.b, _mm256_madd_epi16(_mm256_shuffle_epi8(b, shuffle), weights));
	return s;
}

/* One load a lane and line, n_pairs pairs of weights. */
INLINE struct sums add_load(struct sums s, const uint8_t *a, const uint8_t *b,
			    const int32_t *at, const __m256i *t, const int n_pairs)
{
	const __m256i two = _mm256_set1_epi8(2);
	__m256i va = load_lanes(a, at), vb = load_lanes(b, at), shuffle = t[0];

	s = add_pair(s, va, vb, shuffle, t[1]);
	if (n_pairs > 1)
		s = add_pair(s, va, vb, shuffle = _mm256_add_epi8(shuffle, two), t[2]);
	if (n_pairs > 2)
		s = add_pair(s, va, vb, shuffle = _mm256_add_epi8(shuffle, two), t[3]);
	if (n_pairs > 3)
		s = add_pair(s, va, vb, _mm256_add_epi8(shuffle, two), t[4]);
	return s;
}

/* From 14 bits of fraction to 7, at most 32767; line a below, line b above. */
INLINE __m256i interleave(struct sums s)
{
	const __m256i most = _mm256_set1_epi32((32768 << 7) - 1);
	__m256i a = _mm256_srai_epi32(_mm256_min_epi32(s.a, most), 7);
	__m256i b = _mm256_slli_epi32(_mm256_min_epi32(s.b, most), 9);

	return _mm256_blend_epi16(a, b, 0xaa);
}

INLINE void across(const struct bicubic_across *h, int32_t *to, const uint8_t *a,
		   const uint8_t *b, const int n_loads, const int n_pairs)
{
	const __m256i *t = (const __m256i *)h->table;
	const int32_t *at = h->at;
	int g, i;

	for (g = 0; g < h->n_groups; g++) {
		struct sums s = { _mm256_setzero_si256(), _mm256_setzero_si256() };

		for (i = 0; i < n_loads; i++) {
			s = add_load(s, a, b, at, t, n_pairs);
			at += 2;
			t += 1 + n_pairs;
		}
		_mm256_store_si256((__m256i *)(to + BICUBIC_GROUP * g), interleave(s));
	}
}

AVX2 void bicubic_avx2_across(const struct bicubic_across *h, int32_t *to, const uint8_t *a,
			      const uint8_t *b)
{
	/* The common filters get code of their own: 3:2 has three pairs, 2:1 four. */
	if (h->n_loads == 1 && h->n_pairs == 4)
		across(h, to, a, b, 1, 4);
	else if (h->n_loads == 1 && h->n_pairs == 3)
		across(h, to, a, b, 1, 3);
	else if (h->n_loads == 1 && h->n_pairs == 2)
		across(h, to, a, b, 1, 2);
	else if (h->n_pairs == 4)
		across(h, to, a, b, h->n_loads, 4);
	else if (h->n_pairs == 3)
		across(h, to, a, b, h->n_loads, 3);
	else if (h->n_pairs == 2)
		across(h, to, a, b, h->n_loads, 2);
	else
		across(h, to, a, b, h->n_loads, 1);
}

/* ---- down ---- */

/* Pair rows whose weights stay in registers; written out, because gcc -O2 leaves
 * such loops as they are. */
#define ROWS_KEPT 5

struct weights {
	__m256i w0, w1, w2, w3, w4;
};

INLINE __m256i weight_pair(const int32_t *weights, int k, const int n_rows)
{
	return k < n_rows ? _mm256_set1_epi32(weights[k]) : _mm256_setzero_si256();
}

INLINE struct weights keep(const int32_t *weights, const int n_rows)
{
	return (struct weights){
		weight_pair(weights, 0, n_rows), weight_pair(weights, 1, n_rows),
		weight_pair(weights, 2, n_rows), weight_pair(weights, 3, n_rows),
		weight_pair(weights, 4, n_rows),
	};
}

INLINE __m256i add_row(__m256i s, const int32_t *row, __m256i weights)
{
	__m256i v = _mm256_load_si256((const __m256i *)row);

	return _mm256_add_epi32(s, _mm256_madd_epi16(v, weights));
}

INLINE __m256i down8(const int32_t *const *rows, struct weights w, const int32_t *more,
		     int x, const int n_rows)
{
	__m256i s = _mm256_set1_epi32(1 << 18);
	int k;

	s = add_row(s, rows[0] + x, w.w0);
	if (n_rows > 1)
		s = add_row(s, rows[1] + x, w.w1);
	if (n_rows > 2)
		s = add_row(s, rows[2] + x, w.w2);
	if (n_rows > 3)
		s = add_row(s, rows[3] + x, w.w3);
	if (n_rows > 4)
		s = add_row(s, rows[4] + x, w.w4);
	for (k = ROWS_KEPT; k < n_rows; k++)
		s = add_row(s, rows[k] + x, _mm256_set1_epi32(more[k]));
	return _mm256_srai_epi32(s, 19);
}

INLINE __m256i down32(const int32_t *const *rows, struct weights w, const int32_t *more,
		      int x, const int n_rows)
{
	/* Packing works within lanes: put the fours back in order. */
	const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
	__m256i lo = _mm256_packs_epi32(down8(rows, w, more, x, n_rows),
					down8(rows, w, more, x + 8, n_rows));
	__m256i hi = _mm256_packs_epi32(down8(rows, w, more, x + 16, n_rows),
					down8(rows, w, more, x + 24, n_rows));

	return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(lo, hi), order);
}

INLINE void down(uint8_t *to, int width, const int32_t *const *rows, const int32_t *weights,
		 const int n_rows)
{
	struct weights w = keep(weights, n_rows);
	uint8_t rest[BICUBIC_SPAN];
	int x;

	for (x = 0; x + BICUBIC_SPAN <= width; x += BICUBIC_SPAN)
		_mm256_storeu_si256((__m256i *)(to + x), down32(rows, w, weights, x, n_rows));
	if (x == width)
		return;
	_mm256_storeu_si256((__m256i *)rest, down32(rows, w, weights, x, n_rows));
	memcpy(to + x, rest, (size_t)(width - x));
}

AVX2 void bicubic_avx2_down(uint8_t *to, int width, const int32_t *const *rows,
			    const int32_t *weights, int n_rows)
{
	switch (n_rows) {
	case 1: down(to, width, rows, weights, 1); break;
	case 2: down(to, width, rows, weights, 2); break;
	case 3: down(to, width, rows, weights, 3); break;
	case 4: down(to, width, rows, weights, 4); break;
	case 5: down(to, width, rows, weights, 5); break;
	default: down(to, width, rows, weights, n_rows);
	}
}

/* By libav's word, so that av_force_cpu_flags counts here, too. */
bool bicubic_avx2_is_there(void)
{
	return av_get_cpu_flags() & AV_CPU_FLAG_AVX2;
}

#else

bool bicubic_avx2_is_there(void)
{
	return false;
}

void bicubic_avx2_across(const struct bicubic_across *h, int32_t *to, const uint8_t *a,
			 const uint8_t *b)
{
}

void bicubic_avx2_down(uint8_t *to, int width, const int32_t *const *rows,
		       const int32_t *weights, int n_rows)
{
}

#endif
