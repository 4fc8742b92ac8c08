#include "cmd/chain_job.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/eip712.h"
#include "base/err.h"
#include "base/mem.h"
#include "bind/bonding_manager.h"
#include "cmd/chain_read.h"

int job_id_parse(uint64_t *id, const char *text, struct err *err)
{
	struct u256 v;

	if (u256_parse_dec(&v, text, NULL) < 0 || !u256_to_u64(id, &v) || *id >= UINT64_MAX / 4)
		return cli_wrong(err, "\"%.40s\" is no number of a job or claim: write it like 17", text);
	return 0;
}

void job_fini(struct chain_job *job)
{
	jobs_manager_new_job_event_fini(&job->made);
	memset(job, 0, sizeof(*job));
}

static int read_storage(struct chain_job *job, struct cli *c, struct err *err)
{
	struct u256 id = u256_of(job->id), index;
	struct jobs_manager_claim_params_result p;
	struct jobs_manager_num_jobs count;
	struct jobs_manager_get_job j;
	struct cli_reads reads = { 0 };
	int rc;

	jobs_manager_get_job_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER), &id);
	jobs_manager_num_jobs_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER));
	rc = cli_read_all(c, &reads, true, err);
	if (rc == 0)
		rc = chain_decoded(CLI_DECODE(jobs_manager_num_jobs, &count, reads, 1, err));
	if (rc == 0 && !reads.r[0].result)
		rc = cli_no(err, "there is no job %" PRIu64 ": the last one is %" PRIu64, job->id, count.value.w[0]);
	if (rc == 0)
		rc = chain_decoded(CLI_DECODE(jobs_manager_get_job, &j, reads, 0, err));
	cli_reads_fini(&reads);
	if (rc != 0)
		return rc;
	job->j = j.value;
	index = u256_of(job->j.params);
	jobs_manager_claim_params_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER), &index);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0)
		rc = chain_decoded(CLI_DECODE(jobs_manager_claim_params, &p, reads, 0, err));
	job->params = p.value;
	cli_reads_fini(&reads);
	return rc;
}

/* What was said when it was made: only hashes of it are in storage. */
static int read_made(struct chain_job *job, struct cli *c, struct err *err)
{
	struct hash32 id = topic_of_u64(job->id);
	const struct hash32 *const topics[4] = { jobs_manager_new_job_topic(), NULL, &id };
	uint64_t block = job->j.creation_block;
	struct job_details d;
	struct hash32 h;
	struct eth_logs logs;
	int rc = cli_logs(c, &c->pin.contracts[CONTRACT_JOBS_MANAGER], topics, block, block, &logs, err);

	if (rc == 0 && logs.n != 1) {
		err_set(err, ERR_NOT_FOUND, "the endpoint has no log of how job %" PRIu64 " was made, in block %" PRIu64,
			job->id, block);
		rc = 1;
	}
	if (rc == 0)
		rc = chain_decoded(jobs_manager_new_job_event_read(&job->made, &logs.l[0], err));
	if (rc == 0)
		rc = chain_decoded(job_options_parse(&job->options, job->made.options.p, job->made.options.n, err));
	eth_logs_fini(&logs);
	if (rc != 0)
		return rc;
	d = job_details(job);
	h = job_details_hash(&d);
	if (memcmp(h.b, job->j.details.b, 32) == 0)
		return 0;
	err_set(err, ERR_INVALID, "the endpoint's log of job %" PRIu64 " is not what the contract keeps a hash of",
		job->id);
	return 1;
}

int job_read(struct chain_job *job, struct cli *c, uint64_t id, struct err *err)
{
	struct u256 units, price;
	int rc;

	memset(job, 0, sizeof(*job));
	job->id = id;
	rc = read_storage(job, c, err);
	units = u256_of(job->j.units);
	price = u256_of(job->j.price);
	u256_mul(&job->segment_fee, &units, &price);	/* 48 and 64 bits */
	if (rc == 0)
		rc = read_made(job, c, err);
	if (rc != 0) {
		job_fini(job);
		return rc;
	}
	job->claims_until = job->j.end_block + job->params.claim_period;
	return 0;
}

