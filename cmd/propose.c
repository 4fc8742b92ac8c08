/* lpnode propose: a change of parameters, or any call, is put to the vote. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/treasury.h"
#include "cmd/call_text.h"
#include "cmd/cli_internal.h"
#include "cmd/commands.h"
#include "cmd/draft.h"
#include "cmd/proposal.h"

typedef unsigned long long ull;

#define GROUP "Governance"

#define AT(f) offsetof(struct draft_opts, f)
static const struct opt propose_opts[] = {
	{ "description", OPT_STRING, AT(description), NULL, 0, 0, "Proposal", "TEXT", "why; all voters read it" },
	{ "target", OPT_STRING, AT(target), NULL, 0, 0, "Proposal", "ADDRESS|CONTRACT",
	  "a call of any kind, in place of parameters: to this contract" },
	{ "calldata", OPT_STRING, AT(calldata), NULL, 0, 0, "Proposal", "0xHEX", "with these bytes" },
	{ "value", OPT_STRING, AT(value), "0", 0, 0, "Proposal", "AMOUNT", "and so much of the Treasury's ETH" },
	{ "unchecked", OPT_BOOL, AT(unchecked), "false", 0, 0, "Proposal", NULL,
	  "propose although a call would fail if it were made now" },
};

/* As the Governor takes it: lists that lie side by side. */
struct lists {
	struct eth_addr to[DRAFT_ACTIONS_MAX];
	struct u256 values[DRAFT_ACTIONS_MAX];
	struct bind_bytes data[DRAFT_ACTIONS_MAX];
};

static void lists_of(struct lists *l, const struct draft *d)
{
	size_t i;

	for (i = 0; i < d->n; i++) {
		l->to[i] = d->a[i].to;
		l->values[i] = d->a[i].value;
		l->data[i] = (struct bind_bytes){ d->a[i].data.data, d->a[i].data.len };
	}
}

struct rules {
	struct u256 threshold, votes;		/* needed, and had, to propose */
	uint64_t delay, period;			/* rounds */
	struct u256 min_delay;			/* seconds */
	uint64_t quorum_percent;
};

static int read_rules(struct cli *c, struct rules *k, struct draft *d, const struct lists *l, uint64_t round,
		      struct err *err)
{
	struct livepeer_governor_proposal_threshold threshold;
	struct livepeer_governor_quorum_numerator_2 quorum;
	struct livepeer_governor_voting_period period;
	struct livepeer_governor_voting_delay delay;
	struct livepeer_governor_hash_proposal id;
	struct livepeer_governor_get_votes votes;
	struct treasury_get_min_delay min_delay;
	const enum chain_contract g = CONTRACT_LIVEPEER_GOVERNOR;
	struct u256 before = u256_of(round ? round - 1 : 0);
	struct cli_reads reads = { 0 };
	int rc;

	livepeer_governor_proposal_threshold_call(cli_read(&reads, c, g));
	livepeer_governor_get_votes_call(cli_read(&reads, c, g), &c->account, &before);
	livepeer_governor_voting_delay_call(cli_read(&reads, c, g));
	livepeer_governor_voting_period_call(cli_read(&reads, c, g));
	livepeer_governor_quorum_numerator_2_call(cli_read(&reads, c, g));
	treasury_get_min_delay_call(cli_read(&reads, c, CONTRACT_TREASURY));
	livepeer_governor_hash_proposal_call(cli_read(&reads, c, g), l->to, d->n, l->values, d->n, l->data, d->n,
					     &d->description_hash);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && (CLI_DECODE(livepeer_governor_proposal_threshold, &threshold, reads, 0, err) < 0 ||
			CLI_DECODE(livepeer_governor_get_votes, &votes, reads, 1, err) < 0 ||
			CLI_DECODE(livepeer_governor_voting_delay, &delay, reads, 2, err) < 0 ||
			CLI_DECODE(livepeer_governor_voting_period, &period, reads, 3, err) < 0 ||
			CLI_DECODE(livepeer_governor_quorum_numerator_2, &quorum, reads, 4, err) < 0 ||
			CLI_DECODE(treasury_get_min_delay, &min_delay, reads, 5, err) < 0 ||
			CLI_DECODE(livepeer_governor_hash_proposal, &id, reads, 6, err) < 0 ||
			!u256_to_u64(&k->delay, &delay.value) || !u256_to_u64(&k->period, &period.value) ||
			!u256_to_u64(&k->quorum_percent, &quorum.value)))
		rc = cli_strange(err);
	cli_reads_fini(&reads);
	if (rc != 0)
		return rc;
	k->threshold = threshold.value;
	k->votes = votes.value;
	k->min_delay = min_delay.value;
	d->id = id.value;
	return 0;
}

/* The same calls with the same words are the same proposal. */
static int check_new(struct cli *c, const struct draft *d, struct err *err)
{
	struct livepeer_governor_state state;
	struct cli_reads reads = { 0 };
	char id[U256_DEC_MAX];
	int rc;

	livepeer_governor_state_call(cli_read(&reads, c, CONTRACT_LIVEPEER_GOVERNOR), &d->id);
	rc = cli_read_all(c, &reads, true, err);
	if (rc == 0 && reads.r[0].result && CLI_DECODE(livepeer_governor_state, &state, reads, 0, err) == 0 &&
	    state.value < N_PROPOSAL_STATES) {
		u256_fmt_dec(id, &d->id);
		rc = cli_no(err, "just this was proposed already, and is %s: %s",
			    proposal_state_name((enum proposal_state)state.value), id);
	}
	cli_reads_fini(&reads);
	return rc;
}

