#include "cmd/chain_read.h"

#include <string.h>

#include "base/err.h"

int chain_decoded(int rc)
{
	return rc < 0 ? 1 : 0;
}

int chain_u64(uint64_t *to, const struct u256 *v, const char *what, struct err *err)
{
	if (u256_to_u64(to, v) && *to < UINT64_MAX / 4)
		return 0;
	err_set(err, ERR_INVALID, "the endpoint tells a number that cannot be: %s", what);
	return 1;
}

struct hash32 topic_of_u64(uint64_t v)
{
	struct u256 n = u256_of(v);
	struct hash32 h;

	u256_to_be(h.b, &n);
	return h;
}

struct hash32 topic_of_addr(const struct eth_addr *a)
{
	struct hash32 h = { { 0 } };

	memcpy(h.b + 12, a->b, 20);
	return h;
}
