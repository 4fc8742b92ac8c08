#include "media/av/gpu_path.h"
#include <stdio.h>
#include <libavcodec/avcodec.h>
#include "base/err.h"

bool gpu_caps_decode(const struct gpu_caps *c, int codec)
{
	return (codec == AV_CODEC_ID_H264 && c->decode_h264) ||
	       (codec == AV_CODEC_ID_HEVC && c->decode_hevc);
}

bool gpu_caps_encode(const struct gpu_caps *c, enum ladder_encoder encoder)
{
	return (encoder == LADDER_H264 && c->encode_h264) ||
	       (encoder == LADDER_HEVC && c->encode_hevc);
}

int gpu_path_plan(struct gpu_path *p, enum gpu_kind kind, const struct gpu_caps *caps, int codec,
		  bool no_decode, const struct ladder_rung *rungs, size_t n, struct err *err)
{
	size_t i;

	*p = (struct gpu_path){
		.decode = !no_decode && gpu_caps_decode(caps, codec), .scale = caps->scale,
	};
	for (i = 0; i < n; i++) {
		if (rungs[i].encoder != LADDER_H264 && rungs[i].encoder != LADDER_HEVC)
			return err_set(err, ERR_INTERNAL, "device cannot encode rendition %zu: "
				       "only H.264 and HEVC", i);
		p->encode[i] = gpu_caps_encode(caps, rungs[i].encoder);
		if (!p->decode && !p->encode[i] && kind != GPU_VULKAN)
			return err_set(err, ERR_INTERNAL, "device cannot decode this %s, nor encode "
				       "rendition %zu", avcodec_get_name((enum AVCodecID)codec), i);
	}
	return 0;
}

static int at_least_half(int from, int to)
{
	int half = (from + 1) / 2;

	half += half % 2;
	return half > to ? half : to;
}

static int one_step(char *to, size_t cap, enum gpu_kind kind, int w, int h)
{
	static const char *const steps[GPU_KINDS] = {
		[GPU_NVIDIA] = "scale_cuda=w=%d:h=%d:interp_algo=bicubic:format=nv12:passthrough=0",
		/* Their pools have a size: for what waits for the encoder (FRAMEQ_LEN) and is in it. */
		[GPU_VAAPI] = "scale_vaapi=w=%d:h=%d:mode=hq:format=nv12:extra_hw_frames=20",
		[GPU_QSV] = "scale_qsv=w=%d:h=%d:mode=hq:format=nv12:extra_hw_frames=20",
		[GPU_VULKAN] = "scale_vulkan=w=%d:h=%d:format=nv12",
	};

	return snprintf(to, cap, steps[kind], w, h);
}

void gpu_scale_text(char to[GPU_SCALE_TEXT_MAX], enum gpu_kind kind, int from_width,
		    int from_height, int to_width, int to_height)
{
	bool steps = kind == GPU_NVIDIA || kind == GPU_VULKAN;
	int w = from_width, h = from_height;
	size_t len = 0;

	/* Sides are at most 16384, so there are at most eleven steps: they fit. */
	while (steps && (w > 2 * to_width || h > 2 * to_height)) {
		w = at_least_half(w, to_width);
		h = at_least_half(h, to_height);
		len += (size_t)one_step(to + len, GPU_SCALE_TEXT_MAX - len, kind, w, h);
		to[len++] = ',';
	}
	one_step(to + len, GPU_SCALE_TEXT_MAX - len, kind, to_width, to_height);
}
