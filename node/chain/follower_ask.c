/*
 * What the follower asks endpoints, and whether the answers hold together.  A block's logs
 * are asked for by its hash, so they cannot be another branch's; where the block's bloom
 * says that there should be more of them its receipts are read, for those are all or it
 * shows.  Ranges and what would throw everything away need two endpoints (RPC_AGREE).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"
#include "node/chain/follower_int.h"

#define ASK_DEADLINE_MS 10000		/* over all endpoints */
#define RANGE_DEADLINE_MS 6000		/* what one refuses and another does not differs that long */
#define CALLS_MAX FOLLOWER_BLOCKS_MAX
#define PARAMS_MAX 2048

/* ---- a batch being written ---- */
struct asking {
	struct rpc_call calls[CALLS_MAX];
	char *params[CALLS_MAX];	/* owned */
	size_t n;
};

/* Takes params. */
static void add_call(struct asking *a, const char *method, char *params)
{
	a->params[a->n] = params;
	a->calls[a->n] = (struct rpc_call){ method, params };
	a->n++;
}

static void add_header(struct asking *a, uint64_t number)
{
	add_call(a, "eth_getBlockByNumber", xasprintf("[\"0x%" PRIx64 "\",false]", number));
}

static char *hash_text(char to[67], const struct hash32 *h)
{
	strcpy(to, "0x");
	hex_fmt(to + 2, h->b, sizeof(h->b));
	return to;
}

/* where: "\"blockHash\":..." or the range. */
static void add_logs(struct asking *a, const struct follower *f, const char *where)
{
	struct buf b;
	char hex[41];

	buf_init(&b, PARAMS_MAX);
	buf_addf(&b, "[{%s,\"address\":[", where);
	for (size_t i = 0; i < f->o.n_addresses; i++) {
		hex_fmt(hex, f->o.addresses[i].b, sizeof(f->o.addresses[i].b));
		buf_addf(&b, "%s\"0x%s\"", i ? "," : "", hex);
	}
	buf_add_str(&b, "]}]");
	add_call(a, "eth_getLogs", xstrdup(buf_cstr(&b)));
	buf_fini(&b);
}

static void send_batch(struct follower *f, struct asking *a, enum rpc_way way, uint64_t deadline_ms,
		       rpc_done_cb *cb)
{
	f->batch = rpc_send(f->o.rpc, way, a->calls, a->n, deadline_ms, cb, f);
	for (size_t i = 0; i < a->n; i++)
		free(a->params[i]);
}

/* ---- answers ---- */

/* Ends the round; in words what was asked. */
static void fail(struct follower *f, struct err *err, const char *what)
{
	err_wrap(err, "%s", what);
	follower_fail(f, err);
}

/* An answer came that cannot be used: next time another endpoint is asked.  (Not when it was
 * too much: less is.) */
static void refuse(struct follower *f, struct err *err, const char *what)
{
	if (err->code != ERR_LIMIT)
		rpc_blame(f->o.rpc, err->msg);
	fail(f, err, what);
}

/* What a plan says of an answer. */
static void act(struct follower *f)
{
	if (f->plan.what == FOLLOW_ODD)
		rpc_blame(f->o.rpc, f->plan.why);
	follower_act(f);
}

/* The batch is over: -1 when it brought nothing, and the round is then over, too. */
static int batch_over(struct follower *f, const struct err *err, const char *what)
{
	struct err e;

	f->batch = NULL;
	if (!err)
		return 0;
	e = *err;
	fail(f, &e, what);
	return -1;
}

/* ERR_LIMIT: there is no common way to say that something is too much. */
static int check_reply(const struct rpc_reply *r, struct err *err)
{
	return r->result ? 0 : err_set(err, ERR_LIMIT, "refused: %.150s", r->message);
}

static int read_header(struct eth_header *h, const struct rpc_reply *r, struct err *err)
{
	return check_reply(r, err) < 0 ? -1 : rpc_header(h, r->result, err);
}

static int read_headers(struct eth_header *h, const struct rpc_reply *r, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (read_header(&h[i], &r[i], err) < 0)
			return -1;
	}
	return 0;
}

