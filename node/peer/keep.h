#ifndef LP_NODE_PEER_KEEP_H
#define LP_NODE_PEER_KEEP_H
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "node/peer/conn.h"

/*
 * A connection to one peer that is dialled now and again with back-off (200 ms,
 * doubled to 5 s, a quarter of jitter; reset once it was ready).  Loop thread;
 * callbacks come from the loop.
 */
struct peer_keep;

/*
 * address: "host:port", or "0xADDRESS@host:port" which names who must answer; copied.
 * expect: the same by value, or NULL; both given must agree.
 * cb: as of peer_dial, borrowed; on_close may call peer_keep_free, else a new dial
 * follows it.  A dial that fails at once is an on_close with c NULL.
 * Fails with ERR_INVALID (address).
 */
struct peer_keep *peer_keep_new(uv_loop_t *loop, struct peer_ctx *peers, const char *address,
				const struct eth_addr *expect, const struct peer_conn_cb *cb,
				void *arg, struct err *err);
/* "host:port", without the name in front. */
const char *peer_keep_hostport(const struct peer_keep *k);
struct peer_conn *peer_keep_conn(const struct peer_keep *k);	/* NULL between dials */
/* Who must answer from the next dial on. */
void peer_keep_expect(struct peer_keep *k, const struct eth_addr *addr);
/* Not before so many ms, for a peer that refused us; at most 60 s. */
void peer_keep_wait(struct peer_keep *k, uint64_t ms);
/* Close the connection there is, without on_close; a new dial follows as after a loss. */
void peer_keep_drop(struct peer_keep *k);
/* Closes the connection; no callback runs from here on. */
void peer_keep_free(struct peer_keep *k);

/* Parse such an address.  hostport: at least 280 bytes.  *has_addr tells whether one was
 * given.  Fails with ERR_INVALID. */
int peer_address_parse(const char *address, char *hostport, struct eth_addr *addr,
		       bool *has_addr, struct err *err);

#endif
