#include "test/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "protocol/merkle.h"
#include "test/vectors.h"

static int load(void **state)
{
	*state = vectors_load("test/vectors/claims.json");
	return 0;
}

static int drop(void **state)
{
	json_decref(*state);
	return 0;
}

static struct hash32 value_of(size_t i)
{
	char text[32];

	return hash_keccak256(text, (size_t)snprintf(text, sizeof(text), "leaf %zu", i));
}

static struct hash32 leaf_of(size_t i)
{
	struct hash32 v = value_of(i);

	return merkle_leaf(&v);
}

static struct merkle tree_of(size_t n)
{
	struct merkle m = { 0 };
	struct hash32 leaf;
	size_t i;

	for (i = 0; i < n; i++) {
		leaf = leaf_of(i);
		assert_int_equal(merkle_add(&m, &leaf, NULL), 0);
	}
	merkle_build(&m);
	return m;
}

static void assert_hash(const struct hash32 *got, const json_t *want)
{
	struct hash32 h;

	assert_int_equal(hex_parse(h.b, 32, json_string_value(want)), 0);
	assert_memory_equal(got->b, h.b, 32);
}

/* ---- against OpenZeppelin ---- */

static void roots_and_proofs_are_those_of_openzeppelin(void **state)
{
	struct hash32 proof[MERKLE_DEPTH_MAX], leaf;
	json_t *t, *p, *h;
	size_t k, q, i, n, at;

	json_array_foreach(json_object_get(*state, "trees"), k, t) {
		struct merkle m = tree_of((size_t)json_integer_value(json_object_get(t, "n")));

		assert_hash(&m.node[0], json_object_get(t, "root"));
		json_array_foreach(json_object_get(t, "proofs"), q, p) {
			const json_t *want = json_object_get(p, "proof");

			at = (size_t)json_integer_value(json_object_get(p, "i"));
			n = merkle_proof(&m, at, proof);
			assert_int_equal(n, json_array_size(want));
			json_array_foreach(want, i, h)
				assert_hash(&proof[i], h);
			leaf = leaf_of(at);
			assert_true(merkle_check(&m.node[0], &leaf, proof, n));
		}
		merkle_fini(&m);
	}
	assert_true(k > 10);
}

static void check_flags(const struct merkle_multiproof *p, const json_t *want)
{
	uint8_t word[32], be[32];
	size_t i;
	json_t *w;

	assert_int_equal(merkle_flag_words(p->n_flags), json_array_size(want));
	json_array_foreach(want, i, w) {
		assert_int_equal(hex_parse(word, 32, json_string_value(w)), 0);
		u256_to_be(be, &p->flags[i]);
		assert_memory_equal(be, word, 32);
	}
}

static void check_multi(const struct merkle *m, const json_t *v)
{
	const json_t *indices = json_object_get(v, "indices"), *proof = json_object_get(v, "proof");
	size_t n = json_array_size(indices), i, at[512];
	struct hash32 leaves[512];
	struct merkle_multiproof p;
	json_t *h;

	for (i = 0; i < n; i++) {
		at[i] = (size_t)json_integer_value(json_array_get(indices, i));
		leaves[i] = leaf_of(at[i]);
	}
	assert_int_equal(merkle_multiproof(m, at, n, &p, NULL), 0);
	assert_int_equal(p.n_flags, json_integer_value(json_object_get(v, "nFlags")));
	assert_int_equal(p.n_proof, json_array_size(proof));
	json_array_foreach(proof, i, h)
		assert_hash(&p.proof[i], h);
	check_flags(&p, json_object_get(v, "flags"));
	assert_true(merkle_check_multi(&m->node[0], leaves, n, &p));
	merkle_multiproof_fini(&p);
}

static void multiproofs_are_those_of_openzeppelin(void **state)
{
	size_t k, q, n = 0;
	json_t *t, *v;

	json_array_foreach(json_object_get(*state, "trees"), k, t) {
		struct merkle m = tree_of((size_t)json_integer_value(json_object_get(t, "n")));

		json_array_foreach(json_object_get(t, "multi"), q, v) {
			check_multi(&m, v);
			n++;
		}
		merkle_fini(&m);
	}
	assert_true(n > 30);
}

/* ---- what does not hold ---- */

