#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "bind/artifacts.h"
#include "cmd/call_text.h"
#include "cmd/params.h"

enum chain_contract contract_at(const struct cli *c, const struct eth_addr *a)
{
	int i;

	for (i = 0; i < N_CHAIN_CONTRACTS; i++) {
		if (!eth_addr_is_zero(a) && eth_addr_equal(&c->pin.contracts[i], a))
			break;
	}
	return (enum chain_contract)i;
}

const char *contract_name_at(const struct cli *c, const struct eth_addr *a)
{
	enum chain_contract i = contract_at(c, a);

	return i == N_CHAIN_CONTRACTS ? NULL : chain_contract_name(i);
}

/* ---- values ---- */

static void add_hex(struct buf *b, const uint8_t *p, size_t n)
{
	char *hex = xmalloc(2 * n + 1);

	hex_fmt(hex, p, n);
	buf_addf(b, "0x%s", hex);
	free(hex);
}

static void add_bytes(struct buf *b, const uint8_t *p, size_t n)
{
	struct hash32 hash;

	if (n <= CALL_TEXT_BYTES) {
		add_hex(b, p, n);
		return;
	}
	hash = hash_keccak256(p, n);
	buf_addf(b, "%zu bytes with keccak256 ", n);
	add_hex(b, hash.b, 32);
}

static void add_word(struct buf *b, const struct abi_type *t, const struct u256 *v)
{
	char dec[U256_DEC_MAX], addr[43];
	uint8_t be[32];
	struct eth_addr a;

	u256_to_be(be, v);
	switch (t->kind) {
	case ABI_ADDRESS:
		memcpy(a.b, be + 12, 20);
		eth_addr_fmt(addr, &a);
		buf_add_str(b, addr);
		break;
	case ABI_BOOL:
		buf_add_str(b, u256_is_zero(v) ? "false" : "true");
		break;
	case ABI_FIXED_BYTES:
		add_hex(b, be, t->size);
		break;
	default:
		u256_fmt_dec(dec, v);
		buf_add_str(b, dec);
	}
}

static void add_value(struct buf *b, const struct abi_type *t, const struct abi_value *v)
{
	bool tuple = t->kind == ABI_TUPLE;
	size_t i;

	if (t->kind == ABI_BYTES) {
		add_bytes(b, v->bytes, v->n_bytes);
	} else if (t->kind == ABI_STRING) {
		buf_addf(b, "\"%.*s\"", (int)v->n_bytes, v->bytes ? (const char *)v->bytes : "");
	} else if (tuple || t->kind == ABI_ARRAY) {
		buf_add_str(b, tuple ? "(" : "[");
		for (i = 0; i < v->n_items; i++) {
			buf_add_str(b, i ? ", " : "");
			add_value(b, tuple ? &t->items[i] : t->items, &v->items[i]);
		}
		buf_add_str(b, tuple ? ")" : "]");
	} else {
		add_word(b, t, &v->word);
	}
}

/* ---- calls ---- */

static const struct bind_function *find_function(const char *contract, const uint8_t sel[4])
{
	const struct bind_artifact *a = contract ? artifact_find(contract) : NULL;
	struct abi_selector s;
	size_t i;

	for (i = 0; a && i < a->n_functions; i++) {
		s = abi_selector_of(a->functions[i].signature);
		if (memcmp(s.b, sel, 4) == 0)
			return &a->functions[i];
	}
	return NULL;
}

static void add_params(struct buf *b, enum chain_contract contract, const char *setter, const struct abi_value *args)
{
	const struct param *p;
	bool first = true;
	char text[120];
	size_t i;

	for (i = 0; i < args->n_items; i++) {
		p = param_of_setter(contract, setter, (unsigned)i);
		if (!p)
			continue;
		buf_addf(b, "%s %s %s", first ? ":" : ",", p->name, param_fmt(text, p, &args->items[i].word));
		first = false;
	}
}

/* name(arguments); false when it is not such a call. */
static bool add_known(struct buf *b, const struct cli *c, const struct eth_addr *to, const uint8_t *data, size_t n)
{
	const char *contract = contract_name_at(c, to);
	const struct bind_function *f = n >= 4 ? find_function(contract, data) : NULL;
	struct abi_value args;
	struct abi_type t;
	struct err err;
	bool ok;

	if (!f || abi_type_parse(&t, strchr(f->signature, '('), &err) < 0)
		return false;
	ok = abi_decode(&args, &t, data + 4, n - 4, &err) == 0;
	if (ok) {
		buf_addf(b, "%s.%s", contract, f->name);
		add_value(b, &t, &args);
		add_params(b, contract_at(c, to), f->name, &args);
		abi_value_fini(&args);
	}
	abi_type_fini(&t);
	return ok;
}

void call_text(struct buf *b, const struct cli *c, const struct eth_addr *to, const struct u256 *value,
	       const uint8_t *data, size_t n)
{
	const char *name = contract_name_at(c, to);
	char addr[43], eth[100];

	eth_addr_fmt(addr, to);
	if (!add_known(b, c, to, data, n)) {
		buf_addf(b, "%s", name ? name : addr);
		if (n > 0) {
			buf_add_str(b, ", unknown call ");
			add_hex(b, data, n);
		}
	}
	if (!u256_is_zero(value))
		buf_addf(b, ", with %s", cli_fmt_amount(eth, value, UNIT_ETH));
}
