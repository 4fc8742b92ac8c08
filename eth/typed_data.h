#ifndef LP_ETH_TYPED_DATA_H
#define LP_ETH_TYPED_DATA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/hash.h"
struct err;

/*
 * EIP-712 typed data of others, as wallets get it: JSON with types, primaryType, domain and
 * message.  (What lpnode itself signs is base/eip712.)  Strict where a signature would mean
 * something else than what is shown: each field must be there, of its type and in range, and
 * there may be none that the type does not have.  Pure.  Any thread.
 * Source: EIP-712; where it is silent, ethers and eth_signTypedData_v4.
 */
#define TYPED_DATA_MAX (256 * 1024)	/* bytes of JSON */
#define TYPED_DATA_TYPES_MAX 64
#define TYPED_DATA_FIELDS_MAX 64	/* of one type */
#define TYPED_DATA_NAME_MAX 64
#define TYPED_DATA_DEPTH_MAX 16		/* structs and arrays within each other */

struct typed_data {
	struct hash32 digest;		/* what is signed */
	struct hash32 domain, message;	/* their struct hashes */
	char primary[TYPED_DATA_NAME_MAX + 1];
	bool has_chain_id;		/* of the domain */
	uint64_t chain_id;
};

/* types need not have EIP712Domain: then it is what stands in domain.  Fails with ERR_INVALID
 * naming the field, ERR_LIMIT. */
int typed_data_hash(struct typed_data *t, const char *json, size_t len, struct err *err);

#endif
