#ifndef LP_CMD_CALL_TEXT_H
#define LP_CMD_CALL_TEXT_H
#include "cmd/cli.h"

/*
 * What a call does, in words: "RoundsManager.setRoundLength(60): roundLength 60 blocks".  The
 * function is found by its selector in the ABI of the contract that the Controller names at
 * that address; what is not known is told as hex, all of it.  data may be anybody's: it is
 * decoded by eth/abi, and bytes longer than CALL_TEXT_BYTES are told by length and hash.
 */
#define CALL_TEXT_BYTES 128
void call_text(struct buf *b, const struct cli *c, const struct eth_addr *to, const struct u256 *value,
	       const uint8_t *data, size_t n);
/* "RoundsManager", or NULL when the Controller names none there. */
const char *contract_name_at(const struct cli *c, const struct eth_addr *a);
/* The contract there; N_CHAIN_CONTRACTS: none. */
enum chain_contract contract_at(const struct cli *c, const struct eth_addr *a);

#endif
