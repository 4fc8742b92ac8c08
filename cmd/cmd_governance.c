/* lpnode propose, proposals, vote, queue, execute: how parameters change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "bind/jobs_manager.h"
#include "bind/treasury.h"
#include "cmd/call_text.h"
#include "cmd/cli_internal.h"
#include "cmd/commands.h"
#include "cmd/param_read.h"
#include "cmd/proposal.h"

typedef unsigned long long ull;

#define GROUP "Governance"
#define ACTIONS_MAX 32		/* calls of a proposal */
#define ARGS_MAX 8		/* of a setter */
#define DATA_MAX (64 * 1024)
#define DESCRIPTION_MAX 8192

/* ---- propose: what ---- */

struct action {
	enum chain_contract contract;	/* N_CHAIN_CONTRACTS: none of ours */
	struct eth_addr to;
	struct u256 value;
	struct buf data;
	const struct param *param;	/* one of the setter's; NULL: a call as given */
	struct u256 args[ARGS_MAX];
};

struct draft {
	struct action a[ACTIONS_MAX];
	size_t n;
	bool given[PARAMS_MAX];		/* named on the command line */
	struct u256 now[PARAMS_MAX], then[PARAMS_MAX];
	const char *description;
	/* of a draft that is whole */
	struct u256 id;
	struct hash32 description_hash;
};

struct propose_opts {
	char *description, *target, *calldata, *value;
	bool unchecked;
};
#define AT(f) offsetof(struct propose_opts, f)
static const struct opt propose_opts[] = {
	{ "description", OPT_STRING, AT(description), NULL, 0, 0, "Proposal", "TEXT", "why; all voters read it" },
	{ "target", OPT_STRING, AT(target), NULL, 0, 0, "Proposal", "ADDRESS|CONTRACT",
	  "a call of any kind, in place of parameters: to this contract" },
	{ "calldata", OPT_STRING, AT(calldata), NULL, 0, 0, "Proposal", "0xHEX", "with these bytes" },
	{ "value", OPT_STRING, AT(value), "0", 0, 0, "Proposal", "AMOUNT", "and so much of the Treasury's ETH" },
	{ "unchecked", OPT_BOOL, AT(unchecked), "false", 0, 0, "Proposal", NULL,
	  "propose although a call would fail if it were made now" },
};

static void draft_fini(struct draft *d)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		buf_fini(&d->a[i].data);
	free(d);
}

/* The call of p's setter, begun with what its other arguments are now. */
static struct action *action_of(struct draft *d, const struct cli *c, const struct param *p)
{
	const struct param *other;
	struct action *a;
	unsigned k;
	size_t i;

	for (i = 0; i < d->n; i++) {
		if (d->a[i].contract == p->contract && d->a[i].param && strcmp(d->a[i].param->setter, p->setter) == 0)
			return &d->a[i];
	}
	if (d->n == ACTIONS_MAX || param_n_args(p) > ARGS_MAX)
		return NULL;
	a = &d->a[d->n++];
	*a = (struct action){ .contract = p->contract, .to = c->pin.contracts[p->contract], .param = p };
	buf_init(&a->data, DATA_MAX);
	for (k = 0; k < param_n_args(p); k++) {
		other = param_of_setter(p->contract, p->setter, k);
		a->args[k] = d->now[other - params];
	}
	return a;
}

/* "roundLength=60" */
static int add_change(struct draft *d, const struct cli *c, const char *text, struct err *err)
{
	const char *equals = strchr(text, '='), *nearest;
	const struct param *p;
	struct action *a;
	char name[60];
	size_t len;

	len = equals ? (size_t)(equals - text) : strlen(text);
	if (!equals || len == 0 || len >= sizeof(name))
		return cli_wrong(err, "\"%.60s\" is no change: write NAME=VALUE, like roundLength=60", text);
	memcpy(name, text, len);
	name[len] = 0;
	p = param_find(name, &nearest);
	if (!p)
		return cli_wrong(err, "there is no parameter %s%s%s%s lpnode protocol lists them", name,
				 nearest ? "; did you mean " : ":", nearest ? nearest : "", nearest ? "?" : "");
	if (d->given[p - params])
		return cli_wrong(err, "%s is given twice", p->name);
	if (param_parse(&d->then[p - params], p, equals + 1, err) < 0)
		return 2;
	d->given[p - params] = true;
	a = action_of(d, c, p);
	if (!a)
		return cli_wrong(err, "too many changes: a proposal makes %d calls", ACTIONS_MAX);
	a->args[p->arg] = d->then[p - params];
	return 0;
}

