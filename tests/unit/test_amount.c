#include "core/amount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MAX_TEXT "340282366920938463463374607431768211455"

static enum amount_error parse(const char *text, u128 *ret_amount)
{
	return amount_parse(text, strlen(text), ret_amount);
}

static void amounts_survive_print_and_parse(void **state)
{
	char text[AMOUNT_TEXT_BYTES_MAX];
	u128 power = 1;

	(void)state;
	/* Every power of ten and of two and its neighbours: all lengths, all chunk edges. */
	for (unsigned i = 0; i < 2 * 128; i++) {
		u128 base = i < 128 ? (u128)1 << i : power;

		for (unsigned step = 0; step <= 2; step++) {
			u128 amount = base + (u128)step - 1, got = 0;
			size_t digit_count = amount_print(amount, text);

			assert_int_equal(digit_count, strlen(text));
			assert_int_equal(parse(text, &got), AMOUNT_OK);
			assert_true(got == amount);
		}
		if (i >= 128 && power <= U128_MAX / 10) {
			power *= 10;
		}
	}
}

static void printed_digits_are_the_expected_ones(void **state)
{
	char text[AMOUNT_TEXT_BYTES_MAX];

	(void)state;
	assert_int_equal(amount_print(0, text), 1);
	assert_string_equal(text, "0");
	(void)amount_print(UINT64_C(10000000000000000000), text);
	assert_string_equal(text, "10000000000000000000");
	(void)amount_print((u128)UINT64_MAX + 1, text);
	assert_string_equal(text, "18446744073709551616");
	assert_int_equal(amount_print(U128_MAX, text), AMOUNT_DIGITS_MAX);
	assert_string_equal(text, MAX_TEXT);
}

static void each_wrong_text_has_its_error_and_leaves_the_result_alone(void **state)
{
	static const struct {
		const char *text;
		enum amount_error error;
	} rows[] = {
		{ "", AMOUNT_EMPTY },
		{ "-1", AMOUNT_NOT_A_DIGIT },
		{ "+1", AMOUNT_NOT_A_DIGIT },
		{ " 1", AMOUNT_NOT_A_DIGIT },
		{ "1 ", AMOUNT_NOT_A_DIGIT },
		{ "1.0", AMOUNT_NOT_A_DIGIT },
		{ "1e3", AMOUNT_NOT_A_DIGIT },
		{ "1_000", AMOUNT_NOT_A_DIGIT },
		{ "0x10", AMOUNT_NOT_A_DIGIT },
		{ "/", AMOUNT_NOT_A_DIGIT },
		{ ":", AMOUNT_NOT_A_DIGIT },
		{ "00", AMOUNT_LEADING_ZERO },
		{ "01", AMOUNT_LEADING_ZERO },
		{ "0" MAX_TEXT, AMOUNT_LEADING_ZERO },
		{ "340282366920938463463374607431768211456", AMOUNT_TOO_LARGE },
		{ "340282366920938463463374607431768211460", AMOUNT_TOO_LARGE },
		{ "999999999999999999999999999999999999999", AMOUNT_TOO_LARGE },
		{ "1000000000000000000000000000000000000000", AMOUNT_TOO_LARGE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		u128 got = 77;

		assert_int_equal(parse(rows[i].text, &got), rows[i].error);
		assert_true(got == 77);
	}
}

static void five_thousand_digits_are_too_large_and_nothing_worse(void **state)
{
	char text[5000];
	u128 got = 77;

	(void)state;
	memset(text, '9', sizeof text);
	for (size_t count = AMOUNT_DIGITS_MAX; count <= sizeof text; count++) {
		assert_int_equal(amount_parse(text, count, &got), AMOUNT_TOO_LARGE);
	}
	text[sizeof text - 1] = 'x';
	assert_int_equal(amount_parse(text, sizeof text, &got), AMOUNT_NOT_A_DIGIT);
	assert_true(got == 77);
}

static void parse_reads_no_further_than_the_text(void **state)
{
	u128 got = 0;

	(void)state;
	assert_int_equal(amount_parse("129", 2, &got), AMOUNT_OK);
	assert_true(got == 12);
}

static void sums_and_differences_stop_at_the_edges(void **state)
{
	u128 got = 77;

	(void)state;
	assert_false(amount_add(U128_MAX, 1, &got));
	assert_false(amount_add(1, U128_MAX, &got));
	assert_false(amount_add(U128_MAX, U128_MAX, &got));
	assert_false(amount_sub(0, 1, &got));
	assert_false(amount_sub(U128_MAX - 1, U128_MAX, &got));
	assert_true(got == 77);
	assert_true(amount_add(U128_MAX - 1, 1, &got));
	assert_true(got == U128_MAX);
	assert_true(amount_sub(U128_MAX, U128_MAX, &got));
	assert_true(got == 0);
	assert_true(amount_sub(UINT64_MAX, 1, &got));
	assert_true(got == UINT64_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amounts_survive_print_and_parse),
		cmocka_unit_test(printed_digits_are_the_expected_ones),
		cmocka_unit_test(each_wrong_text_has_its_error_and_leaves_the_result_alone),
		cmocka_unit_test(five_thousand_digits_are_too_large_and_nothing_worse),
		cmocka_unit_test(parse_reads_no_further_than_the_text),
		cmocka_unit_test(sums_and_differences_stop_at_the_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
