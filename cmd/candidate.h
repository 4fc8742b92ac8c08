#ifndef LP_CMD_CANDIDATE_H
#define LP_CMD_CANDIDATE_H
#include "bind/bonding_manager.h"
#include "cmd/round.h"

/* All that the commands of a transcoder decide by, of one address at one time. */
struct candidate {
	struct round_now r;
	struct eth_addr who;
	struct bonding_manager_transcoder_info info;	/* rates: next round's, and later ones */
	struct bonding_manager_entry now, next;		/* in force in this round, in the next */
	struct u256 bonded;			/* its own, to `delegate` */
	struct eth_addr delegate;
	struct u256 lpt, allowance;		/* of the token; for the BondingManager */
	/* parameters */
	struct u256 min_stake;
	uint64_t slashable_blocks, unbonding_rounds, missed_rounds, missed_perc, grace_rounds;
	/* the pool */
	uint64_t pool_size, pool_max, waiting;
	struct eth_addr smallest;		/* of the pool; zero: it is empty */
	struct u256 smallest_stake;
	struct eth_addr cheapest;		/* of all other candidates; zero: there is none */
	uint64_t cheapest_price;
	struct u256 active_stake, mintable, minted;
};
/* Two batches.  Exit code. */
int candidate_read(struct cli *c, struct candidate *s, const struct eth_addr *who, struct err *err);
/* The account itself, which is about to change something: exit code 3 when it is no transcoder, or the
 * round is not open. */
int candidate_read_own(struct cli *c, struct candidate *s, struct err *err);

bool candidate_is_bonded_to_itself(const struct candidate *s);
/* Would this much stake be in the pool next round? */
bool candidate_has_place(const struct candidate *s, const struct u256 *stake);

/* Where it stands with this much stake: in the pool, in whose place, or on the waiting list. */
void candidate_say_place(struct cli_plan *plan, const struct candidate *s, const struct u256 *stake);
/* Its stake as fields. */
void candidate_show_stake(struct cli *c, const struct candidate *s);
/* Stake and place of the account, as they are now.  Exit code. */
int candidate_tell(struct cli *c, struct err *err);

#endif