static int parse_target(struct action *a, const struct cli *c, const char *text, struct err *err)
{
	int i;

	for (i = 0; i < N_CHAIN_CONTRACTS; i++) {
		if (strcmp(text, chain_contract_name((enum chain_contract)i)) == 0 &&
		    !eth_addr_is_zero(&c->pin.contracts[i])) {
			a->to = c->pin.contracts[i];
			return 0;
		}
	}
	if (cli_addr(c, &a->to, text, err) < 0)
		return cli_wrong(err, "-target=%.60s: write a contract's address, or its name as lpnode protocol lists it",
				 text);
	return 0;
}

/* -target, -calldata, -value */
static int add_raw(struct draft *d, const struct cli *c, const struct propose_opts *o, struct err *err)
{
	const char *hex = o->calldata ? o->calldata : "0x";
	struct action *a = &d->a[0];
	size_t n;

	d->n = 1;
	buf_init(&a->data, DATA_MAX);
	n = strncmp(hex, "0x", 2) == 0 && strlen(hex) % 2 == 0 ? (strlen(hex) - 2) / 2 : SIZE_MAX;
	if (n > DATA_MAX || !buf_reserve(&a->data, n + 1) || hex_parse(a->data.data, n, hex) < 0)
		return cli_wrong(err, "-calldata must be 0x and an even number of hex digits, at most %d bytes", DATA_MAX);
	a->data.len = n;
	if (cli_amount(&a->value, o->value, UNIT_ETH, err) < 0) {
		err_wrap(err, "-value");
		return 2;
	}
	if (parse_target(a, c, o->target, err) != 0)
		return 2;
	a->contract = contract_at(c, &a->to);
	return 0;
}

static int check_words(const struct propose_opts *o, size_t n_args, struct err *err)
{
	if (o->target && n_args > 0)
		return cli_wrong(err, "give changes or -target and -calldata, not both");
	if (!o->target && n_args == 0)
		return cli_wrong(err, "say what changes: lpnode propose roundLength=60 -description TEXT");
	if (!o->target && (o->calldata || strcmp(o->value, "0") != 0))
		return cli_wrong(err, "-calldata and -value need -target");
	if (!o->description || !o->description[strspn(o->description, " \t\n")])
		return cli_wrong(err, "-description is missing: say why, voters read it");
	if (strlen(o->description) > DESCRIPTION_MAX)
		return cli_wrong(err, "-description has %zu bytes, at most %d", strlen(o->description), DESCRIPTION_MAX);
	return 0;
}

static int read_draft(struct draft *d, struct cli *c, char **args, size_t n_args, const struct propose_opts *o,
		      struct err *err)
{
	size_t i;
	int rc = check_words(o, n_args, err);

	if (rc == 0 && o->target)
		rc = add_raw(d, c, o, err);
	if (rc == 0 && !o->target)
		rc = param_read_all(c, d->now, err);
	for (i = 0; rc == 0 && i < n_args; i++)
		rc = add_change(d, c, args[i], err);
	for (i = 0; rc == 0 && i < d->n; i++) {
		if (d->a[i].param)
			param_set_call(&d->a[i].data, d->a[i].param, d->a[i].args, param_n_args(d->a[i].param));
	}
	d->description = o->description;
	if (rc == 0)
		d->description_hash = hash_keccak256(o->description, strlen(o->description));
	return rc;
}

/* ---- propose: may it be ---- */

static const struct u256 *then_of(const struct draft *d, const char *name)
{
	size_t i = (size_t)(param_find(name, NULL) - params);

	return d->given[i] ? &d->then[i] : &d->now[i];
}

