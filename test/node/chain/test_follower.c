/*
 * The follower against a chain in memory, in place of rpc.c: what it asks, what it believes,
 * and that it can be ended at any time.  The store is a real one.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "node/chain/bloom.h"
#include "node/chain/follower.h"
#include "node/chain/rpc.h"
#include "node/store/store.h"
#include "test/test.h"

#define BLOCKS_MAX 3000

/* ---- the chain: a block's branch tells its hash; each third block has a log ---- */
static struct {
	uint64_t branch[BLOCKS_MAX];	/* of each block */
	uint64_t head;
} chain;

/* What the endpoint does wrong, and what it was asked. */
static struct {
	bool drops_logs, drops_receipts, has_no_receipts, invents_logs, moves_logs, drops_headers, is_mute;
	uint64_t range_max, says_head;
	unsigned n_batches, n_logs, n_receipts, n_agree, n_blamed;
	bool is_good_when_blamed;	/* as if another one were asked then */
} endpoint;

static const struct eth_addr ours = { { 0xaa, 1 } }, theirs = { { 0xbb, 2 } };
static uint64_t noted_head;

static void hash_hex(char to[67], uint64_t branch, uint64_t n)
{
	sprintf(to, "0x%032" PRIx64 "%032" PRIx64, branch, n);
}

static bool has_log(uint64_t n)
{
	return n % 3 == 0;
}

static json_t *addr_json(const struct eth_addr *a)
{
	char to[43] = "0x";

	hex_fmt(to + 2, a->b, 20);
	return json_string(to);
}

static json_t *u64_json(uint64_t v)
{
	return json_sprintf("0x%" PRIx64, v);
}

static json_t *hash_json(uint64_t branch, uint64_t n)
{
	char to[67];

	hash_hex(to, branch, n);
	return json_string(to);
}

static json_t *log_json(uint64_t n, unsigned index, const struct eth_addr *of)
{
	return json_pack("{s:o,s:[o],s:s,s:o,s:o,s:o,s:o,s:b}", "address", addr_json(of), "topics",
			 hash_json(7, of->b[0]), "data", "0x", "blockNumber", u64_json(n), "blockHash",
			 hash_json(chain.branch[n] + endpoint.moves_logs, n), "transactionHash", hash_json(9, n), "logIndex",
			 u64_json(index), "removed", 0);
}

/* Of a block with a log: one of theirs, too. */
static json_t *bloom_json(uint64_t n)
{
	struct bloom b = { { 0 } };
	const struct eth_addr *of[] = { &ours, &theirs };
	char hex[515] = "0x";

	for (int i = 0; has_log(n) && i < 2; i++) {
		uint8_t topic[32];
		char text[67];

		hash_hex(text, 7, of[i]->b[0]);
		assert(hex_parse(topic, 32, text) == 0);
		bloom_add(&b, of[i]->b, 20);
		bloom_add(&b, topic, 32);
	}
	hex_fmt(hex + 2, b.b, sizeof(b.b));
	return json_string(hex);
}

static json_t *header_json(uint64_t n)
{
	if (n > chain.head || endpoint.drops_headers)
		return json_null();
	return json_pack("{s:o,s:o,s:o,s:s,s:o}", "number", u64_json(n), "hash", hash_json(chain.branch[n], n),
			 "parentHash", n ? hash_json(chain.branch[n - 1], n - 1) : hash_json(0, 0), "timestamp", "0x10",
			 "logsBloom", bloom_json(n));
}

static json_t *logs_json(uint64_t first, uint64_t last)
{
	json_t *logs = json_array();

	for (uint64_t n = first; n <= last && n <= chain.head; n++) {
		if (has_log(n) && !endpoint.drops_logs)
			json_array_append_new(logs, log_json(n, 0, &ours));
		if (endpoint.invents_logs)
			json_array_append_new(logs, log_json(n, 1, &ours));
	}
	return logs;
}

static json_t *receipts_json(uint64_t n)
{
	json_t *logs = json_array();

	if (has_log(n) && !endpoint.drops_receipts) {
		json_array_append_new(logs, log_json(n, 0, &ours));
		json_array_append_new(logs, log_json(n, 1, &theirs));
	}
	return json_pack("[{s:[]},{s:o}]", "logs", "logs", logs);
}

