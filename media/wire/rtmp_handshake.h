#ifndef LP_MEDIA_WIRE_RTMP_HANDSHAKE_H
#define LP_MEDIA_WIRE_RTMP_HANDSHAKE_H
#include <stdint.h>
struct err;

/*
 * The server's half of the RTMP handshake: from C0+C1 to S0+S1+S2.  The simple
 * form echoes C1.  Flash-era players and some hardware encoders send a digest in
 * C1 (at one of two places) and want to see digests in return.  Pure.
 *
 * Source: Adobe RTMP 1.0 5.2; the digest form was never published by Adobe, its
 * layouts and keys are those every server and player uses.
 */
#define RTMP_HANDSHAKE_LEN 1536		/* of C1, C2, S1 and S2 */
#define RTMP_C0C1_LEN (1 + RTMP_HANDSHAKE_LEN)
#define RTMP_S0S1S2_LEN (1 + 2 * RTMP_HANDSHAKE_LEN)

enum rtmp_handshake {
	RTMP_HANDSHAKE_SIMPLE,
	RTMP_HANDSHAKE_DIGEST_LAST,	/* key block first, digest in bytes 776.. */
	RTMP_HANDSHAKE_DIGEST_FIRST,	/* digest in bytes 12.., then the key block */
};

/*
 * Answer C0+C1.
 *
 * random: S1's filling (and S2's in the digest forms), RTMP_HANDSHAKE_LEN bytes.
 * time_ms: our clock for S1.
 * kind: which form the client speaks; may be NULL.
 * Fails with ERR_INVALID when the version is not 3 (6 is RTMPE, 'G' is HTTP).
 */
int rtmp_handshake_answer(uint8_t out[RTMP_S0S1S2_LEN], const uint8_t c0c1[RTMP_C0C1_LEN],
			  const uint8_t random[RTMP_HANDSHAKE_LEN], uint32_t time_ms,
			  enum rtmp_handshake *kind, struct err *err);

#endif
