/* lpnode claim create: what a transcoder did on a job. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/eip712.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "bind/bonding_manager.h"
#include "bind/rounds_manager.h"
#include "cmd/chain_job.h"
#include "cmd/commands.h"
#include "cmd/receipts_file.h"
#include "cmd/sent.h"
#include "cmd/tell.h"
#include "protocol/merkle.h"
#include "protocol/ranges.h"

#define FALLBACK_SIZE 74	/* rank, fromSequence, signature */
#define RANK_MAX 3
#define FALLBACK_TYPE "Fallback(uint256 jobId,uint8 rank,address transcoder,uint64 fromSequence)"

struct create_opts {
	char *receipts, *fallback;
	uint64_t max;
};
static const struct opt create_flags[] = {
	{ "receipts", OPT_STRING, offsetof(struct create_opts, receipts), NULL, 0, 0, "Claim", "FILE",
	  "JSON lines, one a segment (docs/cli.md); those that can be claimed are" },
	{ "max", OPT_UINT, offsetof(struct create_opts, max), "65535", 1, RANGES_SEGMENTS_MAX, "Claim", "N",
	  "claim only the first N of them" },
	{ "fallback", OPT_STRING, offsetof(struct create_opts, fallback), NULL, 0, 0, "Claim", "HEX",
	  "the broadcaster's word that you may work in place of those ranked before you: rank (1 byte), first "
	  "sequence (8), signature (65)" },
};

/* The broadcaster's word. */
struct fallback {
	uint8_t bytes[FALLBACK_SIZE];
	size_t n;			/* 0: none */
	unsigned rank;
	uint64_t from;
};

/* What is to be claimed, and what the chain says that matters to it. */
struct claiming {
	struct chain_job job;
	struct chain_election election;
	struct round_now round;
	struct jobs_manager_progress progress;
	struct fallback fallback;
	struct receipts receipts;
	struct ranges ranges;
	struct merkle tree;
	struct u256 fees;
	size_t passed_over;
	bool has_stake;
	uint64_t rate, verification_period, slashing_period;	/* in force */
	struct u256 verification_perc;				/* missedVerificationSlashAmount */
};

static void claiming_fini(struct claiming *m)
{
	receipts_fini(&m->receipts);
	ranges_fini(&m->ranges);
	merkle_fini(&m->tree);
	election_fini(&m->election);
	job_fini(&m->job);
}

enum { READ_PROGRESS, READ_STAKE, READ_RATE, READ_VERIFY, READ_SLASH, READ_MISSED };

static int decode_rules(struct claiming *m, const struct cli_reads *reads, struct err *err)
{
	struct jobs_manager_missed_verification_slash_amount missed;
	struct jobs_manager_verification_period verify;
	struct jobs_manager_slashing_period slash;
	struct jobs_manager_verification_rate rate;
	struct bonding_manager_has_stake stake;

	if (CLI_DECODE(jobs_manager_progress, &m->progress, *reads, READ_PROGRESS, err) < 0 ||
	    CLI_DECODE(bonding_manager_has_stake, &stake, *reads, READ_STAKE, err) < 0 ||
	    CLI_DECODE(jobs_manager_verification_rate, &rate, *reads, READ_RATE, err) < 0 ||
	    CLI_DECODE(jobs_manager_verification_period, &verify, *reads, READ_VERIFY, err) < 0 ||
	    CLI_DECODE(jobs_manager_slashing_period, &slash, *reads, READ_SLASH, err) < 0 ||
	    CLI_DECODE(jobs_manager_missed_verification_slash_amount, &missed, *reads, READ_MISSED, err) < 0)
		return 1;
	m->has_stake = stake.value;
	m->rate = rate.value.w[0];
	m->verification_period = verify.value.w[0] & UINT32_MAX;
	m->slashing_period = slash.value.w[0] & UINT32_MAX;
	m->verification_perc = missed.value;
	return 0;
}

static int read_rules(struct claiming *m, struct cli *c, struct err *err)
{
	struct u256 id = u256_of(m->job.id);
	struct cli_reads reads = { 0 };
	int rc;

	jobs_manager_progress_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER), &id, &c->account);
	bonding_manager_has_stake_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), &c->account);
	jobs_manager_verification_rate_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER));
	jobs_manager_verification_period_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER));
	jobs_manager_slashing_period_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER));
	jobs_manager_missed_verification_slash_amount_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER));
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0)
		rc = decode_rules(m, &reads, err);
	cli_reads_fini(&reads);
	return rc;
}

