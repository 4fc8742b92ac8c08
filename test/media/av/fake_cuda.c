#include "test/media/av/fake_cuda.h"
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The driver API's values (cuda.h): success, out of memory, illegal address, not found. */
enum { OK = 0, OUT_OF_MEMORY = 2, INVALID_DEVICE = 101, ILLEGAL_ADDRESS = 700 };
#define N_DEVICES 2
#define TEXTURE_ALIGNMENT 512

struct fake_cuda fake_cuda = { -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0 };

/* May one more be done? */
int fake_cuda_spend(int *left);

int fake_cuda_spend(int *left)
{
	if (*left == 0) {
		fake_cuda.n_refused++;
		return 0;
	}
	*left -= *left > 0;
	return 1;
}

/* What FFmpeg's loader wants and nobody here calls. */
#define UNUSED(name) int name(void); int name(void) { return OK; }
UNUSED(cuCtxSetLimit)
UNUSED(cuMemAllocPitch_v2) UNUSED(cuMemAllocManaged) UNUSED(cuMemsetD8Async) UNUSED(cuMemcpy)
UNUSED(cuMemcpyAsync) UNUSED(cuMemcpy2D_v2) UNUSED(cuMemcpyHtoD_v2) UNUSED(cuMemcpyHtoDAsync_v2)
UNUSED(cuMemcpyDtoH_v2) UNUSED(cuMemcpyDtoHAsync_v2) UNUSED(cuMemcpyDtoD_v2)
UNUSED(cuMemcpyDtoDAsync_v2) UNUSED(cuCtxGetDevice) UNUSED(cuDevicePrimaryCtxRetain)
UNUSED(cuDevicePrimaryCtxRelease) UNUSED(cuDevicePrimaryCtxSetFlags)
UNUSED(cuDevicePrimaryCtxGetState) UNUSED(cuDevicePrimaryCtxReset) UNUSED(cuStreamCreate)
UNUSED(cuStreamQuery) UNUSED(cuStreamSynchronize) UNUSED(cuStreamDestroy_v2)
UNUSED(cuStreamAddCallback) UNUSED(cuEventCreate) UNUSED(cuEventDestroy_v2)
UNUSED(cuEventSynchronize) UNUSED(cuEventQuery) UNUSED(cuEventRecord) UNUSED(cuLinkCreate)
UNUSED(cuLinkAddData) UNUSED(cuLinkComplete) UNUSED(cuLinkDestroy) UNUSED(cuModuleUnload)
UNUSED(cuModuleGetGlobal) UNUSED(cuGLGetDevices_v2) UNUSED(cuGraphicsGLRegisterImage)
UNUSED(cuGraphicsUnregisterResource) UNUSED(cuGraphicsMapResources)
UNUSED(cuGraphicsUnmapResources) UNUSED(cuGraphicsSubResourceGetMappedArray)
UNUSED(cuGraphicsResourceGetMappedPointer_v2) UNUSED(cuArray3DCreate_v2) UNUSED(cuArrayDestroy)
UNUSED(cuEGLStreamProducerConnect) UNUSED(cuEGLStreamProducerDisconnect)
UNUSED(cuEGLStreamConsumerDisconnect) UNUSED(cuEGLStreamProducerPresentFrame)
UNUSED(cuEGLStreamProducerReturnFrame) UNUSED(cuInit)

#define CALL __attribute__((visibility("default")))
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

CALL int cuGetErrorName(int code, const char **name)
{
	*name = code == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" :
		code == ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_INVALID_DEVICE";
	return OK;
}

CALL int cuGetErrorString(int code, const char **text)
{
	*text = code == OUT_OF_MEMORY ? "out of memory" :
		code == ILLEGAL_ADDRESS ? "an illegal memory access was encountered" :
		"invalid device ordinal";
	return OK;
}

/* ---- device and context ---- */

CALL int cuDeviceGetCount(int *n)
{
	*n = N_DEVICES;
	return OK;
}

CALL int cuDeviceGet(int *device, int index)
{
	*device = index;
	return index < N_DEVICES ? OK : INVALID_DEVICE;
}

CALL int cuDeviceGetAttribute(int *value, int attribute, int device)
{
	*value = TEXTURE_ALIGNMENT;
	return OK;
}

CALL int cuDeviceGetName(char *name, int len, int device)
{
	if (len > 0)
		*name = '\0';
	return OK;
}

CALL int cuDeviceComputeCapability(int *major, int *minor, int device)
{
	*major = 9;
	*minor = 0;
	return OK;
}

