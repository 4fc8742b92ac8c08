/* Calls of contracts and logs, in as few requests as they fit in. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "cmd/cli_internal.h"

#define DATA_MAX (512 * 1024)		/* parameters of one call */
#define LOGS_MAX 200000			/* of one cli_logs */

/* ---- calls ---- */

static void add_hex(struct buf *b, const void *data, size_t n)
{
	char *hex = xmalloc(2 * n + 1);

	hex_fmt(hex, data, n);
	buf_addf(b, "0x%s", hex);
	free(hex);
}

void cli_add_call(struct buf *b, const struct eth_addr *from, const struct cli_plan_tx *tx)
{
	char text[67];

	buf_add_str(b, "{\"data\":\"");
	add_hex(b, tx->data.data, tx->data.len);
	buf_add_str(b, "\"");
	if (!tx->creates) {
		eth_addr_fmt(text, &tx->to);
		buf_addf(b, ",\"to\":\"%s\"", text);
	}
	if (from) {
		eth_addr_fmt(text, from);
		buf_addf(b, ",\"from\":\"%s\"", text);
	}
	if (!u256_is_zero(&tx->value)) {
		u256_fmt_hex(text, &tx->value);
		buf_addf(b, ",\"value\":\"%s\"", text);
	}
	buf_add_str(b, "}");
}

struct buf *cli_read_at(struct cli_reads *r, const struct eth_addr *to)
{
	struct cli_read *one;

	assert(r->n < CLI_READS_MAX);
	if (r->n == r->room) {
		r->room = r->room ? 2 * r->room : 64;
		r->r = xrealloc(r->r, r->room * sizeof(*r->r));
	}
	one = &r->r[r->n++];
	*one = (struct cli_read){ .to = *to };
	buf_init(&one->data, DATA_MAX);
	return &one->data;
}

struct buf *cli_read(struct cli_reads *r, const struct cli *c, enum chain_contract to)
{
	return cli_read_at(r, &c->pin.contracts[to]);
}

/* The parameters of a call, owned. */
static char *call_params(const struct cli *c, const struct cli_read *r)
{
	struct cli_plan_tx tx = { .to = r->to, .data = r->data };
	struct buf b;

	buf_init(&b, 3 * DATA_MAX);
	buf_add_str(&b, "[");
	cli_add_call(&b, c->has_account ? &c->account : NULL, &tx);
	buf_add_str(&b, ",\"latest\"]");
	buf_cstr(&b);
	return (char *)b.data;
}

static int take_result(struct cli_read *r, struct rpc_reply *reply, bool may_revert, struct err *err)
{
	if (reply->result)
		return rpc_bytes(&r->result, &r->n, reply->result, RPC_ANSWER_MAX, "result", err) < 0 ? 1 : 0;
	if (!may_revert || !cli_is_revert(reply))
		return cli_refused(reply, "", err);
	r->error = xmalloc(sizeof(*r->error));
	*r->error = *reply;
	memset(reply, 0, sizeof(*reply));
	return 0;
}

/* n reads and n_more other calls: they are one batch. */
static int read_batch(struct cli *c, struct cli_read *r, size_t n, const struct rpc_call *more, size_t n_more,
		      struct rpc_reply *more_replies, bool may_revert, struct err *err)
{
	struct rpc_reply *replies = xcalloc(n + n_more, sizeof(*replies));
	struct rpc_call *calls = xcalloc(n + n_more, sizeof(*calls));
	size_t i;
	int rc;

	assert(n + n_more <= RPC_BATCH_MAX);
	for (i = 0; i < n; i++)
		calls[i] = (struct rpc_call){ "eth_call", call_params(c, &r[i]) };
	for (i = 0; i < n_more; i++)
		calls[n + i] = more[i];
	rc = cli_rpc(c, calls, n + n_more, replies, err);
	for (i = 0; i < n && rc == 0; i++)
		rc = take_result(&r[i], &replies[i], may_revert, err);
	for (i = 0; i < n_more && rc == 0; i++) {
		more_replies[i] = replies[n + i];
		memset(&replies[n + i], 0, sizeof(replies[n + i]));
	}
	cli_replies_fini(replies, n + n_more);
	for (i = 0; i < n; i++)
		free((char *)calls[i].params);
	free(calls);
	free(replies);
	return rc;
}