static int parse_fallback(struct fallback *f, const char *text, struct err *err)
{
	struct rd r;

	if (!text)
		return 0;
	if (hex_parse(f->bytes, FALLBACK_SIZE, text) < 0)
		return cli_wrong(err, "-fallback: not 0x and %d hex digits: rank (1 byte), first sequence (8), signature (65)",
				 2 * FALLBACK_SIZE);
	f->n = FALLBACK_SIZE;
	r = rd_of(f->bytes, FALLBACK_SIZE);
	f->rank = rd_u8(&r);
	f->from = rd_u64(&r);
	if (f->rank == 0 || f->rank > RANK_MAX)
		return cli_wrong(err, "-fallback: it is for rank %u; there are ranks 1 to %d", f->rank, RANK_MAX);
	return 0;
}

static int check_fallback(const struct claiming *m, const struct cli *c, struct err *err)
{
	struct claim_job j = job_claim_job(&m->job, c, &c->account);
	const struct fallback *f = &m->fallback;
	struct hash32 digest;
	struct sig65 sig;
	struct eip712 e;
	uint8_t id[32];

	u256_to_be(id, &j.job_id);
	eip712_init(&e, FALLBACK_TYPE);
	eip712_add_word(&e, id);
	eip712_add_uint(&e, f->rank);
	eip712_add_addr(&e, &c->account);
	eip712_add_uint(&e, f->from);
	digest = eip712_digest(&e, &j.domain);
	memcpy(sig.b, f->bytes + 9, sizeof(sig.b));
	if (sig_verify(&m->job.j.broadcaster, &digest, &sig, err) == 0)
		return 0;
	err_wrap(err, "-fallback");
	return 2;
}

/* Is it ours to claim?  Anyone eligible is let in by the contract, and slashed by whoever shows
 * that others come first: so that is refused here. */
static int check_rank(const struct claiming *m, const struct cli *c, struct err *err)
{
	int rank = election_rank_of(&m->election, &c->account);
	unsigned allowed = m->progress.claims ? (unsigned)m->progress.rank : m->fallback.rank;
	char first[43];

	if (m->election.seed.state == HASH_FUTURE)
		return cli_no(err, "block %" PRIu64 " elects for this job: wait for it", m->election.seed.number);
	if (m->election.seed.state == HASH_LOST)
		return cli_no(err, "the hash of block %" PRIu64 ", which elects for this job, was never sealed and can be had "
			      "no more: nobody can claim", m->election.seed.number);
	if (rank < 0)
		return cli_no(err, "you are not eligible for job %" PRIu64 ": in its round you were not active, or not "
			      "available, or asked for more than its price", m->job.id);
	if ((unsigned)rank <= allowed)
		return 0;
	eth_addr_fmt(first, &m->election.c[0].addr);
	return cli_no(err, "you have rank %d: %s is elected. With the broadcaster's word (--fallback) ranks up to %d may claim; "
		      "without it you would be slashed", rank, first, RANK_MAX);
}

static int check_open(const struct claiming *m, const struct cli *c, struct err *err)
{
	const struct chain_job *job = &m->job;
	int rc;

	if (m->round.block + 1 > job->claims_until)
		return cli_no(err, "job %" PRIu64 " is over: claims were taken until block %" PRIu64 ", the chain is at %"
			      PRIu64, job->id, job->claims_until, m->round.block);
	if (m->progress.relinquished)
		return cli_no(err, "you said that you take no more part in job %" PRIu64 " (job end)", job->id);
	if (m->progress.refuted)
		return cli_no(err, "your election for job %" PRIu64 " was refuted: nothing can be claimed on it", job->id);
	rc = check_rank(m, c, err);
	if (rc == 0 && !m->has_stake)
		rc = cli_no(err, "you have less than minTranscoderStake bonded to you: who claims must have something at "
			    "stake (lpnode bond)");
	return rc;
}

/* ---- which receipts ---- */

static int add_segment(struct claiming *m, const struct claim_segment *s, const struct claim_job *j, struct err *err)
{
	struct hash32 leaf;

	if (claim_segment_check(s, j, &leaf, err) < 0)
		return 3;
	if (ranges_add(&m->ranges, s->sequence, err) < 0 || merkle_add(&m->tree, &leaf, err) < 0)
		return 2;
	return 0;
}