static uint64_t number_in(const char *params, const char *field)
{
	const char *at = strstr(params, field);

	assert(at);
	return strtoull(at + strlen(field), NULL, 16);
}

/* The block whose hash stands in params. */
static uint64_t block_of_hash(const char *params, const char *before)
{
	const char *at = strstr(params, before);
	char text[67] = "";
	uint64_t n;

	assert(at);
	memcpy(text, at + strlen(before), 66);
	n = strtoull(text + 34, NULL, 16);
	hash_hex(text, chain.branch[n], n);
	return memcmp(text, at + strlen(before), 66) == 0 ? n : UINT64_MAX;
}

static int refuse(struct rpc_reply *r, const char *why)
{
	r->code = -32000;
	snprintf(r->message, sizeof(r->message), "%s", why);
	return 0;
}

static void answer_logs(struct rpc_reply *r, const char *params)
{
	uint64_t first, last;

	endpoint.n_logs++;
	if (strstr(params, "blockHash")) {
		first = last = block_of_hash(params, "\"blockHash\":\"");
	} else {
		first = number_in(params, "\"fromBlock\":\"");
		last = number_in(params, "\"toBlock\":\"");
	}
	if (first == UINT64_MAX)
		refuse(r, "unknown block");
	else if (endpoint.range_max && last - first >= endpoint.range_max)
		refuse(r, "block range too large");
	else
		r->result = logs_json(first, last);
}

static void answer(struct rpc_reply *r, const char *method, const char *params)
{
	uint64_t head = endpoint.says_head ? endpoint.says_head : chain.head, n;

	if (strcmp(method, "eth_getBlockByNumber") == 0) {
		n = strstr(params, "latest") ? head : number_in(params, "[\"");
		r->result = header_json(n);
	} else if (strcmp(method, "eth_getLogs") == 0) {
		answer_logs(r, params);
	} else {
		assert(strcmp(method, "eth_getBlockReceipts") == 0);
		endpoint.n_receipts++;
		n = block_of_hash(params, "[\"");
		if (endpoint.has_no_receipts || n == UINT64_MAX)
			refuse(r, "the method does not exist");
		else
			r->result = receipts_json(n);
	}
}

/* ---- in place of rpc.c ---- */
struct rpc_batch {
	uv_timer_t timer;
	struct rpc_reply replies[RPC_BATCH_MAX];
	size_t n;
	rpc_done_cb *cb;
	void *arg;
};
static uv_loop_t loop;

static void on_batch_closed(uv_handle_t *h)
{
	struct rpc_batch *b = h->data;

	for (size_t i = 0; i < b->n; i++)
		rpc_reply_fini(&b->replies[i]);
	free(b);
}

static void on_batch(uv_timer_t *t)
{
	struct rpc_batch *b = t->data;
	struct err err;

	uv_close((uv_handle_t *)t, on_batch_closed);
	if (endpoint.is_mute) {
		err_set(&err, ERR_TIMEOUT, "no endpoint answers");
		b->cb(b->arg, NULL, b->n, &err);
	} else {
		b->cb(b->arg, b->replies, b->n, NULL);
	}
}

struct rpc_batch *rpc_send(struct rpc *r, enum rpc_way way, const struct rpc_call *calls, size_t n,
			   uint64_t deadline_ms, rpc_done_cb *cb, void *arg)
{
	struct rpc_batch *b = xcalloc(1, sizeof(*b));

	assert(n >= 1 && n <= RPC_BATCH_MAX);
	endpoint.n_batches++;
	endpoint.n_agree += way == RPC_AGREE;
	b->n = n;
	b->cb = cb;
	b->arg = arg;
	for (size_t i = 0; i < n; i++)
		answer(&b->replies[i], calls[i].method, calls[i].params);
	uv_timer_init(&loop, &b->timer);
	b->timer.data = b;
	uv_timer_start(&b->timer, on_batch, 0, 0);
	return b;
}

void rpc_cancel(struct rpc_batch *b)
{
	if (b)
		uv_close((uv_handle_t *)&b->timer, on_batch_closed);
}

