/*
 * What broadcasters do: deposits, jobs, escrows.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "bind/bonding_manager.h"
#include "cmd/commands.h"
#include "cmd/jobs_read.h"
#include "protocol/profile.h"
#include "protocol/segment.h"

#define GROUP "Broadcasters"
#define STREAM_ID_MAX 256	/* bytes: JobsManager's */
#define LIST_MAX 100
#define DEFAULT_BLOCKS 7200

static int read_deposit(struct cli *c, struct u256 *deposit, struct err *err)
{
	struct jobs_manager_broadcasters d;
	struct cli_reads reads = { 0 };
	int rc;

	jobs_manager_broadcasters_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER), &c->account);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && CLI_DECODE(jobs_manager_broadcasters, &d, reads, 0, err) < 0)
		rc = 1;
	if (rc == 0)
		*deposit = d.value;
	cli_reads_fini(&reads);
	return rc;
}

static void tell_deposit(struct cli *c, const struct u256 *deposit)
{
	char a[100];

	cli_field(c, "deposit", cli_json_amount(deposit), "deposit", "%s", cli_fmt_amount(a, deposit, UNIT_ETH));
}

static int amount_arg(struct u256 *v, const char *text, const char *what, struct err *err)
{
	if (cli_amount(v, text, UNIT_ETH, err) < 0) {
		err_wrap(err, "%s", what);
		return 2;
	}
	return 0;
}

static void pay_plan_fini(struct cli_plan *plan, struct eth_receipt *receipts, int rc)
{
	size_t i;

	for (i = 0; rc == 0 && i < plan->n; i++)
		eth_receipt_fini(&receipts[i]);
	cli_plan_fini(plan);
}

/* The event of a plan's last transaction, which must be there: what the contract did. */
static const struct eth_log *last_event(const struct cli *c, const struct cli_plan *plan,
					const struct eth_receipt *receipts, const struct hash32 *topic,
					struct err *err)
{
	const struct eth_log *l = receipt_event(&receipts[plan->n - 1], c, CONTRACT_JOBS_MANAGER, topic, 0);

	if (!l)
		err_set(err, ERR_INVALID, "the receipt does not have the event that was expected");
	return l;
}

/* ---- deposit, withdraw-deposit ---- */

static int run_deposit(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX];
	char a[100], b[100], d[100], key[JOURNAL_KEY_MAX];
	struct u256 amount, before, after;
	struct cli_plan plan = { 0 };
	struct cli_plan_tx *tx;
	int rc = amount_arg(&amount, args[0], "AMOUNT", err);

	if (rc == 0 && u256_is_zero(&amount))
		rc = cli_wrong(err, "AMOUNT: nothing to deposit; write it like 0.5 ETH");
	if (rc == 0)
		rc = read_deposit(c, &before, err);
	if (rc != 0)
		return rc;
	if (!u256_add(&after, &before, &amount))
		return cli_wrong(err, "AMOUNT: more than there is");
	snprintf(key, sizeof(key), "deposit/%s", cli_fmt_exact(a, &amount, UNIT_ETH));
	tx = cli_plan_add(&plan, c, CONTRACT_JOBS_MANAGER, key, "deposit %s", cli_fmt_exact(a, &amount, UNIT_ETH));
	tx->value = amount;
	jobs_manager_deposit_call(&tx->data);
	cli_plan_say(&plan, "%s go from your account into your deposit, at once; jobs take their escrow out of it.",
		     cli_fmt_exact(a, &amount, UNIT_ETH));
	cli_plan_say(&plan, "deposit: %s now, %s afterwards; `lpnode withdraw-deposit` takes back what is in no escrow",
		     fmt_eth(b, &before), fmt_eth(d, &after));
	rc = cli_send(c, &plan, receipts, err);
	if (rc == 0)
		rc = read_deposit(c, &after, err);
	if (rc == 0) {
		json_field(c, "deposited", cli_json_amount(&amount));
		tell_deposit(c, &after);
	}
	pay_plan_fini(&plan, receipts, rc);
	return rc;
}