static int read_logs(struct eth_logs *logs, const struct rpc_reply *r, struct err *err)
{
	return check_reply(r, err) < 0 ? -1 : rpc_logs(logs, r->result, err);
}

/* Some chains have none: then nothing is checked by it. */
static bool read_bloom(struct bloom *b, const struct rpc_reply *r)
{
	const char *s = json_string_value(json_object_get(r->result, "logsBloom"));

	return s && hex_parse(b->b, sizeof(b->b), s) == 0;
}

/* ---- the head ---- */
static void on_head(void *arg, struct rpc_reply *replies, size_t n, const struct err *err)
{
	struct follower *f = arg;
	const struct follow_bounds bounds = { f->o.start_block, f->batch_size.now, f->range.now };
	struct err e;

	if (batch_over(f, err, "the head") < 0)
		return;
	if (read_header(&f->head, &replies[0], &e) < 0) {
		refuse(f, &e, "the head");
		return;
	}
	f->has_above = false;
	follow_on_head(&f->plan, &f->kept, &bounds, &f->head);
	act(f);
}

void follower_ask_head(struct follower *f)
{
	struct asking a = { .n = 0 };

	memset(&f->plan, 0, sizeof(f->plan));
	add_call(&a, "eth_getBlockByNumber", xstrdup("[\"latest\",false]"));
	send_batch(f, &a, RPC_ANY, ASK_DEADLINE_MS, on_head);
}

/* ---- single blocks: headers, their logs, receipts of those in doubt ---- */
static void ask_receipts(struct follower *f);

/* The addresses' logs out of all of a block. */
static void take_wanted(struct eth_logs *to, struct eth_logs *all, const struct follower *f)
{
	for (size_t i = 0; i < all->n; i++) {
		bool wanted = false;

		for (size_t j = 0; j < f->o.n_addresses && !wanted; j++)
			wanted = eth_addr_equal(&all->l[i].address, &f->o.addresses[j]);
		if (!wanted)
			continue;
		to->l = xrealloc(to->l, (to->n + 1) * sizeof(*to->l));
		to->l[to->n++] = all->l[i];
		all->l[i].data = NULL;
	}
}

/* Each log is of this block, after the one before, and all of them together make the bloom. */
static int check_all_logs(const struct follower_block *b, const struct eth_logs *all, struct err *err)
{
	struct bloom sum = { { 0 } };

	for (size_t i = 0; i < all->n; i++) {
		const struct eth_log *l = &all->l[i];

		if (l->block != b->h.number || !kept_hash_equal(&l->block_hash, &b->h.hash))
			return err_set(err, ERR_INVALID, "a receipt of another block");
		if (i && l->index <= l[-1].index)
			return err_set(err, ERR_INVALID, "receipts out of order");
		bloom_add_log(&sum, l);
	}
	if (memcmp(&sum, &b->bloom, sizeof(sum)) != 0)
		return err_set(err, ERR_INVALID, "receipts whose logs are not those of the block");
	return 0;
}

/* Takes over the logs in it; a receipt without any is common. */
static int add_receipt_logs(struct eth_logs *all, const json_t *receipt, struct err *err)
{
	struct eth_logs logs = { 0 };

	if (rpc_logs(&logs, json_object_get(receipt, "logs"), err) < 0)
		return -1;
	if (all->n + logs.n > RPC_LOGS_MAX) {
		eth_logs_fini(&logs);
		return err_set(err, ERR_LIMIT, "more than %d logs", RPC_LOGS_MAX);
	}
	if (logs.n) {
		all->l = xrealloc(all->l, (all->n + logs.n) * sizeof(*all->l));
		memcpy(all->l + all->n, logs.l, logs.n * sizeof(*all->l));
		all->n += logs.n;
		free(logs.l);
	}
	return 0;
}

