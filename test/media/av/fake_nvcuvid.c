/* NVDEC: takes pictures' parameters, gives grey pictures. */
#include "test/media/av/fake_cuda.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, OUT_OF_MEMORY = 2, INVALID_VALUE = 1, ILLEGAL_ADDRESS = 700 };

extern struct fake_cuda fake_cuda;
int fake_cuda_spend(int *left);

#define UNUSED(name) int name(void); int name(void) { return OK; }
UNUSED(cuvidGetDecodeStatus) UNUSED(cuvidReconfigureDecoder) UNUSED(cuvidCtxLockCreate)
UNUSED(cuvidCtxLockDestroy) UNUSED(cuvidCtxLock) UNUSED(cuvidCtxUnlock)
UNUSED(cuvidCreateVideoSource) UNUSED(cuvidCreateVideoSourceW) UNUSED(cuvidDestroyVideoSource)
UNUSED(cuvidSetVideoSourceState) UNUSED(cuvidGetVideoSourceState)
UNUSED(cuvidGetSourceVideoFormat) UNUSED(cuvidGetSourceAudioFormat)
UNUSED(cuvidCreateVideoParser) UNUSED(cuvidParseVideoData) UNUSED(cuvidDestroyVideoParser)

#define CALL __attribute__((visibility("default")))
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

/* CUVIDDECODECREATEINFO */
struct create_info {
	unsigned long width, height, n_surfaces;
	int codec, chroma;
	unsigned long flags, depth_minus8, intra_only, max_width, max_height, reserved;
	short left, top, right, bottom;
	int format, deinterlace;
	unsigned long target_width, target_height, n_outputs;
	void *lock;
};

/* The first words of CUVIDPICPARAMS. */
struct pic_params {
	int width_mbs, height_mbs, index;
};

struct decoder {
	struct create_info info;
};

CALL int cuvidCreateDecoder(void **decoder, const struct create_info *info)
{
	struct decoder *d;

	if (!fake_cuda_spend(&fake_cuda.decoders_left))
		return OUT_OF_MEMORY;
	if (info->n_surfaces > 32)
		return INVALID_VALUE;
	d = malloc(sizeof(*d));
	d->info = *info;
	*decoder = d;
	return OK;
}

CALL int cuvidDestroyDecoder(void *decoder)
{
	free(decoder);
	return OK;
}

CALL int cuvidDecodePicture(struct decoder *d, const struct pic_params *p)
{
	if (!fake_cuda_spend(&fake_cuda.pictures_left))
		return ILLEGAL_ADDRESS;
	if (p->index < 0 || p->index >= (int)d->info.n_surfaces)
		return INVALID_VALUE;
	fake_cuda.n_pictures++;
	return OK;
}

CALL int cuvidMapVideoFrame64(struct decoder *d, int index, unsigned long long *at, unsigned *pitch,
			      const void *params)
{
	size_t size;
	void *p;

	if (fake_cuda.n_mapped >= (int)d->info.n_outputs)
		return OUT_OF_MEMORY;
	*pitch = (unsigned)(d->info.target_width + 511) & ~511u;
	size = (size_t)*pitch * (d->info.target_height + 64) * 3 / 2;
	p = malloc(size);
	memset(p, 128, size);
	*at = (uintptr_t)p;
	if (++fake_cuda.n_mapped > fake_cuda.most_mapped)
		fake_cuda.most_mapped = fake_cuda.n_mapped;
	return OK;
}

CALL int cuvidUnmapVideoFrame64(struct decoder *d, unsigned long long at)
{
	free((void *)(uintptr_t)at);
	fake_cuda.n_mapped--;
	return OK;
}
