#ifndef LP_BASE_EIP712_H
#define LP_BASE_EIP712_H
#include <stddef.h>
#include <stdint.h>
#include "base/hash.h"
#include "base/sig.h"

/*
 * EIP-712 typed structured data, for the flat structs that lpnode signs: atomic
 * members and strings.  A struct is encoded member by member in the order of its
 * type string.  Any thread.
 */

/* name "lpnode", version "1"; chain_id 0 and a zero contract off chain. */
struct eip712_domain {
	uint64_t chain_id;
	struct eth_addr contract;	/* JobsManager */
};

struct hash32 eip712_domain_hash(const struct eip712_domain *d);

/* Builder: init with the type string, add each member, end. */
struct eip712 {
	uint8_t words[16 * 32];
	size_t n_words;		/* the type hash is the first */
};
void eip712_init(struct eip712 *e, const char *type);
void eip712_add_uint(struct eip712 *e, uint64_t v);
void eip712_add_word(struct eip712 *e, const uint8_t word[32]);	/* bytes32, uint256 */
void eip712_add_addr(struct eip712 *e, const struct eth_addr *a);
void eip712_add_string(struct eip712 *e, const char *s);
void eip712_add_bytes(struct eip712 *e, const void *data, size_t len);

/* keccak256(0x1901 || domain hash || struct hash): what is signed. */
struct hash32 eip712_digest(const struct eip712 *e, const struct hash32 *domain_hash);

#endif
