/* lpnode claims, claim void. */
#include <inttypes.h>

#include "cmd/claim_arg.h"
#include "cmd/commands.h"
#include "cmd/sent.h"
#include "cmd/tell.h"

#define GROUP "Work"

/* ---- claims ---- */

static void add_claim(struct cli_table *t, const struct chain_claim *k, const struct round_now *r)
{
	char who[43], words[200], ranges[24], a[100];
	bool known = k->challenge.state == HASH_RECENT || k->challenge.state == HASH_SEALED;

	eth_addr_fmt(who, &k->transcoder);
	claim_words(words, k, r);
	ranges_fmt(ranges, sizeof(ranges), &k->ranges);
	cli_cell(t, json_integer((json_int_t)k->id), "%" PRIu64, k->id);
	cli_cell(t, cli_json_addr(&k->transcoder), "%.6s..%s", who, who + 38);
	cli_cell(t, json_integer((json_int_t)k->k.claim_block), "%" PRIu64, k->k.claim_block);
	cli_cell(t, json_integer(k->ranges.segments), "%s", ranges);
	cli_cell(t, cli_json_amount(&k->made.fees), "%s", fmt_eth(a, &k->made.fees));
	cli_cell(t, known ? json_sequences(k->challenged, k->n_challenged) : json_null(), "%s", "");
	cli_cell(t, json_integer((json_int_t)k->k.verified), known ? "%" PRIu64 " of %zu" : "?", k->k.verified,
		 k->n_challenged);
	cli_cell(t, json_boolean(claim_awaits_verdicts(k)), "%s", "");
	cli_cell(t, json_string(claim_phase_name(k->phase)), "%s", words);
	cli_cell(t, json_integer((json_int_t)k->verify_until), "%s", "");
	cli_cell(t, json_integer((json_int_t)k->slash_until), "%s", "");
	cli_cell(t, json_integer((json_int_t)k->payable_from), "%s", "");
	cli_cell(t, json_sequences(k->unverified, k->n_unverified), "%s", "");
	cli_cell(t, cli_json_amount(&k->paid), "%s", "");
	cli_cell(t, cli_json_amount(&k->k.fees), "%s", "");
	cli_cell(t, k->phase == CLAIM_VOID ? json_string(claim_void_words(k->void_reason)) : json_null(), "%s", "");
	cli_cell(t, cli_json_hash(&k->made.root), "%s", "");
}

static void tell_claims(struct cli *c, const struct chain_claims *l, const struct round_now *r)
{
	static const struct cli_column cols[] = {
		{ "claimId", "claim", true }, { "transcoder", "transcoder", false }, { "claimBlock", "made in", true },
		{ "segments", "segments", false }, { "fees", "fees", true }, { "challenged", NULL, true },
		{ "verified", "verified", false }, { "verdictsAwaited", NULL, false }, { "phase", "state", false },
		{ "verifyUntil", NULL, false }, { "slashUntil", NULL, false }, { "payableFrom", NULL, false },
		{ "unverified", NULL, false }, { "paid", NULL, false }, { "reserved", NULL, false }, { "void", NULL, false },
		{ "root", NULL, false },
	};
	struct cli_table *t = cli_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	size_t i;

	for (i = 0; i < l->n; i++)
		add_claim(t, &l->k[i], r);
	cli_table_end(c, t, "claims");
}

static int run_claims(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct chain_claims l;
	struct eth_addr who;
	struct chain_job job;
	struct round_now r;
	uint64_t id;
	int rc = job_id_parse(&id, args[0], err);

	if (rc == 0 && n_args > 1 && cli_addr(c, &who, args[1], err) < 0)
		rc = 2;
	if (rc == 0)
		rc = round_read(c, &r, err);
	if (rc == 0)
		rc = job_read(&job, c, id, err);
	if (rc != 0)
		return rc;
	rc = claims_read(&l, c, &job, n_args > 1 ? &who : NULL, err);
	if (rc == 0) {
		json_field(c, "jobId", json_integer((json_int_t)id));
		json_field(c, "block", json_integer((json_int_t)c->head.number));
		tell_claims(c, &l, &r);
		claims_fini(&l);
	}
	job_fini(&job);
	return rc;
}

/* ---- claim void ---- */

static int send_void(struct cli *c, const struct chain_job *job, const struct chain_claim *k, struct err *err)
{
	struct jobs_manager_claim_ref ref = claim_ref(job, k);
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct jobs_manager_claim_voided_event e;
	struct cli_plan plan = { 0 };
	const struct eth_log *log;
	char key[JOURNAL_KEY_MAX], who[43], a[100];
	int rc;

	eth_addr_fmt(who, &k->transcoder);
	snprintf(key, sizeof(key), "void/%" PRIu64 "/%s/%" PRIu64, job->id, who, k->id);
	jobs_manager_void_unsealed_call(&cli_plan_add(&plan, c, CONTRACT_JOBS_MANAGER, key, "void claim %" PRIu64 " on job %"
						      PRIu64, k->id, job->id)->data, &ref);
	cli_plan_say(&plan, "nobody sealed block %" PRIu64 ", which was to challenge claim %" PRIu64 " of %s: it cannot be verified "
		     "nor paid any more", k->challenge.number, k->id, who);
	cli_plan_say(&plan, "its %s go back into the escrow of job %" PRIu64 "; nobody is slashed", fmt_eth(a, &k->k.fees),
		     job->id);
	rc = cli_send(c, &plan, receipts, err);
	if (rc == 0) {
		log = receipt_event(&receipts[0], c, CONTRACT_JOBS_MANAGER, jobs_manager_claim_voided_topic(), 0);
		if (log && jobs_manager_claim_voided_event_read(&e, log, err) == 0)
			cli_field(c, "refunded", cli_json_amount(&e.refunded), "refunded", "%s", fmt_eth(a, &e.refunded));
	}
	sent_fini(&plan, receipts);
	return rc;
}

static int run_void(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct named_claim n = { .k = NULL };
	struct claim_arg a;
	struct round_now r;
	char words[200];
	int rc = claim_arg_parse(&a, c, args, err);

	if (rc == 0)
		rc = round_read(c, &r, err);
	if (rc == 0)
		rc = named_claim_read(&n, c, &a, err);
	if (rc == 0) {
		claim_words(words, n.k, &r);
		rc = n.k->phase == CLAIM_LOST ? send_void(c, &n.job, n.k, err) :
		     cli_no(err, "claim %" PRIu64 " is not void of itself: %.140s", n.k->id, words);
	}
	named_claim_fini(&n);
	return rc;
}

static const struct cli_command commands[] = {
	{ .name = "claims", .args = "JOB [TRANSCODER]", .help = "claims on a job: challenges, deadlines, what was paid",
	  .group = GROUP, .min_args = 1, .max_args = 2, .need = CLI_CHAIN, .run = run_claims },
	{ .name = "claim void", .args = "JOB TRANSCODER CLAIM", .help = "end a claim whose challenge was never sealed",
	  .group = GROUP, .min_args = 3, .max_args = 3, .need = CLI_KEY, .run = run_void },
};
const struct cli_commands claim_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
