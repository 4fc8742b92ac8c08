/* lpnode transcoder ..., availability, reward, service-uri: what an operator of a transcoder does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/livepeer_token.h"
#include "bind/service_registry.h"
#include "cmd/candidate.h"
#include "cmd/cli_internal.h"
#include "cmd/commands.h"

typedef unsigned long long ull;

#define GROUP "Transcoders"
#define URI_MAX 256	/* ServiceRegistry.sol */

/* ---- rates ---- */

struct rates {
	uint64_t reward_cut, fee_share;	/* parts of a million */
	uint64_t price;			/* wei a unit */
};

struct rate_opts {
	char *reward_cut, *fee_share, *price, *bond, *match;
};
#define AT(f) offsetof(struct rate_opts, f)
#define RATE_OPTS \
	{ "rewardCut", OPT_STRING, AT(reward_cut), NULL, 0, 0, "Rates", "PERCENT", \
	  "of its rewards the transcoder keeps" }, \
	{ "feeShare", OPT_STRING, AT(fee_share), NULL, 0, 0, "Rates", "PERCENT", \
	  "of its fees it gives to those bonded to it" }, \
	{ "price", OPT_STRING, AT(price), NULL, 0, 0, "Rates", "AMOUNT", \
	  "of a unit, 10^6 encoded pixels of H.264: \"20 gwei\"" }
static const struct opt register_opts[] = {
	RATE_OPTS,
	{ "bond", OPT_STRING, AT(bond), NULL, 0, 0, "Stake", "AMOUNT", "bond so much LPT to itself before" },
};
static const struct opt update_opts[] = {
	RATE_OPTS,
	{ "match", OPT_STRING, AT(match), NULL, 0, 0, "Rates", "ADDRESS",
	  "lower the price to no less than this candidate's: the only change while rates are locked" },
};

static char *fmt_price(char to[100], uint64_t wei)
{
	struct u256 v = u256_of(wei);
	char n[U256_DEC_MAX + 3];

	if (wei < 1000000) {
		snprintf(to, 100, "%llu wei", (ull)wei);
		return to;
	}
	u256_fmt_fixed(n, &v, wei < 1000000000000000 ? 9 : 18);
	snprintf(to, 100, "%s %s", n, wei < 1000000000000000 ? "gwei" : "ETH");
	return to;
}

static char *fmt_rates(char to[200], const struct rates *r)
{
	char cut[32], share[32], price[100];

	snprintf(to, 200, "rewardCut %s, feeShare %s, %s a unit", cli_fmt_perc(cut, r->reward_cut),
		 cli_fmt_perc(share, r->fee_share), fmt_price(price, r->price));
	return to;
}

static json_t *rates_json(const struct rates *r, uint64_t from_round)
{
	struct u256 price = u256_of(r->price);

	return json_pack("{s:I, s:I, s:I, s:o}", "fromRound", (json_int_t)from_round, "rewardCut",
			 (json_int_t)r->reward_cut, "feeShare", (json_int_t)r->fee_share, "price",
			 cli_json_amount(&price));
}

/* A price without a unit would be ETH, which nobody means. */
static int parse_price(uint64_t *wei, const char *text, struct err *err)
{
	struct u256 v;

	if (strcmp(text, "0") != 0 && strspn(text, "0123456789.") == strlen(text))
		return cli_wrong(err, "-price=%.40s has no unit: write \"%.40s gwei\" or \"%.40s wei\"", text, text, text);
	if (cli_amount(&v, text, UNIT_ETH, err) < 0) {
		err_wrap(err, "-price");
		return 2;
	}
	if (!u256_to_u64(wei, &v))
		return cli_wrong(err, "-price=%.40s is more than a price can be (18.4 ETH a unit)", text);
	return 0;
}

static int parse_perc(uint64_t *perc, const char *flag, const char *text, struct err *err)
{
	if (cli_perc(perc, text, err) == 0)
		return 0;
	err_wrap(err, "-%s", flag);
	return 2;
}

