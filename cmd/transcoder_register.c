/* lpnode transcoder register, transcoder update: stake and rates. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "bind/livepeer_token.h"
#include "cmd/commands.h"
#include "cmd/rates.h"

typedef unsigned long long ull;

#define GROUP "Transcoders"

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

static void key_of(char to[120], const struct rates *r)
{
	snprintf(to, 120, "transcoder/%llu/%llu/%llu", (ull)r->reward_cut, (ull)r->fee_share, (ull)r->price);
}

static void plan_rates(struct cli *c, struct cli_plan *plan, const struct rates *r, const char *verb)
{
	struct u256 cut = u256_of(r->reward_cut), share = u256_of(r->fee_share), price = u256_of(r->price);
	struct cli_plan_tx *tx;
	char key[120], text[200];

	key_of(key, r);
	tx = cli_plan_add(plan, c, CONTRACT_BONDING_MANAGER, key, "%s: %s", verb, rates_fmt(text, r));
	bonding_manager_transcoder_call(&tx->data, &cut, &share, &price);
}

/* ---- transcoder register ---- */

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

static int finish_register(struct cli *c, const struct cli_plan *plan, const struct eth_receipt *receipts,
			   struct err *err)
{
	const struct eth_receipt *last = &receipts[plan->n - 1];
	char addr[43];

	eth_addr_fmt(addr, &c->account);
	cli_field(c, "transcoder", cli_json_addr(&c->account), "registered", "%s", addr);
	rates_tell(c, last);
	if (!tell_activation(c, last))
		cli_field(c, "activeFrom", json_null(), "active", "when drawn: on the waiting list");
	return candidate_tell(c, err);
}

static int register_(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX] = { 0 };
	const struct rate_opts *o = opts;
	struct u256 bond = u256_zero, stake;
	struct cli_plan plan = { 0 };
	struct rates rates = { 0 };
	struct candidate s;
	char addr[43];
	size_t i;
	int rc;

	if (!o->reward_cut || !o->fee_share || !o->price)
		return cli_wrong(err, "-%s is missing: give -rewardCut 10%% -feeShare 50%% -price \"20 gwei\", as you will",
				 !o->reward_cut ? "rewardCut" : !o->fee_share ? "feeShare" : "price");
	rc = rates_parse(&rates, o, err);
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
		rc = rates_must_not_be_locked(c, &s.r, u256_is_zero(&bond) ? 1 : u256_cmp(&s.allowance, &bond) < 0 ? 3 : 2,
					"register", err);
	if (rc != 0)
		return rc;
	eth_addr_fmt(addr, &s.who);
	cli_plan_say(&plan, "%s becomes a transcoder.", addr);
	plan_bond(c, &plan, &s, &bond);
	plan_rates(c, &plan, &rates, "register");
	rates_say(&plan, &s, &rates);
	candidate_say_place(&plan, &s, &stake);
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

/* In the lock period only a price may go down, to another candidate's. */
static int check_lock(const struct cli *c, const struct candidate *s, const struct rates *r, bool rates_too,
		      struct err *err)
{
	char price[100], addr[43], when[120];

	if (!s->r.locked || rates_too || r->price >= s->info.price || eth_addr_is_zero(&s->cheapest))
		return rates_must_not_be_locked(c, &s->r, 1, "change them", err);
	eth_addr_fmt(addr, &s->cheapest);
	if (s->cheapest_price <= r->price)
		return cli_no(err, "rates are locked until %s; the price may be lowered to another's: add -match %s",
			      round_when(when, &s->r, s->r.round + 1), addr);
	return cli_no(err, "rates are locked: a price may be lowered to another's only, and the lowest is %s's %s",
		      addr, rates_fmt_price(price, s->cheapest_price));
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
		return cli_no(err, "-match lowers the price: %s is not below your %s", rates_fmt_price(price, r->price),
			      rates_fmt_price(now, s->info.price));
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
			      rates_fmt_price(price, other.value.price));
	return 0;
}

static void plan_update(struct cli *c, struct cli_plan *plan, const struct candidate *s, const struct rates *r,
			const struct eth_addr *match)
{
	struct u256 price = u256_of(r->price);
	struct cli_plan_tx *tx;
	char key[120], text[200], when[120];

	if (match) {
		key_of(key, r);
		tx = cli_plan_add(plan, c, CONTRACT_BONDING_MANAGER, key, "lower the price to %s a unit",
				  rates_fmt_price(text, r->price));
		bonding_manager_lower_price_call(&tx->data, &price, match);
		cli_plan_say(plan, "Your price is %s a unit now.", rates_fmt_price(text, s->info.price));
		cli_plan_say(plan, "From %s on it is %s a unit.", round_when(when, &s->r, s->r.round + 1),
			     rates_fmt_price(text, r->price));
		return;
	}
	plan_rates(c, plan, r, "change rates");
	if (s->now.from_round != 0)
		cli_plan_say(plan, "In round %llu, unchanged: %s.", (ull)s->r.round,
			     rates_fmt(text, &(struct rates){ s->now.reward_cut, s->now.fee_share, s->now.price }));
	rates_say(plan, s, r);
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
	rc = rates_parse(&rates, o, err);
	if (rc == 0)
		rc = candidate_read_own(c, &s, err);
	if (rc != 0)
		return rc;
	rates = was = rates_last_set(&s);
	rates_parse(&rates, o, err);
	if (o->match)
		rc = check_match(c, &s, &rates, o, &match, err);
	else if (rates_equal(&rates, &was))
		rc = cli_no(err, "that is what is set already: %s", rates_fmt(text, &rates));
	else
		rc = check_lock(c, &s, &rates, o->reward_cut || o->fee_share, err);
	if (rc != 0)
		return rc;
	plan_update(c, &plan, &s, &rates, o->match ? &match : NULL);
	rc = cli_send(c, &plan, &receipt, err);
	if (rc == 0)
		rates_tell(c, &receipt);
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

static const struct cli_command commands[] = {
	{ "transcoder register", "-rewardCut P -feeShare P -price AMOUNT [-bond AMOUNT]",
	  "become a transcoder, with stake of one's own", GROUP, 0, 0, CLI_KEY, register_opts,
	  sizeof(register_opts) / sizeof(register_opts[0]), sizeof(struct rate_opts), register_ },
	{ "transcoder update", "[-rewardCut P] [-feeShare P] [-price AMOUNT]", "change rates", GROUP, 0, 0, CLI_KEY,
	  update_opts, sizeof(update_opts) / sizeof(update_opts[0]), sizeof(struct rate_opts), update },
};
const struct cli_commands register_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
