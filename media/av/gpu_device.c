#include "media/av/gpu_device.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libavcodec/avcodec.h>
#include <libavutil/hwcontext.h>
#include <libavutil/log.h>
#include "base/err.h"
#include "base/mem.h"
#include "media/av/gpu_filters.h"
#include "media/av/libav.h"

#define CAUSE_MAX 400

/* ---- libav's log ---- */

/* A code says "generic error"; the first line logged says which library is missing. */
static struct {
	pthread_mutex_t lock;
	char first[CAUSE_MAX];
	bool is_whole;		/* its end has come: CUDA's lines come in three parts */
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hear(void *who, int level, const char *fmt, va_list args)
{
	char part[CAUSE_MAX];
	size_t len, end;

	if (level > AV_LOG_ERROR)
		return;
	vsnprintf(part, sizeof(part), fmt, args);
	end = strcspn(part, "\r\n");
	pthread_mutex_lock(&heard.lock);
	len = strlen(heard.first);
	if (!heard.is_whole) {
		snprintf(heard.first + len, sizeof(heard.first) - len, "%.*s", (int)end, part);
		heard.is_whole = part[end] != '\0' && heard.first[0];
	}
	pthread_mutex_unlock(&heard.lock);
}

static void listen_to_libav(void)
{
	libav_setup();
	av_log_set_callback(hear);
}

void gpu_log_forget(void)
{
	pthread_mutex_lock(&heard.lock);
	heard.first[0] = '\0';
	heard.is_whole = false;
	pthread_mutex_unlock(&heard.lock);
}

/* "cu->cuMemAlloc(&data, size) failed -> CUDA_ERROR_...: why" is "cuMemAlloc: CUDA_ERROR_...: why". */
static void shorten(char *to, size_t cap, const char *line)
{
	static const char mark[] = " failed -> ";
	const char *why = strstr(line, mark), *end = strchr(line, '('), *name = end;

	if (!why || !end || end > why) {
		snprintf(to, cap, "%s", line);
		return;
	}
	while (name > line && name[-1] != '>' && name[-1] != '.')
		name--;
	snprintf(to, cap, "%.*s: %s", (int)(end - name), name, why + sizeof(mark) - 1);
}

void gpu_log_first(char *to, size_t cap)
{
	pthread_mutex_lock(&heard.lock);
	shorten(to, cap, heard.first);
	pthread_mutex_unlock(&heard.lock);
}

/*
 * Sessions above a consumer card's limit are refused as "out of memory", too.  Of
 * CUDA's errors only these few speak of what was asked for; the others speak of the
 * state of the device.
 */
bool gpu_is_full(int rc)
{
	static const char *const verdicts[] = {
		"CUDA_ERROR_NOT_SUPPORTED", "CUDA_ERROR_INVALID_VALUE", "CUDA_ERROR_NO_DEVICE",
	};
	char cause[CAUSE_MAX];
	size_t i;

	gpu_log_first(cause, sizeof(cause));
	if (rc == AVERROR(ENOMEM) || strcasestr(cause, "memory"))
		return true;
	for (i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (strstr(cause, verdicts[i]))
			return false;
	return strstr(cause, "CUDA_ERROR_") != NULL;
}

int gpu_heard_failure(int rc)
{
	char cause[CAUSE_MAX];

	gpu_log_first(cause, sizeof(cause));
	return rc >= 0 && strstr(cause, "CUDA_ERROR_") ? AVERROR_EXTERNAL : rc;
}

int gpu_fail(const struct gpu_device *d, const char *what, int rc, struct err *err)
{
	char cause[CAUSE_MAX];

	gpu_log_first(cause, sizeof(cause));
	if (!cause[0])
		snprintf(cause, sizeof(cause), "%s", av_err2str(rc));
	return err_set(err, ERR_IO, "device %s: %s: %s", d->text, what, cause);
}

/* ---- open ---- */

static const struct {
	enum AVHWDeviceType type;
	enum AVPixelFormat format;
	const char *driver;
	struct gpu_caps caps;		/* to begin with; encoders are tried when wanted */
} kinds[GPU_KINDS] = {
	[GPU_NVIDIA] = { AV_HWDEVICE_TYPE_CUDA, AV_PIX_FMT_CUDA, "NVIDIA",
			 { .decode_h264 = true, .decode_hevc = true, .scale = true } },
	[GPU_VAAPI] = { AV_HWDEVICE_TYPE_VAAPI, AV_PIX_FMT_VAAPI, "VAAPI",
			{ .decode_h264 = true, .decode_hevc = true, .scale = true } },
	[GPU_QSV] = { AV_HWDEVICE_TYPE_QSV, AV_PIX_FMT_QSV, "QSV",
		      { .decode_h264 = true, .decode_hevc = true, .scale = true } },
	[GPU_VULKAN] = { AV_HWDEVICE_TYPE_VULKAN, AV_PIX_FMT_VULKAN, "Vulkan", { .scale = true } },
};

static int create(struct gpu_device *d)
{
	enum AVHWDeviceType type = kinds[d->name.kind].type;
	AVDictionary *opts = NULL;
	int rc;

	if (d->name.kind != GPU_QSV)
		return av_hwdevice_ctx_create(&d->ref, type, d->name.device, NULL, 0);
	/* QSV's own name is of an implementation; the device is that of VAAPI below it. */
	av_dict_set(&opts, "child_device", d->name.device, 0);
	av_dict_set(&opts, "child_device_type", "vaapi", 0);
	rc = av_hwdevice_ctx_create(&d->ref, type, "hw_any", opts, 0);
	av_dict_free(&opts);
	return rc;
}

static int cannot_open(const struct gpu_device *d, int rc, struct err *err)
{
	char cause[CAUSE_MAX];

	gpu_log_first(cause, sizeof(cause));
	if (strstr(cause, "Cannot load "))
		return err_set(err, ERR_IO, "no %s driver here: %s", kinds[d->name.kind].driver, cause);
	return gpu_fail(d, "cannot be opened", rc, err);
}

struct gpu_device *gpu_device_open(const char *name, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct gpu_device *d;
	struct gpu_name n;
	int rc;

	if (gpu_name_parse(&n, name, err) < 0)
		return NULL;
	pthread_once(&once, listen_to_libav);
	d = xcalloc(1, sizeof(*d));
	d->name = n;
	snprintf(d->text, sizeof(d->text), "%s", name);
	d->format = kinds[n.kind].format;
	d->caps = kinds[n.kind].caps;
	d->caps.scale &= gpu_filters() != NULL;
	d->tried_h264 = d->tried_hevc = n.kind == GPU_VULKAN;
	gpu_log_forget();
	rc = create(d);
	if (rc < 0) {
		cannot_open(d, rc, err);
		free(d);
		return NULL;
	}
	return d;
}

void gpu_device_close(struct gpu_device *d)
{
	if (!d)
		return;
	av_buffer_unref(&d->ref);
	free(d);
}

const char *gpu_decoder_name(const struct gpu_device *d, int codec)
{
	if (d->name.kind != GPU_QSV)
		return NULL;
	return codec == AV_CODEC_ID_HEVC ? "hevc_qsv" : "h264_qsv";
}
