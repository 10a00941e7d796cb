#include "cli/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct csv csv;

static void start(const char *text)
{
	csv_init(&csv, (struct slice){ (const uint8_t *)text, strlen(text) });
}

static void assert_field(size_t index, const char *text)
{
	assert_true(index < csv.field_count);
	assert_int_equal(csv.fields[index].bytes_count, strlen(text));
	assert_memory_equal(csv.fields[index].bytes, text, strlen(text));
}

static void fields_are_split_and_nothing_is_trimmed(void **state)
{
	(void)state;
	start("a, b ,\r\n1,2,3\n");
	assert_int_equal(csv_next(&csv), CSV_RECORD);
	assert_int_equal(csv.field_count, 3);
	assert_field(0, "a");
	assert_field(1, " b ");
	assert_field(2, "");
	assert_int_equal(csv_next(&csv), CSV_RECORD);
	assert_field(2, "3");
	assert_int_equal(csv.line, 2);
	assert_int_equal(csv_next(&csv), CSV_END);
	assert_int_equal(csv_next(&csv), CSV_END);
}

static void quoted_fields_hold_commas_line_ends_and_quotes(void **state)
{
	(void)state;
	start("\"a,\"\"b\"\"\r\nc\",\"\"\n\"x\",y");
	assert_int_equal(csv_next(&csv), CSV_RECORD);
	assert_field(0, "a,\"b\"\r\nc");
	assert_field(1, "");
	assert_int_equal(csv_next(&csv), CSV_RECORD);
	assert_int_equal(csv.line, 3); /* the first record was two lines long */
	assert_field(0, "x");
	assert_field(1, "y");
	assert_int_equal(csv_next(&csv), CSV_END);
}

static void the_last_line_end_may_be_missing(void **state)
{
	static const char *const texts[] = { "a,b\n1,2", "a,b\r\n1,2\r\n", "a,b\n1,2\n" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		start(texts[i]);
		assert_int_equal(csv_next(&csv), CSV_RECORD);
		assert_int_equal(csv_next(&csv), CSV_RECORD);
		assert_field(1, "2");
		assert_int_equal(csv_next(&csv), CSV_END);
	}
}

static void a_byte_order_mark_is_skipped_at_the_beginning_only(void **state)
{
	(void)state;
	start("\xEF\xBB\xBFid\n\xEF\xBB\xBF"
	      "7\n");
	assert_int_equal(csv_next(&csv), CSV_RECORD);
	assert_field(0, "id");
	assert_int_equal(csv_next(&csv), CSV_RECORD);
	assert_field(0, "\xEF\xBB\xBF"
			"7");
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
	static const struct {
		const char *text;
		uint64_t line;
		const char *fault;
	} rows[] = {
		{ "a,b\n1\n", 2, "fewer fields" },
		{ "a,b\n1,2\n1,2,3\n", 3, "more fields" },
		{ "a\n\nb\n", 2, "an empty line" },
		{ "\na\n", 1, "an empty line" },
		{ "a\n\r\n", 2, "an empty line" },
		{ "a\nx\"y\n", 2, "a quote inside" },
		{ "a\n\"x\"y\n", 2, "text behind the closing quote" },
		{ "a\n\"x\" \n", 2, "text behind the closing quote" },
		{ "a\n\"x\ny\n", 4, "ends inside a quoted field" },
		{ "a\nx\ry\n", 2, "a CR without its LF" },
		{ "a\n\xC0\xAF\n", 2, "not UTF-8" },
		{ "a\n\"\xFF\"\n", 2, "not UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum csv_result result;

		start(rows[i].text);
		do {
			result = csv_next(&csv);
		} while (result == CSV_RECORD);
		assert_int_equal(result, CSV_BAD);
		assert_int_equal(csv.line_bad, rows[i].line);
		assert_non_null(strstr(csv.fault, rows[i].fault));
		assert_int_equal(csv_next(&csv), CSV_BAD);
	}
}

static void a_nul_is_refused_inside_and_outside_of_quotes(void **state)
{
	static const uint8_t texts[][5] = { { 'a', '\n', 'x', 0, '\n' },
		{ '"', 0, '"', '\n', 'a' } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		enum csv_result result;

		csv_init(&csv, (struct slice){ texts[i], 5 });
		do {
			result = csv_next(&csv);
		} while (result == CSV_RECORD);
		assert_int_equal(result, CSV_BAD);
		assert_string_equal(csv.fault, "a NUL");
	}
}

static void a_record_holds_its_bound_and_not_one_byte_more(void **state)
{
	static char text[CSV_RECORD_BYTES_MAX + 2];

	(void)state;
	for (size_t over = 0; over <= 1; over++) {
		memset(text, 'x', sizeof text);
		text[CSV_RECORD_BYTES_MAX + over] = '\n';
		csv_init(&csv, (struct slice){ (uint8_t *)text, CSV_RECORD_BYTES_MAX + over + 1 });
		assert_int_equal(csv_next(&csv), over == 0 ? CSV_RECORD : CSV_BAD);
	}
}

static void a_record_has_at_most_256_fields(void **state)
{
	char text[2 * CSV_FIELDS_MAX + 2];

	(void)state;
	for (size_t count = CSV_FIELDS_MAX; count <= CSV_FIELDS_MAX + 1; count++) {
		memset(text, ',', sizeof text);
		csv_init(&csv, (struct slice){ (uint8_t *)text, count - 1 });
		assert_int_equal(csv_next(&csv), count <= CSV_FIELDS_MAX ? CSV_RECORD : CSV_BAD);
	}
}

static void an_empty_file_has_no_record(void **state)
{
	(void)state;
	start("");
	assert_int_equal(csv_next(&csv), CSV_END);
	start("\xEF\xBB\xBF");
	assert_int_equal(csv_next(&csv), CSV_END);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_split_and_nothing_is_trimmed),
		cmocka_unit_test(quoted_fields_hold_commas_line_ends_and_quotes),
		cmocka_unit_test(the_last_line_end_may_be_missing),
		cmocka_unit_test(a_byte_order_mark_is_skipped_at_the_beginning_only),
		cmocka_unit_test(what_is_wrong_is_named_with_its_line),
		cmocka_unit_test(a_nul_is_refused_inside_and_outside_of_quotes),
		cmocka_unit_test(a_record_holds_its_bound_and_not_one_byte_more),
		cmocka_unit_test(a_record_has_at_most_256_fields),
		cmocka_unit_test(an_empty_file_has_no_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