void rpc_blame(struct rpc *r, const char *why)
{
	endpoint.n_blamed++;
	if (endpoint.is_good_when_blamed) {
		bool keep = endpoint.is_good_when_blamed;
		unsigned n = endpoint.n_blamed;

		memset(&endpoint, 0, sizeof(endpoint));
		endpoint.is_good_when_blamed = keep;
		endpoint.n_blamed = n;
	}
}

void rpc_note_head(struct rpc *r, uint64_t number)
{
	noted_head = number;
}

/* ---- the follower's rows, in memory; touched by the store's thread while it commits ---- */
static struct {
	struct hash32 hash[BLOCKS_MAX];
	unsigned n_logs[BLOCKS_MAX];
	bool there[BLOCKS_MAX];
	unsigned n_resets, n_undone;
	unsigned fail_next;
	uint64_t last_undone;
} rows;
static struct {
	uint64_t head;
	bool caught_up;
} told;
static struct store *store;
static struct follower *follower;
static char dir[64];

static int apply(void *arg, struct store_txn *t, const struct chain_step *s, struct err *err)
{
	if (rows.fail_next) {
		rows.fail_next--;
		return err_set(err, ERR_LIMIT, "the disk is full");
	}
	for (uint64_t n = s->first; n <= s->last; n++) {
		assert(!rows.there[n]);
		rows.there[n] = true;
		rows.n_logs[n] = 0;
	}
	rows.hash[s->last] = s->header.hash;
	for (size_t i = 0; i < s->n_logs; i++) {
		assert(eth_addr_equal(&s->logs[i].address, &ours));
		rows.hash[s->logs[i].block] = s->logs[i].block_hash;
		rows.n_logs[s->logs[i].block]++;
	}
	return 0;
}

static int undo(void *arg, struct store_txn *t, const struct eth_header *gone, struct err *err)
{
	assert(rows.there[gone->number]);
	assert(memcmp(&rows.hash[gone->number], &gone->hash, 32) == 0);
	assert(!rows.there[gone->number + 1]);
	rows.there[gone->number] = false;
	rows.n_undone++;
	rows.last_undone = gone->number;
	return 0;
}

static int reset(void *arg, struct store_txn *t, struct err *err)
{
	memset(rows.there, 0, sizeof(rows.there));
	rows.n_resets++;
	return 0;
}

static void moved(void *arg, const struct eth_header *head, bool caught_up)
{
	told.head = head->number;
	told.caught_up = caught_up;
}

static void grow_to(uint64_t head, uint64_t branch)
{
	for (uint64_t n = chain.head + 1; n <= head; n++)
		chain.branch[n] = branch;
	chain.head = head;
}

static void branch_off(uint64_t first, uint64_t head, uint64_t branch)
{
	chain.head = first - 1;
	grow_to(head, branch);
}

static void follow(uint64_t start, size_t n_addresses)
{
	struct follower_opts o = { .store = store, .name = "x", .addresses = { ours }, .n_addresses = n_addresses,
				   .start_block = start, .keep = 64, .poll_ms = 5, .apply = apply, .undo = undo,
				   .reset = reset, .moved = moved };
	struct err err;

	follower = follower_new(&loop, &o, &err);
	assert_non_null(follower);
}

static void on_deadline(uv_timer_t *t)
{
	fail_msg("the loop waits for nothing");
}

/* Runs the loop until cond holds; 20 s are for a machine that is loaded. */
#define run_until(cond) do {						\
	uv_timer_t deadline;						\
	uv_timer_init(&loop, &deadline);				\
	uv_timer_start(&deadline, on_deadline, 20000, 0);		\
	while (!(cond))							\
		uv_run(&loop, UV_RUN_ONCE);				\
	uv_close((uv_handle_t *)&deadline, NULL);			\
	uv_run(&loop, UV_RUN_NOWAIT);					\
} while (0)

static bool is_at(uint64_t n)
{
	return told.caught_up && told.head == n && noted_head == n;
}

static bool is_degraded(const char *words)
{
	char why[160];

	return follower_degraded_since(follower, why) && strstr(why, words);
}