static int read_receipts(struct follower *f, struct follower_block *b, const json_t *receipts, struct err *err)
{
	struct eth_logs all = { 0 }, wanted = { 0 };
	int rc = json_is_array(receipts) ? 0 : err_set(err, ERR_INVALID, "no receipts");

	for (size_t i = 0; rc == 0 && i < json_array_size(receipts); i++)
		rc = add_receipt_logs(&all, json_array_get(receipts, i), err);
	if (rc == 0)
		rc = check_all_logs(b, &all, err);
	if (rc == 0) {
		take_wanted(&wanted, &all, f);
		eth_logs_fini(&b->logs);
		b->logs = wanted;
		b->is_unsure = false;
	}
	eth_logs_fini(&all);
	return rc;
}

static void on_receipts(void *arg, struct rpc_reply *replies, size_t n, const struct err *err)
{
	struct follower *f = arg;
	struct follower_block *b = &f->blocks[f->next_check];
	struct err e;

	if (batch_over(f, err, "the receipts of a block") < 0)
		return;
	if (!replies[0].result) {	/* not every endpoint has this method */
		if (log_may(&f->may_tell, 1))
			log_warn(&f->log, "logs cannot be checked by receipts: block=%llu error=\"%.100s\"",
				 (unsigned long long)b->h.number, replies[0].message);
		b->is_unsure = false;
	} else if (read_receipts(f, b, replies[0].result, &e) < 0) {
		refuse(f, &e, "the receipts of a block");
		return;
	}
	ask_receipts(f);
}

/* Of the next block in doubt; when none is left the blocks are committed. */
static void ask_receipts(struct follower *f)
{
	struct asking a = { .n = 0 };
	char hash[67];

	while (f->next_check < f->n_blocks && !f->blocks[f->next_check].is_unsure)
		f->next_check++;
	if (f->next_check == f->n_blocks) {
		follower_commit_plan(f);
		return;
	}
	hash_text(hash, &f->blocks[f->next_check].h.hash);
	add_call(&a, "eth_getBlockReceipts", xasprintf("[\"%s\"]", hash));
	send_batch(f, &a, RPC_ANY, ASK_DEADLINE_MS, on_receipts);
}

static int take_logs(struct follower *f, struct follower_block *b, const struct rpc_reply *r, struct err *err)
{
	enum bloom_verdict verdict = BLOOM_FITS;

	if (read_logs(&b->logs, r, err) < 0 ||
	    follow_check_logs(&b->h, f->o.addresses, f->o.n_addresses, b->logs.l, b->logs.n, err) < 0)
		return -1;
	if (b->has_bloom)
		verdict = bloom_judge(&b->bloom, f->o.addresses, f->o.n_addresses, b->logs.l, b->logs.n);
	if (verdict == BLOOM_LIE)
		return err_set(err, ERR_INVALID, "logs that block %llu does not have", (unsigned long long)b->h.number);
	b->is_unsure = verdict == BLOOM_UNSURE;
	return 0;
}

static void on_logs(void *arg, struct rpc_reply *replies, size_t n, const struct err *err)
{
	struct follower *f = arg;
	struct err e;

	if (batch_over(f, err, "logs") < 0)
		return;
	for (size_t i = 0; i < f->n_blocks; i++) {
		if (take_logs(f, &f->blocks[i], &replies[i], &e) < 0) {
			refuse(f, &e, "logs");
			return;
		}
	}
	ask_receipts(f);
}

static void ask_logs(struct follower *f)
{
	struct asking a = { .n = 0 };
	char hash[67], where[100];

	f->next_check = 0;
	if (!f->o.n_addresses) {	/* an empty list would mean: of any address */
		follower_commit_plan(f);
		return;
	}
	for (size_t i = 0; i < f->n_blocks; i++) {
		snprintf(where, sizeof(where), "\"blockHash\":\"%s\"", hash_text(hash, &f->blocks[i].h.hash));
		add_logs(&a, f, where);
	}
	send_batch(f, &a, RPC_ANY, ASK_DEADLINE_MS, on_logs);
}

