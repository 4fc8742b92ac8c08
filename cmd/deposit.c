/* lpnode deposit, withdraw-deposit. */
#include "cmd/deposit.h"

#include "base/err.h"
#include "bind/jobs_manager.h"
#include "cmd/args.h"
#include "cmd/commands.h"
#include "cmd/round.h"
#include "cmd/sent.h"
#include "cmd/tell.h"

#define GROUP "Broadcasters"

int deposit_read(struct cli *c, struct u256 *deposit, struct err *err)
{
	struct jobs_manager_broadcasters d;
	struct cli_reads reads = { 0 };
	int rc;

	jobs_manager_broadcasters_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER), &c->account);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && CLI_DECODE(jobs_manager_broadcasters, &d, reads, 0, err) < 0)
		rc = 1;
	if (rc == 0)
		*deposit = d.value;
	cli_reads_fini(&reads);
	return rc;
}

void deposit_tell(struct cli *c, const struct u256 *deposit)
{
	char a[100];

	cli_field(c, "deposit", cli_json_amount(deposit), "deposit", "%s", cli_fmt_amount(a, deposit, UNIT_ETH));
}

int deposit_must_cover(const struct u256 *deposit, const struct u256 *added, const struct u256 *escrow,
		       struct err *err)
{
	char a[100], b[100], x[100];
	struct u256 have, missing;

	if (!u256_add(&have, deposit, added))
		return cli_wrong(err, "-deposit: more than there is");
	if (u256_cmp(&have, escrow) >= 0)
		return 0;
	u256_sub(&missing, escrow, &have);
	return cli_no(err, "an escrow of %s needs %s more than the deposit of %s: add --deposit \"%s\"",
		      fmt_eth(a, escrow), cli_fmt_exact(b, &missing, UNIT_ETH),
		      fmt_eth(x, &have), b);
}

/* ---- the commands ---- */

static int run_deposit(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX];
	char a[100], b[100], d[100], key[JOURNAL_KEY_MAX];
	struct u256 amount, before, after;
	struct cli_plan plan = { 0 };
	struct cli_plan_tx *tx;
	int rc = amount_arg(&amount, args[0], "AMOUNT", UNIT_ETH, err);

	if (rc == 0 && u256_is_zero(&amount))
		rc = cli_wrong(err, "AMOUNT: nothing to deposit; write it like 0.5 ETH");
	if (rc == 0)
		rc = deposit_read(c, &before, err);
	if (rc != 0)
		return rc;
	if (!u256_add(&after, &before, &amount))
		return cli_wrong(err, "AMOUNT: more than there is");
	snprintf(key, sizeof(key), "deposit/%s", cli_fmt_exact(a, &amount, UNIT_ETH));
	tx = cli_plan_add(&plan, c, CONTRACT_JOBS_MANAGER, key, "deposit %s", cli_fmt_exact(a, &amount, UNIT_ETH));
	tx->value = amount;
	jobs_manager_deposit_call(&tx->data);
	cli_plan_say(&plan, "%s go from your account into your deposit, at once; jobs take their escrow out of it.",
		     cli_fmt_exact(a, &amount, UNIT_ETH));
	cli_plan_say(&plan, "deposit: %s now, %s afterwards; `lpnode withdraw-deposit` takes back what is in no escrow",
		     fmt_eth(b, &before), fmt_eth(d, &after));
	rc = cli_send(c, &plan, receipts, err);
	if (rc == 0)
		rc = deposit_read(c, &after, err);
	if (rc == 0) {
		json_field(c, "deposited", cli_json_amount(&amount));
		deposit_tell(c, &after);
	}
	sent_fini(&plan, receipts);
	return rc;
}

static int run_withdraw(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct eth_receipt receipts[CLI_PLAN_MAX];
	struct jobs_manager_withdraw_event e;
	struct cli_plan plan = { 0 };
	const struct eth_log *log;
	struct u256 deposit;
	char a[100];
	int rc = deposit_read(c, &deposit, err);

	if (rc == 0 && u256_is_zero(&deposit))
		rc = cli_no(err, "the deposit is empty; what jobs have in escrow comes back by `lpnode job refund JOB` "
			    "(lpnode job list)");
	if (rc != 0)
		return rc;
	jobs_manager_withdraw_call(&cli_plan_add(&plan, c, CONTRACT_JOBS_MANAGER, "withdraw-deposit",
						 "withdraw the deposit of %s",
						 cli_fmt_exact(a, &deposit, UNIT_ETH))->data);
	cli_plan_say(&plan, "%s, all of your deposit, go back to your account at once; escrows of jobs stay where "
		     "they are.", cli_fmt_exact(a, &deposit, UNIT_ETH));
	rc = cli_send(c, &plan, receipts, err);
	if (rc == 0) {
		log = sent_event(c, &plan, receipts, jobs_manager_withdraw_topic(), err);
		if (!log || jobs_manager_withdraw_event_read(&e, log, err) < 0)
			rc = 1;
		else
			cli_field(c, "withdrawn", cli_json_amount(&e.amount), "withdrawn", "%s",
				  cli_fmt_exact(a, &e.amount, UNIT_ETH));
	}
	if (rc == 0)
		rc = deposit_read(c, &deposit, err);
	if (rc == 0)
		deposit_tell(c, &deposit);
	sent_fini(&plan, receipts);
	return rc;
}

static const struct cli_command commands[] = {
	{ .name = "deposit", .args = "AMOUNT", .help = "add ETH to the deposit that jobs are paid out of", .group = GROUP,
	  .min_args = 1, .max_args = 1, .need = CLI_KEY, .run = run_deposit },
	{ .name = "withdraw-deposit", .args = "", .help = "take back what is in no job's escrow", .group = GROUP,
	  .need = CLI_KEY, .run = run_withdraw },
};
const struct cli_commands deposit_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
