#ifndef LP_CMD_TELL_H
#define LP_CMD_TELL_H
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include "cmd/cli.h"
#include "cmd/round.h"

/* How commands write what many of them tell: blocks, small amounts, sequences. */

/* "block 1234", and in about how long when that is known; "block 1234, passed". */
char *block_when(char to[100], const struct round_now *r, uint64_t block);
/* What segments cost: in gwei where ETH would be all zeros. */
char *fmt_eth(char to[100], const struct u256 *wei);
/* For --json only. */
void json_field(struct cli *c, const char *name, json_t *value);
/* Sequences are strings of digits: they may exceed what JSON's numbers are exact for. */
json_t *json_u64_text(uint64_t v);
json_t *json_sequences(const uint64_t *s, size_t n);
/* "3-9, 12" of a list that ascends. */
void fmt_sequences(char *to, size_t n, const uint64_t *s, size_t n_s);

#endif