static int check_votes(const struct rules *k, uint64_t round, struct err *err)
{
	char need[100], have[100];

	if (u256_cmp(&k->votes, &k->threshold) >= 0)
		return 0;
	return cli_no(err, "who proposes needs %s of votes, you had %s in round %llu: votes are all that is bonded to an "
		      "active transcoder", cli_fmt_amount(need, &k->threshold, UNIT_LPT),
		      cli_fmt_amount(have, &k->votes, UNIT_LPT), (ull)round - 1);
}

static void say_action(struct cli_plan *plan, const struct cli *c, const struct draft *d, const struct draft_action *a)
{
	char now[120], then[120];
	struct buf b;
	size_t i;

	buf_init(&b, 4 * DRAFT_DATA_MAX);
	call_text(&b, c, &a->to, &a->value, a->data.data, a->data.len);
	cli_plan_say(plan, "  %s", buf_cstr(&b));
	buf_fini(&b);
	for (i = 0; a->param && i < n_params; i++) {
		if (d->given[i] && params[i].contract == a->contract && strcmp(params[i].setter, a->param->setter) == 0)
			cli_plan_say(plan, "    %s: %s -> %s", params[i].name, param_fmt(now, &params[i], &d->now[i]),
				     param_fmt(then, &params[i], &d->then[i]));
	}
}

static void say_description(struct cli_plan *plan, const char *text)
{
	struct buf b;

	buf_init(&b, 2 * DRAFT_DESCRIPTION_MAX);
	cli_add_clean(&b, text, true);
	cli_plan_say(plan, "%s", buf_cstr(&b));
	buf_fini(&b);
}

static void say_proposal(struct cli_plan *plan, const struct cli *c, const struct draft *d, const struct rules *k,
			 const struct round_now *r)
{
	static const struct param seconds = { .unit = PARAM_SECONDS };
	uint64_t snapshot = r->round + k->delay;
	char from[120], until[120], votes[100], need[100], delay[120];
	size_t i;

	say_description(plan, d->description);
	cli_plan_say(plan, "You propose that the Treasury calls, all or nothing:");
	for (i = 0; i < d->n; i++)
		say_action(plan, c, d, &d->a[i]);
	cli_plan_say(plan, "Stakes of round %llu vote, from %s", (ull)snapshot, round_when(from, r, snapshot + 1));
	cli_plan_say(plan, "until %s begins.", round_when(until, r, snapshot + k->period + 1));
	cli_plan_say(plan, "Adopted with more for than against, when for and abstaining are %llu%% of the active stake.",
		     (ull)k->quorum_percent);
	cli_plan_say(plan, "Then anyone may queue it, and execute it %s later.", param_fmt(delay, &seconds, &k->min_delay));
	cli_plan_say(plan, "It costs nothing but gas.  You had %s of votes in round %llu, %s are needed.",
		     cli_fmt_amount(votes, &k->votes, UNIT_LPT), (ull)r->round - 1,
		     cli_fmt_amount(need, &k->threshold, UNIT_LPT));
}

static int send_proposal(struct cli *c, const struct draft *d, const struct lists *l, const struct rules *k,
			 const struct round_now *r, struct err *err)
{
	struct livepeer_governor_proposal_created_event e;
	struct eth_receipt receipt = { 0 };
	struct cli_plan plan = { 0 };
	const struct eth_log *log;
	struct cli_plan_tx *tx;
	char key[90], id[U256_DEC_MAX];
	struct u256 made;
	int rc;

	u256_fmt_dec(id, &d->id);
	snprintf(key, sizeof(key), "propose/%s", id);
	tx = cli_plan_add(&plan, c, CONTRACT_LIVEPEER_GOVERNOR, key, "propose %.12s..., %zu call%s", id, d->n,
			  d->n == 1 ? "" : "s");
	livepeer_governor_propose_call(&tx->data, l->to, d->n, l->values, d->n, l->data, d->n, d->description);
	say_proposal(&plan, c, d, k, r);
	rc = cli_send(c, &plan, &receipt, err);
	if (rc == 0) {
		log = receipt_event(&receipt, c, CONTRACT_LIVEPEER_GOVERNOR, livepeer_governor_proposal_created_topic(), 0);
		rc = log && livepeer_governor_proposal_created_event_read(&e, log, err) == 0 ? 0 : cli_strange(err);
	}
	if (rc == 0) {
		made = e.proposal_id;
		livepeer_governor_proposal_created_event_fini(&e);
		rc = proposal_tell(c, &made, err);
	}
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

static int propose(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct draft *d = xcalloc(1, sizeof(*d));
	struct lists l;
	struct round_now r;
	struct rules k = { 0 };
	int rc;

	rc = draft_read(d, c, args, n_args, opts, err);
	if (rc == 0)
		rc = draft_check(c, d, err);
	if (rc == 0)
		rc = draft_simulate(c, d, opts, err);
	if (rc == 0)
		rc = round_read(c, &r, err);
	lists_of(&l, d);
	if (rc == 0)
		rc = read_rules(c, &k, d, &l, r.round, err);
	if (rc == 0)
		rc = check_votes(&k, r.round, err);
	if (rc == 0)
		rc = check_new(c, d, err);
	if (rc == 0)
		rc = send_proposal(c, d, &l, &k, &r, err);
	draft_fini(d);
	free(d);
	return rc;
}

static const struct cli_command commands[] = {
	{ "propose", "NAME=VALUE... -description TEXT", "put a change of parameters, or any call, to the vote", GROUP, 0,
	  DRAFT_ACTIONS_MAX, CLI_KEY, propose_opts, sizeof(propose_opts) / sizeof(propose_opts[0]),
	  sizeof(struct draft_opts), propose },
};
const struct cli_commands propose_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
