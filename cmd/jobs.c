/* lpnode job end, topup, refund. */
#include <inttypes.h>

#include "cmd/args.h"
#include "cmd/chain_job.h"
#include "cmd/commands.h"
#include "cmd/deposit.h"
#include "cmd/sent.h"
#include "cmd/tell.h"

#define GROUP "Broadcasters"

/* ---- job end ---- */

static bool is_mine(const struct cli *c, const struct chain_job *job)
{
	return eth_addr_equal(&c->account, &job->j.broadcaster);
}

static void plan_end(struct cli_plan *plan, struct cli *c, const struct chain_job *job, const struct round_now *r)
{
	uint64_t until = r->block + 1 + job->params.claim_period;
	struct u256 id = u256_of(job->id);
	char key[64], a[100], when[100];

	snprintf(key, sizeof(key), "job-end/%" PRIu64, job->id);
	jobs_manager_end_job_call(&cli_plan_add(plan, c, CONTRACT_JOBS_MANAGER, key,
						is_mine(c, job) ? "end job %" PRIu64 : "take no more part in job %" PRIu64,
						job->id)->data, &id);
	if (!is_mine(c, job)) {
		cli_plan_say(plan, "you are not its broadcaster: this says that you take no more part in job %" PRIu64
			     ", for good; claims you have made stay", job->id);
		return;
	}
	cli_plan_say(plan, "job %" PRIu64 " ends with the block this is in; transcoders may claim what they did until %s",
		     job->id, block_when(when, r, until));
	cli_plan_say(plan, "%s are in escrow; what nobody claims comes back afterwards: lpnode job refund %" PRIu64,
		     fmt_eth(a, &job->j.escrow), job->id);
}

static int check_end(struct cli *c, const struct chain_job *job, const struct round_now *r, struct err *err)
{
	struct chain_election e;
	int rc;

	if (is_mine(c, job)) {
		if (r->block + 1 > job->j.end_block)
			return cli_no(err, "job %" PRIu64 " ended with block %" PRIu64 "; the chain is at %" PRIu64, job->id,
				      job->j.end_block, r->block);
		return 0;
	}
	rc = election_read(&e, c, job, err);
	if (rc == 0 && election_rank_of(&e, &c->account) < 0)
		rc = cli_no(err, "job %" PRIu64 " is not yours to end: you are neither its broadcaster nor elected for it",
			    job->id);
	election_fini(&e);
	return rc;
}

static int run_end(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct jobs_manager_job_ended_event e;
	struct cli_plan plan = { 0 };
	const struct eth_log *log;
	struct chain_job job;
	struct round_now r;
	char when[100];
	int rc = job_arg(&job, &r, c, args[0], err);

	if (rc != 0)
		return rc;
	rc = check_end(c, &job, &r, err);
	if (rc == 0) {
		plan_end(&plan, c, &job, &r);
		rc = cli_send(c, &plan, receipts, err);
		if (rc == 0)
			json_field(c, "jobId", json_integer((json_int_t)job.id));
		if (rc == 0 && is_mine(c, &job)) {
			log = sent_event(c, &plan, receipts, jobs_manager_job_ended_topic(), err);
			if (log && jobs_manager_job_ended_event_read(&e, log, err) == 0) {
				cli_field(c, "endBlock", json_integer((json_int_t)e.end_block.w[0]), "ended with block",
					  "%" PRIu64, e.end_block.w[0]);
				cli_field(c, "claimsUntil", json_integer((json_int_t)(e.end_block.w[0] + job.params.claim_period)),
					  "claims until", "%s", block_when(when, &r, e.end_block.w[0] + job.params.claim_period));
			}
		} else if (rc == 0) {
			cli_field(c, "relinquished", json_true(), "relinquished", "yes");
		}
		sent_fini(&plan, receipts);
	}
	job_fini(&job);
	return rc;
}

/* ---- job topup ---- */

struct topup_opts {
	char *deposit;
};
static const struct opt topup_flags[] = {
	{ "deposit", OPT_STRING, offsetof(struct topup_opts, deposit), NULL, 0, 0, "Job", "AMOUNT",
	  "sent with it into the deposit first" },
};

/* How much, and what is sent into the deposit for it. */
struct topup {
	struct u256 escrow, added;
};

static int check_topup(struct cli *c, const struct chain_job *job, const struct round_now *r, const struct topup *t,
		       struct err *err)
{
	struct u256 deposit;
	int rc;

	if (!is_mine(c, job))
		return cli_no(err, "job %" PRIu64 " is not yours: only its broadcaster adds to its escrow", job->id);
	if (r->block + 1 > job->claims_until)
		return cli_no(err, "job %" PRIu64 " is over: claims were taken until block %" PRIu64 "; make another "
			      "(lpnode job create)", job->id, job->claims_until);
	rc = deposit_read(c, &deposit, err);
	return rc == 0 ? deposit_must_cover(&deposit, &t->added, &t->escrow, err) : rc;
}

