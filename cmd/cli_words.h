#ifndef LP_CMD_CLI_WORDS_H
#define LP_CMD_CLI_WORDS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

/*
 * What a contract's custom error means, and what to do: "round 17 is not initialised: run
 * `lpnode initialize-round`".  Every error of our contracts has a sentence (a test compares
 * with build/contracts); what is not known is told by name and values, Error(string) and
 * Panic(uint256) by their text, and else as hex.
 */
/* Appends to b; false when nothing is known about it (then the hex was appended). */
bool cli_words(struct buf *b, const uint8_t *data, size_t n);
/* The same into a text: journal_explain_fn. */
bool cli_explain(char *to, size_t n, const uint8_t *data, size_t n_data);

#endif
