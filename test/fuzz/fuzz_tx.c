/*
 * Raw transactions of strangers: what is accepted keeps the rules of what we sign, and
 * writing its fields again gives what was signed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/tx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Signed by another key the bytes differ only in the signature's three numbers. */
static void check_again(const struct tx *t, size_t len)
{
	static struct sig_key *key;
	struct eth_addr me, sender;
	struct hash32 hash;
	struct tx again;
	struct buf b;

	if (!key)
		key = sig_key_new((const uint8_t *)"a key that is no secret to anyone", NULL);
	me = sig_key_addr(key);
	buf_init(&b, len + 100);
	if (tx_sign(&b, &hash, t, key, NULL) < 0 || tx_parse(&again, &sender, &hash, b.data, b.len, NULL) < 0)
		abort();
	if (!eth_addr_equal(&me, &sender) || again.n_data != t->n_data || again.nonce != t->nonce ||
	    again.chain_id != t->chain_id || again.gas != t->gas || again.creates != t->creates ||
	    u256_cmp(&again.max_fee, &t->max_fee) || u256_cmp(&again.value, &t->value))
		abort();
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct eth_addr sender;
	struct err err = { 0 };
	struct hash32 hash;
	struct u256 cost;
	struct tx t;

	if (tx_parse(&t, &sender, &hash, data, len, &err) < 0) {
		if (err.code != ERR_INVALID && err.code != ERR_LIMIT)
			abort();
		return 0;
	}
	if (t.chain_id == 0 || t.gas > TX_GAS_MAX || t.n_data > TX_DATA_MAX || (t.n_data && t.data < data))
		abort();
	tx_max_cost(&cost, &t, NULL);
	check_again(&t, len);
	return 0;
}
