#include "test/test.h"

#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/secret.h"
#include "base/u256.h"
#include "test/vectors.h"

static const struct u256 top = { .w = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } };
static const struct u256 canary = { .w = { 1, 2, 3, 4 } };

static int load(void **state)
{
	*state = vectors_load("test/vectors/u256.json");
	return 0;
}

static int drop(void **state)
{
	json_decref(*state);
	return 0;
}

static struct u256 number(const json_t *row, const char *key)
{
	uint8_t be[32];

	vectors_hex(be, sizeof(be), row, key);
	return u256_from_be(be);
}

static void assert_same(const struct u256 *got, const struct u256 *want)
{
	char a[67], b[67];

	u256_fmt_hex(a, got);
	u256_fmt_hex(b, want);
	assert_string_equal(a, b);
}

/* null in the vector: refused, and what was there is left alone. */
static void check(const json_t *row, const char *key, bool fits, const struct u256 *got)
{
	struct u256 want = canary;

	assert_int_equal(fits, !json_is_null(json_object_get(row, key)));
	if (fits)
		want = number(row, key);
	assert_same(got, &want);
}

typedef bool operation(struct u256 *, const struct u256 *, const struct u256 *);

static void check_op(const json_t *row, const char *key, operation *op)
{
	struct u256 a = number(row, "a"), b = number(row, "b"), r = canary;
	bool fits = op(&r, &a, &b);

	check(row, key, fits, &r);
	/* The result may be an operand. */
	r = a;
	assert_int_equal(op(&r, &r, &b), fits);
	if (fits)
		check(row, key, true, &r);
	r = b;
	assert_int_equal(op(&r, &a, &r), fits);
	if (fits)
		check(row, key, true, &r);
}

static void check_div(const json_t *row)
{
	struct u256 a = number(row, "a"), b = number(row, "b"), c = number(row, "c");
	struct u256 quot = canary, rem = canary, r = canary;
	bool fits = u256_div(&quot, &rem, &a, &b);

	check(row, "div", fits, &quot);
	check(row, "rem", fits, &rem);
	quot = rem = canary;
	u256_div(&quot, NULL, &a, &b);
	check(row, "div", fits, &quot);
	u256_div(NULL, &rem, &a, &b);
	check(row, "rem", fits, &rem);
	quot = a;
	rem = b;
	if (u256_div(&quot, &rem, &quot, &rem)) {
		check(row, "div", true, &quot);
		check(row, "rem", true, &rem);
	}
	fits = u256_mul_div(&r, &a, &b, &c);
	check(row, "mulDiv", fits, &r);
	r = c;
	if (u256_mul_div(&r, &a, &b, &r))
		check(row, "mulDiv", true, &r);
}

static void check_text(const json_t *row)
{
	const char *dec = json_string_value(json_object_get(row, "dec"));
	const char *hex = json_string_value(json_object_get(row, "hex"));
	struct u256 a = number(row, "a"), r;
	char text[U256_DEC_MAX];

	u256_fmt_dec(text, &a);
	assert_string_equal(text, dec);
	u256_fmt_hex(text, &a);
	assert_string_equal(text, hex);
	assert_int_equal(u256_parse_dec(&r, dec, NULL), 0);
	assert_same(&r, &a);
	assert_int_equal(u256_parse_hex(&r, hex, NULL), 0);
	assert_same(&r, &a);
	assert_int_equal(u256_bits(&a), json_integer_value(json_object_get(row, "bits")));
}

static void arithmetic_and_text_agree_with_bigint(void **state)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(*state, "rows"), i, row) {
		check_op(row, "add", u256_add);
		check_op(row, "sub", u256_sub);
		check_op(row, "mul", u256_mul);
		check_div(row);
		check_text(row);
	}
	assert_int_equal(i, 180);
}

static void fixed_point_agrees_with_bigint(void **state)
{
	char text[U256_DEC_MAX + 3];
	struct u256 v, r;
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(*state, "fixed"), i, row) {
		const char *want = json_string_value(json_object_get(row, "text"));
		unsigned decimals = (unsigned)json_integer_value(json_object_get(row, "decimals"));

		v = number(row, "v");
		u256_fmt_fixed(text, &v, decimals);
		assert_string_equal(text, want);
		assert_int_equal(u256_parse_fixed(&r, want, decimals, NULL), 0);
		assert_same(&r, &v);
	}
	assert_int_equal(i, 56);
}

