#include "core/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_byte_has_its_two_digits_and_comes_back(void **state)
{
	char text[HEX_TEXT_BYTES(256) + 1];
	uint8_t bytes[256], back[256];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] = (uint8_t)i;
	}
	hex_encode(bytes, sizeof bytes, text);
	assert_int_equal(strlen(text), HEX_TEXT_BYTES(256));
	assert_memory_equal(text, "000102", 6);
	assert_memory_equal(text + HEX_TEXT_BYTES(0xa9), "a9aaabacadaeafb0", 16);
	assert_memory_equal(text + HEX_TEXT_BYTES(0xfe), "feff", 4);
	assert_int_equal(hex_decode(text, strlen(text), back, sizeof back), ERR_OK);
	assert_memory_equal(back, bytes, sizeof bytes);
}

static void only_the_exact_length_is_read(void **state)
{
	uint8_t bytes[2];

	(void)state;
	for (size_t count = 0; count <= 8; count++) {
		enum err err = hex_decode("00112233", count, bytes, sizeof bytes);

		assert_int_equal(err, count == 4 ? ERR_OK : ERR_MALFORMED);
	}
	assert_int_equal(hex_decode("", 0, bytes, 0), ERR_OK);
}

static void only_the_sixteen_lower_case_digits_are_read(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		char first[2] = { (char)c, '0' }, second[2] = { '0', (char)c };
		bool good = c != 0 && strchr("0123456789abcdef", c) != NULL;
		uint8_t byte = 0x77;

		assert_int_equal(hex_decode(first, 2, &byte, 1), good ? ERR_OK : ERR_MALFORMED);
		assert_true(good || byte == 0x77);
		byte = 0x77;
		assert_int_equal(hex_decode(second, 2, &byte, 1), good ? ERR_OK : ERR_MALFORMED);
		assert_true(good || byte == 0x77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_has_its_two_digits_and_comes_back),
		cmocka_unit_test(only_the_exact_length_is_read),
		cmocka_unit_test(only_the_sixteen_lower_case_digits_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