static int choose(struct claiming *m, const struct cli *c, const struct create_opts *o, struct err *err)
{
	struct claim_job j = job_claim_job(&m->job, c, &c->account);
	uint64_t from = m->progress.next_sequence;
	size_t i;
	int rc = 0;

	if (!m->progress.claims && m->fallback.n && m->fallback.from > from)
		from = m->fallback.from;
	for (i = 0; i < m->receipts.n && rc == 0 && m->ranges.segments < o->max; i++) {
		if (m->receipts.s[i].sequence < from)
			m->passed_over++;
		else
			rc = add_segment(m, &m->receipts.s[i], &j, err);
	}
	if (rc == 0 && m->ranges.segments == 0)
		rc = cli_no(err, "nothing is left to claim: all %zu receipts are below sequence %" PRIu64 "%s", m->receipts.n,
			    from, m->progress.claims ? ", and what you have claimed is above them" : "");
	return rc;
}

static int check_escrow(struct claiming *m, struct err *err)
{
	struct u256 n = u256_of(m->ranges.segments), fits, rest;
	char a[100], b[100];

	if (!u256_mul(&m->fees, &n, &m->job.segment_fee))
		return cli_no(err, "the fees are more than there is");
	if (u256_cmp(&m->fees, &m->job.j.escrow) <= 0)
		return 0;
	u256_div(&fits, &rest, &m->job.j.escrow, &m->job.segment_fee);
	return cli_no(err, "%" PRIu32 " segments cost %s, the job's escrow has %s: it is enough for %" PRIu64 " (--max %" PRIu64
		      "); its broadcaster may add to it (job topup)", m->ranges.segments,
		      fmt_eth(a, &m->fees), fmt_eth(b, &m->job.j.escrow), fits.w[0],
		      fits.w[0]);
}

/* ---- sending it ---- */

/* The election's seed must be there for whoever refutes until the claim is final. */
static bool needs_seal(const struct claiming *m)
{
	uint64_t end = m->round.block + 2 + m->verification_period + m->slashing_period;

	return m->election.seed.state == HASH_RECENT && end > m->election.seed.number + BLOCK_HASH_HISTORY;
}

static void say_claim(struct cli_plan *p, const struct claiming *m)
{
	uint64_t block = m->round.block + 1, verify = block + m->verification_period;
	char a[100], b[32], ranges[120], when[100], later[100];

	ranges_fmt(ranges, sizeof(ranges), &m->ranges);
	cli_plan_say(p, "claim %" PRIu32 " segments on job %" PRIu64 ": %s", m->ranges.segments, m->job.id, ranges);
	if (m->passed_over)
		cli_plan_say(p, "%zu receipts are passed over: they are below what you may still claim", m->passed_over);
	cli_plan_say(p, "%s of the job's escrow are reserved for it, the verifiers' fees among them",
		     fmt_eth(a, &m->fees));
	cli_plan_say(p, "the hash of the block after it challenges about one segment in %" PRIu64 "; each must be verified until %s",
		     m->rate, block_when(when, &m->round, verify));
	cli_plan_say(p, "one that is not costs the whole claim and %s of the stake bonded to you; payable from %s",
		     cli_fmt_perc(b, m->verification_perc.w[0]),
		     block_when(later, &m->round, verify + m->slashing_period));
	if (m->fallback.n)
		cli_plan_say(p, "by the broadcaster's word as rank %u, from sequence %" PRIu64, m->fallback.rank,
			     m->fallback.from);
}

static void plan_claim(struct cli_plan *p, const struct claiming *m, struct cli *c, const struct hash32 *root)
{
	struct u256 id = u256_of(m->job.id), seed = u256_of(m->election.seed.number);
	char key[JOURNAL_KEY_MAX];
	struct cli_plan_tx *tx;
	struct buf ranges;

	if (needs_seal(m)) {
		snprintf(key, sizeof(key), "seal/%" PRIu64, m->election.seed.number);
		tx = cli_plan_add(p, c, CONTRACT_ROUNDS_MANAGER, key, "seal block %" PRIu64, m->election.seed.number);
		rounds_manager_seal_call(&tx->data, &seed);
		cli_plan_say(p, "first block %" PRIu64 ", which elected you, is sealed: it must be known until the claim is paid",
			     m->election.seed.number);
	}
	buf_init(&ranges, RANGE_SIZE * m->ranges.n);
	ranges_pack(&ranges, &m->ranges);
	/* What is claimed next begins behind this: the same sequences are never claimed again. */
	snprintf(key, sizeof(key), "claim/%" PRIu64 "/%" PRIu64 "-%" PRIu64, m->job.id, m->ranges.r[0].start,
		 ranges_end(&m->ranges));
	tx = cli_plan_add(p, c, CONTRACT_JOBS_MANAGER, key, "claim %" PRIu32 " segments on job %" PRIu64, m->ranges.segments,
			  m->job.id);
	jobs_manager_claim_work_call(&tx->data, &id, ranges.data, ranges.len, root, &m->election.seed.h, m->fallback.bytes,
				     m->fallback.n);
	buf_fini(&ranges);
	say_claim(p, m);
}

