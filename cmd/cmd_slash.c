/*
 * What finders do: a misdeed that anyone can show is shown, and the finder gets its share.  A
 * finding is committed to one block before it is told, so that whoever reads it on its way
 * cannot take the share.  The commitment's salt follows from the account's key and the finding:
 * a command that was cut off between the two goes on with the same one, and nobody else can
 * guess it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/bonding_manager.h"
#include "bind/rounds_manager.h"
#include "cmd/commands.h"
#include "cmd/jobs_read.h"
#include "eth/abi.h"

#define GROUP "Finders"
#define ROUNDS_MAX 30		/* of one finding */
#define LOOK_BACK 120		/* rounds in which missed ones are looked for */
#define PERC_ONE 1000000

/* A finding and what it leads to. */
struct finding {
	struct eth_addr transcoder;
	struct hash32 action, salt;
	uint64_t perc, finder_perc;	/* slashed of the stake; of that to the finder */
	struct u256 stake;
	char what[120];			/* "missed rewards of rounds 5-7" */
};

/* ---- commitments ---- */

static struct hash32 hash_args(struct abi_args *a, const struct abi_selector *sel)
{
	struct hash32 h;
	struct buf b;

	buf_init(&b, 4096);
	abi_args_end(a, sel, &b, NULL);
	h = hash_keccak256(b.data, b.len);
	buf_fini(&b);
	return h;
}

/* Known to whoever has the key, the same each time. */
static struct hash32 salt_of(const struct sig_key *key, const struct hash32 *action)
{
	static const char domain[] = "lpnode finding";
	uint8_t text[sizeof(domain) + 32];
	struct sig65 sig;
	struct hash32 h;

	memcpy(text, domain, sizeof(domain));
	memcpy(text + sizeof(domain), action->b, 32);
	h = hash_keccak256(text, sizeof(text));
	sig = sig_sign(key, &h);
	return hash_keccak256(sig.b, sizeof(sig.b));
}

/* keccak256(abi.encode(finder, salt, action)) */
static struct hash32 commitment_of(const struct cli *c, const struct finding *f)
{
	struct abi_args a;

	abi_args_init(&a, 3);
	abi_args_addr(&a, &c->account);
	abi_args_word(&a, f->salt.b);
	abi_args_word(&a, f->action.b);
	return hash_args(&a, NULL);
}

/* ---- what all of them do ---- */

enum { READ_FEE, READ_INFO, READ_MISSED, READ_FAILED, READ_MISSED_VERIFY };

static int read_stakes(struct finding *f, uint64_t percs[3], struct cli *c, struct err *err)
{
	struct jobs_manager_missed_verification_slash_amount missed_verify;
	struct jobs_manager_failed_verification_slash_amount failed;
	struct bonding_manager_missed_reward_slash_amount missed;
	struct bonding_manager_get_transcoder_info info;
	struct bonding_manager_finder_fee fee;
	struct cli_reads reads = { 0 };
	int rc;

	bonding_manager_finder_fee_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_get_transcoder_info_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), &f->transcoder);
	bonding_manager_missed_reward_slash_amount_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER));
	jobs_manager_failed_verification_slash_amount_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER));
	jobs_manager_missed_verification_slash_amount_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER));
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && (CLI_DECODE(bonding_manager_finder_fee, &fee, reads, READ_FEE, err) < 0 ||
			CLI_DECODE(bonding_manager_get_transcoder_info, &info, reads, READ_INFO, err) < 0 ||
			CLI_DECODE(bonding_manager_missed_reward_slash_amount, &missed, reads, READ_MISSED, err) < 0 ||
			CLI_DECODE(jobs_manager_failed_verification_slash_amount, &failed, reads, READ_FAILED, err) < 0 ||
			CLI_DECODE(jobs_manager_missed_verification_slash_amount, &missed_verify, reads,
				   READ_MISSED_VERIFY, err) < 0))
		rc = 1;
	if (rc == 0) {
		f->finder_perc = fee.value.w[0];
		f->stake = info.value.stake;
		percs[0] = missed.value.w[0];
		percs[1] = missed_verify.value.w[0];
		percs[2] = failed.value.w[0];
	}
	cli_reads_fini(&reads);
	return rc;
}

