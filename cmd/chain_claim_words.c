#include <stdio.h>

#include "cmd/chain_claim.h"
#include "cmd/tell.h"

const char *claim_phase_name(enum claim_phase p)
{
	static const char *const names[] = {
		"waits", "unverified", "judged", "matures", "payable", "missed", "lost", "void", "paid",
	};

	return names[p];
}

const char *claim_void_words(uint64_t reason)
{
	static const char *const words[] = {
		"", "a challenged segment was not verified in time", "a segment failed its verification",
		"a segment's input is invalid", "a segment's input could not be had", "no verdict was found",
		"its challenge block was never sealed", "another is elected", "it has a planted segment",
	};

	/* A refuted election voids all claims at once, with an event of its own. */
	if (reason == 0)
		return words[7];
	return reason < sizeof(words) / sizeof(words[0]) ? words[reason] : "for a reason this program does not know";
}

void claim_words(char to[200], const struct chain_claim *k, const struct round_now *r)
{
	char when[100], amount[100];

	switch (k->phase) {
	case CLAIM_WAITS:
		snprintf(to, 200, "challenged by %s; wait for the one after it", block_when(when, r, k->challenge.number));
		return;
	case CLAIM_UNVERIFIED:
		snprintf(to, 200, "verify %zu until %s", k->n_unverified, block_when(when, r, k->verify_until));
		return;
	case CLAIM_JUDGED:
		snprintf(to, 200, "verdicts are awaited");
		return;
	case CLAIM_MATURES:
		snprintf(to, 200, "%spayable from %s", k->settled ? "" : "verdicts may be appealed; ",
			 block_when(when, r, k->payable_from));
		return;
	case CLAIM_PAYABLE:
		snprintf(to, 200, "payable: lpnode distribute-fees");
		return;
	case CLAIM_MISSED:
		snprintf(to, 200, "%zu not verified in time: slashable until %s", k->n_unverified,
			 block_when(when, r, k->slash_until));
		return;
	case CLAIM_LOST:
		snprintf(to, 200, "its challenge was never sealed: lpnode claim void");
		return;
	case CLAIM_VOID:
		snprintf(to, 200, "void: %s", claim_void_words(k->void_reason));
		return;
	case CLAIM_PAID:
		snprintf(to, 200, "paid %s", fmt_eth(amount, &k->paid));
		return;
	}
}