static int run_withdraw(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct jobs_manager_withdraw_event e;
	struct cli_plan plan = { 0 };
	const struct eth_log *log;
	struct u256 deposit;
	char a[100];
	int rc = read_deposit(c, &deposit, err);

	if (rc == 0 && u256_is_zero(&deposit))
		rc = cli_no(err, "the deposit is empty; what jobs have in escrow comes back by `lpnode job refund JOB` "
			    "(lpnode job list)");
	if (rc != 0)
		return rc;
	jobs_manager_withdraw_call(&cli_plan_add(&plan, c, CONTRACT_JOBS_MANAGER, "withdraw-deposit",
						 "withdraw the deposit of %s",
						 cli_fmt_exact(a, &deposit, UNIT_ETH))->data);
	cli_plan_say(&plan, "%s, all of your deposit, go back to your account at once; escrows of jobs stay where "
		     "they are.", cli_fmt_exact(a, &deposit, UNIT_ETH));
	rc = cli_send(c, &plan, receipts, err);
	if (rc == 0) {
		log = last_event(c, &plan, receipts, jobs_manager_withdraw_topic(), err);
		if (!log || jobs_manager_withdraw_event_read(&e, log, err) < 0)
			rc = 1;
		else
			cli_field(c, "withdrawn", cli_json_amount(&e.amount), "withdrawn", "%s",
				  cli_fmt_exact(a, &e.amount, UNIT_ETH));
	}
	if (rc == 0)
		rc = read_deposit(c, &deposit, err);
	if (rc == 0)
		tell_deposit(c, &deposit);
	pay_plan_fini(&plan, receipts, rc);
	return rc;
}

/* ---- job create ---- */

struct create_opts {
	char *stream_id, *profiles, *source, *price, *escrow, *deposit, *plants;
	uint64_t max_segment_ms, blocks, end_block;
};
#define AT(f) offsetof(struct create_opts, f)
static const struct opt create_flags[] = {
	{ "streamId", OPT_STRING, AT(stream_id), NULL, 0, 0, "Job", "TEXT",
	  "the stream's name on chain, as its segments are signed; without it a new one is made" },
	{ "transcodingOptions", OPT_STRING, AT(profiles), NULL, 0, 0, "Job", "PRESETS|FILE",
	  "renditions: presets such as P240p30fps16x9,P360p30fps16x9, or a JSON file; without it 240p0, "
	  "360p0, 480p0, 720p0" },
	{ "source", OPT_STRING, AT(source), "1920x1080@30", 0, 0, "Job", "WxH@FPS",
	  "what will be streamed: renditions are fitted to it" },
	{ "maxSegment", OPT_DURATION, AT(max_segment_ms), "4s", 100, 65535, "Job", "TIME",
	  "the longest segment; a longer one is never paid" },
	{ "price", OPT_STRING, AT(price), NULL, 0, 0, "Job", "AMOUNT",
	  "the most that is paid for a unit of 10^6 encoded pixels (\"10 gwei\")" },
	{ "escrow", OPT_STRING, AT(escrow), NULL, 0, 0, "Job", "AMOUNT",
	  "what can be claimed at the most; it moves out of the deposit" },
	{ "deposit", OPT_STRING, AT(deposit), NULL, 0, 0, "Job", "AMOUNT",
	  "sent with it into the deposit first" },
	{ "blocks", OPT_UINT, AT(blocks), "0", 0, 0, "Job", "N", "how long it lasts from now on" },
	{ "endBlock", OPT_UINT, AT(end_block), "0", 0, 0, "Job", "N", "its last block, instead of -blocks" },
	{ "plantCommitment", OPT_STRING, AT(plants), NULL, 0, 0, "Job", "HASH",
	  "hash of salt and sequences of planted segments (docs/contracts.md 6)" },
};

/* What is about to be created. */
struct draft {
	char *stream_id;		/* owned */
	struct job_options options;
	struct buf packed;
	struct u256 price, escrow, deposit, fee;	/* fee: of a segment */
	uint32_t units;
	uint64_t end_block;
	struct hash32 plants;
};

static int parse_source(struct job_options *o, const char *text, struct err *err)
{
	unsigned w = 0, h = 0;
	char fps[16] = "30";
	struct u256 rate;
	int end = 0;

	if (sscanf(text, "%5ux%5u%n@%10[0-9.]%n", &w, &h, &end, fps, &end) < 2 || text[end] || w > 65535 || h > 65535 ||
	    w == 0 || h == 0 || u256_parse_fixed(&rate, fps, 3, NULL) < 0 || rate.w[0] == 0 || rate.w[0] > 1000000)
		return cli_wrong(err, "-source=%.40s: write it like 1920x1080@30 or 1280x720@29.97", text);
	o->width = (uint16_t)w;
	o->height = (uint16_t)h;
	o->rate = (uint32_t)rate.w[0];
	return 0;
}

