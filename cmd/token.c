/* lpnode token ..., faucet: LPT that is not bonded. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bind/livepeer_token.h"
#include "bind/livepeer_token_faucet.h"
#include "cmd/args.h"
#include "cmd/cli_internal.h"
#include "cmd/commands.h"
#include "cmd/sent.h"
#include "cmd/stake_plan.h"
#include "cmd/tell.h"

typedef unsigned long long ull;

#define GROUP "Token"

/* What the contracts may take without asking again. */
static const enum chain_contract spenders[] = { CONTRACT_BONDING_MANAGER, CONTRACT_VERIFIER };
#define N_SPENDERS (sizeof(spenders) / sizeof(spenders[0]))

struct holding {
	struct u256 lpt, other, allowance;	/* ours, the other's, what the other may take of ours */
};

static int read_holding(struct cli *c, struct holding *h, const struct eth_addr *who, const struct eth_addr *other,
			struct err *err)
{
	struct livepeer_token_balance_of lpt, theirs;
	struct livepeer_token_allowance allowance;
	struct cli_reads reads = { 0 };
	int rc;

	livepeer_token_balance_of_call(cli_read(&reads, c, CONTRACT_LIVEPEER_TOKEN), who);
	livepeer_token_balance_of_call(cli_read(&reads, c, CONTRACT_LIVEPEER_TOKEN), other);
	livepeer_token_allowance_call(cli_read(&reads, c, CONTRACT_LIVEPEER_TOKEN), who, other);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && (CLI_DECODE(livepeer_token_balance_of, &lpt, reads, 0, err) < 0 ||
			CLI_DECODE(livepeer_token_balance_of, &theirs, reads, 1, err) < 0 ||
			CLI_DECODE(livepeer_token_allowance, &allowance, reads, 2, err) < 0))
		rc = 1;
	cli_reads_fini(&reads);
	if (rc == 0)
		*h = (struct holding){ lpt.value, theirs.value, allowance.value };
	return rc;
}

/* One of the system's contracts; N_CHAIN_CONTRACTS: none. */
static enum chain_contract contract_at(const struct cli *c, const struct eth_addr *a)
{
	int i;

	for (i = 0; i < N_CHAIN_CONTRACTS; i++) {
		if (eth_addr_equal(a, &c->pin.contracts[i]) && !eth_addr_is_zero(a))
			return (enum chain_contract)i;
	}
	return N_CHAIN_CONTRACTS;
}

/* "0x...", "#1", or a contract's name: "BondingManager". */
static int spender_arg(struct cli *c, struct eth_addr *a, const char *text, struct err *err)
{
	int i;

	for (i = 0; i < N_CHAIN_CONTRACTS; i++) {
		if (strcmp(text, chain_contract_name((enum chain_contract)i)) == 0) {
			*a = c->pin.contracts[i];
			return eth_addr_is_zero(a) ? cli_no(err, "this network has no %s", text) : 0;
		}
	}
	return addr_arg(c, a, text, "SPENDER", err);
}

static char *name_of(char to[80], const struct cli *c, const struct eth_addr *a)
{
	enum chain_contract k = contract_at(c, a);
	char addr[43];

	eth_addr_fmt(addr, a);
	snprintf(to, 80, "%s%s%s%s", addr, k == N_CHAIN_CONTRACTS ? "" : " (the ",
		 k == N_CHAIN_CONTRACTS ? "" : chain_contract_name(k), k == N_CHAIN_CONTRACTS ? "" : ")");
	return to;
}

/* ---- token transfer ---- */

static int transfer_check(const struct cli *c, const struct eth_addr *to, const struct u256 *amount,
			  const struct holding *h, struct err *err)
{
	enum chain_contract k = contract_at(c, to);
	char a[100], b[100];

	if (eth_addr_is_zero(to))
		return cli_no(err, "LPT sent to the zero address would be lost");
	if (k != N_CHAIN_CONTRACTS && k != CONTRACT_TREASURY && k != CONTRACT_LIVEPEER_TOKEN_FAUCET)
		return cli_no(err, "that is the %s: LPT sent there would be lost%s", chain_contract_name(k),
			      k == CONTRACT_BONDING_MANAGER ? " (`lpnode bond` is what stakes it)" : "");
	if (eth_addr_equal(to, &c->account))
		return cli_no(err, "that is your own account");
	if (u256_is_zero(amount))
		return cli_wrong(err, "AMOUNT: nothing to send");
	if (u256_cmp(amount, &h->lpt) > 0)
		return cli_no(err, "you have %s, less than the %s to send", cli_fmt_exact(a, &h->lpt, UNIT_LPT),
			      cli_fmt_exact(b, amount, UNIT_LPT));
	return 0;
}

