#include "node/signer.h"

#include <stdlib.h>

#include "base/mem.h"

struct signer {
	const struct sig_key *key;	/* borrowed */
	struct hash32 domain;
};

struct signer *signer_new(const struct sig_key *key, const struct eip712_domain *domain)
{
	struct signer *s = xcalloc(1, sizeof(*s));

	s->key = key;
	s->domain = eip712_domain_hash(domain);
	return s;
}

void signer_free(struct signer *s)
{
	free(s);
}

struct eth_addr signer_addr(const struct signer *s)
{
	return sig_key_addr(s->key);
}

const struct hash32 *signer_domain(const struct signer *s)
{
	return &s->domain;
}

void signer_segment(const struct signer *s, struct signed_segment *seg)
{
	struct hash32 digest = segment_digest(seg, &s->domain);

	seg->sig = sig_sign(s->key, &digest);
}

void signer_rendition(const struct signer *s, struct signed_rendition *r)
{
	struct hash32 digest = rendition_digest(r, &s->domain);

	r->sig = sig_sign(s->key, &digest);
}

void signer_receipt(const struct signer *s, struct receipt *r)
{
	struct hash32 digest = receipt_digest(r, &s->domain);

	r->sig = sig_sign(s->key, &digest);
}
