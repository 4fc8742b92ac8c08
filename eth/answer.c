/* What an Ethereum node says by JSON-RPC, read with distrust. */
#include "eth/answer.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/mem.h"

/* Commas and brackets outside of strings: each costs up to a few hundred bytes once parsed.
 * RPC_LOGS_MAX logs have fifteen each. */
#define MARKS_MAX 400000
#define QUOTE_MAX 60	/* of what was read, in an error */

/* ---- writing ---- */

static void write_call(struct buf *b, uint64_t id, const struct rpc_call *c)
{
	buf_addf(b, "{\"jsonrpc\":\"2.0\",\"id\":%" PRIu64 ",\"method\":", id);
	json_add_string(b, c->method);
	buf_addf(b, ",\"params\":%s}", c->params);
}

void rpc_write(struct buf *b, uint64_t first_id, const struct rpc_call *calls, size_t n)
{
	size_t i;

	if (n != 1)
		buf_add_u8(b, '[');
	for (i = 0; i < n; i++) {
		if (i)
			buf_add_u8(b, ',');
		write_call(b, first_id + i, &calls[i]);
	}
	if (n != 1)
		buf_add_u8(b, ']');
}

/* ---- text for people ---- */

/* At most size - 1 bytes of s, without anything a terminal could obey. */
static void copy_printable(char *to, size_t size, const char *s, size_t len)
{
	size_t i, n = len < size ? len : size - 1;

	for (i = 0; i < n; i++)
		to[i] = s[i] >= 0x20 && s[i] < 0x7f ? s[i] : '?';
	to[n] = 0;
	if (len > n && n > 3)
		memcpy(to + n - 3, "...", 3);
}

static void quote(char to[QUOTE_MAX + 3], const json_t *j)
{
	char text[QUOTE_MAX + 1];

	if (json_is_string(j)) {
		copy_printable(text, sizeof(text), json_string_value(j), json_string_length(j));
		sprintf(to, "\"%s\"", text);
	} else if (json_is_number(j)) {
		snprintf(to, QUOTE_MAX, "%.15g", json_number_value(j));
	} else {
		strcpy(to, !j ? "nothing" : json_is_object(j) ? "{...}" : json_is_array(j) ? "[...]" :
		       json_is_null(j) ? "null" : json_is_true(j) ? "true" : "false");
	}
}

static int bad_value(const json_t *j, const char *field, const char *wanted, struct err *err)
{
	char q[QUOTE_MAX + 3];

	quote(q, j);
	return err_set(err, ERR_INVALID, "%s: %s is not %s", field, q, wanted);
}

/* ---- the frame: ids, results, errors ---- */

void rpc_reply_fini(struct rpc_reply *r)
{
	json_decref(r->result);
	free(r->data);
	memset(r, 0, sizeof(*r));
}

/* Before it is parsed: thirty megabytes of brackets would become ten gigabytes. */
static bool has_few_marks(const char *s, size_t len)
{
	bool quoted = false;
	size_t i, n = 0;

	for (i = 0; i < len; i++) {
		if (quoted && s[i] == '\\')
			i++;
		else if (s[i] == '"')
			quoted = !quoted;
		else if (!quoted && (s[i] == ',' || s[i] == '[' || s[i] == '{'))
			n++;
	}
	return n <= MARKS_MAX;
}

static json_t *load(const void *body, size_t len, struct err *err)
{
	char q[QUOTE_MAX + 1];
	json_error_t je;
	json_t *root;

	if (len > RPC_ANSWER_MAX || !has_few_marks(body, len)) {
		err_set(err, ERR_LIMIT, "an answer of %zu bytes with too much in it", len);
		return NULL;
	}
	/* Anvil puts the bytes of a revert into its message, zeros as well. */
	root = json_loadb(body, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);
	if (root)
		return root;
	copy_printable(q, sizeof(q), body, len);
	if (len == 0)
		err_set(err, ERR_INVALID, "an empty answer");
	else
		err_set(err, ERR_INVALID, "no JSON: \"%s\"", q);
	return NULL;
}

/* What a call reverted with: {"data":"0x..."}, or one level deeper as some nodes have it.
 * What is no such thing is left out, it is for people. */
static void take_data(struct rpc_reply *r, const json_t *e)
{
	const json_t *data = json_object_get(e, "data");

	if (json_is_object(data))
		data = json_object_get(data, "data");
	if (json_is_string(data))
		rpc_bytes(&r->data, &r->n_data, data, RPC_ERROR_DATA_MAX, "data", NULL);
}

