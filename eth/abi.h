#ifndef LP_ETH_ABI_H
#define LP_ETH_ABI_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/buf.h"
#include "base/hash.h"
#include "base/sig.h"
#include "base/u256.h"
struct err;

/*
 * The contract ABI: types from their text, values in a tree, encoding and decoding.
 * What is decoded comes from a node that may lie: every offset and length is checked,
 * a value tree has at most ABI_VALUES_MAX values, and no more bytes than the data.
 * Any thread.
 * Source: Solidity's ABI specification.
 */
#define ABI_VALUES_MAX 65536
#define ABI_DEPTH_MAX 8

enum abi_kind {
	ABI_UINT, ABI_INT, ABI_ADDRESS, ABI_BOOL, ABI_FIXED_BYTES, ABI_BYTES, ABI_STRING,
	ABI_ARRAY, ABI_TUPLE
};

struct abi_type {
	enum abi_kind kind;
	unsigned bits;			/* uint, int: 8..256 */
	unsigned size;			/* bytesN: N */
	ssize_t count;			/* array: fixed length, or -1 */
	struct abi_type *items;		/* array: one; tuple: n_items.  Owned */
	size_t n_items;
};

struct abi_value {
	struct u256 word;		/* uint, int (two's complement), address, bool; bytesN left-aligned */
	uint8_t *bytes;			/* bytes, string.  Owned, NUL behind it */
	size_t n_bytes;
	struct abi_value *items;	/* array, tuple.  Owned */
	size_t n_items;
};

/* "uint256", "(address,uint96)[]", "bytes32[2][]": canonical type text, tuples in
 * parentheses.  Fails with ERR_INVALID quoting where. */
int abi_type_parse(struct abi_type *t, const char *text, struct err *err);
void abi_type_fini(struct abi_type *t);
/* The canonical text, as selectors are made of. */
void abi_type_fmt(struct buf *b, const struct abi_type *t);
void abi_value_fini(struct abi_value *v);

/* t and v are a tuple of the arguments; appended to b, of which nothing is left on failure.
 * Fails with ERR_INVALID: a value that does not fit its type (too wide, wrong count);
 * ERR_LIMIT. */
int abi_encode(struct buf *b, const struct abi_type *t, const struct abi_value *v, struct err *err);
/* Strict: padding must be zero (or sign), bools 0 or 1, offsets within, nothing longer than
 * the data; bytes behind the last value are allowed, as Solidity does. */
int abi_decode(struct abi_value *v, const struct abi_type *t, const void *data, size_t len, struct err *err);

struct abi_selector {
	uint8_t b[4];
};
/* "transfer(address,uint256)": the first four bytes of its keccak256. */
struct abi_selector abi_selector_of(const char *signature);
struct hash32 abi_topic_of(const char *signature);

/*
 * What bindings are made of: calldata for the flat case without trees.  Static words and
 * dynamic bytes of one level; abi_args_end writes the heads and tails.
 */
struct abi_args {
	struct buf head, tail;
	size_t n_words;			/* how many head words the whole will have */
};
void abi_args_init(struct abi_args *a, size_t n_words);
void abi_args_u256(struct abi_args *a, const struct u256 *v);
void abi_args_u64(struct abi_args *a, uint64_t v);
void abi_args_addr(struct abi_args *a, const struct eth_addr *v);
void abi_args_word(struct abi_args *a, const uint8_t word[32]);
void abi_args_bool(struct abi_args *a, bool v);
void abi_args_bytes(struct abi_args *a, const void *data, size_t len);	/* and string */
/* selector (or NULL) and arguments are appended to b; a is empty again.  Fails with ERR_LIMIT. */
int abi_args_end(struct abi_args *a, const struct abi_selector *sel, struct buf *b, struct err *err);

#endif
