/* lpnode job show, list. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "cmd/chain_job.h"
#include "cmd/chain_read.h"
#include "cmd/commands.h"
#include "cmd/job_words.h"
#include "cmd/tell.h"

#define GROUP "Broadcasters"
#define LIST_MAX 100

/* ---- job show ---- */

static const char *status_name(const struct chain_job *job, const struct round_now *r)
{
	if (r->block < job->j.end_block)
		return "active";
	if (r->block < job->claims_until)
		return "ended";
	return job->j.pending_claims ? "settling" : u256_is_zero(&job->j.escrow) ? "closed" : "refundable";
}

static void tell_status(struct cli *c, const struct chain_job *job, const struct round_now *r)
{
	const char *name = status_name(job, r);
	char until[100], claims[100];

	block_when(until, r, job->j.end_block);
	block_when(claims, r, job->claims_until);
	cli_field(c, "status", json_string(name), "status", "%s: segments until %s, claims until %s", name, until, claims);
	cli_field(c, "creationBlock", json_integer((json_int_t)job->j.creation_block), "made in", "block %" PRIu64
		  ", round %" PRIu64, job->j.creation_block, job->j.creation_round);
	json_field(c, "creationRound", json_integer((json_int_t)job->j.creation_round));
	json_field(c, "endBlock", json_integer((json_int_t)job->j.end_block));
	json_field(c, "claimsUntil", json_integer((json_int_t)job->claims_until));
}

static void tell_money(struct cli *c, const struct chain_job *job)
{
	struct u256 price = u256_of(job->j.price), minute = job_fee_a_minute(&job->segment_fee, job->options.max_segment_ms);
	char a[100], b[100], d[100];

	cli_field(c, "pricePerUnit", cli_json_amount(&price), "price", "%s a unit, %s a segment (%" PRIu64 " units), %s a "
		  "minute of segments of %g s", cli_fmt_gwei(a, &price), fmt_eth(b, &job->segment_fee),
		  job->j.units, fmt_eth(d, &minute), job->options.max_segment_ms / 1000.0);
	json_field(c, "units", json_integer((json_int_t)job->j.units));
	json_field(c, "segmentFee", cli_json_amount(&job->segment_fee));
	json_field(c, "pricePerMinute", cli_json_amount(&minute));
	cli_field(c, "escrow", cli_json_amount(&job->j.escrow), "escrow", "%s not reserved by claims",
		  fmt_eth(a, &job->j.escrow));
	cli_field(c, "pendingClaims", json_integer((json_int_t)job->j.pending_claims), "pending claims", "%" PRIu64,
		  job->j.pending_claims);
}

static json_t *json_renditions(const struct job_options *o)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < o->n; i++) {
		const struct job_rendition *r = &o->r[i];

		json_array_append_new(list, json_pack("{s:i, s:i, s:i, s:I, s:s, s:i, s:i}", "width", r->width, "height",
						      r->height, "milliFps", (int)r->rate, "bitrate",
						      (json_int_t)r->bitrate, "encoder", job_encoder_name(r->encoder),
						      "gopMs", (int)r->gop_ms, "quality", (int)r->quality));
	}
	return list;
}

static void tell_stream(struct cli *c, const struct chain_job *job)
{
	char *renditions = job_fmt_renditions(&job->options), who[43];

	eth_addr_fmt(who, &job->j.broadcaster);
	cli_field(c, "jobId", json_integer((json_int_t)job->id), "job", "%" PRIu64, job->id);
	cli_field(c, "broadcaster", cli_json_addr(&job->j.broadcaster), "broadcaster", "%s", who);
	cli_field(c, "streamId", json_string(job->made.stream_id), "stream", "%s", job->made.stream_id);
	cli_field(c, "source", json_pack("{s:i, s:i, s:i}", "width", job->options.width, "height", job->options.height,
					 "milliFps", (int)job->options.rate), "source", "%ux%u@%g, segments to %g s",
		  job->options.width, job->options.height, job->options.rate / 1000.0,
		  job->options.max_segment_ms / 1000.0);
	json_field(c, "maxSegmentMs", json_integer(job->options.max_segment_ms));
	cli_field(c, "renditions", json_renditions(&job->options), "renditions", "%s", renditions);
	json_field(c, "plantCommitment", cli_json_hash(&job->made.plant_commitment));
	free(renditions);
}