/* {"code":-32000,"message":"..."}, or just a text where a proxy answers. */
static int take_error(struct rpc_reply *r, const json_t *e, struct err *err)
{
	const json_t *text = json_is_object(e) ? json_object_get(e, "message") : e;
	const json_t *code = json_object_get(e, "code");

	if (!json_is_string(text) || (code && !json_is_integer(code)))
		return bad_value(e, "error", "an error with code and message", err);
	r->code = json_integer_value(code);
	copy_printable(r->message, sizeof(r->message), json_string_value(text), json_string_length(text));
	take_data(r, e);
	return 0;
}

static bool is_error(const json_t *e)
{
	return e && !json_is_null(e);
}

static int take_member(struct rpc_reply *r, json_t *m, struct err *err)
{
	json_t *result = json_object_get(m, "result"), *e = json_object_get(m, "error");

	if (!result && !is_error(e))
		return err_set(err, ERR_INVALID, "neither result nor error");
	if (result && is_error(e))
		return err_set(err, ERR_INVALID, "both result and error");
	if (is_error(e))
		return take_error(r, e, err);
	r->result = json_incref(result);
	return 0;
}

/* Which of the calls does it answer? */
static int take_one(struct rpc_reply *replies, bool *seen, size_t n, uint64_t first_id, json_t *m,
		    struct err *err)
{
	json_t *id = json_object_get(m, "id");
	uint64_t at = (uint64_t)json_integer_value(id) - first_id;

	if (!json_is_object(m))
		return bad_value(m, "answer", "an object", err);
	if (!json_is_integer(id) || at >= n)
		return bad_value(id, "id", "one that was asked", err);
	if (seen[at])
		return err_set(err, ERR_INVALID, "id %" JSON_INTEGER_FORMAT " stands there twice",
			       json_integer_value(id));
	seen[at] = true;
	return take_member(&replies[at], m, err);
}

static int take_all(struct rpc_reply *replies, size_t n, uint64_t first_id, json_t *root,
		    struct err *err)
{
	bool seen[RPC_BATCH_MAX] = { false };
	size_t i;

	if (json_array_size(root) != n)
		return err_set(err, ERR_INVALID, "%zu answers to %zu calls", json_array_size(root), n);
	for (i = 0; i < n; i++)
		if (take_one(replies, seen, n, first_id, json_array_get(root, i), err) < 0)
			return -1;
	return 0;
}

/* One error in place of all answers, or an error that belongs to no call. */
static int whole_refused(const json_t *e, struct err *err)
{
	struct rpc_reply r = { 0 };
	int rc = take_error(&r, e, err);

	if (rc == 0)
		rc = err_set(err, rpc_is_busy(&r) ? ERR_BUSY : ERR_INVALID, "refused: %s (%" PRId64 ")",
			     r.message, r.code);
	rpc_reply_fini(&r);
	return rc;
}

static bool is_refusal_of_all(const json_t *root, size_t n)
{
	const json_t *id = json_object_get(root, "id");

	return is_error(json_object_get(root, "error")) && (n > 1 || !id || json_is_null(id));
}

static int take_root(struct rpc_reply *replies, size_t n, uint64_t first_id, json_t *root,
		     struct err *err)
{
	bool seen = false;

	if (is_refusal_of_all(root, n))
		return whole_refused(json_object_get(root, "error"), err);
	if (n == 1)
		return take_one(replies, &seen, 1, first_id, root, err);
	if (!json_is_array(root))
		return bad_value(root, "answer", "an array", err);
	return take_all(replies, n, first_id, root, err);
}

int rpc_read(struct rpc_reply *replies, size_t n, uint64_t first_id, const void *body, size_t len,
	     struct err *err)
{
	json_t *root = load(body, len, err);
	size_t i;
	int rc;

	memset(replies, 0, n * sizeof(*replies));
	if (!root)
		return -1;
	rc = take_root(replies, n, first_id, root, err);
	json_decref(root);
	for (i = 0; rc < 0 && i < n; i++)
		rpc_reply_fini(&replies[i]);
	return rc;
}

static bool says_one_of(const char *message, const char *const *words)
{
	for (; *words; words++)
		if (strcasestr(message, *words))
			return true;
	return false;
}

/*
 * There is no standard for it: codes of EIP-1474 and of the large providers, and what they
 * write.  Two traps: a contract chooses the text of its revert, and the code for a rate
 * limit also refuses ranges of logs that are too large.
 */
