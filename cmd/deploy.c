/*
 * lpnode deploy: the whole system on a chain, as node/chain/deploy.h lists it.  Each transaction
 * goes through the journal under a key of this deployment, so that a deployment that was killed
 * goes on where it was when the command is given again.  The next transaction is sent when the
 * one before is mined; only the last is waited for until it is deep enough: what a
 * reorganisation takes away the journal sends again with its nonce, on which addresses depend.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cmd/cli_internal.h"
#include "cmd/commands.h"
#include "cmd/deploy_check.h"
#include "cmd/deploy_record.h"
#include "eth/tx.h"
#include "node/chain/deploy.h"
#include "node/chain/rpc.h"

#define FUNDS_MAX 100

struct flags {
	char *profile, *set, *genesis_root, *fund, *out;
	bool anew;
};
#define AT(f) offsetof(struct flags, f)
static const struct opt table[] = {
	{ "profile", OPT_STRING, AT(profile), NULL, 0, 0, "Deployment", "mainnet|devnet",
	  "the parameters to begin with: the whitepaper's, or short rounds and a faucet" },
	{ "set", OPT_STRING, AT(set), NULL, 0, 0, "Deployment", "NAME=VALUE,...",
	  "other than the profile: a parameter (BondingManager.unbondingPeriod=7), or an option or "
	  "value of it (faucet=false)" },
	{ "genesisRoot", OPT_STRING, AT(genesis_root), NULL, 0, 0, "Deployment", "HASH",
	  "root of the Merkle tree of who may claim the first tokens" },
	{ "fund", OPT_STRING, AT(fund), NULL, 0, 0, "Deployment", "ADDRESS=AMOUNT,...",
	  "LPT that the deployer gives away at the end (where the profile mints to it)" },
	{ "out", OPT_STRING, AT(out), NULL, 0, 0, "Deployment", "FILE",
	  "write the addresses there as JSON" },
	{ "anew", OPT_BOOL, AT(anew), "false", 0, 0, "Deployment", NULL,
	  "do not go on with a deployment of this account that was not finished" },
};
#undef AT

struct run {
	struct cli *c;
	struct deploy *d;
	uint64_t number;
	struct tx_info tx;	/* the one under way */
	bool want_final, done;
	uv_timer_t deadline;
	bool timed_out, closed;
	uint64_t first_block;
};

static int choose_number(struct run *run, bool anew, struct err *err)
{
	struct hash32 digest = deploy_digest(run->d);
	bool was_there;
	int rc = deploy_record_choose(&run->number, &was_there, run->c, &digest, anew, err);

	if (rc == 0 && was_there)
		cli_say(run->c, "going on with deployment %" PRIu64, run->number);
	return rc;
}

/* ---- before it begins ---- */

static void tell_plan(struct run *run, const struct flags *f, const struct u256 *price, const struct u256 *cost)
{
	struct cli *c = run->c;
	char addr[43], a[100], b[100];

	eth_addr_fmt(addr, &c->account);
	cli_say(c, "Deploys the contracts with the parameters of \"%s\"%s%s on chain %" PRIu64 ".", f->profile,
		f->set ? " and " : "", f->set ? f->set : "", c->pin.chain_id);
	cli_say(c, "Sends %zu transactions from %s, about %" PRIu64 " million gas: %s at %s.", deploy_count(run->d), addr,
		deploy_gas(run->d) / 1000000 + 1, cli_fmt_amount(a, cost, UNIT_ETH), cli_fmt_gwei(b, price));
}

static int ask_money(struct run *run, struct u256 *price, struct u256 *balance, struct err *err)
{
	struct cli *c = run->c;
	char addr[43], *params;
	struct rpc_call calls[] = { { "eth_gasPrice", "[]" }, { "eth_getBalance", NULL } };
	struct rpc_reply r[2];
	int rc;

	eth_addr_fmt(addr, &c->account);
	params = xasprintf("[\"%s\",\"latest\"]", addr);
	calls[1].params = params;
	rc = cli_rpc(c, calls, 2, r, err);
	if (rc == 0 && (rpc_u256(price, r[0].result, "eth_gasPrice", err) < 0 ||
			rpc_u256(balance, r[1].result, "eth_getBalance", err) < 0))
		rc = 1;
	rpc_reply_fini(&r[0]);
	rpc_reply_fini(&r[1]);
	free(params);
	return rc;
}

static int ask_person(struct run *run, struct err *err)
{
	if (run->c->o.yes || cli_confirm(run->c, "Deploy?"))
		return 0;
	if (isatty(STDIN_FILENO)) {
		err_set(err, ERR_DENIED, "nothing was sent");
		return 3;
	}
	err_set(err, ERR_INVALID, "give --yes where nobody can be asked");
	return 2;
}