/* What is given of the flags, into r. */
static int parse_rates(struct rates *r, const struct rate_opts *o, struct err *err)
{
	int rc = 0;

	if (o->reward_cut)
		rc = parse_perc(&r->reward_cut, "rewardCut", o->reward_cut, err);
	if (rc == 0 && o->fee_share)
		rc = parse_perc(&r->fee_share, "feeShare", o->fee_share, err);
	if (rc == 0 && o->price)
		rc = parse_price(&r->price, o->price, err);
	return rc;
}

/* The rates that wait for the round after the next, else the next round's. */
static struct rates last_set(const struct candidate *s)
{
	bool waits = s->info.later_round > s->r.round + 1;

	return (struct rates){ waits ? s->info.later_reward_cut : s->info.reward_cut,
			       waits ? s->info.later_fee_share : s->info.fee_share, s->info.price };
}

/* Which of it must be shown for a whole round first: BondingManager._setRates. */
static bool is_worse(const struct candidate *s, const struct rates *r)
{
	return s->next.from_round != 0 &&
	       (r->reward_cut > s->next.reward_cut || r->fee_share < s->next.fee_share);
}

static void say_rates(struct cli_plan *plan, const struct candidate *s, const struct rates *r)
{
	struct rates soon = *r;
	char when[120], text[200];

	if (!is_worse(s, r)) {
		cli_plan_say(plan, "From %s on: %s.", round_when(when, &s->r, s->r.round + 1), fmt_rates(text, r));
		return;
	}
	soon.reward_cut = s->next.reward_cut;
	soon.fee_share = s->next.fee_share;
	cli_plan_say(plan, "From %s on: %s.", round_when(when, &s->r, s->r.round + 1), fmt_rates(text, &soon));
	cli_plan_say(plan, "From %s on: %s:", round_when(when, &s->r, s->r.round + 2), fmt_rates(text, r));
	cli_plan_say(plan, "worse rates for delegators are shown to them for a whole round before they hold.");
}

/* What TranscoderUpdate says of it, one or two. */
static void tell_rates(struct cli *c, const struct eth_receipt *receipt)
{
	const struct hash32 *topic = bonding_manager_transcoder_update_topic();
	struct bonding_manager_transcoder_update_event e;
	json_t *list = json_array();
	const struct eth_log *log;
	uint64_t from;
	struct rates r;
	struct err err;
	char text[200];
	size_t i;

	for (i = 0; (log = receipt_event(receipt, c, CONTRACT_BONDING_MANAGER, topic, i)); i++) {
		if (bonding_manager_transcoder_update_event_read(&e, log, &err) < 0 ||
		    !u256_to_u64(&r.reward_cut, &e.reward_cut) || !u256_to_u64(&r.fee_share, &e.fee_share) ||
		    !u256_to_u64(&r.price, &e.price_per_segment) || !u256_to_u64(&from, &e.from_round))
			continue;
		cli_say(c, "From round %llu on: %s.", (ull)from, fmt_rates(text, &r));
		json_array_append_new(list, rates_json(&r, from));
	}
	json_object_set_new(c->out, "rates", list);
}

/* ---- transcoder register ---- */

/* n transactions, one after the other, each waited for. */
static int must_not_be_locked(const struct cli *c, const struct round_now *r, size_t n, const char *what,
			      struct err *err)
{
	uint64_t depth = c->o.confirmations ? c->o.confirmations : 1, last = r->block + (n - 1) * depth + 1;
	char when[120];

	if (!r->locked && last < round_lock_begins(r))
		return 0;
	if (!r->locked)
		return cli_no(err, "rates are locked from block %llu on, too soon for %zu transaction%s: %s from %s on",
			      (ull)round_lock_begins(r), n, n == 1 ? "" : "s", what, round_when(when, r, r->round + 1));
	return cli_no(err, "rates are locked since block %llu until the round ends: %s from %s on",
		      (ull)round_lock_begins(r), what, round_when(when, r, r->round + 1));
}