bool rpc_is_busy(const struct rpc_reply *r)
{
	static const char *const not[] = { "revert", "range", "results", "response size", NULL };
	static const char *const words[] = {
		"rate limit", "ratelimit", "too many requests", "overloaded", "capacity",
		"try again later", "timed out", "timeout", NULL
	};

	if (r->result || r->code == 3 || says_one_of(r->message, not))
		return false;
	if (r->code == -32005 || r->code == -32029 || r->code == -32016 || r->code == 429)
		return true;
	return r->code <= 0 && says_one_of(r->message, words);
}

/* ---- two endpoints, one answer? ---- */

/* Programs differ in what they tell beside the standard: only what is read here counts. */
static const char *const fields_read[] = {
	"number", "hash", "parentHash", "timestamp", "baseFeePerGas",
	"address", "topics", "data", "blockNumber", "blockHash", "transactionHash", "logIndex",
	"status", "gasUsed", "effectiveGasPrice", "contractAddress", "logs",
	"from", "to", "nonce", "value", "input",
};
#define N_FIELDS_READ (sizeof(fields_read) / sizeof(fields_read[0]))

static const json_t *field_of(const json_t *o, const char *name)
{
	const json_t *f = json_object_get(o, name);

	return json_is_null(f) ? NULL : f;
}

static bool objects_equal(const json_t *a, const json_t *b)
{
	bool known = false;
	size_t i;

	for (i = 0; i < N_FIELDS_READ; i++) {
		const json_t *x = field_of(a, fields_read[i]), *y = field_of(b, fields_read[i]);

		if (!x != !y || (x && !rpc_equal(x, y)))
			return false;
		known = known || x;
	}
	return known || json_equal(a, b);
}

static bool arrays_equal(const json_t *a, const json_t *b)
{
	size_t i, n = json_array_size(a);

	if (n != json_array_size(b))
		return false;
	for (i = 0; i < n; i++)
		if (!rpc_equal(json_array_get(a, i), json_array_get(b, i)))
			return false;
	return true;
}

/* NULL when it is no string, or one that goes on behind a NUL. */
static const char *text_of(const json_t *j)
{
	const char *s = json_string_value(j);

	return s && strlen(s) == json_string_length(j) ? s : NULL;
}

bool rpc_equal(const json_t *a, const json_t *b)
{
	if (json_is_object(a) && json_is_object(b))
		return objects_equal(a, b);
	if (json_is_array(a) && json_is_array(b))
		return arrays_equal(a, b);
	if (text_of(a) && text_of(b))		/* addresses come in either case */
		return strcasecmp(text_of(a), text_of(b)) == 0;
	return json_equal(a, b);
}

/* ---- values ---- */

int rpc_u256(struct u256 *v, const json_t *j, const char *field, struct err *err)
{
	const char *s = text_of(j);

	if (!s || u256_parse_hex(v, s, NULL) < 0)
		return bad_value(j, field, "a quantity like \"0x1f\"", err);
	return 0;
}

int rpc_u64(uint64_t *v, const json_t *j, const char *field, struct err *err)
{
	struct u256 wide;

	if (rpc_u256(&wide, j, field, err) < 0)
		return -1;
	return u256_to_u64(v, &wide) ? 0 : bad_value(j, field, "below 2^64", err);
}

static int get_hex(uint8_t *to, size_t len, const json_t *j)
{
	const char *s = text_of(j);

	return s && s[0] == '0' && s[1] == 'x' ? hex_parse(to, len, s) : -1;
}

int rpc_hash(struct hash32 *h, const json_t *j, const char *field, struct err *err)
{
	return get_hex(h->b, 32, j) == 0 ? 0 : bad_value(j, field, "a hash of 32 bytes", err);
}

int rpc_addr(struct eth_addr *a, const json_t *j, const char *field, struct err *err)
{
	return get_hex(a->b, 20, j) == 0 ? 0 : bad_value(j, field, "an address", err);
}

int rpc_bytes(uint8_t **bytes, size_t *n, const json_t *j, size_t max, const char *field,
	      struct err *err)
{
	const char *s = text_of(j);
	size_t digits = s ? json_string_length(j) : 0;

