#include "cmd/block_hash.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"
#include "bind/rounds_manager.h"
#include "cmd/chain_read.h"
#include "cmd/round.h"

static int sealed_hashes(struct cli *c, struct block_hash *b, size_t n, struct err *err)
{
	struct rounds_manager_sealed_hash sealed;
	struct cli_reads reads = { 0 };
	struct u256 number;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		number = u256_of(b[i].number);
		rounds_manager_sealed_hash_call(cli_read(&reads, c, CONTRACT_ROUNDS_MANAGER), &number);
	}
	rc = cli_read_all(c, &reads, false, err);
	for (i = 0; i < n && rc == 0; i++) {
		static const struct hash32 none;

		rc = chain_decoded(CLI_DECODE(rounds_manager_sealed_hash, &sealed, reads, i, err));
		if (rc == 0 && memcmp(sealed.value.b, none.b, 32) != 0) {
			b[i].state = HASH_SEALED;
			b[i].h = sealed.value;
		}
	}
	cli_reads_fini(&reads);
	return rc;
}

/* What the chain itself says of a block that contracts still have in history. */
static int recent_hash(struct cli *c, struct block_hash *b, struct err *err)
{
	char params[48];
	struct rpc_call call = { "eth_getBlockByNumber", params };
	struct eth_header head;
	struct rpc_reply r;
	int rc;

	snprintf(params, sizeof(params), "[\"0x%" PRIx64 "\",false]", b->number);
	rc = cli_rpc(c, &call, 1, &r, err);
	if (rc == 0 && !r.result) {
		err_set(err, ERR_IO, "eth_getBlockByNumber %" PRIu64 ": %s", b->number, r.message);
		rc = 1;
	}
	if (rc == 0)
		rc = chain_decoded(rpc_header(&head, r.result, err));
	if (rc == 0) {
		b->state = HASH_RECENT;
		b->h = head.hash;
	}
	rpc_reply_fini(&r);
	return rc;
}

int block_hashes_read(struct cli *c, struct block_hash *b, size_t n, struct err *err)
{
	uint64_t next = c->head.number + 1;
	size_t i;
	int rc;

	for (i = 0; i < n; i++) {
		b[i].until = b[i].number + BLOCK_HASH_HISTORY;
		b[i].state = b[i].number + 1 >= next ? HASH_FUTURE : HASH_LOST;
	}
	rc = sealed_hashes(c, b, n, err);
	for (i = 0; i < n && rc == 0; i++) {
		if (b[i].state == HASH_LOST && next <= b[i].until)
			rc = recent_hash(c, &b[i], err);
	}
	return rc;
}
