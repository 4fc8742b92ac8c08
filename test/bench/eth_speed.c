/*
 * What Ethereum's forms cost: eth_speed [milliseconds a measure].  Signing and recovering
 * are measured in turns with libsecp256k1's own calls, so that the ratio holds on a busy
 * machine; times are CPU time of this thread, the best of five turns.
 */
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/secret.h"
#include "eth/abi.h"
#include "eth/rlp.h"
#include "eth/tx.h"

#define TURNS 5

static struct {
	uint8_t secret[32];
	struct sig_key *key;
	struct hash32 digest;
	struct sig65 sig;
	secp256k1_context *ctx;
	secp256k1_ecdsa_recoverable_signature raw_sig;
	struct tx tx;
	uint8_t calldata[68];
	struct buf raw_tx;
	struct abi_type type;
	struct abi_value value;
	struct buf encoded, scratch;
	uint8_t block[64 * 1024];
	struct u256 a, b, c;
	unsigned sink;		/* what is computed is used */
} s;

static void must(int ok)
{
	if (!ok)
		abort();
}

/* ---- what is measured, once each ---- */

static void sign(void)
{
	struct sig65 sig = sig_sign(s.key, &s.digest);

	s.sink += sig.b[0];
}

static void lib_sign(void)
{
	secp256k1_ecdsa_recoverable_signature sig;

	must(secp256k1_ecdsa_sign_recoverable(s.ctx, &sig, s.digest.b, s.secret, NULL, NULL));
	s.sink += sig.data[0];
}

static void recover(void)
{
	struct eth_addr a;

	must(sig_recover(&a, &s.digest, &s.sig, NULL) == 0);
	s.sink += a.b[0];
}

static void lib_recover(void)
{
	secp256k1_pubkey pub;

	must(secp256k1_ecdsa_recover(s.ctx, &pub, &s.raw_sig, s.digest.b));
	s.sink += pub.data[0];
}

static void keccak_64(void)
{
	s.sink += hash_keccak256(s.block, 64).b[0];
}

static void keccak_64k(void)
{
	s.sink += hash_keccak256(s.block, sizeof(s.block)).b[0];
}

static void tx_write(void)
{
	struct hash32 h;

	must(tx_digest(&h, &s.tx, NULL) == 0);
	s.sink += h.b[0];
}

static void tx_signed(void)
{
	struct hash32 h;

	buf_clear(&s.scratch);
	must(tx_sign(&s.scratch, &h, &s.tx, s.key, NULL) == 0);
}

static void tx_read(void)
{
	struct eth_addr a;
	struct hash32 h;
	struct tx t;

	must(tx_parse(&t, &a, &h, s.raw_tx.data, s.raw_tx.len, NULL) == 0);
	s.sink += a.b[0];
}

static void rlp_read(void)
{
	must(rlp_check(s.raw_tx.data + 1, s.raw_tx.len - 1, NULL) == 0);
}

static void abi_write(void)
{
	buf_clear(&s.scratch);
	must(abi_encode(&s.scratch, &s.type, &s.value, NULL) == 0);
}

static void abi_read(void)
{
	struct abi_value v;

	must(abi_decode(&v, &s.type, s.encoded.data, s.encoded.len, NULL) == 0);
	abi_value_fini(&v);
}

static void u256_product(void)
{
	struct u256 r;

	must(u256_mul_div(&r, &s.a, &s.b, &s.c));
	s.sink += (unsigned)r.w[0];
}

static void u256_text(void)
{
	char text[U256_DEC_MAX];

	u256_fmt_dec(text, &s.a);
	s.sink += (unsigned)text[0];
}

/* ---- measuring ---- */

static double cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Nanoseconds a call. */
static double turn(void (*fn)(void), double for_ns)
{
	double begin = cpu_ns(), took;
	unsigned n = 0, i;

	do {
		for (i = 0; i < 16; i++)
			fn();
		n += 16;
		took = cpu_ns() - begin;
	} while (took < for_ns);
	return took / n;
}