static struct u256 part(const struct u256 *v, uint64_t perc)
{
	struct u256 p = u256_of(perc), one = u256_of(PERC_ONE), r = { { 0 } };

	u256_mul_div(&r, v, &p, &one);
	return r;
}

static void say_finding(struct cli_plan *p, const struct finding *f)
{
	struct u256 taken = part(&f->stake, f->perc), mine = part(&taken, f->finder_perc);
	char who[43], a[100], b[100], x[100], perc[32], share[32];

	eth_addr_fmt(who, &f->transcoder);
	cli_plan_say(p, "%s is slashed for %s", who, f->what);
	cli_plan_say(p, "%s of the %s that are bonded to it, about %s, are taken: from it and from its delegators alike",
		     cli_fmt_perc(perc, f->perc), cli_fmt_amount(a, &f->stake, UNIT_LPT), cli_fmt_amount(b, &taken, UNIT_LPT));
	cli_plan_say(p, "you get %s of that, about %s; the rest goes to the CommonPool", cli_fmt_perc(share, f->finder_perc),
		     cli_fmt_amount(x, &mine, UNIT_LPT));
	cli_plan_say(p, "two transactions: the finding is committed first, and told a block later, so that nobody who reads it "
		     "takes your share");
}

/* Would the contract take it now?  (Without the commitment, which it does not insist on.) */
static int try_it(struct cli *c, enum chain_contract to, const struct buf *data, struct err *err)
{
	struct cli_reads reads = { 0 };
	struct buf *b = cli_read(&reads, c, to);
	int rc;

	buf_add(b, data->data, data->len);
	rc = cli_read_all(c, &reads, false, err);
	cli_reads_fini(&reads);
	return rc;
}

static int tell_slashed(struct cli *c, const struct finding *f, const struct eth_receipt *r, struct err *err)
{
	const struct eth_log *log = receipt_event(r, c, CONTRACT_BONDING_MANAGER,
						  bonding_manager_transcoder_slashed_topic(), 0);
	struct bonding_manager_transcoder_slashed_event e;
	char a[100], b[100], who[43];

	if (!log || bonding_manager_transcoder_slashed_event_read(&e, log, err) < 0) {
		err_set(err, ERR_INVALID, "the receipt does not say that anything was slashed");
		return 1;
	}
	eth_addr_fmt(who, &f->transcoder);
	cli_field(c, "transcoder", cli_json_addr(&f->transcoder), "slashed", "%s", who);
	cli_field(c, "taken", cli_json_amount(&e.penalty), "taken", "%s", cli_fmt_amount(a, &e.penalty, UNIT_LPT));
	cli_field(c, "finderReward", cli_json_amount(&e.finder_reward), "of it yours", "%s",
		  cli_fmt_amount(b, &e.finder_reward, UNIT_LPT));
	return 0;
}

/* f without stakes and salt; call: with the salt when it is told, with none when it is tried. */
typedef void finding_call(struct buf *data, const struct hash32 *salt, const void *arg);

static int send_finding(struct cli *c, struct finding *f, enum chain_contract to, finding_call *call, const void *arg,
			const char *key, struct err *err)
{
	static const struct hash32 none;
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct hash32 commitment;
	struct cli_plan plan = { 0 };
	struct buf trial;
	char both[JOURNAL_KEY_MAX];
	size_t i;
	int rc;

	buf_init(&trial, 128 * 1024);
	call(&trial, &none, arg);
	rc = try_it(c, to, &trial, err);
	buf_fini(&trial);
	if (rc != 0)
		return rc;
	f->salt = salt_of(c->key, &f->action);
	commitment = commitment_of(c, f);
	snprintf(both, sizeof(both), "commit/%.150s", key);
	bonding_manager_commit_finding_call(&cli_plan_add(&plan, c, CONTRACT_BONDING_MANAGER, both,
							  "commit the finding")->data, &commitment);
	call(&cli_plan_add(&plan, c, to, key, "tell %s", f->what)->data, &f->salt, arg);
	say_finding(&plan, f);
	rc = cli_send(c, &plan, receipts, err);
	if (rc == 0) {
		rc = tell_slashed(c, f, &receipts[1], err);
		for (i = 0; i < plan.n; i++)
			eth_receipt_fini(&receipts[i]);
	}
	cli_plan_fini(&plan);
	return rc;
}

