#include "test/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cmd/devnet_file.h"

#define ADDR "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
#define ACCOUNT "{\"address\":\"" ADDR "\",\"keystore\":\"keys/a\",\"passwordFile\":\"/x/password\"}"

static struct devnet d;
static struct err err;

static int parse(const char *text)
{
	return devnet_parse(&d, text, strlen(text), "/net", &err);
}

static void what_the_script_writes_is_read(void **state)
{
	char addr[43];

	assert_int_equal(parse("{\"rpc\":\"http://127.0.0.1:8545\",\"chainId\":31337,\"controller\":\"" ADDR
			       "\",\"contracts\":{},\"accounts\":[" ACCOUNT "," ACCOUNT "],\"more\":1}"), 0);
	assert_string_equal(d.rpc, "http://127.0.0.1:8545");
	assert_int_equal(d.chain_id, 31337);
	eth_addr_fmt(addr, &d.controller);
	assert_string_equal(addr, ADDR);
	assert_int_equal(d.n_accounts, 2);
	assert_string_equal(d.accounts[1].keystore, "/net/keys/a");
	assert_string_equal(d.accounts[1].password_file, "/x/password");
	devnet_fini(&d);
}

static void accounts_need_no_keystore_and_a_devnet_no_contracts(void **state)
{
	assert_int_equal(parse("{\"rpc\":\"x\",\"chainId\":1,\"accounts\":[{\"address\":\"" ADDR "\"}]}"), 0);
	assert_null(d.accounts[0].keystore);
	assert_true(eth_addr_is_zero(&d.controller));
	devnet_fini(&d);
}

static void refused(const char *text, const char *why)
{
	assert_int_equal(parse(text), -1);
	if (!strstr(err.msg, why))
		fail_msg("%s: %s", text, err.msg);
	assert_null(d.rpc);
	assert_null(d.accounts);
}

static void what_is_wrong_is_named(void **state)
{
	refused("", "no JSON at line");
	refused("[]", "\"rpc\" is missing");
	refused("{\"rpc\":5}", "\"rpc\" is missing");
	refused("{\"rpc\":\"a\\nb\",\"chainId\":1}", "\"rpc\" is missing");
	refused("{\"rpc\":\"x\",\"chainId\":0}", "\"chainId\" is missing");
	refused("{\"rpc\":\"x\",\"chainId\":\"1\"}", "\"chainId\" is missing");
	refused("{\"rpc\":\"x\",\"chainId\":1,\"controller\":\"0x1\"}", "\"controller\"");
	refused("{\"rpc\":\"x\",\"chainId\":1}", "\"accounts\"");
	refused("{\"rpc\":\"x\",\"chainId\":1,\"accounts\":[" ACCOUNT ",{}]}", "account 1: \"address\"");
	refused("{\"rpc\":\"x\",\"chainId\":1,\"accounts\":[{\"address\":\"" ADDR "\",\"keystore\":5}]}",
		"account 0: \"keystore\"");
	refused("{\"rpc\":\"x\",\"rpc\":\"y\",\"chainId\":1,\"accounts\":[]}", "no JSON");
}

static void too_much_is_refused(void **state)
{
	char *text = calloc(1, DEVNET_FILE_MAX + 2);

	memset(text, ' ', DEVNET_FILE_MAX + 1);
	assert_int_equal(devnet_parse(&d, text, DEVNET_FILE_MAX + 1, "/", &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	free(text);
}

static void where_there_is_none_the_remedy_is_told(void **state)
{
	assert_int_equal(devnet_load(&d, "/nonexistent", &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "scripts/devnet.sh up"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_script_writes_is_read),
		cmocka_unit_test(accounts_need_no_keystore_and_a_devnet_no_contracts),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(where_there_is_none_the_remedy_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
