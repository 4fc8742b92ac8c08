#ifndef LP_NODE_TC_INCOMING_H
#define LP_NODE_TC_INCOMING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "protocol/peer_msg.h"
struct err;
struct sha256;

/*
 * The renditions of one try on their way in.  They may take turns, and each may begin
 * again (offset 0) when another transcoder makes it now.  A stranger sends them, so
 * everything is bounded: what is held, what comes in all, how often they begin again.
 * No I/O.  Every failure is the sender's lie.
 */
#define TC_INCOMING_HELD_MAX (64u << 20)	/* all renditions of a try together */
#define TC_INCOMING_TOTAL_MAX (4ull * RENDITION_BYTES_MAX)	/* with what was thrown away */
#define TC_RESTARTS_MAX 4

struct tc_incoming {
	struct tc_incoming_one {
		struct buf data;
		struct sha256 *sha;		/* NULL: has not begun */
		bool is_complete;
		struct msg_rendition_trailer trailer;	/* once complete */
	} r[PROFILES_MAX];
	size_t n;		/* renditions asked for */
	int current;		/* whose bytes come now, -1 */
	unsigned n_restarts;
	size_t held;
	uint64_t total;
};

void tc_incoming_init(struct tc_incoming *in, size_t n);
void tc_incoming_fini(struct tc_incoming *in);	/* may be used again by _init */

/* The bytes that follow are m->index's.  Fails with ERR_INVALID, ERR_LIMIT. */
int tc_incoming_header(struct tc_incoming *in, const struct msg_rendition_header *m,
		       struct err *err);
int tc_incoming_data(struct tc_incoming *in, const uint8_t *data, size_t len, struct err *err);
/* The current one is whole: length and hash fit.  (Its signature is not looked at.)
 * Fails with ERR_INVALID, ERR_DENIED (hash). */
int tc_incoming_trailer(struct tc_incoming *in, const struct msg_rendition_trailer *m,
			struct err *err);
/* Index of the first one that is not whole, or -1. */
int tc_incoming_missing(const struct tc_incoming *in);

#endif
