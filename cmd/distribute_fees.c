/* lpnode distribute-fees. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/bonding_manager.h"
#include "cmd/args.h"
#include "cmd/chain_claim.h"
#include "cmd/commands.h"
#include "cmd/sent.h"
#include "cmd/tell.h"

#define REFS_MAX 40		/* claims paid by one transaction */

struct pay_opts {
	char *transcoder;
};
static const struct opt pay_flags[] = {
	{ "transcoder", OPT_STRING, offsetof(struct pay_opts, transcoder), NULL, 0, 0, "Claim", "ADDRESS",
	  "whose claims; without it your own" },
};

static int why_not_payable(const struct chain_claim *k, const struct round_now *r, struct err *err)
{
	char words[200];

	claim_words(words, k, r);
	return cli_no(err, "claim %" PRIu64 " cannot be paid now: %.140s", k->id, words);
}

/* Which are paid: one, or all that are payable; payable[] is as long as the list. */
static int choose_payable(bool *payable, const struct chain_claims *l, const char *which, const struct chain_job *job,
			  const struct round_now *r, struct err *err)
{
	const struct chain_claim *one, *next = NULL;
	bool any = false;
	uint64_t id;
	size_t i;
	int rc;

	if (strcmp(which, "all") != 0) {
		rc = job_id_parse(&id, which, err);
		if (rc == 0)
			rc = claims_find(&one, l, id, job, err);
		if (rc != 0)
			return rc;
		payable[one - l->k] = true;
		return one->phase == CLAIM_PAYABLE ? 0 : why_not_payable(one, r, err);
	}
	for (i = 0; i < l->n; i++) {
		payable[i] = l->k[i].phase == CLAIM_PAYABLE;
		any |= payable[i];
		if (l->k[i].phase < CLAIM_PAYABLE && (!next || l->k[i].payable_from < next->payable_from))
			next = &l->k[i];
	}
	if (any)
		return 0;
	return next ? why_not_payable(next, r, err) :
		      cli_no(err, "there is nothing to pay on job %" PRIu64 ": %zu claims, none of them pending", job->id, l->n);
}

static int read_share(uint64_t *share, struct cli *c, const struct chain_job *job, const struct eth_addr *who,
		      struct err *err)
{
	struct u256 round = u256_of(job->j.creation_round);
	struct bonding_manager_entry_at e;
	struct cli_reads reads = { 0 };
	int rc;

	bonding_manager_entry_at_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), who, &round);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && CLI_DECODE(bonding_manager_entry_at, &e, reads, 0, err) < 0)
		rc = 1;
	if (rc == 0)
		*share = e.value.fee_share;
	cli_reads_fini(&reads);
	return rc;
}

static void plan_payment(struct cli_plan *p, struct cli *c, const struct chain_job *job, const struct chain_claims *l,
			 const bool *payable)
{
	struct jobs_manager_claim_ref refs[REFS_MAX];
	struct cli_plan_tx *tx;
	size_t i = 0, n;
	char key[64];

	while (i < l->n && p->n < CLI_PLAN_MAX) {
		for (n = 0; i < l->n && n < REFS_MAX; i++) {
			if (payable[i])
				refs[n++] = claim_ref(job, &l->k[i]);
		}
		if (n == 0)
			return;
		snprintf(key, sizeof(key), "pay/%" PRIu64 "/%" PRIu64 "+%zu", job->id, refs[0].claim_id, n);
		tx = cli_plan_add(p, c, CONTRACT_JOBS_MANAGER, key, "distribute the fees of %zu claim%s on job %" PRIu64, n,
				  n == 1 ? "" : "s", job->id);
		jobs_manager_batch_distribute_fees_call(&tx->data, refs, n);
	}
}

static void say_payment(struct cli_plan *p, const struct chain_claims *l, const bool *payable, uint64_t share,
			const struct eth_addr *who)
{
	struct u256 sum = { { 0 } }, shared = { { 0 } }, perc = u256_of(share), one = u256_of(1000000);
	char a[100], b[100], cut[32], addr[43];
	size_t i, n = 0;

	for (i = 0; i < l->n; i++) {
		if (payable[i] && u256_add(&sum, &sum, &l->k[i].k.fees))
			n++;
	}
	u256_mul_div(&shared, &sum, &perc, &one);
	eth_addr_fmt(addr, who);
	cli_plan_say(p, "%s of %zu claim%s go to %s, %s of them (%s, its fee share in the job's round) to all who are bonded to "
		     "it", cli_fmt_exact(a, &sum, UNIT_ETH), n, n == 1 ? "" : "s", addr, fmt_eth(b, &shared),
		     cli_fmt_perc(cut, share));
	cli_plan_say(p, "fees are withdrawn by `lpnode withdraw-fees`");
}

