#include "cmd/chain_draws.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/chain_read.h"
#include "cmd/round.h"

#define DRAWS_MAX 32

int draws_read(struct chain_draws *d, struct cli *c, const struct chain_job *job, const struct chain_claim *k,
	       struct err *err)
{
	struct verifier_request r = {
		.ref = { u256_of(job->id), k->transcoder, k->id }, .broadcaster = job->j.broadcaster,
		.seed = k->challenge.h, .challenge_block = u256_of(k->challenge.number), .count = u256_of(1),
	};
	struct verifier_parameters_result p;
	struct verifier_get_draws draws;
	struct cli_reads reads = { 0 };
	struct u256 to;
	int rc;

	memset(d, 0, sizeof(*d));
	verifier_parameters_call(cli_read(&reads, c, CONTRACT_VERIFIER));
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0)
		rc = chain_decoded(CLI_DECODE(verifier_parameters, &p, reads, 0, err));
	cli_reads_fini(&reads);
	if (rc != 0)
		return rc;
	d->p = p.value;
	to = u256_of(d->p.committee);
	verifier_get_draws_call(cli_read(&reads, c, CONTRACT_VERIFIER), &r, &u256_zero, &to);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0)
		rc = chain_decoded(CLI_DECODE(verifier_get_draws, &draws, reads, 0, err));
	cli_reads_fini(&reads);
	if (rc == 0) {
		d->n = draws.n_value < DRAWS_MAX ? draws.n_value : DRAWS_MAX;
		d->d = xcalloc(d->n + 1, sizeof(*d->d));
		memcpy(d->d, draws.value, d->n * sizeof(*d->d));
		verifier_get_draws_fini(&draws);
	}
	return rc;
}

void draws_fini(struct chain_draws *d)
{
	free(d->d);
	memset(d, 0, sizeof(*d));
}