static int parse_profiles(struct draft *d, const struct create_opts *o, struct err *err)
{
	struct profile_list l;
	int rc = parse_source(&d->options, o->source, err);

	if (rc != 0)
		return rc;
	d->options.max_segment_ms = (uint16_t)o->max_segment_ms;
	profiles_default(&l);
	if ((o->profiles && profiles_parse_option(&l, o->profiles, err) < 0) ||
	    job_options_of_profiles(&d->options, &l, err) < 0 || job_options_units(&d->units, &d->options, err) < 0) {
		err_wrap(err, "-transcodingOptions");
		return 2;
	}
	job_options_pack(&d->packed, &d->options);
	return 0;
}

static int parse_end(struct draft *d, const struct create_opts *o, const struct round_now *r, struct err *err)
{
	if (o->blocks && o->end_block)
		return cli_wrong(err, "-blocks and -endBlock: give one of them");
	d->end_block = o->end_block ? o->end_block : r->block + (o->blocks ? o->blocks : DEFAULT_BLOCKS);
	if (d->end_block <= r->block + 1)
		return cli_wrong(err, "-endBlock=%" PRIu64 ": that is no later than the job's own block: the chain is at "
				 "%" PRIu64, d->end_block, r->block);
	if (d->end_block >= 1ull << 40)
		return cli_wrong(err, "-endBlock=%" PRIu64 ": at most %llu", d->end_block, (1ull << 40) - 1);
	return 0;
}

static int parse_stream_id(struct draft *d, const struct cli *c, const char *text, struct err *err)
{
	struct stream_id id;

	if (text && (!*text || strlen(text) > STREAM_ID_MAX))
		return cli_wrong(err, "-streamId: 1 to %d bytes", STREAM_ID_MAX);
	if (!text)
		id = stream_id_new(&c->account);
	d->stream_id = xstrdup(text ? text : id.s);
	return 0;
}

static int parse_money(struct draft *d, const struct create_opts *o, struct err *err)
{
	struct u256 units = u256_of(d->units);

	if (!o->price)
		return cli_wrong(err, "-price AMOUNT is missing: the most you pay for a unit of 10^6 encoded pixels; what "
				 "transcoders ask for: `lpnode transcoders`");
	if (!o->escrow)
		return cli_wrong(err, "-escrow AMOUNT is missing: what can be claimed at the most on this job");
	if (amount_arg(&d->price, o->price, "-price", err) != 0 || amount_arg(&d->escrow, o->escrow, "-escrow", err) != 0)
		return 2;
	if (o->deposit && amount_arg(&d->deposit, o->deposit, "-deposit", err) != 0)
		return 2;
	if (u256_bits(&d->price) > 64)
		return cli_wrong(err, "-price: at most 18.4 ETH a unit");
	if (u256_bits(&d->escrow) > 96)
		return cli_wrong(err, "-escrow: more than the contract can hold");
	u256_mul(&d->fee, &units, &d->price);
	return 0;
}

static int parse_create(struct draft *d, const struct cli *c, const struct create_opts *o, const struct round_now *r,
			struct err *err)
{
	int rc = parse_profiles(d, o, err);

	if (rc == 0)
		rc = parse_money(d, o, err);
	if (rc == 0)
		rc = parse_end(d, o, r, err);
	if (rc == 0)
		rc = parse_stream_id(d, c, o->stream_id, err);
	if (rc == 0 && o->plants && hex_parse(d->plants.b, 32, o->plants) < 0)
		rc = cli_wrong(err, "-plantCommitment: not 0x and 64 hex digits");
	return rc;
}

/* Who is eligible now, and the lowest price of those active. */
struct offer {
	size_t candidates, transcoders;
	struct u256 deposit, lowest;
};

