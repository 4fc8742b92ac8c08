/*
 * Pictures to the device, on it, and back.  Everything there is nv12: the one format
 * that all decoders give, all scalers and all encoders take.
 */
#include <stdlib.h>
#include <string.h>
#include <libavutil/hwcontext.h>
#include <libavutil/mem.h>
#include "base/err.h"
#include "base/mem.h"
#include "media/av/gpu_device.h"
#include "media/av/gpu_filters.h"
#include "media/av/gpu_path.h"

/* For drivers whose pools have a size: as in gpu_scale_text. */
#define STORE_LEN 24

/* ---- moving ---- */

struct gpu_store {
	struct gpu_device *device;	/* borrowed */
	AVBufferRef *frames;		/* owned */
	AVFrame *staging;		/* owned; nv12 in memory */
};

static int init_frames(struct gpu_store *s, int width, int height)
{
	AVHWFramesContext *f;

	s->frames = av_hwframe_ctx_alloc(s->device->ref);
	if (!s->frames)
		return AVERROR(ENOMEM);
	f = (AVHWFramesContext *)s->frames->data;
	f->format = s->device->format;
	f->sw_format = AV_PIX_FMT_NV12;
	f->width = width;
	f->height = height;
	if (s->device->name.kind == GPU_VAAPI || s->device->name.kind == GPU_QSV)
		f->initial_pool_size = STORE_LEN;
	return av_hwframe_ctx_init(s->frames);
}

static int init_staging(struct gpu_store *s, int width, int height)
{
	s->staging = av_frame_alloc();
	if (!s->staging)
		return AVERROR(ENOMEM);
	s->staging->format = AV_PIX_FMT_NV12;
	s->staging->width = width;
	s->staging->height = height;
	return av_frame_get_buffer(s->staging, 0);
}

struct gpu_store *gpu_store_new(struct gpu_device *d, int width, int height, struct err *err)
{
	struct gpu_store *s = xcalloc(1, sizeof(*s));
	int rc;

	s->device = d;
	gpu_log_forget();
	rc = init_staging(s, width, height);
	if (rc >= 0)
		rc = init_frames(s, width, height);
	if (rc >= 0)
		return s;
	gpu_store_free(s);
	gpu_fail(d, "no room for pictures", rc, err);
	return NULL;
}

void gpu_store_free(struct gpu_store *s)
{
	if (!s)
		return;
	av_frame_free(&s->staging);
	av_buffer_unref(&s->frames);
	free(s);
}

/* Two planes of colour become one of pairs. */
static void interleave(AVFrame *to, const AVFrame *from)
{
	int x, y;

	for (y = 0; y < from->height; y++)
		memcpy(to->data[0] + (ptrdiff_t)y * to->linesize[0],
		       from->data[0] + (ptrdiff_t)y * from->linesize[0], from->width);
	for (y = 0; y < (from->height + 1) / 2; y++) {
		const uint8_t *u = from->data[1] + (ptrdiff_t)y * from->linesize[1];
		const uint8_t *v = from->data[2] + (ptrdiff_t)y * from->linesize[2];
		uint8_t *uv = to->data[1] + (ptrdiff_t)y * to->linesize[1];

		for (x = 0; x < (from->width + 1) / 2; x++) {
			uv[2 * x] = u[x];
			uv[2 * x + 1] = v[x];
		}
	}
}

AVFrame *gpu_upload(struct gpu_store *s, const AVFrame *from, struct err *err)
{
	AVFrame *to = av_frame_alloc();
	int rc = to ? 0 : AVERROR(ENOMEM);

	gpu_log_forget();
	interleave(s->staging, from);
	if (rc >= 0)
		rc = av_hwframe_get_buffer(s->frames, to, 0);
	if (rc >= 0)
		rc = gpu_heard_failure(av_hwframe_transfer_data(to, s->staging, 0));
	if (rc >= 0)
		rc = av_frame_copy_props(to, from);
	if (rc < 0) {
		av_frame_free(&to);
		gpu_fail(s->device, "upload", rc, err);
	}
	return to;
}

AVFrame *gpu_download(struct gpu_device *d, const AVFrame *from, struct err *err)
{
	AVFrame *to = av_frame_alloc();
	int rc = to ? 0 : AVERROR(ENOMEM);

	gpu_log_forget();
	if (rc >= 0) {
		to->format = AV_PIX_FMT_NV12;
		rc = gpu_heard_failure(av_hwframe_transfer_data(to, from, 0));
	}
	if (rc >= 0)
		rc = av_frame_copy_props(to, from);
	if (rc < 0) {
		av_frame_free(&to);
		gpu_fail(d, "download", rc, err);
	}
	return to;
}

/* ---- scaling ---- */

