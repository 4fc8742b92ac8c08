/* Transactions: RLP of their fields, signed as EIP-155 or EIP-1559 say. */
#include "eth/tx.h"

#include <string.h>

#include "base/err.h"
#include "eth/rlp.h"

#define TYPE_1559 0x02
#define TX_RAW_MAX (TX_DATA_MAX + 1024)

static int check(const struct tx *t, struct err *err)
{
	if (t->chain_id == 0)
		return err_set(err, ERR_INVALID, "transaction: chain id 0 would be valid on any chain");
	if (t->chain_id > (UINT64_MAX - 36) / 2)
		return err_set(err, ERR_INVALID, "transaction: chain id %llu is too large",
			       (unsigned long long)t->chain_id);
	if (t->gas > TX_GAS_MAX)
		return err_set(err, ERR_LIMIT, "transaction: %llu gas, the network takes %u",
			       (unsigned long long)t->gas, TX_GAS_MAX);
	if (t->n_data > TX_DATA_MAX)
		return err_set(err, ERR_LIMIT, "transaction: %zu bytes of data, at most %u", t->n_data,
			       TX_DATA_MAX);
	if (!t->legacy && u256_cmp(&t->max_tip, &t->max_fee) > 0)
		return err_set(err, ERR_INVALID, "transaction: the tip is above the fee");
	return 0;
}

static void add_to(struct rlp_out *o, const struct tx *t)
{
	rlp_add_bytes(o, t->to.b, t->creates ? 0 : sizeof(t->to.b));
}

/* The fields up to the signature. */
static void add_fields(struct rlp_out *o, const struct tx *t)
{
	if (!t->legacy)
		rlp_add_u64(o, t->chain_id);
	rlp_add_u64(o, t->nonce);
	if (!t->legacy)
		rlp_add_u256(o, &t->max_tip);
	rlp_add_u256(o, &t->max_fee);
	rlp_add_u64(o, t->gas);
	add_to(o, t);
	rlp_add_u256(o, &t->value);
	rlp_add_bytes(o, t->data, t->n_data);
	if (!t->legacy) {
		rlp_open_list(o);	/* no access list */
		rlp_close_list(o);
	}
}

static void add_signature(struct rlp_out *o, const struct tx *t, const struct sig65 *sig)
{
	uint64_t y = sig->b[64] - 27;
	struct u256 r = u256_from_be(sig->b), s = u256_from_be(sig->b + 32);

	rlp_add_u64(o, t->legacy ? t->chain_id * 2 + 35 + y : y);
	rlp_add_u256(o, &r);
	rlp_add_u256(o, &s);
}

/* What EIP-155 signs in place of the signature. */
static void add_chain(struct rlp_out *o, const struct tx *t)
{
	rlp_add_u64(o, t->chain_id);
	rlp_add_u64(o, 0);
	rlp_add_u64(o, 0);
}

/* Append the transaction, with its signature or as it is to be signed (sig NULL). */
static int encode(struct buf *b, const struct tx *t, const struct sig65 *sig, struct err *err)
{
	struct rlp_out o;

	if (!t->legacy)
		buf_add_u8(b, TYPE_1559);
	rlp_out_init(&o, b);
	rlp_open_list(&o);
	add_fields(&o, t);
	if (sig)
		add_signature(&o, t, sig);
	else if (t->legacy)
		add_chain(&o, t);
	rlp_close_list(&o);
	return rlp_finish(&o, err);
}

int tx_digest(struct hash32 *digest, const struct tx *t, struct err *err)
{
	struct buf b;
	int rc;

	if (check(t, err) < 0)
		return -1;
	buf_init(&b, TX_RAW_MAX);
	rc = encode(&b, t, NULL, err);
	if (rc == 0)
		*digest = hash_keccak256(b.data, b.len);
	buf_fini(&b);
	return rc;
}

int tx_sign(struct buf *raw, struct hash32 *hash, const struct tx *t, const struct sig_key *key,
	    struct err *err)
{
	struct hash32 digest;
	struct sig65 sig;
	size_t start = raw->len;

	if (tx_digest(&digest, t, err) < 0)
		return -1;
	sig = sig_sign(key, &digest);
	if (encode(raw, t, &sig, err) < 0) {
		raw->len = start;
		return -1;
	}
	*hash = hash_keccak256(raw->data + start, raw->len - start);
	return 0;
}

static int bad(struct err *err, const char *why)
{
	return err_set(err, ERR_INVALID, "transaction: %s", why);
}

/* Reads one field after the other; the first failure stays. */
struct reader {
	struct rd r;
	struct err *err;
	bool failed;
};

static struct rlp_item next(struct reader *in)
{
	struct rlp_item item = { 0 };

	if (!in->failed && rlp_next(&in->r, &item, in->err) < 0)
		in->failed = true;
	return item;
}