/* Own stake and what is needed for the minimum; fills stake: what the transcoder will have. */
static int check_stake(const struct candidate *s, const struct u256 *bond, struct u256 *stake, struct err *err)
{
	char min[100], has[100], more[100];
	struct u256 lacks;

	if (u256_is_zero(bond) && !candidate_is_bonded_to_itself(s))
		return cli_no(err, "a transcoder must be bonded to itself: add -bond AMOUNT (at least %s in all; you "
			      "have %s)", cli_fmt_amount(min, &s->min_stake, UNIT_LPT),
			      cli_fmt_amount(has, &s->lpt, UNIT_LPT));
	if (!u256_add(stake, &s->info.stake, bond))
		return cli_no(err, "-bond is absurdly large");
	if (u256_cmp(bond, &s->lpt) > 0)
		return cli_no(err, "-bond %s is more than you have: %s", cli_fmt_amount(more, bond, UNIT_LPT),
			      cli_fmt_amount(has, &s->lpt, UNIT_LPT));
	if (!u256_sub(&lacks, &s->min_stake, stake) || u256_is_zero(&lacks))
		return 0;
	return cli_no(err, "%s would be bonded to you, a transcoder needs %s: bond %s more",
		      cli_fmt_amount(has, stake, UNIT_LPT), cli_fmt_amount(min, &s->min_stake, UNIT_LPT),
		      cli_fmt_amount(more, &lacks, UNIT_LPT));
}

/* approve (exactly that much) and bond, where asked for. */
static void plan_bond(struct cli *c, struct cli_plan *plan, const struct candidate *s, const struct u256 *amount)
{
	const struct eth_addr *bonding = &c->pin.contracts[CONTRACT_BONDING_MANAGER];
	char text[100], has[100], dec[U256_DEC_MAX], delegate[43];
	struct cli_plan_tx *tx;
	char key[120];

	if (u256_is_zero(amount))
		return;
	u256_fmt_dec(dec, amount);
	cli_fmt_exact(text, amount, UNIT_LPT);
	if (u256_cmp(&s->allowance, amount) < 0) {
		snprintf(key, sizeof(key), "approve/bond/%s", dec);
		tx = cli_plan_add(plan, c, CONTRACT_LIVEPEER_TOKEN, key, "approve %s for the BondingManager", text);
		livepeer_token_approve_call(&tx->data, bonding, amount);
	}
	snprintf(key, sizeof(key), "bond/self/%s", dec);
	tx = cli_plan_add(plan, c, CONTRACT_BONDING_MANAGER, key, "bond %s to yourself", text);
	bonding_manager_bond_call(&tx->data, amount, &s->who);
	cli_plan_say(plan, "%s of your %s go to the Minter, bonded to yourself.", text,
		     cli_fmt_amount(has, &s->lpt, UNIT_LPT));
	if (eth_addr_is_zero(&s->delegate) || eth_addr_equal(&s->delegate, &s->who) || u256_is_zero(&s->bonded))
		return;
	eth_addr_fmt(delegate, &s->delegate);
	cli_plan_say(plan, "Your %s at %s leave it too: locked and earning nothing for",
		     cli_fmt_amount(has, &s->bonded, UNIT_LPT), delegate);
	cli_plan_say(plan, "%llu blocks, until when its misdeeds can slash them; then anyone completes the move.",
		     (ull)s->slashable_blocks);
}

static void say_place(struct cli_plan *plan, const struct candidate *s, const struct u256 *stake)
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

static void say_duties(struct cli_plan *plan, const struct candidate *s)
{
	char perc[32];

	cli_plan_say(plan, "Stake can be slashed while it is bonded and for %llu blocks after; it is withdrawable",
		     (ull)s->slashable_blocks);
	cli_plan_say(plan, "%llu rounds after unbonding.  While active, run `lpnode reward` once a round: missed in %llu in a row,",
		     (ull)s->unbonding_rounds, (ull)s->missed_rounds);
	cli_plan_say(plan, "%s can be slashed.", cli_fmt_perc(perc, s->missed_perc));
}

