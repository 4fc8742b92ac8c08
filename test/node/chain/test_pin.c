/* Which chain, which contracts: an endpoint in memory in place of rpc.c, and the pin on disk. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hex.h"
#include "node/chain/pin.h"
#include "node/chain/rpc.h"
#include "test/test.h"

#define N_FIRST 3	/* chain id, genesis, head */
#define N_ASKED (N_FIRST + N_CHAIN_CONTRACTS)
#define WORD "\"0x000000000000000000000000"
#define SOME_ADDR "00000000000000000000000000000000000000"

/* ---- in place of rpc.c: answers are JSON texts, NULL: an error ---- */
static struct {
	const char *chain_id, *genesis, *head, *code;
	char contracts[N_CHAIN_CONTRACTS][80];
	const char *reverted;		/* NULL: nothing */
	bool is_mute;
	int n_sent, n_cancelled;
	enum rpc_way way;
} endpoint;

static void fill(struct rpc_reply *r, const char *json)
{
	memset(r, 0, sizeof(*r));
	if (json)
		r->result = json_loads(json, JSON_DECODE_ANY, NULL);
	else
		snprintf(r->message, sizeof(r->message), "%s", endpoint.reverted ? endpoint.reverted : "refused");
}

/* Never within rpc_send: the test runs what was sent. */
static struct {
	rpc_done_cb *cb;
	void *arg;
	size_t n;
	struct rpc_reply replies[N_ASKED];
} sent;

struct rpc_batch *rpc_send(struct rpc *r, enum rpc_way way, const struct rpc_call *calls, size_t n,
			   uint64_t deadline_ms, rpc_done_cb *cb, void *arg)
{
	assert(n == N_FIRST || n == N_ASKED);
	assert(deadline_ms > 0 && deadline_ms <= 5000);
	sent.cb = cb;
	sent.arg = arg;
	sent.n = n;
	endpoint.n_sent++;
	endpoint.way = way;
	fill(&sent.replies[0], endpoint.chain_id);
	fill(&sent.replies[1], endpoint.genesis);
	fill(&sent.replies[2], endpoint.head);
	if (n == N_FIRST)
		return NULL;
	assert(strcmp(calls[N_FIRST].method, "eth_getCode") == 0);
	fill(&sent.replies[N_FIRST], endpoint.code);
	for (size_t i = 1; i < N_CHAIN_CONTRACTS; i++) {
		assert(strcmp(calls[N_FIRST + i].method, "eth_call") == 0);
		fill(&sent.replies[N_FIRST + i], endpoint.contracts[i][0] ? endpoint.contracts[i] : NULL);
	}
	/* getContract(keccak256("LivepeerToken")), as cast computes it */
	assert(strstr(calls[N_FIRST + CONTRACT_LIVEPEER_TOKEN].params, "0xe16c7d98"
		      "3443e257065fe41dd0e4d1f5a1b73a22a62e300962b57f30cddf41d0f8273ba7"));
	return NULL;
}

static void free_replies(void)
{
	for (size_t i = 0; i < sent.n; i++)
		rpc_reply_fini(&sent.replies[i]);
}

void rpc_cancel(struct rpc_batch *b)
{
	endpoint.n_cancelled++;
	free_replies();
}

static void answer(void)
{
	struct err err;

	err_set(&err, ERR_TIMEOUT, "no");
	if (endpoint.is_mute)
		sent.cb(sent.arg, NULL, sent.n, &err);
	else
		sent.cb(sent.arg, sent.replies, sent.n, NULL);
	free_replies();
}

static const struct eth_addr controller = { { 0x5f, 0xbd, 0xb2, 0x31, 0x56, 0x78, 0xaf, 0xec, 0xb3, 0x67, 0xf0, 0x32,
					      0xd9, 0x3f, 0x64, 0x2f, 0x64, 0x18, 0x0a, 0xa3 } };

static struct {
	int n;
	bool failed;
	struct chain_pin pin;
	struct eth_header head;
	struct err err;
} got;

static void on_pin(void *arg, const struct chain_pin *pin, const struct eth_header *head, const struct err *err)
{
	got.n++;
	got.failed = err;
	assert(!pin == !!err && !head == !!err);
	if (pin)
		got.pin = *pin;
	if (head)
		got.head = *head;
	if (err)
		got.err = *err;
}

