#include "test/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "media/wire/amf.h"

static uint8_t bytes[4096];

/* A value from hex; spaces allowed. */
static struct rd hex(const char *s)
{
	char packed[8192];
	size_t n = 0;

	for (; *s; s++)
		if (*s != ' ')
			packed[n++] = *s;
	packed[n] = 0;
	assert_int_equal(hex_parse(bytes, n / 2, packed), 0);
	return rd_of(bytes, n / 2);
}

static int read_hex(const char *s, struct amf_value *v, struct err *err)
{
	struct rd r = hex(s);

	return amf_read(&r, v, err);
}

static void connect_of_ffmpeg_is_read(void **state)
{
	/* As ffmpeg 5.1 sends it, with three members; NULs put behind tcUrl. */
	static const char text[] =
		"0200 07 636f6e6e656374" " 00 3ff0000000000000" " 03"
		" 0003 617070 02 0004 6c697665"
		" 0004 74797065 02 000a 6e6f6e70726976617465"
		" 0005 746355726c 02 001e 72746d703a2f2f3132372e302e302e313a32313933352f6c697665"
		"000000"
		" 000009";
	struct amf_value name, id, obj, v;
	struct rd r;
	char s[64];

	r = hex(text);
	assert_int_equal(amf_read(&r, &name, NULL), 0);
	assert_true(amf_is_str(&name, "connect"));
	assert_false(amf_is_str(&name, "connec"));
	assert_int_equal(amf_read(&r, &id, NULL), 0);
	assert_int_equal(amf_u32(&id), 1);
	assert_int_equal(amf_read(&r, &obj, NULL), 0);
	assert_int_equal(obj.type, AMF_OBJECT);
	assert_int_equal(r.left, 0);
	assert_true(amf_get(&obj, "app", &v));
	assert_true(amf_copy_str(s, sizeof(s), &v));
	assert_string_equal(s, "live");
	assert_true(amf_get(&obj, "type", &v));
	assert_false(amf_get(&obj, "flashVer", &v));
	/* "tcUrl" ends with NULs: no C string. */
	assert_true(amf_get(&obj, "tcUrl", &v));
	assert_false(amf_copy_str(s, sizeof(s), &v));
	assert_string_equal(s, "");
}

static void what_is_written_is_read(void **state)
{
	struct amf_value v, w;
	struct buf b;
	struct rd r;

	buf_init(&b, 1000);
	amf_begin_object(&b);
	amf_put_str(&b, "s", "text");
	amf_put_number(&b, "n", -1.5);
	amf_add_key(&b, "b");
	amf_add_bool(&b, true);
	amf_add_key(&b, "a");
	amf_begin_array(&b, 2);
	amf_add_null(&b);
	amf_begin_object(&b);
	amf_put_str(&b, "z", "inner");
	amf_end_object(&b);
	amf_put_str(&b, "z", "outer");
	amf_end_object(&b);
	amf_add_str(&b, "next");
	r = rd_of(b.data, b.len);
	assert_int_equal(amf_read(&r, &v, NULL), 0);
	assert_true(amf_get(&v, "s", &w) && amf_is_str(&w, "text"));
	assert_true(amf_get(&v, "n", &w) && w.number == -1.5);
	assert_int_equal(amf_u32(&w), 0);
	assert_true(amf_get(&v, "b", &w) && w.type == AMF_BOOL && w.truth);
	assert_true(amf_get(&v, "a", &w) && w.type == AMF_ARRAY);
	assert_true(amf_get(&v, "z", &w) && amf_is_str(&w, "outer"));
	assert_int_equal(amf_read(&r, &v, NULL), 0);
	assert_true(amf_is_str(&v, "next"));
	buf_fini(&b);
}

static void an_ecma_array_is_an_object_whatever_its_count_says(void **state)
{
	struct amf_value v, w;

	assert_int_equal(read_hex("08 ffffffff 0001 61 00 4000000000000000 000009", &v, NULL), 0);
	assert_int_equal(v.type, AMF_OBJECT);
	assert_true(amf_get(&v, "a", &w));
	assert_int_equal(amf_u32(&w), 2);
	/* No end mark, as some encoders write onMetaData. */
	assert_int_equal(read_hex("08 00000001 0001 61 00 4000000000000000", &v, NULL), 0);
	assert_true(amf_get(&v, "a", &w));
}

static void every_cut_fails_without_reading_on(void **state)
{
	static const char text[] =
		"03 0001 61 0a 00000002 00 3ff0000000000000 02 0003 616263"
		" 0001 62 11 0a 0b 01 03 78 06 05 6869 01 0001 63 0b 0000000000000000 0000 000009";
	struct amf_value v;
	struct err err;
	struct rd r = hex(text);
	size_t len = r.left, n, n_failed = 0;
	uint8_t *exact;

	for (n = 0; n < len; n++) {
		exact = malloc(n ? n : 1);	/* ASan sees a read past the end */
		memcpy(exact, bytes, n);
		r = rd_of(exact, n);
		if (amf_read(&r, &v, &err) < 0) {
			assert_int_equal(err.code, ERR_INVALID);
			n_failed++;
		}
		free(exact);
	}
	/* Fine are only the cuts at a name of the outer object: see amf_read. */
	assert_int_equal(n_failed, len - 4);
	r = rd_of(bytes, len);
	assert_int_equal(amf_read(&r, &v, NULL), 0);
}

