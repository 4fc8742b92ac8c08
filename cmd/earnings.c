/* lpnode withdraw-fees, claim-earnings. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cmd/args.h"
#include "cmd/commands.h"
#include "cmd/sent.h"
#include "cmd/stake_plan.h"

typedef unsigned long long ull;

#define GROUP "Delegators"

/* ---- withdraw-fees ---- */

struct fee_opts {
	char *recipient;
};
static const struct opt fee_opts[] = {
	{ "recipient", OPT_STRING, offsetof(struct fee_opts, recipient), NULL, 0, 0, "Fees", "ADDRESS",
	  "who gets the ETH; without it your account" },
};

static int fee_check(const struct stake *s, const struct u256 *amount, struct err *err)
{
	char a[100], b[100];

	if (u256_is_zero(&s->fees))
		return cli_no(err, "there are no fees to withdraw: they come when your transcoder is paid for a job");
	if (u256_cmp(amount, &s->fees) > 0)
		return cli_no(err, "you have earned %s of fees, less than the %s to withdraw",
			      cli_fmt_exact(a, &s->fees, UNIT_ETH), cli_fmt_exact(b, amount, UNIT_ETH));
	return 0;
}

static void fee_plan(struct cli *c, struct cli_plan *plan, const struct stake *s, const struct u256 *amount,
		     const struct eth_addr *to)
{
	char a[100], b[100], addr[43], dec[U256_DEC_MAX], key[160];
	struct u256 left = u256_zero;
	struct cli_plan_tx *tx;

	eth_addr_fmt(addr, to);
	u256_fmt_dec(dec, amount);
	u256_sub(&left, &s->fees, amount);
	snprintf(key, sizeof(key), "withdraw-fees/%s/%s", addr, dec);
	tx = cli_plan_add(plan, c, CONTRACT_BONDING_MANAGER, key, "withdraw fees: %s to %s",
			  cli_fmt_exact(a, amount, UNIT_ETH), addr);
	bonding_manager_withdraw_fees_call(&tx->data, to, amount);
	cli_plan_say(plan, "%s of your fees go to %s at once; %s are left.", a, addr, cli_fmt_amount(b, &left, UNIT_ETH));
}

static int fee_tell(struct cli *c, const struct eth_receipt *receipt, struct err *err)
{
	const struct eth_log *log =
		receipt_event(receipt, c, CONTRACT_BONDING_MANAGER, bonding_manager_withdraw_fees_topic(), 0);
	struct bonding_manager_withdraw_fees_event e;
	struct stake s;
	char a[100], addr[43];
	int rc;

	if (!log || bonding_manager_withdraw_fees_event_read(&e, log, err) < 0)
		return cli_strange(err);
	eth_addr_fmt(addr, &e.recipient);
	cli_field(c, "withdrawn", cli_json_amount(&e.amount), "withdrawn", "%s", cli_fmt_exact(a, &e.amount, UNIT_ETH));
	cli_field(c, "recipient", cli_json_addr(&e.recipient), "to", "%s", addr);
	rc = stake_read(c, &s, &c->account, NULL, err);
	if (rc == 0)
		cli_field(c, "fees", cli_json_amount(&s.fees), "fees left", "%s", cli_fmt_amount(a, &s.fees, UNIT_ETH));
	stake_fini(&s);
	return rc;
}

