#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "protocol/profile.h"
#include "test/vectors.h"

static struct profile_list l;
static struct err err;

static int parse(const char *json)
{
	memset(&err, 0, sizeof(err));
	return profiles_parse_json(&l, json, strlen(json), &err);
}

static void refused(const char *json, const char *msg)
{
	assert_int_equal(parse(json), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_string_equal(err.msg, msg);
}

/* ---- presets ---- */

/* name, width, height, bits a second, fps: facts/go-livepeer.md 4. */
static void presets_are_those_of_the_family(void **state)
{
	static const struct { const char *name; int w, h; uint32_t bitrate; int fps; } want[] = {
		{ "P720p60fps16x9", 1280, 720, 6000000, 60 },
		{ "P720p30fps16x9", 1280, 720, 4000000, 30 },
		{ "P720p25fps16x9", 1280, 720, 3500000, 25 },
		{ "P720p30fps4x3", 960, 720, 3500000, 30 },
		{ "P576p30fps16x9", 1024, 576, 1500000, 30 },
		{ "P576p25fps16x9", 1024, 576, 1500000, 25 },
		{ "P360p30fps16x9", 640, 360, 1200000, 30 },
		{ "P360p25fps16x9", 640, 360, 1000000, 25 },
		{ "P360p30fps4x3", 480, 360, 1000000, 30 },
		{ "P240p30fps16x9", 426, 240, 600000, 30 },
		{ "P240p25fps16x9", 426, 240, 600000, 25 },
		{ "P240p30fps4x3", 320, 240, 600000, 30 },
		{ "P144p30fps16x9", 256, 144, 400000, 30 },
	};
	size_t i;

	assert_int_equal(profiles_preset_count(), 13);
	assert_null(profiles_preset(13));
	for (i = 0; i < 13; i++) {
		const struct profile *p = profiles_preset(i);

		assert_string_equal(p->name, want[i].name);
		assert_int_equal(p->width, want[i].w);
		assert_int_equal(p->height, want[i].h);
		assert_int_equal(p->bitrate, want[i].bitrate);
		assert_int_equal(p->fps_num, want[i].fps);
		assert_int_equal(p->fps_den, 1);
		assert_int_equal(p->gop_ms, 0);
		assert_int_equal(p->h264, H264_ANY);
		assert_int_equal(p->quality, -1);
		assert_int_equal(profile_check(p, NULL), 0);
	}
}

static void preset_names_are_taken_in_order(void **state)
{
	assert_int_equal(profiles_parse_presets(&l, "P240p30fps16x9, P720p60fps16x9", &err), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.p[0].name, "P240p30fps16x9");
	assert_int_equal(l.p[1].fps_num, 60);
}

static void unknown_presets_are_named_with_those_there_are(void **state)
{
	const char *list = "there are P720p60|30|25fps16x9 P576p30|25fps16x9 P360p30|25fps16x9 "
			   "P240p30|25fps16x9 P144p30fps16x9 P720p|360p|240p30fps4x3";

	assert_int_equal(profiles_parse_presets(&l, "P240p30fps16x9,P999p", &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "no preset \"P999p\"; "));
	assert_non_null(strstr(err.msg, list));
	assert_int_equal(profiles_parse_presets(&l, "Pxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", &err), -1);
	assert_non_null(strstr(err.msg, list));	/* it is not cut */
}

static void empty_repeated_and_too_many_presets_are_refused(void **state)
{
	char many[300] = "";
	size_t i;

	assert_int_equal(profiles_parse_presets(&l, "", &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(profiles_parse_presets(&l, "P240p30fps16x9,,P144p30fps16x9", &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(profiles_parse_presets(&l, "P240p30fps16x9,P240p30fps16x9", &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "is taken by profiles[0]"));
	for (i = 0; i < PROFILES_MAX + 1; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "%s%s", i ? "," : "",
			 profiles_preset(i)->name);
	assert_int_equal(profiles_parse_presets(&l, many, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
}

static void default_ladder_is_the_studios(void **state)
{
	profiles_default(&l);
	assert_int_equal(l.n, 4);
	assert_string_equal(l.p[0].name, "240p0");
	assert_int_equal(l.p[0].width, 426);
	assert_int_equal(l.p[0].bitrate, 250000);
	assert_string_equal(l.p[2].name, "480p0");
	assert_int_equal(l.p[2].width, 854);
	assert_int_equal(l.p[3].bitrate, 3000000);
	assert_int_equal(l.p[3].fps_num, 0);
	assert_int_equal(l.p[3].h264, H264_CONSTRAINED_HIGH);
	assert_int_equal(profiles_check(&l, NULL), 0);
}

/* ---- JSON ---- */

static void all_fields_are_read(void **state)
{
	assert_int_equal(parse("[{\"name\":\"hd_1\",\"width\":1280,\"height\":720,"
			       "\"bitrate\":3000000,\"fps\":30000,\"fpsDen\":1001,"
			       "\"profile\":\"h264constrainedhigh\",\"gop\":\"2.0\","
			       "\"encoder\":\"H.264\",\"colorDepth\":8,\"chromaFormat\":0,"
			       "\"quality\":23}]"), 0);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.p[0].name, "hd_1");
	assert_int_equal(l.p[0].width, 1280);
	assert_int_equal(l.p[0].height, 720);
	assert_int_equal(l.p[0].bitrate, 3000000);
	assert_int_equal(l.p[0].fps_num, 30000);
	assert_int_equal(l.p[0].fps_den, 1001);
	assert_int_equal(l.p[0].gop_ms, 2000);
	assert_int_equal(l.p[0].encoder, ENCODER_H264);
	assert_int_equal(l.p[0].h264, H264_CONSTRAINED_HIGH);
	assert_int_equal(l.p[0].quality, 23);
}

static void what_is_left_out_has_its_default(void **state)
{
	assert_int_equal(parse("[{\"width\":640,\"height\":360,\"bitrate\":1e6,\"fpsDen\":7,"
			       "\"name\":null,\"gop\":\"\",\"profile\":\"none\",\"quality\":0}]"), 0);
	assert_string_equal(l.p[0].name, "custom_640x360_1000000");
	assert_int_equal(l.p[0].fps_num, 0);
	assert_int_equal(l.p[0].fps_den, 1);
	assert_int_equal(l.p[0].gop_ms, 0);
	assert_int_equal(l.p[0].h264, H264_ANY);
	assert_int_equal(l.p[0].encoder, ENCODER_H264);
	assert_int_equal(l.p[0].quality, -1);
}

static void quality_may_stand_for_bitrate(void **state)
{
	assert_int_equal(parse("[{\"width\":640,\"height\":360,\"quality\":30}]"), 0);
	assert_int_equal(l.p[0].bitrate, 0);
	assert_int_equal(l.p[0].quality, 30);
	assert_string_equal(l.p[0].name, "custom_640x360_0");
}

static void no_profiles_are_a_list_too(void **state)
{
	assert_int_equal(parse("[]"), 0);
	assert_int_equal(l.n, 0);
}

#define BASE "\"width\":640,\"height\":360,\"bitrate\":1000000"

static void gop_is_seconds_or_intra(void **state)
{
	static const struct { const char *gop; int ms; } good[] = {
		{ "\"2\"", 2000 }, { "\"2.5\"", 2500 }, { "\"intra\"", -1 }, { "\"0.0333\"", 33 },
		{ "1", 1000 }, { "0.5", 500 }, { "\"60\"", 60000 }, { "\"0\"", 0 },
	};
	static const char *const bad[] = {
		"\"-1\"", "\"abc\"", "\"2.\"", "\".5\"", "\"2s\"", "\"61\"", "\"1e1\"", "-1", "true",
		"\" 2\"", "\"nan\"", "\"99999999\"", "1e300",
	};
	char json[200];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(json, sizeof(json), "[{" BASE ",\"gop\":%s}]", good[i].gop);
		assert_int_equal(parse(json), 0);
		assert_int_equal(l.p[0].gop_ms, good[i].ms);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(json, sizeof(json), "[{" BASE ",\"gop\":%s}]", bad[i]);
		assert_int_equal(parse(json), -1);
		assert_non_null(strstr(err.msg, "profiles[0]: gop:"));
	}
}

static void encoders_have_their_names(void **state)
{
	static const struct { const char *name; enum profile_encoder e; bool fmp4; } all[] = {
		{ "H.264", ENCODER_H264, false }, { "h264", ENCODER_H264, false },
		{ "HEVC", ENCODER_HEVC, false }, { "VP8", ENCODER_VP8, true },
		{ "vp9", ENCODER_VP9, true }, { "AV1", ENCODER_AV1, true },
	};
	char json[200];
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(json, sizeof(json), "[{" BASE ",\"encoder\":\"%s\"}]", all[i].name);
		assert_int_equal(parse(json), 0);
		assert_int_equal(l.p[0].encoder, all[i].e);
		assert_int_equal(profile_is_fmp4(&l.p[0]), all[i].fmp4);
	}
}

static void errors_name_element_and_field(void **state)
{
	refused("[{" BASE "},{\"height\":360,\"bitrate\":1}]", "profiles[1]: width: missing");
	refused("[{\"width\":640,\"height\":360}]",
		"profiles[0]: bitrate: missing (or give quality)");
	refused("[{\"width\":640,\"height\":360,\"bitrate\":399}]",
		"profiles[0]: bitrate: 399 is not 400 to 500000000");
	refused("[{\"width\":640,\"height\":360,\"bitrate\":0}]",
		"profiles[0]: bitrate: 0 is not 400 to 500000000");
	refused("[{\"width\":4097,\"height\":360,\"bitrate\":1000}]",
		"profiles[0]: width: 4097 is not 16 to 4096");
	refused("[{\"width\":\"640\",\"height\":360,\"bitrate\":1000}]",
		"profiles[0]: width: not a number");
	refused("[{" BASE ",\"fps\":29.97}]", "profiles[0]: fps: 29.97 is not a whole number; "
		"29.97 is fps 30000 with fpsDen 1001");
	refused("[{" BASE ",\"fps\":241}]", "profiles[0]: fps: 241 is not 0 to 240");
	refused("[{" BASE ",\"fpsDen\":0,\"fps\":1}]", "profiles[0]: fpsDen: 0 is not 1 to 100000");
	refused("[{" BASE ",\"quality\":64}]", "profiles[0]: quality: 64 is not 0 to 63");
	refused("[{" BASE ",\"profile\":\"H265Main\"}]", "profiles[0]: profile: \"H265Main\" is not "
		"H264Baseline, H264Main, H264High or H264ConstrainedHigh");
	refused("[{" BASE ",\"encoder\":\"MPEG2\"}]",
		"profiles[0]: encoder: \"MPEG2\" is not H.264, HEVC, VP8, VP9 or AV1");
	refused("[{" BASE ",\"encoder\":\"VP9\",\"profile\":\"H264High\"}]",
		"profiles[0]: profile: H264High goes with encoder H.264 only");
	refused("[{" BASE ",\"bitRate\":5}]", "profiles[0]: unknown field \"bitRate\"");
	refused("[{" BASE ",\"colorDepth\":10}]", "profiles[0]: colorDepth: only 8 bit");
	refused("[{" BASE ",\"chromaFormat\":2}]", "profiles[0]: chromaFormat: only 0 (4:2:0)");
	refused("[7]", "profiles[0]: not an object");
	refused("{}", "profiles: not a JSON array");
	refused("[{" BASE "},{" BASE "}]", "profiles[1]: name: \"custom_640x360_1000000\" is taken "
		"by profiles[0]");
}

static void names_are_parts_of_a_url(void **state)
{
	static const char *const bad[] = {
		"", "a b", "a/b", "..", "a.b", "\\u00e9", "source",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	};
	char json[200];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(json, sizeof(json), "[{" BASE ",\"name\":\"%s\"}]", bad[i]);
		assert_int_equal(parse(json), -1);
		assert_non_null(strstr(err.msg, "profiles[0]: name:"));
	}
	snprintf(json, sizeof(json), "[{" BASE ",\"name\":\"%.63s\"}]", bad[7]);
	assert_int_equal(parse(json), 0);
	assert_int_equal(strlen(l.p[0].name), 63);
}

static void broken_json_is_refused_by_line(void **state)
{
	assert_int_equal(parse("[\n{\"width\":1,\n\"width\":2}]"), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_non_null(strstr(err.msg, "line 3"));
	assert_int_equal(parse(""), -1);
	assert_int_equal(parse("[] x"), -1);
	assert_int_equal(parse("[{\"width\":99999999999999999999}]"), -1);
}

static void sizes_are_bounded(void **state)
{
	char *json = malloc((64 << 10) + 1);
	struct buf b;
	int i;

	memset(json, ' ', (64 << 10) + 1);
	json[0] = '[';
	json[1] = ']';
	assert_int_equal(profiles_parse_json(&l, json, 64 << 10, &err), 0);
	assert_int_equal(profiles_parse_json(&l, json, (64 << 10) + 1, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	memset(json, '[', 64 << 10);	/* nesting ends before the stack does */
	assert_int_equal(profiles_parse_json(&l, json, 64 << 10, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	free(json);
	buf_init(&b, 10000);
	for (i = 0; i <= PROFILES_MAX; i++)
		buf_addf(&b, "%c{" BASE ",\"name\":\"p%d\"}", i ? ',' : '[', i);
	buf_add_str(&b, "]");
	assert_int_equal(parse(buf_cstr(&b)), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	buf_fini(&b);
}

static void printed_json_is_read_back_the_same(void **state)
{
	struct profile_list a;
	struct hash32 ha, hb;
	struct buf b;

	assert_int_equal(parse("[{" BASE ",\"gop\":\"2.5\",\"profile\":\"H264High\"},"
			       "{" BASE ",\"name\":\"x\",\"gop\":\"intra\",\"encoder\":\"AV1\"},"
			       "{\"width\":320,\"height\":240,\"quality\":30,\"fps\":30000,"
			       "\"fpsDen\":1001}]"), 0);
	a = l;
	buf_init(&b, 10000);
	profiles_to_json(&b, &a);
	assert_int_equal(parse(buf_cstr(&b)), 0);
	assert_int_equal(l.n, 3);
	ha = profiles_hash(&a);
	hb = profiles_hash(&l);
	assert_memory_equal(ha.b, hb.b, 32);
	buf_fini(&b);
}

static void an_option_is_presets_or_a_file(void **state)
{
	char path[] = "/tmp/lp-test-profile-XXXXXX";
	const char *json = "[{" BASE ",\"name\":\"mine\"}]";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, json, strlen(json)), strlen(json));
	assert_int_equal(profiles_parse_option(&l, path, &err), 0);
	assert_string_equal(l.p[0].name, "mine");
	assert_int_equal(ftruncate(fd, (64 << 10) + 1), 0);
	assert_int_equal(profiles_parse_option(&l, path, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(strncmp(err.msg, path, strlen(path)), 0);
	close(fd);
	unlink(path);
	assert_int_equal(profiles_parse_option(&l, path, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(profiles_parse_option(&l, "missing.json", &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(profiles_parse_option(&l, "/", &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(profiles_parse_option(&l, "P144p30fps16x9", &err), 0);
	assert_int_equal(l.n, 1);
}

/* ---- fitting ---- */

static void output_keeps_the_sources_shape_in_the_box(void **state)
{
	static const struct { int box_w, box_h, src_w, src_h, w, h; } cases[] = {
		{ 1280, 720, 1920, 1080, 1280, 720 },
		{ 854, 480, 1920, 1080, 854, 480 },	/* 853.3 */
		{ 426, 240, 1920, 1080, 426, 240 },	/* 239.6 */
		{ 1280, 720, 1440, 1080, 960, 720 },	/* 4:3 */
		{ 1280, 720, 1080, 1920, 720, 1280 },	/* a telephone held upright */
		{ 720, 1280, 1080, 1920, 720, 1280 },
		{ 720, 1280, 1920, 1080, 1280, 720 },
		{ 1280, 720, 1000, 1000, 720, 720 },
		{ 1280, 720, 2560, 1080, 1280, 540 },
		{ 641, 361, 1920, 1080, 640, 360 },
		{ 320, 240, 4000, 100, 2000, 50 },	/* the least height wins */
		{ 320, 240, 100, 4000, 146, 4096 },	/* then the shape gives way */
		{ 256, 144, 1080, 1920, 146, 260 },
		{ 640, 360, 0, 0, 640, 360 },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct profile p = { .width = cases[i].box_w, .height = cases[i].box_h };
		int w, h;

		profile_fit(&p, cases[i].src_w, cases[i].src_h, &w, &h);
		assert_int_equal(w, cases[i].w);
		assert_int_equal(h, cases[i].h);
	}
}

static void check_fit(struct profile p, enum profile_encoder e, int src_w, int src_h)
{
	int w, h;

	p.encoder = e;
	profile_fit(&p, src_w, src_h, &w, &h);
	if (w % 2 || h % 2 || w > 4096 || h > 4096 || w < (e == ENCODER_H264 ? 146 : 16) ||
	    h < (e == ENCODER_H264 ? 50 : 16))
		fail_msg("%s encoder %d of %dx%d: %dx%d", p.name, e, src_w, src_h, w, h);
}

static void any_fit_is_even_and_encodable(void **state)
{
	static const int sides[] = { 1, 2, 15, 50, 146, 333, 720, 1081, 4095, 4096, 16384, 2000000000 };
	size_t i, k, n;
	int e;

	for (n = 0; n < profiles_preset_count(); n++) {
		for (i = 0; i < 12 * 12; i++) {
			for (e = ENCODER_H264; e <= ENCODER_AV1; e++) {
				k = i % 12;
				check_fit(*profiles_preset(n), (enum profile_encoder)e,
					  sides[i / 12], sides[k]);
			}
		}
	}
}

static void rungs_above_the_source_are_left_out(void **state)
{
	profiles_default(&l);
	profiles_fit_source(&l, 854, 480);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.p[2].name, "480p0");
	profiles_default(&l);
	profiles_fit_source(&l, 480, 854);	/* turned with the source */
	assert_int_equal(l.n, 3);
	profiles_default(&l);
	profiles_fit_source(&l, 1024, 768);	/* its 960x720 in 1280x720 is smaller */
	assert_int_equal(l.n, 4);
	profiles_default(&l);
	profiles_fit_source(&l, 1920, 1080);
	assert_int_equal(l.n, 4);
}

static void a_tiny_source_keeps_one_rung_at_its_own_size(void **state)
{
	profiles_default(&l);
	profiles_fit_source(&l, 200, 150);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.p[0].name, "240p0");
	assert_int_equal(l.p[0].width, 200);
	assert_int_equal(l.p[0].height, 150);
	assert_int_equal(l.p[0].bitrate, 250000);
	profiles_default(&l);
	profiles_fit_source(&l, 8, 4);
	assert_int_equal(profiles_check(&l, NULL), 0);
	l.n = 0;
	profiles_fit_source(&l, 200, 150);
	assert_int_equal(l.n, 0);
}

/* ---- the hash ---- */

static void hash_agrees_with_ethers(void **state)
{
	json_t *all = vectors_load("test/vectors/eip712.json");
	struct hash32 want, got;

	vectors_hex(want.b, 32, all, "defaultLadderHash");
	profiles_default(&l);
	got = profiles_hash(&l);
	assert_memory_equal(got.b, want.b, 32);
	json_decref(all);
}

static void every_field_changes_the_hash(void **state)
{
	struct hash32 hashes[16];
	size_t n = 0, i, k;

#define WITH(change) do { profiles_default(&l); change; hashes[n++] = profiles_hash(&l); } while (0)
	WITH((void)0);
	WITH(l.p[1].name[0] = 'x');
	WITH(l.p[1].width++);
	WITH(l.p[1].height++);
	WITH(l.p[1].bitrate++);
	WITH(l.p[1].fps_num++);
	WITH(l.p[1].fps_den++);
	WITH(l.p[1].gop_ms = -1);
	WITH(l.p[1].encoder = ENCODER_HEVC);
	WITH(l.p[1].h264 = H264_HIGH);
	WITH(l.p[1].quality = 20);
	WITH(l.n--);
	WITH(l.n = 0);
#undef WITH
	for (i = 0; i < n; i++) {
		for (k = 0; k < i; k++)
			assert_memory_not_equal(hashes[i].b, hashes[k].b, 32);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(presets_are_those_of_the_family),
		cmocka_unit_test(preset_names_are_taken_in_order),
		cmocka_unit_test(unknown_presets_are_named_with_those_there_are),
		cmocka_unit_test(empty_repeated_and_too_many_presets_are_refused),
		cmocka_unit_test(default_ladder_is_the_studios),
		cmocka_unit_test(all_fields_are_read),
		cmocka_unit_test(what_is_left_out_has_its_default),
		cmocka_unit_test(quality_may_stand_for_bitrate),
		cmocka_unit_test(no_profiles_are_a_list_too),
		cmocka_unit_test(gop_is_seconds_or_intra),
		cmocka_unit_test(encoders_have_their_names),
		cmocka_unit_test(errors_name_element_and_field),
		cmocka_unit_test(names_are_parts_of_a_url),
		cmocka_unit_test(broken_json_is_refused_by_line),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(printed_json_is_read_back_the_same),
		cmocka_unit_test(an_option_is_presets_or_a_file),
		cmocka_unit_test(output_keeps_the_sources_shape_in_the_box),
		cmocka_unit_test(any_fit_is_even_and_encodable),
		cmocka_unit_test(rungs_above_the_source_are_left_out),
		cmocka_unit_test(a_tiny_source_keeps_one_rung_at_its_own_size),
		cmocka_unit_test(hash_agrees_with_ethers),
		cmocka_unit_test(every_field_changes_the_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