static bool is_well(void)
{
	char why[160];

	return !follower_degraded_since(follower, why);
}

static void assert_rows(uint64_t start)
{
	for (uint64_t n = 0; n < BLOCKS_MAX; n++) {
		char want[67], got[67] = "0x";

		assert_int_equal(rows.there[n], n >= start && n <= chain.head);
		if (!rows.there[n])
			continue;
		assert_int_equal(rows.n_logs[n], has_log(n));
		if (!has_log(n))
			continue;
		hash_hex(want, chain.branch[n], n);
		hex_fmt(got + 2, rows.hash[n].b, 32);
		assert_string_equal(got, want);
	}
}

static void on_freed(void *arg)
{
	*(bool *)arg = true;
}

static void stop(void)
{
	bool freed = false;

	follower_free(follower, on_freed, &freed);
	follower = NULL;
	run_until(freed);
}

static int begin(void **state)
{
	struct err err;

	memset(&chain, 0, sizeof(chain));
	memset(&endpoint, 0, sizeof(endpoint));
	memset(&rows, 0, sizeof(rows));
	memset(&told, 0, sizeof(told));
	strcpy(dir, "/tmp/test_follower-XXXXXX");
	assert_non_null(mkdtemp(dir));
	uv_loop_init(&loop);
	store = store_open(dir, 64 << 20, &err);
	assert_non_null(store);
	return 0;
}

static int end(void **state)
{
	char path[100];

	if (follower)
		stop();
	store_close(store);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/lock.mdb", dir);
	unlink(path);
	rmdir(dir);
	return 0;
}

/* ---- what it does ---- */
static void each_block_comes_once_and_in_order(void **state)
{
	grow_to(100, 1);
	follow(10, 1);
	run_until(is_at(100));
	assert_rows(10);
	grow_to(103, 1);
	run_until(is_at(103));
	assert_rows(10);
	assert_int_equal(rows.n_undone, 0);
}

static void a_branch_is_taken_back_from_its_top(void **state)
{
	struct eth_header head;

	grow_to(100, 1);
	follow(10, 1);
	run_until(is_at(100));
	branch_off(37, 101, 2);
	run_until(is_at(101));
	assert_int_equal(rows.n_undone, 64);
	assert_int_equal(rows.last_undone, 37);
	assert_int_equal(rows.n_resets, 0);
	assert_rows(10);
	assert_true(follower_head(follower, &head));
	assert_int_equal(head.number, 101);
}

static void a_deeper_one_resets_when_two_endpoints_say_so(void **state)
{
	unsigned n_agree;

	grow_to(200, 1);
	follow(10, 1);
	run_until(is_at(200));
	n_agree = endpoint.n_agree;
	branch_off(100, 201, 2);
	run_until(is_at(201));
	assert_int_equal(rows.n_resets, 1);
	assert_true(endpoint.n_agree > n_agree);
	assert_rows(10);
}

static void what_was_followed_goes_on_after_a_restart(void **state)
{
	grow_to(100, 1);
	follow(10, 1);
	run_until(is_at(100));
	stop();
	branch_off(90, 102, 2);
	memset(&told, 0, sizeof(told));
	follow(10, 1);
	run_until(is_at(102));
	assert_int_equal(rows.n_undone, 11);
	assert_rows(10);
}

static void ranges_are_halved_until_the_endpoint_takes_them(void **state)
{
	endpoint.range_max = 70;
	grow_to(1500, 1);
	follow(3, 1);
	run_until(is_at(1500));
	assert_rows(3);
	assert_true(endpoint.n_agree > 20);
}

static void without_contracts_no_logs_are_asked_for(void **state)
{
	grow_to(300, 1);
	follow(0, 0);
	run_until(is_at(300));
	assert_int_equal(endpoint.n_logs, 0);
	assert_true(rows.there[0] && rows.there[300]);
}

static void a_stale_head_waits_and_says_so(void **state)
{
	grow_to(100, 1);
	follow(10, 1);
	run_until(is_at(100));
	endpoint.says_head = 60;
	run_until(is_degraded("it is at block 60, and block 100 was there already"));
	endpoint.says_head = 0;
	run_until(is_well());
	assert_int_equal(rows.n_undone, 0);
}

