/* The request for a new origin: what is printed is read again, and nothing else is. */
#include "core/new_origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/merkle.h"

static struct slice view(const char *text, size_t bytes)
{
	return (struct slice){ (const uint8_t *)text, bytes };
}

static size_t print(const char *origin, uint64_t size, char text[NEW_ORIGIN_BYTES_MAX])
{
	struct new_origin ask = { .origin = view(origin, strlen(origin)), .size = size };

	memset(&ask.root, 0xa5, sizeof ask.root);
	return new_origin_print(&ask, text);
}

static void what_is_printed_is_read_again(void **state)
{
	static const uint64_t sizes[] = { 0, 9, 10, 1234567890, MERKLE_SIZE_MAX };
	char origin[ORIGIN_BYTES_MAX + 1] = "";
	char text[NEW_ORIGIN_BYTES_MAX];

	(void)state;
	memset(origin, 'o', ORIGIN_BYTES_MAX);
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		size_t bytes = print(origin, sizes[i], text);
		struct new_origin ask;

		assert_int_equal(bytes, strlen(text));
		assert_int_equal(new_origin_parse(view(text, bytes), &ask), ERR_OK);
		assert_int_equal(ask.size, sizes[i]);
		assert_int_equal(ask.origin.bytes_count, ORIGIN_BYTES_MAX);
		assert_int_equal(ask.root.bytes[31], 0xa5);
	}
	(void)print("a.example", 7, text);
	assert_string_equal(text,
		"macronode new-origin v1\na.example\n7\n"
		"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\n");
}

static void every_prefix_and_one_byte_more_are_refused(void **state)
{
	char text[NEW_ORIGIN_BYTES_MAX + 1];
	size_t bytes = print("a.example", 71, text);
	struct new_origin ask;

	(void)state;
	text[bytes] = '\n';
	for (size_t cut = 0; cut <= bytes + 1; cut++) {
		assert_int_equal(new_origin_parse(view(text, cut), &ask) == ERR_OK, cut == bytes);
	}
}

#define ROOT "0000000000000000000000000000000000000000000000000000000000000000\n"

static void other_spellings_are_refused(void **state)
{
	static const char *const bad[] = {
		"macronode new-origin v2\na\n7\n" ROOT,
		"macronode new-origin v1\n\n7\n" ROOT,
		"macronode new-origin v1\na\n07\n" ROOT,
		"macronode new-origin v1\na\n+7\n" ROOT,
		"macronode new-origin v1\na\n\n" ROOT,
		"macronode new-origin v1\na\n9223372036854775808\n" ROOT,
		"macronode new-origin v1\na\n99999999999999999999\n" ROOT,
		"macronode new-origin v1\na\n7\n0" ROOT,
		"macronode new-origin v1\na\n7\nA"
		"000000000000000000000000000000000000000000000000000000000000000\n",
		"macronode new-origin v1\n"
		"012345678901234567890123456789012345678901234567890123456789012345678901234567890"
		"\n7\n" ROOT,
	};
	struct new_origin ask;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(
			new_origin_parse(view(bad[i], strlen(bad[i])), &ask), ERR_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_printed_is_read_again),
		cmocka_unit_test(every_prefix_and_one_byte_more_are_refused),
		cmocka_unit_test(other_spellings_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
