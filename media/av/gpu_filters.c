#include "media/av/gpu_filters.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <libavutil/macros.h>
#include "media/av/gpu.h"

#define LIBRARY "libavfilter.so." AV_STRINGIFY(LIBAVFILTER_VERSION_MAJOR)

static const struct {
	const char *name;
	size_t at;
} symbols[] = {
	{ "avfilter_get_by_name", offsetof(struct gpu_filters, get_by_name) },
	{ "avfilter_graph_alloc", offsetof(struct gpu_filters, graph_alloc) },
	{ "avfilter_graph_alloc_filter", offsetof(struct gpu_filters, graph_alloc_filter) },
	{ "avfilter_graph_config", offsetof(struct gpu_filters, graph_config) },
	{ "avfilter_graph_create_filter", offsetof(struct gpu_filters, graph_create_filter) },
	{ "avfilter_graph_free", offsetof(struct gpu_filters, graph_free) },
	{ "avfilter_graph_parse_ptr", offsetof(struct gpu_filters, graph_parse_ptr) },
	{ "avfilter_init_str", offsetof(struct gpu_filters, init_str) },
	{ "avfilter_inout_alloc", offsetof(struct gpu_filters, inout_alloc) },
	{ "avfilter_inout_free", offsetof(struct gpu_filters, inout_free) },
	{ "av_buffersink_get_frame", offsetof(struct gpu_filters, sink_get_frame) },
	{ "av_buffersrc_parameters_alloc", offsetof(struct gpu_filters, src_parameters_alloc) },
	{ "av_buffersrc_parameters_set", offsetof(struct gpu_filters, src_parameters_set) },
	{ "av_buffersrc_write_frame", offsetof(struct gpu_filters, src_write_frame) },
};

static struct gpu_filters filters;
static bool is_whole;

/* Never unloaded: its libraries do not expect that. */
static void load(void)
{
	void *lib = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	size_t i;

	for (i = 0; lib && i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		void *f = dlsym(lib, symbols[i].name);

		if (!f)
			return;
		*(void **)((char *)&filters + symbols[i].at) = f;
	}
	is_whole = lib != NULL;
}

const struct gpu_filters *gpu_filters(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	return is_whole ? &filters : NULL;
}

void gpu_warm_up(void)
{
	gpu_filters();
}