/* A filter graph of one chain; the source's context may change with its parameters. */
struct gpu_scaler {
	struct gpu_device *device;	/* borrowed */
	const struct gpu_filters *av;	/* static; NULL: there are none */
	int width, height;
	AVFilterGraph *graph;		/* owned; NULL: none yet */
	AVFilterContext *in, *out;	/* the graph's */
	AVBufferRef *frames;		/* owned; of the pictures that it was made for */
	int in_width, in_height;
};

struct gpu_scaler *gpu_scaler_new(struct gpu_device *d, int width, int height)
{
	struct gpu_scaler *s = xcalloc(1, sizeof(*s));

	s->device = d;
	s->av = gpu_filters();
	s->width = width;
	s->height = height;
	return s;
}

static void drop_graph(struct gpu_scaler *s)
{
	if (s->graph)
		s->av->graph_free(&s->graph);
	av_buffer_unref(&s->frames);
}

void gpu_scaler_free(struct gpu_scaler *s)
{
	if (!s)
		return;
	drop_graph(s);
	free(s);
}

static int make_source(struct gpu_scaler *s, const AVFrame *from)
{
	AVBufferSrcParameters *p = s->av->src_parameters_alloc();
	int rc = AVERROR(ENOMEM);

	s->in = s->av->graph_alloc_filter(s->graph, s->av->get_by_name("buffer"), "in");
	if (p && s->in) {
		p->format = from->format;
		p->width = from->width;
		p->height = from->height;
		p->time_base = (AVRational){ 1, 90000 };
		p->sample_aspect_ratio = (AVRational){ 1, 1 };
		p->hw_frames_ctx = from->hw_frames_ctx;
		rc = s->av->src_parameters_set(s->in, p);
	}
	av_free(p);
	return rc < 0 ? rc : s->av->init_str(s->in, NULL);
}

static AVFilterInOut *open_end(const struct gpu_filters *av, const char *name,
			       AVFilterContext *filter)
{
	AVFilterInOut *e = av->inout_alloc();

	if (e) {
		*e = (AVFilterInOut){ .name = av_strdup(name), .filter_ctx = filter };
	}
	return e;
}

static int make_graph(struct gpu_scaler *s, const AVFrame *from)
{
	AVFilterInOut *outputs = NULL, *inputs = NULL;
	char text[GPU_SCALE_TEXT_MAX];
	int rc;

	s->graph = s->av->graph_alloc();
	s->frames = av_buffer_ref(from->hw_frames_ctx);
	s->in_width = from->width;
	s->in_height = from->height;
	if (!s->graph || !s->frames)
		return AVERROR(ENOMEM);
	rc = make_source(s, from);
	if (rc >= 0)
		rc = s->av->graph_create_filter(&s->out, s->av->get_by_name("buffersink"), "out",
						  NULL, NULL, s->graph);
	if (rc < 0)
		return rc;
	gpu_scale_text(text, s->device->name.kind, from->width, from->height, s->width, s->height);
	outputs = open_end(s->av, "in", s->in);	/* seen from the text: it is fed by our output */
	inputs = open_end(s->av, "out", s->out);
	rc = outputs && inputs ? s->av->graph_parse_ptr(s->graph, text, &inputs, &outputs, NULL)
			       : AVERROR(ENOMEM);
	s->av->inout_free(&inputs);
	s->av->inout_free(&outputs);
	return rc < 0 ? rc : s->av->graph_config(s->graph, NULL);
}

static int prepare(struct gpu_scaler *s, const AVFrame *from)
{
	int rc;

	if (s->graph && s->frames->data == from->hw_frames_ctx->data &&
	    s->in_width == from->width && s->in_height == from->height)
		return 0;
	drop_graph(s);
	rc = make_graph(s, from);
	if (rc < 0)
		drop_graph(s);
	return rc;
}

AVFrame *gpu_scaler_run(struct gpu_scaler *s, const AVFrame *from, struct err *err)
{
	AVFrame *to = av_frame_alloc();
	int rc = to ? 0 : AVERROR(ENOMEM);

	gpu_log_forget();
	if (rc >= 0)
		rc = s->av ? prepare(s, from) : AVERROR(ENOSYS);
	if (rc >= 0)
		rc = s->av->src_write_frame(s->in, from);
	if (rc >= 0)
		rc = gpu_heard_failure(s->av->sink_get_frame(s->out, to));
	if (rc >= 0 && (to->width != s->width || to->height != s->height || !to->hw_frames_ctx))
		rc = AVERROR_BUG;
	if (rc < 0) {
		av_frame_free(&to);
		gpu_fail(s->device, "scale", rc, err);
		return NULL;
	}
	to->pts = from->pts;
	to->sample_aspect_ratio = (AVRational){ 1, 1 };
	return to;
}
