/*
 * From flags to a chain that is the right one, and reading it.  The loop runs only within
 * these functions, until what was asked for is there; rpc has the deadlines.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/cli_internal.h"
#include "cmd/cli_words.h"
#include "node/chain/rpc.h"
#include "node/store/store.h"

#define CONNECT_MS 10000		/* a person at the terminal hears of a dead endpoint after this */
#define NOBODY_MS 1500			/* and of one that refuses after this: it may just be starting */
#define NOBODY_AGAIN_MS 250
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

void cli_replies_fini(struct rpc_reply *r, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		rpc_reply_fini(&r[i]);
}

/* ---- connecting ---- */

struct contact {
	struct cli *c;
	uv_timer_t patience;
	struct err err;
	bool answered, failed;
	bool over;			/* answered, or nobody is there who could */
	bool closed;
};

/* A daemon goes on asking; a person wants to hear at once that there is no node. */
static bool nobody_listens(const struct cli *c, struct err *err)
{
	struct rpc_endpoint_info ep[RPC_ENDPOINTS_MAX];
	size_t i, n = rpc_endpoints(c->rpc, ep);

	for (i = 0; i < n; i++)
		if (!ep[i].is_nobody)
			return false;
	err_set(err, ERR_IO, "nobody listens at %.100s%s: is the node running?", ep[0].url,
		n > 1 ? ", nor at the other URLs" : "");
	return true;
}

static void on_patience(uv_timer_t *timer)
{
	struct contact *k = timer->data;

	k->failed = k->over = nobody_listens(k->c, &k->err);
}

static void on_patience_closed(uv_handle_t *h)
{
	struct contact *k = h->data;

	k->closed = true;
}

static void on_pin(void *arg, const struct chain_pin *pin, const struct eth_header *head, const struct err *err)
{
	struct contact *k = arg;

	k->answered = k->over = true;
	k->failed = !pin;
	if (pin) {
		k->c->pin = *pin;
		k->c->head = *head;
	} else {
		k->err = *err;
	}
}

static int contact(struct cli *c, const struct eth_addr *controller, struct err *err)
{
	struct contact k = { .c = c };
	struct pinning *asked = pin_ask(c->rpc, controller, c->o.chain_id, CONNECT_MS, on_pin, &k);

	uv_timer_init(&c->loop, &k.patience);
	k.patience.data = &k;
	uv_timer_start(&k.patience, on_patience, NOBODY_MS, NOBODY_AGAIN_MS);
	cli_run_until(c, &k.over);
	if (!k.answered)
		pin_cancel(asked);
	uv_close((uv_handle_t *)&k.patience, on_patience_closed);
	cli_run_until(c, &k.closed);
	if (k.failed) {
		*err = k.err;
		return code_of(err);
	}
	rpc_note_head(c->rpc, c->head.number);
	return 0;
}

static int parse_controller(struct eth_addr *a, const struct cli *c, struct err *err)
{
	if (!c->o.controller) {
		err_set(err, ERR_INVALID, "give -ethController ADDRESS, or -network devnet");
		return 2;
	}
	if (eth_addr_parse(a, c->o.controller, err) < 0) {
		err_wrap(err, "-ethController");
		return 2;
	}
	return 0;
}

int cli_connect(struct cli *c, struct err *err)
{
	struct rpc_opts opts = { .urls = c->o.eth_url, .chain_id = c->o.chain_id };
	bool deploys = c->command->need == CLI_DEPLOY;
	struct eth_addr controller;

	if (!c->o.eth_url) {
		err_set(err, ERR_INVALID, "give -ethUrl URL of an Ethereum node, or -network devnet");
		return 2;
	}
	c->rpc = rpc_new(&c->loop, &opts, err);
	if (!c->rpc) {
		err_wrap(err, "-ethUrl");
		return 2;
	}
	if (!deploys && parse_controller(&controller, c, err) != 0)
		return 2;
	return contact(c, deploys ? NULL : &controller, err);
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