static int read_offer(struct offer *o, struct cli *c, const struct draft *d, const struct round_now *r, struct err *err)
{
	struct u256 round = u256_of(r->round), block = u256_of(r->block), any = u256_of(UINT64_MAX), limit = u256_of(500);
	struct bonding_manager_get_candidates now = { 0 }, all = { 0 };
	struct bonding_manager_get_transcoders rows = { 0 };
	struct jobs_manager_broadcasters deposit;
	struct cli_reads reads = { 0 };
	size_t i, k;
	int rc;

	memset(o, 0, sizeof(*o));
	bonding_manager_get_candidates_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), &round, &block, &d->price);
	bonding_manager_get_candidates_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), &round, &block, &any);
	bonding_manager_get_transcoders_call(cli_read(&reads, c, CONTRACT_BONDING_MANAGER), &u256_zero, &limit);
	jobs_manager_broadcasters_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER), &c->account);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && (CLI_DECODE(bonding_manager_get_candidates, &now, reads, 0, err) < 0 ||
			CLI_DECODE(bonding_manager_get_candidates, &all, reads, 1, err) < 0 ||
			CLI_DECODE(bonding_manager_get_transcoders, &rows, reads, 2, err) < 0 ||
			CLI_DECODE(jobs_manager_broadcasters, &deposit, reads, 3, err) < 0))
		rc = 1;
	for (i = 0; rc == 0 && i < all.n_transcoders; i++) {
		for (k = 0; k < rows.n_rows; k++) {
			struct u256 price = u256_of(rows.rows[k].price);

			if (!eth_addr_equal(&rows.rows[k].transcoder, &all.transcoders[i]))
				continue;
			if (o->transcoders++ == 0 || u256_cmp(&price, &o->lowest) < 0)
				o->lowest = price;
		}
	}
	if (rc == 0) {
		o->candidates = now.n_transcoders;
		o->deposit = deposit.value;
	}
	bonding_manager_get_candidates_fini(&now);
	bonding_manager_get_candidates_fini(&all);
	bonding_manager_get_transcoders_fini(&rows);
	cli_reads_fini(&reads);
	return rc;
}

static int check_deposit(const struct draft *d, const struct offer *o, struct err *err)
{
	char a[100], b[100], x[100];
	struct u256 have, missing;

	if (!u256_add(&have, &o->deposit, &d->deposit))
		return cli_wrong(err, "-deposit: more than there is");
	if (u256_cmp(&have, &d->escrow) >= 0)
		return 0;
	u256_sub(&missing, &d->escrow, &have);
	return cli_no(err, "an escrow of %s needs %s more than the deposit of %s: add --deposit \"%s\"",
		      fmt_eth(a, &d->escrow), cli_fmt_exact(b, &missing, UNIT_ETH),
		      fmt_eth(x, &have), b);
}

/* fee x 60000 / longest segment: full segments without end. */
static struct u256 fee_a_minute(const struct u256 *fee, uint64_t segment_ms)
{
	struct u256 minute = u256_of(60000), ms = u256_of(segment_ms), v = { { 0 } };

	if (segment_ms)
		u256_mul_div(&v, fee, &minute, &ms);
	return v;
}

static void say_rendition(struct buf *b, const struct job_rendition *r)
{
	buf_addf(b, "%s%" PRIu16 "x%" PRIu16, b->len ? ", " : "", r->width, r->height);
	if (r->rate)
		buf_addf(b, "@%g", r->rate / 1000.0);
	if (r->quality >= 0)
		buf_addf(b, " crf %d", r->quality);
	else
		buf_addf(b, " %" PRIu32 "k", r->bitrate / 1000);
	if (r->encoder != ENCODER_H264)
		buf_addf(b, " %s", job_encoder_name(r->encoder));
}

static char *fmt_renditions(const struct job_options *o)
{
	struct buf b;
	size_t i;

	buf_init(&b, 4096);
	for (i = 0; i < o->n; i++)
		say_rendition(&b, &o->r[i]);
	buf_cstr(&b);
	return (char *)b.data;
}

static void say_create(struct cli_plan *p, const struct draft *d, const struct offer *o, const struct round_now *r)
{
	struct u256 minute = fee_a_minute(&d->fee, d->options.max_segment_ms), n = { { 0 } }, rest;
	char a[100], b[100], x[100], when[100], *renditions = fmt_renditions(&d->options), count[U256_DEC_MAX];

	cli_plan_say(p, "stream %.80s", d->stream_id);
	cli_plan_say(p, "renditions of a source of %ux%u@%g: %s", d->options.width, d->options.height,
		     d->options.rate / 1000.0, renditions);
	cli_plan_say(p, "a segment is %" PRIu32 " units, so it costs %s, however short it is; segments of %g s: %s a minute",
		     d->units, fmt_eth(a, &d->fee), d->options.max_segment_ms / 1000.0,
		     fmt_eth(b, &minute));
	if (u256_div(&n, &rest, &d->escrow, &d->fee)) {
		u256_fmt_dec(count, &n);
		cli_plan_say(p, "escrow %s: out of your deposit now, enough for %s segments; what is not claimed comes "
			     "back by `lpnode job refund`", fmt_eth(x, &d->escrow), count);
	} else {
		cli_plan_say(p, "escrow %s; nothing is paid at price 0", fmt_eth(x, &d->escrow));
	}
	cli_plan_say(p, "it lasts until %s", block_when(when, r, d->end_block));
	if (o->candidates)
		cli_plan_say(p, "%zu of %zu transcoders are eligible at this price; the hash of the block after the job's "
			     "elects", o->candidates, o->transcoders);
	else if (o->transcoders)
		cli_plan_say(p, "NOBODY is eligible at this price: the lowest asked for is %s a unit",
			     cli_fmt_gwei(a, &o->lowest));
	else
		cli_plan_say(p, "NOBODY is eligible: no transcoder is active and available in round %" PRIu64, r->round);
	free(renditions);
}

