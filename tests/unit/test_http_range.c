#include "core/http_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"

static struct slice of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

/* Each Range field against an object of 1000 bytes: what it gets, or nothing at all. */
static void a_range_is_resolved(void **state)
{
	static const struct {
		const char *field;
		bool is_good;
		uint64_t first, count;
	} rows[] = {
		{ "", true, 0, 1000 },
		{ "bytes=0-0", true, 0, 1 },
		{ "bytes=0-499", true, 0, 500 },
		{ "Bytes=500-999", true, 500, 500 },
		{ "bytes=500-", true, 500, 500 },
		{ "bytes=999-", true, 999, 1 },
		{ "bytes=999-99999999999999999999999", true, 999, 1 },
		{ "bytes=-1", true, 999, 1 },
		{ "bytes=-5000", true, 0, 1000 },
		{ "bytes= 1-2 ", true, 1, 2 },
		{ "bytes=-0", false, 0, 0 },
		{ "bytes=1000-", false, 0, 0 },
		{ "bytes=1000-1001", false, 0, 0 },
		{ "bytes=5-4", false, 0, 0 },
		{ "bytes=", false, 0, 0 },
		{ "bytes=-", false, 0, 0 },
		{ "bytes=a-b", false, 0, 0 },
		{ "bytes=1-2x", false, 0, 0 },
		{ "bytes=99999999999999999999-", false, 0, 0 },
		{ "bytes=0-0,2-3", true, 0, 1000 },
		{ "lines=1-2", true, 0, 1000 },
		{ "bytes", true, 0, 1000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t first = 7, count = 7;
		struct http_range range = http_range_parse(of(rows[i].field));
		bool is_good = http_range_resolve(range, 1000, &first, &count);

		assert_int_equal(is_good, rows[i].is_good);
		assert_true(!is_good || (first == rows[i].first && count == rows[i].count));
	}
}

static void of_nothing_there_is_no_part(void **state)
{
	uint64_t first, count;

	(void)state;
	assert_true(http_range_resolve(http_range_parse(of("")), 0, &first, &count));
	assert_true(first == 0 && count == 0);
	assert_false(http_range_resolve(http_range_parse(of("bytes=0-")), 0, &first, &count));
	assert_false(http_range_resolve(http_range_parse(of("bytes=-1")), 0, &first, &count));
}

static void a_tag_is_found_in_a_list(void **state)
{
	static const char *const good[] = { "\"b3:1\"", "W/\"b3:1\"", "\"x\", \"b3:1\"",
		"\"b3:1\",\"x\"", ", ,\"b3:1\"", "*" };
	static const char *const bad[] = { "", "b3:1", "\"b3:12\"", "\"b3:1", "\"x\" \"b3:1\"",
		"**", "\"B3:1\"", "w/\"b3:1\"" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_true(http_range_has_tag(of(good[i]), of("b3:1")));
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_false(http_range_has_tag(of(bad[i]), of("b3:1")));
	}
}

static void only_the_strong_tag_lets_a_range_be(void **state)
{
	(void)state;
	assert_true(http_range_may_apply(of(""), of("b3:1")));
	assert_true(http_range_may_apply(of("\"b3:1\""), of("b3:1")));
	assert_false(http_range_may_apply(of("W/\"b3:1\""), of("b3:1")));
	assert_false(http_range_may_apply(of("\"b3:2\""), of("b3:1")));
	assert_false(http_range_may_apply(of("\"b3:1\", \"x\""), of("b3:1")));
	assert_false(http_range_may_apply(of("Sun, 06 Nov 1994 08:49:37 GMT"), of("b3:1")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_is_resolved),
		cmocka_unit_test(of_nothing_there_is_no_part),
		cmocka_unit_test(a_tag_is_found_in_a_list),
		cmocka_unit_test(only_the_strong_tag_lets_a_range_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