static bool tell_activation(struct cli *c, const struct eth_receipt *receipt)
{
	const struct hash32 *topic = bonding_manager_transcoder_activated_topic();
	struct bonding_manager_transcoder_activated_event e;
	const struct eth_log *log;
	uint64_t round;
	struct err err;
	size_t i;

	for (i = 0; (log = receipt_event(receipt, c, CONTRACT_BONDING_MANAGER, topic, i)); i++) {
		if (bonding_manager_transcoder_activated_event_read(&e, log, &err) == 0 &&
		    eth_addr_equal(&e.transcoder, &c->account) && u256_to_u64(&round, &e.activation_round)) {
			cli_field(c, "activeFrom", json_integer((json_int_t)round), "active", "from round %llu on",
				  (ull)round);
			return true;
		}
	}
	return false;
}

static int tell_candidate(struct cli *c, struct err *err)
{
	struct candidate s;
	char text[100];
	int rc = candidate_read(c, &s, &c->account, err);

	if (rc != 0)
		return rc;
	cli_field(c, "stake", cli_json_amount(&s.info.stake), "stake", "%s", cli_fmt_amount(text, &s.info.stake, UNIT_LPT));
	cli_field(c, "selfStake", cli_json_amount(&s.info.self_stake), "of it own", "%s",
		  cli_fmt_amount(text, &s.info.self_stake, UNIT_LPT));
	cli_field(c, "inPool", json_boolean(s.info.in_pool), "place", "%s",
		  s.info.in_pool ? "in the pool" : s.info.registered ? "on the waiting list" : "none");
	return 0;
}

static int finish_register(struct cli *c, const struct cli_plan *plan, const struct eth_receipt *receipts,
			   struct err *err)
{
	const struct eth_receipt *last = &receipts[plan->n - 1];
	char addr[43];

	eth_addr_fmt(addr, &c->account);
	cli_field(c, "transcoder", cli_json_addr(&c->account), "registered", "%s", addr);
	tell_rates(c, last);
	if (!tell_activation(c, last))
		cli_field(c, "activeFrom", json_null(), "active", "when drawn: on the waiting list");
	return tell_candidate(c, err);
}

static int register_(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX] = { 0 };
	const struct rate_opts *o = opts;
	struct u256 bond = u256_zero, stake;
	struct cli_plan plan = { 0 };
	struct rates rates = { 0 };
	struct cli_plan_tx *tx;
	struct candidate s;
	char key[120], text[200], addr[43];
	size_t i;
	int rc;

	if (!o->reward_cut || !o->fee_share || !o->price)
		return cli_wrong(err, "-%s is missing: give -rewardCut 10%% -feeShare 50%% -price \"20 gwei\", as you will",
				 !o->reward_cut ? "rewardCut" : !o->fee_share ? "feeShare" : "price");
	rc = parse_rates(&rates, o, err);
	if (rc == 0 && o->bond && cli_amount(&bond, o->bond, UNIT_LPT, err) < 0) {
		err_wrap(err, "-bond");
		rc = 2;
	}
	if (rc == 0)
		rc = candidate_read(c, &s, &c->account, err);
	if (rc == 0 && s.info.registered)
		rc = cli_no(err, "you are registered already: `lpnode transcoder update` changes rates, `lpnode bond` "
			    "adds stake");
	if (rc == 0)
		rc = round_must_be_open(&s.r, err);
	if (rc == 0)
		rc = check_stake(&s, &bond, &stake, err);
	if (rc == 0)
		rc = must_not_be_locked(c, &s.r, u256_is_zero(&bond) ? 1 : u256_cmp(&s.allowance, &bond) < 0 ? 3 : 2,
					"register", err);
	if (rc != 0)
		return rc;
	eth_addr_fmt(addr, &s.who);
	cli_plan_say(&plan, "%s becomes a transcoder.", addr);
	plan_bond(c, &plan, &s, &bond);
	snprintf(key, sizeof(key), "transcoder/%llu/%llu/%llu", (ull)rates.reward_cut, (ull)rates.fee_share, (ull)rates.price);
	tx = cli_plan_add(&plan, c, CONTRACT_BONDING_MANAGER, key, "register: %s", fmt_rates(text, &rates));
	bonding_manager_transcoder_call(&tx->data, &(struct u256){ { rates.reward_cut } },
					&(struct u256){ { rates.fee_share } }, &(struct u256){ { rates.price } });
	say_rates(&plan, &s, &rates);
	say_place(&plan, &s, &stake);
	say_duties(&plan, &s);
	rc = cli_send(c, &plan, receipts, err);
	if (rc == 0)
		rc = finish_register(c, &plan, receipts, err);
	for (i = 0; i < plan.n; i++)
		eth_receipt_fini(&receipts[i]);
	cli_plan_fini(&plan);
	return rc;
}

