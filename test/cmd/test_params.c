/* The table of parameters against the contracts' ABI, and their values as people write them. */
#include "test/test.h"

#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "bind/artifacts.h"
#include "cmd/params.h"

static const enum chain_contract managers[] = {
	CONTRACT_ROUNDS_MANAGER, CONTRACT_MINTER, CONTRACT_BONDING_MANAGER, CONTRACT_JOBS_MANAGER, CONTRACT_VERIFIER,
	CONTRACT_SERVICE_REGISTRY, CONTRACT_LIVEPEER_GOVERNOR, CONTRACT_TREASURY, CONTRACT_CONTROLLER,
	CONTRACT_LIVEPEER_TOKEN, CONTRACT_BONDING_VOTES,
};
/* What begins like a setter and sets no parameter. */
static const char *const others[] = {
	"setCurrentRewardTokens",		/* Minter: by the RoundsManager */
	"setCurrentRoundTotalActiveStake",	/* BondingManager: likewise */
	"setServiceURI",			/* everybody's own */
	"setContractInfo",			/* addresses: lpnode propose -target */
	"updateTranscoderWithFees",		/* BondingManager: by the JobsManager */
	"updateTimelock",			/* an address */
};

static bool is_setter(const struct bind_function *f)
{
	bool set = strncmp(f->name, "set", 3) == 0 && isupper((unsigned char)f->name[3]);
	size_t i;

	if (f->view || (!set && strncmp(f->name, "update", 6) != 0))
		return false;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(f->name, others[i]) == 0)
			return false;
	}
	return true;
}

static void every_setter_of_every_manager_is_there_with_each_argument(void **state)
{
	const struct bind_artifact *a;
	size_t m, i, k, n = 0;

	for (m = 0; m < sizeof(managers) / sizeof(managers[0]); m++) {
		a = artifact_find(chain_contract_name(managers[m]));
		assert_non_null(a);
		for (i = 0; i < a->n_functions; i++) {
			if (!is_setter(&a->functions[i]))
				continue;
			for (k = 0; k < a->functions[i].n_inputs; k++, n++) {
				if (!param_of_setter(managers[m], a->functions[i].name, (unsigned)k))
					fail_msg("%s.%s: argument %zu is no parameter", a->name, a->functions[i].name, k);
			}
		}
	}
	/* And none is there twice. */
	assert_int_equal(n, n_params);
}

static void every_parameter_has_its_view_and_its_setter(void **state)
{
	const struct bind_function *f;
	const struct bind_artifact *a;
	size_t i, k;

	for (i = 0; i < n_params; i++) {
		a = artifact_find(chain_contract_name(params[i].contract));
		for (k = 0; k < a->n_functions && strcmp(a->functions[k].signature, params[i].getter) != 0; k++)
			;
		if (k == a->n_functions)
			fail_msg("%s has no %s", a->name, params[i].getter);
		assert_true(a->functions[k].view);
		f = artifact_function(a, params[i].setter);
		assert_non_null(f);
		assert_true(params[i].arg < f->n_inputs);
		assert_int_equal(param_n_args(&params[i]), f->n_inputs);
		assert_true(params[i].max == 0 || params[i].min <= params[i].max);
		assert_ptr_equal(param_find(params[i].name, NULL), &params[i]);
	}
}

/* The words of a struct that a view tells are its fields in order. */
static void words_of_the_verifiers_parameters_have_their_names(void **state)
{
	const struct bind_function *f = artifact_function(artifact_find("Verifier"), "initialize");
	size_t i;

	assert_int_equal(f->n_inputs, 1);
	for (i = 0; i < n_params; i++) {
		if (params[i].contract == CONTRACT_VERIFIER)
			assert_string_equal(f->inputs[0].fields[params[i].word].name, params[i].name);
	}
}

static void the_whitepapers_names_are_known(void **state)
{
	static const char *const names[] = {
		"N", "RoundLength", "InflationRate", "ParticipationRate", "RoundLockAmount", "UnbondingPeriod",
		"VerificationPeriod", "VerificationRate", "FailedVerificationSlashAmount", "MissedRewardSlashAmount",
		"MissedVerificationSlashAmount", "CompetitivenessTolerance", "VerificationFailureThreshold", "FinderFee",
		"SlashingPeriod",
	};
	const char *nearest;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!param_find(names[i], NULL))
			fail_msg("%s is not known", names[i]);
	}
	assert_null(param_find("roundLenght", &nearest));
	assert_string_equal(nearest, "roundLength");
	assert_null(param_find("unheardOf", &nearest));
	assert_null(nearest);
}

