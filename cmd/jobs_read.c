#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/eip712.h"
#include "base/err.h"
#include "base/mem.h"
#include "bind/bonding_manager.h"
#include "bind/rounds_manager.h"
#include "cmd/jobs_read.h"

#define HISTORY 8191		/* how far back EIP-2935 goes */
#define CHUNK 100		/* claims read at once: four reads each */
#define DRAWS_MAX 32

/* ---- words ---- */

char *block_when(char to[100], const struct round_now *r, uint64_t block)
{
	char time[60];

	round_time(time, r, block > r->block ? block - r->block : 0);
	snprintf(to, 100, "block %" PRIu64 "%s%s%s", block, block < r->block ? ", passed" : *time ? " (in " : "", time,
		 block >= r->block && *time ? ")" : "");
	return to;
}

void json_field(struct cli *c, const char *name, json_t *value)
{
	cli_field(c, name, value, NULL, "%s", "");
}

json_t *json_u64_text(uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	return json_string(text);
}

json_t *json_sequences(const uint64_t *s, size_t n)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_array_append_new(list, json_u64_text(s[i]));
	return list;
}

void fmt_sequences(char *to, size_t n, const uint64_t *s, size_t n_s)
{
	struct ranges l = { 0 };
	size_t i;

	for (i = 0; i < n_s; i++)
		ranges_add(&l, s[i], NULL);
	ranges_fmt(to, n, &l);
	ranges_fini(&l);
}

static struct hash32 word_of(uint64_t v)
{
	struct u256 n = u256_of(v);
	struct hash32 h;

	u256_to_be(h.b, &n);
	return h;
}

static struct hash32 topic_of_addr(const struct eth_addr *a)
{
	struct hash32 h = { { 0 } };

	memcpy(h.b + 12, a->b, 20);
	return h;
}

char *fmt_eth(char to[100], const struct u256 *wei)
{
	struct u256 small = u256_of(100000000000000);	/* 0.0001 ETH */

	return !u256_is_zero(wei) && u256_cmp(wei, &small) < 0 ? cli_fmt_gwei(to, wei) :
								  cli_fmt_amount(to, wei, UNIT_ETH);
}

/* A read that was answered: 0, else exit code 1. */
static int decoded(int rc)
{
	return rc < 0 ? 1 : 0;
}

static int u64_of(uint64_t *to, const struct u256 *v, const char *what, struct err *err)
{
	if (u256_to_u64(to, v) && *to < UINT64_MAX / 4)
		return 0;
	err_set(err, ERR_INVALID, "the endpoint tells a number that cannot be: %s", what);
	return 1;
}

/* ---- hashes of blocks ---- */

static int sealed_hashes(struct cli *c, struct block_hash *b, size_t n, struct err *err)
{
	struct rounds_manager_sealed_hash sealed;
	struct cli_reads reads = { 0 };
	struct u256 number;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		number = u256_of(b[i].number);
		rounds_manager_sealed_hash_call(cli_read(&reads, c, CONTRACT_ROUNDS_MANAGER), &number);
	}
	rc = cli_read_all(c, &reads, false, err);
	for (i = 0; i < n && rc == 0; i++) {
		static const struct hash32 none;

		rc = decoded(CLI_DECODE(rounds_manager_sealed_hash, &sealed, reads, i, err));
		if (rc == 0 && memcmp(sealed.value.b, none.b, 32) != 0) {
			b[i].state = HASH_SEALED;
			b[i].h = sealed.value;
		}
	}
	cli_reads_fini(&reads);
	return rc;
}

/* What the chain itself says of a block that contracts still have in history. */
static int recent_hash(struct cli *c, struct block_hash *b, struct err *err)
{
	char params[48];
	struct rpc_call call = { "eth_getBlockByNumber", params };
	struct eth_header head;
	struct rpc_reply r;
	int rc;

	snprintf(params, sizeof(params), "[\"0x%" PRIx64 "\",false]", b->number);
	rc = cli_rpc(c, &call, 1, &r, err);
	if (rc == 0 && !r.result) {
		err_set(err, ERR_IO, "eth_getBlockByNumber %" PRIu64 ": %s", b->number, r.message);
		rc = 1;
	}
	if (rc == 0)
		rc = decoded(rpc_header(&head, r.result, err));
	if (rc == 0) {
		b->state = HASH_RECENT;
		b->h = head.hash;
	}
	rpc_reply_fini(&r);
	return rc;
}

int block_hashes_read(struct cli *c, struct block_hash *b, size_t n, struct err *err)
{
	uint64_t next = c->head.number + 1;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		b[i].until = b[i].number + HISTORY;
		b[i].state = b[i].number + 1 >= next ? HASH_FUTURE : HASH_LOST;
	}
	rc = sealed_hashes(c, b, n, err);
	for (i = 0; i < n && rc == 0; i++) {
		if (b[i].state == HASH_LOST && next <= b[i].until)
			rc = recent_hash(c, &b[i], err);
	}
	return rc;
}

