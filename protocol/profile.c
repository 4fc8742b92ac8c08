/*
 * Profiles come as preset names, as JSON (option file, Studio API, push header) and
 * in messages of peers.  One set of rules holds for all: profile_check.  The limits
 * are wide of what anybody encodes; they are there so that no later arithmetic can
 * overflow and no peer can ask for a picture that fills the memory.
 */
#include "protocol/profile.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define SIDE_MIN 16
#define SIDE_MAX 4096
#define BITRATE_MIN 400		/* the Studio's least */
#define BITRATE_MAX 500000000
#define FPS_MAX 240
#define FPS_DEN_MAX 100000
#define GOP_MS_MAX 60000
#define QUALITY_MAX 63
#define JSON_LEN_MAX (64u << 10)

#define PRESET(n, w, h, kbit, fps) \
	{ .name = n, .width = w, .height = h, .bitrate = (kbit) * 1000, .fps_num = fps, \
	  .fps_den = 1, .quality = -1 }

/* Source: facts/go-livepeer.md 4, the presets of LPMS. */
static const struct profile presets[] = {
	PRESET("P720p60fps16x9", 1280, 720, 6000, 60),
	PRESET("P720p30fps16x9", 1280, 720, 4000, 30),
	PRESET("P720p25fps16x9", 1280, 720, 3500, 25),
	PRESET("P720p30fps4x3", 960, 720, 3500, 30),
	PRESET("P576p30fps16x9", 1024, 576, 1500, 30),
	PRESET("P576p25fps16x9", 1024, 576, 1500, 25),
	PRESET("P360p30fps16x9", 640, 360, 1200, 30),
	PRESET("P360p25fps16x9", 640, 360, 1000, 25),
	PRESET("P360p30fps4x3", 480, 360, 1000, 30),
	PRESET("P240p30fps16x9", 426, 240, 600, 30),
	PRESET("P240p25fps16x9", 426, 240, 600, 25),
	PRESET("P240p30fps4x3", 320, 240, 600, 30),
	PRESET("P144p30fps16x9", 256, 144, 400, 30),
};
#define N_PRESETS (sizeof(presets) / sizeof(presets[0]))

/* All 13 in full would not fit an error's text. */
#define PRESETS_SHORT "P720p60|30|25fps16x9 P576p30|25fps16x9 P360p30|25fps16x9 " \
		      "P240p30|25fps16x9 P144p30fps16x9 P720p|360p|240p30fps4x3"

static const char *const h264_names[] = {
	[H264_BASELINE] = "H264Baseline",
	[H264_CONSTRAINED_HIGH] = "H264ConstrainedHigh",
	[H264_MAIN] = "H264Main",
	[H264_HIGH] = "H264High",
};

static const char *const encoder_names[] = {
	[ENCODER_H264] = "H.264", [ENCODER_HEVC] = "HEVC", [ENCODER_VP8] = "VP8",
	[ENCODER_VP9] = "VP9", [ENCODER_AV1] = "AV1",
};

/* ---- rules ---- */

static int check_name(const char *name, struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-";
	size_t len = strnlen(name, PROFILE_NAME_MAX);

	if (len == 0 || len == PROFILE_NAME_MAX || strspn(name, allowed) != len)
		return err_set(err, ERR_INVALID, "name: \"%.40s\" is not 1 to %d of A-Z a-z 0-9 _ -",
			       name, PROFILE_NAME_MAX - 1);
	if (strcmp(name, "source") == 0)
		return err_set(err, ERR_INVALID, "name: \"source\" is the source's own");
	return 0;
}

static int check_range(int64_t v, int64_t min, int64_t max, const char *field, struct err *err)
{
	if (v < min || v > max)
		return err_set(err, ERR_INVALID, "%s: %lld is not %lld to %lld", field, (long long)v,
			       (long long)min, (long long)max);
	return 0;
}

static int check_rate(const struct profile *p, struct err *err)
{
	if (p->quality < 0 || p->bitrate != 0) {
		if (check_range(p->bitrate, BITRATE_MIN, BITRATE_MAX, "bitrate", err) < 0)
			return -1;
	}
	if (check_range(p->quality, -1, QUALITY_MAX, "quality", err) < 0 ||
	    check_range(p->fps_den, 1, FPS_DEN_MAX, "fpsDen", err) < 0)
		return -1;
	return check_range(p->fps_num, 0, (int64_t)FPS_MAX * p->fps_den, "fps", err);
}

