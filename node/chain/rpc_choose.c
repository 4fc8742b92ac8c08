#include "node/chain/rpc_choose.h"

#define FORGET_MS 30000		/* marks count half after this, a quarter after twice this */

static unsigned fades(const struct rpc_health *h, int64_t now_ms)
{
	int64_t n = (now_ms - h->scored_ms) / FORGET_MS;

	return n < 0 ? 0 : n > 16 ? 16 : (unsigned)n;
}

static void score(struct rpc_health *h, int64_t now_ms, bool failed)
{
	h->bad_permille = (h->bad_permille >> fades(h, now_ms)) * 7 / 8 + (failed ? 125 : 0);
	h->scored_ms = now_ms;
}

/* 250 ms, 500 ms, ... and up to half as much by chance. */
static int64_t rest_ms(unsigned failures, uint32_t random)
{
	unsigned doublings = failures < 8 ? failures - 1 : 7;
	int64_t ms = (int64_t)RPC_REST_MIN_MS << doublings;

	ms += (int64_t)(random % (uint32_t)(ms / 2));
	return ms < RPC_REST_MAX_MS ? ms : RPC_REST_MAX_MS;
}

void rpc_health_failed(struct rpc_health *h, int64_t now_ms, int64_t started_ms,
		       uint64_t retry_after_s, uint32_t random)
{
	uint64_t asked_ms = retry_after_s < RPC_RETRY_AFTER_MAX_MS / 1000 ? retry_after_s * 1000 :
		RPC_RETRY_AFTER_MAX_MS;
	int64_t until;

	score(h, now_ms, true);
	h->checked = false;
	if (h->failures == 0 || started_ms >= h->failed_ms)
		h->failures++;
	h->failed_ms = now_ms;
	until = now_ms + rest_ms(h->failures, random);
	h->told_to_wait = retry_after_s && now_ms + (int64_t)asked_ms >= until;
	h->rest_until_ms = h->told_to_wait ? now_ms + (int64_t)asked_ms : until;
}

void rpc_health_answered(struct rpc_health *h, int64_t now_ms, int64_t started_ms)
{
	int64_t took = now_ms - started_ms;

	score(h, now_ms, false);
	if (h->latency_ms)
		took = (3 * (int64_t)h->latency_ms + took) / 4;
	h->latency_ms = (unsigned)took;
	if (started_ms >= h->failed_ms)		/* else it says nothing of now */
		h->failures = 0;
}

void rpc_health_checked(struct rpc_health *h, int64_t now_ms)
{
	h->checked = true;
	h->checked_ms = now_ms;
	h->wrong_chain = false;
}

bool rpc_health_needs_check(const struct rpc_health *h, int64_t now_ms)
{
	return !h->checked || now_ms - h->checked_ms >= RPC_RECHECK_MS;
}

/* 0 below 100 ms, then one more for each doubling. */
static unsigned slowness(const struct rpc_health *h, int64_t now_ms)
{
	unsigned ms = h->latency_ms >> fades(h, now_ms), n = 0;

	for (; ms >= 100 && n < 15; ms /= 2)
		n++;
	return n;
}

/* Less is better.  The order of naming decides what is equal here. */
static unsigned rank(const struct rpc_health *h, int64_t now_ms)
{
	unsigned bad = (h->bad_permille >> fades(h, now_ms)) / 250;

	return (unsigned)h->behind << 16 | (unsigned)!h->checked << 15 | bad << 8 | slowness(h, now_ms);
}

static bool somebody_works(const struct rpc_health *h, size_t n, int64_t now_ms)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (h[i].checked && h[i].rest_until_ms <= now_ms)
			return true;
	return false;
}

/* A long rest spares an endpoint while others do its work; alone it is tried more often, so
 * that we are back soon after it is. */
static int64_t turn_of(const struct rpc_health *h, bool others_work)
{
	int64_t soon = h->failed_ms + RPC_REST_ALL_MS;

	if (others_work || h->told_to_wait || h->rest_until_ms < soon)
		return h->rest_until_ms;
	return soon;
}

int rpc_choose(const struct rpc_health *h, size_t n, unsigned allowed, int64_t now_ms,
	       int64_t *turn_ms)
{
	bool others_work = somebody_works(h, n, now_ms);
	int best = -1;
	size_t i;

	*turn_ms = INT64_MAX;
	for (i = 0; i < n; i++) {
		int64_t turn = turn_of(&h[i], others_work);

		if (!(allowed >> i & 1))
			continue;
		if (turn < *turn_ms)
			*turn_ms = turn;
		if (turn <= now_ms && (best < 0 || rank(&h[i], now_ms) < rank(&h[best], now_ms)))
			best = (int)i;
	}
	return best;
}
