/* The generated bindings against what ethers makes of the same values (test/vectors/bind.mjs). */
#include "test/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/artifacts.h"
#include "bind/bonding_manager.h"
#include "bind/controller.h"
#include "bind/errors.h"
#include "bind/jobs_manager.h"
#include "bind/livepeer_governor.h"
#include "bind/livepeer_token.h"
#include "bind/service_registry.h"
#include "bind/treasury.h"
#include "bind/verifier.h"
#include "test/vectors.h"

#define SNOW "https://snow.example/\xe2\x98\x83"

static json_t *vectors;

static int load(void **state)
{
	vectors = vectors_load("test/vectors/bind.json");
	return 0;
}

static int drop(void **state)
{
	json_decref(vectors);
	return 0;
}

static struct eth_addr A(int n)
{
	struct eth_addr a;

	memset(&a, n, sizeof(a));
	return a;
}

static struct hash32 H(int n)
{
	struct hash32 h;

	memset(&h, n, sizeof(h));
	return h;
}

static struct u256 U(uint64_t n)
{
	return (struct u256){ { n, n, n, n } };
}

static uint8_t *unhex(const char *s, size_t *n)
{
	uint8_t *data;

	assert_non_null(s);
	*n = strlen(s) / 2 - 1;
	data = xmalloc(*n + 1);
	assert_int_equal(hex_parse(data, *n, s), 0);
	return data;
}

static uint8_t *vector(const char *group, const char *name, size_t *n)
{
	return unhex(json_string_value(json_object_get(json_object_get(vectors, group), name)), n);
}

static void assert_addr(const struct eth_addr *a, int n)
{
	struct eth_addr want = A(n);

	assert_memory_equal(a, &want, sizeof(want));
}

static void assert_u256(const struct u256 *a, const struct u256 *b)
{
	assert_int_equal(u256_cmp(a, b), 0);
}

static void assert_U(const struct u256 *a, uint64_t n)
{
	struct u256 want = U(n);

	assert_u256(a, &want);
}

static void assert_small(const struct u256 *a, uint64_t n)
{
	struct u256 want = u256_of(n);

	assert_u256(a, &want);
}

static void assert_hash(const struct hash32 *h, int n)
{
	struct hash32 want = H(n);

	assert_memory_equal(h, &want, sizeof(want));
}

/* ---- calls ---- */

static void assert_call(struct buf *b, const char *name)
{
	size_t n;
	uint8_t *want = vector("calls", name, &n);

	assert_false(b->failed);
	assert_int_equal(b->len, n);
	assert_memory_equal(b->data, want, n);
	free(want);
	buf_clear(b);
}

static void plain_arguments_are_encoded(void **state)
{
	struct u256 one = U(1);
	struct eth_addr two = A(2);
	struct hash32 root = H(4), seed = H(5);
	struct buf b;

	buf_init(&b, 4096);
	bonding_manager_bond_call(&b, &one, &two);
	assert_call(&b, "bond");
	jobs_manager_claim_work_call(&b, &one, "\1\2\3", 3, &root, &seed, NULL, 0);
	assert_call(&b, "claimWork");
	service_registry_set_service_uri_call(&b, SNOW);
	assert_call(&b, "setServiceURI");
	treasury_supports_interface_call(&b, (const uint8_t[4]){ 1, 2, 3, 4 });
	assert_call(&b, "supportsInterface");
	controller_paused_call(&b);
	assert_call(&b, "paused");
	buf_fini(&b);
}

static void overloads_are_two_functions(void **state)
{
	struct u256 one = U(1);
	struct buf b;

	buf_init(&b, 4096);
	livepeer_governor_quorum_numerator_call(&b, &one);
	assert_call(&b, "quorumNumerator");
	livepeer_governor_quorum_numerator_2_call(&b);
	assert_call(&b, "quorumNumerator_2");
	buf_fini(&b);
}

