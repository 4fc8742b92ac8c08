#ifndef LP_MEDIA_WIRE_TS_CUT_H
#define LP_MEDIA_WIRE_TS_CUT_H
#include <stddef.h>
#include <stdint.h>
#include "media/wire/segmenter.h"
struct err;

/*
 * Cuts a long MPEG-TS (a file) into segments: the demultiplexer's frames through the
 * segmenter.  For foreign bytes; bounds are theirs.  Pure.  Any thread.
 */
struct ts_cut;

/* cb gets the segments. */
struct ts_cut *ts_cut_new(const struct segmenter_opts *opts, const struct segmenter_cb *cb,
			  void *arg);
/* Feed bytes, any split.  Fails as ts_demux_push does. */
int ts_cut_push(struct ts_cut *c, const uint8_t *data, size_t len, struct err *err);
/* The end of the file: ends the open segment. */
void ts_cut_flush(struct ts_cut *c);
/* Frames that are in no segment: without a time, damaged, before the first key frame. */
unsigned ts_cut_n_dropped(const struct ts_cut *c);
void ts_cut_free(struct ts_cut *c);

#endif
