/* lpnode bond, unbond: stake goes to a delegate, to another one, and out again. */
#include <string.h>

#include "base/err.h"
#include "cmd/args.h"
#include "cmd/commands.h"
#include "cmd/sent.h"
#include "cmd/stake_plan.h"

typedef unsigned long long ull;

#define GROUP "Delegators"

struct to_opts {
	char *to;
};
static const struct opt to_opts[] = {
	{ "to", OPT_STRING, offsetof(struct to_opts, to), NULL, 0, 0, "Stake", "ADDRESS",
	  "the transcoder to bond to; without it the one you are bonded to" },
};

/* ---- bond ---- */

static bool is_move(const struct stake *s, const struct eth_addr *to)
{
	return !u256_is_zero(&s->bonded) && !eth_addr_equal(&s->delegate, to);
}

/* To whom: --to, else the delegate there is. */
static int bond_read(struct cli *c, struct stake *s, struct eth_addr *to, const struct to_opts *o, struct err *err)
{
	int rc = o->to ? addr_arg(c, to, o->to, "--to", err) : 0;

	if (rc == 0)
		rc = stake_read(c, s, &c->account, o->to ? to : NULL, err);
	if (rc != 0 || o->to)
		return rc;
	*to = s->delegate;
	if (eth_addr_is_zero(to))
		return cli_wrong(err, "--to is missing, and you are bonded to nobody yet: `lpnode transcoders` lists to whom "
				 "you can bond");
	return 0;
}

static int bond_check(const struct stake *s, const struct u256 *amount, const struct eth_addr *to, struct err *err)
{
	char a[100], b[100];
	int rc;

	if (u256_is_zero(amount) && !is_move(s, to))
		return cli_wrong(err, "AMOUNT: nothing to bond; 0 is for moving what is bonded to another transcoder (--to)");
	rc = round_must_be_open(&s->r, err);
	if (rc == 0)
		rc = stake_check_delegate(s, to, err);
	if (rc != 0)
		return rc;
	if (u256_cmp(amount, &s->lpt) > 0)
		return cli_no(err, "you have %s, less than the %s to bond", cli_fmt_exact(a, &s->lpt, UNIT_LPT),
			      cli_fmt_exact(b, amount, UNIT_LPT));
	return 0;
}

static void say_move(struct cli_plan *plan, const struct stake *s, const struct eth_addr *to)
{
	uint64_t until = s->r.block + s->slashable_blocks + 1;
	char a[100], from[43], next[43], time[60];

	eth_addr_fmt(from, &s->delegate);
	eth_addr_fmt(next, to);
	round_time(time, &s->r, s->slashable_blocks);
	cli_plan_say(plan, "A move: all of your %s leave %s, into a lock bound for", cli_fmt_amount(a, &s->bonded, UNIT_LPT), from);
	cli_plan_say(plan, "%s.  It earns nothing until about block %llu%s%s%s, until when the", next, (ull)until,
		     *time ? " (" : "", time, *time ? ")" : "");
	cli_plan_say(plan, "old delegate's misdeeds can slash it; then anyone bonds it there by `lpnode complete-move`.");
}

static void bond_plan(struct cli *c, struct cli_plan *plan, const struct stake *s, const struct u256 *amount,
		      const struct eth_addr *to)
{
	char a[100], b[100], addr[43], key[160], dec[U256_DEC_MAX];
	bool self = eth_addr_equal(to, &s->who), move = is_move(s, to);
	struct cli_plan_tx *tx;
	struct u256 after;

	eth_addr_fmt(addr, to);
	u256_fmt_dec(dec, amount);
	cli_fmt_exact(a, amount, UNIT_LPT);
	stake_plan_approve(c, plan, s, amount);
	snprintf(key, sizeof(key), "bond/%s/%s", addr, dec);
	if (u256_is_zero(amount))
		tx = cli_plan_add(plan, c, CONTRACT_BONDING_MANAGER, key, "move to %s", addr);
	else
		tx = cli_plan_add(plan, c, CONTRACT_BONDING_MANAGER, key, "bond %s to %s", a, self ? "yourself" : addr);
	bonding_manager_bond_call(&tx->data, amount, to);
	if (move)
		say_move(plan, s, to);
	if (!u256_is_zero(amount)) {
		cli_plan_say(plan, "%s of your %s go to the Minter, bonded to %s%s.", a, cli_fmt_amount(b, &s->lpt, UNIT_LPT),
			     self ? "yourself" : addr, move ? " at once" : "");
		if (!move && !u256_is_zero(&s->bonded) && u256_add(&after, &s->bonded, amount))
			cli_plan_say(plan, "With the %s that are there you have %s bonded then.",
				     cli_fmt_amount(a, &s->bonded, UNIT_LPT), cli_fmt_amount(b, &after, UNIT_LPT));
	}
	stake_say_bonded(plan, s, to);
}