static int transcoder_arg(struct finding *f, const struct cli *c, const char *text, struct err *err)
{
	if (cli_addr(c, &f->transcoder, text, err) == 0)
		return 0;
	err_wrap(err, "TRANSCODER");
	return 2;
}

/* ---- slash missed-reward ---- */

struct missed {
	const struct finding *f;
	struct u256 rounds[ROUNDS_MAX];
	size_t n;
};

static void call_missed(struct buf *data, const struct hash32 *salt, const void *arg)
{
	const struct missed *m = arg;

	bonding_manager_missed_reward_slash_call(data, &m->f->transcoder, m->rounds, m->n, salt);
}

/* keccak256(abi.encode(selector, transcoder, rounds)): bytes4 is a word, left-aligned. */
static struct hash32 missed_action(const struct missed *m)
{
	static const char signature[] = "missedRewardSlash(address,uint256[],bytes32)";
	struct abi_selector sel = abi_selector_of(signature);
	struct u256 offset = u256_of(96), n = u256_of(m->n);
	uint8_t word[32] = { 0 };
	struct abi_args a;
	size_t i;

	/* A list at the end: its offset, length and items are words, too. */
	abi_args_init(&a, 4 + m->n);
	memcpy(word, sel.b, 4);
	abi_args_word(&a, word);
	abi_args_addr(&a, &m->f->transcoder);
	abi_args_u256(&a, &offset);
	abi_args_u256(&a, &n);
	for (i = 0; i < m->n; i++)
		abi_args_u256(&a, &m->rounds[i]);
	return hash_args(&a, NULL);
}

/* A number, and what stands behind it. */
static bool parse_round(uint64_t *v, const char **p)
{
	char *end;

	if (**p < '0' || **p > '9')
		return false;
	*v = strtoull(*p, &end, 10);
	*p = end;
	return *v <= UINT32_MAX;
}

/* "5-7", "5,6,8" */
static int parse_rounds(struct missed *m, const char *text, struct err *err)
{
	const char *p = text;
	uint64_t from, to;

	while (parse_round(&from, &p)) {
		to = from;
		if (*p == '-' && (p++, !parse_round(&to, &p)))
			break;
		if (to < from || to - from >= ROUNDS_MAX - m->n)
			break;
		for (; from <= to; from++)
			m->rounds[m->n++] = u256_of(from);
		if (*p == '\0')
			return 0;
		if (*p++ != ',')
			break;
	}
	return cli_wrong(err, "ROUNDS \"%.40s\": write them like 5-7 or 5,6,8, at most %d", text, ROUNDS_MAX);
}

/* Of a round: was it initialised, and was the transcoder to call reward() in it? */
struct round_state {
	uint64_t round;
	bool initialized, active;
};

static int read_states(struct round_state *s, size_t n, struct cli *c, const struct eth_addr *who, struct err *err)
{
	struct bonding_manager_is_active_transcoder_at active;
	struct rounds_manager_initialized_round initialized;
	struct cli_reads reads = { 0 };
	struct u256 round;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		round = u256_of(s[i].round);
		rounds_manager_initialized_round_call(cli_read(&reads, c, CONTRACT_ROUNDS_MANAGER), &round);
		bonding_manager_is_active_transcoder_at_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), who, &round);
	}
	rc = cli_read_all(c, &reads, false, err);
	for (i = 0; i < n && rc == 0; i++) {
		if (CLI_DECODE(rounds_manager_initialized_round, &initialized, reads, 2 * i, err) < 0 ||
		    CLI_DECODE(bonding_manager_is_active_transcoder_at, &active, reads, 2 * i + 1, err) < 0)
			rc = 1;
		s[i].initialized = initialized.value;
		s[i].active = active.value;
	}
	cli_reads_fini(&reads);
	return rc;
}

/* Tries each run of k rounds in a row, oldest first: which were punished already is not told by
 * any view. */
static int try_runs(struct missed *m, struct cli *c, const uint64_t *rounds, size_t n, size_t k, bool *found,
		    struct err *err)
{
	static const struct hash32 none;
	struct cli_reads reads = { 0 };
	size_t i, at;
	int rc;