static void tell_seed(struct cli *c, const struct block_hash *s, const struct round_now *r)
{
	static const char *const names[] = { "future", "recent", "sealed", "lost" };
	bool there = s->state == HASH_RECENT || s->state == HASH_SEALED;
	char until[100], text[200];

	block_when(until, r, s->until);
	if (s->state == HASH_FUTURE)
		snprintf(text, sizeof(text), "block %" PRIu64 ", which is still to be made", s->number);
	else if (s->state == HASH_RECENT)
		snprintf(text, sizeof(text), "block %" PRIu64 ", which can be sealed until %s", s->number, until);
	else
		snprintf(text, sizeof(text), "block %" PRIu64 ", %s", s->number, s->state == HASH_SEALED ? "sealed" :
			 "whose hash can be had no more: nobody can claim");
	cli_field(c, "seedState", json_string(names[s->state]), "elected by", "%s", text);
	json_field(c, "seedBlock", json_integer((json_int_t)s->number));
	json_field(c, "sealUntil", json_integer((json_int_t)s->until));
	json_field(c, "seed", there ? cli_json_hash(&s->h) : json_null());
}

static struct u256 stake_of(const struct election_candidate *e)
{
	uint8_t be[32] = { 0 };

	memcpy(be + 20, e->stake, 12);
	return u256_from_be(be);
}

static void add_rank(struct cli_table *t, const struct election_candidate *e, size_t rank,
		     const struct jobs_manager_progress *p)
{
	struct u256 stake = stake_of(e);
	char who[43], a[100];

	eth_addr_fmt(who, &e->addr);
	cli_cell(t, json_integer((json_int_t)rank), "%zu", rank);
	cli_cell(t, cli_json_addr(&e->addr), "%s", who);
	cli_cell(t, cli_json_amount(&stake), "%s", cli_fmt_amount(a, &stake, UNIT_LPT));
	cli_cell(t, json_integer((json_int_t)p->claims), "%" PRIu64, p->claims);
	cli_cell(t, json_string(p->refuted ? "refuted" : p->relinquished ? "relinquished" : ""), "%s",
		 p->refuted ? "refuted: its claims are void" : p->relinquished ? "takes no part" :
		 rank == 0 ? "elected" : rank <= 3 ? "by the broadcaster's word" : "");
}

static int tell_ranks(struct cli *c, const struct chain_job *job, const struct chain_election *e, size_t shown,
		      struct err *err)
{
	static const struct cli_column cols[] = {
		{ "rank", "rank", true }, { "transcoder", "transcoder", false }, { "stake", "stake", true },
		{ "claims", "claims", true }, { "note", "note", false },
	};
	size_t n = e->n < shown ? e->n : shown, i;
	struct jobs_manager_progress p;
	struct cli_reads reads = { 0 };
	struct u256 id = u256_of(job->id);
	struct cli_table *t;
	int rc;

	for (i = 0; i < n; i++)
		jobs_manager_progress_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER), &id, &e->c[i].addr);
	rc = n ? cli_read_all(c, &reads, false, err) : 0;
	t = cli_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	for (i = 0; i < n && rc == 0; i++) {
		if (CLI_DECODE(jobs_manager_progress, &p, reads, i, err) < 0)
			rc = 1;
		else
			add_rank(t, &e->c[i], i, &p);
	}
	if (e->seed.state == HASH_RECENT || e->seed.state == HASH_SEALED)
		cli_say(c, "%s%s", e->n ? "" : "nobody was eligible at this price", e->n > n ? "the first of them:" : "");
	cli_table_end(c, t, "election");
	json_field(c, "eligible", json_integer((json_int_t)e->n));
	cli_reads_fini(&reads);
	return rc;
}

struct show_opts {
	uint64_t ranks;
};
static const struct opt show_flags[] = {
	{ "ranks", OPT_UINT, offsetof(struct show_opts, ranks), "10", 1, 200, "Output", "N",
	  "how many of the election are shown" },
};

static int run_show(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct show_opts *o = opts;
	struct chain_election e;
	struct chain_job job;
	struct round_now r;
	int rc = job_arg(&job, &r, c, args[0], err);

	if (rc != 0)
		return rc;
	rc = election_read(&e, c, &job, err);
	if (rc == 0) {
		tell_stream(c, &job);
		tell_status(c, &job, &r);
		tell_money(c, &job);
		tell_seed(c, &e.seed, &r);
		rc = tell_ranks(c, &job, &e, o->ranks, err);
	}
	election_fini(&e);
	job_fini(&job);
	return rc;
}

/* ---- job list ---- */

static int whose(struct eth_addr *who, struct cli *c, char **args, size_t n_args, struct err *err)
{
	if (n_args > 0 && cli_addr(c, who, args[0], err) < 0)
		return 2;
	if (n_args == 0 && !c->has_account)
		return cli_wrong(err, "whose jobs? give an ADDRESS, or -ethAcctAddr");
	if (n_args == 0)
		*who = c->account;
	return 0;
}