CALL int cuCtxCreate_v2(void **context, unsigned flags, int device)
{
	*context = &fake_cuda;
	fake_cuda.n_contexts++;
	return OK;
}

CALL int cuCtxDestroy_v2(void *context)
{
	fake_cuda.n_contexts--;
	return OK;
}

CALL int cuCtxPushCurrent_v2(void *context)
{
	return OK;
}

CALL int cuCtxPopCurrent_v2(void **context)
{
	*context = &fake_cuda;
	return OK;
}

/* ---- memory ---- */

CALL int cuMemAlloc_v2(unsigned long long *at, size_t size)
{
	if (!fake_cuda_spend(&fake_cuda.allocs_left))
		return OUT_OF_MEMORY;
	*at = (uintptr_t)malloc(size);
	fake_cuda.n_allocs++;
	return OK;
}

CALL int cuMemFree_v2(unsigned long long at)
{
	free((void *)(uintptr_t)at);
	fake_cuda.n_frees++;
	return OK;
}

/* CUDA_MEMCPY2D */
struct side {
	size_t x, y;
	int type;		/* 1: host */
	void *host;
	unsigned long long device;
	void *array;
	size_t pitch;
};

struct copy {
	struct side from, to;
	size_t width, height;
};

CALL int cuMemcpy2DAsync_v2(const struct copy *c, void *stream)
{
	const char *from = c->from.type == 1 ? c->from.host : (void *)(uintptr_t)c->from.device;
	char *to = c->to.type == 1 ? c->to.host : (void *)(uintptr_t)c->to.device;
	size_t y;

	if (!fake_cuda_spend(&fake_cuda.copies_left))
		return ILLEGAL_ADDRESS;
	for (y = 0; y < c->height; y++)
		memcpy(to + y * c->to.pitch, from + y * c->from.pitch, c->width);
	return OK;
}

/* ---- the scaler's two kernels, for nv12 ---- */

/* CUDA_RESOURCE_DESC of a pitched picture. */
struct texture {
	int type;
	unsigned long long at;
	int format;
	unsigned channels;
	size_t width, height, pitch;
};

CALL int cuTexObjectCreate(unsigned long long *texture, const struct texture *t, const void *how,
			   const void *view)
{
	struct texture *copy = malloc(sizeof(*copy));

	*copy = *t;
	*texture = (uintptr_t)copy;
	return OK;
}

CALL int cuTexObjectDestroy(unsigned long long texture)
{
	free((void *)(uintptr_t)texture);
	return OK;
}

CALL int cuModuleLoadData(void **module, const void *image)
{
	*module = &fake_cuda;
	return OK;
}

static const char of_y[] = "y", of_uv[] = "uv";

CALL int cuModuleGetFunction(const char **function, void *module, const char *name)
{
	size_t len = strlen(name);

	*function = len > 3 && !strcmp(name + len - 3, "_uv") ? of_uv : of_y;
	return OK;
}

/* The mean of the source's area: no filter is more neutral. */
static int mean_of(const struct texture *t, unsigned c, int x0, int x1, int y0, int y1)
{
	const uint8_t *p = (const uint8_t *)(uintptr_t)t->at;
	int x, y, sum = 0, n = 0;

	for (y = y0; y < y1 || y == y0; y++)
		for (x = x0; x < x1 || x == x0; x++, n++)
			sum += p[(size_t)y * t->pitch + (size_t)x * t->channels + c];
	return (sum + n / 2) / n;
}

CALL int cuLaunchKernel(const char *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
			unsigned by, unsigned bz, unsigned shared, void *stream, void **args, void **more)
{
	int plane = function == of_uv, x, y;
	const struct texture *t = (void *)(uintptr_t)*(unsigned long long *)args[plane];
	uint8_t *to = (uint8_t *)(uintptr_t)*(unsigned long long *)args[4 + plane];
	int w = *(int *)args[8], h = *(int *)args[9], pitch = *(int *)args[10];
	int src_w = *(int *)args[11], src_h = *(int *)args[12];
	unsigned c;

	if (!fake_cuda_spend(&fake_cuda.kernels_left))
		return ILLEGAL_ADDRESS;
	fake_cuda.n_kernels++;
	for (y = 0; y < h; y++)
		for (x = 0; x < w; x++)
			for (c = 0; c < t->channels; c++)
				to[(size_t)y * pitch + (size_t)x * t->channels + c] = (uint8_t)
					mean_of(t, c, x * src_w / w, (x + 1) * src_w / w,
						y * src_h / h, (y + 1) * src_h / h);
	return OK;
}
