/* Walks eth/deploy.json: which transactions there are, and each one's data. */
#include "node/chain/deploy.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/artifacts.h"
#include "eth/tx.h"
#include "node/chain/deploy_int.h"

/* Gas: what a byte of code costs to keep, and a creation or call without it. */
#define GAS_CODE_BYTE 185
#define GAS_CREATE 120000
#define GAS_CALL 90000
#define GAS_UPGRADE 350000

const struct bind_artifact *deploy_artifact(const char *name)
{
	size_t i;

	for (i = 0; i < n_bind_artifacts; i++)
		if (strcmp(bind_artifacts[i].name, name) == 0)
			return &bind_artifacts[i];
	return NULL;
}

const struct bind_function *deploy_function(const struct bind_artifact *a, const char *name)
{
	size_t i;

	for (i = 0; i < a->n_functions; i++)
		if (strcmp(a->functions[i].name, name) == 0)
			return &a->functions[i];
	return NULL;
}

static bool is_address_of(const struct deploy_item *it)
{
	return it->kind == DEPLOY_CREATE || it->kind == DEPLOY_PROXY;
}

static bool is_creation(const struct deploy_item *it)
{
	return is_address_of(it) || it->kind == DEPLOY_IMPLEMENT;
}

const struct eth_addr *deploy_at(const struct deploy *d, const char *contract)
{
	size_t i;

	for (i = 0; i < d->n_items; i++) {
		const struct deploy_item *it = &d->items[i];

		if (is_address_of(it) && strcmp(it->contract, contract) == 0)
			return eth_addr_is_zero(&it->created) ? NULL : &it->created;
	}
	return NULL;
}

const char *deploy_contract(const struct deploy *d, size_t i, struct eth_addr *at)
{
	size_t k;

	for (k = 0; k < d->n_items; k++) {
		if (!is_address_of(&d->items[k]) || i-- > 0)
			continue;
		*at = d->items[k].created;
		return d->items[k].contract;
	}
	return NULL;
}

/* ---- the list ---- */

static void add_item(struct deploy *d, enum deploy_kind kind, const json_t *step, const char *contract)
{
	d->items = xrealloc(d->items, (d->n_items + 1) * sizeof(*d->items));
	d->items[d->n_items++] = (struct deploy_item){ .kind = kind, .contract = contract, .step = step };
}

static bool is_wanted(const struct deploy *d, const json_t *step)
{
	const json_t *options = json_object_get(d->profile, "options");
	const char *yes = json_string_value(json_object_get(step, "if"));
	const char *no = json_string_value(json_object_get(step, "unless"));

	return (!yes || json_is_true(json_object_get(options, yes))) &&
	       (!no || !json_is_true(json_object_get(options, no)));
}

static int add_step(struct deploy *d, const json_t *step, struct err *err)
{
	const char *verb = json_string_value(json_object_get(step, "do"));
	const char *contract = json_string_value(json_object_get(step, "contract"));
	const json_t *list = json_object_get(step, "contracts"), *one;
	size_t i;

	if (strcmp(verb, "deploy") == 0) {
		add_item(d, DEPLOY_CREATE, step, contract);
	} else if (strcmp(verb, "proxy") == 0) {
		add_item(d, DEPLOY_PROXY, step, contract);
	} else if (strcmp(verb, "implement") == 0) {
		add_item(d, DEPLOY_IMPLEMENT, step, contract);
		add_item(d, DEPLOY_UPGRADE, step, contract);
	} else if (strcmp(verb, "call") == 0) {
		add_item(d, DEPLOY_CALL, step, contract);
	} else if (strcmp(verb, "register") == 0) {
		json_array_foreach(list, i, one)
			add_item(d, DEPLOY_REGISTER, step, json_string_value(one));
	} else {
		return err_set(err, ERR_INTERNAL, "eth/deploy.json: \"%s\" is no step", verb);
	}
	return 0;
}

static int add_steps(struct deploy *d, struct err *err)
{
	const json_t *step;
	size_t i;

	json_array_foreach(json_object_get(d->plan, "steps"), i, step) {
		if (is_wanted(d, step) && add_step(d, step, err) < 0)
			return -1;
	}
	return 0;
}

/* As if the plan ended with them. */
static void add_funds(struct deploy *d, const struct deploy_fund *funds, size_t n)
{
	json_t *steps = json_object_get(d->plan, "steps"), *step;
	char to[43], amount[U256_DEC_MAX];
	size_t i;

	for (i = 0; i < n; i++) {
		eth_addr_fmt(to, &funds[i].to);
		u256_fmt_dec(amount, &funds[i].amount);
		step = json_pack("{s:s, s:s, s:s, s:[s, s]}", "do", "call", "contract", "LivepeerToken",
				 "function", "transfer", "args", to, amount);
		json_array_append_new(steps, step);
	}
}

/* ---- one transaction ---- */

static int no_function(const char *contract, const char *name, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "eth/deploy.json: %s has no function %s", contract, name);
}

