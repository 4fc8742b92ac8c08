#include "cmd/chain_claim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/verifier.h"
#include "cmd/chain_claim_logs.h"
#include "cmd/chain_read.h"

#define CHUNK 100		/* claims read at once: four reads each */

/* ---- from storage ---- */

struct jobs_manager_claim_ref claim_ref(const struct chain_job *job, const struct chain_claim *k)
{
	return (struct jobs_manager_claim_ref){ u256_of(job->id), k->transcoder, k->id };
}

static void ask_claim(struct cli_reads *reads, struct cli *c, const struct chain_job *job,
		      const struct chain_claim *k)
{
	struct u256 job_id = u256_of(job->id), id = u256_of(k->id);
	struct verifier_claim_ref ref = { job_id, k->transcoder, k->id };

	jobs_manager_get_claim_call(cli_read(reads, c, CONTRACT_JOBS_MANAGER), &job_id, &k->transcoder, &id);
	jobs_manager_claim_deadlines_call(cli_read(reads, c, CONTRACT_JOBS_MANAGER), &job_id, &k->transcoder, &id);
	verifier_is_settled_call(cli_read(reads, c, CONTRACT_VERIFIER), &ref);
}

static int check_content(const struct chain_claim *k, const struct chain_job *job, struct err *err)
{
	uint8_t content[23];

	claim_content(content, &k->made.root, k->made.ranges.p, k->made.ranges.n);
	if (memcmp(content, k->k.content, 23) == 0)
		return 0;
	err_set(err, ERR_INVALID, "the endpoint's log of claim %" PRIu64 " on job %" PRIu64 " is not what the contract "
		"keeps a hash of", k->id, job->id);
	return 1;
}

static int take_claim(struct chain_claim *k, const struct chain_job *job, const struct cli_reads *reads, size_t at,
		      struct err *err)
{
	struct jobs_manager_claim_deadlines d;
	struct verifier_is_settled settled;
	struct jobs_manager_get_claim claim;

	if (CLI_DECODE(jobs_manager_get_claim, &claim, *reads, at, err) < 0 ||
	    CLI_DECODE(jobs_manager_claim_deadlines, &d, *reads, at + 1, err) < 0 ||
	    CLI_DECODE(verifier_is_settled, &settled, *reads, at + 2, err) < 0)
		return 1;
	k->k = claim.value;
	k->settled = settled.value;
	k->challenge.number = k->k.claim_block + 1;
	if (chain_u64(&k->verify_until, &d.verify_until, "verifyUntil", err) != 0 ||
	    chain_u64(&k->slash_until, &d.slash_until, "slashUntil", err) != 0 ||
	    chain_u64(&k->payable_from, &d.payable_from, "payableFrom", err) != 0)
		return 1;
	return check_content(k, job, err);
}

static int read_claims(struct chain_claim *k, size_t n, struct cli *c, const struct chain_job *job, struct err *err)
{
	struct cli_reads reads = { 0 };
	size_t i;
	int rc;

	for (i = 0; i < n; i++)
		ask_claim(&reads, c, job, &k[i]);
	rc = cli_read_all(c, &reads, false, err);
	for (i = 0; i < n && rc == 0; i++)
		rc = take_claim(&k[i], job, &reads, 3 * i, err);
	cli_reads_fini(&reads);
	return rc;
}

/* Parameters are the claim's own: those in force when it was made. */
static int read_params(struct chain_claim *k, size_t n, struct cli *c, struct err *err)
{
	struct jobs_manager_claim_params_result p;
	struct cli_reads reads = { 0 };
	struct u256 index;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		index = u256_of(k[i].k.params);
		jobs_manager_claim_params_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER), &index);
	}
	rc = cli_read_all(c, &reads, false, err);
	for (i = 0; i < n && rc == 0; i++) {
		rc = chain_decoded(CLI_DECODE(jobs_manager_claim_params, &p, reads, i, err));
		if (rc == 0)
			k[i].params = p.value;
	}
	cli_reads_fini(&reads);
	return rc;
}

/* ---- what follows ---- */

static void find_challenged(struct chain_claim *k)
{
	uint64_t s;
	size_t i;

	k->challenged = xcalloc(k->ranges.segments + 1, sizeof(*k->challenged));
	for (i = 0; i < k->ranges.n; i++) {
		const struct range *r = &k->ranges.r[i];

		for (s = r->start; s < r->start + r->length; s++) {
			if (claim_is_challenged(k->k.claim_block, &k->challenge.h, s,
						(uint32_t)k->params.verification_rate))
				k->challenged[k->n_challenged++] = s;
		}
	}
}

