/* Codec parameters and NAL units: the first byte is the codec, the rest foreign. */
#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "media/wire/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What was parsed can be written and read again. */
static void round_trip(const struct track_config *c)
{
	struct track_config again = { .codec = c->codec };
	struct buf b;

	buf_init(&b, 1 << 16);
	if (params_add_annexb(&b, c) && params_from_annexb(&again, b.data, b.len)) {
		struct track_config twice = { .codec = c->codec };

		buf_clear(&b);
		assert(params_add_annexb(&b, &again));
		assert(params_from_annexb(&twice, b.data, b.len));
		assert(twice.width == again.width && twice.height == again.height);
	}
	buf_fini(&b);
}

static void walk(enum codec codec, const uint8_t *data, size_t len)
{
	const uint8_t *nal;
	size_t pos, sum = 0;
	int size;
	long n;

	for (size = 0; size <= 4; size++) {
		pos = 0;
		while ((n = size ? nal_next_prefixed(data, len, size, &pos, &nal)
				 : nal_next_annexb(data, len, &pos, &nal)) > 0) {
			assert(nal >= data && nal + n <= data + len);
			sum += (size_t)n;
		}
		assert(sum <= 5 * len);
		nal_has_idr(codec, data, len, size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct track_config c = { .codec = CODEC_NONE }, before;
	struct mp3_frame f;
	uint8_t adts[7];
	char name[40];

	if (len < 1)
		return 0;
	c.codec = (enum codec)(data[0] % (CODEC_OPUS + 1));
	data++;
	len--;
	walk(c.codec, data, len);
	params_mp3_frame(data, len, &f);
	before = c;
	if (params_size_from_key(&c, data, len))
		assert(c.width > 0 && c.height > 0 && c.width <= 16384 && c.height <= 16384);
	c = before;
	params_from_annexb(&c, data, len);
	c = before;
	c.extra_len = len < CODEC_EXTRA_MAX ? len : CODEC_EXTRA_MAX;
	memcpy(c.extra, data, c.extra_len);
	before = c;
	if (params_parse(&c, NULL) < 0) {
		assert(memcmp(&c, &before, sizeof(c)) == 0);
	} else {
		assert(c.width >= 0 && c.width <= 16384 && c.height >= 0 && c.height <= 16384);
		assert(c.fps_num >= 0 && c.fps_den >= 0 && (c.fps_num == 0) == (c.fps_den == 0));
		if (c.codec == CODEC_H264 || c.codec == CODEC_HEVC)
			assert(c.width > 0 && c.height > 0);
		if (c.codec >= CODEC_AAC)
			assert(c.sample_rate > 0 && c.channels > 0);
	}
	params_codecs(name, &c);
	assert(memchr(name, 0, sizeof(name)));
	params_adts(adts, &c, len);
	round_trip(&c);
	return 0;
}
