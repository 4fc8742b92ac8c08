/* lpnode balance, delegator: what an account has, and what it can do next. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bind/jobs_manager.h"
#include "bind/livepeer_token.h"
#include "cmd/args.h"
#include "cmd/cli_internal.h"
#include "cmd/commands.h"
#include "cmd/earned.h"
#include "cmd/stake_plan.h"
#include "cmd/tell.h"

typedef unsigned long long ull;

#define GROUP "Delegators"

/* ADDRESS, else the account of the flags.  Exit code. */
static int who_arg(struct cli *c, struct eth_addr *who, char **args, size_t n_args, struct err *err)
{
	int rc;

	if (n_args > 0)
		return addr_arg(c, who, args[0], "ADDRESS", err);
	rc = cli_find_account(c, true, err);
	*who = c->account;
	return rc;
}

/* ---- balance ---- */

struct balance {
	struct u256 eth, lpt, bonded, fees, deposit;
	uint64_t locks;		/* ever made */
};

static int balance_decode(struct balance *b, const struct cli_reads *reads, const struct rpc_reply *eth, struct err *err)
{
	struct bonding_manager_get_delegator d;
	struct jobs_manager_broadcasters deposit;
	struct livepeer_token_balance_of lpt;

	if (!eth->result)
		return cli_refused(eth, "eth_getBalance", err);
	if (rpc_u256(&b->eth, eth->result, "eth_getBalance", err) < 0 ||
	    CLI_DECODE(livepeer_token_balance_of, &lpt, *reads, 0, err) < 0 ||
	    CLI_DECODE(bonding_manager_get_delegator, &d, *reads, 1, err) < 0 ||
	    CLI_DECODE(jobs_manager_broadcasters, &deposit, *reads, 2, err) < 0)
		return 1;
	b->lpt = lpt.value;
	b->bonded = d.bonded_amount;
	b->fees = d.fees;
	b->deposit = deposit.value;
	return u256_to_u64(&b->locks, &d.next_unbonding_lock_id) ? 0 : cli_strange(err);
}

static int balance_read(struct cli *c, struct balance *b, const struct eth_addr *who, struct err *err)
{
	struct rpc_call call = { .method = "eth_getBalance" };
	struct cli_reads reads = { 0 };
	struct rpc_reply reply;
	char addr[43], params[80];
	int rc;

	eth_addr_fmt(addr, who);
	snprintf(params, sizeof(params), "[\"%s\",\"latest\"]", addr);
	call.params = params;
	livepeer_token_balance_of_call(cli_read(&reads, c, CONTRACT_LIVEPEER_TOKEN), who);
	bonding_manager_get_delegator_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), who);
	jobs_manager_broadcasters_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER), who);
	rc = cli_read_with(c, &reads, &call, 1, &reply, err);
	if (rc == 0)
		rc = balance_decode(b, &reads, &reply, err);
	rpc_reply_fini(&reply);
	cli_reads_fini(&reads);
	return rc;
}

static int balance(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct balance b;
	struct eth_addr who;
	char a[100], addr[43];
	int rc = who_arg(c, &who, args, n_args, err);

	if (rc == 0)
		rc = balance_read(c, &b, &who, err);
	if (rc != 0)
		return rc;
	eth_addr_fmt(addr, &who);
	cli_field(c, "address", cli_json_addr(&who), "account", "%s", addr);
	cli_field(c, "eth", cli_json_amount(&b.eth), "ETH", "%s", cli_fmt_amount(a, &b.eth, UNIT_ETH));
	cli_field(c, "lpt", cli_json_amount(&b.lpt), "LPT", "%s", cli_fmt_amount(a, &b.lpt, UNIT_LPT));
	cli_field(c, "bonded", cli_json_amount(&b.bonded), "bonded", "%s", cli_fmt_amount(a, &b.bonded, UNIT_LPT));
	cli_field(c, "fees", cli_json_amount(&b.fees), "earned fees", "%s", cli_fmt_amount(a, &b.fees, UNIT_ETH));
	cli_field(c, "deposit", cli_json_amount(&b.deposit), "deposit for jobs", "%s",
		  cli_fmt_amount(a, &b.deposit, UNIT_ETH));
	if (b.locks)
		cli_say(c, "Stake in locks is not in this: `lpnode delegator %s`", addr);
	return 0;
}

/* ---- delegator ---- */

