/* JSON-RPC answers: what Anvil says is read, what liars say is not. */
#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "eth/answer.h"

#define H1 "\"0x1111111111111111111111111111111111111111111111111111111111111111\""
#define H2 "\"0x2222222222222222222222222222222222222222222222222222222222222222\""
#define A1 "\"0x5FbDB2315678afecb367f032d93F642f64180aa3\""

static json_t *json_of(const char *text)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	if (!j)
		fail_msg("the test's own JSON: %s", text);
	return j;
}

static int read_text(struct rpc_reply *replies, size_t n, const char *body, struct err *err)
{
	memset(err, 0, sizeof(*err));
	return rpc_read(replies, n, 1, body, strlen(body), err);
}

static void calls_become_json(void **state)
{
	static const struct rpc_call calls[] = { { "eth_chainId", "[]" }, { "a\"b", "[1,\"x\"]" } };
	struct buf b;

	buf_init(&b, 1000);
	rpc_write(&b, 7, calls, 1);
	assert_string_equal(buf_cstr(&b), "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"eth_chainId\",\"params\":[]}");
	buf_clear(&b);
	rpc_write(&b, 18446744073709551614u, calls, 2);
	assert_string_equal(buf_cstr(&b),
		"[{\"jsonrpc\":\"2.0\",\"id\":18446744073709551614,\"method\":\"eth_chainId\",\"params\":[]},"
		"{\"jsonrpc\":\"2.0\",\"id\":18446744073709551615,\"method\":\"a\\\"b\",\"params\":[1,\"x\"]}]");
	buf_fini(&b);
}

/* A file of the fuzz corpus: behind the number of calls it is what Anvil 1.7.1 said. */
static int read_captured(struct rpc_reply *replies, size_t n, const char *name, struct err *err)
{
	char path[100], body[65536];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "test/fuzz/corpus/answer/%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	len = fread(body, 1, sizeof(body), f);
	fclose(f);
	assert_int_equal(body[0], (int)('0' + n));
	memset(err, 0, sizeof(*err));
	return rpc_read(replies, n, 1, body + 1, len - 1, err);
}

