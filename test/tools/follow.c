/*
 * Follows a chain into a store and derives rows from the logs: each log, and how many there
 * were of each contract and first topic.
 *	follow URLS STOREDIR [addresses=A,A] [start=N] [keep=N] [poll=MS] [try=MS] [state=FILE] [crash=N]
 * A line on standard output for each thing done.  SIGUSR1 writes the rows to FILE as JSON,
 * SIGTERM ends it.  crash=N: kills itself at the Nth place where that could matter.
 */
#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "node/chain/follower.h"
#include "node/chain/rpc.h"
#include "node/store/store.h"

#define MAP_MAX ((size_t)1 << 30)
#define VALUE_MAX 300

static struct args {
	uint64_t start, keep, poll, try, crash;
	const char *state;
	struct eth_addr addresses[FOLLOWER_ADDRESSES_MAX];
	size_t n_addresses;
} args;

static uv_loop_t loop;
static struct rpc *rpc;
static struct store *store;
static struct follower *follower;
static uv_signal_t on_usr1, on_term;
static uint64_t n_points;

/* Both on the loop and on the store's thread, but never at once. */
static void point(void)
{
	if (++n_points == args.crash)
		kill(getpid(), SIGKILL);
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static void put_u64(uint8_t to[8], uint64_t v)
{
	for (int i = 0; i < 8; i++)
		to[i] = v >> (56 - 8 * i);
}

/* ---- rows ---- */
static void log_key(uint8_t key[12], uint64_t block, uint32_t index)
{
	put_u64(key, block);
	for (int i = 0; i < 4; i++)
		key[8 + i] = index >> (24 - 8 * i);
}

static void count_key(uint8_t key[52], const uint8_t address[20], const uint8_t topic[32])
{
	memcpy(key, address, 20);
	memcpy(key + 20, topic, 32);
}

/* Block hash, contract, transaction, keccak of the data, topics. */
static size_t log_row(uint8_t row[VALUE_MAX], const struct eth_log *l)
{
	struct hash32 data = hash_keccak256(l->data, l->n_data);

	memcpy(row, l->block_hash.b, 32);
	memcpy(row + 32, l->address.b, 20);
	memcpy(row + 52, l->tx_hash.b, 32);
	memcpy(row + 84, data.b, 32);
	memset(row + 116, 0, 32);
	memcpy(row + 116, l->topics, l->n_topics * 32);
	return 116 + (l->n_topics ? l->n_topics : 1) * 32;
}

static int add_count(struct store_txn *t, const uint8_t address[20], const uint8_t topic[32], int by, struct err *err)
{
	uint8_t key[52], value[8];
	struct store_bytes was;
	uint64_t n = 0;

	count_key(key, address, topic);
	if (store_get(t, "counts", key, sizeof(key), &was, err) == 0) {
		for (int i = 0; i < 8; i++)
			n = n << 8 | ((const uint8_t *)was.p)[i];
	} else if (err->code != ERR_NOT_FOUND) {
		return -1;
	}
	n += by;
	put_u64(value, n);
	return n ? store_put(t, "counts", key, sizeof(key), value, 8, err) : store_del(t, "counts", key, sizeof(key), err);
}

static int apply(void *arg, struct store_txn *t, const struct chain_step *s, struct err *err)
{
	uint8_t key[12], row[VALUE_MAX];

	point();
	for (size_t i = 0; i < s->n_logs; i++) {
		const struct eth_log *l = &s->logs[i];
		size_t n = log_row(row, l);

		log_key(key, l->block, l->index);
		if (store_put_new(t, "logs", key, sizeof(key), row, n, err) < 0 ||
		    add_count(t, l->address.b, row + 116, 1, err) < 0)
			return -1;
	}
	say("applied %" PRIu64 "..%" PRIu64 " logs=%zu", s->first, s->last, s->n_logs);
	point();
	return 0;
}

/* Rows of one block, read before any of them goes. */
struct rows {
	uint64_t block;
	struct {
		uint8_t key[12], row[148];
	} r[1000];
	size_t n;
};

static int collect(void *arg, struct store_bytes key, struct store_bytes value, struct err *err)
{
	struct rows *rows = arg;
	uint8_t prefix[8];

	put_u64(prefix, rows->block);
	if (memcmp(key.p, prefix, 8) != 0)
		return 1;
	if (key.n != 12 || value.n < 148 || rows->n == 1000)
		return err_set(err, ERR_INTERNAL, "rows of block %" PRIu64, rows->block);
	memcpy(rows->r[rows->n].key, key.p, 12);
	memcpy(rows->r[rows->n++].row, value.p, 148);
	return 0;
}

static int undo(void *arg, struct store_txn *t, const struct eth_header *gone, struct err *err)
{
	struct rows *rows = xcalloc(1, sizeof(*rows));
	uint8_t key[12];
	int rc;

	point();
	rows->block = gone->number;
	log_key(key, gone->number, 0);
	rc = store_each(t, "logs", key, sizeof(key), collect, rows, err);
	for (size_t i = 0; rc == 0 && i < rows->n; i++) {
		if (memcmp(rows->r[i].row, gone->hash.b, 32) != 0)
			rc = err_set(err, ERR_INTERNAL, "a row of another block %" PRIu64, gone->number);
		else if (store_del(t, "logs", rows->r[i].key, 12, err) < 0 ||
			 add_count(t, rows->r[i].row + 32, rows->r[i].row + 116, -1, err) < 0)
			rc = -1;
	}
	say("undone %" PRIu64 " logs=%zu", gone->number, rows->n);
	free(rows);
	point();
	return rc;
}

static int any_key(void *arg, struct store_bytes key, struct store_bytes value, struct err *err)
{
	struct store_bytes *k = arg;

	memcpy((void *)k->p, key.p, key.n);
	k->n = key.n;
	return 1;
}

static int empty(struct store_txn *t, const char *table, struct err *err)
{
	uint8_t bytes[STORE_KEY_MAX];
	struct store_bytes k = { bytes, 0 };

	for (;;) {
		k.n = 0;
		if (store_each(t, table, NULL, 0, any_key, &k, err) < 0)
			return -1;
		if (!k.n)
			return 0;
		if (store_del(t, table, k.p, k.n, err) < 0)
			return -1;
	}
}

static int reset(void *arg, struct store_txn *t, struct err *err)
{
	point();
	say("reset");
	if (empty(t, "logs", err) < 0 || empty(t, "counts", err) < 0)
		return -1;
	point();
	return 0;
}

static void moved(void *arg, const struct eth_header *head, bool caught_up)
{
	char hex[65];

	hex_fmt(hex, head->hash.b, 32);
	say("moved %" PRIu64 " 0x%s%s", head->number, hex, caught_up ? " caught up" : "");
	point();
}

/* ---- what there is, as JSON ---- */
static json_t *hex_json(const void *p, size_t n)
{
	char *s = xmalloc(2 * n + 3);
	json_t *j;

	strcpy(s, "0x");
	hex_fmt(s + 2, p, n);
	j = json_string(s);
	free(s);
	return j;
}

static int add_row(void *arg, struct store_bytes key, struct store_bytes value, struct err *err)
{
	json_array_append_new(arg, json_pack("[o,o]", hex_json(key.p, key.n), hex_json(value.p, value.n)));
	return 0;
}

static int dump(struct store_txn *t, void *arg, struct err *err)
{
	json_t *logs = json_array(), *counts = json_array(), *kept = json_array();

	json_object_set_new(arg, "logs", logs);
	json_object_set_new(arg, "counts", counts);
	json_object_set_new(arg, "kept", kept);
	if (store_each(t, "logs", NULL, 0, add_row, logs, err) < 0 ||
	    store_each(t, "counts", NULL, 0, add_row, counts, err) < 0)
		return -1;
	return store_each(t, "follow_test", NULL, 0, add_row, kept, err);
}

static void on_dumped(void *arg, const struct err *err)
{
	char *tmp = xasprintf("%s.tmp", args.state), why[160];
	struct eth_header head;
	json_t *j = arg;

	if (follower && follower_head(follower, &head))
		json_object_set_new(j, "head", json_pack("[I,o]", (json_int_t)head.number, hex_json(head.hash.b, 32)));
	if (follower)
		json_object_set_new(j, "degraded", json_integer(follower_degraded_since(follower, why)));
	if (err || !follower || json_dump_file(j, tmp, 0) < 0 || rename(tmp, args.state) < 0)
		say("no state: %s", err ? err->msg : "the file");
	json_decref(j);
	free(tmp);
}

static void on_dump_asked(uv_signal_t *h, int signum)
{
	struct err err;
	json_t *j = json_object();

	if (!args.state || store_submit(store, &loop, dump, on_dumped, j, &err) < 0)
		json_decref(j);
}

/* ---- start and end ---- */
static void on_rpc_closed(void *arg)
{
	uv_close((uv_handle_t *)&on_usr1, NULL);
	uv_close((uv_handle_t *)&on_term, NULL);
}

static void on_follower_closed(void *arg)
{
	rpc_free(rpc, on_rpc_closed, NULL);
}

static void on_end_asked(uv_signal_t *h, int signum)
{
	struct follower *f = follower;

	follower = NULL;
	follower_free(f, on_follower_closed, NULL);
}

static int parse_addresses(char *list, struct err *err)
{
	for (char *s = strtok(list, ","); s; s = strtok(NULL, ",")) {
		if (args.n_addresses == FOLLOWER_ADDRESSES_MAX)
			return err_set(err, ERR_LIMIT, "too many addresses");
		if (eth_addr_parse(&args.addresses[args.n_addresses++], s, err) < 0)
			return -1;
	}
	return 0;
}

static int parse_arg(char *arg, struct err *err)
{
	static const struct {
		const char *name;
		uint64_t *value;
	} numbers[] = { { "start=", &args.start }, { "keep=", &args.keep }, { "poll=", &args.poll },
			{ "try=", &args.try }, { "crash=", &args.crash } };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		size_t n = strlen(numbers[i].name);

		if (strncmp(arg, numbers[i].name, n) == 0) {
			*numbers[i].value = strtoull(arg + n, NULL, 10);
			return 0;
		}
	}
	if (strncmp(arg, "addresses=", 10) == 0)
		return parse_addresses(arg + 10, err);
	if (strncmp(arg, "state=", 6) != 0)
		return err_set(err, ERR_INVALID, "%s", arg);
	args.state = arg + 6;
	return 0;
}