static void arrays_are_encoded(void **state)
{
	struct eth_addr targets[] = { A(1), A(2) };
	struct u256 values[] = { U(3), U(4) };
	uint8_t five = 5;
	struct bind_bytes calldatas[] = { { &five, 1 }, { NULL, 0 } };
	struct buf b;

	buf_init(&b, 4096);
	livepeer_governor_propose_call(&b, targets, 2, values, 2, calldatas, 2, "why not");
	assert_call(&b, "propose");
	livepeer_governor_propose_call(&b, NULL, 0, NULL, 0, NULL, 0, "");
	assert_call(&b, "proposeNothing");
	buf_fini(&b);
}

static void structs_are_encoded(void **state)
{
	struct u256 answers[] = { U(12), U(13), U(14) };
	struct verifier_request request = {
		.ref = { U(1), A(2), 3 }, .batch = U(4), .broadcaster = A(5), .seed = H(6),
		.challenge_block = U(7), .work = H(8), .count = U(9), .fee = U(10),
	};
	struct verifier_decision decision = { .verdicts = U(11), .answers = answers, .n_answers = 3 };
	struct buf b;

	buf_init(&b, 4096);
	verifier_appeal_call(&b, &request, &decision);
	assert_call(&b, "appeal");
	buf_fini(&b);
}

static void structs_in_arrays_and_arrays_in_structs_are_encoded(void **state)
{
	uint8_t ranges[2] = { 0x27, 0x28 }, statement = 0x34;
	struct hash32 proof[] = { H(30), H(31) };
	struct u256 flags[] = { U(32) };
	struct jobs_manager_claim_ref ref = { U(1), A(2), 3 };
	struct jobs_manager_verify_segment segments[] = {
		{ 4, 5, H(6), H(7), { H(8), H(9), 10 }, { H(11), H(12), 13 } },
		{ UINT64_MAX, UINT32_MAX, H(14), H(15), { H(16), H(17), 18 }, { H(19), H(20), 255 } },
	};
	struct jobs_manager_verify_proof p = {
		.details = { H(21), H(22), 23, H(24), A(25), U(26) }, .ranges = { ranges, 2 }, .root = H(29),
		.proof = proof, .n_proof = 2, .flag_bits = flags, .n_flag_bits = 1, .flag_count = 33,
	};
	struct buf b;

	buf_init(&b, 4096);
	jobs_manager_verify_call(&b, &ref, segments, 2, &p, &statement, 1);
	assert_call(&b, "verify");
	ref.claim_id = (uint64_t)UINT32_MAX + 1;
	jobs_manager_verify_call(&b, &ref, segments, 2, &p, &statement, 1);
	assert_true(b.failed);
	buf_fini(&b);
}

static void structs_of_any_length_in_arrays_are_encoded(void **state)
{
	uint8_t ranges[2] = { 5, 6 };
	uint64_t first[] = { 8, UINT64_MAX }, third[] = { 12 };
	struct u256 one[] = { U(10) }, two[] = { U(14), U(15) };
	struct jobs_manager_claim_ref ref = { U(1), A(2), 3 };
	struct hash32 root = H(7), salt = H(16);
	struct jobs_manager_verified_batch batches[] = {
		{ .sequences = first, .n_sequences = 2, .work = H(9), .signers = one, .n_signers = 1 },
		{ .work = H(11) },
		{ .sequences = third, .n_sequences = 1, .work = H(13), .signers = two, .n_signers = 2 },
	};
	struct buf b;

	buf_init(&b, 4096);
	jobs_manager_missed_verification_slash_call(&b, &ref, 4, ranges, 2, &root, batches, 3, &salt);
	assert_call(&b, "missedVerificationSlash");
	buf_fini(&b);
}