static void tell_created(struct cli *c, const struct jobs_manager_new_job_event *e, const struct draft *d,
			 const struct round_now *r)
{
	struct u256 minute = fee_a_minute(&d->fee, d->options.max_segment_ms);
	uint64_t id = e->job_id.w[0];
	char a[100];

	cli_field(c, "jobId", json_integer((json_int_t)id), "job", "%" PRIu64, id);
	cli_field(c, "streamId", json_string(e->stream_id), "stream", "%s", e->stream_id);
	json_field(c, "units", json_integer((json_int_t)e->units.w[0]));
	json_field(c, "pricePerUnit", cli_json_amount(&e->price_per_unit));
	json_field(c, "segmentFee", cli_json_amount(&d->fee));
	json_field(c, "pricePerMinute", cli_json_amount(&minute));
	cli_field(c, "escrow", cli_json_amount(&e->escrow), "escrow", "%s", fmt_eth(a, &e->escrow));
	json_field(c, "creationBlock", json_integer((json_int_t)e->creation_block.w[0]));
	cli_field(c, "endBlock", json_integer((json_int_t)e->end_block.w[0]), "until", "%s",
		  block_when(a, r, e->end_block.w[0]));
	cli_say(c, "block %" PRIu64 " elects its transcoder: lpnode job show %" PRIu64, e->creation_block.w[0] + 1, id);
}

static int send_create(struct cli *c, const struct draft *d, const struct offer *o, const struct round_now *r,
		       struct err *err)
{
	struct u256 end = u256_of(d->end_block), deposit = { { 0 } };
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct jobs_manager_new_job_event e = { 0 };
	char a[100], key[JOURNAL_KEY_MAX];
	const struct eth_log *log = NULL;
	struct cli_plan plan = { 0 };
	struct cli_plan_tx *tx;
	int rc;

	/* One job a stream at a time: typed again, it is the same. */
	snprintf(key, sizeof(key), "job/%.100s", d->stream_id);
	tx = cli_plan_add(&plan, c, CONTRACT_JOBS_MANAGER, key, "create a job with an escrow of %s",
			  cli_fmt_exact(a, &d->escrow, UNIT_ETH));
	tx->value = d->deposit;
	jobs_manager_job_call(&tx->data, d->stream_id, d->packed.data, d->packed.len, &d->price, &end, &d->escrow,
			      &d->plants);
	say_create(&plan, d, o, r);
	rc = cli_send(c, &plan, receipts, err);
	if (rc == 0) {
		log = last_event(c, &plan, receipts, jobs_manager_new_job_topic(), err);
		if (!log || jobs_manager_new_job_event_read(&e, log, err) < 0)
			rc = 1;
	}
	if (rc == 0) {
		tell_created(c, &e, d, r);
		rc = read_deposit(c, &deposit, err);
	}
	if (rc == 0)
		tell_deposit(c, &deposit);
	jobs_manager_new_job_event_fini(&e);
	pay_plan_fini(&plan, receipts, log ? 0 : rc);
	return rc;
}

static int run_create(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct draft d = { 0 };
	struct round_now r;
	struct offer o;
	int rc = round_read(c, &r, err);

	buf_init(&d.packed, JOB_OPTIONS_MAX);
	if (rc == 0)
		rc = parse_create(&d, c, opts, &r, err);
	if (rc == 0)
		rc = round_must_be_open(&r, err);
	if (rc == 0)
		rc = read_offer(&o, c, &d, &r, err);
	if (rc == 0)
		rc = check_deposit(&d, &o, err);
	if (rc == 0)
		rc = send_create(c, &d, &o, &r, err);
	buf_fini(&d.packed);
	free(d.stream_id);
	return rc;
}