int profile_check(const struct profile *p, struct err *err)
{
	if (check_name(p->name, err) < 0 ||
	    check_range(p->width, SIDE_MIN, SIDE_MAX, "width", err) < 0 ||
	    check_range(p->height, SIDE_MIN, SIDE_MAX, "height", err) < 0 ||
	    check_rate(p, err) < 0 ||
	    check_range(p->gop_ms, -1, GOP_MS_MAX, "gop in ms", err) < 0 ||
	    check_range(p->encoder, ENCODER_H264, ENCODER_AV1, "encoder", err) < 0 ||
	    check_range(p->h264, H264_ANY, H264_HIGH, "profile", err) < 0)
		return -1;
	if (p->h264 != H264_ANY && p->encoder != ENCODER_H264)
		return err_set(err, ERR_INVALID, "profile: %s goes with encoder H.264 only",
			       h264_names[p->h264]);
	return 0;
}

int profiles_check(const struct profile_list *l, struct err *err)
{
	size_t i, k;

	if (l->n > PROFILES_MAX)
		return err_set(err, ERR_LIMIT, "%zu profiles, at most %d", l->n, PROFILES_MAX);
	for (i = 0; i < l->n; i++) {
		if (profile_check(&l->p[i], err) < 0)
			return err_wrap(err, "profiles[%zu]", i);
		for (k = 0; k < i; k++) {
			if (strcmp(l->p[i].name, l->p[k].name) == 0)
				return err_set(err, ERR_INVALID,
					       "profiles[%zu]: name: \"%s\" is taken by profiles[%zu]",
					       i, l->p[i].name, k);
		}
	}
	return 0;
}

bool profile_is_fmp4(const struct profile *p)
{
	return p->encoder == ENCODER_VP8 || p->encoder == ENCODER_VP9 || p->encoder == ENCODER_AV1;
}

/* ---- presets ---- */

size_t profiles_preset_count(void)
{
	return N_PRESETS;
}

const struct profile *profiles_preset(size_t i)
{
	return i < N_PRESETS ? &presets[i] : NULL;
}

void profiles_default(struct profile_list *l)
{
#define RUNG(n, w, h, bps) \
	{ .name = n, .width = w, .height = h, .bitrate = bps, .fps_den = 1, \
	  .h264 = H264_CONSTRAINED_HIGH, .quality = -1 }
	static const struct profile_list ladder = {
		.p = {
			RUNG("240p0", 426, 240, 250000),
			RUNG("360p0", 640, 360, 800000),
			RUNG("480p0", 854, 480, 1600000),
			RUNG("720p0", 1280, 720, 3000000),
		},
		.n = 4,
	};
#undef RUNG
	*l = ladder;
}

static const struct profile *find_preset(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < N_PRESETS; i++) {
		if (strlen(presets[i].name) == len && memcmp(presets[i].name, name, len) == 0)
			return &presets[i];
	}
	return NULL;
}

/* One name of a list, spaces around it left out. */
static int add_preset(struct profile_list *l, const char *name, size_t len, struct err *err)
{
	const struct profile *p;

	while (len > 0 && isspace((unsigned char)*name))
		name++, len--;
	while (len > 0 && isspace((unsigned char)name[len - 1]))
		len--;
	if (len == 0)
		return err_set(err, ERR_INVALID, "an empty preset name; there are " PRESETS_SHORT);
	p = find_preset(name, len);
	if (!p)
		return err_set(err, ERR_NOT_FOUND, "no preset \"%.*s\"; there are " PRESETS_SHORT,
			       len < 24 ? (int)len : 24, name);
	if (l->n == PROFILES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d presets", PROFILES_MAX);
	l->p[l->n++] = *p;
	return 0;
}

int profiles_parse_presets(struct profile_list *l, const char *text, struct err *err)
{
	const char *p = text, *end;

	memset(l, 0, sizeof(*l));
	for (;; p = end + 1) {
		end = p + strcspn(p, ",");
		if (add_preset(l, p, (size_t)(end - p), err) < 0)
			return -1;
		if (*end == 0)
			break;
	}
	return profiles_check(l, err);
}

/* ---- JSON ---- */

static bool is_known_field(const char *key)
{
	static const char *const fields[] = {
		"name", "width", "height", "bitrate", "fps", "fpsDen", "profile", "gop",
		"encoder", "colorDepth", "chromaFormat", "quality",
	};
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strcmp(key, fields[i]) == 0)
			return true;
	}
	return false;
}

