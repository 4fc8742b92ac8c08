#ifndef LP_MEDIA_WIRE_PARAMS_H
#define LP_MEDIA_WIRE_PARAMS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/wire/packet.h"
struct buf;
struct err;

/*
 * Codec parameters: what avcC, hvcC, av1C, vpcC, AudioSpecificConfig and OpusHead
 * say, and H.264/HEVC NAL units.  Every length is checked.  Pure.  Any thread.
 */

/*
 * Fill width, height, fps (video, as displayed after cropping) and sample_rate,
 * channels (audio) from c->codec and c->extra.  Fails with ERR_INVALID
 * (damaged), ERR_LIMIT (above 16384 pixels a side); c is unchanged then.
 */
int params_parse(struct track_config *c, struct err *err);

/*
 * Fill width and height (and an AV1 rate) from a key frame, where the parameters may
 * be silent: av1C without a sequence header, VP9 and VP8 always.  false: not found
 * there (or another codec), c is unchanged.
 */
bool params_size_from_key(struct track_config *c, const uint8_t *au, size_t len);

/* RFC 6381 name: "avc1.64001f", "hvc1.1.6.L93.B0", "av01.0.08M.08", "vp09.00.31.08",
 * "mp4a.40.2", "mp4a.40.34" (MP3), "opus".  to has room for 40 chars. */
void params_codecs(char to[40], const struct track_config *c);

/* Bytes of the NAL length prefix (1, 2, 4) of an avcC or hvcC. */
int params_nal_len_size(const struct track_config *c);

/* Append the parameter sets of an avcC/hvcC in Annex B form. */
bool params_add_annexb(struct buf *b, const struct track_config *c);

/* Walk NAL units: 4-byte start codes or length-prefixed.  Returns the next unit's
 * length and sets *nal, 0 at the end, -1 when damaged.  Start with *pos = 0. */
long nal_next_prefixed(const uint8_t *data, size_t len, int len_size, size_t *pos, const uint8_t **nal);
long nal_next_annexb(const uint8_t *data, size_t len, size_t *pos, const uint8_t **nal);

/* What an access unit (length-prefixed, or Annex B with len_size 0) is.  Annex B is
 * looked at up to its first slice. */
enum au_kind { AU_BAD /* damaged, or no slice in it */, AU_PLAIN, AU_IDR };
enum au_kind nal_au_kind(enum codec codec, const uint8_t *data, size_t len, int len_size);

/* Does this access unit (length-prefixed, or Annex B with len_size 0) hold an IDR
 * (H.264 type 5; HEVC 16..21)?  Damaged units say no. */
bool nal_has_idr(enum codec codec, const uint8_t *data, size_t len, int len_size);

/* One SPS (with its NAL header): size, rate, profile bytes for the avc1 string. */
struct sps {
	int width, height, fps_num, fps_den;	/* size: coded, after cropping */
	int sar_num, sar_den;			/* shape of a pixel; 1, 1 if not said */
	uint8_t profile, compat, level;		/* H.264: bytes 1..3 */
	/* HEVC: general_profile_space .. general_level_idc, chroma_format_idc, bits */
	uint8_t ptl[12], chroma, depth_luma, depth_chroma;
};
int sps_parse_h264(struct sps *s, const uint8_t *nal, size_t len, struct err *err);
int sps_parse_hevc(struct sps *s, const uint8_t *nal, size_t len, struct err *err);

/* Build an avcC (c->codec HEVC: an hvcC) from Annex B parameter sets found in an access unit (of a pushed TS) and
 * parse it.  false, c unchanged: they are not all there. */
bool params_from_annexb(struct track_config *c, const uint8_t *au, size_t len);

/* 7-byte ADTS header for a raw AAC frame of len bytes. false: not AAC-LC-like 44.1k.. table rates. */
bool params_adts(uint8_t to[7], const struct track_config *c, size_t len);

/* What the four header bytes of an MPEG audio frame (layers I to III) say. */
struct mp3_frame {
	size_t len;			/* bytes with the header */
	int samples, sample_rate, channels;
};
int params_mp3_frame(const uint8_t *p, size_t len, struct mp3_frame *f);	/* -1: not one */

#endif
