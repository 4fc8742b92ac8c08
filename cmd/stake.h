#ifndef LP_CMD_STAKE_H
#define LP_CMD_STAKE_H
#include "bind/bonding_manager.h"
#include "cmd/round.h"

/* What a delegator has bonded, to whom, and in which locks: what the commands of delegators
 * decide by. */
struct stake_lock {
	uint64_t id;
	struct u256 amount;		/* what it would pay now */
	uint64_t withdraw_round, slashable_until;
	struct eth_addr delegate;	/* which it left */
	struct eth_addr destination;	/* of a move; zero: it is to be withdrawn */
};
struct stake {
	struct round_now r;
	struct eth_addr who;
	struct u256 bonded, fees;	/* settled now */
	struct eth_addr delegate;	/* zero: none */
	uint64_t start_round;		/* from which all of it earns */
	uint64_t last_claim_round, next_lock;
	struct u256 lpt, allowance;	/* of the token; for the BondingManager */
	uint64_t slashable_blocks, unbonding_rounds;
	struct u256 min_stake;		/* of a transcoder */
	struct bonding_manager_transcoder_info own;	/* as a transcoder */
	struct bonding_manager_transcoder_info to;	/* of `other`, else of delegate, else zero */
	struct stake_lock *locks;	/* that there are; owned */
	size_t n_locks;
	uint64_t unseen;		/* ids below this were not looked at */
};
/* Three batches.  other: a delegate that is thought of, or NULL.  Exit code; stake_fini also
 * after a failure. */
int stake_read(struct cli *c, struct stake *s, const struct eth_addr *who, const struct eth_addr *other,
	       struct err *err);
void stake_fini(struct stake *s);

const struct stake_lock *stake_lock_find(const struct stake *s, uint64_t id);	/* NULL: none */
/* Nothing can slash it any more. */
bool lock_is_safe(const struct stake *s, const struct stake_lock *l);
/* It can be withdrawn, or its move completed: judged at the newest block, as a simulation is. */
bool lock_is_ripe(const struct stake *s, const struct stake_lock *l);
/* "now", "from block 901 (in about 3 min)", when it is ripe. */
char *lock_when(char to[160], const struct stake *s, const struct stake_lock *l);
/* What speaks against the delegate `to`, as in "it ...", or NULL. */
const char *delegate_flaw(const struct stake *s);
/* A lock's number on the command line.  Exit code. */
int lock_id_arg(uint64_t *id, const char *text, struct err *err);
/* The lock of that number, which is there.  Exit code 3 with words. */
int stake_must_have_lock(const struct stake *s, const struct stake_lock **l, uint64_t id, struct err *err);

#endif
