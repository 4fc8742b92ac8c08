#ifndef LP_BASE_U256_H
#define LP_BASE_U256_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct err;

/*
 * Unsigned 256-bit integers, for amounts of money and the EVM's words.  What would
 * overflow, underflow or divide by zero is reported, never wrapped.  Plain values,
 * any thread.
 */
struct u256 {
	uint64_t w[4];		/* w[0] is the lowest */
};
#define U256_DEC_MAX 79		/* decimal digits of the largest, and a NUL */

extern const struct u256 u256_zero;
struct u256 u256_of(uint64_t v);
struct u256 u256_from_be(const uint8_t be[32]);
void u256_to_be(uint8_t be[32], const struct u256 *a);

int u256_cmp(const struct u256 *a, const struct u256 *b);	/* <0, 0, >0 */
bool u256_is_zero(const struct u256 *a);
size_t u256_bits(const struct u256 *a);				/* 0 for zero */

/* Each returns false, and leaves *r alone, when the result does not fit or the
 * divisor is zero.  r may be an operand. */
bool u256_add(struct u256 *r, const struct u256 *a, const struct u256 *b);
bool u256_sub(struct u256 *r, const struct u256 *a, const struct u256 *b);
bool u256_mul(struct u256 *r, const struct u256 *a, const struct u256 *b);
bool u256_div(struct u256 *quot, struct u256 *rem, const struct u256 *a, const struct u256 *b);
/* floor(a * b / c) with a 512-bit product between. */
bool u256_mul_div(struct u256 *r, const struct u256 *a, const struct u256 *b, const struct u256 *c);
bool u256_to_u64(uint64_t *r, const struct u256 *a);

/* Decimal digits only, or 0x and hex digits; no sign, no space, no leading zeros but "0"
 * itself (hex of the JSON-RPC kind: "0x0", "0x1f").  Fail with ERR_INVALID quoting the
 * text, or ERR_LIMIT when it does not fit. */
int u256_parse_dec(struct u256 *r, const char *s, struct err *err);
int u256_parse_hex(struct u256 *r, const char *s, struct err *err);
void u256_fmt_dec(char to[U256_DEC_MAX], const struct u256 *a);
void u256_fmt_hex(char to[67], const struct u256 *a);		/* "0x1f", as JSON-RPC wants it */

/*
 * Fixed-point text: "1.5" with 18 decimals is 15 * 10^17.  At most `decimals` digits
 * behind the point; decimals is at most U256_DECIMALS_MAX: check what a contract says.
 * Fails like u256_parse_dec.
 */
#define U256_DECIMALS_MAX 77
int u256_parse_fixed(struct u256 *r, const char *s, unsigned decimals, struct err *err);
/* The shortest text that reads back the same: "1.5", "0.000000000000000001", "100". */
void u256_fmt_fixed(char to[U256_DEC_MAX + 3], const struct u256 *a, unsigned decimals);

#endif