static int tell_paid(struct cli *c, const struct eth_receipt *receipts, size_t n, struct err *err)
{
	static const struct cli_column cols[] = {
		{ "claimId", "claim", true }, { "fees", "fees", true }, { "delegatorsFees", "of it to the bonded", true },
	};
	struct cli_table *t = cli_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	struct jobs_manager_distribute_fees_event e;
	struct bonding_manager_fees_received_event got;
	const struct eth_log *log, *part;
	struct u256 sum = { { 0 } };
	char a[100], b[100];
	size_t i, k, paid;
	int rc = 0;

	for (i = 0; i < n; i++) {
		for (k = 0, paid = 0; rc == 0; k++) {
			log = receipt_event(&receipts[i], c, CONTRACT_JOBS_MANAGER, jobs_manager_distribute_fees_topic(), k);
			if (!log)
				break;
			memset(&got, 0, sizeof(got));
			if (jobs_manager_distribute_fees_event_read(&e, log, err) < 0)
				rc = 1;
			/* A claim without fees tells the BondingManager nothing. */
			part = u256_is_zero(&e.fees) ? NULL : receipt_event(&receipts[i], c, CONTRACT_BONDING_MANAGER,
									   bonding_manager_fees_received_topic(), paid++);
			if (part && bonding_manager_fees_received_event_read(&got, part, err) < 0)
				rc = 1;
			u256_add(&sum, &sum, &e.fees);
			cli_cell(t, json_integer((json_int_t)e.claim_id.w[0]), "%" PRIu64, e.claim_id.w[0]);
			cli_cell(t, cli_json_amount(&e.fees), "%s", fmt_eth(a, &e.fees));
			cli_cell(t, cli_json_amount(&got.delegators_fees), "%s",
				 fmt_eth(b, &got.delegators_fees));
		}
	}
	cli_table_end(c, t, "paid");
	json_field(c, "fees", cli_json_amount(&sum));
	return rc;
}

static int pay(struct cli *c, const struct chain_job *job, const struct eth_addr *who, const char *which,
	       const struct round_now *r, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct cli_plan plan = { 0 };
	struct chain_claims l;
	bool *payable;
	uint64_t share;
	int rc = claims_read(&l, c, job, who, err);

	if (rc != 0)
		return rc;
	payable = xcalloc(l.n + 1, sizeof(*payable));
	rc = choose_payable(payable, &l, which, job, r, err);
	if (rc == 0)
		rc = read_share(&share, c, job, who, err);
	if (rc == 0) {
		plan_payment(&plan, c, job, &l, payable);
		say_payment(&plan, &l, payable, share, who);
		rc = cli_send(c, &plan, receipts, err);
		if (rc == 0)
			rc = tell_paid(c, receipts, plan.n, err);
		sent_fini(&plan, receipts);
	}
	free(payable);
	claims_fini(&l);
	return rc;
}

static int run_pay(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct pay_opts *o = opts;
	struct eth_addr who = c->account;
	struct chain_job job;
	struct round_now r;
	uint64_t id;
	int rc = job_id_parse(&id, args[0], err);

	if (rc == 0 && o->transcoder)
		rc = addr_arg(c, &who, o->transcoder, "-transcoder", err);
	if (rc == 0)
		rc = round_read_open(c, &r, err);
	if (rc == 0)
		rc = job_read(&job, c, id, err);
	if (rc != 0)
		return rc;
	rc = pay(c, &job, &who, args[1], &r, err);
	job_fini(&job);
	return rc;
}

static const struct cli_command commands[] = {
	{ .name = "distribute-fees", .args = "JOB CLAIM|all", .help = "pay a transcoder and its delegators for final claims",
	  .group = "Work", .min_args = 2, .max_args = 2, .need = CLI_KEY, .opts = pay_flags,
	  .n_opts = sizeof(pay_flags) / sizeof(pay_flags[0]), .opts_size = sizeof(struct pay_opts), .run = run_pay },
};
const struct cli_commands distribute_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
