#include <string.h>

#include "base/err.h"
#include "bind/controller.h"
#include "cmd/param_read.h"
#include "cmd/round.h"

/* Several that one view tells are asked for once. */
static bool same_view(size_t i)
{
	return i > 0 && params[i].contract == params[i - 1].contract &&
	       strcmp(params[i].getter, params[i - 1].getter) == 0;
}

int param_read_all(struct cli *c, struct u256 values[PARAMS_MAX], struct err *err)
{
	struct cli_reads reads = { 0 };
	struct abi_selector sel;
	size_t i, k = 0;
	int rc;

	for (i = 0; i < n_params; i++) {
		if (same_view(i))
			continue;
		sel = abi_selector_of(params[i].getter);
		buf_add(cli_read(&reads, c, params[i].contract), sel.b, sizeof(sel.b));
	}
	rc = cli_read_all(c, &reads, false, err);
	for (i = 0; rc == 0 && i < n_params; i++) {
		k += i > 0 && !same_view(i);
		if (!reads.r[k].result || reads.r[k].n < (params[i].word + 1) * 32) {
			err_set(err, ERR_INVALID, "%s.%s: the answer is too short",
				chain_contract_name(params[i].contract), params[i].getter);
			rc = 1;
			break;
		}
		values[i] = u256_from_be(reads.r[k].result + params[i].word * 32);
	}
	cli_reads_fini(&reads);
	return rc;
}

int param_read_owner(struct cli *c, struct param_owner *o, struct err *err)
{
	struct cli_reads reads = { 0 };
	struct controller_paused paused;
	struct controller_owner owner;
	int rc;

	memset(o, 0, sizeof(*o));
	controller_owner_call(cli_read(&reads, c, CONTRACT_CONTROLLER));
	controller_paused_call(cli_read(&reads, c, CONTRACT_CONTROLLER));
	rc = cli_read_all(c, &reads, false, err);
	if (rc == 0 && (CLI_DECODE(controller_owner, &owner, reads, 0, err) < 0 ||
			CLI_DECODE(controller_paused, &paused, reads, 1, err) < 0))
		rc = 1;
	cli_reads_fini(&reads);
	if (rc != 0)
		return rc;
	o->owner = owner.value;
	o->is_vote = eth_addr_equal(&o->owner, &c->pin.contracts[CONTRACT_TREASURY]);
	o->paused = paused.value;
	return 0;
}

bool param_is_voted(const struct param *p, const struct param_owner *o)
{
	return o->is_vote || p->contract == CONTRACT_LIVEPEER_GOVERNOR || p->contract == CONTRACT_TREASURY;
}
