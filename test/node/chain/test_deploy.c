/* The plan of a deployment, walked without a chain. */
#include "test/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "bind/artifacts.h"
#include "node/chain/deploy.h"

#define ROOT "0x1111111111111111111111111111111111111111111111111111111111111111"

static struct deploy_opts devnet(const char *sets)
{
	struct deploy_opts o = { .profile = "devnet", .sets = sets };

	memset(o.deployer.b, 0xde, sizeof(o.deployer.b));
	return o;
}

static struct deploy *plan(const char *sets)
{
	struct deploy_opts o = devnet(sets);
	struct err err = { 0 };
	struct deploy *d = deploy_new(&o, &err);

	if (!d)
		fail_msg("%s", err.msg);
	return d;
}

static const char *refusal(const char *profile, const char *sets)
{
	static struct err err;
	struct deploy_opts o = devnet(sets);

	o.profile = profile;
	memset(&err, 0, sizeof(err));
	assert_null(deploy_new(&o, &err));
	assert_int_equal(err.code, ERR_INVALID);
	return err.msg;
}

/* An address of each transaction's own. */
static struct eth_addr made(size_t i)
{
	struct eth_addr a;

	memset(&a, (int)(0x40 + i), sizeof(a));
	return a;
}

/* All transactions, each mined as if at made(i); tx[i] and the rest are the caller's. */
static size_t walk(struct deploy *d, struct deploy_tx **txs)
{
	size_t n = deploy_count(d), i;
	struct err err;

	*txs = xcalloc(n, sizeof(**txs));
	for (i = 0; i < n; i++) {
		struct eth_addr a = made(i);

		if (deploy_tx(&(*txs)[i], d, i, &err) < 0)
			fail_msg("%s", err.msg);
		if ((*txs)[i].creates)
			deploy_created(d, i, &a);
	}
	return n;
}

static void drop(struct deploy_tx *txs, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		buf_fini(&txs[i].data);
	free(txs);
}

static const struct deploy_tx *find(const struct deploy_tx *txs, size_t n, const char *what, size_t *at)
{
	for (*at = 0; *at < n; (*at)++)
		if (strcmp(txs[*at].what, what) == 0)
			return &txs[*at];
	fail_msg("no transaction \"%s\"", what);
	return NULL;
}

static bool has_addr(const struct deploy_tx *tx, const struct eth_addr *a)
{
	return memmem(tx->data.data, tx->data.len, a->b, sizeof(a->b)) != NULL;
}

static void each_transaction_has_a_key_of_its_own(void **state)
{
	struct deploy *d = plan(NULL);
	struct deploy_tx *txs;
	size_t n = walk(d, &txs), i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++)
			assert_string_not_equal(txs[i].key, txs[k].key);
	drop(txs, n);
	deploy_free(d);
}

static void a_creation_is_code_and_arguments(void **state)
{
	struct deploy *d = plan(NULL);
	struct deploy_tx *txs;
	const struct deploy_tx *tx;
	struct eth_addr votes;
	size_t n = walk(d, &txs), at, i;

	tx = find(txs, n, "create LivepeerGovernor", &at);
	assert_true(tx->creates);
	for (i = 0; i < n_bind_artifacts && strcmp(bind_artifacts[i].name, "LivepeerGovernor") != 0; i++)
		;
	assert_in_range(i, 0, n_bind_artifacts - 1);
	/* votes, treasury, votingDelay, votingPeriod, proposalThreshold, quorum */
	assert_int_equal(tx->data.len, bind_artifacts[i].code_end - bind_artifacts[i].code + 6 * 32);
	assert_memory_equal(tx->data.data, bind_artifacts[i].code, tx->data.len - 6 * 32);
	assert_int_equal(tx->data.data[tx->data.len - 1], 33);
	find(txs, n, "create BondingVotes", &i);
	votes = made(i);
	assert_true(has_addr(tx, &votes));
	drop(txs, n);
	deploy_free(d);
}

static void a_proxy_takes_the_code_made_before_it(void **state)
{
	struct deploy *d = plan(NULL);
	struct deploy_tx *txs;
	const struct deploy_tx *tx;
	size_t n = walk(d, &txs), proxy, code, at;
	struct eth_addr a;

	find(txs, n, "create the proxy of BondingManager", &proxy);
	find(txs, n, "create the code of BondingManager", &code);
	tx = find(txs, n, "initialise BondingManager", &at);
	a = made(proxy);
	assert_false(tx->creates);
	assert_memory_equal(&tx->to, &a, sizeof(a));
	a = made(code);
	assert_true(has_addr(tx, &a));
	drop(txs, n);
	deploy_free(d);
}

static void what_is_registered_is_the_proxy(void **state)
{
	struct deploy *d = plan(NULL);
	struct deploy_tx *txs;
	const struct deploy_tx *tx;
	size_t n = walk(d, &txs), controller, proxy, at;
	struct eth_addr a;

	find(txs, n, "create Controller", &controller);
	find(txs, n, "create the proxy of Verifier", &proxy);
	tx = find(txs, n, "register Verifier", &at);
	a = made(controller);
	assert_memory_equal(&tx->to, &a, sizeof(a));
	a = made(proxy);
	assert_true(has_addr(tx, &a));
	drop(txs, n);
	deploy_free(d);
}

