#ifndef LP_ETH_TX_H
#define LP_ETH_TX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/hash.h"
#include "base/sig.h"
#include "base/u256.h"
struct err;

/*
 * Transactions: legacy with EIP-155, and EIP-1559.  Pure.  Any thread.
 * Nothing above TX_GAS_MAX is ever signed (EIP-7825's cap of the real network).
 */
#define TX_GAS_MAX 16777216u
#define TX_DATA_MAX (128 * 1024)

struct tx {
	bool legacy;			/* gas price in max_fee; no tip */
	uint64_t chain_id;		/* never 0 */
	uint64_t nonce;
	struct u256 max_fee;		/* wei a gas */
	struct u256 max_tip;
	uint64_t gas;
	bool creates;			/* a contract: to is not used */
	struct eth_addr to;
	struct u256 value;		/* wei */
	const uint8_t *data;		/* borrowed */
	size_t n_data;
};

/* What is signed.  Fails with ERR_INVALID (chain id 0, tip above fee), ERR_LIMIT. */
int tx_digest(struct hash32 *digest, const struct tx *t, struct err *err);
/* Append the raw transaction for eth_sendRawTransaction; its hash.  Fails as tx_digest does. */
int tx_sign(struct buf *raw, struct hash32 *hash, const struct tx *t, const struct sig_key *key,
	    struct err *err);
/* Of a raw transaction: fields (data borrowed from raw), sender, hash.  Fails with ERR_INVALID
 * (also access lists and signatures without chain id: we make neither), ERR_LIMIT. */
int tx_parse(struct tx *t, struct eth_addr *sender, struct hash32 *hash, const void *raw,
	     size_t len, struct err *err);
/* keccak256(rlp([sender, nonce]))'s last 20 bytes. */
struct eth_addr tx_created_address(const struct eth_addr *sender, uint64_t nonce);
/* gas * max_fee + value.  Fails with ERR_LIMIT when it exceeds 256 bits. */
int tx_max_cost(struct u256 *wei, const struct tx *t, struct err *err);

#endif