	*bytes = NULL;
	*n = 0;
	if (digits < 2 || digits % 2)
		return bad_value(j, field, "bytes in hex", err);
	if (digits / 2 - 1 > max)
		return err_set(err, ERR_LIMIT, "%s: %zu bytes, at most %zu", field, digits / 2 - 1, max);
	if (digits == 2)
		return strcmp(s, "0x") == 0 ? 0 : bad_value(j, field, "bytes in hex", err);
	*bytes = xmalloc(digits / 2 - 1);
	if (get_hex(*bytes, digits / 2 - 1, j) == 0) {
		*n = digits / 2 - 1;
		return 0;
	}
	free(*bytes);
	*bytes = NULL;
	return bad_value(j, field, "bytes in hex", err);
}

/* ---- blocks ---- */

static int get_base_fee(struct eth_header *h, const json_t *j, struct err *err)
{
	const json_t *fee = json_object_get(j, "baseFeePerGas");

	h->has_base_fee = fee && !json_is_null(fee);
	return h->has_base_fee ? rpc_u256(&h->base_fee, fee, "baseFeePerGas", err) : 0;
}

int rpc_header(struct eth_header *h, const json_t *j, struct err *err)
{
	memset(h, 0, sizeof(*h));
	if (json_is_null(j))
		return err_set(err, ERR_NOT_FOUND, "no such block");
	if (!json_is_object(j))
		return bad_value(j, "block", "an object", err);
	if (rpc_u64(&h->number, json_object_get(j, "number"), "number", err) < 0 ||
	    rpc_hash(&h->hash, json_object_get(j, "hash"), "hash", err) < 0 ||
	    rpc_hash(&h->parent, json_object_get(j, "parentHash"), "parentHash", err) < 0 ||
	    rpc_u64(&h->timestamp, json_object_get(j, "timestamp"), "timestamp", err) < 0 ||
	    get_base_fee(h, j, err) < 0)
		return err_wrap(err, "block");
	return 0;
}

/* ---- logs ---- */

static int get_topics(struct eth_log *l, const json_t *j, struct err *err)
{
	size_t i, n = json_array_size(j);

	if (!json_is_array(j) || n > 4)
		return bad_value(j, "topics", "an array of at most 4", err);
	for (i = 0; i < n; i++)
		if (rpc_hash(&l->topics[i], json_array_get(j, i), "topics", err) < 0)
			return -1;
	l->n_topics = (unsigned)n;
	return 0;
}

static int get_index(uint32_t *index, const json_t *j, struct err *err)
{
	uint64_t v;

	if (rpc_u64(&v, j, "logIndex", err) < 0)
		return -1;
	if (v > UINT32_MAX)
		return bad_value(j, "logIndex", "below 2^32", err);
	*index = (uint32_t)v;
	return 0;
}

/* On failure data may be set: eth_logs_fini frees it. */
static int get_log(struct eth_log *l, const json_t *j, struct err *err)
{
	const json_t *removed = json_object_get(j, "removed");

	if (!json_is_object(j))
		return bad_value(j, "log", "an object", err);
	if (removed && !json_is_false(removed))
		return bad_value(removed, "removed", "false", err);
	if (rpc_addr(&l->address, json_object_get(j, "address"), "address", err) < 0 ||
	    get_topics(l, json_object_get(j, "topics"), err) < 0 ||
	    rpc_u64(&l->block, json_object_get(j, "blockNumber"), "blockNumber", err) < 0 ||
	    rpc_hash(&l->block_hash, json_object_get(j, "blockHash"), "blockHash", err) < 0 ||
	    rpc_hash(&l->tx_hash, json_object_get(j, "transactionHash"), "transactionHash", err) < 0 ||
	    get_index(&l->index, json_object_get(j, "logIndex"), err) < 0)
		return -1;
	return rpc_bytes(&l->data, &l->n_data, json_object_get(j, "data"), RPC_LOG_DATA_MAX, "data", err);
}

/* Two logs of one block agree on which block that is, and nothing goes back. */
static int check_order(const struct eth_log *before, const struct eth_log *l, struct err *err)
{
	if (l->block < before->block || (l->block == before->block && l->index <= before->index))
		return err_set(err, ERR_INVALID, "block %" PRIu64 " index %" PRIu32 " comes behind block %"
			       PRIu64 " index %" PRIu32, l->block, l->index, before->block, before->index);
	if (l->block == before->block && memcmp(&l->block_hash, &before->block_hash, 32) != 0)
		return err_set(err, ERR_INVALID, "block %" PRIu64 " has two hashes", l->block);
	return 0;
}

