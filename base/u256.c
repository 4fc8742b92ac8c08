/* 256-bit unsigned integers in four limbs. */
#include "base/u256.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

typedef unsigned __int128 u128;

const struct u256 u256_zero;

struct u256 u256_of(uint64_t v)
{
	return (struct u256){ .w = { v } };
}

struct u256 u256_from_be(const uint8_t be[32])
{
	struct u256 r = { 0 };
	int i;

	for (i = 0; i < 32; i++)
		r.w[3 - i / 8] = r.w[3 - i / 8] << 8 | be[i];
	return r;
}

void u256_to_be(uint8_t be[32], const struct u256 *a)
{
	int i;

	for (i = 0; i < 32; i++)
		be[i] = a->w[3 - i / 8] >> (56 - 8 * (i % 8));
}

int u256_cmp(const struct u256 *a, const struct u256 *b)
{
	int i;

	for (i = 3; i >= 0; i--)
		if (a->w[i] != b->w[i])
			return a->w[i] < b->w[i] ? -1 : 1;
	return 0;
}

bool u256_is_zero(const struct u256 *a)
{
	return (a->w[0] | a->w[1] | a->w[2] | a->w[3]) == 0;
}

/* Highest bit set of n limbs, plus one. */
static size_t bits_of(const uint64_t *w, int n)
{
	int i;

	for (i = n - 1; i >= 0; i--)
		if (w[i])
			return (size_t)i * 64 + 64 - (size_t)__builtin_clzll(w[i]);
	return 0;
}

size_t u256_bits(const struct u256 *a)
{
	return bits_of(a->w, 4);
}

bool u256_add(struct u256 *r, const struct u256 *a, const struct u256 *b)
{
	struct u256 sum;
	u128 carry = 0;
	int i;

	for (i = 0; i < 4; i++) {
		carry += (u128)a->w[i] + b->w[i];
		sum.w[i] = (uint64_t)carry;
		carry >>= 64;
	}
	if (carry)
		return false;
	*r = sum;
	return true;
}

bool u256_sub(struct u256 *r, const struct u256 *a, const struct u256 *b)
{
	struct u256 diff;
	uint64_t borrow = 0;
	int i;

	for (i = 0; i < 4; i++) {
		u128 d = (u128)a->w[i] - b->w[i] - borrow;

		diff.w[i] = (uint64_t)d;
		borrow = (uint64_t)(d >> 64) & 1;
	}
	if (borrow)
		return false;
	*r = diff;
	return true;
}

static void mul_wide(uint64_t r[8], const struct u256 *a, const struct u256 *b)
{
	int i, j;

	memset(r, 0, 8 * sizeof(r[0]));
	for (i = 0; i < 4; i++) {
		u128 carry = 0;

		for (j = 0; j < 4; j++) {
			carry += (u128)a->w[i] * b->w[j] + r[i + j];
			r[i + j] = (uint64_t)carry;
			carry >>= 64;
		}
		r[i + 4] = (uint64_t)carry;
	}
}

/* The low limbs of eight, if the high ones are zero. */
static bool narrow(struct u256 *r, const uint64_t wide[8])
{
	if (wide[4] | wide[5] | wide[6] | wide[7])
		return false;
	memcpy(r->w, wide, sizeof(r->w));
	return true;
}

bool u256_mul(struct u256 *r, const struct u256 *a, const struct u256 *b)
{
	uint64_t wide[8];

	mul_wide(wide, a, b);
	return narrow(r, wide);
}

/* Shift rem left by one, bit in; true if a bit fell out at the top. */
static bool shift_in(struct u256 *rem, unsigned bit)
{
	bool out = rem->w[3] >> 63;
	int i;

	for (i = 3; i > 0; i--)
		rem->w[i] = rem->w[i] << 1 | rem->w[i - 1] >> 63;
	rem->w[0] = rem->w[0] << 1 | bit;
	return out;
}

/* rem -= d modulo 2^256: right when the true remainder had a 257th bit as well. */
static void sub_wrapped(struct u256 *rem, const struct u256 *d)
{
	uint64_t borrow = 0;
	int i;

	for (i = 0; i < 4; i++) {
		u128 diff = (u128)rem->w[i] - d->w[i] - borrow;

		rem->w[i] = (uint64_t)diff;
		borrow = (uint64_t)(diff >> 64) & 1;
	}
}

/* Divide by a single limb. */
static uint64_t div_small(uint64_t *w, int n, uint64_t d)
{
	u128 rem = 0;
	int i;

	for (i = n - 1; i >= 0; i--) {
		rem = rem << 64 | w[i];
		w[i] = (uint64_t)(rem / d);
		rem %= d;
	}
	return (uint64_t)rem;
}

/* w /= d in place, bit by bit: divisions of money are rare.  d is not zero. */
static struct u256 div_wide(uint64_t w[8], const struct u256 *d)
{
	struct u256 rem = u256_zero;
	int i;

	if (bits_of(d->w, 4) <= 64)
		return u256_of(div_small(w, 8, d->w[0]));
	for (i = (int)bits_of(w, 8) - 1; i >= 0; i--) {
		uint64_t mask = 1ull << (i % 64);
		bool out = shift_in(&rem, (w[i / 64] & mask) != 0);

		w[i / 64] &= ~mask;
		if (out || u256_cmp(&rem, d) >= 0) {
			sub_wrapped(&rem, d);
			w[i / 64] |= mask;
		}
	}
	return rem;
}