static void what_anvil_says_is_read(void **state)
{
	struct rpc_reply r[7];
	struct eth_receipt receipt;
	struct eth_header h;
	struct eth_logs logs;
	struct err err;
	uint64_t n;
	size_t i;

	assert_int_equal(read_captured(r, 7, "anvil_batch", &err), 0);
	assert_int_equal(rpc_u64(&n, r[0].result, "", &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(rpc_header(&h, r[1].result, &err), 0);
	assert_int_equal(h.number, 2);
	assert_int_equal(h.timestamp, 0x6b02fead);
	assert_int_equal(h.parent.b[0], 0x24);
	assert_true(h.has_base_fee);
	assert_int_equal(h.base_fee.w[0], 0x342ed4cf);
	assert_int_equal(rpc_receipt(&receipt, r[2].result, &err), 0);
	assert_true(receipt.ok && receipt.has_created && receipt.logs.n == 0);
	assert_int_equal(receipt.created.b[19], 0xa3);
	eth_receipt_fini(&receipt);
	assert_int_equal(rpc_receipt(&receipt, r[3].result, &err), 0);
	assert_int_equal(receipt.logs.n, 2);
	assert_false(receipt.has_created);
	assert_int_equal(receipt.gas_used, 0x5b81);
	assert_memory_equal(receipt.block_hash.b, h.hash.b, 32);
	eth_receipt_fini(&receipt);
	assert_int_equal(rpc_logs(&logs, r[4].result, &err), 0);
	assert_int_equal(logs.n, 2);
	assert_int_equal(logs.l[1].n_topics, 2);
	assert_int_equal(logs.l[1].topics[0].b[31], 0xcc);
	assert_int_equal(logs.l[1].index, 1);
	assert_int_equal(logs.l[0].n_data, 32);
	assert_int_equal(logs.l[0].data[31], 1);
	eth_logs_fini(&logs);
	assert_int_equal(rpc_receipt(&receipt, r[5].result, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(rpc_header(&h, r[6].result, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	for (i = 0; i < 7; i++)
		rpc_reply_fini(&r[i]);
}

static void a_revert_brings_its_data(void **state)
{
	struct rpc_reply r;
	struct err err;

	/* Anvil writes zero bytes into the message. */
	assert_int_equal(read_captured(&r, 1, "anvil_revert", &err), 0);
	assert_null(r.result);
	assert_int_equal(r.code, 3);
	assert_int_equal(r.n_data, 32);
	assert_int_equal(r.data[0], 0x08);
	assert_int_equal(strncmp(r.message, "execution reverted: custom error 0x08c379a0: ???", 48), 0);
	rpc_reply_fini(&r);
	assert_int_equal(read_captured(&r, 1, "error_nested_data", &err), 0);
	assert_int_equal(r.n_data, 4);
	rpc_reply_fini(&r);
	/* Data that is none is left out. */
	assert_int_equal(read_text(&r, 1, "{\"id\":1,\"error\":{\"code\":3,\"message\":\"m\",\"data\":\"Reverted 0x\"}}",
				   &err), 0);
	assert_int_equal(r.n_data, 0);
	rpc_reply_fini(&r);
}

static void answers_come_in_any_order(void **state)
{
	struct rpc_reply r[3];
	struct err err;
	size_t i;

	assert_int_equal(read_text(r, 3, "[{\"id\":3,\"result\":30},{\"id\":1,\"result\":null,\"error\":null},"
				   "{\"id\":2,\"error\":{\"code\":-5,\"message\":\"no\\u001b[31m\\u0000\\u00e9\"}}]", &err), 0);
	assert_true(json_is_null(r[0].result));
	assert_int_equal(r[1].code, -5);
	assert_string_equal(r[1].message, "no?[31m???");
	assert_int_equal(json_integer_value(r[2].result), 30);
	for (i = 0; i < 3; i++)
		rpc_reply_fini(&r[i]);
}

static void frames_that_lie_are_refused(void **state)
{
	static const struct {
		size_t n;
		const char *body;
		enum err_code code;
		const char *says;
	} cases[] = {
		{ 1, "", ERR_INVALID, "an empty answer" },
		{ 1, "<html>\x1b[1m", ERR_INVALID, "no JSON: \"<html>?[1m\"" },
		{ 1, "\"0x1\"", ERR_INVALID, "no JSON" },
		{ 1, "{\"id\":1,\"result\":1} x", ERR_INVALID, "no JSON" },
		{ 1, "{\"id\":1,\"result\":1", ERR_INVALID, "no JSON" },
		{ 1, "{\"id\":1,\"result\":1,\"result\":2}", ERR_INVALID, "no JSON" },
		{ 1, "[]", ERR_INVALID, "answer: [...] is not an object" },
		{ 1, "[{\"id\":1,\"result\":1}]", ERR_INVALID, "answer: [...] is not an object" },
		{ 1, "{\"id\":2,\"result\":1}", ERR_INVALID, "id: 2 is not one that was asked" },
		{ 1, "{\"id\":0,\"result\":1}", ERR_INVALID, "id: 0 is not" },
		{ 1, "{\"id\":-1,\"result\":1}", ERR_INVALID, "id: -1 is not" },
		{ 1, "{\"id\":1.0,\"result\":1}", ERR_INVALID, "id: 1 is not" },
		{ 1, "{\"id\":\"1\",\"result\":1}", ERR_INVALID, "id: \"1\" is not" },
		{ 1, "{\"id\":null,\"result\":1}", ERR_INVALID, "id: null is not" },
		{ 1, "{\"result\":1}", ERR_INVALID, "id: nothing is not" },
		{ 1, "{\"id\":1}", ERR_INVALID, "neither result nor error" },
		{ 1, "{\"id\":1,\"error\":null}", ERR_INVALID, "neither result nor error" },
		{ 1, "{\"id\":1,\"result\":null,\"error\":{\"code\":1,\"message\":\"\"}}", ERR_INVALID, "both" },
		{ 1, "{\"id\":1,\"error\":7}", ERR_INVALID, "error: 7 is not an error" },
		{ 1, "{\"id\":1,\"error\":{\"code\":\"1\",\"message\":\"\"}}", ERR_INVALID, "error: {...} is not" },
		{ 1, "{\"id\":1,\"error\":{\"code\":1}}", ERR_INVALID, "error: {...} is not" },
		{ 2, "[{\"id\":1,\"result\":1}]", ERR_INVALID, "1 answers to 2 calls" },
		{ 2, "[{\"id\":1,\"result\":1},{\"id\":2,\"result\":1},{\"id\":3,\"result\":1}]", ERR_INVALID, "3 answers" },
		{ 2, "[{\"id\":1,\"result\":[]},{\"id\":1,\"result\":[]}]", ERR_INVALID, "id 1 stands there twice" },
		{ 2, "[{\"id\":1,\"result\":{}},7]", ERR_INVALID, "answer: 7 is not an object" },
		{ 2, "{\"id\":1,\"result\":1}", ERR_INVALID, "answer: {...} is not an array" },
		{ 2, "{\"id\":1,\"error\":{\"code\":-32600,\"message\":\"no batches\"}}", ERR_INVALID,
		  "refused: no batches (-32600)" },
		{ 2, "{\"error\":{\"code\":-32005,\"message\":\"daily limit\"}}", ERR_BUSY, "refused: daily limit" },
		{ 2, "{\"error\":{\"code\":429,\"message\":\"x\"}}", ERR_BUSY, "refused: x (429)" },
		{ 1, "{\"id\":null,\"error\":{\"code\":-32029,\"message\":\"x\"}}", ERR_BUSY, "refused: x" },
		{ 1, "{\"error\":\"Too many requests\"}", ERR_BUSY, "refused: Too many" },
		{ 1, "{\"id\":null,\"error\":{\"code\":-32700,\"message\":\"parse error\"}}", ERR_INVALID, "parse error" },
	};
	struct rpc_reply r[3];
	struct err err;
	size_t i, k;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_text(r, cases[i].n, cases[i].body, &err), -1);
		if (err.code != cases[i].code || !strstr(err.msg, cases[i].says))
			fail_msg("%s: %s", cases[i].body, err.msg);
		for (k = 0; k < cases[i].n; k++)
			assert_true(!r[k].result && !r[k].data);
	}
}

static char *repeat(const char *part, size_t n, const char *end)
{
	size_t len = strlen(part), i;
	char *s = xmalloc(n * len + strlen(end) + 1);

	for (i = 0; i < n; i++)
		memcpy(s + i * len, part, len);
	strcpy(s + n * len, end);
	return s;
}

static void what_would_fill_the_memory_is_not_parsed(void **state)
{
	static const char *const parts[] = { "[", "{},", "0,", "[[],", "{\"a\":" };
	struct rpc_reply r;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char *s = repeat(parts[i], 500000, "");

		assert_int_equal(read_text(&r, 1, s, &err), -1);
		assert_int_equal(err.code, ERR_LIMIT);
		free(s);
	}
	{	/* in a string they are nothing */
		char *body = repeat("[,{", 500000, "\"}"), *s = xasprintf("{\"id\":1,\"result\":\"\\\"%s", body);

		assert_int_equal(read_text(&r, 1, s, &err), 0);
		rpc_reply_fini(&r);
		free(body);
		free(s);
	}
}

static void busy_is_told_from_other_errors(void **state)
{
	static const struct {
		int64_t code;
		const char *message;
		bool busy;
	} cases[] = {
		{ -32005, "limit exceeded", true }, { -32029, "", true }, { 429, "", true }, { -32016, "over", true },
		{ -32005, "query returned more than 10000 results", false },
		{ -32005, "block range is too wide", false }, { -32602, "Log response size exceeded", false },
		{ -32000, "Rate limit reached", true }, { -32002, "request timed out", true },
		{ -32603, "service overloaded", true }, { -32000, "Too Many Requests", true },
		{ 3, "execution reverted: too many requests", false },
		{ -32000, "execution reverted: rate limit", false }, { 3, "rate limit", false },
		{ -32000, "nonce too low", false }, { -32000, "already known", false },
		{ -32000, "insufficient funds for gas", false }, { -32601, "method not found", false },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rpc_reply r = { .code = cases[i].code };

		snprintf(r.message, sizeof(r.message), "%s", cases[i].message);
		if (rpc_is_busy(&r) != cases[i].busy)
			fail_msg("%s", cases[i].message);
	}
}

static void values_that_are_none_are_named(void **state)
{
	static const char *const numbers[] = {
		"\"\"", "\"0x\"", "\"0x01\"", "\"1\"", "1", "null", "\"0X1\"", "\"0x1g\"", "\" 0x1\"", "\"-0x1\"",
		"\"0x10000000000000000\"", "\"0x1\\u0000\"", "[]", "{}", "true",
	};
	static const char *const hashes[] = {
		"\"0x11\"", "\"1111111111111111111111111111111111111111111111111111111111111111\"", "null", "7",
		"\"0x11111111111111111111111111111111111111111111111111111111111111111\"",
		"\"0x111111111111111111111111111111111111111111111111111111111111111\"",
		"\"0x111111111111111111111111111111111111111111111111111111111111111g\"",
		"\"0X1111111111111111111111111111111111111111111111111111111111111111\"",
	};
	struct hash32 h;
	struct err err;
	uint64_t v;
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		json_t *j = json_of(numbers[i]);

		if (rpc_u64(&v, j, "nonce", &err) == 0)
			fail_msg("taken: %s", numbers[i]);
		assert_int_equal(err.code, ERR_INVALID);
		assert_int_equal(strncmp(err.msg, "nonce: ", 7), 0);
		json_decref(j);
	}
	for (i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		json_t *j = json_of(hashes[i]);

		if (rpc_hash(&h, j, "hash", &err) == 0)
			fail_msg("taken: %s", hashes[i]);
		json_decref(j);
	}
	assert_int_equal(rpc_u64(&v, NULL, "gas", &err), -1);
	assert_string_equal(err.msg, "gas: nothing is not a quantity like \"0x1f\"");
}

static void values_are_read(void **state)
{
	json_t *j = json_of("\"0xffffffffffffffff\""), *a = json_of(A1);
	struct eth_addr addr;
	struct u256 wide;
	uint64_t v;

	assert_int_equal(rpc_u64(&v, j, "", NULL), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(rpc_u256(&wide, j, "", NULL), 0);
	assert_int_equal(rpc_addr(&addr, a, "", NULL), 0);
	assert_int_equal(addr.b[0], 0x5f);
	json_decref(j);
	json_decref(a);
}

static void bytes_have_their_bounds(void **state)
{
	static const struct {
		const char *text;
		int n;		/* -1 invalid, -2 too many */
	} cases[] = {
		{ "\"0x\"", 0 }, { "\"0x00ff\"", 2 }, { "\"0x000102030405060708\"", -2 }, { "\"0x0001020304050607\"", 8 },
		{ "\"0x0\"", -1 }, { "\"\"", -1 }, { "\"00\"", -1 }, { "\"zz\"", -1 }, { "\"0xzz\"", -1 }, { "null", -1 },
		{ "\"0x00\\u000000\"", -1 },
	};
	struct err err;
	uint8_t *bytes;
	size_t i, n;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *j = json_of(cases[i].text);
		int rc = rpc_bytes(&bytes, &n, j, 8, "data", &err);

		if ((rc == 0) != (cases[i].n >= 0) || (rc == 0 && (int)n != cases[i].n) ||
		    (rc < 0 && err.code != (cases[i].n == -2 ? ERR_LIMIT : ERR_INVALID)))
			fail_msg("%s", cases[i].text);
		if (rc < 0)
			assert_null(bytes);
		free(bytes);
		json_decref(j);
	}
}

#define BLOCK(number, hash, more) "{\"number\":" number ",\"hash\":" hash ",\"parentHash\":" H2 ",\"timestamp\":\"0x5\"" more "}"

static void blocks_are_whole(void **state)
{
	static const struct {
		const char *text, *says;	/* NULL: good */
	} cases[] = {
		{ BLOCK("\"0x1\"", H1, ""), NULL },
		{ BLOCK("\"0x1\"", H1, ",\"baseFeePerGas\":null"), NULL },
		{ BLOCK("\"0x1\"", H1, ",\"baseFeePerGas\":\"0x7\""), NULL },
		{ BLOCK("\"0x1\"", H1, ",\"baseFeePerGas\":7"), "block: baseFeePerGas: 7 is not" },
		{ BLOCK("null", H1, ""), "block: number: null is not" },
		{ BLOCK("\"0x1\"", "null", ""), "block: hash: null is not" },
		{ "{}", "block: number: nothing is not" },
		{ "[]", "block: [...] is not an object" },
		{ "null", "no such block" },
	};
	struct eth_header h;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *j = json_of(cases[i].text);
		int rc = rpc_header(&h, j, &err);

		if ((rc == 0) != !cases[i].says || (rc < 0 && strncmp(err.msg, cases[i].says, strlen(cases[i].says)) != 0))
			fail_msg("%s: %s", cases[i].text, rc < 0 ? err.msg : "taken");
		json_decref(j);
	}
}

#define LOG_(block, hash, index, more) "{\"address\":" A1 ",\"topics\":[" H1 "],\"data\":\"0xaa\",\"blockNumber\":" block \
	",\"blockHash\":" hash ",\"transactionHash\":" H2 ",\"logIndex\":" index more "}"
#define LOG(block, index) LOG_(block, H1, index, "")

static void logs_are_in_order_and_whole(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "[]", NULL },
		{ "[" LOG("\"0x1\"", "\"0x0\"") "," LOG("\"0x1\"", "\"0x2\"") "," LOG("\"0x2\"", "\"0x0\"") "]", NULL },
		{ "[" LOG_("\"0x1\"", H1, "\"0x0\"", ",\"removed\":false") "]", NULL },
		{ "[" LOG_("\"0x1\"", H1, "\"0x0\"", ",\"removed\":true") "]", "log 0: removed: true is not false" },
		{ "[" LOG_("\"0x1\"", H1, "\"0x0\"", ",\"removed\":\"false\"") "]", "log 0: removed: \"false\"" },
		{ "[" LOG("\"0x1\"", "\"0x0\"") "," LOG("\"0x1\"", "\"0x0\"") "]", "log 1: block 1 index 0 comes behind" },
		{ "[" LOG("\"0x1\"", "\"0x1\"") "," LOG("\"0x1\"", "\"0x0\"") "]", "log 1: block 1 index 0 comes behind" },
		{ "[" LOG("\"0x2\"", "\"0x0\"") "," LOG("\"0x1\"", "\"0x1\"") "]", "log 1: block 1 index 1 comes behind" },
		{ "[" LOG("\"0x1\"", "\"0x0\"") "," LOG_("\"0x1\"", H2, "\"0x1\"", "") "]", "log 1: block 1 has two" },
		{ "[" LOG("\"0x1\"", "\"0x100000000\"") "]", "log 0: logIndex: \"0x100000000\"" },
		{ "[" LOG("null", "\"0x0\"") "]", "log 0: blockNumber: null" },
		{ "[" LOG("\"0x1\"", "null") "]", "log 0: logIndex: null" },
		{ "[null]", "log 0: log: null" },
		{ "{}", "logs: {...} is not an array" },
		{ "null", "logs: null" },
		{ "[{\"address\":" A1 ",\"topics\":[" H1 "," H1 "," H1 "," H1 "," H1 "]}]", "log 0: topics: [...]" },
		{ "[{\"address\":" A1 ",\"topics\":[7]}]", "log 0: topics: 7" },
		{ "[{\"address\":" A1 ",\"topics\":null}]", "log 0: topics: null" },
	};
	struct eth_logs logs;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *j = json_of(cases[i].text);
		int rc = rpc_logs(&logs, j, &err);

		if ((rc == 0) != !cases[i].says || (rc < 0 && strncmp(err.msg, cases[i].says, strlen(cases[i].says)) != 0))
			fail_msg("%s: %s", cases[i].text, rc < 0 ? err.msg : "taken");
		if (rc < 0)
			assert_true(!logs.l && !logs.n);
		else
			assert_int_equal(logs.n, json_array_size(j));
		eth_logs_fini(&logs);
		json_decref(j);
	}
}

