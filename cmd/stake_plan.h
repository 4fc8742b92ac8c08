#ifndef LP_CMD_STAKE_PLAN_H
#define LP_CMD_STAKE_PLAN_H
#include "cmd/stake.h"

/* What plans about stake have in common: what must hold before, what is told after. */

/* AMOUNT of the command line.  Exit code. */
int stake_amount_arg(struct u256 *v, const char *text, const char *what, enum cli_unit unit, struct err *err);
/* --to and the like.  Exit code. */
int stake_addr_arg(const struct cli *c, struct eth_addr *a, const char *text, const char *what, struct err *err);
/* `to` may be bonded to by s->who: s->to is about it.  Exit code 3 with words. */
int stake_check_delegate(const struct stake *s, const struct eth_addr *to, struct err *err);
/* approve (exactly that much), where the allowance is less. */
void stake_plan_approve(const struct cli *c, struct cli_plan *plan, const struct stake *s, const struct u256 *amount);
/* What holds for stake that has just been bonded to `to`. */
void stake_say_bonded(struct cli_plan *plan, const struct stake *s, const struct eth_addr *to);

/* A plan that was sent or not; its receipts were zeroed before. */
void stake_plan_fini(struct cli_plan *plan, struct eth_receipt *receipts);
/* Reads anew and tells what the account has: bonded, delegate, LPT.  Exit code. */
int stake_tell(struct cli *c, struct err *err);
/* JSON only. */
void stake_json(struct cli *c, const char *name, json_t *value);
/* lock, withdrawRound, slashableUntil of a lock that was made.  Exit code. */
int stake_tell_lock(struct cli *c, const struct u256 *id, struct err *err);

#endif