static void measure(const char *name, void (*fn)(void), void (*lib)(void), double for_ns)
{
	double best = 1e18, lib_best = 1e18, ns;
	int i;

	for (i = 0; i < TURNS; i++) {
		ns = turn(fn, for_ns / TURNS);
		best = ns < best ? ns : best;
		if (!lib)
			continue;
		ns = turn(lib, for_ns / TURNS);
		lib_best = ns < lib_best ? ns : lib_best;
	}
	printf("%-34s %12.0f/s %10.0f ns", name, 1e9 / best, best);
	if (lib)
		printf("   libsecp256k1 alone %8.0f/s, ratio %.2f", 1e9 / lib_best, best / lib_best);
	printf("\n");
	fflush(stdout);
}

/* ---- what it is measured with ---- */

static struct abi_value word(uint64_t v)
{
	return (struct abi_value){ .word = u256_of(v) };
}

static struct abi_value list(size_t n)
{
	struct abi_value v = { .items = calloc(n, sizeof(v)), .n_items = n };

	must(v.items != NULL);
	return v;
}

/* A claim of work: numbers, a range, a hash and a list of 20 proofs. */
static void make_abi(void)
{
	struct abi_value *v;
	size_t i;

	must(abi_type_parse(&s.type, "(uint256,uint256,uint256[2],bytes32,bytes32[],string)", NULL) == 0);
	s.value = list(6);
	v = s.value.items;
	v[0] = word(1);
	v[1] = word(2);
	v[2] = list(2);
	v[4] = list(20);
	for (i = 0; i < 20; i++)
		v[4].items[i] = word(i);
	v[5].bytes = (uint8_t *)strdup("P240p30fps16x9");
	v[5].n_bytes = 14;
	buf_init(&s.encoded, 64 * 1024);
	must(abi_encode(&s.encoded, &s.type, &s.value, NULL) == 0);
}

static void make_signatures(void)
{
	struct hash32 h;

	secret_random(s.secret, sizeof(s.secret));
	s.key = sig_key_new(s.secret, NULL);
	s.digest = hash_keccak256("lpnode", 6);
	s.sig = sig_sign(s.key, &s.digest);
	s.ctx = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
	must(secp256k1_context_randomize(s.ctx, s.secret));
	must(secp256k1_ecdsa_recoverable_signature_parse_compact(s.ctx, &s.raw_sig, s.sig.b, s.sig.b[64] - 27));
	s.tx = (struct tx){
		.chain_id = 1, .nonce = 7, .gas = 60000, .max_fee = u256_of(30000000000), .max_tip = u256_of(1000000000),
		.data = s.calldata, .n_data = sizeof(s.calldata),
	};
	buf_init(&s.raw_tx, 4096);
	must(tx_sign(&s.raw_tx, &h, &s.tx, s.key, NULL) == 0);
}

int main(int argc, char **argv)
{
	double ns = (argc > 1 ? atof(argv[1]) : 1000) * 1e6;

	buf_init(&s.scratch, 64 * 1024);
	make_signatures();
	make_abi();
	memset(&s.a, 0xa5, sizeof(s.a));
	s.b = u256_of(1000000);
	s.c = s.a;
	measure("sign a digest", sign, lib_sign, ns);
	measure("recover an address", recover, lib_recover, ns);
	measure("keccak-256 of 64 bytes", keccak_64, NULL, ns);
	measure("keccak-256 of 64 KiB", keccak_64k, NULL, ns);
	measure("transaction: RLP and digest", tx_write, NULL, ns);
	measure("transaction: signed", tx_signed, NULL, ns);
	measure("transaction: parsed, recovered", tx_read, NULL, ns);
	measure("RLP of a transaction checked", rlp_read, NULL, ns);
	measure("ABI of a claim written (1 KiB)", abi_write, NULL, ns);
	measure("ABI of a claim read", abi_read, NULL, ns);
	measure("u256: a * b / c of 256 bits", u256_product, NULL, ns);
	measure("u256: 78 digits", u256_text, NULL, ns);
	secp256k1_context_destroy(s.ctx);
	sig_key_free(s.key);
	abi_value_fini(&s.value);
	abi_type_fini(&s.type);
	buf_fini(&s.raw_tx);
	buf_fini(&s.encoded);
	buf_fini(&s.scratch);
	return s.sink == 1;
}
