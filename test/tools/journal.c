/*
 * A transaction journal to try things on:
 *	journal URLS DIR KEYFILE [NAME=VALUE...]
 * KEYFILE: 64 hex digits (tests only).  Intents come from standard input, a JSON object a line:
 *	{"key":"a/1","what":"...","to":"0x...","value":"1000","data":"0x...","gas":21000,"until":0}
 *	{"do":"speed-up"|"cancel","id":1}	or "key" in place of "id"
 * Everything that is open in DIR is taken up as well.  Ends when all of it is final; then 0.
 * Each change of state is a line of JSON on standard output.
 *	depth poll patience try_ms	as in journal_opts and rpc_opts (ms)
 *	ceiling tip			gwei
 *	legacy=1
 *	look=1				no key: only looks
 *	crash=STEP[:N]			SIGKILL to itself at the N-th time of the step (1)
 *	crash_at=N			at the N-th step of any kind
 *	list=1				print all and end
 *	linger=MS			goes on for so long after all is final
 */
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "node/chain/journal.h"
#include "node/chain/rpc.h"
#include "node/store/store.h"

#define MAP_MAX (256 << 20)
#define LIST_MAX 4096

static struct {
	uv_loop_t loop;
	struct store *store;
	struct rpc *rpc;
	struct journal *journal;
	struct sig_key *key;
	struct rpc_opts rpc_opts;
	struct journal_opts o;
	uint64_t ceiling, tip, crash_n, crash_at, n_steps, n_crash, linger;
	uv_timer_t timer;
	char crash[40];
	bool look, list;
	unsigned n_open;
} app = { .ceiling = 200, .tip = 1, .crash_n = 1 };

static void die(const char *doing, const struct err *err)
{
	fprintf(stderr, "%s: %s: %s\n", doing, err_code_name(err->code), err->msg);
	exit(1);
}

/* ---- options ---- */

static bool number(const char *arg, const char *name, uint64_t *to)
{
	size_t n = strlen(name);

	if (strncmp(arg, name, n) != 0 || arg[n] != '=')
		return false;
	*to = strtoull(arg + n + 1, NULL, 10);
	return true;
}

static void set_crash(const char *v)
{
	const char *colon = strchr(v, ':');

	snprintf(app.crash, sizeof(app.crash), "%.*s", (int)(colon ? colon - v : (long)strlen(v)), v);
	app.crash_n = colon ? strtoull(colon + 1, NULL, 10) : 1;
}

static void set_option(const char *arg)
{
	uint64_t flag = 0;

	if (strncmp(arg, "crash=", 6) == 0)
		set_crash(arg + 6);
	else if (number(arg, "legacy", &flag))
		app.o.legacy = flag != 0;
	else if (number(arg, "look", &flag))
		app.look = flag != 0;
	else if (number(arg, "list", &flag))
		app.list = flag != 0;
	else if (!number(arg, "depth", &app.o.depth) && !number(arg, "poll", &app.o.poll_ms) &&
		 !number(arg, "patience", &app.o.patience_ms) && !number(arg, "try_ms", &app.rpc_opts.try_ms) &&
		 !number(arg, "ceiling", &app.ceiling) && !number(arg, "tip", &app.tip) &&
		 !number(arg, "crash_at", &app.crash_at) && !number(arg, "chain", &app.o.chain_id) &&
		 !number(arg, "linger", &app.linger)) {
		fprintf(stderr, "what is %s?\n", arg);
		exit(2);
	}
}

static struct sig_key *read_key(const char *path)
{
	char hex[65] = "";
	uint8_t secret[32];
	struct err err = { 0 };
	struct sig_key *key;
	FILE *f = fopen(path, "r");

	if (!f || fread(hex, 1, 64, f) != 64 || hex_parse(secret, 32, hex) < 0) {
		fprintf(stderr, "%s: not 64 hex digits\n", path);
		exit(2);
	}
	fclose(f);
	key = sig_key_new(secret, &err);
	if (!key)
		die("key", &err);
	return key;
}

/* ---- what is told ---- */

static void hash_text(char to[67], const struct hash32 *h)
{
	strcpy(to, "0x");
	hex_fmt(to + 2, h->b, sizeof(h->b));
}

static void print(const struct tx_info *tx, const struct eth_receipt *receipt)
{
	char hash[67], fee[U256_DEC_MAX] = "0", tip[U256_DEC_MAX] = "0";
	json_t *hashes = json_array();
	char *text;
	json_t *j;

	for (size_t i = 0; i < tx->n_attempts; i++) {
		hash_text(hash, &tx->attempts[i].hash);
		json_array_append_new(hashes, json_string(hash));
		u256_fmt_dec(fee, &tx->attempts[i].offer.max_fee);
		u256_fmt_dec(tip, &tx->attempts[i].offer.max_tip);
	}
	hash_text(hash, &tx->tx_hash);
	j = json_pack("{s:I,s:s,s:s,s:o,s:s,s:s,s:s,s:I,s:I,s:s,s:b}", "id", (json_int_t)tx->id, "key", tx->key,
		      "state", tx_state_name(tx->state), "hashes", hashes, "hash", hash, "fee", fee, "tip", tip,
		      "nonce", (json_int_t)(tx->has_nonce ? (int64_t)tx->nonce : -1), "block", (json_int_t)tx->block,
		      "why", tx->why, "receipt", receipt != NULL);
	text = json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER);
	printf("%s\n", text);
	fflush(stdout);
	free(text);
	json_decref(j);
}

