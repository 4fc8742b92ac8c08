#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "cmd/earned.h"
#include "cmd/tell.h"

#define ROUNDING_WEI 1000

struct sums {
	struct u256 in, out;
};

/* Logs of the BondingManager with `who` as its place-th topic. */
static char *logs_params(const struct cli *c, const struct eth_addr *who, int place)
{
	char bonding[43], addr[43];

	eth_addr_fmt(bonding, &c->pin.contracts[CONTRACT_BONDING_MANAGER]);
	eth_addr_fmt(addr, who);
	return xasprintf("[{\"address\":\"%s\",\"fromBlock\":\"0x0\",\"toBlock\":\"0x%" PRIx64 "\",\"topics\":[null,null,%s"
			 "\"0x000000000000000000000000%s\"]}]", bonding, c->head.number, place == 3 ? "null," : "", addr + 2);
}

static bool is_topic(const struct eth_log *l, const struct hash32 *topic)
{
	return l->n_topics > 0 && memcmp(l->topics[0].b, topic->b, sizeof(topic->b)) == 0;
}

/* The delegator is the second indexed field of these ... */
static int add_second(struct sums *s, const struct eth_log *l, struct err *err)
{
	struct bonding_manager_move_completed_event moved;
	struct bonding_manager_unbond_event unbond;
	struct bonding_manager_rebond_event rebond;

	if (is_topic(l, bonding_manager_unbond_topic()))
		return bonding_manager_unbond_event_read(&unbond, l, err) == 0 && u256_add(&s->out, &s->out, &unbond.amount) ?
		       0 : -1;
	if (is_topic(l, bonding_manager_rebond_topic()))
		return bonding_manager_rebond_event_read(&rebond, l, err) == 0 && u256_add(&s->in, &s->in, &rebond.amount) ?
		       0 : -1;
	if (is_topic(l, bonding_manager_move_completed_topic()))
		return bonding_manager_move_completed_event_read(&moved, l, err) == 0 &&
		       u256_add(&s->in, &s->in, &moved.amount) ? 0 : -1;
	return 0;
}

/* ... and the third of these. */
static int add_third(struct sums *s, const struct eth_log *l, struct err *err)
{
	struct bonding_manager_move_started_event moved;
	struct bonding_manager_bond_event bond;

	if (is_topic(l, bonding_manager_bond_topic()))
		return bonding_manager_bond_event_read(&bond, l, err) == 0 &&
		       u256_add(&s->in, &s->in, &bond.additional_amount) ? 0 : -1;
	if (is_topic(l, bonding_manager_move_started_topic()))
		return bonding_manager_move_started_event_read(&moved, l, err) == 0 &&
		       u256_add(&s->out, &s->out, &moved.amount) ? 0 : -1;
	return 0;
}

static int add_logs(struct sums *s, const struct rpc_reply *r, int (*add)(struct sums *, const struct eth_log *, struct err *))
{
	struct eth_logs logs = { 0 };
	struct err err;
	size_t i;
	int rc = r->result ? rpc_logs(&logs, r->result, &err) : -1;

	for (i = 0; i < logs.n && rc == 0; i++)
		rc = add(s, &logs.l[i], &err);
	eth_logs_fini(&logs);
	return rc;
}

static int read_sums(struct cli *c, struct sums *sums, const struct eth_addr *who)
{
	char *second = logs_params(c, who, 2), *third = logs_params(c, who, 3);
	struct rpc_call calls[2] = { { "eth_getLogs", second }, { "eth_getLogs", third } };
	struct rpc_reply r[2];
	struct err err;
	int rc = cli_rpc(c, calls, 2, r, &err);

	*sums = (struct sums){ u256_zero, u256_zero };
	if (rc == 0 && (add_logs(sums, &r[0], add_second) < 0 || add_logs(sums, &r[1], add_third) < 0))
		rc = 1;
	rpc_reply_fini(&r[0]);
	rpc_reply_fini(&r[1]);
	free(second);
	free(third);
	return rc;
}

void earned_tell(struct cli *c, const struct stake *s)
{
	struct u256 had, earned = u256_zero, lost = u256_zero, rounding = u256_of(ROUNDING_WEI);
	struct sums sums;
	char a[100];

	if (read_sums(c, &sums, &s->who) != 0 || !u256_add(&had, &s->bonded, &sums.out)) {
		json_field(c, "lost", json_null());
		cli_field(c, "earned", json_null(), "earned", "not known: the endpoint gives no logs of so long ago");
		return;
	}
	/* The contracts round against who calls them, by a base unit or so: that is no loss. */
	if (!u256_sub(&earned, &had, &sums.in) && u256_sub(&lost, &sums.in, &had) && u256_cmp(&lost, &rounding) <= 0)
		lost = u256_zero;
	json_field(c, "earned", cli_json_amount(&earned));
	json_field(c, "lost", cli_json_amount(&lost));
	if (!u256_is_zero(&sums.in))
		cli_field(c, NULL, NULL, u256_is_zero(&lost) ? "earned" : "lost", "%s since it was first bonded",
			  cli_fmt_amount(a, u256_is_zero(&lost) ? &earned : &lost, UNIT_LPT));
}
