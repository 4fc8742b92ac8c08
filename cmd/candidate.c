#include <string.h>

#include "base/err.h"
#include "bind/livepeer_token.h"
#include "bind/minter.h"
#include "cmd/candidate.h"

typedef unsigned long long ull;

#define ROWS_MAX 1000	/* of the pool and the waiting list, for its smallest and its cheapest */

enum {
	READ_INFO, READ_NOW, READ_NEXT, READ_DELEGATOR, READ_LPT, READ_ALLOWANCE, READ_MIN, READ_SLASHABLE,
	READ_UNBONDING, READ_MISSED_ROUNDS, READ_MISSED_PERC, READ_GRACE, READ_SIZE, READ_MAX, READ_WAITING, READ_ROWS,
	READ_ACTIVE, READ_MINTABLE, READ_MINTED,
};

static void ask(struct cli *c, struct cli_reads *reads, const struct candidate *s)
{
	struct u256 now = u256_of(s->r.round), next = u256_of(s->r.round + 1), rows = u256_of(ROWS_MAX);
	const struct eth_addr *bonding = &c->pin.contracts[CONTRACT_BONDING_MANAGER];

	bonding_manager_get_transcoder_info_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER), &s->who);
	bonding_manager_entry_at_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER), &s->who, &now);
	bonding_manager_entry_at_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER), &s->who, &next);
	bonding_manager_get_delegator_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER), &s->who);
	livepeer_token_balance_of_call(cli_read(reads, c, CONTRACT_LIVEPEER_TOKEN), &s->who);
	livepeer_token_allowance_call(cli_read(reads, c, CONTRACT_LIVEPEER_TOKEN), &s->who, bonding);
	bonding_manager_min_transcoder_stake_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_slashable_period_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_unbonding_period_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_missed_reward_rounds_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_missed_reward_slash_amount_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_competitiveness_grace_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_get_transcoder_pool_size_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_get_transcoder_pool_max_size_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_get_waiting_list_size_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_get_transcoders_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER), &u256_zero, &rows);
	bonding_manager_current_round_total_active_stake_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	minter_current_mintable_tokens_call(cli_read(reads, c, CONTRACT_MINTER));
	minter_current_minted_tokens_call(cli_read(reads, c, CONTRACT_MINTER));
}

/* What every view of one number has in common: a word. */
static int number_of(uint64_t *to, const struct cli_reads *reads, size_t i, const char *what, struct err *err)
{
	struct u256 v;

	if (!reads->r[i].result || reads->r[i].n < 32)
		return err_set(err, ERR_INVALID, "BondingManager: %s: the answer is too short", what);
	v = u256_from_be(reads->r[i].result);
	if (!u256_to_u64(to, &v))
		return err_set(err, ERR_INVALID, "BondingManager: %s is absurdly large", what);
	return 0;
}

static int amount_of(struct u256 *to, const struct cli_reads *reads, size_t i, const char *what, struct err *err)
{
	if (!reads->r[i].result || reads->r[i].n < 32)
		return err_set(err, ERR_INVALID, "%s: the answer is too short", what);
	*to = u256_from_be(reads->r[i].result);
	return 0;
}

static void look_at_others(struct candidate *s, const struct bonding_manager_get_transcoders *all)
{
	const struct bonding_manager_transcoder_info *row;
	size_t i;

	for (i = 0; i < all->n_rows; i++) {
		row = &all->rows[i];
		if (row->in_pool && (eth_addr_is_zero(&s->smallest) || u256_cmp(&row->stake, &s->smallest_stake) < 0)) {
			s->smallest = row->transcoder;
			s->smallest_stake = row->stake;
		}
		if (!eth_addr_equal(&row->transcoder, &s->who) &&
		    (eth_addr_is_zero(&s->cheapest) || row->price < s->cheapest_price)) {
			s->cheapest = row->transcoder;
			s->cheapest_price = row->price;
		}
	}
}

