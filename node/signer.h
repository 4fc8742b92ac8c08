#ifndef LP_NODE_SIGNER_H
#define LP_NODE_SIGNER_H
#include "base/hash.h"
#include "base/sig.h"
#include "protocol/segment.h"

/*
 * The only place that signs with the node's key.  It takes typed structs, never a
 * digest, so a peer cannot have it sign what it likes, and it can later become a
 * process of its own.  Loop thread; about 70 us a signature.
 */
struct signer;

/* key is borrowed and outlives the signer. */
struct signer *signer_new(const struct sig_key *key, const struct eip712_domain *domain);
void signer_free(struct signer *s);
struct eth_addr signer_addr(const struct signer *s);
const struct hash32 *signer_domain(const struct signer *s);	/* EIP-712 domain hash */

/* Each fills the struct's sig. */
void signer_segment(const struct signer *s, struct signed_segment *seg);
void signer_rendition(const struct signer *s, struct signed_rendition *r);
void signer_receipt(const struct signer *s, struct receipt *r);

#endif
