/*
 * How challenged segments of a claim are verified: which verifiers are drawn (claim draws), and
 * the evidence with what they signed (verify).
 */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cmd/args.h"
#include "cmd/commands.h"
#include "cmd/evidence.h"
#include "cmd/sent.h"
#include "cmd/tell.h"

#define GROUP "Work"
#define PASS_ALL u256_zero

struct verify_opts {
	char *receipts, *verdicts, *statements, *transcoder;
	uint64_t batch;
};
#define AT(f) offsetof(struct verify_opts, f)
#define RECEIPTS_FLAG \
	{ "receipts", OPT_STRING, AT(receipts), NULL, 0, 0, "Claim", "FILE", \
	  "the receipts that were claimed, all of them (others in it are passed over)" }
#define BATCH_FLAG \
	{ "batch", OPT_UINT, AT(batch), "64", 1, CLAIM_BATCH_MAX, "Claim", "N", "segments of one transaction" }
static const struct opt verify_flags[] = {
	RECEIPTS_FLAG,
	{ "verdicts", OPT_STRING, AT(verdicts), NULL, 0, 0, "Claim", "FILE",
	  "openings of the drawn, all of them PASS: verified and judged in one transaction a batch" },
	{ "statements", OPT_STRING, AT(statements), NULL, 0, 0, "Claim", "FILE",
	  "what the drawn signed of having the input: their verdicts come later" },
	BATCH_FLAG,
};
static const struct opt draws_flags[] = {
	RECEIPTS_FLAG,
	{ "transcoder", OPT_STRING, AT(transcoder), NULL, 0, 0, "Claim", "ADDRESS",
	  "whose claim; without it your own" },
	BATCH_FLAG,
};

/* ---- claim draws ---- */

static uint64_t number_at(const struct batch *b, size_t i)
{
	return b->s[i].sequence;
}

static void batch_words(char *to, size_t n, const struct batch *b)
{
	uint64_t list[CLAIM_BATCH_MAX];
	size_t i;

	for (i = 0; i < b->n; i++)
		list[i] = number_at(b, i);
	fmt_sequences(to, n, list, b->n);
}

static json_t *batch_sequences(const struct batch *b)
{
	uint64_t list[CLAIM_BATCH_MAX];
	size_t i;

	for (i = 0; i < b->n; i++)
		list[i] = number_at(b, i);
	return json_sequences(list, b->n);
}

static void tell_draws(struct cli *c, const struct chain_draws *d)
{
	static const struct cli_column cols[] = {
		{ "k", "draw", true }, { "seatId", "seat", true }, { "verifier", "verifier", false }, { "empty", "note", false },
	};
	struct cli_table *t = cli_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	char who[43];
	size_t i;

	cli_say(c, "\ndrawn, of whom %" PRIu64 " must answer the same:", d->p.quorum);
	for (i = 0; i < d->n; i++) {
		eth_addr_fmt(who, &d->d[i].owner);
		cli_cell(t, json_integer((json_int_t)d->d[i].k.w[0]), "%" PRIu64, d->d[i].k.w[0]);
		cli_cell(t, json_integer((json_int_t)d->d[i].seat_id.w[0]), "%" PRIu64, d->d[i].seat_id.w[0]);
		cli_cell(t, cli_json_addr(&d->d[i].owner), "%s", who);
		cli_cell(t, json_boolean(d->d[i].empty), "%s", d->d[i].empty ? "empty: conflicted, or drawn before" : "");
	}
	cli_table_end(c, t, "draws");
	json_field(c, "quorum", json_integer((json_int_t)d->p.quorum));
}

static void tell_batches(struct cli *c, const struct evidence *v)
{
	static const struct cli_column cols[] = {
		{ "batch", "batch", true }, { "count", "segments", true }, { "sequences", "sequences", false },
		{ "work", "work that is signed", false },
	};
	struct cli_table *t = cli_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	char text[28];
	size_t i;

	for (i = 0; i < v->n_batches; i++) {
		const struct batch *b = &v->batches[i];
		json_t *work = cli_json_hash(&b->work);

		batch_words(text, sizeof(text), b);
		cli_cell(t, json_integer((json_int_t)i), "%zu", i);
		cli_cell(t, json_integer((json_int_t)b->n), "%zu", b->n);
		cli_cell(t, batch_sequences(b), "%s", text);
		cli_cell(t, work, "%s", json_string_value(work));
	}
	cli_table_end(c, t, "batches");
}

