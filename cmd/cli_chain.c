/*
 * From flags to a chain that is the right one, and reading it.  The loop runs only within
 * these functions, until what was asked for is there; rpc has the deadlines.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "cmd/cli_internal.h"
#include "cmd/cli_words.h"
#include "node/chain/rpc.h"
#include "node/store/store.h"

#define DATA_MAX (512 * 1024)		/* parameters of one call */
#define LOGS_MAX 200000			/* of one cli_logs */
#define CONNECT_MS 10000		/* a person at the terminal hears of a dead endpoint after this */
#define STORE_MAP_MAX (1ull << 30)
#define DEVNET_CONFIRMATIONS 1
#define DEVNET_POLL_MS 100		/* its blocks come as soon as there is something in them */
#define CONFIRMATIONS 12

void cli_run_until(struct cli *c, const bool *done)
{
	/* The loop running dry would be our own mistake: somebody still owes us a call. */
	while (!*done)
		assert(uv_run(&c->loop, UV_RUN_ONCE) || *done);
}

/* ---- batches ---- */

struct batch {
	struct rpc_reply *replies;	/* borrowed */
	size_t n;
	struct err err;
	bool failed, done;
};

static void take_reply(struct rpc_reply *to, struct rpc_reply *from)
{
	*to = *from;
	memset(from, 0, sizeof(*from));
}

static void on_batch(void *arg, struct rpc_reply *replies, size_t n, const struct err *err)
{
	struct batch *b = arg;
	size_t i;

	b->done = true;
	b->failed = !replies;
	if (err)
		b->err = *err;
	for (i = 0; replies && i < n && i < b->n; i++)
		take_reply(&b->replies[i], &replies[i]);
}

/* Another network than was meant is the command line's mistake. */
static int code_of(const struct err *err)
{
	return err->code == ERR_INVALID || err->code == ERR_DENIED ? 2 : 1;
}

int cli_rpc(struct cli *c, const struct rpc_call *calls, size_t n, struct rpc_reply *replies, struct err *err)
{
	struct batch b = { .replies = replies, .n = n };

	memset(replies, 0, n * sizeof(*replies));
	rpc_send(c->rpc, RPC_ANY, calls, n, CLI_ANSWER_MS, on_batch, &b);
	cli_run_until(c, &b.done);
	if (!b.failed)
		return 0;
	*err = b.err;
	return 1;
}

/* ---- refusals ---- */

bool cli_is_revert(const struct rpc_reply *r)
{
	return !r->result && (r->code == 3 || r->n_data >= 4 || strcasestr(r->message, "revert"));
}

int cli_refused(const struct rpc_reply *r, const char *what, struct err *err)
{
	struct buf words;

	buf_init(&words, 4096);
	if (r->n_data >= 4)
		cli_words(&words, r->data, r->n_data);
	err_set(err, ERR_DENIED, "%s%s%s", what, *what ? ": " : "", words.len ? buf_cstr(&words) : r->message);
	buf_fini(&words);
	return cli_is_revert(r) ? 3 : 1;
}

/* ---- connecting ---- */

struct pinning {
	struct chain_pin *pin;
	struct err err;
	bool failed, done;
};

static void on_pin(void *arg, const struct chain_pin *pin, const struct err *err)
{
	struct pinning *p = arg;

	p->done = true;
	p->failed = !pin;
	if (pin)
		*p->pin = *pin;
	else
		p->err = *err;
}

static int ask_pin(struct cli *c, struct err *err)
{
	struct pinning p = { .pin = &c->pin };
	struct eth_addr controller;

	if (!c->o.controller) {
		err_set(err, ERR_INVALID, "give -ethController ADDRESS, or -network devnet");
		return 2;
	}
	if (eth_addr_parse(&controller, c->o.controller, err) < 0) {
		err_wrap(err, "-ethController");
		return 2;
	}
	pin_ask(c->rpc, &controller, c->o.chain_id, CONNECT_MS, on_pin, &p);
	cli_run_until(c, &p.done);
	if (!p.failed)
		return 0;
	*err = p.err;
	return code_of(err);
}

static void fini_replies(struct rpc_reply *r, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		rpc_reply_fini(&r[i]);
}

/* The head; for a network without Controller its genesis too. */
static int ask_head(struct cli *c, bool genesis, struct err *err)
{
	static const struct rpc_call calls[] = {
		{ "eth_getBlockByNumber", "[\"latest\",false]" },
		{ "eth_getBlockByNumber", "[\"0x0\",false]" },
	};
	struct rpc_reply r[2];
	struct eth_header first;
	size_t n = genesis ? 2 : 1;
	int rc = cli_rpc(c, calls, n, r, err);

	if (rc != 0)
		rc = code_of(err);
	if (rc == 0 && rpc_header(&c->head, r[0].result, err) < 0)
		rc = 1;
	if (rc == 0 && genesis && rpc_header(&first, r[1].result, err) < 0)
		rc = 1;
	if (rc == 0 && genesis) {
		c->pin.genesis = first.hash;
		c->pin.chain_id = rpc_chain_id(c->rpc);
	}
	fini_replies(r, n);
	return rc;
}