static void transfer_plan(struct cli *c, struct cli_plan *plan, const struct holding *h, const struct eth_addr *to,
			  const struct u256 *amount)
{
	char a[100], b[100], addr[43], name[80], dec[U256_DEC_MAX], key[160];
	struct u256 left = u256_zero;
	struct cli_plan_tx *tx;

	eth_addr_fmt(addr, to);
	u256_fmt_dec(dec, amount);
	u256_sub(&left, &h->lpt, amount);
	snprintf(key, sizeof(key), "transfer/%s/%s", addr, dec);
	tx = cli_plan_add(plan, c, CONTRACT_LIVEPEER_TOKEN, key, "send %s to %s", cli_fmt_exact(a, amount, UNIT_LPT), addr);
	livepeer_token_transfer_call(&tx->data, to, amount);
	cli_plan_say(plan, "%s go to %s, for good.", a, name_of(name, c, to));
	cli_plan_say(plan, "You have %s now, %s then.", cli_fmt_amount(a, &h->lpt, UNIT_LPT),
		     cli_fmt_amount(b, &left, UNIT_LPT));
}

static int transfer_event(struct cli *c, const struct eth_receipt *receipt, struct err *err)
{
	const struct eth_log *log = receipt_event(receipt, c, CONTRACT_LIVEPEER_TOKEN, livepeer_token_transfer_topic(), 0);
	struct livepeer_token_transfer_event e;
	char a[100];

	if (!log || livepeer_token_transfer_event_read(&e, log, err) < 0)
		return cli_strange(err);
	json_field(c, "to", cli_json_addr(&e.to));
	cli_field(c, "sent", cli_json_amount(&e.value), "sent", "%s", cli_fmt_exact(a, &e.value, UNIT_LPT));
	return 0;
}

static int transfer(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX] = { 0 };
	bool all = strcmp(args[1], "all") == 0;
	struct u256 amount = u256_zero;
	struct cli_plan plan = { 0 };
	struct eth_addr to;
	struct holding h;
	char a[100];
	int rc = addr_arg(c, &to, args[0], "ADDRESS", err);

	if (rc == 0 && !all)
		rc = amount_arg(&amount, args[1], "AMOUNT", UNIT_LPT, err);
	if (rc == 0)
		rc = read_holding(c, &h, &c->account, &to, err);
	if (rc == 0 && all)
		amount = h.lpt;
	if (rc == 0)
		rc = transfer_check(c, &to, &amount, &h, err);
	if (rc != 0)
		return rc;
	transfer_plan(c, &plan, &h, &to, &amount);
	rc = cli_send(c, &plan, receipts, err);
	if (rc == 0)
		rc = transfer_event(c, &receipts[0], err);
	sent_fini(&plan, receipts);
	if (rc == 0)
		rc = read_holding(c, &h, &c->account, &to, err);
	if (rc != 0)
		return rc;
	cli_field(c, "lpt", cli_json_amount(&h.lpt), "LPT in your account", "%s", cli_fmt_exact(a, &h.lpt, UNIT_LPT));
	cli_field(c, "lptOfOther", cli_json_amount(&h.other), "in the other", "%s", cli_fmt_exact(a, &h.other, UNIT_LPT));
	return 0;
}

/* ---- token approve, allowance ---- */

static int approve(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX] = { 0 };
	char a[100], b[100], name[80], addr[43], dec[U256_DEC_MAX], key[160];
	struct cli_plan plan = { 0 };
	struct eth_addr spender;
	struct cli_plan_tx *tx;
	struct u256 amount;
	struct holding h;
	int rc = spender_arg(c, &spender, args[0], err);

	if (rc == 0)
		rc = amount_arg(&amount, args[1], "AMOUNT", UNIT_LPT, err);
	if (rc == 0 && (eth_addr_is_zero(&spender) || eth_addr_equal(&spender, &c->account)))
		rc = cli_wrong(err, "SPENDER cannot be %s", eth_addr_is_zero(&spender) ? "the zero address" : "yourself");
	if (rc == 0)
		rc = read_holding(c, &h, &c->account, &spender, err);
	if (rc == 0 && u256_cmp(&amount, &h.allowance) == 0)
		rc = cli_no(err, "it may take %s already", cli_fmt_exact(a, &h.allowance, UNIT_LPT));
	if (rc != 0)
		return rc;
	eth_addr_fmt(addr, &spender);
	u256_fmt_dec(dec, &amount);
	snprintf(key, sizeof(key), "approve/%s/%s", addr, dec);
	tx = cli_plan_add(&plan, c, CONTRACT_LIVEPEER_TOKEN, key, "approve %s for %s", cli_fmt_exact(a, &amount, UNIT_LPT),
			  addr);
	livepeer_token_approve_call(&tx->data, &spender, &amount);
	cli_plan_say(&plan, "%s may take up to %s of your LPT", name_of(name, c, &spender), a);
	cli_plan_say(&plan, "whenever it likes, instead of %s; `lpnode token approve %s 0` ends that.",
		     cli_fmt_exact(b, &h.allowance, UNIT_LPT), args[0]);
	if (!u256_is_zero(&h.allowance) && !u256_is_zero(&amount) && contract_at(c, &spender) == N_CHAIN_CONTRACTS)
		cli_plan_say(&plan, "Mind: before this is mined it can still take the old amount too.  Approve 0 first if "
			     "you do not trust it.");
	if (u256_cmp(&amount, &h.lpt) > 0)
		cli_plan_say(&plan, "That is more than the %s that you have.", cli_fmt_amount(a, &h.lpt, UNIT_LPT));
	rc = cli_send(c, &plan, receipts, err);
	sent_fini(&plan, receipts);
	if (rc == 0)
		rc = read_holding(c, &h, &c->account, &spender, err);
	if (rc != 0)
		return rc;
	json_field(c, "spender", cli_json_addr(&spender));
	cli_field(c, "allowance", cli_json_amount(&h.allowance), "may take", "%s", cli_fmt_exact(a, &h.allowance, UNIT_LPT));
	return 0;
}