static int run_draws(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct verify_opts *o = opts;
	struct eth_addr who = c->account;
	struct evidence v = { 0 };
	char when[100];
	int rc = 0;

	if (o->transcoder)
		rc = addr_arg(c, &who, o->transcoder, "-transcoder", err);
	else if (!c->has_account)
		rc = cli_wrong(err, "whose claim? give -transcoder ADDRESS, or -ethAcctAddr");
	if (rc == 0)
		rc = evidence_read(&v, c, args, &who, o->receipts, o->batch, err);
	if (rc == 0) {
		cli_field(c, "verifyUntil", json_integer((json_int_t)v.claim->verify_until), "to be verified until", "%s",
			  block_when(when, &v.round, v.claim->verify_until));
		tell_batches(c, &v);
		tell_draws(c, &v.draws);
	}
	evidence_fini(&v);
	return rc;
}

/* ---- what verifiers signed ---- */

static const struct verifier_draw *find_draw(const struct chain_draws *d, unsigned k)
{
	size_t i;

	for (i = 0; i < d->n; i++) {
		if (d->d[i].k.w[0] == k)
			return &d->d[i];
	}
	return NULL;
}

static int check_opening(const struct claim_opening *o, const struct evidence *v, bool statement, struct err *err)
{
	const struct verifier_draw *d = find_draw(&v->draws, o->k);

	if (!d)
		return cli_no(err, "draw %u: there are draws 0 to %zu (lpnode claim draws)", o->k, v->draws.n - 1);
	if (d->empty)
		return cli_no(err, "draw %u is empty: its verifier is a party of the claim, or was drawn before", o->k);
	if (!statement && u256_cmp(&o->answers, &PASS_ALL) != 0)
		return cli_no(err, "draw %u did not answer PASS on every segment: then verdicts take two transactions; use "
			      "--statements, or neither", o->k);
	if (claim_opening_check(o, &v->rules, (uint32_t)v->claim->id, &d->owner, statement, err) < 0) {
		err_wrap(err, "draw %u", o->k);
		return 3;
	}
	return 0;
}

/* The first of a batch, as many as are needed: each costs gas, and the fee is the same. */
static int take_signatures(struct batch *b, const struct evidence *v, const struct openings *l, bool statement,
			   struct err *err)
{
	size_t i, need = v->draws.p.quorum;
	char text[60];
	int rc = 0;
	unsigned last = UINT32_MAX;

	for (i = 0; i < l->n && rc == 0 && b->n_signed < need; i++) {
		if (memcmp(l->o[i].work.b, b->work.b, 32) != 0 || l->o[i].k == last)
			continue;
		rc = check_opening(&l->o[i], v, statement, err);
		if (rc == 0) {
			claim_opening_pack(&b->signatures, &l->o[i], statement);
			last = l->o[i].k;
			b->n_signed++;
		}
	}
	if (rc != 0 || b->n_signed == need)
		return rc;
	batch_words(text, sizeof(text), b);
	return cli_no(err, "the file has %zu signatures over the batch of segments %s, %zu are needed: `lpnode claim draws` "
		      "shows what is to be signed, and by whom", b->n_signed, text, need);
}

static int load_signatures(struct evidence *v, const struct verify_opts *o, struct err *err)
{
	bool statement = o->statements != NULL;
	struct openings l;
	size_t i;
	int rc;

	if (o->statements && o->verdicts)
		return cli_wrong(err, "-verdicts and -statements: give one of them");
	if (!o->statements && !o->verdicts)
		return 0;
	rc = openings_load(&l, statement ? o->statements : o->verdicts, statement, err);
	if (rc != 0)
		return rc;
	for (i = 0; i < v->n_batches && rc == 0; i++)
		rc = take_signatures(&v->batches[i], v, &l, statement, err);
	openings_fini(&l);
	return rc;
}

