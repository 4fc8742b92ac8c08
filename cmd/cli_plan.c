/* What a command is about to send, and what that costs: told before anybody is asked. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/cli_internal.h"
#include "node/chain/rpc.h"

#define DATA_MAX (128 * 1024)
#define SAYS_MAX (64 * 1024)
#define GAS_UNKNOWN 500000	/* of what can be estimated only when the one before is done */
#define LEAST_TIP_WEI 100000000	/* 0.1 gwei */

/* ---- plans ---- */

struct cli_plan_tx *cli_plan_add(struct cli_plan *p, const struct cli *c, enum chain_contract to, const char *key,
				 const char *what_fmt, ...)
{
	struct cli_plan_tx *tx = &p->tx[p->n];
	va_list ap;

	assert(p->n < CLI_PLAN_MAX);
	p->n++;
	memset(tx, 0, sizeof(*tx));
	tx->to = c->pin.contracts[to];
	tx->key = xstrdup(key);
	va_start(ap, what_fmt);
	if (vasprintf(&tx->what, what_fmt, ap) < 0)
		abort();
	va_end(ap);
	/* The journal keeps so much of it; what is left out shows. */
	if (strlen(tx->what) > JOURNAL_WHAT_MAX)
		memcpy(tx->what + JOURNAL_WHAT_MAX - 3, "...", 4);
	buf_init(&tx->data, DATA_MAX);
	return tx;
}

void cli_plan_say(struct cli_plan *p, const char *fmt, ...)
{
	char *line = NULL;
	va_list ap;

	if (!p->says.max)
		buf_init(&p->says, SAYS_MAX);
	va_start(ap, fmt);
	if (vasprintf(&line, fmt, ap) < 0)
		abort();
	va_end(ap);
	buf_add_str(&p->says, line);
	buf_add_str(&p->says, "\n");
	free(line);
}

void cli_plan_fini(struct cli_plan *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		free(p->tx[i].what);
		free(p->tx[i].key);
		buf_fini(&p->tx[i].data);
	}
	if (p->says.max)
		buf_fini(&p->says);
	memset(p, 0, sizeof(*p));
}

/* ---- what it costs ---- */

int cli_fee_policy(struct fee_policy *p, const struct cli *c, struct err *err)
{
	const char *text = c->o.max_gas_price ? c->o.max_gas_price : "200 gwei";

	p->tip = u256_of(LEAST_TIP_WEI);
	if (text[strspn(text, "0123456789. ")] == '\0')
		return err_set(err, ERR_INVALID, "-maxGasPrice=%.40s: say of what, as in \"200 gwei\"", text);
	if (cli_amount(&p->ceiling, text, UNIT_ETH, err) < 0)
		return err_wrap(err, "-maxGasPrice");
	return 0;
}

/* What the chain says now, about a plan. */
struct quote {
	struct u256 balance;
	struct fee_market market;
	struct fee_offer offer;
	uint64_t gas[CLI_PLAN_MAX];	/* estimated */
	bool guessed;			/* one of them could not be */
};

enum { ASK_BALANCE, ASK_HEAD, ASK_TIP, ASK_PRICE, ASK_CALL, ASK_GAS, N_ASK = ASK_GAS + CLI_PLAN_MAX };

/* The calls of a quote; params are owned by the caller. */
static size_t quote_calls(struct rpc_call calls[N_ASK], char *params[N_ASK], const struct cli *c,
			  const struct cli_plan *plan)
{
	static const char *const methods[] = {
		"eth_getBalance", "eth_getBlockByNumber", "eth_maxPriorityFeePerGas", "eth_gasPrice", "eth_call",
	};
	size_t i, n = ASK_GAS + plan->n;
	struct buf b;
	char addr[43];

	eth_addr_fmt(addr, &c->account);
	for (i = 0; i < n; i++) {
		buf_init(&b, 4 * DATA_MAX);
		buf_add_str(&b, "[");
		if (i == ASK_BALANCE)
			buf_addf(&b, "\"%s\",\"latest\"", addr);
		else if (i == ASK_HEAD)
			buf_add_str(&b, "\"latest\",false");
		else if (i >= ASK_CALL)
			cli_add_call(&b, &c->account, &plan->tx[i == ASK_CALL ? 0 : i - ASK_GAS]);
		buf_add_str(&b, i == ASK_CALL ? ",\"latest\"]" : "]");
		buf_cstr(&b);
		params[i] = (char *)b.data;
		calls[i] = (struct rpc_call){ i < ASK_GAS ? methods[i] : "eth_estimateGas", params[i] };
	}
	return n;
}

static int read_market(struct fee_market *m, const struct cli *c, const struct rpc_reply *r, struct err *err)
{
	struct eth_header head;

	if (rpc_header(&head, r[ASK_HEAD].result, err) < 0)
		return -1;
	m->legacy = c->o.legacy_tx || !head.has_base_fee;
	m->base_fee = head.base_fee;
	m->tip = u256_zero;
	if (m->legacy)
		return rpc_u256(&m->tip, r[ASK_PRICE].result, "eth_gasPrice", err);
	/* A node that does not suggest a tip leaves it to our least. */
	return r[ASK_TIP].result ? rpc_u256(&m->tip, r[ASK_TIP].result, "eth_maxPriorityFeePerGas", err) : 0;
}