static void a_call_that_does_not_fit_fails(void **state)
{
	struct u256 one = U(1);
	struct eth_addr two = A(2);
	struct buf b;

	buf_init(&b, 67);
	bonding_manager_bond_call(&b, &one, &two);
	assert_true(b.failed);
	buf_fini(&b);
}

/* ---- results ---- */

static void plain_results_are_read(void **state)
{
	struct bonding_manager_get_delegator d;
	struct bonding_manager_is_active_transcoder active;
	struct livepeer_governor_state s;
	size_t n;
	uint8_t *p = vector("results", "getDelegator", &n);

	assert_int_equal(bonding_manager_get_delegator_read(&d, p, n, NULL), 0);
	free(p);
	assert_U(&d.bonded_amount, 1);
	assert_addr(&d.delegate_address, 3);
	assert_U(&d.next_unbonding_lock_id, 7);
	p = vector("results", "isActiveTranscoder", &n);
	assert_int_equal(bonding_manager_is_active_transcoder_read(&active, p, n, NULL), 0);
	free(p);
	assert_true(active.value);
	p = vector("results", "state", &n);
	assert_int_equal(livepeer_governor_state_read(&s, p, n, NULL), 0);
	free(p);
	assert_int_equal(s.value, 7);
}

static void assert_info(const struct bonding_manager_transcoder_info *t, unsigned n)
{
	assert_addr(&t->transcoder, (int)n);
	assert_small(&t->stake, n + 1);
	assert_int_equal(t->price, n + 3);
	assert_true(t->registered);
	assert_false(t->in_pool);
	assert_int_equal(t->active, n % 2 == 0);
	assert_U(&t->work, n);
	assert_int_equal(t->later_fee_share, n + 12);
}

static void arrays_of_structs_are_read(void **state)
{
	struct bonding_manager_get_transcoders t;
	struct verifier_get_draws d;
	struct verifier_get_jury j;
	size_t n;
	uint8_t *p = vector("results", "getTranscoders", &n);

	assert_int_equal(bonding_manager_get_transcoders_read(&t, p, n, NULL), 0);
	free(p);
	assert_int_equal(t.n_rows, 2);
	assert_info(&t.rows[0], 20);
	assert_info(&t.rows[1], 41);
	assert_U(&t.total, 9);
	bonding_manager_get_transcoders_fini(&t);
	assert_null(t.rows);
	p = vector("results", "getDraws", &n);
	assert_int_equal(verifier_get_draws_read(&d, p, n, NULL), 0);
	free(p);
	assert_int_equal(d.n_value, 2);
	assert_addr(&d.value[1].owner, 6);
	assert_true(d.value[0].empty);
	verifier_get_draws_fini(&d);
	p = vector("results", "getJury", &n);
	assert_int_equal(verifier_get_jury_read(&j, p, n, NULL), 0);
	free(p);
	assert_hash(&j.seed, 1);
	assert_int_equal(j.n_v1, 1);
	assert_U(&j.v1[0].k, 2);
	verifier_get_jury_fini(&j);
}

static void an_empty_array_is_read(void **state)
{
	struct bonding_manager_get_transcoders t;
	size_t n;
	uint8_t *p = vector("results", "getNoTranscoders", &n);

	assert_int_equal(bonding_manager_get_transcoders_read(&t, p, n, NULL), 0);
	assert_int_equal(t.n_rows, 0);
	assert_null(t.rows);
	bonding_manager_get_transcoders_fini(&t);
	free(p);
}

static void structs_in_structs_are_read(void **state)
{
	struct verifier_get_appeal a;
	size_t n;
	uint8_t *p = vector("results", "getAppeal", &n);

	assert_int_equal(verifier_get_appeal_read(&a, p, n, NULL), 0);
	free(p);
	assert_addr(&a.value.appellant, 1);
	assert_int_equal(a.value.at_block, 2);
	assert_small(&a.value.bond, 3);
	assert_small(&a.value.jury.content, 4);
	assert_int_equal(a.value.jury.extensions, 9);
}