static int decode(struct candidate *s, const struct cli_reads *reads, struct err *err)
{
	struct bonding_manager_get_transcoder_info info;
	struct bonding_manager_get_transcoders all;
	struct bonding_manager_entry_at now, next;
	struct bonding_manager_get_delegator d;

	if (CLI_DECODE(bonding_manager_get_transcoder_info, &info, *reads, READ_INFO, err) < 0 ||
	    CLI_DECODE(bonding_manager_entry_at, &now, *reads, READ_NOW, err) < 0 ||
	    CLI_DECODE(bonding_manager_entry_at, &next, *reads, READ_NEXT, err) < 0 ||
	    CLI_DECODE(bonding_manager_get_delegator, &d, *reads, READ_DELEGATOR, err) < 0 ||
	    amount_of(&s->lpt, reads, READ_LPT, "balanceOf", err) < 0 ||
	    amount_of(&s->allowance, reads, READ_ALLOWANCE, "allowance", err) < 0 ||
	    amount_of(&s->min_stake, reads, READ_MIN, "minTranscoderStake", err) < 0 ||
	    number_of(&s->slashable_blocks, reads, READ_SLASHABLE, "slashablePeriod", err) < 0 ||
	    number_of(&s->unbonding_rounds, reads, READ_UNBONDING, "unbondingPeriod", err) < 0 ||
	    number_of(&s->missed_rounds, reads, READ_MISSED_ROUNDS, "missedRewardRounds", err) < 0 ||
	    number_of(&s->missed_perc, reads, READ_MISSED_PERC, "missedRewardSlashAmount", err) < 0 ||
	    number_of(&s->grace_rounds, reads, READ_GRACE, "competitivenessGrace", err) < 0 ||
	    number_of(&s->pool_size, reads, READ_SIZE, "the pool's size", err) < 0 ||
	    number_of(&s->pool_max, reads, READ_MAX, "numActiveTranscoders", err) < 0 ||
	    number_of(&s->waiting, reads, READ_WAITING, "the waiting list's size", err) < 0 ||
	    amount_of(&s->active_stake, reads, READ_ACTIVE, "the active stake", err) < 0 ||
	    amount_of(&s->mintable, reads, READ_MINTABLE, "currentMintableTokens", err) < 0 ||
	    amount_of(&s->minted, reads, READ_MINTED, "currentMintedTokens", err) < 0 ||
	    CLI_DECODE(bonding_manager_get_transcoders, &all, *reads, READ_ROWS, err) < 0)
		return -1;
	s->info = info.value;
	s->now = now.value;
	s->next = next.value;
	s->bonded = d.bonded_amount;
	s->delegate = d.delegate_address;
	look_at_others(s, &all);
	bonding_manager_get_transcoders_fini(&all);
	return 0;
}

int candidate_read(struct cli *c, struct candidate *s, const struct eth_addr *who, struct err *err)
{
	struct cli_reads reads = { 0 };
	int rc;

	memset(s, 0, sizeof(*s));
	s->who = *who;
	rc = round_read(c, &s->r, err);
	if (rc != 0)
		return rc;
	ask(c, &reads, s);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && decode(s, &reads, err) < 0)
		rc = 1;
	cli_reads_fini(&reads);
	return rc;
}

static int must_be_registered(const struct candidate *s, struct err *err)
{
	if (s->info.registered)
		return 0;
	return cli_no(err, "you are no transcoder: `lpnode transcoder register -bond AMOUNT` makes you one");
}

int candidate_read_own(struct cli *c, struct candidate *s, struct err *err)
{
	int rc = candidate_read(c, s, &c->account, err);

	if (rc == 0)
		rc = must_be_registered(s, err);
	return rc == 0 ? round_must_be_open(&s->r, err) : rc;
}

bool candidate_is_bonded_to_itself(const struct candidate *s)
{
	return eth_addr_equal(&s->delegate, &s->who) && !u256_is_zero(&s->bonded);
}

bool candidate_has_place(const struct candidate *s, const struct u256 *stake)
{
	if (u256_cmp(stake, &s->min_stake) < 0)
		return false;
	return s->info.in_pool || s->pool_size < s->pool_max || u256_cmp(stake, &s->smallest_stake) > 0;
}

/* ---- in words ---- */

void candidate_say_place(struct cli_plan *plan, const struct candidate *s, const struct u256 *stake)
{
	char text[100], addr[43];

	if (!candidate_has_place(s, stake)) {
		cli_plan_say(plan, "The pool of %llu is full: it goes on the waiting list, of which one is drawn a round. A place",
			     (ull)s->pool_max);
		cli_plan_say(plan, "takes more than %s.", cli_fmt_amount(text, &s->smallest_stake, UNIT_LPT));
		return;
	}
	if (s->pool_size < s->pool_max) {
		cli_plan_say(plan, "It takes a place in the pool (%llu of %llu are taken) and is active from round %llu on.",
			     (ull)s->pool_size, (ull)s->pool_max, (ull)s->r.round + 1);
		return;
	}
	eth_addr_fmt(addr, &s->smallest);
	cli_plan_say(plan, "It takes the place of %s (%s)", addr, cli_fmt_amount(text, &s->smallest_stake, UNIT_LPT));
	cli_plan_say(plan, "and is active from round %llu on.", (ull)s->r.round + 1);
}

void candidate_show_stake(struct cli *c, const struct candidate *s)
{
	char text[100];

	cli_field(c, "stake", cli_json_amount(&s->info.stake), "stake", "%s",
		  cli_fmt_amount(text, &s->info.stake, UNIT_LPT));
	cli_field(c, "selfStake", cli_json_amount(&s->info.self_stake), "of it own", "%s",
		  cli_fmt_amount(text, &s->info.self_stake, UNIT_LPT));
}

int candidate_tell(struct cli *c, struct err *err)
{
	struct candidate s;
	int rc = candidate_read(c, &s, &c->account, err);

	if (rc != 0)
		return rc;
	candidate_show_stake(c, &s);
	cli_field(c, "inPool", json_boolean(s.info.in_pool), "place", "%s",
		  s.info.in_pool ? "in the pool" : s.info.registered ? "on the waiting list" : "none");
	return 0;
}