static bool is_pending(const struct stake *s)
{
	return s->start_round > s->r.round;
}

static bool is_own_delegate(const struct stake *s)
{
	return eth_addr_equal(&s->delegate, &s->who);
}

static const char *status_name(const struct stake *s)
{
	if (u256_is_zero(&s->bonded))
		return "Unbonded";
	return is_pending(s) ? "Pending" : "Bonded";
}

static void tell_status(struct cli *c, const struct stake *s)
{
	char when[120];

	json_field(c, "status", json_string(status_name(s)));
	if (u256_is_zero(&s->bonded))
		cli_field(c, NULL, NULL, "status", "not bonded");
	else if (is_pending(s))
		cli_field(c, NULL, NULL, "status", "bonded; what was bonded last earns from %s on",
			  round_when(when, &s->r, s->start_round));
	else
		cli_field(c, NULL, NULL, "status", "bonded, earning since round %llu", (ull)s->start_round);
}

static void tell_delegate(struct cli *c, const struct stake *s)
{
	const char *flaw = delegate_flaw(s);
	char addr[43], cut[32], share[32], a[100], last[60];

	if (eth_addr_is_zero(&s->delegate)) {
		json_field(c, "delegate", json_null());
		return;
	}
	eth_addr_fmt(addr, &s->delegate);
	json_field(c, "delegate", json_pack("{s:o, s:b, s:b, s:b, s:o, s:I, s:I, s:I, s:I, s:I}", "address",
					    cli_json_addr(&s->delegate), "registered", s->to.registered, "active",
					    s->to.active, "inPool", s->to.in_pool, "stake", cli_json_amount(&s->to.stake),
					    "rewardCut", (json_int_t)s->to.reward_cut, "feeShare",
					    (json_int_t)s->to.fee_share, "lastRewardRound",
					    (json_int_t)s->to.last_reward_round, "missedRewards",
					    (json_int_t)s->to.missed_rewards, "slashes", (json_int_t)s->to.slashes));
	cli_field(c, NULL, NULL, "to", "%s%s", addr, is_own_delegate(s) ? ", yourself" : "");
	if (!s->to.registered && is_own_delegate(s)) {
		cli_field(c, NULL, NULL, "", "no transcoder: it earns nothing");
		return;
	}
	cli_field(c, NULL, NULL, "", "%s, %s bonded to it, slashed %llu times", s->to.active ? "active" : "not active",
		  cli_fmt_amount(a, &s->to.stake, UNIT_LPT), (ull)s->to.slashes);
	snprintf(last, sizeof(last), "last reward in round %llu", (ull)s->to.last_reward_round);
	cli_field(c, NULL, NULL, "", "keeps %s of rewards, gives %s of fees; %s", cli_fmt_perc(cut, s->to.reward_cut),
		  cli_fmt_perc(share, s->to.fee_share), s->to.last_reward_round ? last : "no reward yet");
	if (flaw)
		cli_field(c, NULL, NULL, "", "mind: it %s", flaw);
}

/* What can be done with a lock, in words. */
static const char *lock_what(const struct stake *s, const struct stake_lock *l)
{
	if (!eth_addr_is_zero(&l->destination))
		return "complete-move";
	return lock_is_ripe(s, l) ? "withdraw-stake" : "rebond";
}

static void tell_locks(struct cli *c, const struct stake *s)
{
	static const struct cli_column cols[] = {
		{ "id", "lock", true }, { "amount", "amount", true }, { "from", "left", false }, { "to", NULL, false },
		{ "withdrawRound", "round", true }, { "slashableUntil", "slashable until", true }, { "ripe", "ripe", false },
		{ "can", NULL, false },
	};
	struct cli_table *t;
	char a[100], from[43], when[160];
	size_t i;

	if (s->n_locks == 0 && !c->o.json)
		return;
	cli_say(c, "\nlocks");
	t = cli_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	for (i = 0; i < s->n_locks; i++) {
		const struct stake_lock *l = &s->locks[i];
		bool move = !eth_addr_is_zero(&l->destination);

		eth_addr_fmt(from, &l->delegate);
		cli_cell(t, json_integer((json_int_t)l->id), "%llu", (ull)l->id);
		cli_cell(t, cli_json_amount(&l->amount), "%s", cli_fmt_amount(a, &l->amount, UNIT_LPT));
		cli_cell(t, cli_json_addr(&l->delegate), "%.10s...%s", from, move ? " (moves)" : "");
		cli_cell(t, move ? cli_json_addr(&l->destination) : json_null(), " ");
		cli_cell(t, json_integer((json_int_t)l->withdraw_round), "%llu", (ull)l->withdraw_round);
		cli_cell(t, json_integer((json_int_t)l->slashable_until), "%llu", (ull)l->slashable_until);
		cli_cell(t, json_boolean(lock_is_ripe(s, l)), "%s", lock_when(when, s, l));
		cli_cell(t, json_string(lock_what(s, l)), " ");
	}
	cli_table_end(c, t, "locks");
	if (s->unseen)
		cli_say(c, "Locks below %llu were not looked at.", (ull)s->unseen);
}