/* No more equal answers can be asked for than are given. */
static int check_quorum(const struct draft *d, const char *quorum, const char *draws, struct err *err)
{
	char need[120], have[120];
	const struct param *q = param_find(quorum, NULL);

	if (u256_cmp(then_of(d, quorum), then_of(d, draws)) <= 0)
		return 0;
	return cli_no(err, "%s would be %s, of a %s of %s: at most as many", quorum, param_fmt(need, q, then_of(d, quorum)),
		      draws, param_fmt(have, q, then_of(d, draws)));
}

/* What no simulation tells in words. */
static int check_values(const struct draft *d, struct err *err)
{
	bool changes = d->a[0].param == NULL;
	const struct param *p;
	char text[120];
	size_t i;

	for (i = 0; i < n_params; i++) {
		p = &params[i];
		if (!d->given[i])
			continue;
		if (u256_cmp(&d->then[i], &d->now[i]) != 0)
			changes = true;
		if (strcmp(p->name, "numActiveTranscoders") == 0 && u256_cmp(&d->then[i], &d->now[i]) <= 0)
			return cli_no(err, "%s is %s and can only be raised", p->name, param_fmt(text, p, &d->now[i]));
	}
	if (!changes)
		return cli_no(err, "nothing would change: that is how it is");
	if (d->a[0].param && check_quorum(d, "quorum", "committee", err) != 0)
		return 3;
	return d->a[0].param ? check_quorum(d, "juryQuorum", "juryDraws", err) : 0;
}

/* A vote is the Treasury's word: is it what the contract listens to? */
static int check_owner(struct cli *c, const struct draft *d, struct err *err)
{
	struct param_owner o;
	char addr[43];
	size_t i;
	int rc = param_read_owner(c, &o, err);

	if (rc != 0 || o.is_vote)
		return rc;
	eth_addr_fmt(addr, &o.owner);
	for (i = 0; i < d->n; i++) {
		if (d->a[i].param && !param_is_voted(d->a[i].param, &o))
			return cli_no(err, "a vote cannot change %s: the Controller belongs to %s, not to the Treasury",
				      d->a[i].param->name, addr);
	}
	return 0;
}

/* Setters whose values must leave time for all claims to be final: JobsManager.finality. */
static bool is_about_finality(const struct action *a)
{
	static const char *const setters[] = { "setSlashablePeriod", "setClaimPeriod", "setVerificationPeriods",
					       "setPeriods" };
	size_t i;

	for (i = 0; a->param && i < sizeof(setters) / sizeof(setters[0]); i++) {
		if (strcmp(a->param->setter, setters[i]) == 0)
			return true;
	}
	return false;
}

static int explain_finality(struct cli *c, const struct draft *d, const struct action *a, struct err *err)
{
	struct cli_reads reads = { 0 };
	struct jobs_manager_finality f;
	char now[120], then[120];
	const struct param *p = param_find("slashablePeriod", NULL);
	int rc;

	jobs_manager_finality_call(cli_read(&reads, c, CONTRACT_JOBS_MANAGER));
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && CLI_DECODE(jobs_manager_finality, &f, reads, 0, err) < 0)
		rc = 1;
	cli_reads_fini(&reads);
	if (rc != 0)
		return rc;
	return cli_no(err, "%s would fail: slashablePeriod (%s) must cover claim, verification, verdicts and appeals, "
		      "which are %s now", a->param->setter, param_fmt(then, p, then_of(d, p->name)),
		      param_fmt(now, p, &f.value));
}

/* Made by the Treasury now, would it fail?  The Governor's own setters can be tried only in a vote. */
static int simulate(struct cli *c, const struct draft *d, const struct action *a, struct err *err)
{
	struct cli_plan_tx tx = { .to = a->to, .value = a->value, .data = a->data };
	struct rpc_call call = { .method = "eth_call" };
	struct rpc_reply reply = { 0 };
	struct buf params_text, what;
	int rc;

	if (a->contract == CONTRACT_LIVEPEER_GOVERNOR)
		return 0;
	buf_init(&params_text, 4 * DATA_MAX);
	buf_add_str(&params_text, "[");
	cli_add_call(&params_text, &c->pin.contracts[CONTRACT_TREASURY], &tx);
	buf_add_str(&params_text, ",\"latest\"]");
	call.params = buf_cstr(&params_text);
	rc = cli_rpc(c, &call, 1, &reply, err);
	if (rc == 0 && !reply.result) {
		buf_init(&what, 256);
		buf_addf(&what, "%s would fail", a->param ? a->param->setter : "the call");
		rc = cli_refused(&reply, buf_cstr(&what), err);
		if (rc == 3 && is_about_finality(a))
			rc = explain_finality(c, d, a, err);
		buf_fini(&what);
	}
	rpc_reply_fini(&reply);
	buf_fini(&params_text);
	return rc;
}

