#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "bind/errors.h"
#include "cmd/cli_internal.h"
#include "cmd/cli_words.h"
#include "eth/abi.h"

#define WHY_MAX 200	/* of struct tx_info: a longer one would be cut there */

/* ---- values for any error ---- */

static void fill(struct abi_value *v, const struct abi_type *t)
{
	uint8_t word[32] = { 0 };

	switch (t->kind) {
	case ABI_STRING:
		v->bytes = (uint8_t *)xstrdup("unbondingPeriod");
		v->n_bytes = strlen((char *)v->bytes);
		break;
	case ABI_ADDRESS:
		memset(word + 12, 0xab, 20);
		v->word = u256_from_be(word);
		break;
	case ABI_FIXED_BYTES:
		memset(word, 0xcd, t->size);
		v->word = u256_from_be(word);
		break;
	default:
		/* 12.345678... LPT; small where only small ones fit. */
		v->word = u256_of(t->bits >= 96 ? 12345678900000000000u : 7);
	}
}

/* The types of "uint256 round,address who" as "(uint256,address)". */
static void types_of(char *to, const char *params)
{
	const char *p;

	strcpy(to, "(");
	for (p = params; *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ','))
		sprintf(to + strlen(to), "%s%.*s", p == params ? "" : ",", (int)strcspn(p, " "), p);
	strcat(to, ")");
}

/* What a call reverts with. */
static void make_data(struct buf *b, const struct bind_error *e)
{
	struct abi_type t;
	struct abi_value v = { 0 };
	char types[512];
	size_t i;

	types_of(types, e->params);
	buf_init(b, 4096);
	buf_add(b, e->sel.b, 4);
	assert_int_equal(abi_type_parse(&t, types, NULL), 0);
	v.n_items = t.n_items;
	v.items = xcalloc(t.n_items + 1, sizeof(*v.items));
	for (i = 0; i < t.n_items; i++)
		fill(&v.items[i], &t.items[i]);
	assert_int_equal(abi_encode(b, &t, &v, NULL), 0);
	abi_value_fini(&v);
	abi_type_fini(&t);
}

/* Free with free(). */
static char *words(const void *data, size_t n, bool *known)
{
	struct buf b;

	buf_init(&b, 4096);
	*known = cli_words(&b, data, n);
	buf_cstr(&b);
	return (char *)b.data;
}

/* ---- all of them ---- */

static void every_error_of_the_contracts_has_a_sentence_with_a_remedy(void **state)
{
	unsigned missing = 0;
	struct buf data;
	bool known;
	char *text;
	size_t i;

	assert_true(n_bind_errors > 100);
	for (i = 0; i < n_bind_errors; i++) {
		make_data(&data, &bind_errors[i]);
		text = words(data.data, data.len, &known);
		/* What has no sentence is told as Name(values). */
		if (!known || strncmp(text, bind_errors[i].name, strlen(bind_errors[i].name)) == 0 || strchr(text, '{') ||
		    strlen(text) >= WHY_MAX) {
			print_error("%s(%s): %s\n", bind_errors[i].name, bind_errors[i].params, text);
			missing++;
		}
		free(text);
		buf_fini(&data);
	}
	assert_int_equal(missing, 0);
}

static void every_sentence_is_of_an_error(void **state)
{
	unsigned unused = 0;
	size_t i, k;

	for (i = 0; cli_sentence_at(i); i++) {
		for (k = 0; k < n_bind_errors && strcmp(bind_errors[k].name, cli_sentence_at(i)->name) != 0; k++)
			;
		if (k == n_bind_errors) {
			print_error("%s is no error of the contracts\n", cli_sentence_at(i)->name);
			unused++;
		}
	}
	assert_int_equal(unused, 0);
}

/* ---- single ones ---- */

static void check(const char *hex, bool want_known, const char *want)
{
	uint8_t data[512];
	size_t n = strlen(hex) / 2;
	bool known;
	char *text;

	assert_int_equal(hex_parse(data, n, hex), 0);
	text = words(data, n, &known);
	assert_string_equal(text, want);
	assert_int_equal(known, want_known);
	free(text);
}

#define WORD(x) "00000000000000000000000000000000000000000000000000000000000000" x

static void values_stand_in_the_sentence(void **state)
{
	struct abi_selector s = abi_selector_of("RoundNotInitialized(uint256)");
	char hex[200];

	hex_fmt(hex, s.b, 4);
	strcat(hex, WORD("11"));
	check(hex, true, "round 17 is not initialised: run `lpnode initialize-round`");
	s = abi_selector_of("InsufficientBond(uint256,uint256)");
	hex_fmt(hex, s.b, 4);
	strcat(hex, "000000000000000000000000000000000000000000000000d02ab486cedc0000" WORD("01"));
	check(hex, true, "15 LPT asked, only <0.000001 LPT bonded: see `lpnode delegator`");
}

static void solidity_s_own_are_told(void **state)
{
	/* Error("not yet") */
	check("08c379a0" WORD("20") WORD("07") "6e6f742079657400000000000000000000000000000000000000000000000000", true,
	      "not yet");
	check("4e487b71" WORD("11"), true, "a number became too large or less than 0 (panic 0x11 of the contract)");
	check("4e487b71" WORD("99"), true, "a panic (panic 0x99 of the contract)");
}

static void what_is_unknown_or_damaged_is_told_as_hex(void **state)
{
	struct abi_selector s = abi_selector_of("RoundNotInitialized(uint256)");
	char hex[100], want[200];

	check("", false, "refused without a reason");
	check("01", false, "refused without a reason that is known: 0x01");
	check("deadbeef", false, "refused without a reason that is known: 0xdeadbeef");
	check("08c379a0", false, "refused without a reason that is known: 0x08c379a0");
	check("4e487b71ff", false, "refused without a reason that is known: 0x4e487b71ff");
	hex_fmt(hex, s.b, 4);	/* its value is missing */
	snprintf(want, sizeof(want), "refused without a reason that is known: 0x%s", hex);
	check(hex, false, want);
}

static void a_stranger_s_text_cannot_steer_the_terminal(void **state)
{
	/* Error("\x1b[2J\n") */
	check("08c379a0" WORD("20") WORD("05") "1b5b324a0a000000000000000000000000000000000000000000000000000000", true,
	      "?[2J?");
}

static void a_text_that_does_not_fit_shows_it(void **state)
{
	uint8_t data[4 + 32];
	char to[20];

	assert_int_equal(hex_parse(data, sizeof(data), "4e487b71" WORD("11")), 0);
	assert_true(cli_explain(to, sizeof(to), data, sizeof(data)));
	assert_string_equal(to, "a number became ...");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_of_the_contracts_has_a_sentence_with_a_remedy),
		cmocka_unit_test(every_sentence_is_of_an_error),
		cmocka_unit_test(values_stand_in_the_sentence),
		cmocka_unit_test(solidity_s_own_are_told),
		cmocka_unit_test(what_is_unknown_or_damaged_is_told_as_hex),
		cmocka_unit_test(a_stranger_s_text_cannot_steer_the_terminal),
		cmocka_unit_test(a_text_that_does_not_fit_shows_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
