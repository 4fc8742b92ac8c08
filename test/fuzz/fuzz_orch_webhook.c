/*
 * A webhook's list of orchestrators: what is accepted can be dialled, nobody stands in
 * it twice, and cutting it keeps its own.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "node/discovery.h"
#include "node/peer/keep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct orch_list *l)
{
	size_t i, k;

	for (i = 0; i < l->n; i++) {
		char hostport[ORCH_HOSTPORT_LEN];
		struct eth_addr addr;
		bool has;

		if (peer_address_parse(l->e[i].hostport, hostport, &addr, &has, NULL) < 0 || has)
			abort();
		for (k = 0; k < i; k++)
			if (strcmp(l->e[i].hostport, l->e[k].hostport) == 0)
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct orch_list l, all;
	struct eth_addr node = { { 7 } };
	struct err err = { 0 };
	size_t i, k;

	if (orch_list_parse(&l, (const char *)data, len, &err) < 0) {
		if ((err.code != ERR_INVALID && err.code != ERR_LIMIT) || !err.msg[0])
			abort();
		return 0;
	}
	if (l.n > ORCH_LIST_MAX || l.n + l.n_bad > ORCH_LIST_MAX)
		abort();
	check(&l);
	all = l;
	orch_list_cut(&l, &node, 16);
	check(&l);
	if (l.n != (all.n < 16 ? all.n : 16))
		abort();
	for (i = 0; i < l.n; i++) {
		for (k = 0; k < all.n && !orch_entry_equal(&l.e[i], &all.e[k]); k++)
			;
		if (k == all.n)
			abort();
	}
	return 0;
}