static void add_job_row(struct cli_table *t, const struct jobs_manager_new_job_event *e,
			const struct jobs_manager_job *j, const struct round_now *r)
{
	struct chain_job job = { .id = e->job_id.w[0], .j = *j, .claims_until = j->end_block };
	struct u256 price = u256_of(j->price);
	char a[100];

	cli_cell(t, json_integer((json_int_t)job.id), "%" PRIu64, job.id);
	cli_cell(t, json_integer((json_int_t)j->creation_block), "%" PRIu64, j->creation_block);
	cli_cell(t, json_integer((json_int_t)j->end_block), "%" PRIu64, j->end_block);
	cli_cell(t, json_string(r->block < j->end_block ? "active" : "ended"), "%s",
		 r->block < j->end_block ? "active" : "ended");
	cli_cell(t, cli_json_amount(&price), "%s", cli_fmt_gwei(a, &price));
	cli_cell(t, cli_json_amount(&j->escrow), "%s", fmt_eth(a, &j->escrow));
	cli_cell(t, json_integer((json_int_t)j->pending_claims), "%" PRIu64, j->pending_claims);
	cli_cell(t, json_string(e->stream_id), strlen(e->stream_id) > 16 ? "%.13s..." : "%s", e->stream_id);
}

static int list_jobs(struct cli *c, const struct eth_logs *logs, const struct round_now *r, struct err *err)
{
	static const struct cli_column cols[] = {
		{ "jobId", "job", true }, { "creationBlock", "made in", true }, { "endBlock", "until", true },
		{ "status", "status", false }, { "pricePerUnit", "a unit", true }, { "escrow", "escrow", true },
		{ "pendingClaims", "pending", true }, { "streamId", "stream", false },
	};
	size_t first = logs->n > LIST_MAX ? logs->n - LIST_MAX : 0, i;
	struct jobs_manager_new_job_event *e = xcalloc(logs->n - first + 1, sizeof(*e));
	struct cli_table *t = cli_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	struct jobs_manager_get_job j;
	struct cli_reads reads = { 0 };
	int rc = 0;

	for (i = first; i < logs->n && rc == 0; i++) {
		if (jobs_manager_new_job_event_read(&e[i - first], &logs->l[i], err) < 0)
			rc = 1;
		else
			jobs_manager_get_job_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER), &e[i - first].job_id);
	}
	if (rc == 0 && reads.n)
		rc = cli_read_all(c, &reads, false, err);
	for (i = 0; i < reads.n && rc == 0; i++) {
		if (CLI_DECODE(jobs_manager_get_job, &j, reads, i, err) < 0)
			rc = 1;
		else
			add_job_row(t, &e[i], &j.value, r);
	}
	cli_table_end(c, t, "jobs");
	if (first)
		cli_say(c, "the newest %d of %zu", LIST_MAX, logs->n);
	json_field(c, "total", json_integer((json_int_t)logs->n));
	for (i = 0; i < logs->n - first; i++)
		jobs_manager_new_job_event_fini(&e[i]);
	free(e);
	cli_reads_fini(&reads);
	return rc;
}

static int run_list(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct hash32 *topics[4] = { jobs_manager_new_job_topic() };
	struct eth_logs logs;
	struct hash32 topic;
	struct eth_addr who;
	struct round_now r;
	int rc = whose(&who, c, args, n_args, err);

	if (rc == 0)
		rc = round_read(c, &r, err);
	if (rc != 0)
		return rc;
	topic = topic_of_addr(&who);
	topics[1] = &topic;
	rc = cli_logs(c, &c->pin.contracts[CONTRACT_JOBS_MANAGER], topics, 0, c->head.number, &logs, err);
	if (rc != 0)
		return rc;
	rc = list_jobs(c, &logs, &r, err);
	eth_logs_fini(&logs);
	return rc;
}

static const struct cli_command commands[] = {
	{ .name = "job show", .args = "JOB", .help = "a job, its money and who is elected", .group = GROUP, .min_args = 1,
	  .max_args = 1, .need = CLI_CHAIN, .opts = show_flags, .n_opts = sizeof(show_flags) / sizeof(show_flags[0]),
	  .opts_size = sizeof(struct show_opts), .run = run_show },
	{ .name = "job list", .args = "[ADDRESS]", .help = "the jobs of an account", .group = GROUP, .max_args = 1,
	  .need = CLI_CHAIN, .run = run_list },
};
const struct cli_commands job_show_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
