#ifndef LP_MEDIA_WIRE_SEGWRITER_H
#define LP_MEDIA_WIRE_SEGWRITER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/wire/packet.h"
#include "media/wire/segmenter.h"
struct err;

/*
 * Writes the bytes of one segment after the other, TS or fragmented MP4 by what the
 * codecs need, and hands them on in pieces of tens of KiB.  Knows nothing of where to
 * cut: that is the segmenter's.
 */
struct seg_writer;

typedef void seg_writer_cb(void *arg, const uint8_t *data, size_t len);

struct seg_writer *seg_writer_new(size_t max_bytes, seg_writer_cb *cb, void *arg);
void seg_writer_free(struct seg_writer *w);

/*
 * What the next segments carry; a track may be NULL.  The configs are borrowed as
 * long as they are set.  Picks the container.  Fails with ERR_INVALID; the writer has
 * no tracks then.
 */
int seg_writer_set_tracks(struct seg_writer *w, const struct track_config *video,
			  const struct track_config *audio, struct err *err);
enum container seg_writer_container(const struct seg_writer *w);

/*
 * New parameters for the audio within a segment: possible in TS, whose frames tell
 * their own (same codec).  false: not possible, nothing changed.
 */
bool seg_writer_switch_audio(struct seg_writer *w, const struct track_config *audio);

/* Begin a segment.  fresh: nothing continues the one before.  Returns the bytes of
 * its MP4 init part (0 for TS). */
size_t seg_writer_begin(struct seg_writer *w, bool fresh);

/* One packet, times final (strictly ascending dts, pts >= dts).  false: it cannot be
 * muxed and is left out. */
bool seg_writer_video(struct seg_writer *w, const struct media_packet *p);
/* samples: of the frame, at the config's sample rate. */
bool seg_writer_audio(struct seg_writer *w, const struct media_packet *p, int samples);

/* End the segment.  next_dts_90k: where its video goes on, -1 unknown. */
void seg_writer_end(struct seg_writer *w, int64_t next_dts_90k);

/* Bytes of the open segment, with those that wait. */
size_t seg_writer_bytes(const struct seg_writer *w);

#endif