static void logs_left_out_come_from_the_receipts(void **state)
{
	endpoint.drops_logs = true;
	grow_to(50, 1);
	follow(0, 1);
	run_until(is_at(50));
	assert_true(endpoint.n_receipts > 10);
	assert_rows(0);
}

static void receipts_that_leave_logs_out_are_refused(void **state)
{
	endpoint.drops_logs = endpoint.drops_receipts = true;
	grow_to(50, 1);
	follow(0, 1);
	run_until(is_degraded("receipts whose logs are not those of the block"));
	endpoint.drops_logs = endpoint.drops_receipts = false;
	run_until(is_at(50));
	assert_rows(0);
	assert_true(is_well());
}

static void an_endpoint_without_receipts_is_believed(void **state)
{
	endpoint.has_no_receipts = true;
	grow_to(50, 1);
	follow(0, 1);
	run_until(is_at(50));
	assert_rows(0);
}

static void invented_logs_are_refused(void **state)
{
	endpoint.invents_logs = true;
	grow_to(50, 1);
	follow(0, 1);
	run_until(is_degraded("does not have"));
	endpoint.invents_logs = false;
	run_until(is_at(50));
	assert_rows(0);
}

static void logs_of_another_branch_are_refused(void **state)
{
	endpoint.moves_logs = true;
	grow_to(50, 1);
	follow(0, 1);
	run_until(is_degraded("a log of another block"));
	endpoint.moves_logs = false;
	run_until(is_at(50));
	assert_rows(0);
}

static void a_range_s_logs_are_of_the_blocks_that_there_are(void **state)
{
	endpoint.moves_logs = endpoint.is_good_when_blamed = true;
	grow_to(400, 1);
	follow(0, 1);
	run_until(is_at(400));
	assert_int_equal(endpoint.n_blamed, 1);
	assert_rows(0);
}

static void invented_logs_in_a_range_are_refused(void **state)
{
	endpoint.invents_logs = endpoint.is_good_when_blamed = true;
	grow_to(400, 1);
	follow(0, 1);
	run_until(is_at(400));
	assert_int_equal(endpoint.n_blamed, 1);
	assert_rows(0);
}

static void whose_answers_do_not_hold_is_not_asked_again(void **state)
{
	endpoint.moves_logs = endpoint.is_good_when_blamed = true;
	grow_to(50, 1);
	follow(0, 1);
	run_until(is_at(50));
	assert_int_equal(endpoint.n_blamed, 1);
	assert_rows(0);
}

static void headers_that_are_not_there_are_waited_for(void **state)
{
	endpoint.drops_headers = true;
	grow_to(50, 1);
	follow(0, 1);
	run_until(is_degraded("the head: "));
	endpoint.drops_headers = false;
	run_until(is_at(50));
	assert_rows(0);
}

static void silence_is_told_and_ends(void **state)
{
	endpoint.is_mute = true;
	grow_to(50, 1);
	follow(0, 1);
	run_until(is_degraded("no endpoint answers"));
	endpoint.is_mute = false;
	run_until(is_at(50));
	assert_true(is_well());
}

static void what_cannot_be_written_comes_again(void **state)
{
	rows.fail_next = 3;
	grow_to(50, 1);
	follow(0, 1);
	run_until(is_degraded("the disk is full"));
	run_until(is_at(50));
	assert_rows(0);
}

static void other_contracts_make_other_rows(void **state)
{
	grow_to(100, 1);
	follow(10, 1);
	run_until(is_at(100));
	stop();
	memset(&told, 0, sizeof(told));
	follow(20, 1);
	run_until(is_at(100));
	assert_int_equal(rows.n_resets, 1);
	assert_rows(20);
}

static int damage(struct store_txn *t, void *arg, struct err *err)
{
	const uint8_t key[] = { 1, 0, 0, 0, 0, 0, 0, 0, 42 };

	return store_put(t, "follow_x", key, sizeof(key), "nonsense", 8, err);
}