/* null counts as absent, as the Studio's clients send it. */
static const json_t *get(const json_t *o, const char *field)
{
	const json_t *v = json_object_get(o, field);

	return json_is_null(v) ? NULL : v;
}

/* A whole number (3000000.0 is one too); def when absent. */
static int get_int(int64_t *to, const json_t *o, const char *field, int64_t def, int64_t min,
		   int64_t max, struct err *err)
{
	const json_t *v = get(o, field);
	double d;

	*to = def;
	if (!v)
		return 0;
	if (json_is_integer(v)) {
		*to = json_integer_value(v);
		return check_range(*to, min, max, field, err);
	}
	if (!json_is_real(v))
		return err_set(err, ERR_INVALID, "%s: not a number", field);
	d = json_real_value(v);
	if (d < (double)min || d > (double)max)
		return err_set(err, ERR_INVALID, "%s: %g is not %lld to %lld", field, d,
			       (long long)min, (long long)max);
	if (d != floor(d))
		return err_set(err, ERR_INVALID, "%s: %g is not a whole number%s", field, d,
			       strcmp(field, "fps") == 0 ?
			       "; 29.97 is fps 30000 with fpsDen 1001" : "");
	*to = (int64_t)d;
	return 0;
}

/* NULL in *to when absent. */
static int get_string(const char **to, const json_t *o, const char *field, struct err *err)
{
	const json_t *v = get(o, field);

	*to = NULL;
	if (!v)
		return 0;
	if (!json_is_string(v))
		return err_set(err, ERR_INVALID, "%s: not a string", field);
	*to = json_string_value(v);
	return 0;
}

/* Seconds as "2", "2.0": at most six digits on each side. */
static int parse_seconds(int32_t *ms, const char *s, struct err *err)
{
	size_t whole = strspn(s, "0123456789"), frac = 0;
	double v;

	if (s[whole] == '.')
		frac = 1 + strspn(s + whole + 1, "0123456789");
	if (whole == 0 || whole > 6 || frac == 1 || frac > 7 || s[whole + frac] != 0)
		return err_set(err, ERR_INVALID,
			       "gop: \"%.20s\" is not seconds (\"2.0\") or \"intra\"", s);
	v = round(strtod(s, NULL) * 1000);
	if (v > GOP_MS_MAX)
		return err_set(err, ERR_INVALID, "gop: %s s is above %d s", s, GOP_MS_MAX / 1000);
	*ms = (int32_t)v;
	return 0;
}

static int get_gop(struct profile *p, const json_t *o, struct err *err)
{
	const json_t *v = get(o, "gop");
	char num[64];

	if (!v)
		return 0;
	if (json_is_integer(v)) {
		snprintf(num, sizeof(num), "%lld", (long long)json_integer_value(v));
		return parse_seconds(&p->gop_ms, num, err);
	}
	if (json_is_real(v)) {
		snprintf(num, sizeof(num), "%.3f", json_real_value(v));
		return parse_seconds(&p->gop_ms, num, err);
	}
	if (!json_is_string(v))
		return err_set(err, ERR_INVALID, "gop: not a string");
	if (strcasecmp(json_string_value(v), "intra") == 0) {
		p->gop_ms = -1;
		return 0;
	}
	if (json_string_length(v) == 0)
		return 0;
	return parse_seconds(&p->gop_ms, json_string_value(v), err);
}

