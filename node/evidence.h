#ifndef LP_NODE_EVIDENCE_H
#define LP_NODE_EVIDENCE_H
#include <uv.h>
#include "base/hash.h"
#include "base/sig.h"
#include "protocol/segment.h"

/*
 * What an orchestrator remembers of the segments that broadcasters signed: enough to
 * refuse a replay, and to prove it when one signs two different segments for one
 * sequence of a stream (facts/reliability C2).  The proof is one JSON line a case in
 * a file: both segments with all their EIP-712 fields, both signatures, the domain
 * separator, and who signed.
 *
 * Bounds: the last SEEN_MAX sequences a stream; streams nobody serves now: the last
 * 64; 4 lines a stream; a file of 1 MiB, which then keeps its oldest lines.  Loop
 * thread; the file is written on the thread pool.
 */
struct evidence;
struct history;		/* of one broadcaster's stream */

/* path: copied; NULL: nothing is written.  domain: EIP-712 separator, copied. */
struct evidence *evidence_new(uv_loop_t *loop, const char *path, const struct hash32 *domain);
/* After every history is closed and the loop has run dry. */
void evidence_free(struct evidence *e);

/* The history of a stream, also of earlier sessions.  One history_close each. */
struct history *history_open(struct evidence *e, const struct eth_addr *broadcaster,
			     const struct stream_id *stream);
void history_close(struct history *h);

/*
 * A segment whose signature holds: new, a repetition, or a second one for its
 * sequence, which goes into the file.  A new one is remembered by history_add.
 */
enum seen_verdict history_check(struct history *h, const struct signed_segment *s);
void history_add(struct history *h, const struct signed_segment *s);

#endif