static int withdraw_fees(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX] = { 0 };
	const struct fee_opts *o = opts;
	struct cli_plan plan = { 0 };
	struct stake s = { 0 };
	struct eth_addr to = c->account;
	bool all = n_args == 0 || strcmp(args[0], "all") == 0;
	struct u256 amount = u256_zero;
	int rc = all ? 0 : amount_arg(&amount, args[0], "AMOUNT", UNIT_ETH, err);

	if (rc == 0 && !all && u256_is_zero(&amount))
		rc = cli_wrong(err, "AMOUNT: nothing to withdraw; without AMOUNT all fees are");
	if (rc == 0 && o->recipient)
		rc = addr_arg(c, &to, o->recipient, "--recipient", err);
	if (rc == 0 && eth_addr_is_zero(&to))
		rc = cli_wrong(err, "--recipient cannot be the zero address");
	if (rc == 0)
		rc = stake_read(c, &s, &c->account, NULL, err);
	if (rc == 0 && all)
		amount = s.fees;
	if (rc == 0)
		rc = fee_check(&s, &amount, err);
	if (rc == 0) {
		fee_plan(c, &plan, &s, &amount, &to);
		rc = cli_send(c, &plan, receipts, err);
		if (rc == 0)
			rc = fee_tell(c, &receipts[0], err);
		sent_fini(&plan, receipts);
	}
	stake_fini(&s);
	return rc;
}

/* ---- claim-earnings ---- */

static int claim_tell(struct cli *c, const struct eth_receipt *receipt, struct err *err)
{
	const struct eth_log *log =
		receipt_event(receipt, c, CONTRACT_BONDING_MANAGER, bonding_manager_earnings_claimed_topic(), 0);
	struct bonding_manager_earnings_claimed_event e = { .rewards = u256_zero, .fees = u256_zero };
	char a[100];

	/* No event: nothing came in since the last time. */
	if (log && bonding_manager_earnings_claimed_event_read(&e, log, err) < 0)
		return cli_strange(err);
	cli_field(c, "rewards", cli_json_amount(&e.rewards), "rewards since last time", "%s",
		  cli_fmt_exact(a, &e.rewards, UNIT_LPT));
	cli_field(c, "fees", cli_json_amount(&e.fees), "fees since last time", "%s", cli_fmt_exact(a, &e.fees, UNIT_ETH));
	return stake_tell(c, err);
}

static int claim_earnings(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX] = { 0 };
	struct cli_plan plan = { 0 };
	struct cli_plan_tx *tx;
	struct u256 round;
	struct stake s;
	char a[100], key[40];
	int rc = stake_read(c, &s, &c->account, NULL, err);

	if (rc == 0)
		rc = round_must_be_open(&s.r, err);
	if (rc == 0 && eth_addr_is_zero(&s.delegate))
		rc = cli_no(err, "you are bonded to nobody: there are no earnings to settle (`lpnode withdraw-fees` needs none "
			    "of this)");
	if (rc == 0) {
		round = u256_of(s.r.round);
		snprintf(key, sizeof(key), "claim-earnings/%llu", (ull)s.r.round);
		tx = cli_plan_add(&plan, c, CONTRACT_BONDING_MANAGER, key, "settle earnings up to round %llu", (ull)s.r.round);
		bonding_manager_claim_earnings_call(&tx->data, &round);
		cli_plan_say(&plan, "What came in since round %llu is written down: %s of stake in all, and",
			     (ull)s.last_claim_round, cli_fmt_amount(a, &s.bonded, UNIT_LPT));
		cli_plan_say(&plan, "%s of fees.  It is yours without this too: nothing is lost by never doing it.",
			     cli_fmt_amount(a, &s.fees, UNIT_ETH));
		rc = cli_send(c, &plan, receipts, err);
		if (rc == 0)
			rc = claim_tell(c, &receipts[0], err);
		sent_fini(&plan, receipts);
	}
	stake_fini(&s);
	return rc;
}

static const struct cli_command commands[] = {
	{ "withdraw-fees", "[AMOUNT|all] [--recipient ADDRESS]", "pay out earned fees, in ETH", GROUP, 0, 1, CLI_KEY, fee_opts,
	  1, sizeof(struct fee_opts), withdraw_fees },
	{ "claim-earnings", "", "write down what was earned; never needed", GROUP, 0, 0, CLI_KEY, NULL, 0, 0, claim_earnings },
};
const struct cli_commands earnings_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
