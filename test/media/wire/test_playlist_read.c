#include "test/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "media/wire/playlist.h"
#include "media/wire/playlist_read.h"

static struct media_playlist p;
static struct err err;

/* From the heap, without a NUL: a sanitizer sees a byte read too many. */
static int parse_n(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	int rc;

	memcpy(copy, text, len);
	err = (struct err){ 0 };
	rc = media_playlist_parse(&p, copy, len, &err);
	free(copy);
	return rc;
}

static int parse(const char *text)
{
	return parse_n(text, strlen(text));
}

static void what_the_rfc_shows_is_read(void **state)
{
	/* RFC 8216, 8.1 and 8.2, with a title and a comment. */
	assert_int_equal(parse("#EXTM3U\n#EXT-X-TARGETDURATION:10\n\n#EXTINF:9.009,\n"
			       "http://media.example.com/first.ts\n# a comment\n#EXTINF:9,its title\n"
			       "second dir/x.ts\n#EXT-X-ENDLIST\n"), 0);
	assert_int_equal(p.n, 2);
	assert_true(p.ended);
	assert_string_equal(p.item[0].uri, "http://media.example.com/first.ts");
	assert_int_equal(p.item[0].duration_90k, 810810);
	assert_null(p.item[0].map);
	assert_string_equal(p.item[1].uri, "second dir/x.ts");
	assert_int_equal(p.item[1].duration_90k, 810000);
	media_playlist_fini(&p);
}

static void maps_hold_until_the_next_one(void **state)
{
	assert_int_equal(parse("#EXTM3U\r\n#EXTINF:1,\r\n0.ts\r\n"
			       "#EXT-X-MAP:FOO=\"a,URI=b\",URI=\"i,1.mp4\"\r\n"
			       "#EXTINF:1.5,\r\n1.m4s\r\n#EXT-X-DISCONTINUITY\r\n#EXTINF:1,\r\n2.m4s\r\n"
			       "#EXT-X-MAP:URI=\"i2.mp4\"\r\n#EXTINF:1,\r\n3.m4s"), 0);
	assert_int_equal(p.n, 4);
	assert_false(p.ended);
	assert_null(p.item[0].map);
	assert_string_equal(p.item[1].map, "i,1.mp4");
	assert_string_equal(p.item[2].map, "i,1.mp4");
	assert_true(p.item[2].discontinuity);
	assert_false(p.item[3].discontinuity);
	assert_string_equal(p.item[3].map, "i2.mp4");
	media_playlist_fini(&p);
}

static void what_our_writer_writes_is_read_back(void **state)
{
	struct playlist *w = playlist_new(2000, 60000);
	struct buf b;
	int i;

	for (i = 0; i < 5; i++)
		playlist_add(w, &(struct playlist_entry){
			.sequence = 7 + (uint64_t)i, .duration_90k = 180001 + i, .discontinuity = i == 2,
			.fmp4 = true, .map_sequence = i < 2 ? 7 : 9 });
	playlist_end(w);
	buf_init(&b, 65536);
	playlist_render(w, &b);
	assert_int_equal(parse_n((char *)b.data, b.len), 0);
	assert_int_equal(p.n, 5);
	assert_true(p.ended);
	for (i = 0; i < 5; i++) {
		assert_int_equal(p.item[i].duration_90k, 180001 + i);
		assert_int_equal(p.item[i].discontinuity, i == 2);
		assert_string_equal(p.item[i].map, i < 2 ? "init-7.mp4" : "init-9.mp4");
	}
	media_playlist_fini(&p);
	buf_fini(&b);
	playlist_free(w);
}

static void gaps_are_left_out_and_method_none_is_clear(void **state)
{
	assert_int_equal(parse("#EXTM3U\n#EXT-X-KEY:METHOD=NONE\n#EXT-X-GAP\n#EXTINF:2,\na.ts\n"
			       "#EXTINF:2,\nb.ts\n"), 0);
	assert_int_equal(p.n, 1);
	assert_string_equal(p.item[0].uri, "b.ts");
	media_playlist_fini(&p);
}