static void texts_and_bytes_are_read(void **state)
{
	struct livepeer_token_eip712_domain d;
	struct service_registry_get_service_uri u;
	size_t n;
	uint8_t *p = vector("results", "eip712Domain", &n);

	assert_int_equal(livepeer_token_eip712_domain_read(&d, p, n, NULL), 0);
	free(p);
	assert_int_equal(d.fields[0], 15);
	assert_string_equal(d.name, "Livepeer Token");
	assert_string_equal(d.version, "");
	assert_addr(&d.verifying_contract, 2);
	assert_hash(&d.salt, 3);
	assert_int_equal(d.n_extensions, 2);
	assert_U(&d.extensions[1], 5);
	livepeer_token_eip712_domain_fini(&d);
	p = vector("results", "getServiceURI", &n);
	assert_int_equal(service_registry_get_service_uri_read(&u, p, n, NULL), 0);
	free(p);
	assert_string_equal(u.value, SNOW);
	service_registry_get_service_uri_fini(&u);
}

/* ---- lies ---- */

static void an_answer_cut_anywhere_is_refused(void **state)
{
	struct bonding_manager_get_transcoders t;
	struct err err;
	size_t n, i;
	uint8_t *p = vector("results", "getTranscoders", &n);

	for (i = 0; i < n; i++) {
		uint8_t *cut = xmalloc(i + 1);

		memcpy(cut, p, i);
		assert_int_equal(bonding_manager_get_transcoders_read(&t, cut, i, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		assert_non_null(strstr(err.msg, "BondingManager.getTranscoders"));
		assert_null(t.rows);
		free(cut);
	}
	free(p);
}

static void no_answer_is_told_as_no_contract(void **state)
{
	struct bonding_manager_get_delegator d;
	struct err err;

	assert_int_equal(bonding_manager_get_delegator_read(&d, NULL, 0, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "there is no such contract"));
}

static void a_number_wider_than_its_type_is_refused(void **state)
{
	struct verifier_get_appeal a;
	struct err err;
	size_t n;
	uint8_t *p = vector("results", "getAppeal", &n);

	p[n - 32 + 30] = 1;	/* extensions is a uint8 */
	assert_int_equal(verifier_get_appeal_read(&a, p, n, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(a.value.at_block, 0);
	free(p);
}

static void a_text_with_a_zero_byte_is_refused(void **state)
{
	struct livepeer_token_eip712_domain d;
	struct err err;
	size_t n, i;
	uint8_t *p = vector("results", "eip712Domain", &n);

	for (i = 0; i + 8 <= n && memcmp(p + i, "Livepeer", 8) != 0; i++)
		;
	assert_true(i + 8 <= n);
	p[i + 2] = 0;
	assert_int_equal(livepeer_token_eip712_domain_read(&d, p, n, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_null(d.name);
	free(p);
}

/* ---- events ---- */

static void event_log(struct eth_log *log, const char *name)
{
	const json_t *e = json_object_get(json_object_get(vectors, "events"), name);
	const json_t *topics = json_object_get(e, "topics");
	size_t i;

	memset(log, 0, sizeof(*log));
	log->n_topics = (unsigned)json_array_size(topics);
	assert_in_range(log->n_topics, 1, 4);
	for (i = 0; i < log->n_topics; i++)
		assert_int_equal(hex_parse(log->topics[i].b, 32, json_string_value(json_array_get(topics, i))), 0);
	log->data = unhex(json_string_value(json_object_get(e, "data")), &log->n_data);
}

static void events_are_read(void **state)
{
	struct bonding_manager_bond_event bond;
	struct livepeer_token_transfer_event transfer;
	struct eth_log log;

	event_log(&log, "Bond");
	assert_int_equal(bonding_manager_bond_event_read(&bond, &log, NULL), 0);
	assert_memory_equal(&log.topics[0], bonding_manager_bond_topic(), 32);
	assert_addr(&bond.new_delegate, 1);
	assert_addr(&bond.old_delegate, 2);
	assert_addr(&bond.delegator, 3);
	assert_U(&bond.additional_amount, 4);
	assert_U(&bond.bonded_amount, 5);
	free(log.data);
	event_log(&log, "Transfer");
	assert_int_equal(livepeer_token_transfer_event_read(&transfer, &log, NULL), 0);
	assert_addr(&transfer.from, 1);
	assert_addr(&transfer.to, 2);
	assert_U(&transfer.value, 3);
	free(log.data);
}

static void events_with_texts_and_arrays_are_read(void **state)
{
	struct livepeer_governor_proposal_created_event p;
	struct service_registry_service_uri_update_event u;
	struct eth_log log;

	event_log(&log, "ServiceURIUpdate");
	assert_int_equal(service_registry_service_uri_update_event_read(&u, &log, NULL), 0);
	assert_addr(&u.addr, 1);
	assert_string_equal(u.service_uri, SNOW);
	service_registry_service_uri_update_event_fini(&u);
	free(log.data);
	event_log(&log, "ProposalCreated");
	assert_int_equal(livepeer_governor_proposal_created_event_read(&p, &log, NULL), 0);
	assert_int_equal(p.n_targets, 2);
	assert_addr(&p.targets[1], 4);
	assert_int_equal(p.n_signatures, 2);
	assert_string_equal(p.signatures[1], "f()");
	assert_int_equal(p.n_calldatas, 2);
	assert_int_equal(p.calldatas[0].n, 1);
	assert_int_equal(p.calldatas[0].p[0], 7);
	assert_int_equal(p.calldatas[1].n, 0);
	assert_string_equal(p.description, "why not");
	livepeer_governor_proposal_created_event_fini(&p);
	free(log.data);
}

static void another_event_is_not_found(void **state)
{
	struct bonding_manager_bond_event bond;
	struct eth_log log;
	struct err err;

	event_log(&log, "Transfer");
	assert_int_equal(bonding_manager_bond_event_read(&bond, &log, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	log.n_topics = 0;
	assert_int_equal(bonding_manager_bond_event_read(&bond, &log, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	free(log.data);
}

static void an_event_with_lies_is_refused(void **state)
{
	struct bonding_manager_bond_event bond;
	struct eth_log log;
	struct err err;

	event_log(&log, "Bond");
	log.n_topics = 3;
	assert_int_equal(bonding_manager_bond_event_read(&bond, &log, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	log.n_topics = 4;
	log.topics[2].b[0] = 1;		/* no address */
	assert_int_equal(bonding_manager_bond_event_read(&bond, &log, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_true(eth_addr_is_zero(&bond.new_delegate));
	log.topics[2].b[0] = 0;
	log.n_data--;
	assert_int_equal(bonding_manager_bond_event_read(&bond, &log, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	free(log.data);
}

/* ---- errors and artifacts ---- */

/* "uint256 round,address who" without the names. */
static char *types_of(const char *params)
{
	struct buf b;
	char *text;
	bool in_name = false;

	buf_init(&b, 1000);
	for (; *params; params++) {
		in_name = *params != ',' && (in_name || *params == ' ');
		if (!in_name)
			buf_add_u8(&b, (uint8_t)*params);
	}
	text = xstrdup(buf_cstr(&b));
	buf_fini(&b);
	return text;
}

static void every_error_is_found_by_its_selector(void **state)
{
	const json_t *all = json_object_get(vectors, "errors"), *signature;
	const char *sel_text;

	assert_int_equal(n_bind_errors, json_object_size(all));
	json_object_foreach((json_t *)(uintptr_t)all, sel_text, signature) {
		const struct bind_error *e;
		uint8_t sel[4];
		char *types, *text;

		assert_int_equal(hex_parse(sel, sizeof(sel), sel_text), 0);
		e = bind_error_find(sel);
		assert_non_null(e);
		types = types_of(e->params);
		text = xasprintf("%s(%s)", e->name, types);
		assert_string_equal(text, json_string_value(signature));
		free(types);
		free(text);
	}
	assert_null(bind_error_find((const uint8_t[4]){ 0, 0, 0, 0 }));
	assert_null(bind_error_find((const uint8_t[4]){ 255, 255, 255, 255 }));
}

static void check_param(const struct bind_param *p)
{
	struct abi_type t;
	size_t i;

	assert_int_equal(abi_type_parse(&t, p->type, NULL), 0);
	assert_int_equal(p->n_fields, t.kind == ABI_TUPLE ? t.n_items : t.kind == ABI_ARRAY ? t.items[0].n_items : 0);
	abi_type_fini(&t);
	for (i = 0; i < p->n_fields; i++)
		check_param(&p->fields[i]);
}

static void check_function(const struct bind_function *f)
{
	struct abi_type t;
	size_t i;

	assert_int_equal(abi_type_parse(&t, strchr(f->signature, '('), NULL), 0);
	assert_int_equal(t.n_items, f->n_inputs);
	abi_type_fini(&t);
	assert_int_equal(abi_type_parse(&t, f->outputs, NULL), 0);
	abi_type_fini(&t);
	for (i = 0; i < f->n_inputs; i++)
		check_param(&f->inputs[i]);
}

static void artifacts_are_whole(void **state)
{
	size_t i, j;

	assert_int_equal(n_bind_artifacts, 15);
	for (i = 0; i < n_bind_artifacts; i++) {
		const struct bind_artifact *a = &bind_artifacts[i];

		assert_in_range(a->code_end - a->code, 100, 60000);
		check_function(&a->constructor);
		for (j = 0; j < a->n_functions; j++)
			check_function(&a->functions[j]);
	}
}

static void the_plan_is_in_the_program(void **state)
{
	size_t n = (size_t)(bind_deploy_json_end - bind_deploy_json);
	json_t *file = vectors_load("eth/deploy.json"), *built_in = json_loadb(bind_deploy_json, n, 0, NULL);

	assert_non_null(built_in);
	assert_true(json_equal(file, built_in));
	assert_int_equal(strlen(bind_deploy_json), n);
	json_decref(file);
	json_decref(built_in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_arguments_are_encoded),
		cmocka_unit_test(overloads_are_two_functions),
		cmocka_unit_test(arrays_are_encoded),
		cmocka_unit_test(structs_are_encoded),
		cmocka_unit_test(structs_in_arrays_and_arrays_in_structs_are_encoded),
		cmocka_unit_test(structs_of_any_length_in_arrays_are_encoded),
		cmocka_unit_test(a_call_that_does_not_fit_fails),
		cmocka_unit_test(plain_results_are_read),
		cmocka_unit_test(arrays_of_structs_are_read),
		cmocka_unit_test(an_empty_array_is_read),
		cmocka_unit_test(structs_in_structs_are_read),
		cmocka_unit_test(texts_and_bytes_are_read),
		cmocka_unit_test(an_answer_cut_anywhere_is_refused),
		cmocka_unit_test(no_answer_is_told_as_no_contract),
		cmocka_unit_test(a_number_wider_than_its_type_is_refused),
		cmocka_unit_test(a_text_with_a_zero_byte_is_refused),
		cmocka_unit_test(events_are_read),
		cmocka_unit_test(events_with_texts_and_arrays_are_read),
		cmocka_unit_test(another_event_is_not_found),
		cmocka_unit_test(an_event_with_lies_is_refused),
		cmocka_unit_test(every_error_is_found_by_its_selector),
		cmocka_unit_test(artifacts_are_whole),
		cmocka_unit_test(the_plan_is_in_the_program),
	};

	return cmocka_run_group_tests(tests, load, drop);
}