/* ---- job end, topup, refund ---- */

/* A job and the round: what most commands begin with. */
static int read_job_arg(struct chain_job *job, struct round_now *r, struct cli *c, const char *text, struct err *err)
{
	uint64_t id;
	int rc = job_id_parse(&id, text, err);

	if (rc == 0)
		rc = round_read(c, r, err);
	return rc == 0 ? job_read(job, c, id, err) : rc;
}

static bool is_mine(const struct cli *c, const struct chain_job *job)
{
	return eth_addr_equal(&c->account, &job->j.broadcaster);
}

static void plan_end(struct cli_plan *plan, struct cli *c, const struct chain_job *job, const struct round_now *r)
{
	uint64_t until = r->block + 1 + job->params.claim_period;
	struct u256 id = u256_of(job->id);
	char key[64], a[100], when[100];

	snprintf(key, sizeof(key), "job-end/%" PRIu64, job->id);
	jobs_manager_end_job_call(&cli_plan_add(plan, c, CONTRACT_JOBS_MANAGER, key,
						is_mine(c, job) ? "end job %" PRIu64 : "take no more part in job %" PRIu64,
						job->id)->data, &id);
	if (!is_mine(c, job)) {
		cli_plan_say(plan, "you are not its broadcaster: this says that you take no more part in job %" PRIu64
			     ", for good; claims you have made stay", job->id);
		return;
	}
	cli_plan_say(plan, "job %" PRIu64 " ends with the block this is in; transcoders may claim what they did until %s",
		     job->id, block_when(when, r, until));
	cli_plan_say(plan, "%s are in escrow; what nobody claims comes back afterwards: lpnode job refund %" PRIu64,
		     fmt_eth(a, &job->j.escrow), job->id);
}

static int check_end(struct cli *c, const struct chain_job *job, const struct round_now *r, struct err *err)
{
	struct chain_election e;
	int rc;

	if (is_mine(c, job)) {
		if (r->block + 1 > job->j.end_block)
			return cli_no(err, "job %" PRIu64 " ended with block %" PRIu64 "; the chain is at %" PRIu64, job->id,
				      job->j.end_block, r->block);
		return 0;
	}
	rc = election_read(&e, c, job, err);
	if (rc == 0 && election_rank_of(&e, &c->account) < 0)
		rc = cli_no(err, "job %" PRIu64 " is not yours to end: you are neither its broadcaster nor elected for it",
			    job->id);
	election_fini(&e);
	return rc;
}

static int run_end(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct jobs_manager_job_ended_event e;
	struct cli_plan plan = { 0 };
	const struct eth_log *log;
	struct chain_job job;
	struct round_now r;
	char when[100];
	int rc = read_job_arg(&job, &r, c, args[0], err);

	if (rc != 0)
		return rc;
	rc = check_end(c, &job, &r, err);
	if (rc == 0) {
		plan_end(&plan, c, &job, &r);
		rc = cli_send(c, &plan, receipts, err);
		if (rc == 0)
			json_field(c, "jobId", json_integer((json_int_t)job.id));
		if (rc == 0 && is_mine(c, &job)) {
			log = last_event(c, &plan, receipts, jobs_manager_job_ended_topic(), err);
			if (log && jobs_manager_job_ended_event_read(&e, log, err) == 0) {
				cli_field(c, "endBlock", json_integer((json_int_t)e.end_block.w[0]), "ended with block",
					  "%" PRIu64, e.end_block.w[0]);
				cli_field(c, "claimsUntil", json_integer((json_int_t)(e.end_block.w[0] + job.params.claim_period)),
					  "claims until", "%s", block_when(when, &r, e.end_block.w[0] + job.params.claim_period));
			}
		} else if (rc == 0) {
			cli_field(c, "relinquished", json_true(), "relinquished", "yes");
		}
		pay_plan_fini(&plan, receipts, rc);
	}
	job_fini(&job);
	return rc;
}

struct topup_opts {
	char *deposit;
};
static const struct opt topup_flags[] = {
	{ "deposit", OPT_STRING, offsetof(struct topup_opts, deposit), NULL, 0, 0, "Job", "AMOUNT",
	  "sent with it into the deposit first" },
};

static int check_topup(struct cli *c, const struct chain_job *job, const struct round_now *r, const struct draft *d,
		       struct err *err)
{
	struct offer o = { 0 };
	int rc;