static int begin(void **state)
{
	memset(&endpoint, 0, sizeof(endpoint));
	memset(&got, 0, sizeof(got));
	endpoint.chain_id = "\"0x7a69\"";
	endpoint.genesis = "{\"number\":\"0x0\",\"timestamp\":\"0x1\","
		"\"hash\":\"0x1111111111111111111111111111111111111111111111111111111111111111\","
		"\"parentHash\":\"0x0000000000000000000000000000000000000000000000000000000000000000\"}";
	endpoint.head = "{\"number\":\"0x2a\",\"timestamp\":\"0x2\","
		"\"hash\":\"0x2222222222222222222222222222222222222222222222222222222222222222\","
		"\"parentHash\":\"0x1111111111111111111111111111111111111111111111111111111111111111\"}";
	endpoint.code = "\"0x6001\"";
	for (int c = 1; c < N_CHAIN_CONTRACTS; c++)
		snprintf(endpoint.contracts[c], sizeof(endpoint.contracts[c]), WORD "%02x" SOME_ADDR "\"", c);
	return 0;
}

static void ask_of(const struct eth_addr *at, uint64_t want)
{
	pin_ask(NULL, at, want, 5000, on_pin, NULL);
	assert_int_equal(got.n, 0);
	answer();
	assert_int_equal(got.n, 1);
}

static void ask(uint64_t want)
{
	ask_of(&controller, want);
}

static void assert_refused(enum err_code code, const char *words)
{
	assert_true(got.failed);
	assert_string_equal(got.err.msg, words);
	assert_int_equal(got.err.code, code);
}

static void what_is_told_is_pinned(void **state)
{
	struct hash32 code = hash_keccak256("\x60\x01", 2);

	snprintf(endpoint.contracts[CONTRACT_GENESIS_CLAIM], 80, WORD "00" SOME_ADDR "\"");
	ask(31337);
	assert_false(got.failed);
	assert_int_equal(got.pin.chain_id, 31337);
	assert_int_equal(got.pin.genesis.b[31], 0x11);
	assert_memory_equal(&got.pin.controller_code, &code, 32);
	assert_int_equal(got.pin.contracts[CONTRACT_MINTER].b[0], CONTRACT_MINTER);
	assert_true(eth_addr_is_zero(&got.pin.contracts[CONTRACT_GENESIS_CLAIM]));
	assert_true(eth_addr_equal(&got.pin.contracts[CONTRACT_CONTROLLER], &controller));
	assert_int_equal(got.head.number, 42);
	assert_int_equal(endpoint.n_sent, 1);
	assert_int_equal(endpoint.way, RPC_AGREE);
}

static void without_a_controller_the_chain_is_pinned(void **state)
{
	ask_of(NULL, 31337);
	assert_false(got.failed);
	assert_int_equal(sent.n, N_FIRST);
	assert_int_equal(got.pin.chain_id, 31337);
	assert_int_equal(got.pin.genesis.b[31], 0x11);
	assert_int_equal(got.head.number, 42);
	assert_true(eth_addr_is_zero(&got.pin.contracts[CONTRACT_CONTROLLER]));
	begin(NULL);
	ask_of(NULL, 1);
	assert_refused(ERR_INVALID, "the endpoint is of chain 31337, chain 1 was asked for");
}

static void who_cancelled_hears_nothing(void **state)
{
	pin_cancel(pin_ask(NULL, &controller, 0, 5000, on_pin, NULL));
	assert_int_equal(endpoint.n_cancelled, 1);
	assert_int_equal(got.n, 0);
}

static void another_chain_is_refused(void **state)
{
	ask(1);
	assert_refused(ERR_INVALID, "the endpoint is of chain 31337, chain 1 was asked for");
}

static void an_address_without_code_is_refused(void **state)
{
	endpoint.code = "\"0x\"";
	ask(0);
	assert_refused(ERR_INVALID, "there is no contract at 0x5FbDB2315678afecb367f032d93F642f64180aa3 on chain 31337: "
		       "wrong address or wrong network?");
}

static void a_contract_that_is_no_controller_is_refused(void **state)
{
	static const char *const answers[] = { "", "\"0x\"", "\"0x01\"", "7", "null",
		"\"0x1000000000000000000000000000000000000000000000000000000000000001\"" };

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		begin(NULL);
		strcpy(endpoint.contracts[CONTRACT_LIVEPEER_TOKEN], answers[i]);
		ask(0);
		assert_true(got.failed);
		assert_int_equal(got.err.code, ERR_INVALID);
		assert_non_null(strstr(got.err.msg, "the contract at 0x5FbDB2315678afecb367f032d93F642f64180aa3 is no "
				       "Controller: getContract "));
	}
}

static void a_controller_without_a_contract_is_refused(void **state)
{
	snprintf(endpoint.contracts[CONTRACT_JOBS_MANAGER], 80, WORD "00" SOME_ADDR "\"");
	ask(0);
	assert_refused(ERR_INVALID, "the Controller at 0x5FbDB2315678afecb367f032d93F642f64180aa3 knows no JobsManager");
}

