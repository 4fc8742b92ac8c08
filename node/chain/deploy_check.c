/*
 * What must be true when a deployment is mined: what the calls have left behind, and that each
 * contract says of itself what it was made with.  A parameter is asked of the function of its
 * name without arguments; what has no such function cannot be asked.  Balances are not looked
 * at: whoever has tokens may have moved them already.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "node/chain/deploy_int.h"

#define CHECK_MAX 8192

static struct deploy_check *add_check(struct deploy_checks *all, const struct eth_addr *to)
{
	struct deploy_check *c;

	all->c = xrealloc(all->c, (all->n + 1) * sizeof(*all->c));
	c = &all->c[all->n++];
	memset(c, 0, sizeof(*c));
	c->to = *to;
	buf_init(&c->data, CHECK_MAX);
	buf_init(&c->want, CHECK_MAX);
	return c;
}

static void add_selector(struct buf *b, const char *signature)
{
	struct abi_selector sel = abi_selector_of(signature);

	buf_add(b, sel.b, sizeof(sel.b));
}

static void add_word(struct buf *b, const struct u256 *w)
{
	uint8_t be[32];

	u256_to_be(be, w);
	buf_add(b, be, sizeof(be));
}

/* ---- parameters ---- */

/* What asks for it: "unbondingPeriod", "getMinDelay", "quorumNumerator". */
static const struct bind_function *getter_of(const struct bind_artifact *a, const char *name)
{
	static const char *const shapes[] = { "%s", "get%s", "%sNumerator" };
	const struct bind_function *f;
	char text[100];
	size_t i, k;

	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		snprintf(text, sizeof(text), shapes[i], name);
		if (i == 1 && text[3] >= 'a' && text[3] <= 'z')
			text[3] = (char)(text[3] - 'a' + 'A');
		for (k = 0; k < a->n_functions; k++) {
			f = &a->functions[k];
			if (f->view && f->n_inputs == 0 && strcmp(f->name, text) == 0)
				return f;
		}
	}
	return NULL;
}

static bool is_struct(const struct bind_param *p)
{
	return *p->type == '(' && p->type[strlen(p->type) - 1] == ')';
}

static void describe(struct deploy_check *c, const char *contract, const char *name, const struct bind_param *p,
		     const struct u256 *w)
{
	char text[U256_DEC_MAX];

	if (strncmp(p->type, "uint", 4) == 0)
		u256_fmt_dec(text, w);
	else
		u256_fmt_hex(text, w);
	snprintf(c->what, sizeof(c->what), "%s.%s is %s", contract, name, text);
}

/* A struct of words that a function gives as a whole. */
static int check_struct(struct deploy_checks *all, const struct deploy *d, const struct bind_artifact *a,
			const struct bind_param *p, struct err *err)
{
	const struct bind_function *f = getter_of(a, "parameters");
	struct deploy_check *c;
	struct abi_value v;
	size_t i;

	if (!f || strlen(f->outputs) != strlen(p->type) + 2 ||
	    strncmp(f->outputs + 1, p->type, strlen(p->type)) != 0)
		return 0;
	if (deploy_input(&v, d, a->name, p, err) < 0)
		return -1;
	c = add_check(all, deploy_at(d, a->name));
	snprintf(c->what, sizeof(c->what), "%s.parameters are as asked", a->name);
	add_selector(&c->data, f->signature);
	for (i = 0; i < v.n_items; i++)
		add_word(&c->want, &v.items[i].word);
	abi_value_fini(&v);
	return 0;
}

static int check_param(struct deploy_checks *all, const struct deploy *d, const struct bind_artifact *a,
		       const struct bind_param *p, struct err *err);

static int check_params(struct deploy_checks *all, const struct deploy *d, const struct bind_artifact *a,
			const struct bind_param *p, size_t n, struct err *err)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (check_param(all, d, a, &p[i], err) < 0)
			return -1;
	return 0;
}

static int check_param(struct deploy_checks *all, const struct deploy *d, const struct bind_artifact *a,
		       const struct bind_param *p, struct err *err)
{
	const struct bind_function *f = getter_of(a, p->name);
	struct deploy_check *c;
	struct abi_value v;

	if (is_struct(p)) {
		if (check_struct(all, d, a, p, err) < 0)
			return -1;
		return check_params(all, d, a, p->fields, p->n_fields, err);
	}
	if (!f)
		return 0;
	if (deploy_input(&v, d, a->name, p, err) < 0)
		return -1;
	c = add_check(all, deploy_at(d, a->name));
	describe(c, a->name, p->name, p, &v.word);
	add_selector(&c->data, f->signature);
	add_word(&c->want, &v.word);
	abi_value_fini(&v);
	return 0;
}

