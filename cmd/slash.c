/* lpnode slash missed-verification, refute-election: misdeeds on a job. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cmd/args.h"
#include "cmd/chain_job.h"
#include "cmd/claim_arg.h"
#include "cmd/commands.h"
#include "cmd/finding.h"
#include "cmd/tell.h"

#define GROUP "Finders"

/* ---- slash missed-verification ---- */

struct unverified {
	struct jobs_manager_claim_ref ref;
	const struct chain_claim *claim;
	uint64_t sequence;
};

static void call_unverified(struct buf *data, const struct hash32 *salt, const void *arg)
{
	const struct unverified *u = arg;
	const struct chain_claim *k = u->claim;

	jobs_manager_missed_verification_slash_call(data, &u->ref, u->sequence, k->made.ranges.p, k->made.ranges.n,
						    &k->made.root, k->batches, k->n_batches, salt);
}

/* keccak256(abi.encode("missedVerification", jobId, transcoder, claimId, sequence)) */
static struct hash32 unverified_action(const struct unverified *u)
{
	static const char name[] = "missedVerification";
	struct abi_args a;

	abi_args_init(&a, 5);
	abi_args_bytes(&a, name, strlen(name));
	abi_args_u256(&a, &u->ref.job_id);
	abi_args_addr(&a, &u->ref.transcoder);
	abi_args_u64(&a, u->ref.claim_id);
	abi_args_u64(&a, u->sequence);
	return finding_hash(&a, NULL);
}

static int check_missed(const struct chain_claim *k, const struct round_now *r, struct err *err)
{
	char words[200], when[100];

	claim_words(words, k, r);
	if (k->phase == CLAIM_MISSED && r->block > k->verify_until)
		return 0;
	if (k->phase == CLAIM_UNVERIFIED || k->phase == CLAIM_MISSED)
		return cli_no(err, "claim %" PRIu64 " may still be verified until %s: what is missing then can be shown until block %"
			      PRIu64, k->id, block_when(when, r, k->verify_until), k->slash_until);
	if (k->phase != CLAIM_VOID && k->phase != CLAIM_PAID && k->n_unverified)
		return cli_no(err, "claim %" PRIu64 " had %zu segments not verified in time, but that could be shown only until "
			      "block %" PRIu64, k->id, k->n_unverified, k->slash_until);
	return cli_no(err, "nothing was missed on claim %" PRIu64 ": %.140s", k->id, words);
}

static int show_unverified(struct cli *c, struct finding *f, const struct chain_job *job, const struct chain_claim *k,
			   struct err *err)
{
	struct unverified u = { .ref = claim_ref(job, k), .claim = k, .sequence = k->unverified[0] };
	char key[JOURNAL_KEY_MAX], who[43];
	int rc;

	f->action = unverified_action(&u);
	snprintf(f->what, sizeof(f->what), "segment %" PRIu64 " of claim %" PRIu64 " on job %" PRIu64 ", not verified in time",
		 u.sequence, k->id, job->id);
	eth_addr_fmt(who, &f->transcoder);
	snprintf(key, sizeof(key), "slash-verification/%" PRIu64 "/%s/%" PRIu64, job->id, who, k->id);
	rc = finding_send(c, f, CONTRACT_JOBS_MANAGER, call_unverified, &u, key, err);
	if (rc == 0) {
		json_field(c, "jobId", json_integer((json_int_t)job->id));
		json_field(c, "claimId", json_integer((json_int_t)k->id));
		json_field(c, "sequence", json_u64_text(u.sequence));
	}
	return rc;
}

static int run_missed_verification(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct named_claim n = { .k = NULL };
	struct finding f = { .perc = 0 };
	struct claim_arg a;
	struct round_now r;
	int rc = claim_arg_parse(&a, c, args, err);

	if (rc == 0)
		rc = round_read_open(c, &r, err);
	if (rc == 0)
		rc = named_claim_read(&n, c, &a, err);
	if (rc == 0)
		rc = check_missed(n.k, &r, err);
	if (rc == 0) {
		f.transcoder = a.transcoder;
		rc = finding_read(&f, FINDING_MISSED_VERIFICATION, c, err);
	}
	if (rc == 0)
		rc = show_unverified(c, &f, &n.job, n.k, err);
	named_claim_fini(&n);
	return rc;
}

/* ---- slash refute-election ---- */

#define BETTER_MAX 4		/* rank 3, and one more */
struct refutation {
	struct u256 job_id;
	const struct finding *f;
	struct eth_addr better[BETTER_MAX];
	size_t n;
};

static void call_refute(struct buf *data, const struct hash32 *salt, const void *arg)
{
	const struct refutation *e = arg;

	jobs_manager_refute_election_call(data, &e->job_id, &e->f->transcoder, e->better, e->n, salt);
}

