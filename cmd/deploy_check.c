#include "cmd/deploy_check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "node/chain/deploy.h"
#include "node/chain/rpc.h"

static int wrong(const char *what, struct err *err)
{
	err_set(err, ERR_DENIED, "all is mined, but it is not so that %.120s: do not use this deployment", what);
	return 4;
}

static int compare(const struct deploy_checks *checks, const struct cli_reads *reads, struct err *err)
{
	size_t i;

	for (i = 0; i < checks->n; i++) {
		const struct buf *want = &checks->c[i].want;

		if (!reads->r[i].result || reads->r[i].n != want->len ||
		    memcmp(reads->r[i].result, want->data, want->len) != 0)
			return wrong(checks->c[i].what, err);
	}
	return 0;
}

static int check_state(struct cli *c, struct deploy *d, struct err *err)
{
	struct cli_reads reads = { 0 };
	struct deploy_checks checks;
	size_t i;
	int rc;

	if (deploy_checks(&checks, d, err) < 0)
		return 1;
	assert(checks.n <= CLI_READS_MAX);	/* a few for each parameter of the plan */
	for (i = 0; i < checks.n; i++) {
		struct buf *data = cli_read_at(&reads, &checks.c[i].to);

		buf_add(data, checks.c[i].data.data, checks.c[i].data.len);
	}
	rc = cli_read_all(c, &reads, true, err);
	if (rc == 0)
		rc = compare(&checks, &reads, err);
	if (rc == 0)
		cli_say(c, "%zu parameters, owners and entries are as asked.", checks.n);
	cli_reads_fini(&reads);
	deploy_checks_fini(&checks);
	return rc;
}

static int check_one_code(struct cli *c, const char *name, const struct eth_addr *at, struct err *err)
{
	char addr[43], what[100], *params;
	struct rpc_call call = { "eth_getCode", NULL };
	struct rpc_reply r;
	const char *code;
	int rc;

	eth_addr_fmt(addr, at);
	params = xasprintf("[\"%s\",\"latest\"]", addr);
	call.params = params;
	rc = cli_rpc(c, &call, 1, &r, err);
	code = json_string_value(r.result);
	snprintf(what, sizeof(what), "%s is at %s", name, addr);
	if (rc == 0 && (!code || strlen(code) < 4))
		rc = wrong(what, err);
	rpc_reply_fini(&r);
	free(params);
	return rc;
}

static int check_codes(struct cli *c, struct deploy *d, struct err *err)
{
	struct eth_addr at;
	const char *name;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && (name = deploy_contract(d, i, &at)); i++)
		rc = check_one_code(c, name, &at, err);
	return rc;
}

int deploy_check(struct cli *c, struct deploy *d, struct err *err)
{
	int rc = check_codes(c, d, err);

	return rc == 0 ? check_state(c, d, err) : rc;
}
