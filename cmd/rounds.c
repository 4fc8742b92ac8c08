/* lpnode round, initialize-round, seal: the system's clock. */
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hex.h"
#include "bind/bonding_manager.h"
#include "bind/livepeer_token.h"
#include "bind/minter.h"
#include "bind/rounds_manager.h"
#include "cmd/cli_internal.h"
#include "cmd/commands.h"
#include "cmd/round.h"

typedef unsigned long long ull;

#define SECOND_BLOCK_MS 60000	/* at most waited for a round's second block */
#define POLL_MS 500

/* ---- round ---- */

struct money {
	struct u256 supply, bonded, active, next_active, mintable, minted, inflation, share, change, target;
	struct eth_addr drawn;
};

static int read_money(struct cli *c, struct money *m, uint64_t round, struct err *err)
{
	struct bonding_manager_current_round_total_active_stake active;
	struct bonding_manager_next_round_total_active_stake next;
	struct minter_current_mintable_tokens mintable;
	struct bonding_manager_drawn_transcoder drawn;
	struct bonding_manager_get_total_bonded bonded;
	struct minter_current_minted_tokens minted;
	struct livepeer_token_total_supply supply;
	struct minter_target_bonding_rate target;
	struct minter_inflation_change change;
	struct minter_initializer_share share;
	struct u256 number = u256_of(round);
	struct minter_inflation inflation;
	struct cli_reads reads = { 0 };
	int rc;

	livepeer_token_total_supply_call(cli_read(&reads, c, CONTRACT_LIVEPEER_TOKEN));
	bonding_manager_get_total_bonded_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_current_round_total_active_stake_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_next_round_total_active_stake_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_drawn_transcoder_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), &number);
	minter_current_mintable_tokens_call(cli_read(&reads, c, CONTRACT_MINTER));
	minter_current_minted_tokens_call(cli_read(&reads, c, CONTRACT_MINTER));
	minter_inflation_call(cli_read(&reads, c, CONTRACT_MINTER));
	minter_initializer_share_call(cli_read(&reads, c, CONTRACT_MINTER));
	minter_inflation_change_call(cli_read(&reads, c, CONTRACT_MINTER));
	minter_target_bonding_rate_call(cli_read(&reads, c, CONTRACT_MINTER));
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && (CLI_DECODE(livepeer_token_total_supply, &supply, reads, 0, err) < 0 ||
			CLI_DECODE(bonding_manager_get_total_bonded, &bonded, reads, 1, err) < 0 ||
			CLI_DECODE(bonding_manager_current_round_total_active_stake, &active, reads, 2, err) < 0 ||
			CLI_DECODE(bonding_manager_next_round_total_active_stake, &next, reads, 3, err) < 0 ||
			CLI_DECODE(bonding_manager_drawn_transcoder, &drawn, reads, 4, err) < 0 ||
			CLI_DECODE(minter_current_mintable_tokens, &mintable, reads, 5, err) < 0 ||
			CLI_DECODE(minter_current_minted_tokens, &minted, reads, 6, err) < 0 ||
			CLI_DECODE(minter_inflation, &inflation, reads, 7, err) < 0 ||
			CLI_DECODE(minter_initializer_share, &share, reads, 8, err) < 0 ||
			CLI_DECODE(minter_inflation_change, &change, reads, 9, err) < 0 ||
			CLI_DECODE(minter_target_bonding_rate, &target, reads, 10, err) < 0))
		rc = 1;
	cli_reads_fini(&reads);
	if (rc != 0)
		return rc;
	*m = (struct money){ supply.value, bonded.value, active.value, next.value, mintable.value, minted.value,
			     inflation.value, share.value, change.value, target.value, drawn.value };
	return 0;
}

static void field_amount(struct cli *c, const char *name, const struct u256 *v, const char *label)
{
	char text[100];

	cli_field(c, name, cli_json_amount(v), label, "%s", cli_fmt_amount(text, v, UNIT_LPT));
}

