#ifndef LP_CMD_STAKE_PLAN_H
#define LP_CMD_STAKE_PLAN_H
#include "cmd/stake.h"

/* What plans about stake have in common: what must hold before, what is told after. */

/* `to` may be bonded to by s->who: s->to is about it.  Exit code 3 with words. */
int stake_check_delegate(const struct stake *s, const struct eth_addr *to, struct err *err);
/* approve (exactly that much), where the allowance is less. */
void stake_plan_approve(const struct cli *c, struct cli_plan *plan, const struct stake *s, const struct u256 *amount);
/* What holds for stake that has just been bonded to `to`. */
void stake_say_bonded(struct cli_plan *plan, const struct stake *s, const struct eth_addr *to);

/* Reads anew and tells what the account has: bonded, delegate, LPT.  Exit code. */
int stake_tell(struct cli *c, struct err *err);
/* lock, withdrawRound, slashableUntil of a lock that was made.  Exit code. */
int stake_tell_lock(struct cli *c, const struct u256 *id, struct err *err);

#endif