static int check_made(struct deploy_checks *all, const struct deploy *d, const struct deploy_item *it,
		      struct err *err)
{
	const struct bind_artifact *a = deploy_artifact(it->contract);
	const struct bind_function *initialize = deploy_function(a, "initialize");

	if (check_params(all, d, a, a->constructor.inputs, a->constructor.n_inputs, err) < 0)
		return -1;
	return initialize ? check_params(all, d, a, initialize->inputs, initialize->n_inputs, err) : 0;
}

/* ---- what calls have left ---- */

static void check_registered(struct deploy_checks *all, const struct deploy *d, const char *contract)
{
	struct hash32 id = hash_keccak256(contract, strlen(contract));
	struct deploy_check *c = add_check(all, deploy_at(d, "Controller"));
	uint8_t word[32] = { 0 };

	snprintf(c->what, sizeof(c->what), "%s is registered", contract);
	add_selector(&c->data, "getContract(bytes32)");
	buf_add(&c->data, id.b, sizeof(id.b));
	memcpy(word + 12, deploy_at(d, contract)->b, 20);
	buf_add(&c->want, word, sizeof(word));
}

/* A call, the function that shows what it did, and the answer: an argument of the call, or the
 * number in `want`. */
static const struct effect {
	const char *call, *shown_by;
	int arg;		/* of the call, that is the answer; -1: want */
	size_t asks;		/* so many first arguments of the call are asked with */
	uint64_t want;
} effects[] = {
	{ "transferOwnership", "owner()", 0, 0, 0 },
	{ "grantRole", "hasRole(bytes32,address)", -1, 2, 1 },
	{ "renounceRole", "hasRole(bytes32,address)", -1, 2, 0 },
};

static int check_effect(struct deploy_checks *all, const struct deploy *d, const struct deploy_item *it,
			const struct effect *e, struct err *err)
{
	const struct bind_function *f = deploy_function(deploy_artifact(it->contract), e->call);
	struct deploy_check *c = add_check(all, deploy_at(d, it->contract));
	struct u256 want = u256_of(e->want);
	struct buf args;
	int rc;

	snprintf(c->what, sizeof(c->what), "%s has done %s", it->contract, e->call);
	buf_init(&args, CHECK_MAX);
	rc = deploy_args(&args, d, f, json_object_get(it->step, "args"), err);
	if (rc == 0) {
		add_selector(&c->data, e->shown_by);
		buf_add(&c->data, args.data, e->asks * 32);
		if (e->arg < 0)
			add_word(&c->want, &want);
		else
			buf_add(&c->want, args.data + e->arg * 32, 32);
	}
	buf_fini(&args);
	return rc;
}

static int check_call(struct deploy_checks *all, const struct deploy *d, const struct deploy_item *it,
		      struct err *err)
{
	const char *name = json_string_value(json_object_get(it->step, "function"));
	size_t i;

	for (i = 0; i < sizeof(effects) / sizeof(effects[0]); i++)
		if (strcmp(effects[i].call, name) == 0)
			return check_effect(all, d, it, &effects[i], err);
	return 0;
}

int deploy_checks(struct deploy_checks *checks, const struct deploy *d, struct err *err)
{
	size_t i;
	int rc = 0;

	memset(checks, 0, sizeof(*checks));
	for (i = 0; i < d->n_items && rc == 0; i++) {
		const struct deploy_item *it = &d->items[i];

		if (it->kind == DEPLOY_CREATE || it->kind == DEPLOY_IMPLEMENT)
			rc = check_made(checks, d, it, err);
		else if (it->kind == DEPLOY_REGISTER)
			check_registered(checks, d, it->contract);
		else if (it->kind == DEPLOY_CALL)
			rc = check_call(checks, d, it, err);
	}
	if (rc < 0)
		deploy_checks_fini(checks);
	return rc;
}

void deploy_checks_fini(struct deploy_checks *checks)
{
	size_t i;

	for (i = 0; i < checks->n; i++) {
		buf_fini(&checks->c[i].data);
		buf_fini(&checks->c[i].want);
	}
	free(checks->c);
	memset(checks, 0, sizeof(*checks));
}