	if (!is_mine(c, job))
		return cli_no(err, "job %" PRIu64 " is not yours: only its broadcaster adds to its escrow", job->id);
	if (r->block + 1 > job->claims_until)
		return cli_no(err, "job %" PRIu64 " is over: claims were taken until block %" PRIu64 "; make another "
			      "(lpnode job create)", job->id, job->claims_until);
	rc = read_deposit(c, &o.deposit, err);
	return rc == 0 ? check_deposit(d, &o, err) : rc;
}

static int send_topup(struct cli *c, const struct chain_job *job, const struct draft *d, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct jobs_manager_job_topped_up_event e;
	struct u256 id = u256_of(job->id), after, deposit;
	struct cli_plan plan = { 0 };
	const struct eth_log *log;
	struct cli_plan_tx *tx;
	char key[JOURNAL_KEY_MAX], a[100], b[100], x[100];
	int rc;

	u256_add(&after, &job->j.escrow, &d->escrow);
	snprintf(key, sizeof(key), "topup/%" PRIu64 "/%s", job->id, cli_fmt_exact(a, &d->escrow, UNIT_ETH));
	tx = cli_plan_add(&plan, c, CONTRACT_JOBS_MANAGER, key, "add %s to the escrow of job %" PRIu64, a, job->id);
	tx->value = d->deposit;
	jobs_manager_top_up_call(&tx->data, &id, &d->escrow);
	cli_plan_say(&plan, "%s go from your deposit into the escrow of job %" PRIu64 ": %s now, %s afterwards; what is not "
		     "claimed comes back when it is over", cli_fmt_exact(a, &d->escrow, UNIT_ETH), job->id,
		     fmt_eth(b, &job->j.escrow), fmt_eth(x, &after));
	rc = cli_send(c, &plan, receipts, err);
	if (rc == 0) {
		json_field(c, "jobId", json_integer((json_int_t)job->id));
		log = last_event(c, &plan, receipts, jobs_manager_job_topped_up_topic(), err);
		if (log && jobs_manager_job_topped_up_event_read(&e, log, err) == 0)
			cli_field(c, "escrow", cli_json_amount(&e.escrow), "escrow", "%s",
				  fmt_eth(a, &e.escrow));
		if (read_deposit(c, &deposit, err) == 0)
			tell_deposit(c, &deposit);
	}
	pay_plan_fini(&plan, receipts, rc);
	return rc;
}

static int run_topup(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct topup_opts *o = opts;
	struct draft d = { 0 };
	struct chain_job job;
	struct round_now r;
	int rc = amount_arg(&d.escrow, args[1], "AMOUNT", err);

	if (rc == 0 && o->deposit)
		rc = amount_arg(&d.deposit, o->deposit, "-deposit", err);
	if (rc == 0 && u256_is_zero(&d.escrow))
		rc = cli_wrong(err, "AMOUNT: nothing to add; write it like 0.5 ETH");
	if (rc == 0 && u256_bits(&d.escrow) > 96)
		rc = cli_wrong(err, "AMOUNT: more than the contract can hold");
	if (rc == 0)
		rc = read_job_arg(&job, &r, c, args[0], err);
	if (rc != 0)
		return rc;
	rc = check_topup(c, &job, &r, &d, err);
	if (rc == 0)
		rc = send_topup(c, &job, &d, err);
	job_fini(&job);
	return rc;
}

static int check_refund(const struct chain_job *job, const struct round_now *r, struct err *err)
{
	char when[100];

	if (r->block <= job->claims_until)
		return cli_no(err, "job %" PRIu64 " is not over: claims are taken until %s%s", job->id,
			      block_when(when, r, job->claims_until),
			      r->block < job->j.end_block ? "; `lpnode job end` ends it sooner" : "");
	if (job->j.pending_claims)
		return cli_no(err, "%" PRIu64 " claims on job %" PRIu64 " are pending: when they are paid or void it can be "
			      "refunded (lpnode claims %" PRIu64 ")", job->j.pending_claims, job->id, job->id);
	if (u256_is_zero(&job->j.escrow))
		return cli_no(err, "nothing is left in the escrow of job %" PRIu64, job->id);
	return 0;
}

