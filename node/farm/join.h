#ifndef LP_NODE_FARM_JOIN_H
#define LP_NODE_FARM_JOIN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/hash.h"
#include "base/sig.h"
struct err;

/*
 * How a transcoder and its orchestrator prove to each other that they know the
 * farm's secret, without showing it: HMAC-SHA256 over the side, the handshake hash
 * of the Noise connection (so that a proof is good on this connection alone) and
 * both nonces.  The transcoder proves first: one who only dials learns nothing to
 * guess the secret with.  And the pins: which address answered first at an
 * orchestrator's host:port.  Pure but for the two file functions.  Any thread.
 */
#define FARM_SECRET_MIN 16
#define FARM_SECRET_MAX 4096

/* Locked memory, wiped by free. */
struct farm_secret;
/* The file's bytes without white space at the end.  Fails with ERR_IO, ERR_INVALID
 * (shorter than FARM_SECRET_MIN, longer than FARM_SECRET_MAX, readable by others than
 * owner and group). */
struct farm_secret *farm_secret_load(const char *path, struct err *err);
void farm_secret_free(struct farm_secret *s);

enum farm_side { FARM_TRANSCODER, FARM_ORCHESTRATOR };
void farm_proof(uint8_t hmac[32], const struct farm_secret *s, enum farm_side side,
		const struct hash32 *handshake, const uint8_t nonce_transcoder[32],
		const uint8_t nonce_orchestrator[32]);
/* In constant time. */
bool farm_proof_holds(const uint8_t hmac[32], const struct farm_secret *s, enum farm_side side,
		      const struct hash32 *handshake, const uint8_t nonce_transcoder[32],
		      const uint8_t nonce_orchestrator[32]);

/*
 * Trust on first use: lines "host:port 0xADDRESS" in a file (at most 64 KiB; lines that
 * are neither that, empty nor # comments are an error, so that damage is not taken for
 * "never seen").  find: *found false when there is none (also no file).  Fail with ERR_IO,
 * ERR_INVALID naming the line.  add: written to a new file, synced, renamed, under a lock
 * on PATH.lock (waited for 2 s at most: not on the loop); the same again is fine, another
 * address for a host:port that is there is ERR_DENIED.
 */
int pins_find(const char *path, const char *hostport, bool *found, struct eth_addr *addr,
	      struct err *err);
int pins_add(const char *path, const char *hostport, const struct eth_addr *addr, struct err *err);
/* find in the text of such a file.  Pure. */
int pins_find_text(const char *text, size_t len, const char *hostport, bool *found,
		   struct eth_addr *addr, struct err *err);

#endif