/* ---- sending it ---- */

static struct jobs_manager_signature signature_of(const struct sig65 *sig)
{
	struct jobs_manager_signature s = { .v = sig->b[64] };

	memcpy(s.r.b, sig->b, 32);
	memcpy(s.s.b, sig->b + 32, 32);
	return s;
}

static void add_call(struct buf *data, const struct evidence *v, struct batch *b, bool verdicts)
{
	struct jobs_manager_claim_ref ref = claim_ref(&v->job, v->claim);
	struct job_details d = job_details(&v->job);
	struct jobs_manager_verify_segment s[CLAIM_BATCH_MAX];
	struct merkle_multiproof m;
	struct jobs_manager_verify_proof p = {
		.details = { d.stream_id_hash, d.options_hash, d.max_segment_ms, d.plant_commitment, d.broadcaster,
			     d.segment_fee },
		.ranges = v->claim->made.ranges, .root = v->claim->made.root,
	};
	size_t i;

	for (i = 0; i < b->n; i++)
		s[i] = (struct jobs_manager_verify_segment) {
			b->s[i].sequence, b->s[i].duration_ms, b->s[i].data_hash, b->s[i].transcoded_hash,
			signature_of(&b->s[i].broadcaster_sig), signature_of(&b->s[i].transcoder_sig),
		};
	merkle_multiproof(&v->tree, b->index, b->n, &m, NULL);
	p.proof = m.proof;
	p.n_proof = m.n_proof;
	p.flag_bits = m.flags;
	p.n_flag_bits = merkle_flag_words(m.n_flags);
	p.flag_count = m.n_flags;
	if (verdicts)
		jobs_manager_verify_with_verdicts_call(data, &ref, s, b->n, &p, b->signatures.data, b->signatures.len);
	else
		jobs_manager_verify_call(data, &ref, s, b->n, &p, b->signatures.data, b->signatures.len);
	merkle_multiproof_fini(&m);
}

static void say_verify(struct cli_plan *p, const struct evidence *v, const struct verify_opts *o, size_t sent)
{
	const struct chain_claim *k = v->claim;
	struct u256 perc = u256_of(k->params.verifier_fee), one = u256_of(1000000), fee, n, all, half;
	size_t i, count = 0;
	char a[100], when[100];

	for (i = 0; i < sent; i++)
		count += v->batches[i].n;
	n = u256_of(count);
	u256_mul_div(&fee, &v->job.segment_fee, &perc, &one);
	u256_mul(&fee, &fee, &n);
	n = u256_of(2);
	u256_div(&half, &all, &k->made.fees, &n);
	if (u256_cmp(&fee, &half) > 0)
		fee = half;
	cli_plan_say(p, "%zu of %zu challenged segments of claim %" PRIu64 " on job %" PRIu64 " are verified in %zu transaction%s",
		     count, k->n_challenged, k->id, v->job.id, sent, sent == 1 ? "" : "s");
	if (o->verdicts)
		cli_plan_say(p, "verifiers said PASS: the verdict holds at once, and may be appealed for %" PRIu64 " blocks",
			     v->draws.p.appeal_period);
	else
		cli_plan_say(p, "verdicts are due %" PRIu64 " blocks later; %s", v->draws.p.verdict_period, o->statements ?
			     "a quorum of verifiers has signed that it has the input" :
			     "without statements an input that cannot be had counts as FAIL");
	cli_plan_say(p, "at most %s of the claim's fees go to the verifiers; payable from %s", fmt_eth(a, &fee),
		     block_when(when, &v->round, k->payable_from));
	if (sent < v->n_batches)
		cli_plan_say(p, "%zu more transactions are needed afterwards: run this again", v->n_batches - sent);
	if (v->lost)
		cli_plan_say(p, "%zu challenged segments are below what was verified already: they cannot be verified any more",
			     v->lost);
}