static int run_refund(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct jobs_manager_job_refunded_event e;
	struct cli_plan plan = { 0 };
	const struct eth_log *log;
	struct chain_job job;
	struct round_now r;
	struct u256 id;
	char key[64], a[100], who[43];
	int rc = read_job_arg(&job, &r, c, args[0], err);

	if (rc != 0)
		return rc;
	rc = check_refund(&job, &r, err);
	if (rc == 0) {
		id = u256_of(job.id);
		snprintf(key, sizeof(key), "refund/%" PRIu64, job.id);
		eth_addr_fmt(who, &job.j.broadcaster);
		jobs_manager_refund_call(&cli_plan_add(&plan, c, CONTRACT_JOBS_MANAGER, key, "refund job %" PRIu64,
						       job.id)->data, &id);
		cli_plan_say(&plan, "%s, what nobody claimed on job %" PRIu64 ", go into the deposit of %s%s",
			     cli_fmt_exact(a, &job.j.escrow, UNIT_ETH), job.id, who,
			     is_mine(c, &job) ? " (yours); then `lpnode withdraw-deposit`" : ", its broadcaster");
		rc = cli_send(c, &plan, receipts, err);
		if (rc == 0) {
			json_field(c, "jobId", json_integer((json_int_t)job.id));
			log = last_event(c, &plan, receipts, jobs_manager_job_refunded_topic(), err);
			if (log && jobs_manager_job_refunded_event_read(&e, log, err) == 0)
				cli_field(c, "refunded", cli_json_amount(&e.amount), "refunded", "%s",
					  cli_fmt_exact(a, &e.amount, UNIT_ETH));
		}
		pay_plan_fini(&plan, receipts, rc);
	}
	job_fini(&job);
	return rc;
}

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
	struct u256 price = u256_of(job->j.price), minute = fee_a_minute(&job->segment_fee, job->options.max_segment_ms);
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
	char *renditions = fmt_renditions(&job->options), who[43];

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
	int rc = read_job_arg(&job, &r, c, args[0], err);

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
	struct hash32 topic = { { 0 } };
	struct eth_addr who;
	struct round_now r;
	int rc = whose(&who, c, args, n_args, err);

	if (rc == 0)
		rc = round_read(c, &r, err);
	if (rc != 0)
		return rc;
	memcpy(topic.b + 12, who.b, 20);
	topics[1] = &topic;
	rc = cli_logs(c, &c->pin.contracts[CONTRACT_JOBS_MANAGER], topics, 0, c->head.number, &logs, err);
	if (rc != 0)
		return rc;
	rc = list_jobs(c, &logs, &r, err);
	eth_logs_fini(&logs);
	return rc;
}

#define OPTS(table, type) .opts = table, .n_opts = sizeof(table) / sizeof(table[0]), .opts_size = sizeof(type)
static const struct cli_command commands[] = {
	{ .name = "deposit", .args = "AMOUNT", .help = "add ETH to the deposit that jobs are paid out of", .group = GROUP,
	  .min_args = 1, .max_args = 1, .need = CLI_KEY, .run = run_deposit },
	{ .name = "withdraw-deposit", .args = "", .help = "take back what is in no job's escrow", .group = GROUP,
	  .need = CLI_KEY, .run = run_withdraw },
	{ .name = "job create", .args = "--price AMOUNT --escrow AMOUNT", .help = "order transcoding of a stream",
	  .group = GROUP, .need = CLI_KEY, OPTS(create_flags, struct create_opts), .run = run_create },
	{ .name = "job end", .args = "JOB", .help = "end a job; a transcoder: take no more part", .group = GROUP,
	  .min_args = 1, .max_args = 1, .need = CLI_KEY, .run = run_end },
	{ .name = "job topup", .args = "JOB AMOUNT", .help = "add to a job's escrow", .group = GROUP, .min_args = 2,
	  .max_args = 2, .need = CLI_KEY, OPTS(topup_flags, struct topup_opts), .run = run_topup },
	{ .name = "job refund", .args = "JOB", .help = "what nobody claimed goes back to the deposit", .group = GROUP,
	  .min_args = 1, .max_args = 1, .need = CLI_KEY, .run = run_refund },
	{ .name = "job show", .args = "JOB", .help = "a job, its money and who is elected", .group = GROUP, .min_args = 1,
	  .max_args = 1, .need = CLI_CHAIN, OPTS(show_flags, struct show_opts), .run = run_show },
	{ .name = "job list", .args = "[ADDRESS]", .help = "the jobs of an account", .group = GROUP, .max_args = 1,
	  .need = CLI_CHAIN, .run = run_list },
};
const struct cli_commands job_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