	*found = false;
	for (at = 0; at + k <= n; at++) {
		for (i = 0; i < k; i++)
			m->rounds[i] = u256_of(rounds[at + i]);
		m->n = k;
		call_missed(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), &none, m);
	}
	rc = reads.n ? cli_read_all(c, &reads, true, err) : 0;
	for (at = 0; at < reads.n && rc == 0 && !*found; at++) {
		if (reads.r[at].error)
			continue;
		*found = true;
		for (i = 0; i < k; i++)
			m->rounds[i] = u256_of(rounds[at + i]);
	}
	cli_reads_fini(&reads);
	return rc;
}

struct missed_rules {
	uint64_t in_a_row, last_reward;
};

static int read_missed_rules(struct missed_rules *q, struct cli *c, const struct eth_addr *who, struct err *err)
{
	struct bonding_manager_get_transcoder_info info;
	struct bonding_manager_missed_reward_rounds k;
	struct cli_reads reads = { 0 };
	int rc;

	bonding_manager_missed_reward_rounds_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER));
	bonding_manager_get_transcoder_info_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), who);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && (CLI_DECODE(bonding_manager_missed_reward_rounds, &k, reads, 0, err) < 0 ||
			CLI_DECODE(bonding_manager_get_transcoder_info, &info, reads, 1, err) < 0))
		rc = 1;
	cli_reads_fini(&reads);
	if (rc != 0)
		return rc;
	q->in_a_row = k.value.w[0];
	q->last_reward = info.value.last_reward_round;
	if (q->in_a_row == 0 || q->in_a_row > ROUNDS_MAX)
		return cli_no(err, "missedRewardRounds is %" PRIu64 ": more than this command knows", q->in_a_row);
	return 0;
}

static int find_missed(struct missed *m, struct cli *c, const struct round_now *r, struct err *err)
{
	struct round_state s[LOOK_BACK];
	uint64_t run[LOOK_BACK], first, round;
	struct missed_rules q = { 0 };
	size_t n = 0, n_run = 0, missed = 0, i;
	bool found = false;
	int rc = read_missed_rules(&q, c, &m->f->transcoder, err);

	if (rc != 0)
		return rc;
	first = r->round > LOOK_BACK ? r->round - LOOK_BACK : 1;
	first = q.last_reward + 1 > first ? q.last_reward + 1 : first;
	for (round = first; round < r->round; round++)
		s[n++] = (struct round_state) { .round = round };
	rc = n ? read_states(s, n, c, &m->f->transcoder, err) : 0;
	/* An initialised round in which it was not active ends a run; others do not count. */
	for (i = 0; rc == 0 && !found && i <= n; i++) {
		if (i < n && !s[i].initialized)
			continue;
		if (i < n && s[i].active) {
			run[n_run++] = s[i].round;
			missed++;
			continue;
		}
		rc = try_runs(m, c, run, n_run, q.in_a_row, &found, err);
		n_run = 0;
	}
	if (rc != 0 || found)
		return rc;
	return cli_no(err, "nothing to show: slashed are %" PRIu64 " initialised rounds in a row, active and without reward; since "
		      "round %" PRIu64 " it missed %zu that are over (those punished already count once)", q.in_a_row,
		      q.last_reward, missed);
}

static void name_rounds(struct finding *f, const struct missed *m)
{
	uint64_t list[ROUNDS_MAX];
	char text[60];
	size_t i;

	for (i = 0; i < m->n; i++)
		list[i] = m->rounds[i].w[0];
	fmt_sequences(text, sizeof(text), list, m->n);
	snprintf(f->what, sizeof(f->what), "missed rewards of rounds %s", text);
}