/* ---- properties, of random numbers of all widths ---- */

static struct hash32 chain;	/* each random number is the hash of the one before */

/* Of any width; its leading bytes are all zeros or all ones. */
static struct u256 some(void)
{
	uint8_t be[32];

	chain = hash_keccak256(chain.b, sizeof(chain.b));
	memcpy(be, chain.b, sizeof(be));
	memset(be, chain.b[31] & 1 ? 0 : 0xff, chain.b[30] % 33);
	return u256_from_be(be);
}

static void check_division(const struct u256 *a, const struct u256 *b)
{
	struct u256 q, r, back;

	if (u256_is_zero(b)) {
		assert_false(u256_div(&q, &r, a, b));
		return;
	}
	assert_true(u256_div(&q, &r, a, b));
	assert_true(u256_cmp(&r, b) < 0);
	assert_true(u256_mul(&back, &q, b));
	assert_true(u256_add(&back, &back, &r));
	assert_same(&back, a);
	assert_true(u256_mul_div(&back, a, b, b));
	assert_same(&back, a);
}

static void check_round_trips(const struct u256 *a)
{
	char text[U256_DEC_MAX + 3];
	struct u256 r;
	uint8_t be[32];
	unsigned decimals;

	u256_to_be(be, a);
	r = u256_from_be(be);
	assert_same(&r, a);
	for (decimals = 0; decimals <= U256_DECIMALS_MAX; decimals += 11) {
		u256_fmt_fixed(text, a, decimals);
		assert_true(strlen(text) < sizeof(text));
		assert_int_equal(u256_parse_fixed(&r, text, decimals, NULL), 0);
		assert_same(&r, a);
	}
}

static void random_numbers_keep_the_laws(void **state)
{
	char seed[65];
	int i;

	secret_random(chain.b, sizeof(chain.b));
	hex_fmt(seed, chain.b, sizeof(chain.b));
	print_message("seed %s\n", seed);
	for (i = 0; i < 2000; i++) {
		struct u256 a = some(), b = some(), r;

		check_division(&a, &b);
		check_round_trips(&a);
		assert_int_equal(u256_cmp(&a, &b), -u256_cmp(&b, &a));
		if (u256_add(&r, &a, &b)) {
			assert_true(u256_sub(&r, &r, &b));
			assert_same(&r, &a);
		} else {	/* then a > top - b */
			assert_true(u256_sub(&r, &top, &b));
			assert_true(u256_cmp(&a, &r) > 0);
		}
	}
}

/* ---- edges ---- */

static void only_what_fits_becomes_64_bits(void **state)
{
	struct u256 a = u256_of(UINT64_MAX), one = u256_of(1);
	uint64_t v = 7;
	int i;

	assert_true(u256_to_u64(&v, &a));
	assert_true(v == UINT64_MAX);
	assert_true(u256_add(&a, &a, &one));
	v = 7;
	assert_false(u256_to_u64(&v, &a));
	assert_int_equal(v, 7);
	assert_true(u256_is_zero(&u256_zero));
	for (i = 1; i < 4; i++) {
		a = u256_of(0);
		a.w[i] = 1;
		assert_false(u256_to_u64(&v, &a));
		assert_false(u256_is_zero(&a));
	}
}

struct refusal {
	const char *text;
	enum err_code code;
};

static void check_refusals(const struct refusal *list, size_t n,
			   int (*parse)(struct u256 *, const char *, struct err *))
{
	struct u256 r = canary;
	struct err err;
	size_t i;

	for (i = 0; i < n; i++) {
		assert_int_equal(parse(&r, list[i].text, &err), -1);
		assert_int_equal(err.code, list[i].code);
		assert_same(&r, &canary);
		assert_int_equal(parse(&r, list[i].text, NULL), -1);
	}
}
#define CHECK_REFUSALS(list, parse) check_refusals(list, sizeof(list) / sizeof((list)[0]), parse)

static void what_is_no_decimal_is_refused(void **state)
{
	static const struct refusal list[] = {
		{ "", ERR_INVALID }, { " 1", ERR_INVALID }, { "1 ", ERR_INVALID }, { "-1", ERR_INVALID },
		{ "+1", ERR_INVALID }, { "01", ERR_INVALID }, { "00", ERR_INVALID }, { "0x1", ERR_INVALID },
		{ "1a", ERR_INVALID }, { "1e3", ERR_INVALID }, { "1.0", ERR_INVALID }, { "1\n", ERR_INVALID },
		{ "115792089237316195423570985008687907853269984665640564039457584007913129639936", ERR_LIMIT },
		{ "1157920892373161954235709850086879078532699846656405640394575840079131296399350", ERR_LIMIT },
		{ "200000000000000000000000000000000000000000000000000000000000000000000000000000", ERR_LIMIT },
	};

	CHECK_REFUSALS(list, u256_parse_dec);
}

