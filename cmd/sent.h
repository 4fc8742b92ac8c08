#ifndef LP_CMD_SENT_H
#define LP_CMD_SENT_H
#include "cmd/cli.h"

/* A plan after cli_send: its receipts. */

/* Whatever came of it; an empty plan may not have been sent at all. */
void sent_fini(struct cli_plan *plan, struct eth_receipt *receipts);
/* The JobsManager's event in a plan's last transaction, which must be there: what the contract
 * did.  NULL with err. */
const struct eth_log *sent_event(const struct cli *c, const struct cli_plan *plan,
				 const struct eth_receipt *receipts, const struct hash32 *topic, struct err *err);

#endif