int cli_read_with(struct cli *c, struct cli_reads *r, const struct rpc_call *more, size_t n, struct rpc_reply *replies,
		  struct err *err)
{
	memset(replies, 0, n * sizeof(*replies));
	return read_batch(c, r->r, r->n, more, n, replies, false, err);
}

int cli_read_all(struct cli *c, struct cli_reads *r, bool may_revert, struct err *err)
{
	size_t at, n;
	int rc = 0;

	for (at = 0; at < r->n && rc == 0; at += n) {
		n = r->n - at < RPC_BATCH_MAX ? r->n - at : RPC_BATCH_MAX;
		rc = read_batch(c, r->r + at, n, NULL, 0, NULL, may_revert, err);
	}
	return rc;
}

void cli_reads_fini(struct cli_reads *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		buf_fini(&r->r[i].data);
		free(r->r[i].result);
		if (r->r[i].error)
			rpc_reply_fini(r->r[i].error);
		free(r->r[i].error);
	}
	free(r->r);
	memset(r, 0, sizeof(*r));
}

/* ---- logs ---- */

static char *logs_params(const struct eth_addr *address, const struct hash32 *const topics[4], uint64_t from,
			 uint64_t to)
{
	char addr[43];
	size_t i, n = 4;
	struct buf b;

	buf_init(&b, 4096);
	eth_addr_fmt(addr, address);
	buf_addf(&b, "[{\"address\":\"%s\",\"fromBlock\":\"0x%" PRIx64 "\",\"toBlock\":\"0x%" PRIx64
		 "\",\"topics\":[", addr, from, to);
	while (n > 0 && !topics[n - 1])
		n--;
	for (i = 0; i < n; i++) {
		buf_add_str(&b, i ? "," : "");
		if (topics[i]) {
			buf_add_str(&b, "\"");
			add_hex(&b, topics[i]->b, sizeof(topics[i]->b));
			buf_add_str(&b, "\"");
		} else {
			buf_add_str(&b, "null");
		}
	}
	buf_add_str(&b, "]}]");
	buf_cstr(&b);
	return (char *)b.data;
}

/* Takes the logs of more. */
static int append_logs(struct eth_logs *to, struct eth_logs *more, struct err *err)
{
	if (to->n + more->n > LOGS_MAX) {
		eth_logs_fini(more);
		return err_set(err, ERR_LIMIT, "more than %d logs", LOGS_MAX);
	}
	if (more->n) {
		to->l = xrealloc(to->l, (to->n + more->n) * sizeof(*to->l));
		memcpy(to->l + to->n, more->l, more->n * sizeof(*to->l));
		to->n += more->n;
	}
	free(more->l);
	return 0;
}

/* *refused: the endpoint does not give so many blocks or logs at once. */
static int logs_of_range(struct cli *c, const char *params, struct eth_logs *logs, bool *refused,
			 struct err *err)
{
	struct rpc_call call = { "eth_getLogs", params };
	struct eth_logs more = { 0 };
	struct rpc_reply r;
	int rc = cli_rpc(c, &call, 1, &r, err);

	*refused = false;
	if (rc == 0 && !r.result) {
		*refused = true;
		rc = cli_refused(&r, "eth_getLogs", err);
	} else if (rc == 0 && rpc_logs(&more, r.result, err) < 0) {
		*refused = err->code == ERR_LIMIT;
		rc = 1;
	}
	rpc_reply_fini(&r);
	if (rc == 0 && append_logs(logs, &more, err) < 0)
		rc = 1;
	return rc;
}

int cli_logs(struct cli *c, const struct eth_addr *address, const struct hash32 *const topics[4], uint64_t from,
	     uint64_t to, struct eth_logs *logs, struct err *err)
{
	uint64_t n = to - from + 1, last;
	bool refused;
	char *params;
	int rc = 0;

	memset(logs, 0, sizeof(*logs));
	while (from <= to && rc == 0) {
		last = to - from < n - 1 ? to : from + n - 1;
		params = logs_params(address, topics, from, last);
		rc = logs_of_range(c, params, logs, &refused, err);
		free(params);
		if (rc == 0) {
			from = last + 1;
		} else if (refused && n > 1) {
			n /= 2;
			rc = 0;
		}
	}
	if (rc != 0)
		eth_logs_fini(logs);
	return rc;
}