static void field_block(struct cli *c, const struct round_now *r, const char *name, const char *label, uint64_t block)
{
	char time[60];

	round_time(time, r, block > r->block ? block - r->block : 0);
	cli_field(c, name, json_integer((json_int_t)block), label, "block %llu%s%s%s", (ull)block,
		  *time ? ", in " : "", time, block <= r->block ? ", passed" : "");
}

static void show_clock(struct cli *c, const struct round_now *r)
{
	uint64_t last = round_last_block(r), left = last >= r->block ? last - r->block : 0;
	char time[60];

	cli_field(c, "round", json_integer((json_int_t)r->round), "round", "%llu", (ull)r->round);
	cli_field(c, "initialized", json_boolean(r->initialized), "initialised", "%s",
		  r->initialized ? "yes" : "no: run `lpnode initialize-round`, stake cannot move until then");
	cli_field(c, "block", json_integer((json_int_t)r->block), "block", "%llu", (ull)r->block);
	cli_field(c, "firstBlock", json_integer((json_int_t)r->start), "first block", "%llu", (ull)r->start);
	field_block(c, r, "lastBlock", "last block", last);
	round_time(time, r, left);
	cli_field(c, "blocksLeft", json_integer((json_int_t)left), "blocks left", "%llu of %llu%s%s", (ull)left,
		  (ull)r->length, *time ? ", " : "", time);
	cli_field(c, "locked", json_boolean(r->locked), "rates locked", "%s", r->locked ? "yes, until its end" : "no");
	field_block(c, r, "lockBegins", "lock begins", round_lock_begins(r));
	cli_field(c, "lastInitializedRound", json_integer((json_int_t)r->last_initialized), "last initialised",
		  "round %llu", (ull)r->last_initialized);
	cli_field(c, "blockMs", r->block_ms ? json_integer((json_int_t)r->block_ms) : json_null(), NULL, " ");
}

static void show_money(struct cli *c, const struct money *m, const struct round_now *r)
{
	char text[100], rest[100], perc[32], addr[43];
	struct u256 million = u256_of(1000000), rate = u256_zero, left;
	uint64_t inflation = 0, bonded = 0;

	u256_to_u64(&inflation, &m->inflation);
	if (!u256_is_zero(&m->supply) && u256_mul_div(&rate, &m->bonded, &million, &m->supply))
		u256_to_u64(&bonded, &rate);
	cli_field(c, "inflation", json_integer((json_int_t)inflation), "inflation", "%s of all LPT a round",
		  cli_fmt_perc(perc, inflation));
	field_amount(c, "totalSupply", &m->supply, "LPT in all");
	cli_field(c, "totalBonded", cli_json_amount(&m->bonded), "bonded", "%s, %s of all",
		  cli_fmt_amount(text, &m->bonded, UNIT_LPT), cli_fmt_perc(perc, bonded));
	field_amount(c, "activeStake", &m->active, r->initialized ? "active stake" : "active stake then");
	field_amount(c, "nextActiveStake", &m->next_active, "next round's");
	field_amount(c, "mintable", &m->mintable, r->initialized ? "mintable" : "mintable then");
	if (!u256_sub(&left, &m->mintable, &m->minted))
		left = u256_zero;
	cli_field(c, "minted", cli_json_amount(&m->minted), "granted", "%s; %s are left for who calls reward",
		  cli_fmt_amount(text, &m->minted, UNIT_LPT), cli_fmt_amount(rest, &left, UNIT_LPT));
	eth_addr_fmt(addr, &m->drawn);
	cli_field(c, "drawn", eth_addr_is_zero(&m->drawn) ? json_null() : cli_json_addr(&m->drawn), "drawn", "%s",
		  eth_addr_is_zero(&m->drawn) ? "nobody from the waiting list" : addr);
}