static void keep_blocks(struct follower *f, const struct eth_header *h, const struct rpc_reply *replies, size_t n)
{
	follower_drop_blocks(f);
	f->blocks = xcalloc(n, sizeof(*f->blocks));
	f->n_blocks = n;
	for (size_t i = 0; i < n; i++) {
		f->blocks[i].h = h[i];
		f->blocks[i].has_bloom = read_bloom(&f->blocks[i].bloom, &replies[i]);
	}
}

static void on_blocks(void *arg, struct rpc_reply *replies, size_t n, const struct err *err)
{
	struct eth_header h[FOLLOWER_BLOCKS_MAX] = { 0 };
	struct follower *f = arg;
	struct err e;

	if (batch_over(f, err, "headers") < 0)
		return;
	if (read_headers(h, replies, n, &e) < 0) {
		refuse(f, &e, "headers");
		return;
	}
	follow_on_blocks(&f->plan, &f->kept, h, n);
	if (f->plan.what != FOLLOW_BLOCKS) {
		act(f);
		return;
	}
	keep_blocks(f, h, replies, n);
	ask_logs(f);
}

void follower_ask_blocks(struct follower *f)
{
	struct asking a = { .n = 0 };

	for (uint64_t i = f->plan.first; i <= f->plan.last; i++)
		add_header(&a, i);
	send_batch(f, &a, RPC_ANY, ASK_DEADLINE_MS, on_blocks);
}

/* ---- ranges: the newest kept, the last, and all logs between; then the blocks of these ---- */
static int read_range(struct follower *f, const struct rpc_reply *replies, size_t n, struct err *err)
{
	struct follower_block *b = f->blocks;

	/* Without addresses or without anything kept there are fewer calls. */
	const struct rpc_reply *logs = f->o.n_addresses ? &replies[1] : NULL;
	const struct rpc_reply *anchor = kept_top(&f->kept) ? &replies[n - 1] : NULL;
	struct eth_header before = { 0 };

	if (read_header(&b->h, &replies[0], err) < 0 || (anchor && read_header(&before, anchor, err) < 0))
		return -1;
	follow_on_range(&f->plan, &f->kept, &before, &b->h);
	if (f->plan.what != FOLLOW_RANGE || !logs)
		return 0;
	if (read_logs(&b->logs, logs, err) < 0)
		return -1;
	return follow_check_range(f->plan.first, &b->h, f->o.addresses, f->o.n_addresses, b->logs.l, b->logs.n, err);
}

/* The logs of the block that l[0] is of. */
static size_t n_of_block(const struct eth_log *l, size_t n)
{
	size_t i = 1;

	while (i < n && l[i].block == l->block)
		i++;
	return i;
}

static int check_range_block(struct follower *f, const struct rpc_reply *r, const struct eth_log *l, size_t n,
			     struct err *err)
{
	struct eth_header h;
	struct bloom b;

	if (read_header(&h, r, err) < 0)
		return -1;
	if (h.number != l->block || !kept_hash_equal(&h.hash, &l->block_hash))
		return err_set(err, ERR_INVALID, "a log of another block %llu", (unsigned long long)l->block);
	if (read_bloom(&b, r) && bloom_judge(&b, f->o.addresses, f->o.n_addresses, l, n) == BLOOM_LIE)
		return err_set(err, ERR_INVALID, "logs that block %llu does not have", (unsigned long long)l->block);
	return 0;
}

static void ask_range_blocks(struct follower *f);

static void on_range_blocks(void *arg, struct rpc_reply *replies, size_t n, const struct err *err)
{
	struct follower *f = arg;
	const struct eth_logs *logs = &f->blocks[0].logs;
	struct err e;

	if (batch_over(f, err, "the blocks of logs") < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct eth_log *l = &logs->l[f->next_check];
		size_t n_logs = n_of_block(l, logs->n - f->next_check);

		if (check_range_block(f, &replies[i], l, n_logs, &e) < 0) {
			refuse(f, &e, "the blocks of logs");
			return;
		}
		f->next_check += n_logs;
	}
	ask_range_blocks(f);
}