static const struct stake_lock *first_ripe(const struct stake *s)
{
	size_t i;

	for (i = 0; i < s->n_locks; i++) {
		if (lock_is_ripe(s, &s->locks[i]))
			return &s->locks[i];
	}
	return NULL;
}

/* The one thing to do, as a command line. */
static char *next_step(char to[200], const struct stake *s)
{
	const struct stake_lock *ripe = first_ripe(s);
	bool nothing = u256_is_zero(&s->bonded);
	char a[100];

	if (ripe)
		snprintf(to, 200, "lpnode %s %llu", lock_what(s, ripe), (ull)ripe->id);
	else if (!s->r.initialized)
		snprintf(to, 200, "lpnode initialize-round");
	else if (!nothing && !s->to.registered)
		snprintf(to, 200, is_own_delegate(s) ? "lpnode transcoder register, or lpnode unbond all" :
						       "lpnode transcoders, then lpnode bond 0 --to ADDRESS: yours has resigned");
	else if (!u256_is_zero(&s->fees))
		snprintf(to, 200, "lpnode withdraw-fees: %s are yours", cli_fmt_amount(a, &s->fees, UNIT_ETH));
	else if (nothing && s->n_locks)
		snprintf(to, 200, "wait for the lock, or lpnode rebond %llu", (ull)s->locks[0].id);
	else if (nothing)
		snprintf(to, 200, "%s", u256_is_zero(&s->lpt) ? "get some LPT (lpnode faucet on a devnet)" :
			 "lpnode transcoders, then lpnode bond AMOUNT --to ADDRESS");
	else
		snprintf(to, 200, "nothing: rewards come by themselves");
	return to;
}

static int delegator(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct stake s = { 0 };
	struct eth_addr who;
	char a[100], addr[43], step[200];
	int rc = who_arg(c, &who, args, n_args, err);

	if (rc == 0)
		rc = stake_read(c, &s, &who, NULL, err);
	if (rc == 0) {
		eth_addr_fmt(addr, &who);
		cli_field(c, "delegator", cli_json_addr(&who), "delegator", "%s", addr);
		tell_status(c, &s);
		cli_field(c, "bonded", cli_json_amount(&s.bonded), "bonded", "%s", cli_fmt_amount(a, &s.bonded, UNIT_LPT));
		earned_tell(c, &s);
		cli_field(c, "fees", cli_json_amount(&s.fees), "fees to withdraw", "%s",
			  cli_fmt_amount(a, &s.fees, UNIT_ETH));
		json_field(c, "startRound", json_integer((json_int_t)s.start_round));
		json_field(c, "lastClaimRound", json_integer((json_int_t)s.last_claim_round));
		json_field(c, "round", json_integer((json_int_t)s.r.round));
		tell_delegate(c, &s);
		cli_field(c, "lpt", cli_json_amount(&s.lpt), "LPT in the account", "%s",
			  cli_fmt_amount(a, &s.lpt, UNIT_LPT));
		tell_locks(c, &s);
		next_step(step, &s);
		cli_field(c, "nextStep", json_string(step), "next step", "%s", step);
	}
	stake_fini(&s);
	return rc;
}

static const struct cli_command commands[] = {
	{ "balance", "[ADDRESS]", "ETH, LPT, stake, fees and deposit of an account", GROUP, 0, 1, CLI_CHAIN, NULL, 0, 0, balance },
	{ "delegator", "[ADDRESS]", "stake, earnings, locks, and what to do next", GROUP, 0, 1, CLI_CHAIN, NULL, 0, 0,
	  delegator },
};
const struct cli_commands delegator_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