static int show_round(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct round_now r;
	struct money m;
	int rc;

	rc = round_read(c, &r, err);
	if (rc == 0)
		rc = read_money(c, &m, r.round, err);
	if (rc != 0)
		return rc;
	show_clock(c, &r);
	show_money(c, &m, &r);
	return 0;
}

/* ---- initialize-round ---- */

static int may_initialize(const struct round_now *r, struct err *err)
{
	char next[120];

	if (r->paused)
		return cli_no(err, "the system is paused: no round begins until a vote starts it again");
	if (r->initialized)
		return cli_no(err, "round %llu is initialised already; next is %s", (ull)r->round,
			      round_when(next, r, r->round + 1));
	return 0;
}

/* ---- its second block ---- */

struct pause {
	uv_timer_t timer;
	bool fired, closed;
};

static void on_pause(uv_timer_t *t)
{
	((struct pause *)t->data)->fired = true;
}

static void on_pause_closed(uv_handle_t *h)
{
	((struct pause *)h->data)->closed = true;
}

static void pause_ms(struct cli *c, uint64_t ms)
{
	struct pause p = { 0 };

	uv_timer_init(&c->loop, &p.timer);
	p.timer.data = &p;
	uv_timer_start(&p.timer, on_pause, ms, 0);
	cli_run_until(c, &p.fired);
	uv_close((uv_handle_t *)&p.timer, on_pause_closed);
	cli_run_until(c, &p.closed);
}

/* A round is initialised from its second block on, so that its first one's hash can draw. */
static int wait_second_block(struct cli *c, struct round_now *r, struct err *err)
{
	int64_t until = clock_mono_ms() + (int64_t)(c->o.wait_ms < SECOND_BLOCK_MS ? c->o.wait_ms : SECOND_BLOCK_MS);
	uint64_t round = r->round;
	int rc = 0;

	if (r->block > r->start)
		return 0;
	fprintf(stderr, "round %llu has just begun: waiting for block %llu\n", (ull)round, (ull)r->start + 1);
	while (rc == 0 && r->block <= r->start && clock_mono_ms() < until) {
		pause_ms(c, POLL_MS);
		rc = round_read(c, r, err);
	}
	if (rc != 0 || r->block > r->start)
		return rc != 0 ? rc : may_initialize(r, err);
	return cli_no(err, "round %llu has just begun: try again when block %llu is there", (ull)round, (ull)r->start + 1);
}

/* Minter._moveInflation: up while less than the target is bonded, down while more. */
static struct u256 next_inflation(const struct money *m, const struct u256 *supply)
{
	struct u256 million = u256_of(1000000), rate = u256_zero, next = m->inflation;
	int side;

	u256_mul_div(&rate, &m->bonded, &million, supply);
	side = u256_cmp(&rate, &m->target);
	if (side < 0)
		u256_add(&next, &m->inflation, &m->change);
	else if (side > 0 && !u256_sub(&next, &m->inflation, &m->change))
		next = u256_zero;
	return u256_cmp(&next, &million) > 0 ? million : next;
}

/* What the caller gets, if nothing happens before: Minter.setCurrentRewardTokens. */
static void foretell_pay(struct u256 *pay, const struct money *m)
{
	struct u256 million = u256_of(1000000), left, supply, tokens, inflation;

	*pay = u256_zero;
	if (!u256_sub(&left, &m->mintable, &m->minted) || !u256_sub(&supply, &m->supply, &left))
		return;
	inflation = next_inflation(m, &supply);
	if (u256_mul_div(&tokens, &supply, &inflation, &million))
		u256_mul_div(pay, &tokens, &m->share, &million);
}