static void plan_verify(struct cli_plan *p, struct cli *c, const struct evidence *v, const struct verify_opts *o)
{
	char key[JOURNAL_KEY_MAX];
	struct cli_plan_tx *tx;
	size_t i;

	for (i = 0; i < v->n_batches && i < CLI_PLAN_MAX; i++) {
		struct batch *b = &v->batches[i];

		snprintf(key, sizeof(key), "verify/%" PRIu64 "/%" PRIu64 "/%" PRIu64, v->job.id, v->claim->id, number_at(b, 0));
		tx = cli_plan_add(p, c, CONTRACT_JOBS_MANAGER, key, "verify %zu segments of claim %" PRIu64 " on job %" PRIu64,
				  b->n, v->claim->id, v->job.id);
		add_call(&tx->data, v, b, o->verdicts != NULL);
	}
	say_verify(p, v, o, p->n);
}

/* What the chain made of a batch: what is judged at once passed. */
static const char *verdict_of(const struct cli *c, const struct eth_receipt *r)
{
	const struct hash32 *topic = jobs_manager_verify_with_verdicts_topic();

	return receipt_event(r, c, CONTRACT_JOBS_MANAGER, topic, 0) ? "PASS" : "awaited";
}

static void tell_verified(struct cli *c, const struct evidence *v, const struct eth_receipt *receipts, size_t n)
{
	static const struct cli_column cols[] = {
		{ "batch", "batch", true }, { "count", "segments", true }, { "sequences", "sequences", false },
		{ "verdict", "verdict", false }, { "gas", "gas", true }, { "work", NULL, false },
	};
	struct cli_table *t = cli_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	char text[60];
	size_t i;

	json_field(c, "jobId", json_integer((json_int_t)v->job.id));
	json_field(c, "claimId", json_integer((json_int_t)v->claim->id));
	for (i = 0; i < n; i++) {
		const char *verdict = verdict_of(c, &receipts[i]);

		batch_words(text, sizeof(text), &v->batches[i]);
		cli_cell(t, json_integer((json_int_t)i), "%zu", i);
		cli_cell(t, json_integer((json_int_t)v->batches[i].n), "%zu", v->batches[i].n);
		cli_cell(t, batch_sequences(&v->batches[i]), "%s", text);
		cli_cell(t, json_string(verdict), "%s", verdict);
		cli_cell(t, json_integer((json_int_t)receipts[i].gas_used), "%" PRIu64, receipts[i].gas_used);
		cli_cell(t, cli_json_hash(&v->batches[i].work), "%s", "");
	}
	cli_table_end(c, t, "batches");
	json_field(c, "payableFrom", json_integer((json_int_t)v->claim->payable_from));
	json_field(c, "left", json_integer((json_int_t)(v->n_batches - n)));
	cli_say(c, "when the claim is final: lpnode distribute-fees %" PRIu64 " %" PRIu64, v->job.id, v->claim->id);
}

static int run_verify(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX];
	const struct verify_opts *o = opts;
	struct cli_plan plan = { 0 };
	struct evidence v = { 0 };
	int rc = evidence_read(&v, c, args, &c->account, o->receipts, o->batch, err);

	if (rc == 0)
		rc = load_signatures(&v, o, err);
	if (rc == 0) {
		plan_verify(&plan, c, &v, o);
		rc = cli_send(c, &plan, receipts, err);
		if (rc == 0)
			tell_verified(c, &v, receipts, plan.n);
		sent_fini(&plan, receipts);
	}
	evidence_fini(&v);
	return rc;
}

#define OPTS(table) .opts = table, .n_opts = sizeof(table) / sizeof(table[0]), .opts_size = sizeof(struct verify_opts)
static const struct cli_command commands[] = {
	{ .name = "claim draws", .args = "JOB CLAIM --receipts FILE", .help = "what verifiers sign for a claim, and who they are",
	  .group = GROUP, .min_args = 2, .max_args = 2, .need = CLI_CHAIN, OPTS(draws_flags), .run = run_draws },
	{ .name = "verify", .args = "JOB CLAIM --receipts FILE", .help = "verify the challenged segments of a claim",
	  .group = GROUP, .min_args = 2, .max_args = 2, .need = CLI_KEY, OPTS(verify_flags), .run = run_verify },
};
const struct cli_commands verify_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
