#include "cmd/evidence.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void evidence_fini(struct evidence *v)
{
	size_t i;

	for (i = 0; i < v->n_batches; i++)
		buf_fini(&v->batches[i].signatures);
	free(v->batches);
	merkle_fini(&v->tree);
	receipts_fini(&v->receipts);
	draws_fini(&v->draws);
	claims_fini(&v->claims);
	job_fini(&v->job);
}

static int check_phase(const struct evidence *v, struct err *err)
{
	const struct chain_claim *k = v->claim;
	char words[200];

	if (k->phase == CLAIM_UNVERIFIED)
		return 0;
	claim_words(words, k, &v->round);
	if (k->phase == CLAIM_WAITS)
		return cli_no(err, "claim %" PRIu64 ": %.120s; wait for it", k->id, words);
	if (k->phase == CLAIM_MISSED)
		return cli_no(err, "claim %" PRIu64 " could be verified until block %" PRIu64 ", the chain is at %" PRIu64 ": "
			      "%.80s", k->id, k->verify_until, v->round.block, words);
	if (k->challenge.state != HASH_LOST && k->n_challenged == 0)
		return cli_no(err, "none of claim %" PRIu64 "'s segments is challenged: there is nothing to verify; %.80s",
			      k->id, words);
	return cli_no(err, "there is nothing to verify of claim %" PRIu64 ": %.120s", k->id, words);
}

/* All leaves of the claim's tree: its root must be the one that was claimed. */
static int build_tree(struct evidence *v, struct err *err)
{
	const struct chain_claim *k = v->claim;
	const struct claim_segment *s;
	struct hash32 digest, root, leaf;
	uint64_t sequence;
	size_t i;

	for (i = 0; i < k->ranges.n; i++) {
		for (sequence = k->ranges.r[i].start; sequence < k->ranges.r[i].start + k->ranges.r[i].length; sequence++) {
			s = receipts_find(&v->receipts, sequence);
			if (!s)
				return cli_no(err, "the file has no receipt of sequence %" PRIu64 ", which was claimed: all of a "
					      "claim's receipts are needed", sequence);
			digest = claim_receipt_digest(s, &v->rules);
			leaf = merkle_leaf(&digest);
			if (merkle_add(&v->tree, &leaf, err) < 0)
				return 1;
		}
	}
	root = merkle_build(&v->tree);
	if (memcmp(root.b, k->made.root.b, 32) == 0)
		return 0;
	return cli_no(err, "these are not the receipts that claim %" PRIu64 " was made of: their tree has another root", k->id);
}

static int add_to_batch(struct batch *b, const struct evidence *v, uint64_t sequence, struct err *err)
{
	const struct claim_segment *s = receipts_find(&v->receipts, sequence);
	uint32_t index;

	if (!s || !ranges_find(&v->claim->ranges, sequence, &index))
		return cli_no(err, "no receipt of sequence %" PRIu64, sequence);
	if (claim_segment_check(s, &v->rules, NULL, err) < 0)
		return 3;
	b->s[b->n] = *s;
	b->index[b->n++] = index;
	return 0;
}

static int make_batches(struct evidence *v, uint64_t size, struct err *err)
{
	const struct chain_claim *k = v->claim;
	size_t i, n = (k->n_unverified + size - 1) / size;
	struct batch *b = NULL;
	int rc = 0;

	v->batches = xcalloc(n + 1, sizeof(*v->batches));
	for (i = 0; i < k->n_unverified && rc == 0; i++) {
		if (k->unverified[i] < k->k.last_verified) {
			v->lost++;
			continue;
		}
		if (!b || b->n == size) {
			b = &v->batches[v->n_batches++];
			buf_init(&b->signatures, 65536);
		}
		rc = add_to_batch(b, v, k->unverified[i], err);
	}
	for (i = 0; i < v->n_batches && rc == 0; i++)
		v->batches[i].work = claim_work_hash(v->batches[i].s, v->batches[i].n);
	if (rc == 0 && v->n_batches == 0)
		rc = cli_no(err, "segments must be verified in ascending order: those that are left are below sequence %" PRIu64
			    ", which was verified already", k->k.last_verified);
	return rc;
}

int evidence_read(struct evidence *v, struct cli *c, char **args, const struct eth_addr *who, const char *receipts,
		  uint64_t size, struct err *err)
{
	uint64_t job, claim;
	int rc = job_id_parse(&job, args[0], err);

	if (rc == 0)
		rc = job_id_parse(&claim, args[1], err);
	if (rc == 0 && !receipts)
		rc = cli_wrong(err, "-receipts FILE is missing: the receipts that were claimed (docs/cli.md)");
	if (rc == 0)
		rc = receipts_load(&v->receipts, receipts, err);
	if (rc == 0)
		rc = round_read(c, &v->round, err);
	if (rc == 0)
		rc = job_read(&v->job, c, job, err);
	if (rc != 0)
		return rc;
	v->rules = job_claim_job(&v->job, c, who);
	rc = claims_read(&v->claims, c, &v->job, who, err);
	if (rc == 0)
		rc = claims_find(&v->claim, &v->claims, claim, &v->job, err);
	if (rc == 0)
		rc = check_phase(v, err);
	if (rc == 0)
		rc = build_tree(v, err);
	if (rc == 0)
		rc = make_batches(v, size, err);
	return rc == 0 ? draws_read(&v->draws, c, &v->job, v->claim, err) : rc;
}