/* Of each block with logs the header, for rows keep their block's hash; the last one's is known. */
static void ask_range_blocks(struct follower *f)
{
	const struct eth_logs *logs = &f->blocks[0].logs;
	struct asking a = { .n = 0 };

	for (size_t i = f->next_check; i < logs->n && a.n < CALLS_MAX && logs->l[i].block < f->plan.last;
	     i += n_of_block(&logs->l[i], logs->n - i))
		add_header(&a, logs->l[i].block);
	if (a.n)
		send_batch(f, &a, RPC_ANY, ASK_DEADLINE_MS, on_range_blocks);
	else
		follower_commit_plan(f);
}

static void on_range(void *arg, struct rpc_reply *replies, size_t n, const struct err *err)
{
	struct follower *f = arg;
	struct err e;

	if (batch_over(f, err, "a range of logs") < 0)
		return;
	follower_drop_blocks(f);
	f->blocks = xcalloc(1, sizeof(*f->blocks));
	f->n_blocks = 1;
	if (read_range(f, replies, n, &e) < 0) {
		refuse(f, &e, "a range of logs");
		return;
	}
	f->next_check = 0;
	if (f->plan.what == FOLLOW_RANGE) {
		ask_range_blocks(f);
	} else {
		follower_drop_blocks(f);
		act(f);
	}
}

void follower_ask_range(struct follower *f)
{
	struct asking a = { .n = 0 };
	char where[100];

	add_header(&a, f->plan.last);
	snprintf(where, sizeof(where), "\"fromBlock\":\"0x%" PRIx64 "\",\"toBlock\":\"0x%" PRIx64 "\"", f->plan.first,
		 f->plan.last);
	if (f->o.n_addresses)
		add_logs(&a, f, where);
	if (kept_top(&f->kept))
		add_header(&a, kept_top(&f->kept)->number);
	send_batch(f, &a, RPC_AGREE, RANGE_DEADLINE_MS, on_range);
}

/* ---- where another branch begins ---- */
static void on_seek(void *arg, struct rpc_reply *replies, size_t n, const struct err *err)
{
	struct eth_header h[FOLLOWER_BLOCKS_MAX] = { 0 };
	struct follower *f = arg;
	struct err e;

	if (batch_over(f, err, "headers of another branch") < 0)
		return;
	if (read_headers(h, replies, n, &e) < 0) {
		refuse(f, &e, "headers of another branch");
		return;
	}
	follow_on_seek(&f->plan, &f->kept, f->o.start_block, h, n, f->has_above ? &f->above : NULL);
	f->has_above = true;
	f->above = h[0];
	act(f);
}

void follower_ask_seek(struct follower *f)
{
	struct asking a = { .n = 0 };

	for (uint64_t i = f->plan.first; i <= f->plan.last; i++)
		add_header(&a, i);
	send_batch(f, &a, RPC_ANY, ASK_DEADLINE_MS, on_seek);
}

/* ---- everything kept is gone? ---- */
static void on_reset(void *arg, struct rpc_reply *replies, size_t n, const struct err *err)
{
	struct follower *f = arg;
	const struct eth_header *lowest = kept_lowest(&f->kept);
	struct eth_header h;
	struct err e;

	if (batch_over(f, err, "a block that should be final") < 0)
		return;
	if (read_header(&h, &replies[0], &e) < 0) {
		refuse(f, &e, "a block that should be final");
		return;
	}
	if (h.number != lowest->number || kept_hash_equal(&h.hash, &lowest->hash)) {
		err_set(&e, ERR_INVALID, "two answers about block %llu differ", (unsigned long long)lowest->number);
		refuse(f, &e, "a block that should be final");
		return;
	}
	log_warn(&f->log, "the chain gave up final blocks, all is read again: from=%llu keep=%llu",
		 (unsigned long long)lowest->number, (unsigned long long)f->kept.keep);
	follower_commit_plan(f);
}

void follower_ask_reset(struct follower *f)
{
	struct asking a = { .n = 0 };

	add_header(&a, kept_lowest(&f->kept)->number);
	send_batch(f, &a, RPC_AGREE, ASK_DEADLINE_MS, on_reset);
}