static void too_many_logs_are_a_limit(void **state)
{
	json_t *j = json_array();
	struct eth_logs logs;
	struct err err;
	int i;

	for (i = 0; i <= RPC_LOGS_MAX; i++)
		json_array_append_new(j, json_null());
	assert_int_equal(rpc_logs(&logs, j, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	json_decref(j);
}

#define RECEIPT(status, created, logs) "{\"transactionHash\":" H2 ",\"blockHash\":" H1 ",\"blockNumber\":\"0x1\",\"status\":" \
	status ",\"gasUsed\":\"0x5208\",\"effectiveGasPrice\":\"0x9\",\"contractAddress\":" created ",\"logs\":" logs "}"

static void receipts_are_whole(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ RECEIPT("\"0x1\"", "null", "[]"), NULL },
		{ RECEIPT("\"0x1\"", A1, "[" LOG("\"0x1\"", "\"0x3\"") "]"), NULL },
		{ RECEIPT("\"0x0\"", "null", "[]"), NULL },
		{ RECEIPT("\"0x0\"", "null", "[" LOG("\"0x1\"", "\"0x3\"") "]"), "receipt: logs of a transaction that failed" },
		{ RECEIPT("\"0x1\"", "null", "[" LOG("\"0x2\"", "\"0x3\"") "]"), "receipt: log 0 is not of this" },
		{ RECEIPT("\"0x1\"", "null", "[" LOG_("\"0x1\"", H2, "\"0x3\"", "") "]"), "receipt: log 0 is not of this" },
		{ RECEIPT("\"0x2\"", "null", "[]"), "receipt: status: \"0x2\" is not 0x0 or 0x1" },
		{ RECEIPT("null", "null", "[]"), "receipt: status: null" },
		{ RECEIPT("\"0x1\"", "7", "[]"), "receipt: contractAddress: 7" },
		{ RECEIPT("\"0x1\"", "null", "null"), "receipt: logs: null" },
		{ "{}", "receipt: transactionHash: nothing" },
		{ "[]", "receipt: [...]" },
		{ "null", "not mined" },
	};
	struct eth_receipt r;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *j = json_of(cases[i].text);
		int rc = rpc_receipt(&r, j, &err);

		if ((rc == 0) != !cases[i].says || (rc < 0 && strncmp(err.msg, cases[i].says, strlen(cases[i].says)) != 0))
			fail_msg("%s: %s", cases[i].text, rc < 0 ? err.msg : "taken");
		if (rc == 0)
			eth_receipt_fini(&r);
		json_decref(j);
	}
}