static void a_damaged_store_is_told_in_words(void **state)
{
	struct err err;

	grow_to(100, 1);
	follow(10, 1);
	run_until(is_at(100));
	stop();
	assert_int_equal(store_write(store, damage, NULL, &err), 0);
	follow(10, 1);
	run_until(is_degraded("the table follow_x"));
	assert_rows(10);
}

static void it_can_be_ended_at_any_time(void **state)
{
	for (int turns = 0; turns < 30; turns++) {
		grow_to(90 + 2 * (uint64_t)turns, 1);
		follow(10, 1);
		for (int i = 0; i < turns; i++)
			uv_run(&loop, UV_RUN_ONCE);
		stop();
	}
	follow(10, 1);
	run_until(is_at(chain.head));
	assert_rows(10);
}

static void senseless_options_are_refused(void **state)
{
	struct follower_opts o = { .store = store, .name = "Ledger" };
	struct err err;

	assert_null(follower_new(&loop, &o, &err));
	assert_string_equal(err.msg, "\"Ledger\" is no name of a follower");
	o.name = "ledger";
	o.keep = 63;
	assert_null(follower_new(&loop, &o, &err));
	assert_int_equal(err.code, ERR_INVALID);
	o.keep = 0;
	o.n_addresses = 33;
	assert_null(follower_new(&loop, &o, &err));
	follower_free(NULL, NULL, NULL);
}

static void a_bloom_knows_its_logs(void **state)
{
	struct bloom b = { { 0 } }, want = { { 0 } };
	uint8_t topic[32] = { 0 };

	bloom_add(&b, topic, 32);
	/* keccak256 of 32 zero bytes begins 0x290decd9548b: bits 0x10d, 0x4d9, 0x48b. */
	want.b[255 - 0x10d / 8] |= 1 << 0x10d % 8;
	want.b[255 - 0x4d9 / 8] |= 1 << 0x4d9 % 8;
	want.b[255 - 0x48b / 8] |= 1 << 0x48b % 8;
	assert_memory_equal(&b, &want, sizeof(b));
	assert_true(bloom_has(&b, topic, 32));
	topic[0] = 1;
	assert_false(bloom_has(&b, topic, 32));
}

static void a_full_bloom_tells_nothing(void **state)
{
	struct bloom b;

	memset(&b, 0xff, sizeof(b));
	assert_int_equal(bloom_judge(&b, &ours, 1, NULL, 0), BLOOM_FITS);
	memset(&b, 0, sizeof(b));
	bloom_add(&b, ours.b, 20);
	assert_int_equal(bloom_judge(&b, &ours, 1, NULL, 0), BLOOM_UNSURE);
	assert_int_equal(bloom_judge(&b, &theirs, 1, NULL, 0), BLOOM_FITS);
}

#define case_of(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
	const struct CMUnitTest tests[] = {
		case_of(each_block_comes_once_and_in_order),
		case_of(a_branch_is_taken_back_from_its_top),
		case_of(a_deeper_one_resets_when_two_endpoints_say_so),
		case_of(what_was_followed_goes_on_after_a_restart),
		case_of(ranges_are_halved_until_the_endpoint_takes_them),
		case_of(without_contracts_no_logs_are_asked_for),
		case_of(a_stale_head_waits_and_says_so),
		case_of(logs_left_out_come_from_the_receipts),
		case_of(receipts_that_leave_logs_out_are_refused),
		case_of(an_endpoint_without_receipts_is_believed),
		case_of(invented_logs_are_refused),
		case_of(logs_of_another_branch_are_refused),
		case_of(a_range_s_logs_are_of_the_blocks_that_there_are),
		case_of(invented_logs_in_a_range_are_refused),
		case_of(whose_answers_do_not_hold_is_not_asked_again),
		case_of(headers_that_are_not_there_are_waited_for),
		case_of(silence_is_told_and_ends),
		case_of(what_cannot_be_written_comes_again),
		case_of(other_contracts_make_other_rows),
		case_of(a_damaged_store_is_told_in_words),
		case_of(it_can_be_ended_at_any_time),
		case_of(senseless_options_are_refused),
		cmocka_unit_test(a_bloom_knows_its_logs),
		cmocka_unit_test(a_full_bloom_tells_nothing),
	};

	log_setup(LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
