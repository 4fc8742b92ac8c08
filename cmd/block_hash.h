#ifndef LP_CMD_BLOCK_HASH_H
#define LP_CMD_BLOCK_HASH_H
#include <stddef.h>
#include <stdint.h>
#include "cmd/cli.h"

/* A block's hash, as contracts can have it: what elections and challenges hang on. */
#define BLOCK_HASH_HISTORY 8191	/* how far back EIP-2935 goes */

enum hash_state {
	HASH_FUTURE,	/* its block, or the one after it, is still to be made: what is simulated on
			 * the newest block cannot have that one's own hash */
	HASH_RECENT,	/* in history, until block `until` */
	HASH_SEALED,	/* for good */
	HASH_LOST,	/* no contract can have it any more */
};
struct block_hash {
	uint64_t number, until;
	enum hash_state state;
	struct hash32 h;		/* when recent or sealed */
};
/* Of n numbers.  Exit code. */
int block_hashes_read(struct cli *c, struct block_hash *b, size_t n, struct err *err);

#endif
