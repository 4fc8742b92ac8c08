/* lpnode transcoders: the table by which a delegator decides. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cmd/commands.h"
#include "cmd/pool.h"
#include "cmd/tell.h"

typedef unsigned long long ull;

struct pool_opts {
	bool all;
	char *sort;
};
static const struct opt pool_opts[] = {
	{ "all", OPT_BOOL, offsetof(struct pool_opts, all), "false", 0, 0, "Table", NULL, "the waiting list too" },
	{ "sort", OPT_STRING, offsetof(struct pool_opts, sort), "stake", 0, 0, "Table", "COLUMN",
	  "stake, yield, cut, fees, price, active, last, jobs, segments, missed, slashes or address; the best first" },
};

/* ---- order ---- */

/* For qsort: what is best for a delegator comes first; of equals the larger stake. */
static int less_first(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int then_rank(int order, const struct pool_row *x, const struct pool_row *y)
{
	return order ? order : less_first(x->rank, y->rank);
}

#define ORDER(name, comparison) \
	static int name(const void *a, const void *b) \
	{ \
		const struct pool_row *x = a, *y = b; \
\
		return then_rank(comparison, x, y); \
	}
ORDER(by_rank, 0)
ORDER(by_yield, x->has_yield != y->has_yield ? (x->has_yield ? -1 : 1) : u256_cmp(&y->yield_round, &x->yield_round))
ORDER(by_cut, less_first(x->info.reward_cut, y->info.reward_cut))
ORDER(by_fees, less_first(y->info.fee_share, x->info.fee_share))
ORDER(by_price, less_first(x->info.price, y->info.price))
ORDER(by_active, less_first(y->info.active, x->info.active))
ORDER(by_last, less_first(y->info.last_reward_round, x->info.last_reward_round))
ORDER(by_jobs, less_first(y->jobs, x->jobs))
/* Segments a job, without dividing: what is compared is 32 bits wide each. */
ORDER(by_segments, less_first(y->segments * (x->jobs ? x->jobs : 1), x->segments * (y->jobs ? y->jobs : 1)))
ORDER(by_missed, less_first(x->info.missed_rewards, y->info.missed_rewards))
ORDER(by_slashes, less_first(x->info.slashes, y->info.slashes))
ORDER(by_address, memcmp(x->info.transcoder.b, y->info.transcoder.b, sizeof(x->info.transcoder.b)))

static const struct order {
	const char *name;
	int (*compare)(const void *a, const void *b);
} orders[] = {
	{ "stake", by_rank }, { "yield", by_yield }, { "cut", by_cut }, { "fees", by_fees }, { "price", by_price },
	{ "active", by_active }, { "last", by_last }, { "jobs", by_jobs }, { "segments", by_segments },
	{ "missed", by_missed }, { "slashes", by_slashes }, { "address", by_address },
};
#define N_ORDERS (sizeof(orders) / sizeof(orders[0]))

static const struct order *find_order(const char *name)
{
	size_t i;

	for (i = 0; i < N_ORDERS; i++) {
		if (strcmp(orders[i].name, name) == 0)
			return &orders[i];
	}
	return NULL;
}

/* ---- cells ---- */

/* "1234.5": LPT without their name, cut to what a table needs; never 0 for what is not. */
static char *fmt_lpt(char to[100], const struct u256 *wei)
{
	char *space, *point;

	cli_fmt_amount(to, wei, UNIT_LPT);
	space = strchr(to, ' ');
	if (space)
		*space = '\0';
	point = strchr(to, '.');
	if (point && strlen(point) > 3 && *to != '<' && *to != '0')
		point[3] = '\0';
	return to;
}

/* Cut to what a table needs, where rates_fmt_price is exact. */
static char *fmt_price(char to[100], uint64_t wei)
{
	struct u256 v = u256_of(wei);

	if (wei == 0)
		snprintf(to, 100, "free");
	else if (wei < 1000000)
		snprintf(to, 100, "%" PRIu64 " wei", wei);
	else
		cli_fmt_gwei(to, &v);
	return to;
}

/* Parts of a million as percent; of much nobody needs the fraction. */
static char *fmt_yield(char to[U256_DEC_MAX + 8], const struct u256 *ppm)
{
	char n[U256_DEC_MAX + 3], *point;
	size_t keep;

	u256_fmt_fixed(n, ppm, 4);
	point = strchr(n, '.');
	keep = strlen(n) > 6 ? 0 : 3;
	if (point && strlen(point) > keep)
		point[keep] = '\0';
	snprintf(to, U256_DEC_MAX + 8, "%s%s%%", strcmp(n, "0") == 0 && !u256_is_zero(ppm) ? "<" : "",
		 strcmp(n, "0") == 0 && !u256_is_zero(ppm) ? "0.01" : n);
	return to;
}

static void number_cell(struct cli_table *t, bool known, uint64_t n)
{
	if (known)
		cli_cell(t, json_integer((json_int_t)n), "%llu", (ull)n);
	else
		cli_cell(t, json_null(), "?");
}

static const struct cli_column cols[] = {
	{ "rank", "rank", true }, { "address", "address", false }, { "stake", "stake", true }, { "rewardCut", "cut", true },
	{ "feeShare", "fees", true }, { "price", "price", true }, { "active", "active", false },
	{ "lastRewardRound", "last", true }, { "jobs", "jobs", true }, { "segmentsPerJob", "seg/job", true },
	{ "missedRewards", "missed", true }, { "slashes", "slashes", true }, { "yieldPerYear", "yield/year", true },
	{ "serviceURI", "service", false },
	/* For programs only. */
	{ "yieldPerRound", NULL, true }, { "segments", NULL, true }, { "selfStake", NULL, true }, { "inPool", NULL, false },
	{ "available", NULL, false }, { "activeSince", NULL, true }, { "work", NULL, true }, { "laterRound", NULL, true },
	{ "laterRewardCut", NULL, true }, { "laterFeeShare", NULL, true },
};

/* "next": from the next round on; "last": in this one and not after, unless drawn again. */
static const char *activity(const struct bonding_manager_transcoder_info *t)
{
	if (t->active)
		return t->in_pool ? "yes" : "last";
	return t->in_pool ? "next" : "waits";
}

static void hidden_cells(struct cli_table *t, const struct pool *p, const struct pool_row *row)
{
	const struct bonding_manager_transcoder_info *i = &row->info;
	bool later = i->later_round != 0;

	cli_cell(t, row->has_yield ? cli_json_amount(&row->yield_round) : json_null(), " ");
	cli_cell(t, p->has_claims ? json_integer((json_int_t)row->segments) : json_null(), " ");
	cli_cell(t, cli_json_amount(&i->self_stake), " ");
	cli_cell(t, json_boolean(i->in_pool), " ");
	cli_cell(t, json_boolean(i->available), " ");
	cli_cell(t, json_integer((json_int_t)i->active_since), " ");
	cli_cell(t, cli_json_amount(&i->work), " ");
	cli_cell(t, later ? json_integer((json_int_t)i->later_round) : json_null(), " ");
	cli_cell(t, later ? json_integer((json_int_t)i->later_reward_cut) : json_null(), " ");
	cli_cell(t, later ? json_integer((json_int_t)i->later_fee_share) : json_null(), " ");
}

static void add_row(struct cli_table *t, const struct pool *p, const struct pool_row *row)
{
	const struct bonding_manager_transcoder_info *i = &row->info;
	char a[100], addr[43], cut[32], yield[U256_DEC_MAX + 8];
	struct u256 price = u256_of(i->price);

	eth_addr_fmt(addr, &i->transcoder);
	number_cell(t, true, row->rank);
	cli_cell(t, cli_json_addr(&i->transcoder), "%s", addr);
	cli_cell(t, cli_json_amount(&i->stake), "%s", fmt_lpt(a, &i->stake));
	cli_cell(t, json_integer((json_int_t)i->reward_cut), "%s%s", cli_fmt_perc(cut, i->reward_cut), i->later_round ? "*" : "");
	cli_cell(t, json_integer((json_int_t)i->fee_share), "%s%s", cli_fmt_perc(cut, i->fee_share), i->later_round ? "*" : "");
	cli_cell(t, cli_json_amount(&price), "%s", fmt_price(a, i->price));
	cli_cell(t, json_boolean(i->active), "%s", activity(i));
	if (i->last_reward_round)
		number_cell(t, true, i->last_reward_round);
	else
		cli_cell(t, json_integer(0), "-");
	number_cell(t, p->has_claims, row->jobs);
	number_cell(t, p->has_claims, row->jobs ? row->segments / row->jobs : 0);
	number_cell(t, true, i->missed_rewards);
	number_cell(t, true, i->slashes);
	cli_cell(t, row->has_yield ? cli_json_amount(&row->yield_year) : json_null(), "%s",
		 row->has_yield ? fmt_yield(yield, &row->yield_year) : "?");
	cli_cell(t, p->has_uris ? json_string(row->uri) : json_null(), "%s",
		 !p->has_uris ? "?" : *row->uri ? row->uri : "-");
	hidden_cells(t, p, row);
}

/* ---- what stands around it ---- */

static void say_yield(struct cli *c, const struct pool *p)
{
	char perc[32];

	if (p->rounds_a_year_milli == 0) {
		cli_say(c, "yield: not known, as the chain does not tell how long a block takes.");
		return;
	}
	cli_say(c, "yield: of stake that is bonded now, in new LPT: %s of all LPT a round, by the next round's active stake,",
		cli_fmt_perc(perc, p->inflation));
	cli_say(c, "less the cut; %llu rounds a year at %llu.%llu s a block, not compounded, if no reward is missed; without fees.",
		(ull)p->rounds_a_year_milli / 1000, (ull)p->r.block_ms / 1000, (ull)p->r.block_ms % 1000 / 100);
}

static void say_notes(struct cli *c, const struct pool *p, bool all, size_t shown)
{
	bool later = false;
	size_t i;

	for (i = 0; i < p->n; i++)
		later = later || p->rows[i].info.later_round;
	cli_say(c, "\nround %llu; %llu of %llu places in the pool are taken, %llu wait%s.  Stake in LPT; last: round of the last reward.",
		(ull)p->r.round, (ull)p->size, (ull)p->max, (ull)(p->total - p->size),
		p->total > p->size && !all ? " (--all)" : "");
	if (shown)
		say_yield(c, p);
	if (later)
		cli_say(c, "*: worse rates have been announced: lpnode transcoder show ADDRESS");
	if (!p->has_claims)
		cli_say(c, "jobs and segments are not known: the endpoint gives no logs of so long ago.");
	if (!p->has_uris)
		cli_say(c, "services are not known: the endpoint gives no logs of so long ago (lpnode service-uri).");
	if (p->n < p->total)
		cli_say(c, "%llu more are not shown.", (ull)(p->total - p->n));
}

static void json_of(struct cli *c, const struct pool *p)
{
	json_field(c, "round", json_integer((json_int_t)p->r.round));
	json_field(c, "poolSize", json_integer((json_int_t)p->size));
	json_field(c, "poolMax", json_integer((json_int_t)p->max));
	json_field(c, "waiting", json_integer((json_int_t)(p->total - p->size)));
	json_field(c, "nextActiveStake", cli_json_amount(&p->next_stake));
	json_field(c, "nextTokens", cli_json_amount(&p->next_tokens));
	json_field(c, "inflation", json_integer((json_int_t)p->inflation));
	json_field(c, "blockMs", p->r.block_ms ? json_integer((json_int_t)p->r.block_ms) : json_null());
	json_field(c, "roundsPerYear", p->rounds_a_year_milli ?
		   json_integer((json_int_t)(p->rounds_a_year_milli / 1000)) : json_null());
	json_field(c, "claimsKnown", json_boolean(p->has_claims));
	json_field(c, "servicesKnown", json_boolean(p->has_uris));
}

static int transcoders(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct pool_opts *o = opts;
	const struct order *order = find_order(o->sort);
	struct cli_table *t;
	struct pool p;
	size_t i, shown = 0;
	int rc;

	if (!order)
		return cli_wrong(err, "--sort cannot be \"%.20s\": write stake, yield, cut, fees, price, active, last, jobs, "
				 "segments, missed, slashes or address", o->sort);
	rc = pool_read(c, &p, err);
	if (rc == 0) {
		if (p.n)
			qsort(p.rows, p.n, sizeof(*p.rows), order->compare);
		json_of(c, &p);
		t = cli_table_new(cols, sizeof(cols) / sizeof(cols[0]));
		for (i = 0; i < p.n; i++) {
			if (!o->all && !p.rows[i].info.in_pool && !p.rows[i].info.active)
				continue;
			add_row(t, &p, &p.rows[i]);
			shown++;
		}
		cli_table_end(c, t, "transcoders");
		say_notes(c, &p, o->all, shown);
	}
	pool_fini(&p);
	return rc;
}

static const struct cli_command commands[] = {
	{ "transcoders", "[--all] [--sort COLUMN]", "to whom one can bond: stake, rates, record, expected yield", "Delegators",
	  0, 0, CLI_CHAIN, pool_opts, sizeof(pool_opts) / sizeof(pool_opts[0]), sizeof(struct pool_opts), transcoders },
};
const struct cli_commands pool_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
