/* Endpoints: their URLs, whether they are of our chain, what became of each request. */
#include "node/chain/rpc_internal.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BEHIND_MAX 3		/* blocks; more is behind */
#define BEHIND_RECHECK_MS 10000
#define RECHECK_EARLY_MS 5000	/* before somebody has to wait for it */
#define BATCH_FORGET_MS 60000	/* a refused batch size is tried again after this */

/* ---- URLs ---- */

/* For a person, of a text that is no valid URL: what may be a user, a password or a path of it
 * is left out. */
static void shown_part(char to[60], const char *url, size_t len)
{
	const char *end = url + len, *host = memmem(url, len, "://", 3), *p;

	host = host ? host + 3 : url;
	for (p = host; p < end && *p != '/' && *p != '?' && *p != '#'; p++)
		;
	end = p;
	while (p > host && p[-1] != '@')
		p--;
	snprintf(to, 60, "%.*s", (int)(end - p), p);
}

static int add_url(struct rpc *r, const char *url, size_t len, struct err *err)
{
	struct rpc_endpoint *ep = &r->ep[r->n];
	char shown[60];
	size_t i;

	shown_part(shown, url, len);
	if (r->n == RPC_ENDPOINTS_MAX)
		return err_set(err, ERR_INVALID, "more than %d URLs", RPC_ENDPOINTS_MAX);
	ep->url = xstrndup(url, len);
	r->n++;
	if (!http_url_origin(ep->shown, ep->url))
		return err_set(err, ERR_INVALID, "URL %zu (%s) is none of http or https", r->n, shown);
	for (i = 0; i + 1 < r->n; i++)
		if (strcmp(r->ep[i].url, ep->url) == 0)
			return err_set(err, ERR_INVALID, "URL %zu (%s) stands there twice", r->n, shown);
	ep->rpc = r;
	ep->health = &r->health[r->n - 1];
	ep->batch_max = RPC_BATCH_MAX;
	return 0;
}

int rpc_endpoints_parse(struct rpc *r, const char *urls, struct err *err)
{
	const char *p = urls;

	for (;;) {
		size_t len;

		p += strspn(p, " ");
		len = strcspn(p, ",");
		while (len && p[len - 1] == ' ')
			len--;
		if (add_url(r, p, len, err) < 0)
			return -1;
		p += strcspn(p, ",");
		if (!*p++)
			return 0;
	}
}

void rpc_endpoints_fini(struct rpc *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		free(r->ep[i].url);
}

/* ---- health ---- */

int rpc_http_check(int status, const struct err *from, struct err *err)
{
	if (status == 0) {
		*err = *from;
		return -1;
	}
	if (status == 200 || status == 400)	/* some answer errors of calls with 400 */
		return 0;
	if (status == 429 || status == 503)
		return err_set(err, ERR_BUSY, "HTTP %d", status);
	if (status == 401 || status == 403)
		return err_set(err, ERR_DENIED, "HTTP %d", status);
	if (status == 413)
		return err_set(err, ERR_LIMIT, "HTTP %d", status);
	return err_set(err, ERR_IO, "HTTP %d", status);
}

void rpc_endpoint_failed(struct rpc_endpoint *ep, int64_t started_ms, uint64_t retry_after_s,
			 const struct err *why)
{
	bool was_well = ep->health->failures == 0;

	ep->failures++;
	snprintf(ep->why_not, sizeof(ep->why_not), "%.*s", (int)sizeof(ep->why_not) - 1, why->msg);
	ep->why_code = why->code;
	rpc_health_failed(ep->health, rpc_now_ms(), started_ms, retry_after_s, randombytes_random());
	/* Of a single one the caller hears. */
	if (was_well && ep->rpc->n > 1 && log_may(&ep->may_log, 6))
		log_warn(&ep->rpc->log, "JSON-RPC endpoint failed, others are asked: endpoint=%s why=\"%s\"",
			 ep->shown, ep->why_not);
}

void rpc_endpoint_answered(struct rpc_endpoint *ep, int64_t started_ms)
{
	rpc_health_answered(ep->health, rpc_now_ms(), started_ms);
	if (ep->health->failures == 0)
		ep->why_not[0] = 0;
	if (rpc_now_ms() - ep->batch_max_ms > BATCH_FORGET_MS)
		ep->batch_max = RPC_BATCH_MAX;
}

void rpc_endpoint_told_head(struct rpc_endpoint *ep, uint64_t head)
{
	if (head > ep->head)
		ep->head = head;
	ep->health->behind = head < ep->rpc->trusted_head && ep->rpc->trusted_head - head > BEHIND_MAX;
}

/* ---- the check ---- */

/* The tries that waited for it go on, or fail.  Each may end its batch, and that anything. */
static void check_over(struct rpc_endpoint *ep, const struct err *why_not)
{
	struct rpc *r = ep->rpc;
	size_t i = (size_t)(ep - r->ep);
	struct rpc_batch *b = r->batches;

	while (b && !r->closing) {
		if (b->tries[i].state != TRY_CHECK) {
			b = b->next;
			continue;
		}
		rpc_try_checked(&b->tries[i], why_not);
		rpc_settle(b);
		b = r->batches;		/* the list may be another one now */
	}
}