static void what_is_no_quantity_is_refused(void **state)
{
	static const struct refusal list[] = {
		{ "", ERR_INVALID }, { "0", ERR_INVALID }, { "0x", ERR_INVALID }, { "1f", ERR_INVALID },
		{ "0x00", ERR_INVALID }, { "0x01", ERR_INVALID }, { "0xg", ERR_INVALID }, { "0X1", ERR_INVALID },
		{ "0x-1", ERR_INVALID }, { "0x 1", ERR_INVALID }, { "0x1 ", ERR_INVALID }, { "x1", ERR_INVALID },
		{ "0x10000000000000000000000000000000000000000000000000000000000000000", ERR_LIMIT },
	};

	CHECK_REFUSALS(list, u256_parse_hex);
}

static int parse_ether(struct u256 *r, const char *s, struct err *err)
{
	return u256_parse_fixed(r, s, 18, err);
}

static int parse_whole(struct u256 *r, const char *s, struct err *err)
{
	return u256_parse_fixed(r, s, 0, err);
}

static void what_is_no_amount_is_refused(void **state)
{
	static const struct refusal ether[] = {
		{ "", ERR_INVALID }, { ".", ERR_INVALID }, { "1.", ERR_INVALID }, { ".5", ERR_INVALID },
		{ "1.5.5", ERR_INVALID }, { "-1", ERR_INVALID }, { "+1", ERR_INVALID }, { "1,5", ERR_INVALID },
		{ "00.5", ERR_INVALID }, { "01", ERR_INVALID }, { "1e18", ERR_INVALID }, { "0x1", ERR_INVALID },
		{ "1.-5", ERR_INVALID }, { "1. 5", ERR_INVALID }, { "1.0000000000000000001", ERR_INVALID },
		{ "115792089237316195423570985008687907853269984665640564039457.584007913129639936", ERR_LIMIT },
		{ "1157920892373161954235709850086879078532699846656405640394570", ERR_LIMIT },
		{ "1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
		  "000000000000000000000000000000000000000000000000000000000000000000000000000000000000", ERR_LIMIT },
	};
	static const struct refusal whole[] = {
		{ "1.5", ERR_INVALID }, { "1.0", ERR_INVALID }, { "1.", ERR_INVALID }, { "", ERR_INVALID },
	};
	struct err err;
	struct u256 r;

	CHECK_REFUSALS(ether, parse_ether);
	CHECK_REFUSALS(whole, parse_whole);
	assert_int_equal(parse_ether(&r, ether[15].text, &err), -1);
	assert_non_null(strstr(err.msg, "256 bits"));
}

static void amounts_may_end_in_zeros(void **state)
{
	struct u256 a, b = u256_of(1500000);

	assert_int_equal(u256_parse_fixed(&a, "1.500000", 6, NULL), 0);
	assert_same(&a, &b);
	assert_int_equal(u256_parse_fixed(&a, "0.0", 6, NULL), 0);
	assert_true(u256_is_zero(&a));
}

/* An error names the text, but not more of it than a line holds. */
static void errors_quote_the_beginning(void **state)
{
	char text[500];
	struct err err;
	struct u256 r;

	memset(text, '9', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(u256_parse_dec(&r, text, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_non_null(strstr(err.msg, "\"9999"));
	assert_true(strlen(err.msg) < 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arithmetic_and_text_agree_with_bigint),
		cmocka_unit_test(fixed_point_agrees_with_bigint),
		cmocka_unit_test(random_numbers_keep_the_laws),
		cmocka_unit_test(only_what_fits_becomes_64_bits),
		cmocka_unit_test(what_is_no_decimal_is_refused),
		cmocka_unit_test(what_is_no_quantity_is_refused),
		cmocka_unit_test(what_is_no_amount_is_refused),
		cmocka_unit_test(amounts_may_end_in_zeros),
		cmocka_unit_test(errors_quote_the_beginning),
	};

	return cmocka_run_group_tests(tests, load, drop);
}
