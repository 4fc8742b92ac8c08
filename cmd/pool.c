#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/jobs_manager.h"
#include "bind/livepeer_token.h"
#include "bind/minter.h"
#include "bind/service_registry.h"
#include "cmd/pool.h"

#define PAGE 100	/* rows of a call: what a call may cost is limited */
#define PAGES 10	/* of the first batch */
#define ROWS_MAX 20000
#define YEAR_MS 31557600000ull

enum {
	READ_ROUND, READ_SIZE = ROUND_READS, READ_MAX, READ_NEXT, READ_INFLATION, READ_SHARE, READ_MINTABLE, READ_MINTED,
	READ_SUPPLY, READ_PAGES, N_READS = READ_PAGES + PAGES,
};
enum { ASK_PACE, ASK_CLAIMS, ASK_URIS, N_ASK };

/* ---- asking ---- */

static void ask_page(struct cli *c, struct cli_reads *reads, uint64_t from)
{
	struct u256 offset = u256_of(from), limit = u256_of(PAGE);

	bonding_manager_get_transcoders_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER), &offset, &limit);
}

static void ask(struct cli *c, struct cli_reads *reads)
{
	uint64_t i;

	round_ask(c, reads);
	bonding_manager_get_transcoder_pool_size_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_get_transcoder_pool_max_size_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_next_round_total_active_stake_call(cli_read(reads, c, CONTRACT_BONDING_MANAGER));
	minter_inflation_call(cli_read(reads, c, CONTRACT_MINTER));
	minter_initializer_share_call(cli_read(reads, c, CONTRACT_MINTER));
	minter_current_mintable_tokens_call(cli_read(reads, c, CONTRACT_MINTER));
	minter_current_minted_tokens_call(cli_read(reads, c, CONTRACT_MINTER));
	livepeer_token_total_supply_call(cli_read(reads, c, CONTRACT_LIVEPEER_TOKEN));
	for (i = 0; i < PAGES; i++)
		ask_page(c, reads, i * PAGE);
}

/* All logs of a contract with that first topic.  Owned. */
static char *logs_params(const struct cli *c, enum chain_contract contract, const struct hash32 *topic)
{
	json_t *hash = cli_json_hash(topic);
	char addr[43], *params;

	eth_addr_fmt(addr, &c->pin.contracts[contract]);
	params = xasprintf("[{\"address\":\"%s\",\"fromBlock\":\"0x0\",\"toBlock\":\"0x%" PRIx64 "\",\"topics\":[\"%s\"]}]",
			   addr, c->head.number, json_string_value(hash));
	json_decref(hash);
	return params;
}

/* ---- numbers ---- */

/* What every view of one number has in common: a word. */
static struct u256 word_of(const struct cli_reads *reads, size_t i, bool *failed)
{
	if (reads->r[i].result && reads->r[i].n == 32)
		return u256_from_be(reads->r[i].result);
	*failed = true;
	return u256_zero;
}

static uint64_t number_of(const struct cli_reads *reads, size_t i, bool *failed)
{
	struct u256 v = word_of(reads, i, failed);
	uint64_t n = 0;

	if (!u256_to_u64(&n, &v) || n > UINT32_MAX)
		*failed = true;
	return n;
}

static bool part(struct u256 *to, const struct u256 *of, uint64_t perc)
{
	struct u256 p = u256_of(perc), million = u256_of(1000000);

	return u256_mul_div(to, of, &p, &million);
}

/* The supply's part, less what its initialiser gets: Minter.setCurrentRewardTokens. */
static bool expect_tokens(struct pool *p, uint64_t share, const struct u256 *mintable, const struct u256 *minted)
{
	struct u256 left, supply, tokens, pay;

	return u256_sub(&left, mintable, minted) && u256_sub(&supply, &p->supply, &left) &&
	       part(&tokens, &supply, p->inflation) && part(&pay, &tokens, share) && u256_sub(&p->next_tokens, &tokens, &pay);
}

static int take_numbers(struct pool *p, const struct cli_reads *reads, struct err *err)
{
	struct u256 mintable, minted;
	bool failed = false;
	uint64_t share;

	p->size = number_of(reads, READ_SIZE, &failed);
	p->max = number_of(reads, READ_MAX, &failed);
	p->next_stake = word_of(reads, READ_NEXT, &failed);
	p->inflation = number_of(reads, READ_INFLATION, &failed);
	share = number_of(reads, READ_SHARE, &failed);
	mintable = word_of(reads, READ_MINTABLE, &failed);
	minted = word_of(reads, READ_MINTED, &failed);
	p->supply = word_of(reads, READ_SUPPLY, &failed);
	if (failed || !expect_tokens(p, share, &mintable, &minted))
		return err_set(err, ERR_INVALID, "the contracts' numbers do not fit one another");
	return 0;
}

/* ---- rows ---- */

