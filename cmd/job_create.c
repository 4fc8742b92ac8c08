/* lpnode job create. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "bind/bonding_manager.h"
#include "bind/jobs_manager.h"
#include "cmd/args.h"
#include "cmd/commands.h"
#include "cmd/deposit.h"
#include "cmd/job_words.h"
#include "cmd/round.h"
#include "cmd/sent.h"
#include "cmd/tell.h"
#include "protocol/profile.h"
#include "protocol/segment.h"

#define STREAM_ID_MAX 256	/* bytes: JobsManager's */
#define DEFAULT_BLOCKS 7200

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
	if (amount_arg(&d->price, o->price, "-price", UNIT_ETH, err) != 0 ||
	    amount_arg(&d->escrow, o->escrow, "-escrow", UNIT_ETH, err) != 0)
		return 2;
	if (o->deposit && amount_arg(&d->deposit, o->deposit, "-deposit", UNIT_ETH, err) != 0)
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

static void say_create(struct cli_plan *p, const struct draft *d, const struct offer *o, const struct round_now *r)
{
	struct u256 minute = job_fee_a_minute(&d->fee, d->options.max_segment_ms), n = { { 0 } }, rest;
	char a[100], b[100], x[100], when[100], *renditions = job_fmt_renditions(&d->options), count[U256_DEC_MAX];

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
	struct u256 minute = job_fee_a_minute(&d->fee, d->options.max_segment_ms);
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
		log = sent_event(c, &plan, receipts, jobs_manager_new_job_topic(), err);
		if (!log || jobs_manager_new_job_event_read(&e, log, err) < 0)
			rc = 1;
	}
	if (rc == 0) {
		tell_created(c, &e, d, r);
		rc = deposit_read(c, &deposit, err);
	}
	if (rc == 0)
		deposit_tell(c, &deposit);
	jobs_manager_new_job_event_fini(&e);
	sent_fini(&plan, receipts);
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
		rc = deposit_must_cover(&o.deposit, &d.deposit, &d.escrow, err);
	if (rc == 0)
		rc = send_create(c, &d, &o, &r, err);
	buf_fini(&d.packed);
	free(d.stream_id);
	return rc;
}

static const struct cli_command commands[] = {
	{ .name = "job create", .args = "--price AMOUNT --escrow AMOUNT", .help = "order transcoding of a stream",
	  .group = "Broadcasters", .need = CLI_KEY, .opts = create_flags,
	  .n_opts = sizeof(create_flags) / sizeof(create_flags[0]), .opts_size = sizeof(struct create_opts),
	  .run = run_create },
};
const struct cli_commands job_create_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