/* ---- jobs ---- */

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
		rc = decoded(CLI_DECODE(jobs_manager_num_jobs, &count, reads, 1, err));
	if (rc == 0 && !reads.r[0].result)
		rc = cli_no(err, "there is no job %" PRIu64 ": the last one is %" PRIu64, job->id, count.value.w[0]);
	if (rc == 0)
		rc = decoded(CLI_DECODE(jobs_manager_get_job, &j, reads, 0, err));
	cli_reads_fini(&reads);
	if (rc != 0)
		return rc;
	job->j = j.value;
	index = u256_of(job->j.params);
	jobs_manager_claim_params_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER), &index);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0)
		rc = decoded(CLI_DECODE(jobs_manager_claim_params, &p, reads, 0, err));
	job->params = p.value;
	cli_reads_fini(&reads);
	return rc;
}

/* What was said when it was made: only hashes of it are in storage. */
static int read_made(struct chain_job *job, struct cli *c, struct err *err)
{
	struct hash32 id = word_of(job->id);
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
		rc = decoded(jobs_manager_new_job_event_read(&job->made, &logs.l[0], err));
	if (rc == 0)
		rc = decoded(job_options_parse(&job->options, job->made.options.p, job->made.options.n, err));
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

/* ---- elections ---- */

static int rank(struct chain_election *e, const struct chain_job *job,
		const struct bonding_manager_get_candidates *list, struct err *err)
{
	struct hash32 id = word_of(job->id);
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
		rc = decoded(CLI_DECODE(bonding_manager_get_candidates, &list, reads, 0, err));
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

/* ---- claims: from logs ---- */

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
	if (u64_of(&k->id, &k->made.claim_id, "claimId", err) != 0)
		return 1;
	return decoded(ranges_parse(&k->ranges, k->made.ranges.p, k->made.ranges.n, 0, err));
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
static int read_logs(struct chain_claims *l, struct cli *c, const struct chain_job *job,
		     const struct eth_addr *transcoder, struct err *err)
{
	struct hash32 id = word_of(job->id), who;
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

/* ---- claims: from storage ---- */

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
	if (u64_of(&k->verify_until, &d.verify_until, "verifyUntil", err) != 0 ||
	    u64_of(&k->slash_until, &d.slash_until, "slashUntil", err) != 0 ||
	    u64_of(&k->payable_from, &d.payable_from, "payableFrom", err) != 0)
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
		rc = decoded(CLI_DECODE(jobs_manager_claim_params, &p, reads, i, err));
		if (rc == 0)
			k[i].params = p.value;
	}
	cli_reads_fini(&reads);
	return rc;
}

/* ---- claims: what follows ---- */

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
	rc = read_logs(l, c, job, transcoder, err);
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

/* ---- claims: words ---- */

const char *claim_phase_name(enum claim_phase p)
{
	static const char *const names[] = {
		"waits", "unverified", "judged", "matures", "payable", "missed", "lost", "void", "paid",
	};

	return names[p];
}

const char *claim_void_words(uint64_t reason)
{
	static const char *const words[] = {
		"", "a challenged segment was not verified in time", "a segment failed its verification",
		"a segment's input is invalid", "a segment's input could not be had", "no verdict was found",
		"its challenge block was never sealed", "another is elected", "it has a planted segment",
	};

	/* A refuted election voids all claims at once, with an event of its own. */
	if (reason == 0)
		return words[7];
	return reason < sizeof(words) / sizeof(words[0]) ? words[reason] : "for a reason this program does not know";
}

void claim_words(char to[200], const struct chain_claim *k, const struct round_now *r)
{
	char when[100], amount[100];

	switch (k->phase) {
	case CLAIM_WAITS:
		snprintf(to, 200, "challenged by %s; wait for the one after it", block_when(when, r, k->challenge.number));
		return;
	case CLAIM_UNVERIFIED:
		snprintf(to, 200, "verify %zu until %s", k->n_unverified, block_when(when, r, k->verify_until));
		return;
	case CLAIM_JUDGED:
		snprintf(to, 200, "verdicts are awaited");
		return;
	case CLAIM_MATURES:
		snprintf(to, 200, "%spayable from %s", k->settled ? "" : "verdicts may be appealed; ",
			 block_when(when, r, k->payable_from));
		return;
	case CLAIM_PAYABLE:
		snprintf(to, 200, "payable: lpnode distribute-fees");
		return;
	case CLAIM_MISSED:
		snprintf(to, 200, "%zu not verified in time: slashable until %s", k->n_unverified,
			 block_when(when, r, k->slash_until));
		return;
	case CLAIM_LOST:
		snprintf(to, 200, "its challenge was never sealed: lpnode claim void");
		return;
	case CLAIM_VOID:
		snprintf(to, 200, "void: %s", claim_void_words(k->void_reason));
		return;
	case CLAIM_PAID:
		snprintf(to, 200, "paid %s", fmt_eth(amount, &k->paid));
		return;
	}
}

/* ---- verifiers ---- */

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
		rc = decoded(CLI_DECODE(verifier_parameters, &p, reads, 0, err));
	cli_reads_fini(&reads);
	if (rc != 0)
		return rc;
	d->p = p.value;
	to = u256_of(d->p.committee);
	verifier_get_draws_call(cli_read(&reads, c, CONTRACT_VERIFIER), &r, &u256_zero, &to);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0)
		rc = decoded(CLI_DECODE(verifier_get_draws, &draws, reads, 0, err));
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
