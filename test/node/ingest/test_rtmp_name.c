#include "test/test.h"

#include <string.h>

#include "base/err.h"
#include "node/ingest/rtmp_name.h"

/* What clients make of rtmp://h/live/NAME with a key, each in its own way. */
static const struct {
	const char *app, *tc_url, *name;
	const char *want_app, *want_name, *want_key;
} good[] = {
	{ "live", "rtmp://h:1/live", "cam", "live", "cam", "" },
	{ "live", "rtmp://h/live", "cam?key=K", "live", "cam", "K" },		/* OBS, ffmpeg */
	{ "live", "rtmp://h/live", "cam/K", "live", "cam", "K" },
	{ "live/cam", "rtmp://h/live/cam", "K", "live", "cam", "K" },		/* ffmpeg: live/cam/K */
	{ "live/cam", "rtmp://h/live/cam", "", "live", "cam", "" },		/* OBS without a key */
	{ "live/cam?key=K", "rtmp://h/live/cam?key=K", "", "live", "cam", "K" },
	{ "live?key=K", "rtmp://h/live?key=K", "cam", "live", "cam", "K" },
	{ "live", "rtmp://h/live?key=K", "cam", "live", "cam", "K" },
	{ "live/", "rtmp://h/live/", "/cam/", "live", "cam", "" },
	{ "live/_definst_", "rtmp://h/live/_definst_", "cam", "live", "cam", "" },
	{ "live", "", "cam%3Fkey%3DK%252F1", "live", "cam", "K/1" },		/* encoded as a whole */
	{ "live", "", "cam%2FK", "live", "cam%2FK", NULL },
	{ "live", "", "cam?user=u&key=a%26b&x=1", "live", "cam", "a&b" },
	{ "live", "", "cam?monkey=no", "live", "cam", "" },
	{ "live", "", "cam?key=A&key=B", "live", "cam", "A" },
	{ "live", "", "cam/path/key", "live", "cam", "path/key" },
	{ "live", "", "cam/P?key=Q", "live", "cam", "Q" },
	{ "live", "", "c%61m", "live", "cam", "" },
	{ "live", "", "cam?key=", "live", "cam", "" },
};

static const struct {
	const char *app, *name;
} bad[] = {
	{ "live", "" }, { "", "" }, { "", "cam" }, { "live", "../etc" }, { "live", "a b" },
	{ "live", "a%00b" }, { "live", "a%2" }, { "live", "a%zz" }, { "live", "c\xc3\xa4m" },
	{ "li.ve", "cam" }, { "live", "%2e%2e" }, { "live", "cam%0a" }, { "live", "cam?key=%0d" },
	{ "live", "cam/K%01" }, { "live", "?key=K" },
};

static void every_way_of_cutting_the_url_gives_name_and_key(void **state)
{
	struct rtmp_name n;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int ret = rtmp_name_parse(&n, good[i].app, good[i].tc_url, good[i].name, &err);

		if (!good[i].want_key) {	/* an encoded slash is no separator */
			assert_int_equal(ret, -1);
			continue;
		}
		assert_int_equal(ret, 0);
		assert_string_equal(n.app, good[i].want_app);
		assert_string_equal(n.name, good[i].want_name);
		assert_string_equal(n.key, good[i].want_key);
	}
}

static void foreign_characters_are_refused(void **state)
{
	struct rtmp_name n;
	struct err err;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(rtmp_name_parse(&n, bad[i].app, "", bad[i].name, &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
	}
}

static void lengths_are_bounded(void **state)
{
	char s[RTMP_URL_MAX + 2], name[RTMP_URL_MAX + 100];
	struct rtmp_name n;
	struct err err;

	memset(s, 'a', sizeof(s));
	s[RTMP_NAME_MAX] = 0;
	assert_int_equal(rtmp_name_parse(&n, "live", "", s, &err), 0);
	s[RTMP_NAME_MAX] = 'a';
	s[RTMP_NAME_MAX + 1] = 0;
	assert_int_equal(rtmp_name_parse(&n, "live", "", s, &err), -1);
	assert_int_equal(rtmp_name_parse(&n, s, "", "cam", &err), -1);
	memset(s, 'a', sizeof(s));
	s[RTMP_URL_MAX + 1] = 0;
	assert_int_equal(rtmp_name_parse(&n, "live", "", s, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	assert_int_equal(rtmp_name_parse(&n, s, "", "cam", &err), -1);
	assert_int_equal(rtmp_name_parse(&n, "live", s, "cam", &err), -1);
	s[RTMP_KEY_MAX] = 0;
	strcpy(name, "cam?key=");
	strcat(name, s);
	assert_int_equal(rtmp_name_parse(&n, "live", "", name, &err), 0);
	strcat(name, "a");
	assert_int_equal(rtmp_name_parse(&n, "live", "", name, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	name[3] = '/';
	memmove(name + 4, name + 8, strlen(name + 8) + 1);
	assert_int_equal(rtmp_name_parse(&n, "live", "", name, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
}

static void errors_never_hold_the_key(void **state)
{
	struct rtmp_name n;
	struct err err;

	assert_int_equal(rtmp_name_parse(&n, "live", "", "a b?key=SECRET", &err), -1);
	assert_null(strstr(err.msg, "SECRET"));
	assert_int_equal(rtmp_name_parse(&n, "live", "", "cam/SECRET%zz", &err), -1);
	assert_null(strstr(err.msg, "SECRET"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_of_cutting_the_url_gives_name_and_key),
		cmocka_unit_test(foreign_characters_are_refused),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(errors_never_hold_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
