/* lpnode transcoder resign, promote, show, availability, reward: what an operator does with a
 * transcoder that is registered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cmd/cli_internal.h"
#include "cmd/commands.h"
#include "cmd/rates.h"
#include "cmd/service_uri.h"

typedef unsigned long long ull;

#define GROUP "Transcoders"

/* ---- transcoder resign ---- */

static void say_resign(struct cli_plan *plan, const struct candidate *s)
{
	char when[120], text[100], own[100];

	cli_plan_say(plan, "You are no transcoder from %s on.", round_when(when, &s->r, s->r.round + 1));
	if (s->info.active && s->info.last_reward_round != s->r.round)
		cli_plan_say(plan, "You are active until then: `lpnode reward` still gives this round's part.");
	cli_plan_say(plan, "Stake stays bonded to you: %s, of it your own %s.",
		     cli_fmt_amount(text, &s->info.stake, UNIT_LPT), cli_fmt_amount(own, &s->info.self_stake, UNIT_LPT));
	cli_plan_say(plan, "It earns no rewards and can be slashed; `lpnode unbond` takes yours out (%llu rounds).",
		     (ull)s->unbonding_rounds);
	cli_plan_say(plan, "Claim what you have transcoded before you unbond: later claims are refused.");
}

static int resign(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct bonding_manager_transcoder_resigned_event e;
	struct eth_receipt receipt = { 0 };
	struct cli_plan plan = { 0 };
	const struct eth_log *log;
	struct cli_plan_tx *tx;
	struct candidate s;
	uint64_t from;
	int rc;

	rc = candidate_read_own(c, &s, err);
	if (rc != 0)
		return rc;
	tx = cli_plan_add(&plan, c, CONTRACT_BONDING_MANAGER, "resign", "resign as a transcoder");
	bonding_manager_resign_as_transcoder_call(&tx->data);
	say_resign(&plan, &s);
	rc = cli_send(c, &plan, &receipt, err);
	if (rc == 0) {
		log = receipt_event(&receipt, c, CONTRACT_BONDING_MANAGER, bonding_manager_transcoder_resigned_topic(), 0);
		if (!log || bonding_manager_transcoder_resigned_event_read(&e, log, err) < 0 ||
		    !u256_to_u64(&from, &e.from_round))
			rc = cli_strange(err);
		else
			cli_field(c, "resignedFrom", json_integer((json_int_t)from), "resigned", "from round %llu on",
				  (ull)from);
	}
	if (rc == 0)
		rc = candidate_tell(c, err);
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

/* ---- transcoder promote ---- */

static int promote(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipt = { 0 };
	struct eth_addr who = c->account;
	struct cli_plan plan = { 0 };
	struct cli_plan_tx *tx;
	struct candidate s;
	char addr[43], key[60], stake[100], least[100];
	int rc;

	if (n_args > 0 && cli_addr(c, &who, args[0], err) < 0)
		return 2;
	eth_addr_fmt(addr, &who);
	rc = candidate_read(c, &s, &who, err);
	if (rc == 0)
		rc = round_must_be_open(&s.r, err);
	if (rc == 0 && (!s.info.registered || s.info.in_pool))
		rc = cli_no(err, "%s is %s", addr, s.info.registered ? "in the pool already" : "no transcoder");
	if (rc == 0 && u256_cmp(&s.info.stake, &s.min_stake) < 0)
		rc = cli_no(err, "%s has %s, a transcoder needs %s", addr, cli_fmt_amount(stake, &s.info.stake, UNIT_LPT),
			    cli_fmt_amount(least, &s.min_stake, UNIT_LPT));
	if (rc == 0 && !candidate_has_place(&s, &s.info.stake))
		rc = cli_no(err, "%s has %s; a place in the pool takes more than the smallest has, %s", addr,
			    cli_fmt_amount(stake, &s.info.stake, UNIT_LPT),
			    cli_fmt_amount(least, &s.smallest_stake, UNIT_LPT));
	if (rc != 0)
		return rc;
	snprintf(key, sizeof(key), "promote/%s", addr);
	tx = cli_plan_add(&plan, c, CONTRACT_BONDING_MANAGER, key, "take %s from the waiting list into the pool", addr);
	bonding_manager_promote_call(&tx->data, &who);
	candidate_say_place(&plan, &s, &s.info.stake);
	rc = cli_send(c, &plan, &receipt, err);
	if (rc == 0)
		cli_field(c, "promoted", cli_json_addr(&who), "in the pool", "%s, active from round %llu on", addr,
			  (ull)s.r.round + 1);
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

/* ---- transcoder show ---- */

static const char *status_words(const struct candidate *s)
{
	if (!s->info.registered)
		return s->info.active ? "resigned; active until this round ends" : "not registered";
	if (s->info.in_pool)
		return s->info.active ? "active" : "in the pool; active from the next round on";
	if (s->info.active)
		return "on the waiting list; active in this round";
	return u256_cmp(&s->info.stake, &s->min_stake) < 0 ? "registered, but with too little stake" :
							     "on the waiting list";
}

static const char *next_step(const struct candidate *s)
{
	if (s->r.paused)
		return "nothing: the system is paused";
	if (!s->r.initialized)
		return "lpnode initialize-round";
	if (!s->info.registered)
		return "lpnode transcoder register";
	if (s->info.active && s->info.last_reward_round != s->r.round)
		return "lpnode reward: this round's part is not called for yet";
	if (u256_cmp(&s->info.stake, &s->min_stake) < 0)
		return "bond more: the least is told by lpnode protocol, minTranscoderStake";
	if (!s->info.in_pool && candidate_has_place(s, &s->info.stake))
		return "lpnode transcoder promote: there is a place in the pool";
	if (!s->info.available)
		return "lpnode availability on, to be elected for jobs";
	return "nothing";
}

static void show_rates(struct cli *c, const struct candidate *s)
{
	struct rates now = { s->now.reward_cut, s->now.fee_share, s->now.price };
	struct rates next = { s->info.reward_cut, s->info.fee_share, s->info.price };
	struct rates later = { s->info.later_reward_cut, s->info.later_fee_share, s->info.price };
	json_t *list = json_array();
	char text[200], label[40];

	if (s->now.from_round != 0) {
		cli_field(c, NULL, NULL, "this round", "%s", rates_fmt(text, &now));
		json_array_append_new(list, rates_json(&now, s->r.round));
	}
	if (s->next.from_round != 0) {
		cli_field(c, NULL, NULL, "next round", "%s", rates_fmt(text, &next));
		json_array_append_new(list, rates_json(&next, s->r.round + 1));
	}
	if (s->info.later_round > s->r.round + 1) {
		snprintf(label, sizeof(label), "from round %llu", (ull)s->info.later_round);
		cli_field(c, NULL, NULL, label, "%s", rates_fmt(text, &later));
		json_array_append_new(list, rates_json(&later, s->info.later_round));
	}
	json_object_set_new(c->out, "rates", list);
}

/* "round 12", or what it is without one. */
static void field_round(struct cli *c, const char *name, uint64_t round, const char *label)
{
	char text[40];

	snprintf(text, sizeof(text), "round %llu", (ull)round);
	cli_field(c, name, json_integer((json_int_t)round), label, "%s", round ? text : "never");
}

static void show_record(struct cli *c, const struct candidate *s)
{
	char text[100];

	cli_field(c, "available", json_boolean(s->info.available), s->info.registered ? "takes jobs" : NULL, "%s",
		  s->info.available ? "yes" : "no");
	field_round(c, "activeSince", s->info.active_since, "in the pool since");
	field_round(c, "lastRewardRound", s->info.last_reward_round, "last reward");
	cli_field(c, "missedRewards", json_integer((json_int_t)s->info.missed_rewards), "missed rewards", "%llu reported",
		  (ull)s->info.missed_rewards);
	cli_field(c, "slashes", json_integer((json_int_t)s->info.slashes), "slashed", "%llu times", (ull)s->info.slashes);
	cli_field(c, "work", cli_json_amount(&s->info.work), "recent work", "%s to delegators, decayed by 1/30 a round",
		  cli_fmt_amount(text, &s->info.work, UNIT_ETH));
}

static int show(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct candidate s;
	struct eth_addr who;
	char addr[43], *uri;
	int rc = 0;

	if (n_args > 0 && cli_addr(c, &who, args[0], err) < 0)
		return 2;
	if (n_args == 0) {
		rc = cli_find_account(c, true, err);
		who = c->account;
	}
	if (rc == 0)
		rc = candidate_read(c, &s, &who, err);
	if (rc == 0)
		rc = service_uri_read(c, &who, &uri, err);
	if (rc != 0)
		return rc;
	eth_addr_fmt(addr, &who);
	cli_field(c, "transcoder", cli_json_addr(&who), "transcoder", "%s", addr);
	cli_field(c, "status", json_string(status_words(&s)), "status", "%s", status_words(&s));
	cli_field(c, "registered", json_boolean(s.info.registered), NULL, " ");
	cli_field(c, "inPool", json_boolean(s.info.in_pool), NULL, " ");
	cli_field(c, "active", json_boolean(s.info.active), NULL, " ");
	candidate_show_stake(c, &s);
	show_rates(c, &s);
	show_record(c, &s);
	cli_field(c, "serviceURI", json_string(uri), "service", "%s", *uri ? uri : "not told: lpnode service-uri URI");
	cli_field(c, "nextStep", json_string(next_step(&s)), "next step", "%s", next_step(&s));
	free(uri);
	return 0;
}

/* ---- availability ---- */

static int availability(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct bonding_manager_transcoder_availability_event e;
	struct eth_receipt receipt = { 0 };
	struct cli_plan plan = { 0 };
	const struct eth_log *log;
	struct cli_plan_tx *tx;
	struct candidate s;
	uint64_t from;
	bool on = strcmp(args[0], "on") == 0;
	int rc;

	if (!on && strcmp(args[0], "off") != 0)
		return cli_wrong(err, "availability cannot be \"%.40s\": write on or off", args[0]);
	rc = candidate_read_own(c, &s, err);
	if (rc == 0 && s.info.available == on)
		rc = cli_no(err, "availability is %s already", args[0]);
	if (rc != 0)
		return rc;
	tx = cli_plan_add(&plan, c, CONTRACT_BONDING_MANAGER, on ? "availability/on" : "availability/off", "availability %s",
			  args[0]);
	bonding_manager_transcode_availability_call(&tx->data, on);
	cli_plan_say(&plan, on ? "You can be elected for jobs made from the next block on, while you are active." :
				 "You are elected for no job made from the next block on.  Those you have go on, and so "
				 "do rewards.");
	rc = cli_send(c, &plan, &receipt, err);
	if (rc == 0) {
		log = receipt_event(&receipt, c, CONTRACT_BONDING_MANAGER,
				    bonding_manager_transcoder_availability_topic(), 0);
		if (!log || bonding_manager_transcoder_availability_event_read(&e, log, err) < 0 ||
		    !u256_to_u64(&from, &e.from_block)) {
			rc = cli_strange(err);
		} else {
			cli_field(c, "available", json_boolean(e.available), "available", "%s, from block %llu on",
				  e.available ? "on" : "off", (ull)from);
			cli_field(c, "fromBlock", json_integer((json_int_t)from), NULL, " ");
		}
	}
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

/* ---- reward ---- */

static int may_reward(const struct candidate *s, struct err *err)
{
	char when[120];
	int rc = round_must_be_open(&s->r, err);

	if (rc != 0)
		return rc;
	if (!s->info.active && !s->info.registered)
		return cli_no(err, "you are no transcoder: only active ones get rewards");
	if (!s->info.active)
		return cli_no(err, "you are not active in round %llu%s%s", (ull)s->r.round,
			      s->info.in_pool ? ": you are from " :
			      ": others have more stake, and you were not drawn (lpnode transcoder show)",
			      s->info.in_pool ? round_when(when, &s->r, s->r.round + 1) : "");
	if (s->info.last_reward_round == s->r.round)
		return cli_no(err, "reward was called for round %llu already; next is %s", (ull)s->r.round,
			      round_when(when, &s->r, s->r.round + 1));
	return 0;
}

static void say_reward(struct cli_plan *plan, const struct candidate *s, const struct u256 *tokens)
{
	struct u256 million = u256_of(1000000), cut_perc = u256_of(s->now.reward_cut), cut = u256_zero, rest;
	char text[100], all[100], perc[32];

	u256_mul_div(&cut, tokens, &cut_perc, &million);
	if (!u256_sub(&rest, tokens, &cut))
		rest = u256_zero;
	cli_plan_say(plan, "%s for your %s of the active stake.", cli_fmt_amount(text, tokens, UNIT_LPT),
		     cli_fmt_amount(all, &s->now.stake, UNIT_LPT));
	cli_plan_say(plan, "Of it %s (rewardCut %s) are yours, %s go to all who are bonded to you,",
		     cli_fmt_amount(text, &cut, UNIT_LPT), cli_fmt_perc(perc, s->now.reward_cut),
		     cli_fmt_amount(all, &rest, UNIT_LPT));
	cli_plan_say(plan, "by their shares, yourself too.  It is bonded at once: slashable, and yours by unbonding.");
	if (s->r.round >= s->info.active_since + s->grace_rounds || !s->now.in_pool)
		cli_plan_say(plan, "Should you have done less work than CompetitivenessTolerance asks, it gives nothing.");
}

static int tell_reward(struct cli *c, const struct eth_receipt *receipt, const struct candidate *before, struct err *err)
{
	const struct eth_log *log =
		receipt_event(receipt, c, CONTRACT_BONDING_MANAGER, bonding_manager_reward_topic(), 0);
	struct bonding_manager_reward_event e;
	struct candidate after;
	struct u256 own;
	char text[100], was[100];
	int rc;

	if (!log || bonding_manager_reward_event_read(&e, log, err) < 0)
		return cli_strange(err);
	cli_field(c, "round", json_integer((json_int_t)before->r.round), NULL, " ");
	cli_field(c, "reward", cli_json_amount(&e.amount), "reward", "%s%s", cli_fmt_amount(text, &e.amount, UNIT_LPT),
		  u256_is_zero(&e.amount) ? ": less work than CompetitivenessTolerance asks" : "");
	rc = candidate_read(c, &after, &c->account, err);
	if (rc != 0)
		return rc;
	cli_field(c, "stake", cli_json_amount(&after.info.stake), "stake", "%s (%s before)",
		  cli_fmt_amount(text, &after.info.stake, UNIT_LPT), cli_fmt_amount(was, &before->info.stake, UNIT_LPT));
	cli_field(c, "selfStake", cli_json_amount(&after.info.self_stake), "of it own", "%s (%s before)",
		  cli_fmt_amount(text, &after.info.self_stake, UNIT_LPT),
		  cli_fmt_amount(was, &before->info.self_stake, UNIT_LPT));
	if (!u256_sub(&own, &after.info.self_stake, &before->info.self_stake))
		own = u256_zero;
	cli_field(c, "ownReward", cli_json_amount(&own), NULL, " ");
	return 0;
}

static int reward(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipt = { 0 };
	struct cli_plan plan = { 0 };
	struct cli_plan_tx *tx;
	struct u256 tokens;
	struct candidate s;
	char key[40];
	int rc;

	rc = candidate_read(c, &s, &c->account, err);
	if (rc == 0)
		rc = may_reward(&s, err);
	if (rc != 0)
		return rc;
	if (!u256_mul_div(&tokens, &s.mintable, &s.now.stake, &s.active_stake))
		tokens = u256_zero;
	snprintf(key, sizeof(key), "reward/%llu", (ull)s.r.round);
	tx = cli_plan_add(&plan, c, CONTRACT_BONDING_MANAGER, key, "call reward for round %llu", (ull)s.r.round);
	bonding_manager_reward_call(&tx->data);
	say_reward(&plan, &s, &tokens);
	rc = cli_send(c, &plan, &receipt, err);
	if (rc == 0)
		rc = tell_reward(c, &receipt, &s, err);
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

static const struct cli_command commands[] = {
	{ "transcoder resign", "", "leave from the next round on", GROUP, 0, 0, CLI_KEY, NULL, 0, 0, resign },
	{ "transcoder promote", "[ADDR]", "from the waiting list into the pool, where there is a place", GROUP, 0, 1,
	  CLI_KEY, NULL, 0, 0, promote },
	{ "transcoder show", "[ADDR]", "a transcoder's place, stake, rates, record and next step", GROUP, 0, 1, CLI_CHAIN,
	  NULL, 0, 0, show },
	{ "availability", "on|off", "take new jobs, or none", GROUP, 1, 1, CLI_KEY, NULL, 0, 0, availability },
	{ "reward", "", "call for the round's part of new LPT", GROUP, 0, 0, CLI_KEY, NULL, 0, 0, reward },
};
const struct cli_commands transcoder_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
