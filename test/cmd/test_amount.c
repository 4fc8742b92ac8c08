#include "test/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cmd/cli.h"

static struct err err;

static struct u256 dec(const char *text)
{
	struct u256 v;

	assert_int_equal(u256_parse_dec(&v, text, NULL), 0);
	return v;
}

static void reads(const char *text, enum cli_unit unit, const char *wei)
{
	struct u256 v, want = dec(wei);

	if (cli_amount(&v, text, unit, &err) < 0)
		fail_msg("\"%s\": %s", text, err.msg);
	if (u256_cmp(&v, &want) != 0)
		fail_msg("\"%s\" is not %s", text, wei);
}

static void refuses(const char *text, enum cli_unit unit, const char *why)
{
	struct u256 v;

	assert_int_equal(cli_amount(&v, text, unit, &err), -1);
	if (!strstr(err.msg, why))
		fail_msg("\"%s\": %s", text, err.msg);
}

static void amounts_are_read_in_their_units(void **state)
{
	reads("100", UNIT_LPT, "100000000000000000000");
	reads("1.5 LPT", UNIT_LPT, "1500000000000000000");
	reads("1.5LPT", UNIT_LPT, "1500000000000000000");
	reads("  7 lpt ", UNIT_LPT, "7000000000000000000");
	reads("3 LPTU", UNIT_LPT, "3");
	reads("5 wei", UNIT_LPT, "5");
	reads("0.01 ETH", UNIT_ETH, "10000000000000000");
	reads("2", UNIT_ETH, "2000000000000000000");
	reads("20 gwei", UNIT_ETH, "20000000000");
	reads("0.000000001 GWEI", UNIT_ETH, "1");
	reads("0", UNIT_ETH, "0");
	reads("0.000000000000000001", UNIT_LPT, "1");
	/* 2^256 - 1 */
	reads("115792089237316195423570985008687907853269984665640564039457584007913129639935 wei", UNIT_ETH,
	      "115792089237316195423570985008687907853269984665640564039457584007913129639935");
}

static void what_is_no_amount_is_told(void **state)
{
	static const char *const bad[] = {
		"", " ", "LPT", "-5", "+5", "1e18", "0x10", "1,5", "1 000", "1_000", "five", "NaN", "inf", "5 BTC",
		"1.5 LPT x", "1 LPT LPT", "\xd9\xa1", "1\n", "1\t",
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuses(bad[i], UNIT_LPT, "is no amount of LPT: write it like 100, 1.5 LPT or 5 wei");
	refuses("5 ETH", UNIT_LPT, "is no amount of LPT");
	refuses("5 gwei", UNIT_LPT, "is no amount of LPT");
	refuses("5 LPT", UNIT_ETH, "write it like 2, 0.01 ETH, 20 gwei or 5 wei");
	refuses("1.2.3", UNIT_ETH, "is not an amount");
	refuses(".5", UNIT_ETH, "is not an amount");
	refuses("5.", UNIT_ETH, "is not an amount");
	refuses("007", UNIT_ETH, "is not an amount");
}

static void nothing_is_rounded_and_nothing_overflows(void **state)
{
	static char digits[5000];

	refuses("0.0000000000000000001", UNIT_LPT, "more than 18 decimals");
	refuses("0.5 wei", UNIT_ETH, "more than 0 decimals");
	refuses("0.0000000001 gwei", UNIT_ETH, "more than 9 decimals");
	refuses("115792089237316195423570985008687907853269984665640564039457584007913129639936 wei", UNIT_ETH,
		"does not fit in 256 bits");
	refuses("115792089237316195423570985008687907853269984665640564039458", UNIT_LPT, "does not fit");
	memset(digits, '9', sizeof(digits) - 1);
	refuses(digits, UNIT_LPT, "does not fit");
}

static void shows(const char *wei, const char *want, const char *exact)
{
	struct u256 v = dec(wei);
	char to[100];

	assert_string_equal(cli_fmt_amount(to, &v, UNIT_LPT), want);
	assert_string_equal(cli_fmt_exact(to, &v, UNIT_LPT), exact);
}

static void amounts_are_shown_with_six_digits_and_never_as_nothing(void **state)
{
	struct u256 v;
	char to[100];

	shows("0", "0 LPT", "0 LPT");
	shows("1", "<0.000001 LPT", "0.000000000000000001 LPT");
	shows("999999999999", "<0.000001 LPT", "0.000000999999999999 LPT");
	shows("1000000000000", "0.000001 LPT", "0.000001 LPT");
	shows("1500000000000000000", "1.5 LPT", "1.5 LPT");
	shows("12345678900000000000", "12.345678 LPT", "12.3456789 LPT");
	shows("1000000000000000001", "1 LPT", "1.000000000000000001 LPT");
	shows("100000000000000000000", "100 LPT", "100 LPT");
	shows("115792089237316195423570985008687907853269984665640564039457584007913129639935",
	      "115792089237316195423570985008687907853269984665640564039457.584007 LPT",
	      "115792089237316195423570985008687907853269984665640564039457.584007913129639935 LPT");
	v = dec("1234567890");
	assert_string_equal(cli_fmt_gwei(to, &v), "1.234567 gwei");
	v = dec("7");
	assert_string_equal(cli_fmt_gwei(to, &v), "<0.000001 gwei");
}

static void what_is_shown_exactly_reads_back(void **state)
{
	unsigned long seed = 1;
	struct u256 v, back;
	char to[100];
	size_t i, k;

	for (i = 0; i < 2000; i++) {
		for (k = 0; k < 4; k++) {
			seed = seed * 6364136223846793005ul + 1442695040888963407ul;
			v.w[k] = k <= i % 4 ? seed >> (i % 61) : 0;
		}
		assert_int_equal(cli_amount(&back, cli_fmt_exact(to, &v, UNIT_ETH), UNIT_ETH, &err), 0);
		assert_int_equal(u256_cmp(&v, &back), 0);
	}
}

static void percentages_go_both_ways(void **state)
{
	static const struct { const char *text; uint64_t perc; } good[] = {
		{ "12.5", 125000 }, { "12.5%", 125000 }, { "100 %", 1000000 }, { "0", 0 }, { "0.0001%", 1 },
	};
	static const char *const bad[] = {
		"", "%", "12.50001", "100.0001", "101%", "-1", "1/5", "12,5", "5%%", "1e2", "99999999999999999999",
	};
	uint64_t perc;
	char to[32];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(cli_perc(&perc, good[i].text, &err), 0);
		assert_int_equal(perc, good[i].perc);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cli_perc(&perc, bad[i], &err), -1);
	assert_string_equal(cli_fmt_perc(to, 125000), "12.5%");
	assert_string_equal(cli_fmt_perc(to, 1), "0.0001%");
	assert_string_equal(cli_fmt_perc(to, 1000000), "100%");
	assert_string_equal(cli_fmt_perc(to, UINT64_MAX), "1844674407370955.1615%");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(amounts_are_read_in_their_units),
		cmocka_unit_test(what_is_no_amount_is_told),
		cmocka_unit_test(nothing_is_rounded_and_nothing_overflows),
		cmocka_unit_test(amounts_are_shown_with_six_digits_and_never_as_nothing),
		cmocka_unit_test(what_is_shown_exactly_reads_back),
		cmocka_unit_test(percentages_go_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
