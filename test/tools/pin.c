/*
 * pin URLS CONTROLLER CHAINID DATADIR: asks which chain and contracts these are, compares
 * with the pin below DATADIR and prints all of it; what is refused, in words, ends with 1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "node/chain/pin.h"
#include "node/chain/rpc.h"

static const char *datadir;
static struct rpc *rpc;
static int code = 1;

static void print(const struct chain_pin *p, const char *name)
{
	printf("%s\n", name);
	for (int c = 0; c < N_CHAIN_CONTRACTS; c++) {
		char at[43];

		eth_addr_fmt(at, &p->contracts[c]);
		printf("%s %s\n", chain_contract_name(c), at);
	}
}

static int check(const struct chain_pin *p, struct err *err)
{
	char name[64], *dir;
	int rc;

	pin_store_name(name, p);
	dir = xasprintf("%s/%s", datadir, name);
	rc = pin_check(dir, p, err);
	free(dir);
	if (rc == 0)
		print(p, name);
	return rc;
}

static void on_pin(void *arg, const struct chain_pin *pin, const struct eth_header *head, const struct err *err)
{
	struct err e;

	if (err)
		fprintf(stderr, "%s: %s\n", err_code_name(err->code), err->msg);
	else if (check(pin, &e) < 0)
		fprintf(stderr, "%s: %s\n", err_code_name(e.code), e.msg);
	else
		code = 0;
	rpc_free(rpc, NULL, NULL);
}

int main(int argc, char **argv)
{
	struct rpc_opts o = { .urls = argc > 1 ? argv[1] : NULL, .try_ms = 2000 };
	struct eth_addr controller;
	struct err err;
	uv_loop_t loop;

	if (argc != 5 || eth_addr_parse(&controller, argv[2], &err) < 0)
		return 2;
	log_setup(LOG_ERROR, false);
	datadir = argv[4];
	uv_loop_init(&loop);
	rpc = rpc_new(&loop, &o, &err);
	if (!rpc)
		return 2;
	pin_ask(rpc, &controller, strtoull(argv[3], NULL, 10), 5000, on_pin, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop) == 0 ? code : 3;
}