/* A deployment that goes on has paid a part already: its balance is left to the journal. */
static int prepare(struct run *run, const struct flags *f, struct err *err)
{
	struct u256 price, balance, cost, gas = u256_of(deploy_gas(run->d));
	char a[100], b[100];
	int rc = ask_money(run, &price, &balance, err);

	if (rc != 0)
		return rc;
	if (!u256_mul(&cost, &gas, &price)) {
		err_set(err, ERR_INVALID, "the endpoint tells a gas price that cannot be");
		return 1;
	}
	tell_plan(run, f, &price, &cost);
	if (u256_is_zero(&balance)) {
		err_set(err, ERR_DENIED, "the account has no ETH; a deployment needs about %s",
			cli_fmt_amount(a, &cost, UNIT_ETH));
		return 3;
	}
	if (u256_cmp(&balance, &cost) < 0)
		cli_say(run->c, "The account has %s: it may not be enough for all of %s.",
			cli_fmt_amount(a, &balance, UNIT_ETH), cli_fmt_amount(b, &cost, UNIT_ETH));
	return ask_person(run, err);
}

/* ---- one transaction after the other ---- */

static void on_tx(void *arg, const struct tx_info *tx, const struct eth_receipt *receipt)
{
	struct run *run = arg;

	/* What is told of one before, that went deeper, is no news. */
	if (run->tx.key[0] && strcmp(run->tx.key, tx->key) != 0)
		return;
	run->tx = *tx;
	run->done = tx_state_is_final(tx->state) || (tx->state == TX_MINED && !run->want_final);
}

static void on_deadline(uv_timer_t *t)
{
	struct run *run = t->data;

	run->timed_out = run->done = true;
}

/* The exit code of where the transaction stands. */
static int judge(const struct run *run, struct err *err)
{
	const struct tx_info *tx = &run->tx;

	if (tx->state == TX_DONE || (tx->state == TX_MINED && !run->want_final))
		return 0;
	if (run->timed_out) {
		err_set(err, ERR_TIMEOUT, "%.80s is %s, not mined yet: give the command again to go on", tx->what,
			tx->id ? tx_state_name(tx->state) : "waiting");
		return 5;
	}
	err_set(err, ERR_DENIED, "%.60s: %s%s%.100s", tx->what, tx_state_name(tx->state), *tx->why ? ": " : "", tx->why);
	return tx->state == TX_REFUSED ? 3 : 4;
}

static int wait_tx(struct run *run, const struct intent *in, struct err *err)
{
	memset(&run->tx, 0, sizeof(run->tx));
	snprintf(run->tx.key, sizeof(run->tx.key), "%s", in->key);
	snprintf(run->tx.what, sizeof(run->tx.what), "%s", in->what);
	run->done = run->timed_out = false;
	uv_timer_start(&run->deadline, on_deadline, run->c->o.wait_ms, 0);
	if (journal_submit(run->c->journal, in, on_tx, run, err) < 0)
		return 1;
	cli_run_until(run->c, &run->done);
	return judge(run, err);
}

static int send_tx(struct run *run, size_t i, const struct deploy_tx *tx, struct err *err)
{
	char addr[43], *key, *what;
	struct intent in = { .creates = tx->creates, .to = tx->to, .data = tx->data.data, .n_data = tx->data.len };
	struct eth_addr created;
	int rc;

	eth_addr_fmt(addr, &run->c->account);
	key = xasprintf("%s/deploy/%" PRIu64 "/%s", addr, run->number, tx->key);
	what = xasprintf("deploy: %s", tx->what);
	in.key = key;
	in.what = what;
	run->want_final = i + 1 == deploy_count(run->d);
	rc = wait_tx(run, &in, err);
	free(key);
	free(what);
	if (rc != 0)
		return rc;
	created = tx_created_address(&run->tx.from, run->tx.nonce);
	if (tx->creates)
		deploy_created(run->d, i, &created);
	if (i == 0)
		run->first_block = run->tx.block;
	if (!run->c->o.json)
		fprintf(stderr, "%s%zu/%zu %s: block %" PRIu64 "%s", isatty(STDERR_FILENO) ? "\r" : "", i + 1,
			deploy_count(run->d), tx->what, run->tx.block, isatty(STDERR_FILENO) ? "\033[K" : "\n");
	return 0;
}

