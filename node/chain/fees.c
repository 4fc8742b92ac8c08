/*
 * An offer is either at the ceiling or can be raised: one that would come to lie within the
 * last ninth below the ceiling, from where the next eighth would pass it, goes to the
 * ceiling at once.  With EIP-1559 that costs nothing: what is paid is the base fee and the
 * tip, whatever the maximum.
 */
#include "node/chain/fees.h"

#include "base/err.h"

static struct u256 larger(const struct u256 *a, const struct u256 *b)
{
	return u256_cmp(a, b) >= 0 ? *a : *b;
}

static struct u256 smaller(const struct u256 *a, const struct u256 *b)
{
	return u256_cmp(a, b) <= 0 ? *a : *b;
}

/* a + b, or max when that would be more. */
static struct u256 sum_up_to(const struct u256 *a, const struct u256 *b, const struct u256 *max)
{
	struct u256 sum;

	return u256_add(&sum, a, b) ? smaller(&sum, max) : *max;
}

/* An eighth more, rounded up, and at least 1: nodes want both prices to rise.  False when
 * there is no such number. */
static bool raised(struct u256 *to, const struct u256 *v)
{
	const struct u256 eight = u256_of(8), seven = u256_of(7);
	struct u256 part, up, one = u256_of(1);

	if (!u256_add(&up, v, &seven) || !u256_div(&part, NULL, &up, &eight))
		return false;
	part = larger(&part, &one);
	return u256_add(to, v, &part);
}

/* To the ceiling when it could not be raised below it. */
static struct u256 snapped(const struct u256 *v, const struct u256 *ceiling)
{
	struct u256 next;

	return raised(&next, v) && u256_cmp(&next, ceiling) <= 0 ? *v : *ceiling;
}

static int too_dear(const char *what, const struct u256 *wei, const struct u256 *ceiling, struct err *err)
{
	char asked[U256_DEC_MAX + 3], max[U256_DEC_MAX + 3];

	u256_fmt_fixed(asked, wei, 9);
	u256_fmt_fixed(max, ceiling, 9);
	return err_set(err, ERR_LIMIT, "%s %.80s gwei, -maxGasPrice is %.80s gwei", what, asked, max);
}

/* Both prices are the same one: an eighth above what is asked, since it may ask more in the
 * block that takes it. */
static int first_legacy(struct fee_offer *o, const struct fee_policy *p, const struct fee_market *m,
			struct err *err)
{
	struct u256 asked = larger(&m->tip, &p->tip), price;

	if (u256_cmp(&asked, &p->ceiling) > 0)
		return too_dear("the network asks", &asked, &p->ceiling, err);
	price = raised(&price, &asked) ? smaller(&price, &p->ceiling) : p->ceiling;
	o->max_fee = o->max_tip = snapped(&price, &p->ceiling);
	return 0;
}

int fee_first(struct fee_offer *o, const struct fee_policy *p, const struct fee_market *m,
	      struct err *err)
{
	struct u256 tip = larger(&m->tip, &p->tip), fee;

	if (m->legacy)
		return first_legacy(o, p, m, err);
	if (u256_cmp(&m->base_fee, &p->ceiling) > 0)
		return too_dear("the network asks", &m->base_fee, &p->ceiling, err);
	fee = sum_up_to(&m->base_fee, &m->base_fee, &p->ceiling);
	fee = sum_up_to(&fee, &tip, &p->ceiling);
	o->max_fee = snapped(&fee, &p->ceiling);
	o->max_tip = smaller(&tip, &o->max_fee);
	return 0;
}

int fee_bump(struct fee_offer *next, const struct fee_offer *last, const struct fee_policy *p,
	     const struct fee_market *m, struct err *err)
{
	struct fee_offer now;
	struct u256 fee, tip;

	if (fee_first(&now, p, m, err) < 0)
		return -1;
	if (!raised(&fee, &last->max_fee) || !raised(&tip, &last->max_tip))
		return err_set(err, ERR_LIMIT, "the last offer cannot be raised");
	if (u256_cmp(&fee, &p->ceiling) > 0)
		return too_dear("a replacement needs", &fee, &p->ceiling, err);
	fee = larger(&fee, &now.max_fee);
	tip = larger(&tip, &now.max_tip);
	next->max_fee = snapped(&fee, &p->ceiling);
	next->max_tip = smaller(&tip, &next->max_fee);
	return 0;
}

/* The tip counts as asked, up to what the maximum leaves for it. */
bool fee_covers(const struct fee_offer *o, const struct fee_market *m)
{
	struct u256 need;

	if (m->legacy)
		return u256_cmp(&o->max_fee, &m->tip) >= 0;
	return u256_add(&need, &m->base_fee, &m->tip) && u256_cmp(&o->max_fee, &need) >= 0 &&
	       u256_cmp(&o->max_tip, &m->tip) >= 0;
}