static void nesting_is_bounded(void **state)
{
	struct amf_value v;
	struct err err;
	struct buf b;
	struct rd r;
	int depth, i;

	for (depth = AMF_DEPTH_MAX; depth <= AMF_DEPTH_MAX + 1; depth++) {
		buf_init(&b, 10000);
		for (i = 0; i < depth; i++)
			amf_begin_array(&b, 1);
		amf_add_null(&b);
		r = rd_of(b.data, b.len);
		assert_int_equal(amf_read(&r, &v, &err), depth > AMF_DEPTH_MAX ? -1 : 0);
		buf_fini(&b);
	}
	assert_int_equal(err.code, ERR_LIMIT);
	buf_init(&b, 1 << 20);
	for (i = 0; i < 100000; i++)
		buf_add_u8(&b, 3), buf_add_u24(&b, 0x000161);
	r = rd_of(b.data, b.len);
	assert_int_equal(amf_read(&r, &v, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	buf_fini(&b);
}

static void unknown_markers_are_invalid(void **state)
{
	struct amf_value v;
	struct err err;

	assert_int_equal(read_hex("12", &v, &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	assert_int_equal(read_hex("ff", &v, &err), -1);
	assert_int_equal(read_hex("11 0d", &v, &err), -1);
	assert_int_equal(read_hex("", &v, &err), -1);
}

static void odd_numbers_become_no_integers(void **state)
{
	struct amf_value v;

	assert_int_equal(read_hex("00 7ff8000000000000", &v, NULL), 0);
	assert_true(isnan(v.number));
	assert_int_equal(amf_u32(&v), 0);
	assert_int_equal(read_hex("00 7ff0000000000000", &v, NULL), 0);
	assert_int_equal(amf_u32(&v), 0);
	assert_int_equal(read_hex("00 41efffffffe00000", &v, NULL), 0);
	assert_int_equal(amf_u32(&v), UINT32_MAX);
}

/* Vectors by hand from the AMF 3 specification. */
static void amf3_objects_are_looked_into(void **state)
{
	struct amf_value v, w;

	/* Sealed "app", dynamic "id": traits 0x2b = 1 member, dynamic, inline. */
	assert_int_equal(read_hex("11 0a 1b 01 07 617070 06 09 6c697665 05 6964 04 8101 01", &v, NULL), 0);
	assert_int_equal(v.type, AMF_OBJECT);
	assert_true(amf_get(&v, "app", &w));
	assert_true(amf_is_str(&w, "live"));
	assert_true(amf_get(&v, "id", &w));
	assert_int_equal(amf_u32(&w), 129);
	assert_false(amf_get(&v, "live", &w));
}

static void amf3_references_are_followed(void **state)
{
	struct amf_value v, w;

	/* {"k":"val", "n":"val" (string 1), "o":{class of 0}} */
	assert_int_equal(read_hex("11 0a 0b 01 03 6b 06 07 76616c 03 6e 06 02 03 6f 0a 01 03 7a 03 01 01",
				  &v, NULL), 0);
	assert_true(amf_get(&v, "n", &w));
	assert_true(amf_is_str(&w, "val"));
	assert_true(amf_get(&v, "o", &w));
	assert_int_equal(w.type, AMF_OBJECT);
	assert_false(amf_get(&w, "z", &w));	/* nested: not looked into */
	assert_int_equal(read_hex("11 06 02", &v, NULL), -1);	/* string 1 of none */
	assert_int_equal(read_hex("11 0a 05", &v, NULL), -1);	/* traits 1 of none */
}

static void amf3_integers_have_29_bits_and_a_sign(void **state)
{
	struct amf_value v;

	assert_int_equal(read_hex("11 04 bfffffff", &v, NULL), 0);
	assert_true(v.number == 268435455);
	assert_int_equal(read_hex("11 04 ffffffff", &v, NULL), 0);
	assert_true(v.number == -1);
	assert_int_equal(read_hex("11 04 c0808000", &v, NULL), 0);
	assert_true(v.number == -268435456);
}

static void amf3_tables_are_bounded(void **state)
{
	struct amf_value v;
	struct err err;
	struct buf b;
	struct rd r;
	int i;

	buf_init(&b, 100000);
	buf_add(&b, "\x11\x0a\x0b\x01", 4);
	for (i = 0; i < 200; i++) {
		buf_add(&b, "\x05xx\x01", 4);
	}
	r = rd_of(b.data, b.len);
	assert_int_equal(amf_read(&r, &v, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	buf_clear(&b);
	buf_add(&b, "\x11\x0a\xff\xff\xff\xfb\x01", 7);	/* a class of 33 million members */
	r = rd_of(b.data, b.len);
	assert_int_equal(amf_read(&r, &v, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connect_of_ffmpeg_is_read),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(an_ecma_array_is_an_object_whatever_its_count_says),
		cmocka_unit_test(every_cut_fails_without_reading_on),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(unknown_markers_are_invalid),
		cmocka_unit_test(odd_numbers_become_no_integers),
		cmocka_unit_test(amf3_objects_are_looked_into),
		cmocka_unit_test(amf3_references_are_followed),
		cmocka_unit_test(amf3_integers_have_29_bits_and_a_sign),
		cmocka_unit_test(amf3_tables_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