int cli_connect(struct cli *c, struct err *err)
{
	struct rpc_opts opts = { .urls = c->o.eth_url, .chain_id = c->o.chain_id };
	bool deploys = c->command->need == CLI_DEPLOY;
	int rc;

	if (!c->o.eth_url) {
		err_set(err, ERR_INVALID, "give -ethUrl URL of an Ethereum node, or -network devnet");
		return 2;
	}
	c->rpc = rpc_new(&c->loop, &opts, err);
	if (!c->rpc) {
		err_wrap(err, "-ethUrl");
		return 2;
	}
	rc = deploys ? 0 : ask_pin(c, err);
	if (rc == 0)
		rc = ask_head(c, deploys, err);
	if (rc == 0)
		rpc_note_head(c->rpc, c->head.number);
	return rc;
}

/* ---- store and journal ---- */

static int make_folders(const char *path, struct err *err)
{
	char *part = xstrdup(path), *p;
	int rc = 0;

	for (p = part + 1; *p && rc == 0; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			rc = err_set(err, ERR_IO, "%.150s: %s", part, strerror(errno));
		*p = '/';
	}
	free(part);
	return rc;
}

/* The ids that Anvil and Hardhat, and geth --dev, give themselves. */
static bool is_devnet(const struct cli *c)
{
	return c->pin.chain_id == 31337 || c->pin.chain_id == 1337;
}

static uint64_t depth_of(const struct cli *c)
{
	if (c->o.confirmations)
		return c->o.confirmations;
	return is_devnet(c) ? DEVNET_CONFIRMATIONS : CONFIRMATIONS;
}

static int open_journal(struct cli *c, struct err *err)
{
	struct journal_opts o = {
		.store = c->store, .rpc = c->rpc, .chain_id = c->pin.chain_id, .key = c->key,
		.account = c->account, .legacy = c->o.legacy_tx, .depth = depth_of(c),
		.poll_ms = is_devnet(c) ? DEVNET_POLL_MS : 0,
	};

	if (cli_fee_policy(&o.fees, c, err) < 0)
		return 2;
	c->journal = journal_new(&c->loop, &o, err);
	if (!c->journal)
		return 1;
	journal_explain_with(c->journal, cli_explain);
	return 0;
}

/* A deployer has no Controller to compare yet. */
static int check_pin(const struct cli *c, const char *dir, struct err *err)
{
	if (c->command->need == CLI_DEPLOY || pin_check(dir, &c->pin, err) == 0)
		return 0;
	return code_of(err);
}

int cli_open_store(struct cli *c, struct err *err)
{
	char name[64], *dir;
	int rc;

	pin_store_name(name, &c->pin);
	dir = xasprintf("%s/%s", c->o.datadir, name);
	rc = make_folders(dir, err) < 0 ? 1 : 0;
	if (rc == 0) {
		c->store = store_open(dir, STORE_MAP_MAX, err);
		rc = c->store ? 0 : 1;
	}
	if (rc == 0)
		rc = check_pin(c, dir, err);
	free(dir);
	return rc == 0 ? open_journal(c, err) : rc;
}

static void on_closed(void *arg)
{
	*(bool *)arg = true;
}

void cli_disconnect(struct cli *c)
{
	bool closed = false;

	if (c->journal) {
		journal_free(c->journal, on_closed, &closed);
		cli_run_until(c, &closed);
	}
	closed = false;
	if (c->rpc) {
		rpc_free(c->rpc, on_closed, &closed);
		cli_run_until(c, &closed);
	}
	if (c->store)
		store_close(c->store);
	uv_run(&c->loop, UV_RUN_DEFAULT);
	c->journal = NULL;
	c->rpc = NULL;
	c->store = NULL;
}

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

	if (!r->r)
		r->r = xcalloc(CLI_READS_MAX, sizeof(*r->r));
	assert(r->n < CLI_READS_MAX);
	one = &r->r[r->n++];
	one->to = *to;
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
	take_reply(r->error, reply);
	return 0;
}

/* Reads first..first + n of r: they are one batch. */
static int read_batch(struct cli *c, struct cli_read *r, size_t n, bool may_revert, struct err *err)
{
	struct rpc_call calls[RPC_BATCH_MAX] = { 0 };
	struct rpc_reply replies[RPC_BATCH_MAX];
	char *params[RPC_BATCH_MAX];
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		params[i] = call_params(c, &r[i]);
		calls[i] = (struct rpc_call){ "eth_call", params[i] };
	}
	rc = cli_rpc(c, calls, n, replies, err);
	for (i = 0; i < n && rc == 0; i++)
		rc = take_result(&r[i], &replies[i], may_revert, err);
	fini_replies(replies, n);
	for (i = 0; i < n; i++)
		free(params[i]);
	return rc;
}

int cli_read_all(struct cli *c, struct cli_reads *r, bool may_revert, struct err *err)
{
	size_t at, n;
	int rc = 0;

	for (at = 0; at < r->n && rc == 0; at += n) {
		n = r->n - at < RPC_BATCH_MAX ? r->n - at : RPC_BATCH_MAX;
		rc = read_batch(c, r->r + at, n, may_revert, err);
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
