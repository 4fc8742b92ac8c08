#ifndef LP_TEST_MEDIA_AV_FAKE_CUDA_H
#define LP_TEST_MEDIA_AV_FAKE_CUDA_H
/*
 * A card of the kind that decodes and does not encode, in memory: libcuda.so.1,
 * libnvcuvid.so.1 and libnvidia-ml.so.1 as far as FFmpeg and we call them.  libav's real
 * code for CUDA frames, NVDEC and scale_cuda runs on it.  Its decoder gives grey
 * pictures, its scaler scales.  A test loads them by path before libav asks for the names.
 */

/* `struct fake_cuda fake_cuda` of libcuda.so.1. */
struct fake_cuda {
	/* Fail with out of memory when so many more were done; negative: never. */
	int allocs_left, decoders_left;
	/* Fail with a lost device when so many more were done; negative: never. */
	int copies_left, kernels_left, pictures_left;
	/* Counted. */
	int n_refused;
	int n_allocs, n_frees, n_kernels, n_pictures, n_mapped, most_mapped, n_contexts;
};

#endif