struct allowance_opts {
	char *spender;
};
static const struct opt allowance_opts[] = {
	{ "spender", OPT_STRING, offsetof(struct allowance_opts, spender), NULL, 0, 0, "Token", "ADDRESS",
	  "who may take it; without it the contracts that take LPT" },
};

static int allowance(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	static const struct cli_column cols[] = {
		{ "name", "spender", false }, { "spender", "address", false }, { "allowance", "may take", true },
	};
	const struct allowance_opts *o = opts;
	struct eth_addr who = c->account, spender[N_SPENDERS];
	struct holding h[N_SPENDERS];
	size_t n = o->spender ? 1 : N_SPENDERS, i;
	struct cli_table *t;
	char a[100], addr[43];
	const char *name;
	int rc = 0;

	if (n_args > 0)
		rc = addr_arg(c, &who, args[0], "ADDRESS", err);
	else
		rc = cli_find_account(c, true, err);
	if (n_args == 0)
		who = c->account;
	if (rc == 0 && o->spender)
		rc = spender_arg(c, &spender[0], o->spender, err);
	for (i = 0; i < n && rc == 0; i++) {
		if (!o->spender)
			spender[i] = c->pin.contracts[spenders[i]];
		rc = read_holding(c, &h[i], &who, &spender[i], err);
	}
	if (rc != 0)
		return rc;
	json_field(c, "owner", cli_json_addr(&who));
	t = cli_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	for (i = 0; i < n; i++) {
		name = contract_at(c, &spender[i]) == N_CHAIN_CONTRACTS ? "" : chain_contract_name(contract_at(c, &spender[i]));
		eth_addr_fmt(addr, &spender[i]);
		cli_cell(t, *name ? json_string(name) : json_null(), "%s", *name ? name : "-");
		cli_cell(t, cli_json_addr(&spender[i]), "%s", addr);
		cli_cell(t, cli_json_amount(&h[i].allowance), "%s", cli_fmt_exact(a, &h[i].allowance, UNIT_LPT));
	}
	cli_table_end(c, t, "allowances");
	return 0;
}

/* ---- faucet ---- */

struct faucet {
	struct u256 amount, wait_h, next, left;	/* hours; seconds since 1970 */
	bool whitelisted;
	struct u256 lpt;
};

static int faucet_read(struct cli *c, struct faucet *f, struct err *err)
{
	const struct eth_addr *at = &c->pin.contracts[CONTRACT_LIVEPEER_TOKEN_FAUCET];
	struct livepeer_token_faucet_next_valid_request next;
	struct livepeer_token_faucet_is_whitelisted listed;
	struct livepeer_token_faucet_request_amount amount;
	struct livepeer_token_faucet_request_wait wait;
	struct livepeer_token_balance_of left, lpt;
	struct cli_reads r = { 0 };
	int rc;

	livepeer_token_faucet_request_amount_call(cli_read_at(&r, at));
	livepeer_token_faucet_request_wait_call(cli_read_at(&r, at));
	livepeer_token_faucet_next_valid_request_call(cli_read_at(&r, at), &c->account);
	livepeer_token_faucet_is_whitelisted_call(cli_read_at(&r, at), &c->account);
	livepeer_token_balance_of_call(cli_read(&r, c, CONTRACT_LIVEPEER_TOKEN), at);
	livepeer_token_balance_of_call(cli_read(&r, c, CONTRACT_LIVEPEER_TOKEN), &c->account);
	rc = cli_read_all(c, &r, false, err);
	if (rc == 0 && (CLI_DECODE(livepeer_token_faucet_request_amount, &amount, r, 0, err) < 0 ||
			CLI_DECODE(livepeer_token_faucet_request_wait, &wait, r, 1, err) < 0 ||
			CLI_DECODE(livepeer_token_faucet_next_valid_request, &next, r, 2, err) < 0 ||
			CLI_DECODE(livepeer_token_faucet_is_whitelisted, &listed, r, 3, err) < 0 ||
			CLI_DECODE(livepeer_token_balance_of, &left, r, 4, err) < 0 ||
			CLI_DECODE(livepeer_token_balance_of, &lpt, r, 5, err) < 0))
		rc = 1;
	cli_reads_fini(&r);
	if (rc == 0)
		*f = (struct faucet){ amount.value, wait.value, next.value, left.value, listed.value, lpt.value };
	return rc;
}

