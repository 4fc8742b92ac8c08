#include "cmd/chain_claim_logs.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/chain_read.h"

static bool is_event(const struct eth_log *l, const struct hash32 *topic)
{
	return l->n_topics > 0 && memcmp(l->topics[0].b, topic->b, 32) == 0;
}

static struct chain_claim *find_claim(struct chain_claims *l, const struct eth_addr *who, const struct u256 *id)
{
	struct u256 v;
	size_t i;

	for (i = 0; i < l->n; i++) {
		v = u256_of(l->k[i].id);
		if (u256_cmp(&v, id) == 0 && eth_addr_equal(&l->k[i].transcoder, who))
			return &l->k[i];
	}
	return NULL;
}

static int take_new(struct chain_claims *l, const struct eth_log *log, struct err *err)
{
	struct chain_claim *k;

	if (l->n == CLAIMS_MAX) {
		err_set(err, ERR_LIMIT, "more than %d claims: name a transcoder", CLAIMS_MAX);
		return 1;
	}
	l->k = xrealloc(l->k, (l->n + 1) * sizeof(*l->k));
	k = &l->k[l->n];
	memset(k, 0, sizeof(*k));
	if (jobs_manager_new_claim_event_read(&k->made, log, err) < 0)
		return 1;
	l->n++;
	k->transcoder = k->made.transcoder;
	if (chain_u64(&k->id, &k->made.claim_id, "claimId", err) != 0)
		return 1;
	return chain_decoded(ranges_parse(&k->ranges, k->made.ranges.p, k->made.ranges.n, 0, err));
}

static void *copy(const void *p, size_t size)
{
	void *to = xmalloc(size + 1);

	return size ? memcpy(to, p, size) : to;
}

/* signers: of a batch that was judged at once; none of one whose verdict comes later. */
static void add_batch(struct chain_claim *k, const uint64_t *sequences, size_t n, const struct hash32 *work,
		      const struct u256 *signers, size_t n_signers)
{
	struct jobs_manager_verified_batch *b;

	k->batches = xrealloc(k->batches, (k->n_batches + 1) * sizeof(*k->batches));
	b = &k->batches[k->n_batches++];
	b->sequences = copy(sequences, n * sizeof(*sequences));
	b->n_sequences = n;
	b->work = *work;
	b->signers = copy(signers, n_signers * sizeof(*signers));
	b->n_signers = n_signers;
}

static int take_verify(struct chain_claims *l, const struct eth_log *log, struct err *err)
{
	struct jobs_manager_verify_event e;
	struct chain_claim *k;

	if (jobs_manager_verify_event_read(&e, log, err) < 0)
		return 1;
	k = find_claim(l, &e.transcoder, &e.claim_id);
	if (k)
		add_batch(k, e.sequences, e.n_sequences, &e.work, NULL, 0);
	jobs_manager_verify_event_fini(&e);
	return 0;
}

static int take_judged(struct chain_claims *l, const struct eth_log *log, struct err *err)
{
	struct jobs_manager_verify_with_verdicts_event e;
	struct chain_claim *k;

	if (jobs_manager_verify_with_verdicts_event_read(&e, log, err) < 0)
		return 1;
	k = find_claim(l, &e.transcoder, &e.claim_id);
	if (k)
		add_batch(k, e.sequences, e.n_sequences, &e.work, e.signers, e.n_signers);
	jobs_manager_verify_with_verdicts_event_fini(&e);
	return 0;
}

static int take_end(struct chain_claims *l, const struct eth_log *log, struct err *err)
{
	struct jobs_manager_distribute_fees_event paid;
	struct jobs_manager_claim_voided_event voided;
	struct chain_claim *k;

	if (is_event(log, jobs_manager_claim_voided_topic())) {
		if (jobs_manager_claim_voided_event_read(&voided, log, err) < 0)
			return 1;
		k = find_claim(l, &voided.transcoder, &voided.claim_id);
		if (k)
			k->void_reason = voided.reason;
	} else {
		if (jobs_manager_distribute_fees_event_read(&paid, log, err) < 0)
			return 1;
		k = find_claim(l, &paid.transcoder, &paid.claim_id);
		if (k)
			k->paid = paid.fees;
	}
	return 0;
}

static int take_log(struct chain_claims *l, const struct eth_log *log, struct err *err)
{
	if (is_event(log, jobs_manager_new_claim_topic()))
		return take_new(l, log, err);
	if (is_event(log, jobs_manager_verify_topic()))
		return take_verify(l, log, err);
	if (is_event(log, jobs_manager_verify_with_verdicts_topic()))
		return take_judged(l, log, err);
	if (is_event(log, jobs_manager_claim_voided_topic()) || is_event(log, jobs_manager_distribute_fees_topic()))
		return take_end(l, log, err);
	return 0;
}

/* All events of claims have transcoder and job as their first two topics. */
int claims_read_logs(struct chain_claims *l, struct cli *c, const struct chain_job *job,
		     const struct eth_addr *transcoder, struct err *err)
{
	struct hash32 id = topic_of_u64(job->id), who;
	const struct hash32 *topics[4] = { NULL, NULL, &id };
	struct eth_logs logs;
	size_t i;
	int rc;

	if (transcoder) {
		who = topic_of_addr(transcoder);
		topics[1] = &who;
	}
	rc = cli_logs(c, &c->pin.contracts[CONTRACT_JOBS_MANAGER], topics, job->j.creation_block, c->head.number,
		      &logs, err);
	if (rc != 0)
		return rc;
	for (i = 0; i < logs.n && rc == 0; i++)
		rc = take_log(l, &logs.l[i], err);
	eth_logs_fini(&logs);
	return rc;
}
