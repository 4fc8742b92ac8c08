/*
 * What a follower reads back from its store, damaged in any way: an error in words, or
 * headers that hold together and are written again as they were.  The input: a byte for the
 * row's kind and key length, one for the value's length, the key, the value, and again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "node/chain/kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must_be_in_words(const struct err *err)
{
	if ((err->code != ERR_INVALID && err->code != ERR_LIMIT) || !err->msg[0])
		abort();
}

static void check_meta(const uint8_t *value, size_t n)
{
	struct err err = { 0 };
	uint8_t again[KEPT_META_LEN];
	struct kept_meta m;

	if (kept_meta_parse(&m, value, n, &err) < 0) {
		must_be_in_words(&err);
		return;
	}
	kept_meta_row(again, &m);
	if (n != sizeof(again) || memcmp(again, value, n) != 0)
		abort();
}

static int load(struct kept *k, const uint8_t *key, size_t n_key, const uint8_t *value, size_t n)
{
	uint8_t key_again[KEPT_KEY_LEN], again[KEPT_ROW_LEN];
	struct err err = { 0 };

	if (kept_load(k, key, n_key, value, n, &err) < 0) {
		must_be_in_words(&err);
		return -1;
	}
	kept_key(key_again, kept_top(k)->number);
	kept_row(again, kept_top(k));
	if (memcmp(key_again, key, n_key) != 0 || memcmp(again, value, n) != 0)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rd r = rd_of(data, len);
	const uint8_t *key, *value;
	struct kept k;

	kept_init(&k, 64);
	while (r.left >= 2) {
		uint8_t kind = rd_u8(&r), n = rd_u8(&r);
		size_t n_key = kind & 15;

		key = rd_bytes(&r, n_key);
		value = rd_bytes(&r, n);
		if (r.failed)
			break;
		if (kind & 128)
			check_meta(value, n);
		else if (load(&k, key, n_key, value, n) < 0)
			break;
	}
	kept_loaded(&k);
	if (k.n > 65)
		abort();
	kept_fini(&k);
	return 0;
}