static int take_page(struct pool *p, const struct cli_reads *reads, size_t i, struct err *err)
{
	struct bonding_manager_get_transcoders page;
	size_t k;

	if (CLI_DECODE(bonding_manager_get_transcoders, &page, *reads, i, err) < 0)
		return -1;
	if (!u256_to_u64(&p->total, &page.total) || page.n_rows > PAGE) {
		bonding_manager_get_transcoders_fini(&page);
		return err_set(err, ERR_INVALID, "BondingManager: the list of transcoders is absurdly large");
	}
	p->rows = xrealloc(p->rows, (p->n + page.n_rows + 1) * sizeof(*p->rows));
	for (k = 0; k < page.n_rows; k++)
		p->rows[p->n++] = (struct pool_row){ .info = page.rows[k] };
	bonding_manager_get_transcoders_fini(&page);
	return 0;
}

/* Those that the first batch had no room for. */
static int read_more(struct cli *c, struct pool *p, struct err *err)
{
	struct cli_reads reads = { 0 };
	uint64_t at = PAGE * PAGES, end = p->total < ROWS_MAX ? p->total : ROWS_MAX;
	size_t i;
	int rc;

	if (at >= end)
		return 0;
	for (; at < end; at += PAGE)
		ask_page(c, &reads, at);
	rc = cli_read_all(c, &reads, false, err);
	for (i = 0; i < reads.n && rc == 0; i++)
		rc = take_page(p, &reads, i, err) < 0 ? 1 : 0;
	cli_reads_fini(&reads);
	return rc;
}

static int by_address(const void *a, const void *b)
{
	const struct pool_row *x = a, *y = b;

	return memcmp(x->info.transcoder.b, y->info.transcoder.b, sizeof(x->info.transcoder.b));
}

static int by_stake(const void *a, const void *b)
{
	const struct pool_row *x = a, *y = b;
	int order = u256_cmp(&y->info.stake, &x->info.stake);

	return order ? order : by_address(a, b);
}

/* A block that came between two pages may have moved one. */
static void drop_twins(struct pool *p)
{
	size_t i, n = 0;

	if (p->n == 0)
		return;
	qsort(p->rows, p->n, sizeof(*p->rows), by_address);
	for (i = 0; i < p->n; i++) {
		if (n == 0 || by_address(&p->rows[n - 1], &p->rows[i]) != 0)
			p->rows[n++] = p->rows[i];
	}
	p->n = n;
}

static void give_ranks(struct pool *p)
{
	size_t i;

	if (p->n == 0)
		return;
	qsort(p->rows, p->n, sizeof(*p->rows), by_stake);
	for (i = 0; i < p->n; i++)
		p->rows[i].rank = i + 1;
}

/* Of rows that are sorted by address. */
static struct pool_row *row_of(struct pool *p, const struct eth_addr *who)
{
	struct pool_row key = { .info.transcoder = *who };

	return p->n ? bsearch(&key, p->rows, p->n, sizeof(key), by_address) : NULL;
}

/* ---- logs ---- */

struct job_of {
	struct pool_row *row;
	struct u256 job;
};

static int by_row_and_job(const void *a, const void *b)
{
	const struct job_of *x = a, *y = b;

	return x->row != y->row ? (x->row > y->row) - (x->row < y->row) : u256_cmp(&x->job, &y->job);
}

static void count_jobs(struct job_of *jobs, size_t n)
{
	size_t i;

	if (n == 0)
		return;
	qsort(jobs, n, sizeof(*jobs), by_row_and_job);
	for (i = 0; i < n; i++) {
		if (i == 0 || by_row_and_job(&jobs[i - 1], &jobs[i]) != 0)
			jobs[i].row->jobs++;
	}
}

static int count_claims(struct pool *p, const struct eth_logs *logs)
{
	struct job_of *jobs = xcalloc(logs->n + 1, sizeof(*jobs));
	struct jobs_manager_new_claim_event e;
	struct pool_row *row;
	uint64_t segments;
	struct err err;
	size_t i, n = 0;
	int rc = 0;

	for (i = 0; i < logs->n && rc == 0; i++) {
		rc = jobs_manager_new_claim_event_read(&e, &logs->l[i], &err);
		if (rc < 0)
			break;
		row = row_of(p, &e.transcoder);
		if (row && u256_to_u64(&segments, &e.segments) && segments < UINT32_MAX) {
			row->segments += segments;
			jobs[n++] = (struct job_of){ row, e.job_id };
		}
		jobs_manager_new_claim_event_fini(&e);
	}
	if (rc == 0)
		count_jobs(jobs, n);
	free(jobs);
	return rc;
}

