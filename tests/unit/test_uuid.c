#include "core/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT "00112233-4455-6677-8899-aabbccddeeff"

static void text_and_bytes_are_in_the_same_order(void **state)
{
	char text[UUID_TEXT_BYTES + 1];
	struct id128 id;

	(void)state;
	assert_int_equal(uuid_parse(TEXT, strlen(TEXT), &id), ERR_OK);
	for (size_t i = 0; i < ID_BYTES; i++) {
		assert_int_equal(id.bytes[i], 0x11 * i);
	}
	uuid_print(&id, text);
	assert_string_equal(text, TEXT);
}

static void both_cases_are_read_and_lower_case_is_written(void **state)
{
	static const char mixed[] = "00112233-4455-6677-8899-AaBbCcDdEeFf";
	char text[UUID_TEXT_BYTES + 1];
	struct id128 id;

	(void)state;
	assert_int_equal(uuid_parse(mixed, strlen(mixed), &id), ERR_OK);
	uuid_print(&id, text);
	assert_string_equal(text, TEXT);
}

static void any_other_character_anywhere_is_refused(void **state)
{
	static const char wrong[] = "gG/:@`-_{ ";

	(void)state;
	for (size_t i = 0; i < UUID_TEXT_BYTES; i++) {
		for (size_t j = 0; j < sizeof wrong; j++) { /* with its NUL */
			char text[] = TEXT;
			struct id128 id = { { 0x77 } };

			if (text[i] == wrong[j]) {
				continue;
			}
			text[i] = wrong[j];
			assert_int_equal(uuid_parse(text, UUID_TEXT_BYTES, &id), ERR_MALFORMED);
			assert_int_equal(id.bytes[0], 0x77);
		}
	}
}

static void a_digit_in_the_place_of_a_hyphen_is_refused(void **state)
{
	static const size_t hyphens[] = { 8, 13, 18, 23 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(hyphens); i++) {
		char text[] = TEXT;
		struct id128 id;

		text[hyphens[i]] = '0';
		assert_int_equal(uuid_parse(text, UUID_TEXT_BYTES, &id), ERR_MALFORMED);
	}
}

static void every_other_length_is_refused(void **state)
{
	static const char longer[] = TEXT "0";
	struct id128 id;

	(void)state;
	for (size_t count = 0; count <= strlen(longer); count++) {
		assert_int_equal(uuid_parse(longer, count, &id),
			count == UUID_TEXT_BYTES ? ERR_OK : ERR_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_bytes_are_in_the_same_order),
		cmocka_unit_test(both_cases_are_read_and_lower_case_is_written),
		cmocka_unit_test(any_other_character_anywhere_is_refused),
		cmocka_unit_test(a_digit_in_the_place_of_a_hyphen_is_refused),
		cmocka_unit_test(every_other_length_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
