#include <string.h>

#include "base/err.h"
#include "bind/livepeer_token.h"
#include "cmd/stake_plan.h"
#include "cmd/tell.h"

typedef unsigned long long ull;

/* ---- before ---- */

int stake_check_delegate(const struct stake *s, const struct eth_addr *to, struct err *err)
{
	char addr[43];

	eth_addr_fmt(addr, to);
	if (eth_addr_is_zero(to))
		return cli_wrong(err, "--to cannot be the zero address");
	if (s->own.registered && !eth_addr_equal(to, &s->who))
		return cli_no(err, "you are a transcoder, whose stake stays with itself: `lpnode transcoder resign` comes first");
	if (!eth_addr_equal(to, &s->who) && !s->to.registered)
		return cli_no(err, "%s is no transcoder: `lpnode transcoders` lists those there are", addr);
	return 0;
}

void stake_plan_approve(const struct cli *c, struct cli_plan *plan, const struct stake *s, const struct u256 *amount)
{
	char text[100], dec[U256_DEC_MAX], key[100];
	struct cli_plan_tx *tx;

	if (u256_cmp(&s->allowance, amount) >= 0)
		return;
	u256_fmt_dec(dec, amount);
	snprintf(key, sizeof(key), "approve/bond/%s", dec);
	tx = cli_plan_add(plan, c, CONTRACT_LIVEPEER_TOKEN, key, "approve %s for the BondingManager",
			  cli_fmt_exact(text, amount, UNIT_LPT));
	livepeer_token_approve_call(&tx->data, &c->pin.contracts[CONTRACT_BONDING_MANAGER], amount);
}

static void say_rates(struct cli_plan *plan, const struct stake *s)
{
	char cut[32], share[32];

	cli_plan_say(plan, "It keeps %s of its rewards and gives %s of its fees to all who are bonded to it.",
		     cli_fmt_perc(cut, s->to.reward_cut), cli_fmt_perc(share, s->to.fee_share));
	if (s->to.later_round)
		cli_plan_say(plan, "From round %llu on it keeps %s, and gives %s.", (ull)s->to.later_round,
			     cli_fmt_perc(cut, s->to.later_reward_cut), cli_fmt_perc(share, s->to.later_fee_share));
}

void stake_say_bonded(struct cli_plan *plan, const struct stake *s, const struct eth_addr *to)
{
	const char *flaw = delegate_flaw(s);
	char when[120];

	cli_plan_say(plan, "It earns from %s on, and can be slashed for its delegate's misdeeds while it is",
		     round_when(when, &s->r, s->r.round + 1));
	cli_plan_say(plan, "bonded and for %llu blocks after.  `lpnode unbond` takes it back: withdrawable %llu rounds later.",
		     (ull)s->slashable_blocks, (ull)s->unbonding_rounds);
	if (!s->to.registered && eth_addr_equal(to, &s->who)) {
		cli_plan_say(plan, "You are no transcoder: it earns nothing before `lpnode transcoder register`.");
		return;
	}
	if (!eth_addr_equal(to, &s->who))
		say_rates(plan, s);
	if (flaw)
		cli_plan_say(plan, "Mind: the delegate %s.", flaw);
}

/* ---- after ---- */

int stake_tell(struct cli *c, struct err *err)
{
	struct stake s;
	char text[100], addr[43];
	int rc = stake_read(c, &s, &c->account, NULL, err);

	if (rc == 0) {
		eth_addr_fmt(addr, &s.delegate);
		cli_field(c, "bonded", cli_json_amount(&s.bonded), "bonded", "%s",
			  cli_fmt_amount(text, &s.bonded, UNIT_LPT));
		cli_field(c, "delegate", eth_addr_is_zero(&s.delegate) ? json_null() : cli_json_addr(&s.delegate), "to", "%s",
			  eth_addr_is_zero(&s.delegate) ? "nobody" : addr);
		cli_field(c, "lpt", cli_json_amount(&s.lpt), "LPT in your account", "%s",
			  cli_fmt_amount(text, &s.lpt, UNIT_LPT));
	}
	stake_fini(&s);
	return rc;
}

int stake_tell_lock(struct cli *c, const struct u256 *id, struct err *err)
{
	const struct stake_lock *l;
	struct stake s;
	char text[100], when[160];
	uint64_t n;
	int rc = stake_read(c, &s, &c->account, NULL, err);

	if (rc == 0) {
		l = u256_to_u64(&n, id) ? stake_lock_find(&s, n) : NULL;
		rc = l ? 0 : cli_strange(err);
	}
	if (rc == 0) {
		cli_field(c, "lock", json_integer((json_int_t)l->id), "lock", "%llu: %s", (ull)l->id,
			  cli_fmt_exact(text, &l->amount, UNIT_LPT));
		json_field(c, "lockedAmount", cli_json_amount(&l->amount));
		json_field(c, "withdrawRound", json_integer((json_int_t)l->withdraw_round));
		cli_field(c, "slashableUntil", json_integer((json_int_t)l->slashable_until), "slashable", "until block %llu",
			  (ull)l->slashable_until);
		cli_field(c, NULL, NULL, eth_addr_is_zero(&l->destination) ? "withdrawable" : "move can end", "%s",
			  lock_when(when, &s, l));
	}
	stake_fini(&s);
	return rc;
}
