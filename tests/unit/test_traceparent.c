#include "core/traceparent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TRACE  "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

static bool parse(const char *text, struct traceparent *ret_parent)
{
	return traceparent_parse((struct slice){ (const uint8_t *)text, strlen(text) }, ret_parent);
}

static void a_field_of_today_says_whose_trace_it_is(void **state)
{
	static const uint8_t id[ID_BYTES] = { 0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84,
		0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c };
	struct traceparent parent;

	(void)state;
	assert_true(parse("00-" TRACE "-" PARENT "-01", &parent));
	assert_memory_equal(parent.trace_id.bytes, id, sizeof id);
	assert_int_equal(parent.parent_id, UINT64_C(0xb7ad6b7169203331));
	assert_true(parent.is_sampled);
	assert_true(parse("00-" TRACE "-" PARENT "-00", &parent));
	assert_false(parent.is_sampled);
	assert_true(parse("00-" TRACE "-" PARENT "-ff", &parent)); /* other bits are others' */
	assert_true(parent.is_sampled);
}

static void a_later_version_may_have_more_behind(void **state)
{
	struct traceparent parent;

	(void)state;
	assert_true(parse("cc-" TRACE "-" PARENT "-01", &parent));
	assert_true(parse("cc-" TRACE "-" PARENT "-01-what-comes", &parent));
	assert_false(parse("cc-" TRACE "-" PARENT "-01.what-comes", &parent));
	assert_false(parse("00-" TRACE "-" PARENT "-01-what-comes", &parent));
	assert_false(parse("ff-" TRACE "-" PARENT "-01", &parent));
}

static void what_is_none_is_refused_and_writes_nothing(void **state)
{
	static const char *const none[] = {
		"",
		"00-" TRACE "-" PARENT "-1",
		"00-" TRACE "-" PARENT "-0g",
		"0x-" TRACE "-" PARENT "-01",
		"00-00000000000000000000000000000000-" PARENT "-01",
		"00-" TRACE "-0000000000000000-01",
		"00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
		"00_" TRACE "-" PARENT "-01",
		"00-" TRACE "_" PARENT "-01",
		"00-" TRACE "-" PARENT "_01",
		" 00-" TRACE "-" PARENT "-01",
	};

	(void)state;
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		struct traceparent parent = { .parent_id = 7 };

		if (parse(none[i], &parent)) {
			fail_msg("%s", none[i]);
		}
		assert_int_equal(parent.parent_id, 7);
	}
}

/* Goal: every prefix is refused, without a look behind its end. */
static void no_prefix_is_one(void **state)
{
	static const char text[] = "00-" TRACE "-" PARENT "-01";
	struct traceparent parent;

	(void)state;
	for (size_t count = 0; count < sizeof text - 1; count++) {
		assert_false(
			traceparent_parse((struct slice){ (const uint8_t *)text, count }, &parent));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_field_of_today_says_whose_trace_it_is),
		cmocka_unit_test(a_later_version_may_have_more_behind),
		cmocka_unit_test(what_is_none_is_refused_and_writes_nothing),
		cmocka_unit_test(no_prefix_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