static int tell_new_round(struct cli *c, const struct eth_receipt *receipt, struct err *err)
{
	const struct eth_log *log = receipt_event(receipt, c, CONTRACT_ROUNDS_MANAGER, rounds_manager_new_round_topic(), 0);
	struct rounds_manager_new_round_event e;
	struct round_now r;
	struct money m;
	char text[100];
	uint64_t round;
	int rc;

	if (!log || rounds_manager_new_round_event_read(&e, log, err) < 0 || !u256_to_u64(&round, &e.round))
		return cli_strange(err);
	rc = round_read(c, &r, err);
	if (rc == 0)
		rc = read_money(c, &m, round, err);
	if (rc != 0)
		return rc;
	cli_say(c, "Round %llu is initialised.", (ull)round);
	cli_field(c, "round", json_integer((json_int_t)round), NULL, " ");
	field_amount(c, "mintable", &m.mintable, "mintable");
	field_amount(c, "activeStake", &m.active, "active stake");
	cli_field(c, "inflation", json_integer((json_int_t)m.inflation.w[0]), "inflation", "%s a round",
		  cli_fmt_perc(text, m.inflation.w[0]));
	cli_field(c, "drawn", eth_addr_is_zero(&m.drawn) ? json_null() : cli_json_addr(&m.drawn), NULL, " ");
	field_block(c, &r, "lastBlock", "last block", round_last_block(&r));
	return 0;
}

/* Initialising moves LPT to its caller: from the Minter, in the same transaction. */
static void tell_pay(struct cli *c, const struct eth_receipt *receipt)
{
	const struct hash32 *topic = livepeer_token_transfer_topic();
	struct livepeer_token_transfer_event e;
	const struct eth_log *log;
	struct err err;
	size_t i;

	for (i = 0; (log = receipt_event(receipt, c, CONTRACT_LIVEPEER_TOKEN, topic, i)); i++) {
		if (livepeer_token_transfer_event_read(&e, log, &err) == 0 && eth_addr_equal(&e.to, &c->account))
			field_amount(c, "paid", &e.value, "paid to you");
	}
}

