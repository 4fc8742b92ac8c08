/* lpnode proposals, vote, queue, execute: what becomes of a proposal. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cmd/call_text.h"
#include "cmd/commands.h"
#include "cmd/param_read.h"
#include "cmd/proposal.h"

typedef unsigned long long ull;

#define GROUP "Governance"

/* ---- proposals ---- */

struct list_opts {
	bool all;
};
static const struct opt list_opts[] = {
	{ "all", OPT_BOOL, offsetof(struct list_opts, all), "false", 0, 0, "Proposals", NULL,
	  "also those proposed more than 60 rounds ago" },
};

static int list(struct cli *c, const struct list_opts *o, const struct round_now *r, struct err *err)
{
	json_t *all = json_array();
	struct proposals l;
	size_t older, i;
	int rc;

	rc = proposals_read(c, &l, o->all ? 0 : proposals_since(r), &older, err);
	if (rc != 0) {
		json_decref(all);
		return rc;
	}
	for (i = l.n; i-- > 0;) {
		proposal_show(c, &l.p[i], r);
		json_array_append_new(all, proposal_json(c, &l.p[i], r));
	}
	json_object_set_new(c->out, "proposals", all);
	json_object_set_new(c->out, "older", json_integer((json_int_t)older));
	if (l.n == 0)
		cli_say(c, "no proposals%s", o->all ? "" : " in the last 60 rounds; -all looks further back");
	if (older > 0)
		cli_say(c, "%zu older ones are not shown: the newest %d are", older, PROPOSALS_MAX);
	proposals_fini(&l);
	return 0;
}

static int proposals(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct round_now r;
	int rc = round_read(c, &r, err);

	if (rc != 0)
		return rc;
	return n_args == 0 ? list(c, opts, &r, err) : proposal_show_one(c, args[0], &r, err);
}

/* ---- vote ---- */

struct vote_opts {
	char *reason;
};
static const struct opt vote_opts[] = {
	{ "reason", OPT_STRING, offsetof(struct vote_opts, reason), NULL, 0, 0, "Vote", "TEXT", "told to everybody" },
};

static const char *const choices[] = { "against", "for", "abstain" };

static int parse_choice(uint64_t *support, const char *text, struct err *err)
{
	for (*support = 0; *support < 3; (*support)++) {
		if (strcmp(text, choices[*support]) == 0)
			return 0;
	}
	return cli_wrong(err, "a vote cannot be \"%.40s\": write for, against or abstain", text);
}

static int may_vote(const struct cli *c, const struct proposal *p, const struct round_now *r, struct err *err)
{
	char words[300];

	if (p->voted)
		return cli_no(err, "you have voted on it already: a vote cannot be changed");
	if (p->state != PROPOSAL_ACTIVE)
		return cli_no(err, "it is not voted on now: %.150s", proposal_words(words, p, c, r));
	return 0;
}

static int read_weight(struct cli *c, struct u256 *weight, const struct proposal *p, struct err *err)
{
	struct livepeer_governor_get_votes votes;
	struct u256 round = u256_of(p->snapshot);
	struct cli_reads reads = { 0 };
	int rc;

	livepeer_governor_get_votes_call(cli_read(&reads, c, CONTRACT_LIVEPEER_GOVERNOR), &c->account, &round);
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && CLI_DECODE(livepeer_governor_get_votes, &votes, reads, 0, err) < 0)
		rc = 1;
	cli_reads_fini(&reads);
	if (rc != 0)
		return rc;
	*weight = votes.value;
	if (u256_is_zero(weight))
		return cli_no(err, "you have no votes on it: you were no active transcoder in round %llu, whose stakes vote",
			      (ull)p->snapshot);
	return 0;
}

static int tell_vote(struct cli *c, const struct eth_receipt *receipt, struct err *err)
{
	const struct eth_log *log =
		receipt_event(receipt, c, CONTRACT_LIVEPEER_GOVERNOR, livepeer_governor_vote_cast_topic(), 0);
	struct livepeer_governor_vote_cast_event e;
	struct u256 id;
	char text[100];

	if (!log || livepeer_governor_vote_cast_event_read(&e, log, err) < 0)
		return cli_strange(err);
	id = e.proposal_id;
	cli_field(c, "vote", json_string(e.support < 3 ? choices[e.support] : "?"), "your vote", "%s, %s",
		  e.support < 3 ? choices[e.support] : "?", cli_fmt_amount(text, &e.weight, UNIT_LPT));
	cli_field(c, "weight", cli_json_amount(&e.weight), NULL, " ");
	livepeer_governor_vote_cast_event_fini(&e);
	return proposal_tell(c, &id, err);
}