static void what_cannot_be_read_rightly_is_refused(void **state)
{
	static const struct { const char *text, *says; } bad[] = {
		{ "", "#EXTM3U" },
		{ "#EXTM3U8\n", "#EXTM3U" },
		{ "a.ts\n", "#EXTM3U" },
		{ "#EXTM3U\n", "without segments" },
		{ "#EXTM3U\n#EXT-X-GAP\n#EXTINF:1,\na.ts\n", "without segments" },
		{ "#EXTM3U\na.ts\n", "line 2: a segment without EXTINF" },
		{ "#EXTM3U\n#EXTINF:1,\na.ts\nb.ts\n", "line 4: a segment without EXTINF" },
		{ "#EXTM3U\n#EXTINF:,\na.ts\n", "EXTINF" },
		{ "#EXTM3U\n#EXTINF:-1,\na.ts\n", "EXTINF" },
		{ "#EXTM3U\n#EXTINF:1e9,\na.ts\n", "EXTINF" },
		{ "#EXTM3U\n#EXTINF:99999999999999999999999,\na.ts\n", "EXTINF" },
		{ "#EXTM3U\n#EXTINF:nan,\na.ts\n", "EXTINF" },
		{ "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n", "master playlist" },
		{ "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF:1,\na.ts\n", "encrypted" },
		{ "#EXTM3U\n#EXT-X-KEY:\n", "encrypted" },
		{ "#EXTM3U\n#EXTINF:1,\n#EXT-X-BYTERANGE:5@0\na.ts\n", "byte ranges" },
		{ "#EXTM3U\n#EXT-X-MAP:URI=\"a\",BYTERANGE=\"5@0\"\n", "byte ranges" },
		{ "#EXTM3U\n#EXT-X-MAP:URI=\"\"\n", "empty URI" },
		{ "#EXTM3U\n#EXT-X-MAP:X=\"URI=a\"\n", "without URI" },
		{ "#EXTM3U\n#EXT-X-MAP:URI", "without URI" },
		{ "#EXTM3U\n#EXTINF:1,\na\033[2J.ts\n", "control character" },
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i].text), -1);
		assert_int_equal(err.code, ERR_INVALID);
		if (!strstr(err.msg, bad[i].says))
			fail_msg("case %zu: %s", i, err.msg);
		assert_int_equal(p.n, 0);
		assert_null(p.item);
	}
	assert_int_equal(parse_n("#EXTM3U\n#EXTINF:1,\na\0b.ts\n", 26), -1);
}

static void bounds_hold(void **state)
{
	struct buf b;
	size_t i;

	buf_init(&b, MEDIA_PLAYLIST_BYTES_MAX + 2);
	buf_add_str(&b, "#EXTM3U\n#EXTINF:1,\n");
	for (i = 0; i <= MEDIA_PLAYLIST_URI_MAX; i++)
		buf_add_u8(&b, 'u');
	assert_int_equal(parse_n((char *)b.data, b.len), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	b.len--;
	assert_int_equal(parse_n((char *)b.data, b.len), 0);
	media_playlist_fini(&p);

	buf_clear(&b);
	buf_add_str(&b, "#EXTM3U\n");
	for (i = 0; i <= MEDIA_PLAYLIST_ITEMS_MAX; i++)
		buf_add_str(&b, "#EXTINF:1,\na\n");
	assert_int_equal(parse_n((char *)b.data, b.len), -1);
	assert_int_equal(err.code, ERR_LIMIT);

	while (b.len <= MEDIA_PLAYLIST_BYTES_MAX)
		buf_add_u8(&b, '\n');
	assert_int_equal(parse_n((char *)b.data, b.len), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	buf_fini(&b);
}

static void every_cut_of_a_playlist_is_read_or_refused(void **state)
{
	static const char text[] = "#EXTM3U\n#EXT-X-MAP:URI=\"i.mp4\"\n#EXTINF:2.002,\n0.m4s\n"
				   "#EXT-X-DISCONTINUITY\n#EXTINF:2.002,\n1.m4s\n#EXT-X-ENDLIST\n";
	size_t len;

	for (len = 0; len < sizeof(text) - 1; len++) {
		if (parse_n(text, len) == 0) {
			assert_in_range(p.n, 1, 2);
			media_playlist_fini(&p);
		} else {
			assert_int_equal(err.code, ERR_INVALID);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_rfc_shows_is_read),
		cmocka_unit_test(maps_hold_until_the_next_one),
		cmocka_unit_test(what_our_writer_writes_is_read_back),
		cmocka_unit_test(gaps_are_left_out_and_method_none_is_clear),
		cmocka_unit_test(what_cannot_be_read_rightly_is_refused),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(every_cut_of_a_playlist_is_read_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
