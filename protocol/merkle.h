#ifndef LP_PROTOCOL_MERKLE_H
#define LP_PROTOCOL_MERKLE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/hash.h"
#include "base/u256.h"
struct err;

/*
 * OpenZeppelin's standard Merkle tree over leaves in the order they were added (its
 * sortLeaves: false), with proofs for one leaf and for several, as eth/contracts/lib/
 * MultiProof.sol takes them: flags are bits of words, lowest first.  A pair is hashed
 * smaller first.  Pure.  Any thread.
 * Source: DESIGN 6; @openzeppelin/merkle-tree.  Vectors: test/vectors/claims.json.
 */
#define MERKLE_LEAVES_MAX 65535		/* segments of a claim */
#define MERKLE_DEPTH_MAX 17		/* hashes of a proof for one leaf */

/* All zero is empty. */
struct merkle {
	struct hash32 *node;	/* leaves while they are added; then the tree, root first.  Owned */
	size_t n, cap;		/* leaves; hashes that node has room for */
	bool built;
};

struct merkle_multiproof {
	struct hash32 *proof;	/* owned */
	struct u256 *flags;	/* words of 256 flags.  Owned */
	size_t n_proof, n_flags;	/* n_flags counts flags, not words */
};

/* "bytes32" of the standard tree: keccak256(keccak256(abi.encode(value))). */
struct hash32 merkle_leaf(const struct hash32 *value);
/* Before merkle_build.  Fails with ERR_LIMIT. */
int merkle_add(struct merkle *m, const struct hash32 *leaf, struct err *err);
/* At least one leaf.  Returns the root. */
struct hash32 merkle_build(struct merkle *m);
void merkle_fini(struct merkle *m);

/* Of leaf i of a tree that is built.  Returns how many hashes. */
size_t merkle_proof(const struct merkle *m, size_t i, struct hash32 proof[MERKLE_DEPTH_MAX]);
/* Of leaves by index, ascending, at least one.  Fails with ERR_INVALID for others. */
int merkle_multiproof(const struct merkle *m, const size_t *indices, size_t n,
		      struct merkle_multiproof *p, struct err *err);
void merkle_multiproof_fini(struct merkle_multiproof *p);
size_t merkle_flag_words(size_t n_flags);

/* Does it lead to the root?  Of proofs from anywhere: false for whatever does not fit. */
bool merkle_check(const struct hash32 *root, const struct hash32 *leaf, const struct hash32 *proof,
		  size_t n_proof);
/* leaves: in the order of their places in the tree. */
bool merkle_check_multi(const struct hash32 *root, const struct hash32 *leaves, size_t n,
			const struct merkle_multiproof *p);

#endif
