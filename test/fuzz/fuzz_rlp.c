/* RLP of strangers: what is accepted is canonical, so writing it again gives the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "eth/rlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void copy_items(struct rlp_out *o, struct rd r)
{
	struct rlp_item item;
	struct u256 v;
	uint64_t n;

	while (r.left) {
		if (rlp_next(&r, &item, NULL) < 0)
			abort();	/* rlp_check said that all is well */
		if (item.is_list) {
			rlp_open_list(o);
			copy_items(o, rd_of(item.data, item.len));
			rlp_close_list(o);
		} else if (rlp_u256(&v, &item, NULL) == 0) {
			if ((rlp_u64(&n, &item, NULL) == 0) != (u256_bits(&v) <= 64))
				abort();
			rlp_add_u256(o, &v);
		} else {
			rlp_add_bytes(o, item.data, item.len);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct err err = { 0 };
	struct rlp_out o;
	struct buf b;

	if (rlp_check(data, len, &err) < 0) {
		if (err.code != ERR_INVALID)
			abort();
		return 0;
	}
	buf_init(&b, len);
	rlp_out_init(&o, &b);
	copy_items(&o, rd_of(data, len));
	if (rlp_finish(&o, NULL) < 0 || b.len != len || memcmp(b.data, data, len) != 0)
		abort();
	buf_fini(&b);
	return 0;
}