/* keccak256(abi.encode("refuteElection", jobId, transcoder)) */
static struct hash32 refute_action(const struct refutation *e)
{
	static const char name[] = "refuteElection";
	struct abi_args a;

	abi_args_init(&a, 3);
	abi_args_bytes(&a, name, strlen(name));
	abi_args_u256(&a, &e->job_id);
	abi_args_addr(&a, &e->f->transcoder);
	return finding_hash(&a, NULL);
}

static int by_address(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct eth_addr));
}

static int read_progress(struct jobs_manager_progress *p, struct cli *c, const struct refutation *e, struct err *err)
{
	struct cli_reads reads = { 0 };
	int rc;

	jobs_manager_progress_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER), &e->job_id, &e->f->transcoder);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && CLI_DECODE(jobs_manager_progress, p, reads, 0, err) < 0)
		rc = 1;
	cli_reads_fini(&reads);
	return rc;
}

/* rank + 1 that come before it. */
static int find_better(struct refutation *e, const struct chain_election *l, const struct jobs_manager_progress *p,
		       uint64_t job, struct err *err)
{
	int rank = election_rank_of(l, &e->f->transcoder);
	size_t i;

	if (p->claims == 0)
		return cli_no(err, "it has made no claim on job %" PRIu64 ": there is nothing to refute", job);
	if (p->refuted)
		return cli_no(err, "its election for job %" PRIu64 " was refuted already", job);
	if (l->seed.state == HASH_LOST)
		return cli_no(err, "the hash of block %" PRIu64 ", which elected, can be had no more", l->seed.number);
	if (rank >= 0 && (uint64_t)rank <= p->rank)
		return cli_no(err, "its election holds: on job %" PRIu64 " it has rank %d and claimed as rank %" PRIu64, job, rank,
			      p->rank);
	for (i = 0; i < l->n && e->n < BETTER_MAX && e->n <= p->rank; i++)
		e->better[e->n++] = l->c[i].addr;
	qsort(e->better, e->n, sizeof(e->better[0]), by_address);
	return 0;
}

static int show_refutation(struct cli *c, struct finding *f, const struct chain_job *job, struct err *err)
{
	struct refutation e = { .job_id = u256_of(job->id), .f = f };
	struct jobs_manager_progress p;
	struct chain_election l;
	char key[JOURNAL_KEY_MAX], who[43];
	int rc = election_read(&l, c, job, err);

	if (rc == 0)
		rc = read_progress(&p, c, &e, err);
	if (rc == 0)
		rc = find_better(&e, &l, &p, job->id, err);
	election_fini(&l);
	if (rc != 0)
		return rc;
	f->action = refute_action(&e);
	snprintf(f->what, sizeof(f->what), "claiming rank %" PRIu64 " on job %" PRIu64 ", which it does not have", p.rank, job->id);
	eth_addr_fmt(who, &f->transcoder);
	snprintf(key, sizeof(key), "slash-election/%" PRIu64 "/%s", job->id, who);
	return finding_send(c, f, CONTRACT_JOBS_MANAGER, call_refute, &e, key, err);
}

static void tell_refuted(struct cli *c, const struct chain_job *job)
{
	json_field(c, "jobId", json_integer((json_int_t)job->id));
	cli_say(c, "all its pending claims on job %" PRIu64 " are void; their fees are back in the escrow", job->id);
}

static int run_refute(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct finding f = { .perc = 0 };
	uint64_t id;
	struct chain_job job;
	struct round_now r;
	int rc = job_id_parse(&id, args[0], err);

	if (rc == 0)
		rc = addr_arg(c, &f.transcoder, args[1], "TRANSCODER", err);
	if (rc == 0)
		rc = round_read_open(c, &r, err);
	if (rc == 0)
		rc = job_read(&job, c, id, err);
	if (rc != 0)
		return rc;
	rc = finding_read(&f, FINDING_FAILED_VERIFICATION, c, err);
	if (rc == 0)
		rc = show_refutation(c, &f, &job, err);
	if (rc == 0)
		tell_refuted(c, &job);
	job_fini(&job);
	return rc;
}

static const struct cli_command commands[] = {
	{ .name = "slash missed-verification", .args = "JOB TRANSCODER CLAIM",
	  .help = "show that a challenged segment was not verified in time", .group = GROUP, .min_args = 3, .max_args = 3,
	  .need = CLI_KEY, .run = run_missed_verification },
	{ .name = "slash refute-election", .args = "JOB TRANSCODER", .help = "show that others are elected before who claimed",
	  .group = GROUP, .min_args = 2, .max_args = 2, .need = CLI_KEY, .run = run_refute },
};
const struct cli_commands slash_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
