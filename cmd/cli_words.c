/*
 * Puts a custom error's values into its sentence (cli_sentences.c).
 */
#include "cmd/cli_words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hex.h"
#include "bind/errors.h"
#include "cmd/cli_internal.h"
#include "eth/abi.h"

#define PARAMS_MAX 8
#define TEXT_MAX 4096
#define HEX_SHOWN 68		/* bytes of what nobody knows */

/* ---- the values of an error ---- */

struct param {
	char name[64];
	const struct abi_type *type;
	const struct abi_value *value;
};

struct decoded {
	char types[512];	/* "(uint256,address)" */
	struct abi_type type;
	struct abi_value value;
	struct param p[PARAMS_MAX];
	size_t n;
};

/* "uint256 round,address who" into types and names. */
static int split_params(struct decoded *d, const char *params)
{
	size_t len, gap, at = 0;

	d->types[at++] = '(';
	for (; *params; params += len + (params[len] == ',')) {
		len = strcspn(params, ",");
		gap = strcspn(params, " ");
		if (gap >= len || d->n == PARAMS_MAX || len - gap > sizeof(d->p[0].name) || at + gap + 3 > sizeof(d->types))
			return -1;
		if (d->n)
			d->types[at++] = ',';
		memcpy(d->types + at, params, gap);
		at += gap;
		memcpy(d->p[d->n].name, params + gap + 1, len - gap - 1);
		d->p[d->n++].name[len - gap - 1] = '\0';
	}
	memcpy(d->types + at, ")", 2);
	return 0;
}

static int decode(struct decoded *d, const char *params, const uint8_t *data, size_t n)
{
	size_t i;

	memset(d, 0, sizeof(*d));
	if (split_params(d, params) < 0 || abi_type_parse(&d->type, d->types, NULL) < 0)
		return -1;
	if (abi_decode(&d->value, &d->type, data, n, NULL) < 0) {
		abi_type_fini(&d->type);
		return -1;
	}
	for (i = 0; i < d->n; i++) {
		d->p[i].type = &d->type.items[i];
		d->p[i].value = &d->value.items[i];
	}
	return 0;
}

static void decoded_fini(struct decoded *d)
{
	abi_value_fini(&d->value);
	abi_type_fini(&d->type);
}

/* ---- values in words ---- */

static void add_hex(struct buf *b, const uint8_t *data, size_t n)
{
	char hex[2 * HEX_SHOWN + 1];
	size_t shown = n < HEX_SHOWN ? n : HEX_SHOWN;

	hex_fmt(hex, data, shown);
	buf_addf(b, "0x%s%s", hex, shown < n ? "..." : "");
}

static void add_time(struct buf *b, const struct u256 *v)
{
	char text[U256_DEC_MAX];
	uint64_t s;

	if (!u256_to_u64(&s, v) || s > 4102444800u) {	/* the year 2100: no time at all */
		u256_fmt_dec(text, v);
		buf_add_str(b, text);
		return;
	}
	clock_fmt_utc(text, (int64_t)s * 1000);
	text[19] = '\0';	/* no milliseconds */
	text[10] = ' ';
	buf_addf(b, "%s UTC", text);
}

static void add_value(struct buf *b, const struct abi_type *t, const struct abi_value *v)
{
	char text[U256_DEC_MAX];
	uint8_t word[32];
	struct eth_addr a;

	u256_to_be(word, &v->word);
	switch (t->kind) {
	case ABI_ADDRESS:
		memcpy(a.b, word + 12, sizeof(a.b));
		eth_addr_fmt(text, &a);
		buf_add_str(b, text);
		break;
	case ABI_BOOL:
		buf_add_str(b, u256_is_zero(&v->word) ? "false" : "true");
		break;
	case ABI_FIXED_BYTES:
		add_hex(b, word, t->size);
		break;
	case ABI_BYTES:
		add_hex(b, v->bytes, v->n_bytes);
		break;
	case ABI_STRING:
		cli_add_clean(b, (const char *)v->bytes, false);
		break;
	case ABI_UINT:
	case ABI_INT:	/* none of ours is negative */
		u256_fmt_dec(text, &v->word);
		buf_add_str(b, text);
		break;
	case ABI_ARRAY:
	case ABI_TUPLE:
		buf_addf(b, "%zu values", v->n_items);
		break;
	}
}

static void add_as(struct buf *b, const struct param *p, const char *how, size_t n)
{
	char text[100];
	uint64_t perc;

	if (n == 3 && memcmp(how, "lpt", 3) == 0)
		buf_add_str(b, cli_fmt_amount(text, &p->value->word, UNIT_LPT));
	else if (n == 3 && memcmp(how, "eth", 3) == 0)
		buf_add_str(b, cli_fmt_amount(text, &p->value->word, UNIT_ETH));
	else if (n == 4 && memcmp(how, "time", 4) == 0)
		add_time(b, &p->value->word);
	else if (n == 4 && memcmp(how, "perc", 4) == 0 && u256_to_u64(&perc, &p->value->word))
		buf_add_str(b, cli_fmt_perc(text, perc));
	else
		add_value(b, p->type, p->value);
}