static void values_are_read_in_their_units(void **state)
{
	static const struct {
		const char *name, *text, *value, *shown;
	} cases[] = {
		{ "roundLength", "60", "60", "60 blocks" },
		{ "roundLength", "60 blocks", "60", "60 blocks" },
		{ "unbondingPeriod", "1 round", "1", "1 round" },
		{ "roundLockAmount", "12.5%", "125000", "12.5%" },
		{ "roundLockAmount", "12.5 %", "125000", "12.5%" },
		{ "inflation", "0.0003", "3", "0.0003%" },
		{ "verifierFee", "300%", "3000000", "300%" },
		{ "verificationRate", "1/500", "500", "1 in 500" },
		{ "verificationRate", "500", "500", "1 in 500" },
		{ "minTranscoderStake", "1.5 LPT", "1500000000000000000", "1.5 LPT" },
		{ "minTranscoderStake", "1 wei", "1", "0.000000000000000001 LPT" },
		{ "competitivenessFloor", "0.1 ETH", "100000000000000000", "0.1 ETH" },
		{ "quorumNumerator", "33%", "33", "33%" },
		{ "minDelay", "2 days", "172800", "2 days" },
		{ "minDelay", "90", "90", "90 seconds" },
		{ "minDelay", "0", "0", "0 seconds" },
		{ "N", "20", "20", "20" },
	};
	char dec[U256_DEC_MAX], text[120];
	const struct param *p;
	struct u256 v;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		p = param_find(cases[i].name, NULL);
		assert_non_null(p);
		if (param_parse(&v, p, cases[i].text, &err) < 0)
			fail_msg("%s=%s: %s", cases[i].name, cases[i].text, err.msg);
		u256_fmt_dec(dec, &v);
		assert_string_equal(dec, cases[i].value);
		assert_string_equal(param_fmt(text, p, &v), cases[i].shown);
		/* What is shown can be written. */
		if (p->unit != PARAM_ONE_IN)
			assert_int_equal(param_parse(&v, p, text, &err), 0);
	}
}

static void values_out_of_bounds_or_of_another_unit_are_refused_in_words(void **state)
{
	static const struct {
		const char *name, *text, *says;
	} cases[] = {
		{ "roundLength", "1", "from 2 blocks to 1000000 blocks" },
		{ "roundLength", "1000001", "from 2 blocks" },
		{ "roundLength", "60 rounds", "write 60 or \"60 blocks\"" },
		{ "roundLength", "", "write 60" },
		{ "roundLength", "-1", "write 60" },
		{ "roundLength", "1e3", "write 60" },
		{ "roundLength", "99999999999999999999999999999999999999999999999", "write 60" },
		{ "roundLockAmount", "100.1%", "from 0% to 100%" },
		{ "roundLockAmount", "0.00001%", "four digits" },
		{ "roundLockAmount", "%", "write 12.5%" },
		{ "quorumNumerator", "101%", "from 0% to 100%" },
		{ "quorumNumerator", "33.5%", "whole percent" },
		{ "verificationRate", "0", "from 1 in 1" },
		{ "minTranscoderStake", "0", "at least 0.000000000000000001 LPT" },
		{ "minTranscoderStake", "1 ETH", "write \"100 LPT\"" },
		{ "minTranscoderStake", "99999999999999 LPT", "more than fits" },
		{ "numActiveTranscoders", "70000", "to 65535" },
		{ "minDelay", "2 rounds", "2 days" },
		{ "votingPeriod", "0", "from 1 round" },
	};
	struct u256 v;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (param_parse(&v, param_find(cases[i].name, NULL), cases[i].text, &err) == 0)
			fail_msg("%s=%s is taken", cases[i].name, cases[i].text);
		if (!strstr(err.msg, cases[i].says) || !strstr(err.msg, cases[i].name))
			fail_msg("%s=%s: %s", cases[i].name, cases[i].text, err.msg);
	}
}

static void a_setter_is_called_with_all_its_arguments(void **state)
{
	struct u256 args[3] = { u256_of(12), u256_of(20), u256_of(10) };
	struct abi_selector sel = abi_selector_of("setPeriods(uint256,uint256,uint256)");
	struct buf b;

	buf_init(&b, 1024);
	param_set_call(&b, param_find("appealPeriod", NULL), args, 3);
	assert_false(b.failed);
	assert_int_equal(b.len, 4 + 96);
	assert_memory_equal(b.data, sel.b, 4);
	assert_int_equal(b.data[4 + 31], 12);
	assert_int_equal(b.data[4 + 63], 20);
	assert_int_equal(b.data[4 + 95], 10);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_setter_of_every_manager_is_there_with_each_argument),
		cmocka_unit_test(every_parameter_has_its_view_and_its_setter),
		cmocka_unit_test(words_of_the_verifiers_parameters_have_their_names),
		cmocka_unit_test(the_whitepapers_names_are_known),
		cmocka_unit_test(values_are_read_in_their_units),
		cmocka_unit_test(values_out_of_bounds_or_of_another_unit_are_refused_in_words),
		cmocka_unit_test(a_setter_is_called_with_all_its_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