static int get_logs(struct eth_logs *logs, const json_t *j, struct err *err)
{
	for (; logs->n < json_array_size(j); logs->n++) {
		struct eth_log *l = &logs->l[logs->n];

		if (get_log(l, json_array_get(j, logs->n), err) < 0 ||
		    (logs->n && check_order(l - 1, l, err) < 0)) {
			err_wrap(err, "log %zu", logs->n);
			logs->n++;	/* its data, too, is to be freed */
			return -1;
		}
	}
	return 0;
}

int rpc_logs(struct eth_logs *logs, const json_t *j, struct err *err)
{
	size_t n = json_array_size(j);

	logs->l = NULL;
	logs->n = 0;
	if (!json_is_array(j))
		return bad_value(j, "logs", "an array", err);
	if (n > RPC_LOGS_MAX)
		return err_set(err, ERR_LIMIT, "%zu logs, at most %d", n, RPC_LOGS_MAX);
	if (n == 0)
		return 0;
	logs->l = xcalloc(n, sizeof(*logs->l));
	if (get_logs(logs, j, err) == 0)
		return 0;
	eth_logs_fini(logs);
	return -1;
}

void eth_logs_fini(struct eth_logs *logs)
{
	size_t i;

	for (i = 0; i < logs->n; i++)
		free(logs->l[i].data);
	free(logs->l);
	logs->l = NULL;
	logs->n = 0;
}

/* ---- receipts ---- */

static int get_status(struct eth_receipt *r, const json_t *j, struct err *err)
{
	uint64_t v;

	if (rpc_u64(&v, j, "status", err) < 0)
		return -1;
	if (v > 1)
		return bad_value(j, "status", "0x0 or 0x1", err);
	r->ok = v == 1;
	return 0;
}

/* Nodes from before EIP-1559 do not tell the price. */
static int get_price(struct eth_receipt *r, const json_t *j, struct err *err)
{
	return j ? rpc_u256(&r->gas_price, j, "effectiveGasPrice", err) : 0;
}

static int get_created(struct eth_receipt *r, const json_t *j, struct err *err)
{
	r->has_created = j && !json_is_null(j);
	return r->has_created ? rpc_addr(&r->created, j, "contractAddress", err) : 0;
}

/* All of this transaction in this block, and none when it failed. */
static int check_logs(const struct eth_receipt *r, struct err *err)
{
	size_t i;

	if (!r->ok && r->logs.n)
		return err_set(err, ERR_INVALID, "logs of a transaction that failed");
	for (i = 0; i < r->logs.n; i++) {
		const struct eth_log *l = &r->logs.l[i];

		if (l->block != r->block || memcmp(&l->block_hash, &r->block_hash, 32) != 0 ||
		    memcmp(&l->tx_hash, &r->tx_hash, 32) != 0)
			return err_set(err, ERR_INVALID, "log %zu is not of this transaction", i);
	}
	return 0;
}

static int get_receipt(struct eth_receipt *r, const json_t *j, struct err *err)
{
	if (rpc_hash(&r->tx_hash, json_object_get(j, "transactionHash"), "transactionHash", err) < 0 ||
	    rpc_hash(&r->block_hash, json_object_get(j, "blockHash"), "blockHash", err) < 0 ||
	    rpc_u64(&r->block, json_object_get(j, "blockNumber"), "blockNumber", err) < 0 ||
	    get_status(r, json_object_get(j, "status"), err) < 0 ||
	    rpc_u64(&r->gas_used, json_object_get(j, "gasUsed"), "gasUsed", err) < 0 ||
	    get_price(r, json_object_get(j, "effectiveGasPrice"), err) < 0 ||
	    get_created(r, json_object_get(j, "contractAddress"), err) < 0 ||
	    rpc_logs(&r->logs, json_object_get(j, "logs"), err) < 0)
		return -1;
	return check_logs(r, err);
}

int rpc_receipt(struct eth_receipt *r, const json_t *j, struct err *err)
{
	memset(r, 0, sizeof(*r));
	if (json_is_null(j))
		return err_set(err, ERR_NOT_FOUND, "not mined");
	if (!json_is_object(j))
		return bad_value(j, "receipt", "an object", err);
	if (get_receipt(r, j, err) == 0)
		return 0;
	eth_receipt_fini(r);
	return err_wrap(err, "receipt");
}

void eth_receipt_fini(struct eth_receipt *r)
{
	eth_logs_fini(&r->logs);
}
