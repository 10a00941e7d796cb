#include "core/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct slice text_slice(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

/* Goal: a client's mistake never reads as a failure of ours (DESIGN.md section 9). */
static void each_refusal_is_the_clients_or_names_what_we_do_not_speak(void **state)
{
	(void)state;
	for (unsigned i = HTTP_MORE + 1; i < HTTP_DECISION_COUNT; i++) {
		const struct http_answer *answer = http_answer((enum http_decision)i);

		assert_true((answer->status >= 400 && answer->status < 500) ||
			    answer->status == 501 || answer->status == 505);
		assert_true(strlen(answer->text) > 0);
	}
	assert_int_equal(http_answer(HTTP_OK)->status, 0);
	assert_int_equal(http_answer(HTTP_MORE)->status, 0);
}

static void each_decision_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HTTP_DECISION_COUNT; i++) {
		const char *name = http_answer((enum http_decision)i)->name;

		for (unsigned other = 0; other < i; other++) {
			assert_string_not_equal(name, http_answer((enum http_decision)other)->name);
		}
	}
}

static void each_method_is_read_back_from_its_name_and_from_no_other(void **state)
{
	(void)state;
	for (unsigned i = HTTP_METHOD_UNKNOWN + 1; i < HTTP_METHOD_COUNT; i++) {
		const char *name = http_method_name((enum http_method)i);
		struct slice cut = { (const uint8_t *)name, strlen(name) - 1 };

		assert_int_equal(http_method_parse(text_slice(name)), i);
		assert_int_equal(http_method_parse(cut), HTTP_METHOD_UNKNOWN);
	}
	assert_int_equal(http_method_parse(text_slice("get")), HTTP_METHOD_UNKNOWN);
	assert_int_equal(http_method_parse(text_slice("GETS")), HTTP_METHOD_UNKNOWN);
	assert_int_equal(http_method_parse(text_slice("UNKNOWN")), HTTP_METHOD_UNKNOWN);
}

static void only_reading_methods_are_safe(void **state)
{
	(void)state;
	assert_true(http_method_is_safe(HTTP_METHOD_GET));
	assert_true(http_method_is_safe(HTTP_METHOD_HEAD));
	assert_true(http_method_is_safe(HTTP_METHOD_OPTIONS));
	assert_true(http_method_is_safe(HTTP_METHOD_TRACE));
	assert_false(http_method_is_safe(HTTP_METHOD_POST));
	assert_false(http_method_is_safe(HTTP_METHOD_PUT));
	assert_false(http_method_is_safe(HTTP_METHOD_DELETE));
	assert_false(http_method_is_safe(HTTP_METHOD_PATCH));
	assert_false(http_method_is_safe(HTTP_METHOD_CONNECT));
	assert_false(http_method_is_safe(HTTP_METHOD_UNKNOWN));
}

static void a_token_byte_is_what_rfc_9110_lists(void **state)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	(void)state;
	for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
		bool listed = memchr(token, (int)byte, sizeof token - 1) != NULL;

		assert_int_equal(http_is_token_byte((uint8_t)byte), listed);
	}
}

static void case_is_ignored_in_letters_only(void **state)
{
	(void)state;
	assert_true(http_equals_nocase(text_slice("Content-LENGTH"), "content-length"));
	assert_false(http_equals_nocase(text_slice("content-lengt"), "content-length"));
	assert_false(http_equals_nocase(text_slice("content-length "), "content-length"));
	assert_false(http_equals_nocase(text_slice("@[`{"), "`{@["));
	assert_true(http_equals_nocase(text_slice(""), ""));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_refusal_is_the_clients_or_names_what_we_do_not_speak),
		cmocka_unit_test(each_decision_has_a_name_of_its_own),
		cmocka_unit_test(each_method_is_read_back_from_its_name_and_from_no_other),
		cmocka_unit_test(only_reading_methods_are_safe),
		cmocka_unit_test(a_token_byte_is_what_rfc_9110_lists),
		cmocka_unit_test(case_is_ignored_in_letters_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