/* ---- sentences ---- */

static const struct param *find_param(const struct decoded *d, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < d->n; i++) {
		if (strlen(d->p[i].name) == len && memcmp(d->p[i].name, name, len) == 0)
			return &d->p[i];
	}
	return NULL;
}

/* b NULL: only whether all of its values are there. */
static bool add_sentence(struct buf *b, const char *text, const struct decoded *d)
{
	size_t plain, name, all;
	const struct param *p;

	for (; *text; text += all + 1) {
		plain = strcspn(text, "{");
		if (b)
			buf_add(b, text, plain);
		text += plain;
		if (!*text)
			return true;
		all = strcspn(++text, "}");
		name = strcspn(text, ":}");
		p = find_param(d, text, name);
		if (!p)
			return false;
		if (b)
			add_as(b, p, text + name + 1, name < all ? all - name - 1 : 0);
	}
	return true;
}

/* The one that speaks of these values; of one name there may be two. */
static const char *find_sentence(const char *name, const struct decoded *d)
{
	const struct cli_sentence *s;
	size_t i;

	for (i = 0; (s = cli_sentence_at(i)); i++) {
		if (strcmp(s->name, name) == 0 && add_sentence(NULL, s->text, d))
			return s->text;
	}
	return NULL;
}

static void add_plainly(struct buf *b, const char *name, const struct decoded *d)
{
	size_t i;

	buf_addf(b, "%s(", name);
	for (i = 0; i < d->n; i++) {
		buf_addf(b, "%s%s ", i ? ", " : "", d->p[i].name);
		add_value(b, d->p[i].type, d->p[i].value);
	}
	buf_add_str(b, ")");
}

static bool add_custom(struct buf *b, const struct bind_error *e, const uint8_t *data, size_t n)
{
	const char *text;
	struct decoded d;

	if (decode(&d, e->params, data, n) < 0)
		return false;
	text = find_sentence(e->name, &d);
	if (text)
		add_sentence(b, text, &d);
	else
		add_plainly(b, e->name, &d);
	decoded_fini(&d);
	return true;
}

/* ---- what Solidity itself says ---- */

static const char *panic_text(uint64_t code)
{
	switch (code) {
	case 0x01: return "an assertion of the contract failed";
	case 0x11: return "a number became too large or less than 0";
	case 0x12: return "a division by 0";
	case 0x21: return "a number that is none of an enumeration";
	case 0x22: return "damaged storage";
	case 0x31: return "nothing left in a list";
	case 0x32: return "an index beyond a list's end";
	case 0x41: return "out of memory";
	case 0x51: return "a function that was never set";
	}
	return "a panic";
}

/* Error(string) and Panic(uint256). */
static bool add_builtin(struct buf *b, const uint8_t *data, size_t n)
{
	static const uint8_t error[4] = { 0x08, 0xc3, 0x79, 0xa0 }, panic[4] = { 0x4e, 0x48, 0x7b, 0x71 };
	bool is_panic = memcmp(data, panic, 4) == 0;
	struct decoded d;
	uint64_t code;

	if (!is_panic && memcmp(data, error, 4) != 0)
		return false;
	if (decode(&d, is_panic ? "uint256 code" : "string text", data + 4, n - 4) < 0)
		return false;
	if (!is_panic)
		add_value(b, d.p[0].type, d.p[0].value);
	else if (u256_to_u64(&code, &d.value.items[0].word))
		buf_addf(b, "%s (panic 0x%02" PRIx64 " of the contract)", panic_text(code), code);
	decoded_fini(&d);
	return true;
}

bool cli_words(struct buf *b, const uint8_t *data, size_t n)
{
	const struct bind_error *e = n >= 4 ? bind_error_find(data) : NULL;

	if (n >= 4 && add_builtin(b, data, n))
		return true;
	if (e && add_custom(b, e, data + 4, n - 4))
		return true;
	buf_add_str(b, n ? "refused without a reason that is known: " : "refused without a reason");
	if (n)
		add_hex(b, data, n);
	return false;
}

bool cli_explain(char *to, size_t n, const uint8_t *data, size_t n_data)
{
	struct buf b;
	bool known;

	buf_init(&b, TEXT_MAX);
	known = cli_words(&b, data, n_data);
	/* A sentence that is too long shows that it goes on. */
	if (snprintf(to, n, "%s", buf_cstr(&b)) >= (int)n && n >= 4)
		memcpy(to + n - 4, "...", 4);
	buf_fini(&b);
	return known;
}