static int add_code(struct buf *b, const struct deploy *d, const char *contract, struct err *err)
{
	const struct bind_artifact *a = deploy_artifact(contract);

	if (!a)
		return err_set(err, ERR_INTERNAL, "eth/deploy.json: %s is no contract of ours", contract);
	buf_add(b, a->code, (size_t)(a->code_end - a->code));
	return deploy_inputs(b, d, contract, &a->constructor, err);
}

/* ManagerProxy(Vacant). */
static int add_proxy(struct buf *b, const struct deploy *d, struct err *err)
{
	const struct bind_artifact *a = deploy_artifact("ManagerProxy");
	json_t *args = json_pack("[s]", "@Vacant");
	int rc;

	buf_add(b, a->code, (size_t)(a->code_end - a->code));
	rc = deploy_args(b, d, &a->constructor, args, err);
	json_decref(args);
	return rc;
}

static int add_selector(struct buf *b, const struct bind_artifact *a, const char *name,
			const struct bind_function **f, struct err *err)
{
	struct abi_selector sel;

	*f = a ? deploy_function(a, name) : NULL;
	if (!*f)
		return no_function(a ? a->name : "?", name, err);
	sel = abi_selector_of((*f)->signature);
	buf_add(b, sel.b, sizeof(sel.b));
	return 0;
}

/* upgradeToAndCall(implementation, initialize(...)). */
static int add_upgrade(struct buf *b, const struct deploy *d, const struct deploy_item *it, struct err *err)
{
	const struct bind_artifact *a = deploy_artifact(it->contract);
	const struct bind_function *initialize = deploy_function(a, "initialize"), *f;
	struct abi_selector sel = abi_selector_of("upgradeToAndCall(address,bytes)");
	struct abi_args args;
	struct buf call;
	int rc = 0;

	buf_init(&call, TX_DATA_MAX);
	if (initialize) {
		rc = add_selector(&call, a, "initialize", &f, err);
		if (rc == 0)
			rc = deploy_inputs(&call, d, it->contract, initialize, err);
	}
	if (rc == 0) {
		abi_args_init(&args, 2);
		abi_args_addr(&args, &it[-1].created);
		abi_args_bytes(&args, call.data, call.len);
		rc = abi_args_end(&args, &sel, b, err);
	}
	buf_fini(&call);
	return rc;
}

static int add_register(struct buf *b, const struct deploy *d, const char *contract, struct err *err)
{
	char at[64], id[64];
	const struct bind_function *f;
	json_t *args;
	int rc;

	snprintf(at, sizeof(at), "@%s", contract);
	snprintf(id, sizeof(id), "#%s", contract);
	if (add_selector(b, deploy_artifact("Controller"), "setContractInfo", &f, err) < 0)
		return -1;
	args = json_pack("[sss]", id, at, "0x0000000000000000000000000000000000000000");
	rc = deploy_args(b, d, f, args, err);
	json_decref(args);
	return rc;
}

static int add_call(struct buf *b, const struct deploy *d, const struct deploy_item *it, struct err *err)
{
	const char *name = json_string_value(json_object_get(it->step, "function"));
	const struct bind_function *f;

	if (add_selector(b, deploy_artifact(it->contract), name, &f, err) < 0)
		return -1;
	return deploy_args(b, d, f, json_object_get(it->step, "args"), err);
}

static int add_data(struct buf *b, const struct deploy *d, const struct deploy_item *it, struct err *err)
{
	switch (it->kind) {
	case DEPLOY_CREATE:
	case DEPLOY_IMPLEMENT: return add_code(b, d, it->contract, err);
	case DEPLOY_PROXY: return add_proxy(b, d, err);
	case DEPLOY_UPGRADE: return add_upgrade(b, d, it, err);
	case DEPLOY_REGISTER: return add_register(b, d, it->contract, err);
	case DEPLOY_CALL: return add_call(b, d, it, err);
	}
	return -1;
}

static void name_tx(struct deploy_tx *tx, size_t i, const struct deploy_item *it)
{
	static const char *const verbs[] = { "deploy", "proxy", "implement", "upgrade", "register", "call" };
	static const char *const words[] = {
		"create %s", "create the proxy of %s", "create the code of %s", "initialise %s", "register %s",
	};
	const char *f = json_string_value(json_object_get(it->step, "function"));

	snprintf(tx->key, sizeof(tx->key), "%02zu-%s-%s%s%s", i + 1, verbs[it->kind], it->contract, f ? "." : "",
		 f ? f : "");
	if (it->kind == DEPLOY_CALL)
		snprintf(tx->what, sizeof(tx->what), "%s.%s", it->contract, f);
	else
		snprintf(tx->what, sizeof(tx->what), words[it->kind], it->contract);
}