static uint64_t next_u64(struct reader *in)
{
	struct rlp_item item = next(in);
	uint64_t v = 0;

	if (!in->failed && rlp_u64(&v, &item, in->err) < 0)
		in->failed = true;
	return v;
}

static struct u256 next_u256(struct reader *in)
{
	struct rlp_item item = next(in);
	struct u256 v = u256_zero;

	if (!in->failed && rlp_u256(&v, &item, in->err) < 0)
		in->failed = true;
	return v;
}

static void fail(struct reader *in, const char *why)
{
	if (!in->failed)
		bad(in->err, why);
	in->failed = true;
}

static void next_to(struct reader *in, struct tx *t)
{
	struct rlp_item item = next(in);

	t->creates = item.len == 0;
	if (item.is_list || (item.len != 0 && item.len != sizeof(t->to.b)))
		fail(in, "the receiver is no address");
	else if (item.len)
		memcpy(t->to.b, item.data, sizeof(t->to.b));
}

static void next_data(struct reader *in, struct tx *t)
{
	struct rlp_item item = next(in);

	if (item.is_list || item.len > TX_DATA_MAX)
		fail(in, "data that is too long, or a list");
	t->data = item.data;
	t->n_data = item.len;
}

static void next_access_list(struct reader *in)
{
	struct rlp_item item = next(in);

	if (!item.is_list || item.len)
		fail(in, "an access list, which we never make");
}

static void next_fields(struct reader *in, struct tx *t)
{
	if (!t->legacy)
		t->chain_id = next_u64(in);
	t->nonce = next_u64(in);
	if (!t->legacy)
		t->max_tip = next_u256(in);
	t->max_fee = next_u256(in);
	t->gas = next_u64(in);
	next_to(in, t);
	t->value = next_u256(in);
	next_data(in, t);
	if (!t->legacy)
		next_access_list(in);
}

static void next_signature(struct reader *in, struct tx *t, struct sig65 *sig)
{
	uint64_t v = next_u64(in);
	struct u256 r = next_u256(in), s = next_u256(in);

	if (t->legacy) {
		if (v < 37)
			fail(in, "a signature without chain id");
		t->chain_id = v >= 37 ? (v - 35) / 2 : 0;
		v = (v - 35) % 2;
	}
	if (v > 1)
		fail(in, "a signature's parity is neither 0 nor 1");
	u256_to_be(sig->b, &r);
	u256_to_be(sig->b + 32, &s);
	sig->b[64] = (uint8_t)(27 + (v & 1));
}

int tx_parse(struct tx *t, struct eth_addr *sender, struct hash32 *hash, const void *raw,
	     size_t len, struct err *err)
{
	struct reader in = { .r = rd_of(raw, len), .err = err };
	const uint8_t *p = raw;
	struct hash32 digest;
	struct rlp_item list;
	struct sig65 sig;

	memset(t, 0, sizeof(*t));
	if (len == 0)
		return bad(err, "nothing there");
	t->legacy = p[0] >= 0xc0;
	if (!t->legacy && rd_u8(&in.r) != TYPE_1559)
		return err_set(err, ERR_INVALID, "transaction: type %u is none of ours", p[0]);
	if (rlp_next(&in.r, &list, err) < 0)
		return -1;
	if (!list.is_list || in.r.left)
		return bad(err, "not one list");
	in.r = rd_of(list.data, list.len);
	next_fields(&in, t);
	next_signature(&in, t, &sig);
	if (in.failed)
		return -1;
	if (in.r.left)
		return bad(err, "more fields than it has");
	if (tx_digest(&digest, t, err) < 0 || sig_recover(sender, &digest, &sig, err) < 0)
		return -1;
	*hash = hash_keccak256(raw, len);
	return 0;
}

struct eth_addr tx_created_address(const struct eth_addr *sender, uint64_t nonce)
{
	struct eth_addr a = { 0 };
	struct hash32 h;
	struct rlp_out o;
	struct buf b;

	buf_init(&b, 64);
	rlp_out_init(&o, &b);
	rlp_open_list(&o);
	rlp_add_bytes(&o, sender->b, sizeof(sender->b));
	rlp_add_u64(&o, nonce);
	rlp_close_list(&o);
	h = hash_keccak256(b.data, b.len);
	memcpy(a.b, h.b + 12, sizeof(a.b));
	buf_fini(&b);
	return a;
}

int tx_max_cost(struct u256 *wei, const struct tx *t, struct err *err)
{
	struct u256 gas = u256_of(t->gas), sum;

	if (!u256_mul(&sum, &gas, &t->max_fee) || !u256_add(&sum, &sum, &t->value))
		return err_set(err, ERR_LIMIT, "transaction: its cost does not fit in 256 bits");
	*wei = sum;
	return 0;
}