struct job_details job_details(const struct chain_job *job)
{
	return (struct job_details) {
		.stream_id_hash = hash_keccak256(job->made.stream_id, strlen(job->made.stream_id)),
		.options_hash = hash_keccak256(job->made.options.p, job->made.options.n),
		.max_segment_ms = job->options.max_segment_ms,
		.plant_commitment = job->made.plant_commitment,
		.broadcaster = job->j.broadcaster,
		.segment_fee = job->segment_fee,
	};
}

struct claim_job job_claim_job(const struct chain_job *job, const struct cli *c, const struct eth_addr *transcoder)
{
	struct eip712_domain d = { c->pin.chain_id, c->pin.contracts[CONTRACT_JOBS_MANAGER] };

	return (struct claim_job) {
		.job_id = u256_of(job->id), .broadcaster = job->j.broadcaster, .transcoder = *transcoder,
		.stream_id_hash = hash_keccak256(job->made.stream_id, strlen(job->made.stream_id)),
		.domain = eip712_domain_hash(&d), .max_segment_ms = job->options.max_segment_ms,
	};
}

int job_arg(struct chain_job *job, struct round_now *r, struct cli *c, const char *text, struct err *err)
{
	uint64_t id;
	int rc = job_id_parse(&id, text, err);

	if (rc == 0)
		rc = round_read(c, r, err);
	return rc == 0 ? job_read(job, c, id, err) : rc;
}

/* ---- elections ---- */

static int rank(struct chain_election *e, const struct chain_job *job,
		const struct bonding_manager_get_candidates *list, struct err *err)
{
	struct hash32 id = topic_of_u64(job->id);
	uint8_t stake[32];
	size_t i;

	if (list->n_transcoders != list->n_stakes) {
		err_set(err, ERR_INVALID, "getCandidates: as many stakes as transcoders were expected");
		return 1;
	}
	e->c = xcalloc(list->n_transcoders + 1, sizeof(*e->c));
	for (i = 0; i < list->n_transcoders; i++) {
		e->c[i].addr = list->transcoders[i];
		u256_to_be(stake, &list->stakes[i]);
		memcpy(e->c[i].stake, stake + 20, 12);
	}
	e->n = election_rank(e->c, list->n_transcoders, &e->seed.h, id.b);
	return 0;
}

int election_read(struct chain_election *e, struct cli *c, const struct chain_job *job, struct err *err)
{
	struct u256 round = u256_of(job->j.creation_round), block = u256_of(job->j.creation_block);
	struct u256 price = u256_of(job->j.price);
	struct bonding_manager_get_candidates list = { 0 };
	struct cli_reads reads = { 0 };
	int rc;

	memset(e, 0, sizeof(*e));
	e->seed.number = job->j.creation_block + 1;
	rc = block_hashes_read(c, &e->seed, 1, err);
	if (rc != 0 || e->seed.state == HASH_FUTURE || e->seed.state == HASH_LOST)
		return rc;
	bonding_manager_get_candidates_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), &round, &block, &price);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0)
		rc = chain_decoded(CLI_DECODE(bonding_manager_get_candidates, &list, reads, 0, err));
	if (rc == 0)
		rc = rank(e, job, &list, err);
	bonding_manager_get_candidates_fini(&list);
	cli_reads_fini(&reads);
	return rc;
}

void election_fini(struct chain_election *e)
{
	free(e->c);
	memset(e, 0, sizeof(*e));
}

int election_rank_of(const struct chain_election *e, const struct eth_addr *who)
{
	size_t i;

	for (i = 0; i < e->n; i++) {
		if (eth_addr_equal(&e->c[i].addr, who))
			return (int)i;
	}
	return -1;
}
