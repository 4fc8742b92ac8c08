#ifndef LP_ETH_ANSWER_H
#define LP_ETH_ANSWER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "base/buf.h"
#include "base/hash.h"
#include "base/sig.h"
#include "base/u256.h"
struct err;

/*
 * JSON-RPC 2.0 as Ethereum nodes speak it: batches written, answers read.  What is read
 * comes from a node that may lie or be broken: everything is bounded and checked, nothing
 * is taken on trust but what is documented so.  Pure.  Any thread.
 * Source: JSON-RPC 2.0; execution-apis (eth_*).
 */
#define RPC_BATCH_MAX 1000		/* calls of one HTTP request */
#define RPC_ANSWER_MAX (32 << 20)	/* bytes of one answer */
#define RPC_LOGS_MAX 20000		/* logs of one eth_getLogs */
#define RPC_LOG_DATA_MAX (128 * 1024)
#define RPC_ERROR_DATA_MAX 4096

struct rpc_call {
	const char *method;	/* borrowed */
	const char *params;	/* JSON array text, borrowed: "[\"latest\",false]" */
};

/* One answer: a result, or the error of this call. */
struct rpc_reply {
	json_t *result;		/* owned; NULL when there is an error.  JSON null is a result */
	int64_t code;		/* of an error */
	char message[200];	/* of an error; printable, shortened */
	uint8_t *data;		/* of an error: its "data" as bytes, what a call reverted with.  Owned */
	size_t n_data;
};
void rpc_reply_fini(struct rpc_reply *r);

/* The batch as an HTTP body, with ids first_id, first_id + 1, ...  A single call is no array. */
void rpc_write(struct buf *b, uint64_t first_id, const struct rpc_call *calls, size_t n);
/* replies[n], in the order of the calls.  Fails with ERR_INVALID when an id is missing, unknown
 * or there twice, a member is neither result nor error or both, or it is no JSON; ERR_BUSY when
 * the whole is refused with a rate limit (-32005, -32029, 429 in an error object for the
 * batch); ERR_LIMIT when it is larger than anything that is asked for.  Then no reply is filled.
 * err quotes what was read, printable and shortened. */
int rpc_read(struct rpc_reply *replies, size_t n, uint64_t first_id, const void *body, size_t len,
	     struct err *err);
/* This reply's error says: come back later (rate limit, overloaded, timeout of the node). */
bool rpc_is_busy(const struct rpc_reply *r);
/* Two results say the same: in the fields of blocks, logs, receipts and transactions that are
 * read here (programs differ in what else they tell), elsewhere in everything.  Case aside. */
bool rpc_equal(const json_t *a, const json_t *b);

/* ---- values: each fails with ERR_INVALID naming the field and quoting the value ---- */
int rpc_u64(uint64_t *v, const json_t *j, const char *field, struct err *err);	/* "0x1f" */
int rpc_u256(struct u256 *v, const json_t *j, const char *field, struct err *err);
int rpc_hash(struct hash32 *h, const json_t *j, const char *field, struct err *err);
/* In any case: its checksum is not looked at. */
int rpc_addr(struct eth_addr *a, const json_t *j, const char *field, struct err *err);
/* bytes malloc'ed, at most max (ERR_LIMIT); "0x" is none: NULL and 0 */
int rpc_bytes(uint8_t **bytes, size_t *n, const json_t *j, size_t max, const char *field,
	      struct err *err);

struct eth_header {
	uint64_t number;
	struct hash32 hash, parent;
	uint64_t timestamp;	/* seconds since 1970 */
	struct u256 base_fee;	/* wei a gas; 0 where the chain has none */
	bool has_base_fee;
};
/* Of eth_getBlockByNumber/Hash.  A JSON null (no such block) fails with ERR_NOT_FOUND. */
int rpc_header(struct eth_header *h, const json_t *j, struct err *err);

struct eth_log {
	struct eth_addr address;
	struct hash32 topics[4];
	unsigned n_topics;
	uint8_t *data;		/* owned */
	size_t n_data;
	uint64_t block;
	struct hash32 block_hash, tx_hash;
	uint32_t index;		/* in its block */
};
struct eth_logs {
	struct eth_log *l;	/* in order of (block, index); owned */
	size_t n;
};
/* Of eth_getLogs or a receipt.  Fails with ERR_INVALID also when they are out of order or one
 * stands twice or says that it was removed, ERR_LIMIT. */
int rpc_logs(struct eth_logs *logs, const json_t *j, struct err *err);
void eth_logs_fini(struct eth_logs *logs);

struct eth_receipt {
	struct hash32 tx_hash, block_hash;
	uint64_t block;
	bool ok;		/* status 1 */
	uint64_t gas_used;
	struct u256 gas_price;	/* effective, wei a gas */
	struct eth_addr created;
	bool has_created;
	struct eth_logs logs;
};
/* A JSON null (not mined) fails with ERR_NOT_FOUND. */
int rpc_receipt(struct eth_receipt *r, const json_t *j, struct err *err);
void eth_receipt_fini(struct eth_receipt *r);

#endif
