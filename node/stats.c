#include "node/stats.h"

#include <math.h>

#include "base/buf.h"

/* Bucket i ends at 2^(i/8) / 16 ms: from 0.06 ms to 18 hours. */
static double bucket_end(int i)
{
	return exp2(i / 8.0) / 16;
}

void hist_add(struct hist *h, double ms)
{
	int i = 0;

	if (!(ms > 0))
		ms = 0;
	if (ms > bucket_end(0))
		i = (int)ceil(log2(ms * 16) * 8);
	if (i >= HIST_BUCKETS)
		i = HIST_BUCKETS - 1;
	h->n[i]++;
	h->count++;
	h->sum_ms += ms;
	if (ms > h->max_ms)
		h->max_ms = ms;
}

double hist_quantile(const struct hist *h, double q)
{
	uint64_t want = (uint64_t)ceil(q * (double)h->count), seen = 0;
	int i;

	if (h->count == 0)
		return 0;
	for (i = 0; i < HIST_BUCKETS; i++) {
		seen += h->n[i];
		if (seen >= want && seen > 0)
			break;
	}
	return fmin(bucket_end(i), h->max_ms);
}

void prom_hist(struct buf *b, const char *name, const char *help, const struct hist *h)
{
	static const double bounds_s[] = { .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10 };
	uint64_t below = 0;
	size_t k;
	int i = 0;

	prom_head(b, name, help, "histogram");
	for (k = 0; k < sizeof(bounds_s) / sizeof(bounds_s[0]); k++) {
		for (; i < HIST_BUCKETS && bucket_end(i) <= bounds_s[k] * 1000 * 1.0001; i++)
			below += h->n[i];
		buf_addf(b, "livepeer_%s_bucket{le=\"%g\"} %llu\n", name, bounds_s[k],
			 (unsigned long long)below);
	}
	buf_addf(b, "livepeer_%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)h->count);
	buf_addf(b, "livepeer_%s_sum %g\nlivepeer_%s_count %llu\n", name, h->sum_ms / 1000, name,
		 (unsigned long long)h->count);
}
