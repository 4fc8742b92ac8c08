#ifndef LP_MEDIA_AV_LADDER_H
#define LP_MEDIA_AV_LADDER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
struct err;

/*
 * The ladder: decode one segment once, scale in a cascade, encode each rendition
 * in a thread of its own, mux.  Everything in memory.  Runs in worker processes
 * only, on the thread that calls it; takes seconds.
 *
 * The software H.264 profile is bit-exact: a pure function of input bytes and
 * options (DESIGN 4, Verifiable work; facts/media-limits 2e; facts/worker-spike).
 */
#define LADDER_MAX 10

/* VP8 is refused: libavformat writes it into no MP4. */
enum ladder_encoder { LADDER_H264, LADDER_HEVC, LADDER_VP8, LADDER_VP9, LADDER_AV1 };
enum ladder_h264 { LADDER_H264_ANY, LADDER_H264_BASELINE, LADDER_H264_CONSTRAINED_HIGH,
		   LADDER_H264_MAIN, LADDER_H264_HIGH };

/* One rendition asked for.  Plain value. */
struct ladder_rung {
	int width, height;		/* as displayed; the decoder's picture is turned if rotated */
	uint32_t bitrate;		/* bit/s: min, max, average, and 1 s of VBV */
	int fps_num, fps_den;		/* 0: every source frame with its own time */
	int32_t gop_ms;			/* 0: one IDR; -1: intra only */
	enum ladder_encoder encoder;
	enum ladder_h264 h264;
	int quality;			/* CRF; -1: none */
};

struct ladder_spec {
	const struct ladder_rung *rungs;
	size_t n_rungs;
	const char *preset;		/* x264 preset */
	bool fmp4;			/* container of the input; output is TS for H.264 and HEVC, else
					 * fMP4; always fMP4 beside Opus, which TS does not carry */
	uint64_t max_pixels;
	unsigned n_threads;		/* threads for the heaviest renditions, the others run beside
					 * them; 0: as many as cores; 1: serial (same bytes) */
	unsigned cpu_limit_s;		/* of decoding and of each rendition; 0: 20 */
	const char *device;		/* "nvidia:0": on this GPU, as far as it can (media/av/gpu.h),
					 * not bit-exact then; NULL: CPU.  Borrowed */
};

/* Bytes of a rendition, malloc'ed and given to the sink: whole GOPs as they are done,
 * the last of them at the end.  A rendition of one GOP comes in one piece. */
struct ladder_out {
	size_t index;
	uint8_t *data;
	size_t len;
	bool last;			/* the rendition is whole; what follows is set only then */
	size_t total;			/* of all pieces */
	unsigned n_video;
	int64_t duration_90k;
	int width, height;		/* 0: audio only */
	bool fmp4;
	size_t init_len;
};

struct ladder_stats {
	unsigned n_decoded;
	int width, height;		/* of the source, as displayed */
	unsigned wall_ms, cpu_ms;
};

/* Gets the pieces as they are done, each rendition's in order, renditions taking turns;
 * from the calling thread, inside ladder_run, ladder_feed or ladder_end. */
typedef void ladder_sink(void *arg, struct ladder_out *out);

/*
 * input: borrowed, the whole segment; audio is copied, audio alone too.
 * stats may be NULL.  Fails with ERR_INVALID (undecodable,
 * damaged, no frame), ERR_LIMIT (max_pixels, more than 10 outputs, cpu_limit_s), ERR_INTERNAL.  After a failure sink may have got some renditions:
 * they are worthless.
 */
int ladder_run(const struct ladder_spec *spec, const uint8_t *input, size_t len,
	       ladder_sink *sink, void *arg, struct ladder_stats *stats, struct err *err);

/*
 * The same while the input is still being produced: MPEG-TS only.  Work begins with
 * the first picture whose surroundings are known (the first LADDER_AHEAD coded
 * pictures decide frame rate and reorder depth, here and in ladder_run), so the bytes
 * are those of ladder_run.  feed takes as long as decoding what it was given, and
 * waits for renditions that are behind.  Sound must have been announced by then too.
 * spec is copied.  After a failure of open there is nothing to free; after one of feed
 * or end only ladder_free may be called.  On a device feed only keeps the bytes: all is
 * done by end.
 */
#define LADDER_AHEAD 16
struct ladder;
struct ladder *ladder_open(const struct ladder_spec *spec, ladder_sink *sink, void *arg,
			   struct err *err);
int ladder_feed(struct ladder *l, const uint8_t *data, size_t len, struct err *err);
/* The input is whole.  stats may be NULL. */
int ladder_end(struct ladder *l, struct ladder_stats *stats, struct err *err);
void ladder_free(struct ladder *l);	/* stops what runs */

/* Decode the first video frame: size (as displayed, with square pixels) and that it
 * is there.  Without a video track n_decoded is 0.  Fails as ladder_run does. */
int ladder_probe(bool fmp4, const uint8_t *input, size_t len, uint64_t max_pixels,
		 struct ladder_stats *stats, struct err *err);

/* Remux without coding: MP4 -> TS (all times LADDER_TS_DELAY_90K later, because TS
 * cannot well begin at 0), or TS -> fragmented MP4 (same times).  out->data is
 * malloc'ed.  Fails as ladder_run does. */
#define LADDER_TS_DELAY_90K 126000
int ladder_remux(bool to_fmp4, const uint8_t *input, size_t len, struct ladder_out *out,
		 struct err *err);

/* Load libraries and code a few frames, so that a fork is warm. Leaves one thread. */
int ladder_warm_up(struct err *err);

/* "x264-164-lavc59.37.100-sws6.7.100": pins the builds that make the bytes. */
const char *ladder_codec_profile(void);
/* Transcode the embedded clip; ERR_INVALID when its hash is not the golden one of
 * this codec profile id (an unknown profile id: *known = false, no failure). */
int ladder_self_test(bool *known, char hash_hex[65], struct err *err);
/* That clip: 0.8 s of 320x180 and sound in MPEG-TS.  Static. */
const uint8_t *ladder_clip(size_t *len);

#endif
