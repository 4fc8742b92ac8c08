/* lpnode protocol: all parameters and contracts. */
#include <strings.h>

#include "cmd/commands.h"
#include "cmd/param_read.h"

typedef unsigned long long ull;

static json_t *param_json(const struct param *p, const struct u256 *value, const struct param_owner *o)
{
	json_t *j = json_object();
	uint64_t small;

	json_object_set_new(j, "name", json_string(p->name));
	json_object_set_new(j, "whitepaper", p->paper ? json_string(p->paper) : json_null());
	json_object_set_new(j, "contract", json_string(chain_contract_name(p->contract)));
	json_object_set_new(j, "unit", json_string(param_unit_name(p->unit)));
	if (p->unit != PARAM_LPT && p->unit != PARAM_ETH && u256_to_u64(&small, value) && small < 1ULL << 53)
		json_object_set_new(j, "value", json_integer((json_int_t)small));
	else
		json_object_set_new(j, "value", cli_json_amount(value));
	json_object_set_new(j, "setter", json_string(p->setter));
	json_object_set_new(j, "byVote", json_boolean(param_is_voted(p, o)));
	json_object_set_new(j, "help", json_string(p->help));
	return j;
}

static void show_params(struct cli *c, const struct u256 *values, const struct param_owner *o)
{
	json_t *list = json_array();
	const char *paper;
	char value[120];
	size_t i;

	for (i = 0; i < n_params; i++) {
		paper = params[i].paper && strcasecmp(params[i].paper, params[i].name) != 0 ? params[i].paper : NULL;
		if (i == 0 || params[i].contract != params[i - 1].contract)
			cli_say(c, "\n%s", chain_contract_name(params[i].contract));
		cli_say(c, "  %-29s %15s  %s%s%s%s", params[i].name, param_fmt(value, &params[i], &values[i]),
			paper ? "(" : "", paper ? paper : "", paper ? ") " : "", params[i].help);
		json_array_append_new(list, param_json(&params[i], &values[i], o));
	}
	json_object_set_new(c->out, "parameters", list);
}

static void show_contracts(struct cli *c)
{
	json_t *all = json_object();
	char addr[43];
	int i;

	cli_say(c, "\nContracts");
	for (i = 0; i < N_CHAIN_CONTRACTS; i++) {
		if (eth_addr_is_zero(&c->pin.contracts[i]))
			continue;
		eth_addr_fmt(addr, &c->pin.contracts[i]);
		cli_say(c, "  %-29s %s", chain_contract_name((enum chain_contract)i), addr);
		json_object_set_new(all, chain_contract_name((enum chain_contract)i),
				    cli_json_addr(&c->pin.contracts[i]));
	}
	json_object_set_new(c->out, "contracts", all);
}

static int protocol(struct cli *c, char **args, size_t n_args, void *opts, struct err *err)
{
	struct u256 values[PARAMS_MAX];
	struct param_owner o;
	char addr[43];
	int rc;

	rc = param_read_all(c, values, err);
	if (rc == 0)
		rc = param_read_owner(c, &o, err);
	if (rc != 0)
		return rc;
	eth_addr_fmt(addr, &o.owner);
	cli_field(c, "chainId", json_integer((json_int_t)c->pin.chain_id), "chain", "%llu", (ull)c->pin.chain_id);
	cli_field(c, "owner", cli_json_addr(&o.owner), NULL, " ");
	cli_field(c, "changedByVote", json_boolean(o.is_vote), "changed by", "%s%s",
		  o.is_vote ? "a vote and nothing else (lpnode propose)" : addr,
		  o.is_vote ? "" : " alone, the Controller's owner;");
	if (!o.is_vote)
		cli_field(c, NULL, NULL, "", "the Governor's and the Treasury's by a vote (lpnode propose)");
	cli_field(c, "paused", json_boolean(o.paused), "state", "%s",
		  o.paused ? "PAUSED: nothing but withdrawals, and sealing of block hashes, works" : "running");
	show_params(c, values, &o);
	cli_say(c, "\nT, the length of a segment, is each job's own.  SlashingThresholds is the whitepaper's other");
	cli_say(c, "name for verificationFailureThreshold.");
	show_contracts(c);
	return 0;
}

static const struct cli_command commands[] = {
	{ "protocol", "", "all parameters, who may change them, and the contracts' addresses", "Protocol", 0, 0,
	  CLI_CHAIN, NULL, 0, 0, protocol },
};
const struct cli_commands protocol_commands = { commands, sizeof(commands) / sizeof(commands[0]) };