static int read_gas(struct quote *q, const struct cli_plan *plan, const struct rpc_reply *r, struct err *err)
{
	size_t i;

	for (i = 0; i < plan->n; i++) {
		const struct rpc_reply *e = &r[ASK_GAS + i];

		if (plan->tx[i].gas) {
			q->gas[i] = plan->tx[i].gas;
		} else if (e->result) {
			if (rpc_u64(&q->gas[i], e->result, "eth_estimateGas", err) < 0)
				return 1;
		} else if (i == 0) {
			return cli_refused(e, "", err);
		} else {
			q->gas[i] = GAS_UNKNOWN;
			q->guessed = true;
		}
	}
	return 0;
}

static int read_quote(struct quote *q, const struct cli *c, const struct cli_plan *plan, const struct rpc_reply *r,
		      struct err *err)
{
	struct fee_policy policy;

	if (!r[ASK_CALL].result)
		return cli_refused(&r[ASK_CALL], "", err);
	if (!r[ASK_BALANCE].result)
		return cli_refused(&r[ASK_BALANCE], "eth_getBalance", err);
	if (rpc_u256(&q->balance, r[ASK_BALANCE].result, "eth_getBalance", err) < 0 ||
	    read_market(&q->market, c, r, err) < 0)
		return 1;
	if (cli_fee_policy(&policy, c, err) < 0)
		return 2;
	if (fee_first(&q->offer, &policy, &q->market, err) < 0)
		return 3;
	return read_gas(q, plan, r, err);
}

static int get_quote(struct quote *q, struct cli *c, const struct cli_plan *plan, struct err *err)
{
	struct rpc_call calls[N_ASK];
	struct rpc_reply r[N_ASK];
	char *params[N_ASK];
	size_t n = quote_calls(calls, params, c, plan), i;
	int rc;

	memset(q, 0, sizeof(*q));
	rc = cli_rpc(c, calls, n, r, err);
	if (rc == 0)
		rc = read_quote(q, c, plan, r, err);
	cli_replies_fini(r, n);
	for (i = 0; i < n; i++)
		free(params[i]);
	return rc;
}

/* What a plan costs. */
struct cost {
	uint64_t gas;
	struct u256 price;	/* of a unit of gas now */
	struct u256 now, most;	/* fees */
	struct u256 value;	/* sent along */
	struct u256 need;	/* value and most: what the account must have */
};

static bool add_costs(struct cost *k, const struct quote *q, const struct cli_plan *plan)
{
	struct u256 gas, limit;
	size_t i;

	memset(k, 0, sizeof(*k));
	for (i = 0; i < plan->n; i++) {
		k->gas += q->gas[i];
		if (!u256_add(&k->value, &k->value, &plan->tx[i].value))
			return false;
	}
	gas = u256_of(k->gas);
	limit = u256_of(k->gas + k->gas / 4);	/* as the journal asks for */
	k->price = q->market.tip;
	if (!q->market.legacy && (!u256_add(&k->price, &q->market.base_fee, &q->offer.max_tip)))
		return false;
	return u256_mul(&k->now, &gas, &k->price) && u256_mul(&k->most, &limit, &q->offer.max_fee) &&
	       u256_add(&k->need, &k->most, &k->value);
}

static void tell_cost(struct cli *c, const struct cost *k, const struct quote *q, const struct cli_plan *plan)
{
	char a[100], b[100], d[100];
	size_t i;

	if (plan->says.len)
		cli_say(c, "%.*s", (int)plan->says.len, (const char *)plan->says.data);
	for (i = 0; i < plan->n; i++)
		cli_say(c, "transaction %zu of %zu: %s", i + 1, plan->n, plan->tx[i].what);
	cli_say(c, "cost: %s%" PRIu64 " gas at %s, %s now, at most %s", q->guessed ? "about " : "", k->gas,
		cli_fmt_gwei(a, &k->price), cli_fmt_amount(b, &k->now, UNIT_ETH), cli_fmt_amount(d, &k->most, UNIT_ETH));
	if (!u256_is_zero(&k->value))
		cli_say(c, "sent along: %s", cli_fmt_exact(a, &k->value, UNIT_ETH));
}

static int check_balance(const struct cli *c, const struct cost *k, const struct quote *q, struct err *err)
{
	char have[100], need[100], addr[43];

	if (u256_cmp(&q->balance, &k->need) >= 0)
		return 0;
	eth_addr_fmt(addr, &c->account);
	err_set(err, ERR_DENIED, "%s has %s, it needs up to %s: send it ETH first", addr,
		cli_fmt_amount(have, &q->balance, UNIT_ETH), cli_fmt_amount(need, &k->need, UNIT_ETH));
	return 3;
}

/* ---- telling ---- */

static int check_plan(const struct cli_plan *plan, struct err *err)
{
	size_t i;

	for (i = 0; i < plan->n; i++) {
		if (plan->tx[i].data.failed) {
			err_set(err, ERR_LIMIT, "%.80s: more data than a transaction may have", plan->tx[i].what);
			return 2;
		}
	}
	return 0;
}

int cli_tell_plan(struct cli *c, struct cli_plan *plan, struct err *err)
{
	struct quote q;
	struct cost k;
	int rc = check_plan(plan, err);

	if (rc == 0)
		rc = get_quote(&q, c, plan, err);
	if (rc != 0)
		return rc;
	if (!add_costs(&k, &q, plan)) {
		err_set(err, ERR_INVALID, "the endpoint tells prices that cannot be");
		return 1;
	}
	tell_cost(c, &k, &q, plan);
	return check_balance(c, &k, &q, err);
}
