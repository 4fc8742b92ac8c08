#include "cmd/draft.h"

#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "bind/jobs_manager.h"
#include "cmd/call_text.h"
#include "cmd/cli_internal.h"
#include "cmd/param_read.h"

/* ---- what ---- */

void draft_fini(struct draft *d)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		buf_fini(&d->a[i].data);
}

/* The call of p's setter, begun with what its other arguments are now. */
static struct draft_action *action_of(struct draft *d, const struct cli *c, const struct param *p)
{
	const struct param *other;
	struct draft_action *a;
	unsigned k;
	size_t i;

	for (i = 0; i < d->n; i++) {
		if (d->a[i].contract == p->contract && d->a[i].param && strcmp(d->a[i].param->setter, p->setter) == 0)
			return &d->a[i];
	}
	if (d->n == DRAFT_ACTIONS_MAX || param_n_args(p) > DRAFT_ARGS_MAX)
		return NULL;
	a = &d->a[d->n++];
	*a = (struct draft_action){ .contract = p->contract, .to = c->pin.contracts[p->contract], .param = p };
	buf_init(&a->data, DRAFT_DATA_MAX);
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
	struct draft_action *a;
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
		return cli_wrong(err, "too many changes: a proposal makes %d calls", DRAFT_ACTIONS_MAX);
	a->args[p->arg] = d->then[p - params];
	return 0;
}

static int parse_target(struct draft_action *a, const struct cli *c, const char *text, struct err *err)
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
static int add_raw(struct draft *d, const struct cli *c, const struct draft_opts *o, struct err *err)
{
	const char *hex = o->calldata ? o->calldata : "0x";
	struct draft_action *a = &d->a[0];
	size_t n;

	d->n = 1;
	buf_init(&a->data, DRAFT_DATA_MAX);
	n = strncmp(hex, "0x", 2) == 0 && strlen(hex) % 2 == 0 ? (strlen(hex) - 2) / 2 : SIZE_MAX;
	if (n > DRAFT_DATA_MAX || !buf_reserve(&a->data, n + 1) || hex_parse(a->data.data, n, hex) < 0)
		return cli_wrong(err, "-calldata must be 0x and an even number of hex digits, at most %d bytes",
				 DRAFT_DATA_MAX);
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

static int check_words(const struct draft_opts *o, size_t n_args, struct err *err)
{
	if (o->target && n_args > 0)
		return cli_wrong(err, "give changes or -target and -calldata, not both");
	if (!o->target && n_args == 0)
		return cli_wrong(err, "say what changes: lpnode propose roundLength=60 -description TEXT");
	if (!o->target && (o->calldata || strcmp(o->value, "0") != 0))
		return cli_wrong(err, "-calldata and -value need -target");
	if (!o->description || !o->description[strspn(o->description, " \t\n")])
		return cli_wrong(err, "-description is missing: say why, voters read it");
	if (strlen(o->description) > DRAFT_DESCRIPTION_MAX)
		return cli_wrong(err, "-description has %zu bytes, at most %d", strlen(o->description),
				 DRAFT_DESCRIPTION_MAX);
	return 0;
}

int draft_read(struct draft *d, struct cli *c, char **args, size_t n_args, const struct draft_opts *o,
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

/* ---- may it be ---- */

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

int draft_check(struct cli *c, const struct draft *d, struct err *err)
{
	int rc = check_values(d, err);

	return rc != 0 ? rc : check_owner(c, d, err);
}

/* Setters whose values must leave time for all claims to be final: JobsManager.finality. */
static bool is_about_finality(const struct draft_action *a)
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

static int explain_finality(struct cli *c, const struct draft *d, const struct draft_action *a, struct err *err)
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
static int simulate(struct cli *c, const struct draft *d, const struct draft_action *a, struct err *err)
{
	struct cli_plan_tx tx = { .to = a->to, .value = a->value, .data = a->data };
	struct rpc_call call = { .method = "eth_call" };
	struct rpc_reply reply = { 0 };
	struct buf params_text, what;
	int rc;

	if (a->contract == CONTRACT_LIVEPEER_GOVERNOR)
		return 0;
	buf_init(&params_text, 4 * DRAFT_DATA_MAX);
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

int draft_simulate(struct cli *c, const struct draft *d, const struct draft_opts *o, struct err *err)
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