static int send_vote(struct cli *c, const struct proposal *p, uint64_t support, const char *reason,
		     const struct round_now *r, struct err *err)
{
	struct eth_receipt receipt = { 0 };
	struct cli_plan plan = { 0 };
	struct cli_plan_tx *tx;
	struct u256 weight;
	char key[100], text[100], words[300];
	int rc = read_weight(c, &weight, p, err);

	if (rc != 0)
		return rc;
	proposal_show(c, p, r);
	snprintf(key, sizeof(key), "vote/%s", p->id);
	tx = cli_plan_add(&plan, c, CONTRACT_LIVEPEER_GOVERNOR, key, "vote %s on proposal %.12s...", choices[support], p->id);
	if (reason)
		livepeer_governor_cast_vote_with_reason_call(&tx->data, &p->e.proposal_id, support, reason);
	else
		livepeer_governor_cast_vote_call(&tx->data, &p->e.proposal_id, support);
	cli_plan_say(&plan, "You vote %s with %s, all that was bonded to you in round %llu.", choices[support],
		     cli_fmt_amount(text, &weight, UNIT_LPT), (ull)p->snapshot);
	cli_plan_say(&plan, "It cannot be changed; %s.", proposal_words(words, p, c, r));
	rc = cli_send(c, &plan, &receipt, err);
	if (rc == 0)
		rc = tell_vote(c, &receipt, err);
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

static int vote(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct vote_opts *o = opts;
	struct proposals l;
	struct round_now r;
	uint64_t support;
	size_t i;
	int rc;

	rc = parse_choice(&support, args[1], err);
	if (rc == 0)
		rc = round_read(c, &r, err);
	if (rc == 0)
		rc = proposal_find(c, &l, &i, args[0], &r, err);
	if (rc != 0)
		return rc;
	rc = may_vote(c, &l.p[i], &r, err);
	if (rc == 0)
		rc = send_vote(c, &l.p[i], support, o->reason, &r, err);
	proposals_fini(&l);
	return rc;
}

/* ---- queue, execute ---- */

static int may_queue(const struct cli *c, const struct proposal *p, const struct round_now *r, struct err *err)
{
	char words[300];

	if (p->state == PROPOSAL_SUCCEEDED)
		return 0;
	if (p->state == PROPOSAL_QUEUED || p->state == PROPOSAL_EXECUTED)
		return cli_no(err, "it is in the queue already: %.150s", proposal_words(words, p, c, r));
	return cli_no(err, "only what was adopted can be queued: %.150s", proposal_words(words, p, c, r));
}

static int may_execute(const struct cli *c, const struct proposal *p, const struct round_now *r, struct err *err)
{
	char words[300];

	if (p->state == PROPOSAL_QUEUED && p->eta <= c->head.timestamp)
		return 0;
	if (p->state == PROPOSAL_SUCCEEDED)
		return cli_no(err, "it is adopted, but must wait in the queue first: lpnode queue %.12s", p->id);
	return cli_no(err, "it cannot be executed now: %.150s", proposal_words(words, p, c, r));
}

static bool is_call_of(const struct param *p, const struct u256 *values, const struct bind_bytes *call)
{
	struct buf b;
	bool is;

	buf_init(&b, 4096);
	param_set_call(&b, p, values, param_n_args(p));
	is = call->n >= 4 && memcmp(b.data, call->p, 4) == 0;
	buf_fini(&b);
	return is;
}

/* Is p set by one of its calls? */
static bool is_about(const struct proposal *p, const struct cli *c, const struct param *param, const struct u256 *values)
{
	size_t i;

	for (i = 0; i < p->e.n_targets; i++) {
		if (contract_at(c, &p->e.targets[i]) == param->contract &&
		    is_call_of(param, values, &p->e.calldatas[i]))
			return true;
	}
	return false;
}

/* The parameters that its calls are about, as they are now, before it is executed. */
static int say_params(struct cli *c, const struct proposal *p, struct cli_plan *plan, struct err *err)
{
	struct u256 values[PARAMS_MAX];
	char text[120];
	size_t k;
	int rc = param_read_all(c, values, err);

	for (k = 0; rc == 0 && k < n_params; k++) {
		if (is_about(p, c, &params[k], values))
			cli_plan_say(plan, "Now: %s %s.", params[k].name, param_fmt(text, &params[k], &values[k]));
	}
	return rc;
}

/* And after. */
static int tell_params(struct cli *c, const struct proposal *p, struct err *err)
{
	struct u256 values[PARAMS_MAX];
	json_t *all = json_object();
	char text[120];
	size_t k;
	int rc = param_read_all(c, values, err);

	for (k = 0; rc == 0 && k < n_params; k++) {
		if (!is_about(p, c, &params[k], values))
			continue;
		cli_field(c, NULL, NULL, params[k].name, "%s", param_fmt(text, &params[k], &values[k]));
		json_object_set_new(all, params[k].name, cli_json_amount(&values[k]));
	}
	json_object_set_new(c->out, "parameters", all);
	return rc;
}

static void plan_carry_out(struct cli *c, struct cli_plan *plan, const struct proposal *p, bool execute)
{
	const struct livepeer_governor_proposal_created_event *e = &p->e;
	struct cli_plan_tx *tx;
	char key[100];

	snprintf(key, sizeof(key), "%s/%s", execute ? "execute" : "queue", p->id);
	tx = cli_plan_add(plan, c, CONTRACT_LIVEPEER_GOVERNOR, key, "%s proposal %.12s...", execute ? "execute" : "queue",
			  p->id);
	(execute ? livepeer_governor_execute_call : livepeer_governor_queue_call)
		(&tx->data, e->targets, e->n_targets, e->values, e->n_values, e->calldatas, e->n_calldatas,
		 &p->description_hash);
	cli_plan_say(plan, execute ? "The Treasury makes its calls, all or nothing; they hold at once." :
				     "It waits in the Treasury's queue, and can be executed by anyone after that.");
}

static int carry_out(struct cli *c, const char *text, bool execute, struct err *err)
{
	struct eth_receipt receipt = { 0 };
	struct cli_plan plan = { 0 };
	struct proposals l;
	struct round_now r;
	size_t i;
	int rc;

	rc = round_read(c, &r, err);
	if (rc == 0)
		rc = proposal_find(c, &l, &i, text, &r, err);
	if (rc != 0)
		return rc;
	rc = execute ? may_execute(c, &l.p[i], &r, err) : may_queue(c, &l.p[i], &r, err);
	if (rc == 0) {
		proposal_show(c, &l.p[i], &r);
		plan_carry_out(c, &plan, &l.p[i], execute);
		rc = execute ? say_params(c, &l.p[i], &plan, err) : 0;
	}
	if (rc == 0)
		rc = cli_send(c, &plan, &receipt, err);
	if (rc == 0)
		rc = proposal_tell(c, &l.p[i].e.proposal_id, err);
	if (rc == 0 && execute)
		rc = tell_params(c, &l.p[i], err);
	proposals_fini(&l);
	cli_plan_fini(&plan);
	eth_receipt_fini(&receipt);
	return rc;
}

static int queue(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	return carry_out(c, args[0], false, err);
}

static int execute(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	return carry_out(c, args[0], true, err);
}

static const struct cli_command commands[] = {
	{ "proposals", "[PROPOSAL]", "proposals, their votes, and what is next", GROUP, 0, 1, CLI_CHAIN, list_opts, 1,
	  sizeof(struct list_opts), proposals },
	{ "vote", "PROPOSAL for|against|abstain [-reason TEXT]", "vote with all that is bonded to you", GROUP, 2, 2,
	  CLI_KEY, vote_opts, 1, sizeof(struct vote_opts), vote },
	{ "queue", "PROPOSAL", "queue what was adopted", GROUP, 1, 1, CLI_KEY, NULL, 0, 0, queue },
	{ "execute", "PROPOSAL", "make the calls of what was queued", GROUP, 1, 1, CLI_KEY, NULL, 0, 0, execute },
};
const struct cli_commands governance_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
