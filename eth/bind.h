#ifndef LP_ETH_BIND_H
#define LP_ETH_BIND_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/hash.h"
#include "base/sig.h"
#include "base/u256.h"
#include "eth/abi.h"
struct err;
struct eth_log;

/*
 * What the generated bindings (build/bind/CONTRACT.h, made by scripts/bindings.mjs from the
 * contracts' ABI) stand on: plain C structs to and from ABI values by a table of their
 * fields.  All encoding and decoding is eth/abi's, which trusts nothing.  Any thread.
 *
 * How a type looks in C: uint8..uint64 and enums uint64_t; wider ones struct u256; address
 * struct eth_addr; bytes32 struct hash32; bytesN uint8_t[N]; bytes struct bind_bytes; string
 * char *; T[] T * and a count n_NAME; structs struct CONTRACT_STRUCT.
 */
struct bind_bytes {
	uint8_t *p;		/* owned by the result it is in; borrowed in a call */
	size_t n;
};

/* ---- for generated code ---- */
enum bind_kind {
	BIND_U64, BIND_U256, BIND_ADDR, BIND_BOOL, BIND_HASH, BIND_FIXED, BIND_BYTES, BIND_STRING,
	BIND_STRUCT, BIND_ARRAY
};

struct bind_field {
	enum bind_kind kind;
	size_t size;			/* bytesN: N */
	size_t at;			/* offset in its struct */
	size_t at_n;			/* array: offset of its count */
	const struct bind_shape *of;	/* struct: its shape; array: that of one item */
};

/* A C struct and the tuple that it is. */
struct bind_shape {
	const char *name;		/* "BondingManager.bond", for errors */
	const char *type;		/* "(uint256,address)"; NULL inside others */
	size_t size;			/* of the C struct */
	const struct bind_field *fields;
	size_t n_fields;
};

/* Its C struct holds the fields of both shapes. */
struct bind_event {
	const char *name;
	struct hash32 topic;
	struct bind_shape indexed, data;
};

/* sel and the arguments are appended to data; data->failed when they do not fit it or their
 * types. */
void bind_call(struct buf *data, const struct abi_selector *sel, const struct bind_shape *s,
	       const void *args);
/* result is all zero after a failure (ERR_INVALID, naming what was read; also for strings with
 * a NUL in them).  Whatever memory it has is its own: bind_fini. */
int bind_read(void *result, const struct bind_shape *s, const void *data, size_t len,
	      struct err *err);
int bind_event_read(void *event, const struct bind_event *e, const struct eth_log *log,
		    struct err *err);
void bind_fini(void *result, const struct bind_shape *s);

/* ---- custom errors: bind/errors.h ---- */
struct bind_error {
	struct abi_selector sel;
	const char *name;	/* "RoundNotInitialized" */
	const char *params;	/* "uint256 round,address who"; "" when it has none */
};

/* ---- what is deployed: bind/artifacts.h ---- */
struct bind_param {
	const char *name;			/* without underscores at its ends */
	const char *type;			/* canonical: "uint256", "(uint32,uint96)[]" */
	const struct bind_param *fields;	/* of a struct, or of an array's items */
	size_t n_fields;
};
struct bind_function {
	const char *name, *signature;	/* "bond", "bond(uint256,address)" */
	const char *outputs;		/* "(uint256)" */
	bool view;
	const struct bind_param *inputs;
	size_t n_inputs;
};
struct bind_artifact {
	const char *name;			/* "BondingManager" */
	const uint8_t *code, *code_end;		/* creation code, without arguments */
	struct bind_function constructor;
	const struct bind_function *functions;	/* by name */
	size_t n_functions;
};

#endif