static int start(const char *urls, const char *dir, struct err *err)
{
	struct rpc_opts ro = { .urls = urls, .try_ms = args.try };
	struct follower_opts fo = { .name = "test", .n_addresses = args.n_addresses, .start_block = args.start,
				    .keep = args.keep, .poll_ms = args.poll, .apply = apply, .undo = undo,
				    .reset = reset, .moved = moved };

	memcpy(fo.addresses, args.addresses, sizeof(fo.addresses));
	store = store_open(dir, MAP_MAX, err);
	if (!store)
		return -1;
	fo.store = store;
	fo.rpc = rpc = rpc_new(&loop, &ro, err);
	if (!rpc)
		return -1;
	follower = follower_new(&loop, &fo, err);
	return follower ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };

	if (argc < 3) {
		fputs("see the top of test/tools/follow.c\n", stderr);
		return 2;
	}
	log_setup(LOG_INFO, false);
	for (int i = 3; i < argc; i++) {
		if (parse_arg(argv[i], &err) < 0) {
			fprintf(stderr, "%s\n", err.msg);
			return 2;
		}
	}
	uv_loop_init(&loop);
	uv_signal_init(&loop, &on_usr1);
	uv_signal_init(&loop, &on_term);
	uv_signal_start(&on_usr1, on_dump_asked, SIGUSR1);
	uv_signal_start(&on_term, on_end_asked, SIGTERM);
	if (start(argv[1], argv[2], &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	store_close(store);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert(uv_loop_close(&loop) == 0);
	return 0;
}
