#ifndef LP_CMD_FINDING_H
#define LP_CMD_FINDING_H
#include <stdint.h>
#include "cmd/cli.h"
#include "eth/abi.h"

/*
 * What a finder shows.  A finding is committed to one block before it is told, so that whoever
 * reads it on its way cannot take the finder's share.  The commitment's salt follows from the
 * account's key and the finding: a command that was cut off between the two goes on with the same
 * one, and nobody else can guess it.
 */
struct finding {
	struct eth_addr transcoder;
	struct hash32 action, salt;	/* salt: finding_send's */
	uint64_t perc, finder_perc;	/* slashed of the stake; of that to the finder */
	struct u256 stake;
	char what[120];			/* "missed rewards of rounds 5-7" */
};

enum finding_kind {			/* whose slash amount holds */
	FINDING_MISSED_REWARD,
	FINDING_MISSED_VERIFICATION,
	FINDING_FAILED_VERIFICATION,	/* and refuted elections */
};
/* Stake and shares of f->transcoder.  Exit code. */
int finding_read(struct finding *f, enum finding_kind kind, struct cli *c, struct err *err);
/* keccak256 of encoded arguments, behind the selector unless NULL. */
struct hash32 finding_hash(struct abi_args *a, const struct abi_selector *sel);

/* With the salt when it is told, with none when it is tried. */
typedef void finding_call(struct buf *data, const struct hash32 *salt, const void *arg);
/* Tries, commits and tells it, and says what it brought; f has all but its salt.  Exit code. */
int finding_send(struct cli *c, struct finding *f, enum chain_contract to, finding_call *call, const void *arg,
		 const char *key, struct err *err);

#endif
