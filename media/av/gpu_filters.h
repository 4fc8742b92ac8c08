#ifndef LP_MEDIA_AV_GPU_FILTERS_H
#define LP_MEDIA_AV_GPU_FILTERS_H
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>

/*
 * libavfilter, loaded when a device is first used: only devices scale by it, and the
 * forty libraries that it pulls in would cost every worker 10 MB.
 */
struct gpu_filters {
	__typeof__(avfilter_get_by_name) *get_by_name;
	__typeof__(avfilter_graph_alloc) *graph_alloc;
	__typeof__(avfilter_graph_alloc_filter) *graph_alloc_filter;
	__typeof__(avfilter_graph_config) *graph_config;
	__typeof__(avfilter_graph_create_filter) *graph_create_filter;
	__typeof__(avfilter_graph_free) *graph_free;
	__typeof__(avfilter_graph_parse_ptr) *graph_parse_ptr;
	__typeof__(avfilter_init_str) *init_str;
	__typeof__(avfilter_inout_alloc) *inout_alloc;
	__typeof__(avfilter_inout_free) *inout_free;
	__typeof__(av_buffersink_get_frame) *sink_get_frame;
	__typeof__(av_buffersrc_parameters_alloc) *src_parameters_alloc;
	__typeof__(av_buffersrc_parameters_set) *src_parameters_set;
	__typeof__(av_buffersrc_write_frame) *src_write_frame;
};

/* Static; NULL: this machine does not have the libavfilter that we were built for.
 * Any thread; the first call takes tens of ms. */
const struct gpu_filters *gpu_filters(void);

#endif