bool u256_div(struct u256 *quot, struct u256 *rem, const struct u256 *a, const struct u256 *b)
{
	uint64_t wide[8] = { a->w[0], a->w[1], a->w[2], a->w[3] };
	struct u256 left;

	if (u256_is_zero(b))
		return false;
	left = div_wide(wide, b);
	if (quot)
		memcpy(quot->w, wide, sizeof(quot->w));
	if (rem)
		*rem = left;
	return true;
}

bool u256_mul_div(struct u256 *r, const struct u256 *a, const struct u256 *b, const struct u256 *c)
{
	uint64_t wide[8];

	if (u256_is_zero(c))
		return false;
	mul_wide(wide, a, b);
	div_wide(wide, c);
	return narrow(r, wide);
}

bool u256_to_u64(uint64_t *r, const struct u256 *a)
{
	if (a->w[1] | a->w[2] | a->w[3])
		return false;
	*r = a->w[0];
	return true;
}

/* r = r * base + digit. */
static bool push_digit(struct u256 *r, unsigned base, unsigned digit)
{
	struct u256 b = u256_of(base), d = u256_of(digit);

	return u256_mul(r, r, &b) && u256_add(r, r, &d);
}

static int parse_digits(struct u256 *r, const char *s, size_t n, unsigned base, struct err *err)
{
	struct u256 v = u256_zero;
	size_t i;

	for (i = 0; i < n; i++) {
		int c = tolower((unsigned char)s[i]);
		unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') :
				 c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 99;

		if (digit >= base)
			return err_set(err, ERR_INVALID, "\"%.40s\" is not a number", s);
		if (!push_digit(&v, base, digit))
			return err_set(err, ERR_LIMIT, "\"%.40s...\" does not fit in 256 bits", s);
	}
	*r = v;
	return 0;
}

int u256_parse_dec(struct u256 *r, const char *s, struct err *err)
{
	size_t n = strlen(s);

	if (n == 0 || (n > 1 && s[0] == '0'))
		return err_set(err, ERR_INVALID, "\"%.40s\" is not a number", s);
	return parse_digits(r, s, n, 10, err);
}

int u256_parse_hex(struct u256 *r, const char *s, struct err *err)
{
	size_t n = strlen(s);

	if (n < 3 || s[0] != '0' || s[1] != 'x' || (n > 3 && s[2] == '0'))
		return err_set(err, ERR_INVALID, "\"%.40s\" is not a quantity like 0x1f", s);
	return parse_digits(r, s + 2, n - 2, 16, err);
}

void u256_fmt_dec(char to[U256_DEC_MAX], const struct u256 *a)
{
	char digits[U256_DEC_MAX];
	uint64_t w[4];
	size_t n = 0, i;

	memcpy(w, a->w, sizeof(w));
	do
		digits[n++] = (char)('0' + div_small(w, 4, 10));
	while (w[0] | w[1] | w[2] | w[3]);
	for (i = 0; i < n; i++)
		to[i] = digits[n - 1 - i];
	to[n] = '\0';
}

void u256_fmt_hex(char to[67], const struct u256 *a)
{
	int i = 3;

	while (i > 0 && a->w[i] == 0)
		i--;
	to += sprintf(to, "0x%" PRIx64, a->w[i]);
	while (i-- > 0)
		to += sprintf(to, "%016" PRIx64, a->w[i]);
}

int u256_parse_fixed(struct u256 *r, const char *s, unsigned decimals, struct err *err)
{
	const char *point = strchr(s, '.');
	size_t whole = point ? (size_t)(point - s) : strlen(s);
	size_t part = point ? strlen(point + 1) : 0;
	char digits[2 * U256_DEC_MAX];
	struct err why = { 0 };
	struct u256 v;

	assert(decimals <= U256_DECIMALS_MAX);
	if (whole == 0 || (whole > 1 && s[0] == '0') || (point && part == 0))
		return err_set(err, ERR_INVALID, "\"%.40s\" is not an amount", s);
	if (part > decimals)
		return err_set(err, ERR_INVALID, "\"%.40s\" has more than %u decimals", s, decimals);
	if (whole + decimals >= sizeof(digits))
		return err_set(err, ERR_LIMIT, "\"%.40s...\" does not fit in 256 bits", s);
	memcpy(digits, s, whole);
	memcpy(digits + whole, point ? point + 1 : "", part);
	memset(digits + whole + part, '0', decimals - part);
	digits[whole + decimals] = '\0';
	if (parse_digits(&v, digits, whole + decimals, 10, &why) < 0)	/* quotes our zeros */
		return err_set(err, why.code, why.code == ERR_LIMIT ? "\"%.40s\" does not fit in 256 bits" :
			       "\"%.40s\" is not an amount", s);
	*r = v;
	return 0;
}

void u256_fmt_fixed(char to[U256_DEC_MAX + 3], const struct u256 *a, unsigned decimals)
{
	char digits[U256_DEC_MAX], *end;
	size_t n, whole;

	assert(decimals <= U256_DECIMALS_MAX);
	u256_fmt_dec(digits, a);
	n = strlen(digits);
	whole = n > decimals ? n - decimals : 0;
	if (whole)
		to += sprintf(to, "%.*s", (int)whole, digits);
	else
		*to++ = '0';
	*to = '\0';
	if (decimals == 0)
		return;
	end = to;
	*end++ = '.';
	memset(end, '0', decimals - (n - whole));
	end += decimals - (n - whole);
	end += sprintf(end, "%s", digits + whole);
	while (end[-1] == '0')
		end--;
	if (end[-1] == '.')
		end--;
	*end = '\0';
}