int deploy_tx(struct deploy_tx *tx, const struct deploy *d, size_t i, struct err *err)
{
	const struct deploy_item *it = &d->items[i];
	const struct eth_addr *to = deploy_at(d, it->kind == DEPLOY_REGISTER ? "Controller" : it->contract);

	memset(tx, 0, sizeof(*tx));
	buf_init(&tx->data, TX_DATA_MAX);
	name_tx(tx, i, it);
	tx->creates = is_creation(it);
	if (!tx->creates && !to)
		return err_set(err, ERR_INTERNAL, "%s: its contract is not there yet", tx->what);
	if (!tx->creates)
		tx->to = *to;
	if (add_data(&tx->data, d, it, err) < 0)
		return err_wrap(err, "%s", tx->what);
	if (tx->data.failed)
		return err_set(err, ERR_LIMIT, "%s: more than a transaction may have", tx->what);
	return 0;
}

size_t deploy_count(const struct deploy *d)
{
	return d->n_items;
}

void deploy_created(struct deploy *d, size_t i, const struct eth_addr *addr)
{
	d->items[i].created = *addr;
}

/* ---- the whole ---- */

static uint64_t gas_of(const struct deploy_item *it, size_t n)
{
	if (is_creation(it))
		return GAS_CREATE + n * GAS_CODE_BYTE;
	return it->kind == DEPLOY_UPGRADE ? GAS_UPGRADE : GAS_CALL;
}

static void add_to_digest(struct hash32 *digest, const struct deploy_tx *tx)
{
	struct hash32 hash = hash_keccak256(tx->data.data, tx->data.len);
	struct buf b;

	buf_init(&b, sizeof(*digest) + sizeof(hash) + sizeof(tx->key));
	buf_add(&b, digest->b, sizeof(digest->b));
	buf_add(&b, hash.b, sizeof(hash.b));
	buf_add_str(&b, tx->key);
	*digest = hash_keccak256(b.data, b.len);
	buf_fini(&b);
}

/* Every transaction is made once with addresses that are none: what has no value or does not
 * fit is found, and what all of it costs and a digest come out. */
static int rehearse(struct deploy *d, struct err *err)
{
	struct deploy_tx tx;
	size_t i;
	int rc = 0;

	for (i = 0; i < d->n_items && rc == 0; i++) {
		rc = deploy_tx(&tx, d, i, err);
		add_to_digest(&d->digest, &tx);
		d->gas += gas_of(&d->items[i], tx.data.len);
		buf_fini(&tx.data);
		memset(d->items[i].created.b, (int)i + 1, sizeof(d->items[i].created.b));
	}
	for (i = 0; i < d->n_items; i++)
		memset(&d->items[i].created, 0, sizeof(d->items[i].created));
	return rc;
}

static int take_sets(struct deploy *d, const char *sets, struct err *err)
{
	char *text = xstrdup(sets), *save = NULL, *one;
	int rc = 0;

	for (one = strtok_r(text, ",", &save); one && rc == 0; one = strtok_r(NULL, ",", &save)) {
		char *value = strchr(one, '=');

		if (!value) {
			rc = err_set(err, ERR_INVALID, "\"%.60s\" is not NAME=VALUE", one);
			break;
		}
		*value++ = '\0';
		rc = deploy_set(d, one, value, err);
	}
	free(text);
	return rc;
}

static int take_profile(struct deploy *d, const struct deploy_opts *o, struct err *err)
{
	json_t *profiles = json_object_get(d->plan, "profiles");

	d->profile = json_object_get(profiles, o->profile);
	if (!d->profile)
		return err_set(err, ERR_INVALID, "there is no profile \"%.40s\", but mainnet and devnet", o->profile);
	if (o->genesis_root && deploy_set(d, "genesisRoot", o->genesis_root, err) < 0)
		return -1;
	return o->sets ? take_sets(d, o->sets, err) : 0;
}

static int begin(struct deploy *d, const struct deploy_opts *o, struct err *err)
{
	size_t n = (size_t)(bind_deploy_json_end - bind_deploy_json);

	d->deployer = o->deployer;
	d->plan = json_loadb(bind_deploy_json, n, 0, NULL);
	if (!d->plan)
		return err_set(err, ERR_INTERNAL, "eth/deploy.json is no JSON");
	if (take_profile(d, o, err) < 0)
		return -1;
	add_funds(d, o->funds, o->n_funds);
	if (add_steps(d, err) < 0)
		return -1;
	return rehearse(d, err);
}

struct deploy *deploy_new(const struct deploy_opts *opts, struct err *err)
{
	struct deploy *d = xcalloc(1, sizeof(*d));

	if (begin(d, opts, err) == 0)
		return d;
	deploy_free(d);
	return NULL;
}

void deploy_free(struct deploy *d)
{
	if (!d)
		return;
	free(d->items);
	json_decref(d->plan);
	free(d);
}

struct hash32 deploy_digest(const struct deploy *d)
{
	return d->digest;
}

uint64_t deploy_gas(const struct deploy *d)
{
	return d->gas;
}