/* The last one counts. */
static int take_uris(struct pool *p, const struct eth_logs *logs)
{
	struct service_registry_service_uri_update_event e;
	struct pool_row *row;
	struct err err;
	size_t i;

	for (i = 0; i < logs->n; i++) {
		if (service_registry_service_uri_update_event_read(&e, &logs->l[i], &err) < 0)
			return -1;
		row = row_of(p, &e.addr);
		if (row) {
			free(row->uri);
			row->uri = xstrdup(e.service_uri);
		}
		service_registry_service_uri_update_event_fini(&e);
	}
	for (i = 0; i < p->n; i++) {
		if (!p->rows[i].uri)
			p->rows[i].uri = xstrdup("");
	}
	return 0;
}

/* An endpoint need not give logs of all time: then false. */
static bool take_logs(struct pool *p, const struct rpc_reply *r, int (*take)(struct pool *, const struct eth_logs *))
{
	struct eth_logs logs = { 0 };
	struct err err;
	bool there = r->result && rpc_logs(&logs, r->result, &err) == 0 && take(p, &logs) == 0;

	eth_logs_fini(&logs);
	return there;
}

/* ---- yield ---- */

/*
 * Of a token bonded to it, from the next round on.  A transcoder gets the round's tokens in
 * proportion to its stake, and gives on what it does not keep by stake again: so a token's part is
 * next_tokens x (1 - rewardCut) / next_stake, whatever the transcoder's stake is.  On the waiting
 * list one of all is drawn a round.
 */
static void expect_yield(const struct pool *p, struct pool_row *row)
{
	uint64_t rest = row->info.reward_cut <= 1000000 ? 1000000 - row->info.reward_cut : 0, waiting = p->total - p->size;
	struct u256 million = u256_of(1000000), thousand = u256_of(1000), total = p->next_stake, v, parts, of, rounds;

	if (!row->info.in_pool && (waiting == 0 || !u256_add(&total, &total, &row->info.stake)))
		return;
	of = u256_of(row->info.in_pool ? 1 : waiting);
	parts = u256_of(rest);
	if (!u256_mul(&v, &p->next_tokens, &parts) || !u256_mul(&total, &total, &of) ||
	    !u256_mul_div(&row->yield_round, &v, &million, &total))
		return;
	rounds = u256_of(p->rounds_a_year_milli);
	if (!u256_mul_div(&row->yield_year, &row->yield_round, &rounds, &million))
		return;
	row->has_yield = u256_div(&row->yield_year, &v, &row->yield_year, &thousand);
}

static void expect_yields(struct pool *p)
{
	uint64_t round_ms = p->r.length * p->r.block_ms;
	size_t i;

	/* A block of a year is no block. */
	if (p->r.block_ms == 0 || p->r.block_ms > YEAR_MS || round_ms == 0)
		return;
	p->rounds_a_year_milli = YEAR_MS * 1000 / round_ms;
	for (i = 0; i < p->n; i++)
		expect_yield(p, &p->rows[i]);
}

/* ---- all ---- */

static int take_all(struct cli *c, struct pool *p, const struct cli_reads *reads, const struct rpc_reply *r,
		    struct err *err)
{
	size_t i;
	int rc;

	if (round_take(&p->r, reads, READ_ROUND, err) < 0 || take_numbers(p, reads, err) < 0)
		return 1;
	round_take_pace(&p->r, c, &r[ASK_PACE]);
	for (i = 0; i < PAGES; i++) {
		if (take_page(p, reads, READ_PAGES + i, err) < 0)
			return 1;
	}
	rc = read_more(c, p, err);
	if (rc != 0)
		return rc;
	drop_twins(p);
	p->has_claims = take_logs(p, &r[ASK_CLAIMS], count_claims);
	p->has_uris = take_logs(p, &r[ASK_URIS], take_uris);
	if (p->total < p->size)
		return cli_strange(err);
	expect_yields(p);
	give_ranks(p);
	return 0;
}

int pool_read(struct cli *c, struct pool *p, struct err *err)
{
	char pace[40], *claims = logs_params(c, CONTRACT_JOBS_MANAGER, jobs_manager_new_claim_topic()),
	     *uris = logs_params(c, CONTRACT_SERVICE_REGISTRY, service_registry_service_uri_update_topic());
	struct rpc_call more[N_ASK] = {
		[ASK_PACE] = { "eth_getBlockByNumber", pace },
		[ASK_CLAIMS] = { "eth_getLogs", claims },
		[ASK_URIS] = { "eth_getLogs", uris },
	};
	struct cli_reads reads = { 0 };
	struct rpc_reply r[N_ASK];
	size_t i;
	int rc;

	memset(p, 0, sizeof(*p));
	round_pace_params(pace, c);
	ask(c, &reads);
	rc = cli_read_with(c, &reads, more, N_ASK, r, err);
	if (rc == 0)
		rc = take_all(c, p, &reads, r, err);
	for (i = 0; i < N_ASK; i++)
		rpc_reply_fini(&r[i]);
	cli_reads_fini(&reads);
	free(claims);
	free(uris);
	return rc;
}

void pool_fini(struct pool *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		free(p->rows[i].uri);
	free(p->rows);
	p->rows = NULL;
	p->n = 0;
}
