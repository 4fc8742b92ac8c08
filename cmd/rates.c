#include "cmd/rates.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"

typedef unsigned long long ull;

char *rates_fmt_price(char to[100], uint64_t wei)
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

char *rates_fmt(char to[200], const struct rates *r)
{
	char cut[32], share[32], price[100];

	snprintf(to, 200, "rewardCut %s, feeShare %s, %s a unit", cli_fmt_perc(cut, r->reward_cut),
		 cli_fmt_perc(share, r->fee_share), rates_fmt_price(price, r->price));
	return to;
}

json_t *rates_json(const struct rates *r, uint64_t from_round)
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

int rates_parse(struct rates *r, const struct rate_opts *o, struct err *err)
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

struct rates rates_last_set(const struct candidate *s)
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

void rates_say(struct cli_plan *plan, const struct candidate *s, const struct rates *r)
{
	struct rates soon = *r;
	char when[120], text[200];

	if (!is_worse(s, r)) {
		cli_plan_say(plan, "From %s on: %s.", round_when(when, &s->r, s->r.round + 1), rates_fmt(text, r));
		return;
	}
	soon.reward_cut = s->next.reward_cut;
	soon.fee_share = s->next.fee_share;
	cli_plan_say(plan, "From %s on: %s.", round_when(when, &s->r, s->r.round + 1), rates_fmt(text, &soon));
	cli_plan_say(plan, "From %s on: %s:", round_when(when, &s->r, s->r.round + 2), rates_fmt(text, r));
	cli_plan_say(plan, "worse rates for delegators are shown to them for a whole round before they hold.");
}

void rates_tell(struct cli *c, const struct eth_receipt *receipt)
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
		cli_say(c, "From round %llu on: %s.", (ull)from, rates_fmt(text, &r));
		json_array_append_new(list, rates_json(&r, from));
	}
	json_object_set_new(c->out, "rates", list);
}

bool rates_equal(const struct rates *a, const struct rates *b)
{
	return a->reward_cut == b->reward_cut && a->fee_share == b->fee_share && a->price == b->price;
}

int rates_must_not_be_locked(const struct cli *c, const struct round_now *r, size_t n, const char *what,
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