static bool was_verified(const struct chain_claim *k, uint64_t sequence)
{
	size_t i, s;

	for (i = 0; i < k->n_batches; i++) {
		for (s = 0; s < k->batches[i].n_sequences; s++) {
			if (k->batches[i].sequences[s] == sequence)
				return true;
		}
	}
	return false;
}

static void find_unverified(struct chain_claim *k)
{
	size_t i;

	k->unverified = xcalloc(k->n_challenged + 1, sizeof(*k->unverified));
	for (i = 0; i < k->n_challenged; i++) {
		if (!was_verified(k, k->challenged[i]))
			k->unverified[k->n_unverified++] = k->challenged[i];
	}
}

enum { STATUS_NONE, STATUS_PENDING, STATUS_VOID, STATUS_PAID };	/* IJobsManager.ClaimStatus */

bool claim_awaits_verdicts(const struct chain_claim *k)
{
	return k->k.status == STATUS_PENDING && k->k.open != 0;
}

/* What is sent now is in a later block, but is simulated on the newest: what must not be too late
 * is asked of the one, what must not be too early of the other. */
static enum claim_phase phase_of(const struct chain_claim *k, uint64_t head)
{
	uint64_t next = head + 1;

	if (k->k.status == STATUS_VOID)
		return CLAIM_VOID;
	if (k->k.status == STATUS_PAID)
		return CLAIM_PAID;
	if (k->challenge.state == HASH_FUTURE)
		return CLAIM_WAITS;
	if (k->challenge.state == HASH_LOST)
		return CLAIM_LOST;
	if (k->n_unverified && next <= k->verify_until)
		return CLAIM_UNVERIFIED;
	if (k->n_unverified && next <= k->slash_until)
		return CLAIM_MISSED;
	if (claim_awaits_verdicts(k))
		return CLAIM_JUDGED;
	return head < k->payable_from || !k->settled ? CLAIM_MATURES : CLAIM_PAYABLE;
}

static int read_challenges(struct chain_claim *k, size_t n, struct cli *c, struct err *err)
{
	struct block_hash *b = xcalloc(n, sizeof(*b));
	size_t i;
	int rc;

	for (i = 0; i < n; i++)
		b[i] = k[i].challenge;
	rc = block_hashes_read(c, b, n, err);
	for (i = 0; i < n && rc == 0; i++) {
		k[i].challenge = b[i];
		if (b[i].state == HASH_RECENT || b[i].state == HASH_SEALED) {
			find_challenged(&k[i]);
			find_unverified(&k[i]);
		}
		k[i].phase = phase_of(&k[i], c->head.number);
	}
	free(b);
	return rc;
}

int claims_read(struct chain_claims *l, struct cli *c, const struct chain_job *job,
		const struct eth_addr *transcoder, struct err *err)
{
	size_t at, n;
	int rc;

	memset(l, 0, sizeof(*l));
	rc = claims_read_logs(l, c, job, transcoder, err);
	for (at = 0; at < l->n && rc == 0; at += n) {
		n = l->n - at < CHUNK ? l->n - at : CHUNK;
		rc = read_claims(l->k + at, n, c, job, err);
		if (rc == 0)
			rc = read_params(l->k + at, n, c, err);
		if (rc == 0)
			rc = read_challenges(l->k + at, n, c, err);
	}
	if (rc != 0)
		claims_fini(l);
	return rc;
}

static void claim_fini(struct chain_claim *k)
{
	size_t i;

	for (i = 0; i < k->n_batches; i++) {
		free(k->batches[i].sequences);
		free(k->batches[i].signers);
	}
	free(k->batches);
	free(k->challenged);
	free(k->unverified);
	ranges_fini(&k->ranges);
	jobs_manager_new_claim_event_fini(&k->made);
}

void claims_fini(struct chain_claims *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		claim_fini(&l->k[i]);
	free(l->k);
	memset(l, 0, sizeof(*l));
}

int claims_find(const struct chain_claim **claim, const struct chain_claims *l, uint64_t id,
		const struct chain_job *job, struct err *err)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (l->k[i].id == id) {
			*claim = &l->k[i];
			return 0;
		}
	}
	return cli_no(err, "no claim %" PRIu64 " of this transcoder on job %" PRIu64 ": it has %zu; `lpnode claims %" PRIu64
		      "` shows them", id, job->id, l->n, job->id);
}