static int get_h264(struct profile *p, const json_t *o, struct err *err)
{
	const char *s;
	int i;

	if (get_string(&s, o, "profile", err) < 0)
		return -1;
	if (!s || !*s || strcasecmp(s, "none") == 0)
		return 0;
	for (i = H264_BASELINE; i <= H264_HIGH; i++) {
		if (strcasecmp(s, h264_names[i]) == 0) {
			p->h264 = (enum profile_h264)i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "profile: \"%.30s\" is not H264Baseline, H264Main, "
		       "H264High or H264ConstrainedHigh", s);
}

static int get_encoder(struct profile *p, const json_t *o, struct err *err)
{
	const char *s;
	int i;

	if (get_string(&s, o, "encoder", err) < 0)
		return -1;
	if (!s || !*s || strcasecmp(s, "H264") == 0)
		return 0;
	for (i = ENCODER_H264; i <= ENCODER_AV1; i++) {
		if (strcasecmp(s, encoder_names[i]) == 0) {
			p->encoder = (enum profile_encoder)i;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "encoder: \"%.30s\" is not H.264, HEVC, VP8, VP9 or AV1", s);
}

/* We encode 8 bit 4:2:0, which the family writes as 8 (or 0) and 0. */
static int check_format(const json_t *o, struct err *err)
{
	int64_t depth, chroma;

	if (get_int(&depth, o, "colorDepth", 8, 0, 64, err) < 0 ||
	    get_int(&chroma, o, "chromaFormat", 0, 0, 64, err) < 0)
		return -1;
	if (depth != 0 && depth != 8)
		return err_set(err, ERR_INVALID, "colorDepth: only 8 bit");
	if (chroma != 0)
		return err_set(err, ERR_INVALID, "chromaFormat: only 0 (4:2:0)");
	return 0;
}

static int get_numbers(struct profile *p, const json_t *o, struct err *err)
{
	int64_t w, h, bitrate, fps, den, quality;

	if (!get(o, "width") || !get(o, "height"))
		return err_set(err, ERR_INVALID, "%s: missing", get(o, "width") ? "height" : "width");
	if (get_int(&w, o, "width", 0, SIDE_MIN, SIDE_MAX, err) < 0 ||
	    get_int(&h, o, "height", 0, SIDE_MIN, SIDE_MAX, err) < 0 ||
	    get_int(&bitrate, o, "bitrate", 0, 0, BITRATE_MAX, err) < 0 ||
	    get_int(&fps, o, "fps", 0, 0, (int64_t)FPS_MAX * FPS_DEN_MAX, err) < 0 ||
	    get_int(&den, o, "fpsDen", 1, 1, FPS_DEN_MAX, err) < 0 ||
	    get_int(&quality, o, "quality", 0, 0, QUALITY_MAX, err) < 0)
		return -1;
	p->width = (int)w;
	p->height = (int)h;
	p->bitrate = (uint32_t)bitrate;
	p->fps_num = (int)fps;
	p->fps_den = fps ? (int)den : 1;
	/* 0 means unset in this family: CRF 0 would be lossless, which nobody streams. */
	p->quality = quality ? (int)quality : -1;
	if (p->quality < 0 && !get(o, "bitrate"))
		return err_set(err, ERR_INVALID, "bitrate: missing (or give quality)");
	return 0;
}

static int get_profile(struct profile *p, const json_t *o, struct err *err)
{
	const char *name, *key;
	json_t *v;

	if (!json_is_object(o))
		return err_set(err, ERR_INVALID, "not an object");
	json_object_foreach((json_t *)o, key, v) {
		if (!is_known_field(key))
			return err_set(err, ERR_INVALID, "unknown field \"%.40s\"", key);
	}
	if (get_numbers(p, o, err) < 0 || get_gop(p, o, err) < 0 || get_h264(p, o, err) < 0 ||
	    get_encoder(p, o, err) < 0 || check_format(o, err) < 0 ||
	    get_string(&name, o, "name", err) < 0)
		return -1;
	if (name && check_name(name, err) < 0)
		return -1;
	if (name)
		memcpy(p->name, name, strlen(name) + 1);
	else
		snprintf(p->name, sizeof(p->name), "custom_%dx%d_%u", p->width, p->height,
			 p->bitrate);
	return profile_check(p, err);
}

static int get_profiles(struct profile_list *l, const json_t *array, struct err *err)
{
	size_t i, n = json_array_size(array);

	if (!json_is_array(array))
		return err_set(err, ERR_INVALID, "profiles: not a JSON array");
	if (n > PROFILES_MAX)
		return err_set(err, ERR_LIMIT, "%zu profiles, at most %d", n, PROFILES_MAX);
	for (i = 0; i < n; i++) {
		if (get_profile(&l->p[i], json_array_get(array, i), err) < 0)
			return err_wrap(err, "profiles[%zu]", i);
	}
	l->n = n;
	return profiles_check(l, err);
}

int profiles_parse_json(struct profile_list *l, const char *json, size_t len, struct err *err)
{
	json_error_t why;
	json_t *root;
	int rc;

	memset(l, 0, sizeof(*l));
	if (len > JSON_LEN_MAX)
		return err_set(err, ERR_LIMIT, "profiles: %zu bytes, at most %u", len, JSON_LEN_MAX);
	root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return err_set(err, ERR_INVALID, "profiles: line %d: %s", why.line, why.text);
	rc = get_profiles(l, root, err);
	json_decref(root);
	return rc;
}

void profiles_to_json(struct buf *b, const struct profile_list *l)
{
	const struct profile *p;

	buf_add_str(b, "[");
	for (p = l->p; p < l->p + l->n; p++) {
		/* Names hold nothing that JSON would escape. */
		buf_addf(b, "%s{\"name\":\"%s\",\"width\":%d,\"height\":%d,\"bitrate\":%u,"
			 "\"fps\":%d,\"fpsDen\":%d,\"encoder\":\"%s\"", p == l->p ? "" : ",",
			 p->name, p->width, p->height, p->bitrate, p->fps_num, p->fps_den,
			 encoder_names[p->encoder]);
		if (p->h264 != H264_ANY)
			buf_addf(b, ",\"profile\":\"%s\"", h264_names[p->h264]);
		if (p->gop_ms < 0)
			buf_add_str(b, ",\"gop\":\"intra\"");
		else if (p->gop_ms > 0)
			buf_addf(b, ",\"gop\":\"%d.%03d\"", p->gop_ms / 1000, p->gop_ms % 1000);
		if (p->quality >= 0)
			buf_addf(b, ",\"quality\":%d", p->quality);
		buf_add_str(b, "}");
	}
	buf_add_str(b, "]");
}

/* ---- the option ---- */

static int parse_file(struct profile_list *l, const char *path, struct err *err)
{
	char *text;
	FILE *f = fopen(path, "re");
	size_t len;
	int rc;

	if (!f)
		return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
			       strerror(errno));
	text = xmalloc(JSON_LEN_MAX + 1);
	errno = 0;
	len = fread(text, 1, JSON_LEN_MAX + 1, f);
	if (ferror(f))
		rc = err_set(err, ERR_IO, "%s", strerror(errno));
	else
		rc = profiles_parse_json(l, text, len, err);
	free(text);
	fclose(f);
	return rc < 0 ? err_wrap(err, "%s", path) : 0;
}

int profiles_parse_option(struct profile_list *l, const char *text, struct err *err)
{
	size_t len = strlen(text);
	bool is_path = strchr(text, '/') || (len > 5 && strcmp(text + len - 5, ".json") == 0);

	return is_path ? parse_file(l, text, err) : profiles_parse_presets(l, text, err);
}

/* ---- fitting to a source ---- */

/* The box with its long side where the source has its own. */
static void turned_box(const struct profile *p, int src_w, int src_h, int64_t *w, int64_t *h)
{
	bool turn = (src_h > src_w && p->width > p->height) ||
		    (src_w > src_h && p->height > p->width);

	*w = turn ? p->height : p->width;
	*h = turn ? p->width : p->height;
}

/* a * b / c to the nearest even number, at least 2. */
static int64_t scale_even(int64_t a, int64_t b, int64_t c)
{
	int64_t v = 2 * ((a * b + c) / (2 * c));

	return v < 2 ? 2 : v;
}

/* Below this an encoder refuses.  H.264 and HEVC: the least of NVENC, so that the
 * size does not depend on who encodes. */
static void least_size(enum profile_encoder e, int64_t *w, int64_t *h)
{
	switch (e) {
	case ENCODER_H264:
	case ENCODER_HEVC:
		*w = 146;
		*h = 50;
		return;
	case ENCODER_AV1:
		*w = *h = 64;
		return;
	case ENCODER_VP8:
	case ENCODER_VP9:
		*w = *h = SIDE_MIN;
		return;
	}
}

void profile_fit(const struct profile *p, int src_w, int src_h, int *w, int *h)
{
	int64_t box_w, box_h, fit_w, fit_h, min_w = 2, min_h = 2;

	if (src_w <= 0 || src_h <= 0) {
		src_w = p->width;
		src_h = p->height;
	}
	turned_box(p, src_w, src_h, &box_w, &box_h);
	/* An even box: the nearest even number cannot lie outside it. */
	fit_w = box_w & ~(int64_t)1;
	fit_h = box_h & ~(int64_t)1;
	if (fit_w * src_h > fit_h * src_w)
		fit_w = scale_even(fit_h, src_w, src_h);
	else
		fit_h = scale_even(fit_w, src_h, src_w);
	least_size(p->encoder, &min_w, &min_h);
	if (fit_w < min_w) {
		fit_w = min_w;
		fit_h = scale_even(fit_w, src_h, src_w);
	}
	if (fit_h < min_h) {
		fit_h = min_h;
		fit_w = scale_even(fit_h, src_w, src_h);
	}
	/* Only here the shape may give way: 40 times as long as high is no picture. */
	*w = (int)(fit_w > SIDE_MAX ? SIDE_MAX : fit_w);
	*h = (int)(fit_h > SIDE_MAX ? SIDE_MAX : fit_h);
}

static bool is_larger(const struct profile *p, int src_w, int src_h)
{
	int64_t w, h;

	turned_box(p, src_w, src_h, &w, &h);
	return w > src_w && h > src_h;
}

static struct profile smallest(const struct profile_list *l)
{
	const struct profile *best = l->p, *p;

	for (p = l->p + 1; p < l->p + l->n; p++) {
		int64_t a = (int64_t)p->width * p->height;
		int64_t b = (int64_t)best->width * best->height;

		if (a < b || (a == b && p->bitrate < best->bitrate))
			best = p;
	}
	return *best;
}

void profiles_fit_source(struct profile_list *l, int src_w, int src_h)
{
	struct profile least;
	size_t i, n = 0;

	if (l->n == 0 || src_w <= 0 || src_h <= 0)
		return;
	least = smallest(l);
	for (i = 0; i < l->n; i++) {
		if (!is_larger(&l->p[i], src_w, src_h))
			l->p[n++] = l->p[i];
	}
	if (n == 0) {
		least.width = src_w < SIDE_MIN ? SIDE_MIN : src_w;
		least.height = src_h < SIDE_MIN ? SIDE_MIN : src_h;
		l->p[n++] = least;
	}
	l->n = n;
}

/* ---- what a session agrees on ---- */

/* Canonical form, all integers big-endian: u8 count, then for each profile u8 length
 * and name, u32 width, height, bitrate, fps, fpsDen, gop_ms (two's complement), u8
 * encoder, u8 h264, u8 quality (255: none).  Also change docs/protocol.md. */
struct hash32 profiles_hash(const struct profile_list *l)
{
	const struct profile *p;
	struct hash32 h;
	struct buf b;

	buf_init(&b, 4096);
	buf_add_u8(&b, (uint8_t)l->n);
	for (p = l->p; p < l->p + l->n; p++) {
		buf_add_u8(&b, (uint8_t)strlen(p->name));
		buf_add_str(&b, p->name);
		buf_add_u32(&b, (uint32_t)p->width);
		buf_add_u32(&b, (uint32_t)p->height);
		buf_add_u32(&b, p->bitrate);
		buf_add_u32(&b, (uint32_t)p->fps_num);
		buf_add_u32(&b, (uint32_t)p->fps_den);
		buf_add_u32(&b, (uint32_t)p->gop_ms);
		buf_add_u8(&b, (uint8_t)p->encoder);
		buf_add_u8(&b, (uint8_t)p->h264);
		buf_add_u8(&b, (uint8_t)p->quality);
	}
	h = hash_keccak256(b.data, b.len);
	buf_fini(&b);
	return h;
}

int profiles_check_hls(const struct profile_list *l, struct err *err)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->p[i].encoder == ENCODER_VP8)
			return err_set(err, ERR_INVALID, "profile %s: VP8 cannot be carried in HLS, "
				       "use VP9", l->p[i].name);
	return 0;
}