static void tell_claimed(struct cli *c, const struct jobs_manager_new_claim_event *e, const struct claiming *m,
			 uint64_t block)
{
	char a[100], ranges[120];

	ranges_fmt(ranges, sizeof(ranges), &m->ranges);
	json_field(c, "jobId", json_integer((json_int_t)m->job.id));
	cli_field(c, "claimId", json_integer((json_int_t)e->claim_id.w[0]), "claim", "%" PRIu64 " on job %" PRIu64,
		  e->claim_id.w[0], m->job.id);
	cli_field(c, "segments", json_integer((json_int_t)e->segments.w[0]), "segments", "%" PRIu64 ": %s", e->segments.w[0],
		  ranges);
	cli_field(c, "fees", cli_json_amount(&e->fees), "fees reserved", "%s", fmt_eth(a, &e->fees));
	json_field(c, "root", cli_json_hash(&e->root));
	json_field(c, "rank", json_integer((json_int_t)e->rank.w[0]));
	json_field(c, "claimBlock", json_integer((json_int_t)block));
	json_field(c, "verifyUntil", json_integer((json_int_t)(block + m->verification_period)));
	json_field(c, "payableFrom", json_integer((json_int_t)(block + m->verification_period + m->slashing_period)));
	cli_say(c, "block %" PRIu64 " challenges its segments: then `lpnode claims %" PRIu64 "` and `lpnode verify %" PRIu64
		" %" PRIu64 "`", block + 1, m->job.id, m->job.id, e->claim_id.w[0]);
}

static int send_claim(struct claiming *m, struct cli *c, struct err *err)
{
	struct hash32 root = merkle_build(&m->tree);
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct jobs_manager_new_claim_event e;
	struct cli_plan plan = { 0 };
	const struct eth_log *log;
	int rc;

	plan_claim(&plan, m, c, &root);
	rc = cli_send(c, &plan, receipts, err);
	if (rc != 0) {
		sent_fini(&plan, receipts);
		return rc;
	}
	log = receipt_event(&receipts[plan.n - 1], c, CONTRACT_JOBS_MANAGER, jobs_manager_new_claim_topic(), 0);
	if (!log || jobs_manager_new_claim_event_read(&e, log, err) < 0) {
		err_set(err, ERR_INVALID, "the receipt has no claim in it");
		rc = 1;
	} else {
		tell_claimed(c, &e, m, receipts[plan.n - 1].block);
		jobs_manager_new_claim_event_fini(&e);
	}
	sent_fini(&plan, receipts);
	return rc;
}

static int prepare_claim(struct claiming *m, struct cli *c, uint64_t id, const struct create_opts *o, struct err *err)
{
	int rc = parse_fallback(&m->fallback, o->fallback, err);

	if (rc == 0)
		rc = receipts_load(&m->receipts, o->receipts, err);
	if (rc == 0)
		rc = round_read(c, &m->round, err);
	if (rc == 0)
		rc = job_read(&m->job, c, id, err);
	if (rc == 0 && m->fallback.n)
		rc = check_fallback(m, c, err);
	if (rc == 0)
		rc = read_rules(m, c, err);
	if (rc == 0)
		rc = election_read(&m->election, c, &m->job, err);
	if (rc == 0 && m->round.paused)
		rc = round_must_be_open(&m->round, err);
	if (rc == 0)
		rc = check_open(m, c, err);
	if (rc == 0)
		rc = choose(m, c, o, err);
	return rc == 0 ? check_escrow(m, err) : rc;
}

static int run_create(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct create_opts *o = opts;
	struct claiming *m;
	uint64_t id;
	int rc = job_id_parse(&id, args[0], err);

	if (rc == 0 && !o->receipts)
		rc = cli_wrong(err, "-receipts FILE is missing: JSON lines, one receipt each (docs/cli.md)");
	if (rc != 0)
		return rc;
	m = xcalloc(1, sizeof(*m));
	rc = prepare_claim(m, c, id, o, err);
	if (rc == 0)
		rc = send_claim(m, c, err);
	claiming_fini(m);
	free(m);
	return rc;
}

static const struct cli_command commands[] = {
	{ .name = "claim create", .args = "JOB --receipts FILE", .help = "claim the fees of segments you transcoded",
	  .group = "Work", .min_args = 1, .max_args = 1, .need = CLI_KEY, .opts = create_flags,
	  .n_opts = sizeof(create_flags) / sizeof(create_flags[0]), .opts_size = sizeof(struct create_opts),
	  .run = run_create },
};
const struct cli_commands claim_create_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