static int faucet_check(const struct cli *c, const struct faucet *f, struct err *err)
{
	uint64_t next, left;
	char a[100];

	if (u256_cmp(&f->left, &f->amount) < 0)
		return cli_no(err, "the faucet is empty: it has %s left", cli_fmt_amount(a, &f->left, UNIT_LPT));
	if (f->whitelisted || !u256_to_u64(&next, &f->next) || next <= c->head.timestamp)
		return 0;
	left = next - c->head.timestamp;
	return cli_no(err, "you have had yours: the faucet gives again in %llu min %llu s of the chain's time",
		      (ull)left / 60, (ull)left % 60);
}

static int faucet_tell(struct cli *c, const struct eth_receipt *receipt, struct err *err)
{
	const struct eth_log *log =
		receipt_event(receipt, c, CONTRACT_LIVEPEER_TOKEN_FAUCET, livepeer_token_faucet_request_topic(), 0);
	struct livepeer_token_faucet_request_event e;
	struct faucet f;
	char a[100];
	int rc;

	if (!log || livepeer_token_faucet_request_event_read(&e, log, err) < 0)
		return cli_strange(err);
	cli_field(c, "received", cli_json_amount(&e.amount), "received", "%s", cli_fmt_exact(a, &e.amount, UNIT_LPT));
	rc = faucet_read(c, &f, err);
	if (rc == 0)
		cli_field(c, "lpt", cli_json_amount(&f.lpt), "LPT in your account", "%s", cli_fmt_amount(a, &f.lpt, UNIT_LPT));
	return rc;
}

static int faucet(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX] = { 0 };
	struct cli_plan plan = { 0 };
	struct cli_plan_tx *tx;
	struct faucet f;
	char a[100], b[100], hours[U256_DEC_MAX];
	int rc;

	if (eth_addr_is_zero(&c->pin.contracts[CONTRACT_LIVEPEER_TOKEN_FAUCET]))
		return cli_no(err, "this network has no faucet: only devnets do");
	rc = faucet_read(c, &f, err);
	if (rc == 0)
		rc = faucet_check(c, &f, err);
	if (rc != 0)
		return rc;
	tx = cli_plan_add(&plan, c, CONTRACT_LIVEPEER_TOKEN_FAUCET, "faucet", "ask the faucet for %s",
			  cli_fmt_exact(a, &f.amount, UNIT_LPT));
	livepeer_token_faucet_request_call(&tx->data);
	u256_fmt_dec(hours, &f.wait_h);
	cli_plan_say(&plan, "The faucet gives you %s, once in %s h.  You have %s now.", a, hours,
		     cli_fmt_amount(b, &f.lpt, UNIT_LPT));
	rc = cli_send(c, &plan, receipts, err);
	if (rc == 0)
		rc = faucet_tell(c, &receipts[0], err);
	sent_fini(&plan, receipts);
	return rc;
}

static const struct cli_command commands[] = {
	{ "token transfer", "ADDRESS AMOUNT|all", "send LPT", GROUP, 2, 2, CLI_KEY, NULL, 0, 0, transfer },
	{ "token approve", "SPENDER AMOUNT", "let an address or contract (BondingManager) take LPT of yours", GROUP, 2, 2,
	  CLI_KEY, NULL, 0, 0, approve },
	{ "token allowance", "[ADDRESS] [--spender ADDRESS]", "who may take how much", GROUP, 0, 1, CLI_CHAIN, allowance_opts, 1,
	  sizeof(struct allowance_opts), allowance },
	{ "faucet", "", "LPT for who tries out a devnet", GROUP, 0, 0, CLI_KEY, NULL, 0, 0, faucet },
};
const struct cli_commands token_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
