#include "cmd/sent.h"

#include "base/err.h"
#include "cmd/round.h"

void sent_fini(struct cli_plan *plan, struct eth_receipt *receipts)
{
	size_t i;

	for (i = 0; i < plan->n; i++)
		eth_receipt_fini(&receipts[i]);
	cli_plan_fini(plan);
}

const struct eth_log *sent_event(const struct cli *c, const struct cli_plan *plan,
				 const struct eth_receipt *receipts, const struct hash32 *topic, struct err *err)
{
	const struct eth_log *l = receipt_event(&receipts[plan->n - 1], c, CONTRACT_JOBS_MANAGER, topic, 0);

	if (!l)
		err_set(err, ERR_INVALID, "the receipt does not have the event that was expected");
	return l;
}