/* ---- transcoder update ---- */

static int must_be_registered(const struct candidate *s, struct err *err)
{
	if (s->info.registered)
		return 0;
	return cli_no(err, "you are no transcoder: `lpnode transcoder register -bond AMOUNT` makes you one");
}

/* In the lock period only a price may go down, to another candidate's. */
static int check_lock(const struct cli *c, const struct candidate *s, const struct rates *r, bool rates_too,
		      struct err *err)
{
	char price[100], addr[43], when[120];

	if (!s->r.locked || rates_too || r->price >= s->info.price || eth_addr_is_zero(&s->cheapest))
		return must_not_be_locked(c, &s->r, 1, "change them", err);
	eth_addr_fmt(addr, &s->cheapest);
	if (s->cheapest_price <= r->price)
		return cli_no(err, "rates are locked until %s; the price may be lowered to another's: add -match %s",
			      round_when(when, &s->r, s->r.round + 1), addr);
	return cli_no(err, "rates are locked: a price may be lowered to another's only, and the lowest is %s's %s",
		      addr, fmt_price(price, s->cheapest_price));
}

/* Fills match, of which lowerPrice is told. */
static int check_match(struct cli *c, const struct candidate *s, const struct rates *r, const struct rate_opts *o,
		       struct eth_addr *match, struct err *err)
{
	struct bonding_manager_get_transcoder_info other;
	struct cli_reads reads = { 0 };
	char price[100], now[100];
	int rc;

	if (o->reward_cut || o->fee_share || !o->price)
		return cli_wrong(err, "-match is for -price alone: leave out -rewardCut and -feeShare");
	if (cli_addr(c, match, o->match, err) < 0) {
		err_wrap(err, "-match");
		return 2;
	}
	if (eth_addr_equal(match, &s->who))
		return cli_no(err, "-match must be another candidate, not yourself");
	if (r->price >= s->info.price)
		return cli_no(err, "-match lowers the price: %s is not below your %s", fmt_price(price, r->price),
			      fmt_price(now, s->info.price));
	bonding_manager_get_transcoder_info_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), match);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && CLI_DECODE(bonding_manager_get_transcoder_info, &other, reads, 0, err) < 0)
		rc = 1;
	cli_reads_fini(&reads);
	if (rc != 0)
		return rc;
	if (!other.value.registered)
		return cli_no(err, "%.42s is no transcoder: its price cannot be matched", o->match);
	if (r->price < other.value.price)
		return cli_no(err, "the price can be lowered to that of %.42s, %s, and no further", o->match,
			      fmt_price(price, other.value.price));
	return 0;
}

static bool is_same(const struct rates *a, const struct rates *b)
{
	return a->reward_cut == b->reward_cut && a->fee_share == b->fee_share && a->price == b->price;
}