static void equal_is_what_is_read(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{ "null", "null", true }, { "null", "\"0x1\"", false }, { "\"0xAb\"", "\"0xaB\"", true },
		{ "\"0x1\"", "\"0x2\"", false }, { "\"0x1\"", "\"0x1\\u00002\"", false }, { "[1,2]", "[1,2]", true },
		{ "[1,2]", "[1]", false }, { "{\"x\":1}", "{\"x\":2}", false }, { "{\"x\":1}", "{}", false }, { "{}", "[]", false },
		/* Programs tell different things beside what is read. */
		{ "{\"hash\":\"0x1\",\"size\":\"0x2\"}", "{\"hash\":\"0x1\",\"totalDifficulty\":\"0x2\"}", true },
		{ "{\"hash\":\"0x1\",\"status\":\"0x1\"}", "{\"hash\":\"0x1\"}", false },
		{ "{\"hash\":\"0x1\",\"contractAddress\":null}", "{\"hash\":\"0x1\"}", true },
		{ "{\"status\":\"0x1\",\"logs\":[]}", "{\"status\":\"0x0\",\"logs\":[]}", false },
		{ "{\"logs\":[{\"data\":\"0x1\"}]}", "{\"logs\":[{\"data\":\"0x2\"}]}", false },
		{ "{\"logs\":[{\"data\":\"0x1\",\"blockTimestamp\":1}]}", "{\"logs\":[{\"data\":\"0x1\"}]}", true },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *a = json_of(cases[i].a), *b = json_of(cases[i].b);

		if (rpc_equal(a, b) != cases[i].equal || rpc_equal(b, a) != cases[i].equal)
			fail_msg("%s %s", cases[i].a, cases[i].b);
		json_decref(a);
		json_decref(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_become_json),
		cmocka_unit_test(what_anvil_says_is_read),
		cmocka_unit_test(a_revert_brings_its_data),
		cmocka_unit_test(answers_come_in_any_order),
		cmocka_unit_test(frames_that_lie_are_refused),
		cmocka_unit_test(what_would_fill_the_memory_is_not_parsed),
		cmocka_unit_test(busy_is_told_from_other_errors),
		cmocka_unit_test(values_that_are_none_are_named),
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(bytes_have_their_bounds),
		cmocka_unit_test(blocks_are_whole),
		cmocka_unit_test(logs_are_in_order_and_whole),
		cmocka_unit_test(too_many_logs_are_a_limit),
		cmocka_unit_test(receipts_are_whole),
		cmocka_unit_test(equal_is_what_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
