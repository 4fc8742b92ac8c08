#ifndef LP_BASE_SIG_H
#define LP_BASE_SIG_H
#include <stdbool.h>
#include <stdint.h>
#include "base/hash.h"
struct err;

/*
 * Ethereum's secp256k1 signatures.  Only low-S is made and only low-S is accepted:
 * libsecp256k1's recover alone takes the malleable twin (facts/reliability E1).
 * Any thread.
 */
struct eth_addr {
	uint8_t b[20];
};

struct sig65 {
	uint8_t b[65];	/* r, s, v with v 27 or 28 */
};

/* A private key in locked memory, with its address. */
struct sig_key;

/* Fails with ERR_INVALID when secret is 0 or not below the group order. */
struct sig_key *sig_key_new(const uint8_t secret[32], struct err *err);
struct sig_key *sig_key_generate(void);
void sig_key_free(struct sig_key *k);
struct eth_addr sig_key_addr(const struct sig_key *k);
/* The secret itself, for a keystore to encrypt and for nothing else: into locked memory
 * (secret_alloc), wiped after use. */
void sig_key_export(const struct sig_key *k, uint8_t secret[32]);

/*
 * The node's own off-chain key: 64 hex digits in file dir/name (mode 0600, made
 * with a random key when absent).  Fails with ERR_DENIED when others can read it,
 * ERR_INVALID when it is damaged, ERR_IO.
 */
struct sig_key *sig_key_load_or_create(const char *dir, const char *name, struct err *err);

/* Deterministic (RFC 6979), low-S, recoverable. */
struct sig65 sig_sign(const struct sig_key *k, const struct hash32 *digest);

/* Who signed?  Fails with ERR_INVALID: wrong v, high S, zero, no such point. */
int sig_recover(struct eth_addr *signer, const struct hash32 *digest,
		const struct sig65 *sig, struct err *err);

/* Recovers and compares; ERR_DENIED names both addresses when another signed. */
int sig_verify(const struct eth_addr *signer, const struct hash32 *digest,
	       const struct sig65 *sig, struct err *err);

bool eth_addr_equal(const struct eth_addr *a, const struct eth_addr *b);
bool eth_addr_is_zero(const struct eth_addr *a);
void eth_addr_fmt(char to[43], const struct eth_addr *a);	/* EIP-55 checksummed */
/* 0x + 40 hex digits; mixed case must have the right checksum. */
int eth_addr_parse(struct eth_addr *a, const char *s, struct err *err);

#endif