static void on_rpc_closed(void *arg)
{
	store_close(app.store);
}

static void on_journal_closed(void *arg)
{
	rpc_free(app.rpc, on_rpc_closed, NULL);
}

static void on_lingered(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, NULL);
	journal_free(app.journal, on_journal_closed, NULL);
}

static void close_when_done(void)
{
	if (app.n_open == 0)
		uv_timer_start(&app.timer, on_lingered, app.linger, 0);
}

static void on_tx(void *arg, const struct tx_info *tx, const struct eth_receipt *receipt)
{
	print(tx, receipt);
	if (!tx_state_is_final(tx->state))
		return;
	app.n_open--;
	close_when_done();
}

static void on_step(void *arg, const char *name)
{
	bool now = ++app.n_steps == app.crash_at;

	if (strcmp(name, app.crash) == 0)
		now = now || ++app.n_crash == app.crash_n;
	if (!now)
		return;
	fprintf(stderr, "killed at %s\n", name);
	kill(getpid(), SIGKILL);
}

/* ---- what is asked ---- */

static const char *text_of(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	return s ? s : "";
}

static uint64_t id_of(const json_t *j)
{
	static struct tx_info tx[LIST_MAX];
	struct err err = { 0 };
	size_t n;

	if (!*text_of(j, "key"))
		return (uint64_t)json_integer_value(json_object_get(j, "id"));
	n = journal_list(app.store, &app.o.account, tx, LIST_MAX, &err);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(tx[i].key, text_of(j, "key")) == 0)
			return tx[i].id;
	}
	return 0;
}

static void obey(const json_t *j)
{
	bool cancels = strcmp(text_of(j, "do"), "cancel") == 0;
	struct err err = { 0 };

	if ((cancels ? journal_cancel : journal_speed_up)(app.journal, id_of(j), &err) < 0)
		die(text_of(j, "do"), &err);
}

static void submit(const json_t *j)
{
	const char *hex = text_of(j, "data");
	size_t n = strlen(hex) > 2 ? (strlen(hex) - 2) / 2 : 0;
	uint8_t *data = xmalloc(n + 1);
	struct intent i = {
		.key = text_of(j, "key"), .what = text_of(j, "what"), .creates = !*text_of(j, "to"),
		.data = data, .n_data = n,
		.gas = (uint64_t)json_integer_value(json_object_get(j, "gas")),
		.until_block = (uint64_t)json_integer_value(json_object_get(j, "until")),
	};
	struct err err = { 0 };

	if ((n && hex_parse(data, n, hex) < 0) || (!i.creates && eth_addr_parse(&i.to, text_of(j, "to"), &err) < 0) ||
	    (*text_of(j, "value") && u256_parse_dec(&i.value, text_of(j, "value"), &err) < 0) ||
	    journal_submit(app.journal, &i, on_tx, NULL, &err) < 0)
		die("intent", &err);
	app.n_open++;
	free(data);
}

static void read_input(void)
{
	static char line[512 * 1024];

	while (fgets(line, sizeof(line), stdin)) {
		json_error_t bad;
		json_t *j = json_loads(line, 0, &bad);

		if (!j) {
			fprintf(stderr, "not JSON: %s\n", bad.text);
			exit(2);
		}
		if (*text_of(j, "do"))
			obey(j);
		else
			submit(j);
		json_decref(j);
	}
}

static void take_up(void)
{
	static struct tx_info tx[LIST_MAX];
	struct err err = { 0 };
	size_t n = journal_list(app.store, &app.o.account, tx, LIST_MAX, &err);

	if (err.code)
		die("list", &err);
	while (n-- > 0) {
		if (app.list)
			print(&tx[n], NULL);
		else if (!tx_state_is_final(tx[n].state) &&
			 journal_watch(app.journal, tx[n].id, on_tx, NULL, &err) == 0)
			app.n_open++;
	}
}

static void open_all(const char *urls, const char *dir)
{
	struct err err = { 0 };

	app.store = store_open(dir, MAP_MAX, &err);
	if (!app.store)
		die("store", &err);
	app.rpc_opts.urls = urls;
	app.rpc = rpc_new(&app.loop, &app.rpc_opts, &err);
	if (!app.rpc)
		die("rpc", &err);
	app.o.store = app.store;
	app.o.rpc = app.rpc;
	app.o.account = sig_key_addr(app.key);
	app.o.key = app.look ? NULL : app.key;
	app.o.fees.ceiling = u256_of(app.ceiling * 1000000000u);
	app.o.fees.tip = u256_of(app.tip * 1000000000u);
	app.o.step = on_step;
	app.journal = journal_new(&app.loop, &app.o, &err);
	if (!app.journal)
		die("journal", &err);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "journal URLS DIR KEYFILE [NAME=VALUE...]\n");
		return 2;
	}
	app.o.chain_id = 31337;
	for (int i = 4; i < argc; i++)
		set_option(argv[i]);
	log_setup(LOG_DEBUG, false);
	app.key = read_key(argv[3]);
	uv_loop_init(&app.loop);
	uv_timer_init(&app.loop, &app.timer);
	open_all(argv[1], argv[2]);
	take_up();
	if (!app.list)
		read_input();
	close_when_done();
	uv_run(&app.loop, UV_RUN_DEFAULT);
	sig_key_free(app.key);
	return uv_loop_close(&app.loop) == 0 ? 0 : 3;
}