static int bond_tell(struct cli *c, const struct eth_receipt *receipt, struct err *err)
{
	const struct eth_log *log = receipt_event(receipt, c, CONTRACT_BONDING_MANAGER, bonding_manager_bond_topic(), 0),
			     *moved = receipt_event(receipt, c, CONTRACT_BONDING_MANAGER, bonding_manager_move_started_topic(), 0);
	struct bonding_manager_move_started_event m;
	struct bonding_manager_bond_event e;
	char a[100];
	int rc = 0;

	if (!log || bonding_manager_bond_event_read(&e, log, err) < 0)
		return cli_strange(err);
	cli_field(c, "added", cli_json_amount(&e.additional_amount), "added", "%s",
		  cli_fmt_exact(a, &e.additional_amount, UNIT_LPT));
	if (moved && bonding_manager_move_started_event_read(&m, moved, err) < 0)
		return cli_strange(err);
	if (moved)
		rc = stake_tell_lock(c, &m.unbonding_lock_id, err);
	return rc == 0 ? stake_tell(c, err) : rc;
}

static int bond(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX] = { 0 };
	struct cli_plan plan = { 0 };
	struct stake s = { 0 };
	struct eth_addr to;
	struct u256 amount;
	int rc = amount_arg(&amount, args[0], "AMOUNT", UNIT_LPT, err);

	if (rc == 0)
		rc = bond_read(c, &s, &to, opts, err);
	if (rc == 0)
		rc = bond_check(&s, &amount, &to, err);
	if (rc == 0) {
		bond_plan(c, &plan, &s, &amount, &to);
		rc = cli_send(c, &plan, receipts, err);
		if (rc == 0)
			rc = bond_tell(c, &receipts[plan.n - 1], err);
		sent_fini(&plan, receipts);
	}
	stake_fini(&s);
	return rc;
}

/* ---- unbond ---- */

static int unbond_amount(struct u256 *amount, const char *text, const struct stake *s, struct err *err)
{
	char a[100], b[100];
	int rc = 0;

	if (strcmp(text, "all") == 0)
		*amount = s->bonded;
	else
		rc = amount_arg(amount, text, "AMOUNT", UNIT_LPT, err);
	if (rc == 0 && strcmp(text, "all") != 0 && u256_is_zero(amount))
		rc = cli_wrong(err, "AMOUNT: nothing to unbond; write it like \"10 LPT\", or all");
	if (rc == 0)
		rc = round_must_be_open(&s->r, err);
	if (rc == 0 && u256_is_zero(&s->bonded))
		rc = cli_no(err, "you have nothing bonded: `lpnode delegator` shows what you have");
	if (rc == 0 && u256_cmp(amount, &s->bonded) > 0)
		rc = cli_no(err, "you have %s bonded, less than the %s to unbond: `lpnode unbond all` takes all of it",
			    cli_fmt_exact(a, &s->bonded, UNIT_LPT), cli_fmt_exact(b, amount, UNIT_LPT));
	return rc;
}

/* What it means for one who is a transcoder. */
static void say_transcoder(struct cli_plan *plan, const struct stake *s, const struct u256 *left)
{
	struct u256 out, stake;
	char a[100], b[100];

	if (!s->own.registered)
		return;
	if (u256_is_zero(left)) {
		cli_plan_say(plan, "You are a transcoder: without stake of your own you resign, from round %llu on.",
			     (ull)s->r.round + 1);
		return;
	}
	if (u256_sub(&out, &s->bonded, left) && u256_sub(&stake, &s->own.stake, &out) && u256_cmp(&stake, &s->min_stake) < 0)
		cli_plan_say(plan, "You are a transcoder: with %s, less than the %s that one needs, you get no job from round %llu on.",
			     cli_fmt_amount(a, &stake, UNIT_LPT), cli_fmt_amount(b, &s->min_stake, UNIT_LPT),
			     (ull)s->r.round + 1);
}