static void a_proof_with_one_bit_changed_is_refused(void **state)
{
	size_t at[] = { 1, 4, 5, 12 }, i;
	struct merkle m = tree_of(13);
	struct merkle_multiproof p;
	struct hash32 leaves[4];

	for (i = 0; i < 4; i++)
		leaves[i] = leaf_of(at[i]);
	assert_int_equal(merkle_multiproof(&m, at, 4, &p, NULL), 0);
	assert_true(merkle_check_multi(&m.node[0], leaves, 4, &p));
	for (i = 0; i < 8 * 32 * p.n_proof; i++) {
		p.proof[i / 256].b[i % 256 / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(merkle_check_multi(&m.node[0], leaves, 4, &p));
		p.proof[i / 256].b[i % 256 / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (i = 0; i < p.n_flags; i++) {
		p.flags[0].w[0] ^= 1ull << i;
		assert_false(merkle_check_multi(&m.node[0], leaves, 4, &p));
		p.flags[0].w[0] ^= 1ull << i;
	}
	for (i = 0; i < 4; i++) {
		leaves[i].b[0] ^= 1;
		assert_false(merkle_check_multi(&m.node[0], leaves, 4, &p));
		leaves[i].b[0] ^= 1;
	}
	assert_false(merkle_check_multi(&m.node[0], leaves, 3, &p));
	assert_false(merkle_check_multi(&m.node[0], leaves, 0, &p));
	p.n_proof--;
	assert_false(merkle_check_multi(&m.node[0], leaves, 4, &p));
	p.n_proof++;
	p.n_flags = SIZE_MAX;
	assert_false(merkle_check_multi(&m.node[0], leaves, 4, &p));
	merkle_multiproof_fini(&p);
	merkle_fini(&m);
}

/* More flags than the queue ever has nodes for: nothing is read that is not there. */
static void flags_that_ask_for_nodes_that_are_not_there_are_refused(void **state)
{
	struct u256 flags[3] = { { { ~0ull, ~0ull, ~0ull, ~0ull } }, { { ~0ull, ~0ull, ~0ull, ~0ull } } };
	struct hash32 leaves[300] = { 0 }, proof[300] = { 0 }, root = { 0 };
	struct merkle_multiproof p = { proof, flags, 0, 299 };

	assert_false(merkle_check_multi(&root, leaves, 300, &p));
	p.n_proof = 299;
	p.n_flags = 299;
	assert_false(merkle_check_multi(&root, leaves, 1, &p));
}

static void indices_that_do_not_ascend_are_refused(void **state)
{
	struct merkle m = tree_of(4);
	struct merkle_multiproof p;
	size_t twice[] = { 1, 1 }, down[] = { 2, 1 }, beyond[] = { 0, 4 };
	struct err err;

	assert_int_equal(merkle_multiproof(&m, twice, 2, &p, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(merkle_multiproof(&m, down, 2, &p, &err), -1);
	assert_int_equal(merkle_multiproof(&m, beyond, 2, &p, &err), -1);
	assert_int_equal(merkle_multiproof(&m, beyond, 0, &p, &err), -1);
	merkle_fini(&m);
}

static void a_tree_has_at_most_the_leaves_of_a_claim(void **state)
{
	size_t first_and_last[] = { 0, MERKLE_LEAVES_MAX - 1 };
	struct hash32 leaf = leaf_of(0), leaves[2], proof[MERKLE_DEPTH_MAX];
	struct merkle_multiproof p;
	struct merkle m = { 0 };
	struct err err;
	size_t i;

	for (i = 0; i < MERKLE_LEAVES_MAX; i++) {
		leaf.b[0] = (uint8_t)i;
		leaf.b[1] = (uint8_t)(i >> 8);
		assert_int_equal(merkle_add(&m, &leaf, &err), 0);
	}
	leaves[0] = m.node[0];
	leaves[1] = leaf;
	assert_int_equal(merkle_add(&m, &leaf, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	merkle_build(&m);
	assert_int_equal(merkle_multiproof(&m, first_and_last, 2, &p, &err), 0);
	assert_true(merkle_check_multi(&m.node[0], leaves, 2, &p));
	merkle_multiproof_fini(&p);
	for (i = 0; i < MERKLE_LEAVES_MAX; i += 997)
		assert_true(merkle_proof(&m, i, proof) <= MERKLE_DEPTH_MAX);
	merkle_fini(&m);
}

/* Any set of leaves of any small tree can be proven. */
static void all_subsets_of_small_trees_can_be_proven(void **state)
{
	struct hash32 leaves[9];
	size_t at[9], n, i, k;
	unsigned set;

	for (n = 1; n <= 9; n++) {
		struct merkle m = tree_of(n);

		for (set = 1; set < 1u << n; set++) {
			struct merkle_multiproof p;

			for (i = 0, k = 0; i < n; i++) {
				if (set >> i & 1) {
					leaves[k] = leaf_of(i);
					at[k++] = i;
				}
			}
			assert_int_equal(merkle_multiproof(&m, at, k, &p, NULL), 0);
			assert_true(merkle_check_multi(&m.node[0], leaves, k, &p));
			merkle_multiproof_fini(&p);
		}
		merkle_fini(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_and_proofs_are_those_of_openzeppelin),
		cmocka_unit_test(multiproofs_are_those_of_openzeppelin),
		cmocka_unit_test(a_proof_with_one_bit_changed_is_refused),
		cmocka_unit_test(flags_that_ask_for_nodes_that_are_not_there_are_refused),
		cmocka_unit_test(indices_that_do_not_ascend_are_refused),
		cmocka_unit_test(a_tree_has_at_most_the_leaves_of_a_claim),
		cmocka_unit_test(all_subsets_of_small_trees_can_be_proven),
	};

	return cmocka_run_group_tests(tests, load, drop);
}