static int initialize_round(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipt = { 0 };
	struct cli_plan plan = { 0 };
	struct cli_plan_tx *tx;
	struct round_now r;
	struct money m;
	struct u256 pay;
	char text[100], key[40], time[60];
	int rc;

	rc = round_read(c, &r, err);
	if (rc == 0)
		rc = may_initialize(&r, err);
	if (rc == 0)
		rc = wait_second_block(c, &r, err);
	if (rc == 0)
		rc = read_money(c, &m, r.round, err);
	if (rc != 0)
		return rc;
	snprintf(key, sizeof(key), "initializeRound/%llu", (ull)r.round);
	tx = cli_plan_add(&plan, c, CONTRACT_ROUNDS_MANAGER, key, "initialise round %llu", (ull)r.round);
	rounds_manager_initialize_round_call(&tx->data);
	round_time(time, &r, round_last_block(&r) > r.block ? round_last_block(&r) - r.block : 0);
	cli_plan_say(&plan, "Round %llu begins for all: its active stake is fixed, its LPT are minted, stake may move.",
		     (ull)r.round);
	cli_plan_say(&plan, "It lasts until block %llu%s%s.", (ull)round_last_block(&r), *time ? ", " : "", time);
	foretell_pay(&pay, &m);
	cli_plan_say(&plan, "The Minter pays you %s, the share of who initialises.",
		     cli_fmt_amount(text, &pay, UNIT_LPT));
	rc = cli_send(c, &plan, &receipt, err);
	if (rc == 0)
		rc = tell_new_round(c, &receipt, err);
	if (rc == 0)
		tell_pay(c, &receipt);
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

/* ---- seal ---- */

static bool is_zero_hash(const struct hash32 *h)
{
	struct u256 word = u256_from_be(h->b);

	return u256_is_zero(&word);
}

/* Exit code 3 in words when there is nothing to seal. */
static int may_seal(struct cli *c, uint64_t number, struct err *err)
{
	struct rounds_manager_sealed_hash sealed;
	struct u256 n = u256_of(number);
	struct cli_reads reads = { 0 };
	char hex[65];
	int rc;

	if (number > c->head.number)
		return cli_no(err, "block %llu is not there yet: the newest is %llu", (ull)number, (ull)c->head.number);
	rounds_manager_sealed_hash_call(cli_read(&reads, c, CONTRACT_ROUNDS_MANAGER), &n);
	rounds_manager_block_hash_call(cli_read(&reads, c, CONTRACT_ROUNDS_MANAGER), &n);
	rc = cli_read_all(c, &reads, true, err);
	if (rc == 0 && CLI_DECODE(rounds_manager_sealed_hash, &sealed, reads, 0, err) < 0)
		rc = 1;
	if (rc == 0 && !is_zero_hash(&sealed.value)) {
		hex_fmt(hex, sealed.value.b, 32);
		rc = cli_no(err, "block %llu is sealed already, with 0x%s", (ull)number, hex);
	} else if (rc == 0 && !reads.r[1].result && number != c->head.number) {
		rc = cli_no(err, "the hash of block %llu cannot be had any more: a chain keeps those of the last "
			    "8191 blocks, or of 256", (ull)number);
	}
	cli_reads_fini(&reads);
	return rc;
}

static int tell_sealed(struct cli *c, const struct eth_receipt *receipt, struct err *err)
{
	const struct eth_log *log = receipt_event(receipt, c, CONTRACT_ROUNDS_MANAGER, rounds_manager_sealed_topic(), 0);
	struct rounds_manager_sealed_event e;
	uint64_t number;
	char hex[65];

	/* Somebody else may have been a block faster: then there is no event. */
	if (!log) {
		cli_say(c, "It was sealed already when the transaction was mined.");
		return 0;
	}
	if (rounds_manager_sealed_event_read(&e, log, err) < 0 || !u256_to_u64(&number, &e.block_number))
		return cli_strange(err);
	hex_fmt(hex, e.block_hash.b, 32);
	cli_field(c, "block", json_integer((json_int_t)number), "sealed", "block %llu", (ull)number);
	cli_field(c, "hash", cli_json_hash(&e.block_hash), "hash", "0x%s", hex);
	return 0;
}

static int seal(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipt = { 0 };
	struct cli_plan plan = { 0 };
	struct cli_plan_tx *tx;
	struct u256 n;
	struct err why;
	uint64_t number;
	char key[40];
	int rc;

	if (u256_parse_dec(&n, args[0], &why) < 0 || !u256_to_u64(&number, &n))
		return cli_wrong(err, "BLOCK cannot be \"%.40s\": write a block's number, like %llu", args[0],
				 (ull)c->head.number);
	rc = may_seal(c, number, err);
	if (rc != 0)
		return rc;
	snprintf(key, sizeof(key), "seal/%llu", (ull)number);
	tx = cli_plan_add(&plan, c, CONTRACT_ROUNDS_MANAGER, key, "seal block %llu", (ull)number);
	rounds_manager_seal_call(&tx->data, &n);
	cli_plan_say(&plan, "The hash of block %llu is kept for good: elections and challenges may need it when",
		     (ull)number);
	cli_plan_say(&plan, "the chain itself has forgotten it (256 to 8191 blocks later).");
	rc = cli_send(c, &plan, &receipt, err);
	if (rc == 0)
		rc = tell_sealed(c, &receipt, err);
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

static const struct cli_command commands[] = {
	{ "round", "", "the round: how long it lasts, what it mints, what is bonded", "Protocol", 0, 0, CLI_CHAIN, NULL,
	  0, 0, show_round },
	{ "initialize-round", "", "begin the round for all; its caller gets a share of its LPT", "Protocol", 0, 0,
	  CLI_KEY, NULL, 0, 0, initialize_round },
	{ "seal", "BLOCK", "keep a block's hash for good", "Protocol", 1, 1, CLI_KEY, NULL, 0, 0, seal },
};
const struct cli_commands round_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