static int send_topup(struct cli *c, const struct chain_job *job, const struct topup *t, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct jobs_manager_job_topped_up_event e;
	struct u256 id = u256_of(job->id), after, deposit;
	struct cli_plan plan = { 0 };
	const struct eth_log *log;
	struct cli_plan_tx *tx;
	char key[JOURNAL_KEY_MAX], a[100], b[100], x[100];
	int rc;

	u256_add(&after, &job->j.escrow, &t->escrow);
	snprintf(key, sizeof(key), "topup/%" PRIu64 "/%s", job->id, cli_fmt_exact(a, &t->escrow, UNIT_ETH));
	tx = cli_plan_add(&plan, c, CONTRACT_JOBS_MANAGER, key, "add %s to the escrow of job %" PRIu64, a, job->id);
	tx->value = t->added;
	jobs_manager_top_up_call(&tx->data, &id, &t->escrow);
	cli_plan_say(&plan, "%s go from your deposit into the escrow of job %" PRIu64 ": %s now, %s afterwards; what is not "
		     "claimed comes back when it is over", cli_fmt_exact(a, &t->escrow, UNIT_ETH), job->id,
		     fmt_eth(b, &job->j.escrow), fmt_eth(x, &after));
	rc = cli_send(c, &plan, receipts, err);
	if (rc == 0) {
		json_field(c, "jobId", json_integer((json_int_t)job->id));
		log = sent_event(c, &plan, receipts, jobs_manager_job_topped_up_topic(), err);
		if (log && jobs_manager_job_topped_up_event_read(&e, log, err) == 0)
			cli_field(c, "escrow", cli_json_amount(&e.escrow), "escrow", "%s",
				  fmt_eth(a, &e.escrow));
		if (deposit_read(c, &deposit, err) == 0)
			deposit_tell(c, &deposit);
	}
	sent_fini(&plan, receipts);
	return rc;
}

static int run_topup(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct topup_opts *o = opts;
	struct topup t = { 0 };
	struct chain_job job;
	struct round_now r;
	int rc = amount_arg(&t.escrow, args[1], "AMOUNT", UNIT_ETH, err);

	if (rc == 0 && o->deposit)
		rc = amount_arg(&t.added, o->deposit, "-deposit", UNIT_ETH, err);
	if (rc == 0 && u256_is_zero(&t.escrow))
		rc = cli_wrong(err, "AMOUNT: nothing to add; write it like 0.5 ETH");
	if (rc == 0 && u256_bits(&t.escrow) > 96)
		rc = cli_wrong(err, "AMOUNT: more than the contract can hold");
	if (rc == 0)
		rc = job_arg(&job, &r, c, args[0], err);
	if (rc != 0)
		return rc;
	rc = check_topup(c, &job, &r, &t, err);
	if (rc == 0)
		rc = send_topup(c, &job, &t, err);
	job_fini(&job);
	return rc;
}

/* ---- job refund ---- */

static int check_refund(const struct chain_job *job, const struct round_now *r, struct err *err)
{
	char when[100];

	if (r->block <= job->claims_until)
		return cli_no(err, "job %" PRIu64 " is not over: claims are taken until %s%s", job->id,
			      block_when(when, r, job->claims_until),
			      r->block < job->j.end_block ? "; `lpnode job end` ends it sooner" : "");
	if (job->j.pending_claims)
		return cli_no(err, "%" PRIu64 " claims on job %" PRIu64 " are pending: when they are paid or void it can be "
			      "refunded (lpnode claims %" PRIu64 ")", job->j.pending_claims, job->id, job->id);
	if (u256_is_zero(&job->j.escrow))
		return cli_no(err, "nothing is left in the escrow of job %" PRIu64, job->id);
	return 0;
}

static int run_refund(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct jobs_manager_job_refunded_event e;
	struct cli_plan plan = { 0 };
	const struct eth_log *log;
	struct chain_job job;
	struct round_now r;
	struct u256 id;
	char key[64], a[100], who[43];
	int rc = job_arg(&job, &r, c, args[0], err);

	if (rc != 0)
		return rc;
	rc = check_refund(&job, &r, err);
	if (rc == 0) {
		id = u256_of(job.id);
		snprintf(key, sizeof(key), "refund/%" PRIu64, job.id);
		eth_addr_fmt(who, &job.j.broadcaster);
		jobs_manager_refund_call(&cli_plan_add(&plan, c, CONTRACT_JOBS_MANAGER, key, "refund job %" PRIu64,
						       job.id)->data, &id);
		cli_plan_say(&plan, "%s, what nobody claimed on job %" PRIu64 ", go into the deposit of %s%s",
			     cli_fmt_exact(a, &job.j.escrow, UNIT_ETH), job.id, who,
			     is_mine(c, &job) ? " (yours); then `lpnode withdraw-deposit`" : ", its broadcaster");
		rc = cli_send(c, &plan, receipts, err);
		if (rc == 0) {
			json_field(c, "jobId", json_integer((json_int_t)job.id));
			log = sent_event(c, &plan, receipts, jobs_manager_job_refunded_topic(), err);
			if (log && jobs_manager_job_refunded_event_read(&e, log, err) == 0)
				cli_field(c, "refunded", cli_json_amount(&e.amount), "refunded", "%s",
					  cli_fmt_exact(a, &e.amount, UNIT_ETH));
		}
		sent_fini(&plan, receipts);
	}
	job_fini(&job);
	return rc;
}

static const struct cli_command commands[] = {
	{ .name = "job end", .args = "JOB", .help = "end a job; a transcoder: take no more part", .group = GROUP,
	  .min_args = 1, .max_args = 1, .need = CLI_KEY, .run = run_end },
	{ .name = "job topup", .args = "JOB AMOUNT", .help = "add to a job's escrow", .group = GROUP, .min_args = 2,
	  .max_args = 2, .need = CLI_KEY, .opts = topup_flags, .n_opts = sizeof(topup_flags) / sizeof(topup_flags[0]),
	  .opts_size = sizeof(struct topup_opts), .run = run_topup },
	{ .name = "job refund", .args = "JOB", .help = "what nobody claimed goes back to the deposit", .group = GROUP,
	  .min_args = 1, .max_args = 1, .need = CLI_KEY, .run = run_refund },
};
const struct cli_commands job_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
