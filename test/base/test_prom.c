#include "test/test.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/prom.h"

static void values_have_help_and_type_once(void **state)
{
	struct buf b;

	buf_init(&b, 4096);
	prom_counter(&b, "x_total", "Times.", 18446744073709551615ull);
	prom_gauge(&b, "y", "Level.", 0.25);
	prom_head(&b, "z", "Each.", "gauge");
	prom_value(&b, "z", "who", "a", 1);
	prom_value(&b, "z", "who", "b", 17179869184.0);
	assert_string_equal(buf_cstr(&b),
		"# HELP livepeer_x_total Times.\n# TYPE livepeer_x_total counter\n"
		"livepeer_x_total 18446744073709551615\n"
		"# HELP livepeer_y Level.\n# TYPE livepeer_y gauge\nlivepeer_y 0.25\n"
		"# HELP livepeer_z Each.\n# TYPE livepeer_z gauge\n"
		"livepeer_z{who=\"a\"} 1\nlivepeer_z{who=\"b\"} 17179869184\n");
	buf_fini(&b);
}

static void foreign_text_forges_nothing(void **state)
{
	struct buf b;

	buf_init(&b, 4096);
	prom_value(&b, "z", "who", "a\"} 7\nb\\", 1);
	assert_string_equal(buf_cstr(&b), "livepeer_z{who=\"a\\\"} 7\\nb\\\\\"} 1\n");
	buf_clear(&b);
	json_add_string(&b, "a\"b\\c\n\x7f");
	assert_string_equal(buf_cstr(&b), "\"a\\\"b\\\\c\\u000a\\u007f\"");
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_have_help_and_type_once),
		cmocka_unit_test(foreign_text_forges_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
