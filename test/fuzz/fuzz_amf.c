/* AMF0 and AMF3 values, and looking into them. */
#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "media/wire/amf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rd r = rd_of(data, len);
	struct amf_value v, w;
	struct err err;
	char s[64];

	while (r.left > 0 && amf_read(&r, &v, &err) == 0) {
		amf_u32(&v);
		if (amf_copy_str(s, sizeof(s), &v))
			assert(strlen(s) == v.len);
		if (amf_get(&v, "app", &w))
			amf_copy_str(s, sizeof(s), &w);
		if (amf_get(&v, "k", &w))
			amf_get(&w, "z", &w);
	}
	return 0;
}