static void plan_update(struct cli *c, struct cli_plan *plan, const struct candidate *s, const struct rates *r,
			const struct eth_addr *match)
{
	struct u256 price = u256_of(r->price);
	struct cli_plan_tx *tx;
	char key[120], text[200], when[120];

	snprintf(key, sizeof(key), "transcoder/%llu/%llu/%llu", (ull)r->reward_cut, (ull)r->fee_share, (ull)r->price);
	if (match) {
		tx = cli_plan_add(plan, c, CONTRACT_BONDING_MANAGER, key, "lower the price to %s a unit",
				  fmt_price(text, r->price));
		bonding_manager_lower_price_call(&tx->data, &price, match);
		cli_plan_say(plan, "Your price is %s a unit now.", fmt_price(text, s->info.price));
		cli_plan_say(plan, "From %s on it is %s a unit.", round_when(when, &s->r, s->r.round + 1),
			     fmt_price(text, r->price));
		return;
	}
	tx = cli_plan_add(plan, c, CONTRACT_BONDING_MANAGER, key, "change rates: %s", fmt_rates(text, r));
	bonding_manager_transcoder_call(&tx->data, &(struct u256){ { r->reward_cut } },
					&(struct u256){ { r->fee_share } }, &price);
	if (s->now.from_round != 0)
		cli_plan_say(plan, "In round %llu, unchanged: %s.", (ull)s->r.round,
			     fmt_rates(text, &(struct rates){ s->now.reward_cut, s->now.fee_share, s->now.price }));
	say_rates(plan, s, r);
	cli_plan_say(plan, "Rates can be changed again until block %llu, when they are locked.",
		     (ull)round_lock_begins(&s->r) - 1);
}