static int simulate_all(struct cli *c, const struct draft *d, const struct propose_opts *o, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < d->n && !o->unchecked; i++)
		rc = simulate(c, d, &d->a[i], err);
	/* One of several may need what another sets. */
	if (rc == 3 && d->n > 1 && strlen(err->msg) + 60 < sizeof(err->msg))
		strcat(err->msg, "; if an earlier change makes it work, add -unchecked");
	return rc;
}

/* ---- propose: sending ---- */

/* As the Governor takes it: lists that lie side by side. */
struct lists {
	struct eth_addr to[ACTIONS_MAX];
	struct u256 values[ACTIONS_MAX];
	struct bind_bytes data[ACTIONS_MAX];
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
		rc = cli_no(err, "just this was proposed already, and is %s: %s", proposal_state_name((enum proposal_state)state.value),
			    id);
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

static void say_action(struct cli_plan *plan, const struct cli *c, const struct draft *d, const struct action *a)
{
	char now[120], then[120];
	struct buf b;
	size_t i;

	buf_init(&b, 4 * DATA_MAX);
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

	buf_init(&b, 2 * DESCRIPTION_MAX);
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

/* Reads back what a transaction did to a proposal. */
static int tell_proposal(struct cli *c, const struct u256 *id, struct err *err)
{
	struct proposals l;
	struct round_now r;
	struct rpc_call call = { "eth_getBlockByNumber", "[\"latest\",false]" };
	struct rpc_reply reply;
	char text[U256_DEC_MAX];
	size_t i;
	int rc;

	/* Later blocks are there than when the command began. */
	rc = cli_rpc(c, &call, 1, &reply, err);
	if (rc == 0 && (!reply.result || rpc_header(&c->head, reply.result, err) < 0))
		rc = cli_strange(err);
	rpc_reply_fini(&reply);
	u256_fmt_hex(text, id);
	if (rc == 0)
		rc = round_read(c, &r, err);
	if (rc == 0)
		rc = proposal_find(c, &l, &i, text, &r, err);
	if (rc != 0)
		return rc;
	proposal_show(c, &l.p[i], &r);
	json_object_set_new(c->out, "proposal", proposal_json(c, &l.p[i], &r));
	proposals_fini(&l);
	return 0;
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
		rc = tell_proposal(c, &made, err);
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

	rc = read_draft(d, c, args, n_args, opts, err);
	if (rc == 0)
		rc = check_values(d, err);
	if (rc == 0)
		rc = check_owner(c, d, err);
	if (rc == 0)
		rc = simulate_all(c, d, opts, err);
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
	return rc;
}

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
		cli_say(c, "%zu older ones are not shown; lpnode proposals NUMBER shows one", older);
	proposals_fini(&l);
	return 0;
}

static int proposals(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct proposals l;
	struct round_now r;
	size_t i;
	int rc;

	rc = round_read(c, &r, err);
	if (rc == 0 && n_args == 0)
		return list(c, opts, &r, err);
	if (rc == 0)
		rc = proposal_find(c, &l, &i, args[0], &r, err);
	if (rc != 0)
		return rc;
	proposal_show(c, &l.p[i], &r);
	json_object_set_new(c->out, "proposal", proposal_json(c, &l.p[i], &r));
	proposals_fini(&l);
	return 0;
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
	return tell_proposal(c, &id, err);
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

/* The parameters that its calls are about, as they are now. */
static int tell_params(struct cli *c, const struct proposal *p, bool after, struct cli_plan *plan, struct err *err)
{
	const struct param *param;
	struct u256 values[PARAMS_MAX];
	json_t *list_ = json_object();
	char text[120];
	struct buf b;
	size_t i, k;
	int rc = param_read_all(c, values, err);

	for (i = 0; rc == 0 && i < p->e.n_targets; i++) {
		for (k = 0; k < n_params; k++) {
			param = &params[k];
			if (contract_at(c, &p->e.targets[i]) != param->contract || p->e.calldatas[i].n < 4)
				continue;
			buf_init(&b, 4096);
			param_set_call(&b, param, values, param_n_args(param));
			if (memcmp(b.data, p->e.calldatas[i].p, 4) == 0 && after)
				cli_field(c, NULL, NULL, param->name, "%s", param_fmt(text, param, &values[k]));
			if (memcmp(b.data, p->e.calldatas[i].p, 4) == 0 && after)
				json_object_set_new(list_, param->name, cli_json_amount(&values[k]));
			if (memcmp(b.data, p->e.calldatas[i].p, 4) == 0 && !after)
				cli_plan_say(plan, "Now: %s %s.", param->name, param_fmt(text, param, &values[k]));
			buf_fini(&b);
		}
	}
	if (after && rc == 0)
		json_object_set_new(c->out, "parameters", list_);
	else
		json_decref(list_);
	return rc;
}

static void plan_queue(struct cli *c, struct cli_plan *plan, const struct proposal *p)
{
	struct cli_plan_tx *tx;
	char key[100];

	snprintf(key, sizeof(key), "queue/%s", p->id);
	tx = cli_plan_add(plan, c, CONTRACT_LIVEPEER_GOVERNOR, key, "queue proposal %.12s...", p->id);
	livepeer_governor_queue_call(&tx->data, p->e.targets, p->e.n_targets, p->e.values, p->e.n_values, p->e.calldatas,
				     p->e.n_calldatas, &p->description_hash);
	cli_plan_say(plan, "It waits in the Treasury's queue, and can be executed by anyone after that.");
}

static void plan_execute(struct cli *c, struct cli_plan *plan, const struct proposal *p)
{
	struct cli_plan_tx *tx;
	char key[100];

	snprintf(key, sizeof(key), "execute/%s", p->id);
	tx = cli_plan_add(plan, c, CONTRACT_LIVEPEER_GOVERNOR, key, "execute proposal %.12s...", p->id);
	livepeer_governor_execute_call(&tx->data, p->e.targets, p->e.n_targets, p->e.values, p->e.n_values, p->e.calldatas,
				       p->e.n_calldatas, &p->description_hash);
	cli_plan_say(plan, "The Treasury makes its calls, all or nothing; they hold at once.");
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
		(execute ? plan_execute : plan_queue)(c, &plan, &l.p[i]);
		rc = execute ? tell_params(c, &l.p[i], false, &plan, err) : 0;
	}
	if (rc == 0)
		rc = cli_send(c, &plan, &receipt, err);
	if (rc == 0)
		rc = tell_proposal(c, &l.p[i].e.proposal_id, err);
	if (rc == 0 && execute)
		rc = tell_params(c, &l.p[i], true, NULL, err);
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
	{ "propose", "NAME=VALUE... -description TEXT", "put a change of parameters, or any call, to the vote", GROUP, 0,
	  ACTIONS_MAX, CLI_KEY, propose_opts, sizeof(propose_opts) / sizeof(propose_opts[0]),
	  sizeof(struct propose_opts), propose },
	{ "proposals", "[PROPOSAL]", "proposals, their votes, and what is next", GROUP, 0, 1, CLI_CHAIN, list_opts, 1,
	  sizeof(struct list_opts), proposals },
	{ "vote", "PROPOSAL for|against|abstain [-reason TEXT]", "vote with all that is bonded to you", GROUP, 2, 2,
	  CLI_KEY, vote_opts, 1, sizeof(struct vote_opts), vote },
	{ "queue", "PROPOSAL", "queue what was adopted", GROUP, 1, 1, CLI_KEY, NULL, 0, 0, queue },
	{ "execute", "PROPOSAL", "make the calls of what was queued", GROUP, 1, 1, CLI_KEY, NULL, 0, 0, execute },
};
const struct cli_commands governance_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
