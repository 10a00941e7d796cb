#include "core/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The definition, one character at a time: the shortest encoding of a scalar value. */
static size_t encode(uint32_t c, uint8_t ret_bytes[4])
{
	if (c < 0x80) {
		ret_bytes[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		ret_bytes[0] = (uint8_t)(0xc0 | c >> 6);
		ret_bytes[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		ret_bytes[0] = (uint8_t)(0xe0 | c >> 12);
		ret_bytes[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		ret_bytes[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	ret_bytes[0] = (uint8_t)(0xf0 | c >> 18);
	ret_bytes[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	ret_bytes[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	ret_bytes[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

static void every_scalar_value_is_valid_whole_and_invalid_cut(void **state)
{
	(void)state;
	for (uint32_t c = 0; c < 0x200000; c++) {
		bool scalar = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		uint8_t bytes[4];
		size_t count = encode(c, bytes);

		assert_int_equal(utf8_valid(bytes, count), scalar);
		for (size_t cut = 1; cut < count; cut++) {
			assert_false(utf8_valid(bytes, cut));
		}
	}
}

/* Goal: what is accepted is exactly what the definition makes, over every four bytes whose
 * first two are any and whose last two are edges. */
static void nothing_else_is_valid(void **state)
{
	static const uint8_t edges[] = { 0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xc2, 0xff };
	static uint8_t valid_pairs[65536];
	uint8_t bytes[4];

	(void)state;
	for (uint32_t c = 0x80; c <= 0x10ffff; c++) {
		if (c < 0xd800 || c > 0xdfff) {
			size_t count = encode(c, bytes);

			valid_pairs[bytes[0] << 8 | bytes[1]] = (uint8_t)count;
		}
	}
	for (unsigned pair = 0x8000; pair < 65536; pair++) {
		for (size_t i = 0; i < COUNT_OF(edges) * COUNT_OF(edges); i++) {
			bool third, fourth, ends_well, expected;

			bytes[0] = (uint8_t)(pair >> 8);
			bytes[1] = (uint8_t)pair;
			bytes[2] = edges[i / COUNT_OF(edges)];
			bytes[3] = edges[i % COUNT_OF(edges)];
			third = (bytes[2] & 0xc0) == 0x80;
			fourth = (bytes[3] & 0xc0) == 0x80;
			assert_int_equal(utf8_valid(bytes, 2), valid_pairs[pair] == 2);
			assert_int_equal(
				utf8_valid(bytes, 3), (valid_pairs[pair] == 2 && bytes[2] < 0x80) ||
							      (valid_pairs[pair] == 3 && third));
			ends_well = (bytes[2] < 0x80 && bytes[3] < 0x80) ||
				    valid_pairs[bytes[2] << 8 | bytes[3]] == 2;
			expected = (valid_pairs[pair] == 2 && ends_well) ||
				   (valid_pairs[pair] == 3 && third && bytes[3] < 0x80) ||
				   (valid_pairs[pair] == 4 && third && fourth);
			assert_int_equal(utf8_valid(bytes, 4), expected);
		}
	}
}

static void a_character_is_found_at_every_offset_of_a_long_text(void **state)
{
	(void)state;
	for (size_t at = 0; at < 32; at++) {
		uint8_t bytes[32];

		memset(bytes, 'a', sizeof bytes);
		bytes[at] = 0xff;
		assert_false(utf8_valid(bytes, sizeof bytes));
		if (at + 3 <= sizeof bytes) {
			memcpy(bytes + at, "\xe2\x82\xac", 3);
			assert_true(utf8_valid(bytes, sizeof bytes));
			assert_false(utf8_valid(bytes, at + 2));
		}
	}
}

static void empty_text_is_valid(void **state)
{
	(void)state;
	assert_true(utf8_valid(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_scalar_value_is_valid_whole_and_invalid_cut),
		cmocka_unit_test(nothing_else_is_valid),
		cmocka_unit_test(a_character_is_found_at_every_offset_of_a_long_text),
		cmocka_unit_test(empty_text_is_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