static void unbond_plan(struct cli *c, struct cli_plan *plan, const struct stake *s, const struct u256 *amount)
{
	struct stake_lock lock = { .withdraw_round = s->r.round + s->unbonding_rounds,
				   .slashable_until = s->r.block + 1 + s->slashable_blocks };
	char a[100], key[120], dec[U256_DEC_MAX], addr[43], when[160];
	struct cli_plan_tx *tx;
	struct u256 left = u256_zero;

	u256_fmt_dec(dec, amount);
	u256_sub(&left, &s->bonded, amount);
	eth_addr_fmt(addr, &s->delegate);
	snprintf(key, sizeof(key), "unbond/%s", dec);
	tx = cli_plan_add(plan, c, CONTRACT_BONDING_MANAGER, key, "unbond %s", cli_fmt_exact(a, amount, UNIT_LPT));
	bonding_manager_unbond_call(&tx->data, amount);
	cli_plan_say(plan, "%s leave %s, into lock %llu: they earn nothing from now on.",
		     cli_fmt_exact(a, amount, UNIT_LPT), addr, (ull)s->next_lock);
	cli_plan_say(plan, "Misdeeds of the delegate can slash them until about block %llu.  They are withdrawable",
		     (ull)lock.slashable_until);
	cli_plan_say(plan, "%s, in round %llu or later; until then `lpnode rebond %llu` puts them back.",
		     lock_when(when, s, &lock), (ull)lock.withdraw_round, (ull)s->next_lock);
	if (u256_is_zero(&left))
		cli_plan_say(plan, "Nothing stays bonded.");
	else
		cli_plan_say(plan, "%s stay bonded.", cli_fmt_amount(a, &left, UNIT_LPT));
	say_transcoder(plan, s, &left);
}

static int unbond_tell(struct cli *c, const struct eth_receipt *receipt, struct err *err)
{
	const struct eth_log *log = receipt_event(receipt, c, CONTRACT_BONDING_MANAGER, bonding_manager_unbond_topic(), 0);
	struct bonding_manager_unbond_event e;
	char a[100];
	int rc;

	if (!log || bonding_manager_unbond_event_read(&e, log, err) < 0)
		return cli_strange(err);
	cli_field(c, "unbonded", cli_json_amount(&e.amount), "unbonded", "%s", cli_fmt_exact(a, &e.amount, UNIT_LPT));
	rc = stake_tell_lock(c, &e.unbonding_lock_id, err);
	return rc == 0 ? stake_tell(c, err) : rc;
}

static int unbond(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX] = { 0 };
	struct cli_plan plan = { 0 };
	struct stake s = { 0 };
	struct u256 amount;
	int rc = strcmp(args[0], "all") == 0 ? 0 : amount_arg(&amount, args[0], "AMOUNT", UNIT_LPT, err);

	if (rc == 0)
		rc = stake_read(c, &s, &c->account, NULL, err);
	if (rc == 0)
		rc = unbond_amount(&amount, args[0], &s, err);
	if (rc == 0) {
		unbond_plan(c, &plan, &s, &amount);
		rc = cli_send(c, &plan, receipts, err);
		if (rc == 0)
			rc = unbond_tell(c, &receipts[0], err);
		sent_fini(&plan, receipts);
	}
	stake_fini(&s);
	return rc;
}

static const struct cli_command commands[] = {
	{ "bond", "AMOUNT [--to ADDRESS]", "bond LPT to a transcoder; with another one than now, move there", GROUP, 1, 1,
	  CLI_KEY, to_opts, 1, sizeof(struct to_opts), bond },
	{ "unbond", "AMOUNT|all", "take stake out, into a lock; withdrawable some rounds later", GROUP, 1, 1, CLI_KEY, NULL, 0,
	  0, unbond },
};
const struct cli_commands bond_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
