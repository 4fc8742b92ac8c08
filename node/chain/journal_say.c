#include "node/chain/journal_say.h"

#include <string.h>

struct phrase {
	const char *words;	/* lower case */
	int means;
};

/* The first that is found in the message holds. */
static int look_up(const struct phrase *p, const char *message, int otherwise)
{
	for (; p->words; p++) {
		if (strcasestr(message, p->words))
			return p->means;
	}
	return otherwise;
}

static const struct phrase send_phrases[] = {
	{ "already known", SEND_ACCEPTED }, { "known transaction:", SEND_ACCEPTED },
	{ "alreadyknown", SEND_ACCEPTED }, { "already imported", SEND_ACCEPTED },
	{ "already exists", SEND_ACCEPTED }, { "already in mempool", SEND_ACCEPTED },
	{ "already in the pool", SEND_ACCEPTED },
	{ "nonce too low", SEND_NONCE_USED }, { "nonce is too low", SEND_NONCE_USED },
	{ "oldnonce", SEND_NONCE_USED }, { "old nonce", SEND_NONCE_USED },
	{ "replacement", SEND_OUTBID }, { "underpriced to replace", SEND_OUTBID },
	{ "too low to replace", SEND_OUTBID },
	{ "insufficient funds", SEND_POOR }, { "insufficient balance", SEND_POOR },
	{ "insufficientfunds", SEND_POOR }, { "upfront cost", SEND_POOR }, { "overshot", SEND_POOR },
	{ "block gas limit", SEND_BAD }, { "intrinsic gas", SEND_BAD }, { "gas limit too high", SEND_BAD },
	{ "oversized", SEND_BAD }, { "invalid sender", SEND_BAD }, { "invalid chain", SEND_BAD },
	{ "not supported", SEND_BAD }, { "exceeds the configured cap", SEND_BAD },
	{ "underpriced", SEND_CHEAP }, { "less than block base fee", SEND_CHEAP },
	{ "feetoolow", SEND_CHEAP }, { "fee too low", SEND_CHEAP }, { "gas price too low", SEND_CHEAP },
	{ "below", SEND_CHEAP },
	{ NULL, 0 },
};

enum send_answer send_answer_of(const struct rpc_reply *r, const struct hash32 *hash)
{
	struct hash32 told;

	if (!r->result)
		return (enum send_answer)look_up(send_phrases, r->message, SEND_UNCLEAR);
	if (rpc_hash(&told, r->result, "hash", NULL) < 0 || memcmp(told.b, hash->b, sizeof(told.b)) != 0)
		return SEND_UNCLEAR;
	return SEND_ACCEPTED;
}

static const struct phrase sim_phrases[] = {
	{ "insufficient funds", SIM_POOR }, { "insufficient balance", SIM_POOR }, { "outoffunds", SIM_POOR },
	{ "out of funds", SIM_POOR },
	{ "revert", SIM_REVERTS }, { "invalid opcode", SIM_REVERTS }, { "invalid jump", SIM_REVERTS },
	{ "out of gas", SIM_REVERTS }, { "outofgas", SIM_REVERTS }, { "gas required exceeds", SIM_REVERTS },
	{ "stack", SIM_REVERTS }, { "evm error", SIM_REVERTS }, { "intrinsic gas", SIM_REVERTS },
	{ "code size", SIM_REVERTS }, { "vm execution", SIM_REVERTS }, { "bad instruction", SIM_REVERTS },
	{ NULL, 0 },
};

#define CODE_REVERTED 3			/* geth's, and by now everybody's */

enum sim_answer sim_answer_of(const struct rpc_reply *r)
{
	if (r->result)
		return SIM_FINE;
	if (r->n_data || r->code == CODE_REVERTED)
		return SIM_REVERTS;
	return (enum sim_answer)look_up(sim_phrases, r->message, SIM_UNCLEAR);
}