static void nonsense_about_the_chain_is_refused(void **state)
{
	endpoint.genesis = "null";
	ask(0);
	assert_true(got.failed);
	begin(NULL);
	endpoint.chain_id = "\"31337\"";
	ask(0);
	assert_true(got.failed);
	assert_int_equal(got.err.code, ERR_INVALID);
	begin(NULL);
	endpoint.chain_id = NULL;
	ask(0);
	assert_refused(ERR_INVALID, "the chain id: refused: refused");
	begin(NULL);
	endpoint.head = NULL;
	ask(0);
	assert_refused(ERR_INVALID, "the head: refused: refused");
}

static void silence_is_told(void **state)
{
	endpoint.is_mute = true;
	ask(0);
	assert_refused(ERR_TIMEOUT, "the chain: no");
}

/* ---- on disk ---- */
static char dir[200];

static int begin_disk(void **state)
{
	static char base[64];

	begin(NULL);
	ask(0);
	strcpy(base, "/tmp/test_pin-XXXXXX");
	assert_non_null(mkdtemp(base));
	snprintf(dir, sizeof(dir), "%s/money/31337-5fbdb231", base);
	return 0;
}

static void write_pin(const char *text)
{
	char path[220];
	FILE *f;

	snprintf(path, sizeof(path), "%s/chain.json", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int end_disk(void **state)
{
	char path[220];

	snprintf(path, sizeof(path), "%s/chain.json", dir);
	unlink(path);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rmdir(dir), 0);	/* nothing else was left in it */
		*strrchr(dir, '/') = '\0';
	}
	return 0;
}

static void the_folder_is_named_by_chain_and_controller(void **state)
{
	char name[64];

	ask(0);
	pin_store_name(name, &got.pin);
	assert_string_equal(name, "money/31337-5fbdb231");
}

static void the_same_chain_is_taken_again(void **state)
{
	struct err err;

	for (int i = 0; i < 3; i++)
		assert_int_equal(pin_check(dir, &got.pin, &err), 0);
}

static void what_has_changed_is_named(void **state)
{
	struct chain_pin p = got.pin;
	struct err err;

	assert_int_equal(pin_check(dir, &p, &err), 0);
	p.chain_id = 1;
	assert_int_equal(pin_check(dir, &p, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "is of chain 31337, this is chain 1"));
	p = got.pin;
	p.genesis.b[5] ^= 1;
	assert_int_equal(pin_check(dir, &p, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "its block 0 has changed (was the chain begun anew?)"));
	p = got.pin;
	p.controller_code.b[0] ^= 1;
	assert_int_equal(pin_check(dir, &p, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
	assert_non_null(strstr(err.msg, "the Controller's code is not what"));
	p = got.pin;
	p.contracts[CONTRACT_CONTROLLER].b[19] ^= 1;
	assert_int_equal(pin_check(dir, &p, &err), -1);
	assert_int_equal(err.code, ERR_DENIED);
}

static void a_damaged_pin_is_an_error_in_words(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{}", "{\"chainId\": \"31337\"}",
		"{\"chainId\": -1, \"genesis\": \"0x00\", \"controller\": \"\", \"controllerCode\": 3}" };
	struct err err;

	assert_int_equal(pin_check(dir, &got.pin, &err), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_pin(texts[i]);
		assert_int_equal(pin_check(dir, &got.pin, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.msg, "does not say of which chain"));
	}
}

static void every_contract_has_a_name(void **state)
{
	for (int c = 0; c < N_CHAIN_CONTRACTS; c++)
		assert_non_null(chain_contract_name(c));
	assert_string_equal(chain_contract_name(CONTRACT_LIVEPEER_TOKEN_FAUCET), "LivepeerTokenFaucet");
}

#define asking(f) cmocka_unit_test_setup(f, begin)
#define on_disk(f) cmocka_unit_test_setup_teardown(f, begin_disk, end_disk)
int main(void)
{
	const struct CMUnitTest tests[] = {
		asking(what_is_told_is_pinned),
		asking(another_chain_is_refused),
		asking(an_address_without_code_is_refused),
		asking(a_contract_that_is_no_controller_is_refused),
		asking(a_controller_without_a_contract_is_refused),
		asking(nonsense_about_the_chain_is_refused),
		asking(silence_is_told),
		asking(without_a_controller_the_chain_is_pinned),
		asking(who_cancelled_hears_nothing),
		asking(every_contract_has_a_name),
		cmocka_unit_test_setup(the_folder_is_named_by_chain_and_controller, begin),
		on_disk(the_same_chain_is_taken_again),
		on_disk(what_has_changed_is_named),
		on_disk(a_damaged_pin_is_an_error_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