static void options_decide_which_contracts_there_are(void **state)
{
	struct deploy_opts o = devnet(NULL);
	struct eth_addr at;
	struct deploy *d = plan(NULL), *without = plan("faucet=false"), *mainnet;
	size_t i, seen = 0;
	const char *name;

	assert_int_equal(deploy_count(d), deploy_count(without) + 3);	/* create, mint, register */
	for (i = 0; (name = deploy_contract(without, i, &at)); i++)
		seen += strcmp(name, "LivepeerTokenFaucet") == 0;
	assert_int_equal(seen, 0);
	assert_int_equal(i, 12);	/* Controller, Vacant, six proxies, token, treasury, votes, governor */
	o.profile = "mainnet";
	o.genesis_root = ROOT;
	mainnet = deploy_new(&o, NULL);
	assert_non_null(mainnet);
	for (i = 0; (name = deploy_contract(mainnet, i, &at)); i++)
		seen += strcmp(name, "GenesisClaim") == 0;
	assert_int_equal(seen, 1);
	deploy_free(mainnet);
	deploy_free(without);
	deploy_free(d);
}

static void the_digest_tells_other_parameters_apart(void **state)
{
	struct deploy *a = plan(NULL), *b = plan(NULL), *c = plan("BondingManager.unbondingPeriod=7");
	struct hash32 x = deploy_digest(a), y = deploy_digest(b), z = deploy_digest(c);

	assert_memory_equal(&x, &y, sizeof(x));
	assert_memory_not_equal(&x, &z, sizeof(x));
	deploy_free(a);
	deploy_free(b);
	deploy_free(c);
}

static void what_cannot_be_is_refused_at_once(void **state)
{
	static const struct {
		const char *profile, *sets, *says;
	} cases[] = {
		{ "testnet", NULL, "there is no profile \"testnet\"" },
		{ "mainnet", NULL, "genesisRoot is not given" },
		{ "mainnet", "genesisRoot=0x11", "is no bytes32" },
		{ "devnet", "BondingManager.unbondingPeriod", "is not NAME=VALUE" },
		{ "devnet", "BondingManager.unbondingperiod=3", "there is unbondingPeriod, " },
		{ "devnet", "Bonding.unbondingPeriod=3", "has no parameters to set" },
		{ "devnet", "options.faucet=false", "has no parameters to set" },
		{ "devnet", "fauset=false", "there is no fauset to set" },
		{ "devnet", "faucet=no", "true or false" },
		{ "devnet", "BondingManager.unbondingPeriod=soon", "BondingManager.unbondingPeriod: \"soon\" is no uint32" },
		{ "devnet", "BondingManager.unbondingPeriod=-1", "is no uint32" },
		{ "devnet", "BondingManager.unbondingPeriod=4294967296", "more than 32 bits" },
		{ "devnet", "BondingManager.unbondingPeriod=\xff", "is no text" },
		{ "devnet", "faucetSupply=1e6", "is no uint256" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *msg = refusal(cases[i].profile, cases[i].sets);

		if (!strstr(msg, cases[i].says))
			fail_msg("\"%s\" does not say \"%s\"", msg, cases[i].says);
	}
}

static const struct deploy_check *check_of(const struct deploy_checks *c, const char *what)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcmp(c->c[i].what, what) == 0)
			return &c->c[i];
	fail_msg("nothing checks that %s", what);
	return NULL;
}

static void what_was_asked_for_is_checked_afterwards(void **state)
{
	static const char *const whats[] = {
		"BondingManager.unbondingPeriod is 7", "RoundsManager.roundLength is 50", "Verifier.parameters are as asked",
		"Treasury.minDelay is 5", "LivepeerGovernor.quorum is 33", "LivepeerToken has done transferOwnership",
		"Treasury has done renounceRole", "ServiceRegistry is registered", "JobsManager.verifierFee is 300000",
		"LivepeerTokenFaucet.requestWait is 1",
	};
	struct deploy *d = plan("BondingManager.unbondingPeriod=7,LivepeerTokenFaucet.requestWait=1");
	struct deploy_checks checks;
	struct deploy_tx *txs;
	size_t n = walk(d, &txs), i;

	assert_int_equal(deploy_checks(&checks, d, NULL), 0);
	for (i = 0; i < sizeof(whats) / sizeof(whats[0]); i++)
		check_of(&checks, whats[i]);
	assert_int_equal(check_of(&checks, whats[0])->want.data[31], 7);
	assert_int_equal(check_of(&checks, whats[2])->want.len, 15 * 32);
	for (i = 0; i < checks.n; i++) {
		assert_false(eth_addr_is_zero(&checks.c[i].to));
		assert_in_range(checks.c[i].data.len, 4, 4 + 64);
		assert_false(checks.c[i].want.failed);
	}
	deploy_checks_fini(&checks);
	drop(txs, n);
	deploy_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_transaction_has_a_key_of_its_own),
		cmocka_unit_test(a_creation_is_code_and_arguments),
		cmocka_unit_test(a_proxy_takes_the_code_made_before_it),
		cmocka_unit_test(what_is_registered_is_the_proxy),
		cmocka_unit_test(options_decide_which_contracts_there_are),
		cmocka_unit_test(the_digest_tells_other_parameters_apart),
		cmocka_unit_test(what_cannot_be_is_refused_at_once),
		cmocka_unit_test(what_was_asked_for_is_checked_afterwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
