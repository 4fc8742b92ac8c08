/*
 * A type's text up to the first line end, then an answer of that type.  A type that is
 * accepted prints as one that is accepted; values that are decoded encode again, and that
 * decodes to the same encoding (offsets of strangers may stand in any order).
 */
#include <stdlib.h>
#include <string.h>

#include "eth/abi.h"

#define TYPE_MAX 100	/* decoding takes time by the type's length: types are our own */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_text(const struct abi_type *t)
{
	struct abi_type again;
	struct buf a, b;

	buf_init(&a, 4096);
	buf_init(&b, 4096);
	abi_type_fmt(&a, t);
	if (abi_type_parse(&again, buf_cstr(&a), NULL) < 0)
		abort();
	abi_type_fmt(&b, &again);
	if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
		abort();
	abi_type_fini(&again);
	buf_fini(&a);
	buf_fini(&b);
}

static void check_value(const struct abi_type *t, const struct abi_value *v)
{
	struct abi_value again;
	struct buf a, b;

	buf_init(&a, 64 << 20);
	buf_init(&b, 64 << 20);
	if (abi_encode(&a, t, v, NULL) < 0 || abi_decode(&again, t, a.data, a.len, NULL) < 0)
		abort();
	if (abi_encode(&b, t, &again, NULL) < 0 || a.len != b.len || (a.len && memcmp(a.data, b.data, a.len) != 0))
		abort();
	abi_value_fini(&again);
	buf_fini(&a);
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *end = len ? memchr(data, '\n', len < TYPE_MAX ? len : TYPE_MAX) : NULL;
	char text[TYPE_MAX];
	struct abi_value v;
	struct abi_type t;
	size_t n;

	if (!end)
		return 0;
	n = (size_t)(end - data);
	memcpy(text, data, n);
	text[n] = '\0';
	if (abi_type_parse(&t, text, NULL) < 0)
		return 0;
	check_text(&t);
	if (abi_decode(&v, &t, end + 1, len - n - 1, NULL) == 0) {
		check_value(&t, &v);
		abi_value_fini(&v);
	}
	abi_type_fini(&t);
	return 0;
}
