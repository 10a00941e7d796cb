#include "core/object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"

#define HEX "d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24"

static struct slice of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static void an_address_has_one_spelling(void **state)
{
	static const char *const bad[] = { "", "b3:", "b3:" HEX "0", "b4:" HEX, "B3:" HEX, HEX,
		"b3:" HEX "@", "b3:" HEX "@01", "b3:" HEX "@-1", "b3:" HEX "@9223372036854775808",
		"b3:" HEX "#11",
		"b3:D74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24" };
	struct object_address address;
	char text[OBJECT_ADDRESS_BYTES + 1];

	(void)state;
	assert_int_equal(object_address_parse(of("b3:" HEX), &address), ERR_OK);
	assert_false(address.has_size);
	object_address_print(&address.id, text);
	assert_string_equal(text, "b3:" HEX);
	assert_int_equal(object_address_parse(of("b3:" HEX "@11"), &address), ERR_OK);
	assert_true(address.has_size && address.size == 11);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(object_address_parse(of(bad[i]), &address), ERR_MALFORMED);
	}
}

static void a_media_type_has_two_names_and_perhaps_parameters(void **state)
{
	static const char *const good[] = { "text/plain", "text/plain; charset=utf-8",
		"text/plain ; a=\"b c\"", "application/vnd.x+json", "a/b;" };
	static const char *const bad[] = { "", "text", "text/", "/plain", "text plain",
		"text/pl ain", "text/plain charset", "text/plain; a=\x80", "text/plain; a=\x01",
		"text/plain ", "text/plain; " };
	char longest[OBJECT_TYPE_BYTES_MAX + 2];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_true(object_type_is_valid(of(good[i])));
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_false(object_type_is_valid(of(bad[i])));
	}
	memset(longest, 'a', sizeof longest);
	longest[1] = '/';
	longest[OBJECT_TYPE_BYTES_MAX + 1] = '\0';
	assert_false(object_type_is_valid(of(longest)));
	longest[OBJECT_TYPE_BYTES_MAX] = '\0';
	assert_true(object_type_is_valid(of(longest)));
}

static void chunks_cover_a_size(void **state)
{
	(void)state;
	assert_int_equal(object_chunk_count(0), 0);
	assert_int_equal(object_chunk_count(1), 1);
	assert_int_equal(object_chunk_count(OBJECT_CHUNK_BYTES), 1);
	assert_int_equal(object_chunk_count(OBJECT_CHUNK_BYTES + 1), 2);
	assert_int_equal(object_chunk_count(OBJECT_BYTES_MAX), OBJECT_CHUNKS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_one_spelling),
		cmocka_unit_test(a_media_type_has_two_names_and_perhaps_parameters),
		cmocka_unit_test(chunks_cover_a_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