static int send_all(struct run *run, struct err *err)
{
	struct deploy_tx tx;
	size_t i;
	int rc = 0;

	for (i = 0; i < deploy_count(run->d) && rc == 0; i++) {
		rc = deploy_tx(&tx, run->d, i, err) < 0 ? 1 : send_tx(run, i, &tx, err);
		buf_fini(&tx.data);
	}
	if (!run->c->o.json && isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	return rc;
}

static void on_closed(uv_handle_t *h)
{
	((struct run *)h->data)->closed = true;
}

static int with_timer(struct run *run, struct err *err)
{
	int rc;

	uv_timer_init(&run->c->loop, &run->deadline);
	run->deadline.data = run;
	rc = send_all(run, err);
	uv_close((uv_handle_t *)&run->deadline, on_closed);
	cli_run_until(run->c, &run->closed);
	return rc;
}

/* ---- afterwards ---- */

/* {chainId, controller, contracts{}, deployer, block} */
static void fill_out(struct run *run, json_t *out)
{
	json_t *contracts = json_object();
	struct eth_addr at;
	const char *name;
	size_t i;

	for (i = 0; (name = deploy_contract(run->d, i, &at)); i++) {
		json_object_set_new(contracts, name, cli_json_addr(&at));
		if (strcmp(name, "Controller") == 0)
			json_object_set_new(out, "controller", cli_json_addr(&at));
	}
	json_object_set_new(out, "chainId", json_integer((json_int_t)run->c->pin.chain_id));
	json_object_set_new(out, "contracts", contracts);
	json_object_set_new(out, "deployer", cli_json_addr(&run->c->account));
	json_object_set_new(out, "block", json_integer((json_int_t)run->first_block));
}

static void tell_contracts(struct run *run)
{
	struct eth_addr at;
	const char *name;
	char addr[43];
	size_t i;

	for (i = 0; (name = deploy_contract(run->d, i, &at)); i++) {
		eth_addr_fmt(addr, &at);
		cli_say(run->c, "%-20s  %s", name, addr);
	}
}

/* Written aside, synced and renamed. */
static int write_file(const char *path, const json_t *out, struct err *err)
{
	char *text = json_dumps(out, JSON_INDENT(2)), *aside = xasprintf("%s.tmp", path);
	int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), rc = -1;

	if (fd >= 0) {
		rc = fd_write_all(fd, text, strlen(text)) < 0 || fd_write_all(fd, "\n", 1) < 0 || fsync(fd) < 0 ? -1 : 0;
		if (close(fd) < 0)
			rc = -1;
	}
	if (rc == 0)
		rc = rename(aside, path) < 0 || fd_sync_folder(path) < 0 ? -1 : 0;
	if (rc < 0)
		err_set(err, ERR_IO, "-out %.120s: %s", path, strerror(errno));
	free(aside);
	free(text);
	return rc < 0 ? 1 : 0;
}

static int finish(struct run *run, const struct flags *f, struct err *err)
{
	struct hash32 digest = deploy_digest(run->d);
	int rc = deploy_check(run->c, run->d, err);
	json_t *out;

	if (rc == 0)
		rc = deploy_record_finish(run->c, run->number, &digest, err);
	if (rc != 0)
		return rc;
	out = json_object();
	fill_out(run, out);
	tell_contracts(run);
	if (run->c->o.json)
		json_object_update(run->c->out, out);
	if (f->out)
		rc = write_file(f->out, out, err);
	json_decref(out);
	return rc;
}

/* ---- the command ---- */

static int parse_fund(struct deploy_fund *fund, const struct cli *c, char *text, struct err *err)
{
	char *amount = strchr(text, '=');

	if (!amount)
		return err_set(err, ERR_INVALID, "-fund \"%.60s\" is not ADDRESS=AMOUNT", text);
	*amount++ = '\0';
	if (cli_addr(c, &fund->to, text, err) < 0 || cli_amount(&fund->amount, amount, UNIT_LPT, err) < 0)
		return err_wrap(err, "-fund");
	return 0;
}

static int parse_funds(struct deploy_fund funds[FUNDS_MAX], size_t *n, const struct cli *c, const char *list,
		       struct err *err)
{
	char *text = xstrdup(list ? list : ""), *save = NULL, *one;
	int rc = 0;

	*n = 0;
	for (one = strtok_r(text, ",", &save); one && rc == 0; one = strtok_r(NULL, ",", &save)) {
		if (*n == FUNDS_MAX)
			rc = err_set(err, ERR_LIMIT, "-fund: at most %d accounts", FUNDS_MAX);
		else
			rc = parse_fund(&funds[(*n)++], c, one, err);
	}
	free(text);
	return rc;
}

static struct deploy *make_plan(const struct cli *c, const struct flags *f, struct err *err)
{
	struct deploy_opts o = {
		.profile = f->profile, .sets = f->set, .genesis_root = f->genesis_root, .deployer = c->account,
	};
	struct deploy_fund funds[FUNDS_MAX];

	if (!f->profile) {
		err_set(err, ERR_INVALID, "give -profile mainnet or -profile devnet");
		return NULL;
	}
	if (parse_funds(funds, &o.n_funds, c, f->fund, err) < 0)
		return NULL;
	o.funds = funds;
	return deploy_new(&o, err);
}

static int run_deploy(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	const struct flags *f = opts;
	struct run run = { .c = c };
	int rc;

	run.d = make_plan(c, f, err);
	if (!run.d)
		return 2;
	rc = prepare(&run, f, err);
	if (rc == 0)
		rc = choose_number(&run, f->anew, err);
	if (rc == 0)
		rc = with_timer(&run, err);
	if (rc == 0)
		rc = finish(&run, f, err);
	deploy_free(run.d);
	return rc;
}

static const struct cli_command list[] = {
	{ "deploy", "-profile PROFILE", "create all contracts on a chain, and register them", "Networks", 0, 0,
	  CLI_DEPLOY, table, sizeof(table) / sizeof(table[0]), sizeof(struct flags), run_deploy },
};
const struct cli_commands deploy_commands = { list, sizeof(list) / sizeof(list[0]) };