static int run_missed_reward(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct finding f = { .perc = 0 };
	struct missed m = { .f = &f };
	char key[JOURNAL_KEY_MAX], who[43];
	uint64_t percs[3];
	struct round_now r;
	int rc = transcoder_arg(&f, c, args[0], err);

	if (rc == 0 && n_args > 1)
		rc = parse_rounds(&m, args[1], err);
	if (rc == 0)
		rc = round_read_open(c, &r, err);
	if (rc == 0)
		rc = read_stakes(&f, percs, c, err);
	if (rc == 0 && m.n == 0)
		rc = find_missed(&m, c, &r, err);
	if (rc != 0)
		return rc;
	f.perc = percs[0];
	f.action = missed_action(&m);
	name_rounds(&f, &m);
	eth_addr_fmt(who, &f.transcoder);
	snprintf(key, sizeof(key), "slash-reward/%s/%" PRIu64, who, m.rounds[0].w[0]);
	rc = send_finding(c, &f, CONTRACT_BONDING_MANAGER, call_missed, &m, key, err);
	if (rc == 0) {
		json_t *list = json_array();
		size_t i;

		for (i = 0; i < m.n; i++)
			json_array_append_new(list, json_integer((json_int_t)m.rounds[i].w[0]));
		json_field(c, "rounds", list);
	}
	return rc;
}

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
	return hash_args(&a, NULL);
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
	rc = send_finding(c, f, CONTRACT_JOBS_MANAGER, call_unverified, &u, key, err);
	if (rc == 0) {
		json_field(c, "jobId", json_integer((json_int_t)job->id));
		json_field(c, "claimId", json_integer((json_int_t)k->id));
		json_field(c, "sequence", json_u64_text(u.sequence));
	}
	return rc;
}

static int run_missed_verification(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct finding f = { .perc = 0 };
	const struct chain_claim *k;
	struct chain_claims l;
	uint64_t id, claim, percs[3];
	struct chain_job job;
	struct round_now r;
	int rc = job_id_parse(&id, args[0], err);

	if (rc == 0)
		rc = transcoder_arg(&f, c, args[1], err);
	if (rc == 0)
		rc = job_id_parse(&claim, args[2], err);
	if (rc == 0)
		rc = round_read_open(c, &r, err);
	if (rc == 0)
		rc = job_read(&job, c, id, err);
	if (rc != 0)
		return rc;
	rc = claims_read(&l, c, &job, &f.transcoder, err);
	if (rc == 0) {
		rc = claims_find(&k, &l, claim, &job, err);
		if (rc == 0)
			rc = check_missed(k, &r, err);
		if (rc == 0)
			rc = read_stakes(&f, percs, c, err);
		if (rc == 0) {
			f.perc = percs[1];
			rc = show_unverified(c, &f, &job, k, err);
		}
		claims_fini(&l);
	}
	job_fini(&job);
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
	return hash_args(&a, NULL);
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
	return send_finding(c, f, CONTRACT_JOBS_MANAGER, call_refute, &e, key, err);
}

static void tell_refuted(struct cli *c, const struct chain_job *job)
{
	json_field(c, "jobId", json_integer((json_int_t)job->id));
	cli_say(c, "all its pending claims on job %" PRIu64 " are void; their fees are back in the escrow", job->id);
}

static int run_refute(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct finding f = { .perc = 0 };
	uint64_t id, percs[3];
	struct chain_job job;
	struct round_now r;
	int rc = job_id_parse(&id, args[0], err);

	if (rc == 0)
		rc = transcoder_arg(&f, c, args[1], err);
	if (rc == 0)
		rc = round_read_open(c, &r, err);
	if (rc == 0)
		rc = job_read(&job, c, id, err);
	if (rc != 0)
		return rc;
	rc = read_stakes(&f, percs, c, err);
	f.perc = percs[2];
	if (rc == 0)
		rc = show_refutation(c, &f, &job, err);
	if (rc == 0)
		tell_refuted(c, &job);
	job_fini(&job);
	return rc;
}

static const struct cli_command commands[] = {
	{ .name = "slash missed-reward", .args = "TRANSCODER [ROUNDS]", .help = "show that a transcoder did not call reward",
	  .group = GROUP, .min_args = 1, .max_args = 2, .need = CLI_KEY, .run = run_missed_reward },
	{ .name = "slash missed-verification", .args = "JOB TRANSCODER CLAIM",
	  .help = "show that a challenged segment was not verified in time", .group = GROUP, .min_args = 3, .max_args = 3,
	  .need = CLI_KEY, .run = run_missed_verification },
	{ .name = "slash refute-election", .args = "JOB TRANSCODER", .help = "show that others are elected before who claimed",
	  .group = GROUP, .min_args = 2, .max_args = 2, .need = CLI_KEY, .run = run_refute },
};
const struct cli_commands slash_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