static int update(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipt = { 0 };
	const struct rate_opts *o = opts;
	struct cli_plan plan = { 0 };
	struct eth_addr match;
	struct candidate s;
	struct rates rates = { 0 }, was;
	char text[200];
	int rc;

	if (!o->reward_cut && !o->fee_share && !o->price)
		return cli_wrong(err, "say what changes: -rewardCut PERCENT, -feeShare PERCENT, -price AMOUNT");
	rc = parse_rates(&rates, o, err);
	if (rc == 0)
		rc = candidate_read(c, &s, &c->account, err);
	if (rc == 0)
		rc = must_be_registered(&s, err);
	if (rc == 0)
		rc = round_must_be_open(&s.r, err);
	if (rc != 0)
		return rc;
	rates = was = last_set(&s);
	parse_rates(&rates, o, err);
	if (o->match)
		rc = check_match(c, &s, &rates, o, &match, err);
	else if (is_same(&rates, &was))
		rc = cli_no(err, "that is what is set already: %s", fmt_rates(text, &rates));
	else
		rc = check_lock(c, &s, &rates, o->reward_cut || o->fee_share, err);
	if (rc != 0)
		return rc;
	plan_update(c, &plan, &s, &rates, o->match ? &match : NULL);
	rc = cli_send(c, &plan, &receipt, err);
	if (rc == 0)
		tell_rates(c, &receipt);
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

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

	rc = candidate_read(c, &s, &c->account, err);
	if (rc == 0)
		rc = must_be_registered(&s, err);
	if (rc == 0)
		rc = round_must_be_open(&s.r, err);
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
		rc = tell_candidate(c, err);
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
	say_place(&plan, &s, &s.info.stake);
	rc = cli_send(c, &plan, &receipt, err);
	if (rc == 0)
		cli_field(c, "promoted", cli_json_addr(&who), "in the pool", "%s, active from round %llu on", addr,
			  (ull)s.r.round + 1);
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

/* ---- transcoder show ---- */

static int read_uri(struct cli *c, const struct eth_addr *who, char **uri, struct err *err)
{
	struct service_registry_get_service_uri r;
	struct cli_reads reads = { 0 };
	int rc;

	service_registry_get_service_uri_call(cli_read(&reads, c, CONTRACT_SERVICE_REGISTRY), who);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && CLI_DECODE(service_registry_get_service_uri, &r, reads, 0, err) < 0)
		rc = 1;
	cli_reads_fini(&reads);
	*uri = NULL;
	if (rc == 0) {
		*uri = xstrdup(r.value ? r.value : "");
		service_registry_get_service_uri_fini(&r);
	}
	return rc;
}

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
		cli_field(c, NULL, NULL, "this round", "%s", fmt_rates(text, &now));
		json_array_append_new(list, rates_json(&now, s->r.round));
	}
	if (s->next.from_round != 0) {
		cli_field(c, NULL, NULL, "next round", "%s", fmt_rates(text, &next));
		json_array_append_new(list, rates_json(&next, s->r.round + 1));
	}
	if (s->info.later_round > s->r.round + 1) {
		snprintf(label, sizeof(label), "from round %llu", (ull)s->info.later_round);
		cli_field(c, NULL, NULL, label, "%s", fmt_rates(text, &later));
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
	char addr[43], text[100], *uri;
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
		rc = read_uri(c, &who, &uri, err);
	if (rc != 0)
		return rc;
	eth_addr_fmt(addr, &who);
	cli_field(c, "transcoder", cli_json_addr(&who), "transcoder", "%s", addr);
	cli_field(c, "status", json_string(status_words(&s)), "status", "%s", status_words(&s));
	cli_field(c, "registered", json_boolean(s.info.registered), NULL, " ");
	cli_field(c, "inPool", json_boolean(s.info.in_pool), NULL, " ");
	cli_field(c, "active", json_boolean(s.info.active), NULL, " ");
	cli_field(c, "stake", cli_json_amount(&s.info.stake), "stake", "%s", cli_fmt_amount(text, &s.info.stake, UNIT_LPT));
	cli_field(c, "selfStake", cli_json_amount(&s.info.self_stake), "of it own", "%s",
		  cli_fmt_amount(text, &s.info.self_stake, UNIT_LPT));
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
	rc = candidate_read(c, &s, &c->account, err);
	if (rc == 0)
		rc = must_be_registered(&s, err);
	if (rc == 0)
		rc = round_must_be_open(&s.r, err);
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
		log = receipt_event(&receipt, c, CONTRACT_BONDING_MANAGER, bonding_manager_transcoder_availability_topic(), 0);
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

/* ---- service-uri ---- */

static bool is_host(const char *p, size_t len)
{
	size_t i;

	if (len > 2 && p[0] == '[' && p[len - 1] == ']') {
		for (i = 1; i + 1 < len; i++) {
			if (!strchr("0123456789abcdefABCDEF:.", p[i]))
				return false;
		}
		return true;
	}
	for (i = 0; i < len; i++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.", p[i]))
			return false;
	}
	return len > 0 && p[0] != '-' && p[0] != '.';
}

static bool is_port(const char *p, size_t len)
{
	char digits[8];

	if (len == 0 || len > 5 || strspn(p, "0123456789") < len)
		return false;
	memcpy(digits, p, len);
	digits[len] = 0;
	return atoi(digits) > 0 && atoi(digits) < 65536;
}

/* "host:port", or http(s)://host[:port][/path]: printable, no space, no user and password. */
static int check_uri(const char *uri, struct err *err)
{
	bool url = strncmp(uri, "https://", 8) == 0 || strncmp(uri, "http://", 7) == 0;
	const char *p = url ? strstr(uri, "//") + 2 : uri, *colon = NULL;
	size_t len = url ? strcspn(p, "/?#") : strlen(p), i;

	if (strlen(uri) > URI_MAX)
		return cli_wrong(err, "the URI has %zu bytes, at most %d", strlen(uri), URI_MAX);
	for (i = 0; i < len; i++) {
		if (p[i] == ':' && !memchr(p + i, ']', len - i))
			colon = p + i;
	}
	for (i = 0; uri[i]; i++) {
		if (uri[i] <= ' ' || uri[i] > '~')
			return cli_wrong(err, "\"%.60s\" has a space or a letter that no URI has", uri);
	}
	if ((colon || url) && is_host(p, colon ? (size_t)(colon - p) : len) &&
	    (!colon || is_port(colon + 1, len - (size_t)(colon + 1 - p))))
		return 0;
	return cli_wrong(err, "\"%.60s\" is no address of a service: write host:port, or https://host:port", uri);
}

static int set_uri(struct cli *c, const char *uri, struct err *err)
{
	struct eth_receipt receipt = { 0 };
	struct cli_plan plan = { 0 };
	struct round_now r;
	struct cli_plan_tx *tx;
	char *was = NULL, key[80], hex[65];
	struct hash32 hash = hash_keccak256(uri, strlen(uri));
	int rc;

	rc = round_read(c, &r, err);
	if (rc == 0 && r.paused)
		rc = cli_no(err, "the system is paused: only a vote starts it again (lpnode proposals)");
	if (rc == 0)
		rc = read_uri(c, &c->account, &was, err);
	if (rc == 0 && strcmp(was, uri) == 0)
		rc = *uri ? cli_no(err, "your service is told as %.120s already", uri) : cli_no(err, "there is none told");
	if (rc != 0)
		goto out;
	snprintf(hex, sizeof(hex), "%02x%02x%02x%02x", hash.b[0], hash.b[1], hash.b[2], hash.b[3]);
	snprintf(key, sizeof(key), "serviceURI/%s", hex);
	tx = cli_plan_add(&plan, c, CONTRACT_SERVICE_REGISTRY, key, *uri ? "tell your service's address" :
			  "take your service's address back");
	service_registry_set_service_uri_call(&tx->data, uri);
	cli_plan_say(&plan, "Broadcasters and others who look for you %s %s%s%s.", *uri ? "find" : "find nothing", uri,
		     *was ? (*uri ? " instead of " : "instead of ") : "", was);
	rc = cli_send(c, &plan, &receipt, err);
	free(was);
	was = NULL;
	if (rc == 0)
		rc = read_uri(c, &c->account, &was, err);
	if (rc == 0) {
		cli_field(c, "address", cli_json_addr(&c->account), NULL, " ");
		cli_field(c, "serviceURI", json_string(was), "service", "%s", *was ? was : "none is told");
	}
out:
	free(was);
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

static int service_uri(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	char addr[43], *uri;
	int rc;

	if (n_args > 0) {
		rc = *args[0] ? check_uri(args[0], err) : 0;
		if (rc == 0)
			rc = cli_find_account(c, false, err);
		if (rc == 0)
			rc = cli_open_key(c, err);
		if (rc == 0)
			rc = cli_open_store(c, err);
		return rc == 0 ? set_uri(c, args[0], err) : rc;
	}
	rc = cli_find_account(c, true, err);
	if (rc == 0)
		rc = read_uri(c, &c->account, &uri, err);
	if (rc != 0)
		return rc;
	eth_addr_fmt(addr, &c->account);
	cli_field(c, "address", cli_json_addr(&c->account), "account", "%s", addr);
	cli_field(c, "serviceURI", json_string(uri), "service", "%s", *uri ? uri : "none is told");
	free(uri);
	return 0;
}

static const struct cli_command commands[] = {
	{ "transcoder register", "-rewardCut P -feeShare P -price AMOUNT [-bond AMOUNT]",
	  "become a transcoder, with stake of one's own", GROUP, 0, 0, CLI_KEY, register_opts,
	  sizeof(register_opts) / sizeof(register_opts[0]), sizeof(struct rate_opts), register_ },
	{ "transcoder update", "[-rewardCut P] [-feeShare P] [-price AMOUNT]", "change rates", GROUP, 0, 0, CLI_KEY,
	  update_opts, sizeof(update_opts) / sizeof(update_opts[0]), sizeof(struct rate_opts), update },
	{ "transcoder resign", "", "leave from the next round on", GROUP, 0, 0, CLI_KEY, NULL, 0, 0, resign },
	{ "transcoder promote", "[ADDR]", "from the waiting list into the pool, where there is a place", GROUP, 0, 1,
	  CLI_KEY, NULL, 0, 0, promote },
	{ "transcoder show", "[ADDR]", "a transcoder's place, stake, rates, record and next step", GROUP, 0, 1, CLI_CHAIN,
	  NULL, 0, 0, show },
	{ "availability", "on|off", "take new jobs, or none", GROUP, 1, 1, CLI_KEY, NULL, 0, 0, availability },
	{ "reward", "", "call for the round's part of new LPT", GROUP, 0, 0, CLI_KEY, NULL, 0, 0, reward },
	{ "service-uri", "[URI]", "show or tell where your node is reached; \"\" takes it back", GROUP, 0, 1, CLI_CHAIN,
	  NULL, 0, 0, service_uri },
};
const struct cli_commands transcoder_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