static int check_chain(struct rpc_endpoint *ep, uint64_t id, struct err *err)
{
	struct rpc *r = ep->rpc;

	if (id == 0)
		return err_set(err, ERR_INVALID, "chain id 0");
	if (r->chain_id == 0)
		r->chain_id = id;
	ep->health->wrong_chain = id != r->chain_id;
	if (ep->health->wrong_chain)
		return err_set(err, ERR_DENIED, "its chain id is %" PRIu64 ", not %" PRIu64, id, r->chain_id);
	return 0;
}

static int read_check(struct rpc_endpoint *ep, const void *body, size_t len, struct err *err)
{
	struct rpc_reply reply;
	uint64_t v = 0;
	int rc;

	if (rpc_read(&reply, 1, ep->check_id, body, len, err) < 0)
		return -1;
	if (!reply.result)
		rc = err_set(err, rpc_is_busy(&reply) ? ERR_BUSY : ERR_IO, "%s", reply.message);
	else
		rc = rpc_u64(&v, reply.result, ep->asks_head ? "eth_blockNumber" : "eth_chainId", err);
	if (rc == 0 && ep->asks_head)
		rpc_endpoint_told_head(ep, v);
	else if (rc == 0)
		rc = check_chain(ep, v, err);
	rpc_reply_fini(&reply);
	return rc;
}

static void on_checked(void *arg, int status, const uint8_t *body, size_t len,
		       const struct err *from);

static int ask(struct rpc_endpoint *ep, struct err *err)
{
	struct rpc_call call = { ep->asks_head ? "eth_blockNumber" : "eth_chainId", "[]" };
	struct rpc *r = ep->rpc;
	struct buf b;

	buf_init(&b, 200);
	ep->check_id = r->next_id++;
	ep->check_ms = rpc_now_ms();
	ep->requests++;
	rpc_write(&b, ep->check_id, &call, 1);
	ep->check = http_post_json(r->http, ep->url, buf_cstr(&b), r->try_ms, 10000, on_checked, ep, err);
	buf_fini(&b);
	return ep->check ? 0 : -1;
}

static void on_checked(void *arg, int status, const uint8_t *body, size_t len,
		       const struct err *from)
{
	struct rpc_endpoint *ep = arg;
	uint64_t retry_after = http_client_retry_after(ep->rpc->http);
	struct err err = { 0 };
	int rc = rpc_http_check(status, from, &err);

	ep->check = NULL;
	rc = rc < 0 ? rc : read_check(ep, body, len, &err);
	if (rc == 0 && !ep->asks_head && ep->rpc->trusted_head) {
		ep->asks_head = true;
		if (ask(ep, &err) == 0)
			return;
		rc = -1;
	}
	if (rc < 0) {
		rpc_endpoint_failed(ep, ep->check_ms, retry_after, &err);
		check_over(ep, &err);
		return;
	}
	rpc_endpoint_answered(ep, ep->check_ms);
	rpc_health_checked(ep->health, rpc_now_ms());
	check_over(ep, NULL);
}

void rpc_endpoint_check(struct rpc_endpoint *ep)
{
	struct err err = { 0 };

	if (ep->check)
		return;
	ep->asks_head = false;
	if (ask(ep, &err) < 0)		/* curl is out of memory; the tries' deadlines end it */
		rpc_endpoint_failed(ep, ep->check_ms, 0, &err);
}

static bool wants_check(const struct rpc_endpoint *ep, int64_t now_ms)
{
	const struct rpc_health *h = ep->health;
	int64_t age = now_ms - h->checked_ms;

	if (h->rest_until_ms > now_ms || ep->rpc->chain_id == 0)
		return false;
	return !h->checked || age > RPC_RECHECK_MS - RECHECK_EARLY_MS ||
	       (h->behind && age > BEHIND_RECHECK_MS);
}

void rpc_endpoints_check_idle(struct rpc *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (wants_check(&r->ep[i], rpc_now_ms()))
			rpc_endpoint_check(&r->ep[i]);
}

size_t rpc_endpoints(const struct rpc *r, struct rpc_endpoint_info to[RPC_ENDPOINTS_MAX])
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		const struct rpc_endpoint *ep = &r->ep[i];

		to[i] = (struct rpc_endpoint_info){ .url = ep->shown, .requests = ep->requests,
			.failures = ep->failures, .head = ep->head,
			.is_nobody = ep->health->failures && ep->why_code == ERR_NOT_FOUND,
			.usable = ep->health->checked && ep->health->rest_until_ms <= rpc_now_ms() };
		memcpy(to[i].why_not, ep->why_not, sizeof(to[i].why_not));
	}
	return r->n;
}
