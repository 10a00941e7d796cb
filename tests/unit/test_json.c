#include "core/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOLD_BYTES_MAX 4096u

/* All events of a text as one line, and the fault: cut into pieces of so many bytes. */
static void tell(const char *text, size_t bytes_count, size_t piece, char told[TOLD_BYTES_MAX])
{
	static struct json in;
	size_t at = 0, used = 0;
	bool is_fed = false;

	json_init(&in);
	while (true) {
		static const char letters[] = "?.$({[]nsdtf0";
		struct slice view = { (const uint8_t *)"", 0 };
		enum json_event event = is_fed ? json_next(&in, &view) : JSON_MORE;

		if (event == JSON_MORE) {
			size_t count = bytes_count - at < piece ? bytes_count - at : piece;
			/* of exactly its size, so that a sanitizer sees one byte past it */
			uint8_t *bytes = malloc(count + 1);

			assert_non_null(bytes);
			memcpy(bytes, text + at, count);
			json_feed(&in, (struct slice){ bytes, count }, at + count == bytes_count);
			at += count;
			is_fed = true;
			while ((event = json_next(&in, &view)) != JSON_MORE && event != JSON_END &&
				event != JSON_FAULT) {
				used += (size_t)snprintf(told + used, TOLD_BYTES_MAX - used,
					"%c%.*s ", letters[event], (int)view.bytes_count,
					(const char *)view.bytes);
				view.bytes_count = 0;
			}
			free(bytes);
		}
		if (event == JSON_END) {
			(void)snprintf(told + used, TOLD_BYTES_MAX - used, "end");
			return;
		}
		if (event == JSON_FAULT) {
			(void)snprintf(told + used, TOLD_BYTES_MAX - used, "fault at %llu: %s",
				(unsigned long long)in.fault.at, in.fault.expected);
			return;
		}
	}
}

/* However it is cut. */
static void assert_told(const char *text, size_t bytes_count, const char *expected)
{
	char told[TOLD_BYTES_MAX];

	for (size_t piece = 1; piece <= bytes_count + 1; piece++) {
		tell(text, bytes_count, piece, told);
		assert_string_equal(told, expected);
	}
}

static void a_document_is_told_event_by_event(void **state)
{
	static const char text[] = " {\"a\" : [1, -0.5e+3 ,\"x\"],\n\t\"b\":{\"c\":true,\"d\":"
				   "false,\"e\":null,\"\":[]} ,\"f\":{}} \r\n";

	(void)state;
	assert_told(text, strlen(text),
		"( na [ d1 d-0.5e+3 sx ] nb ( nc t nd f ne 0 n [ ] { nf ( { { end");
}

static void escapes_are_undone(void **state)
{
	static const char text[] = "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u0041\\u00e9\\u20ac"
				   "\\ud83d\\uDE00z\",\"\xc3\xa9\"]";

	(void)state;
	assert_told(text, strlen(text),
		"[ s\"\\/\b\f\n\r\t sA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z s\xc3\xa9 ] end");
}

struct refusal {
	const char *text;
	const char *told;
};

static const struct refusal refusals[] = {
	{ "", "fault at 0: a value" },
	{ "  ", "fault at 2: a value" },
	{ "{", "( fault at 1: a member's name or }" },
	{ "{\"a\"", "( na fault at 4: a colon" },
	{ "{\"a\":", "( na fault at 5: a value" },
	{ "{\"a\":1", "( na d1 fault at 6: a comma or the end of the list" },
	{ "{\"a\":1,}", "( na d1 fault at 7: a member's name" },
	{ "{\"a\" 1}", "( na fault at 5: a colon" },
	{ "{a:1}", "( fault at 1: a member's name or }" },
	{ "{1:1}", "( fault at 1: a member's name or }" },
	{ "[1,]", "[ d1 fault at 3: a value" },
	{ "[1 2]", "[ d1 fault at 3: a comma or the end of the list" },
	{ "[1}", "[ d1 fault at 2: a comma or the end of the list" },
	{ "{\"a\":1]", "( na d1 fault at 6: a comma or the end of the list" },
	{ "]", "fault at 0: a value" },
	{ "1 1", "d1 fault at 2: nothing behind the value" },
	{ "{}x", "( { fault at 2: nothing behind the value" },
	{ "01", "fault at 0: a number of JSON" },
	{ "-", "fault at 0: a number of JSON" },
	{ "1.", "fault at 0: a number of JSON" },
	{ "1.e1", "fault at 0: a number of JSON" },
	{ "1e", "fault at 0: a number of JSON" },
	{ "1e+", "fault at 0: a number of JSON" },
	{ "+1", "fault at 0: a value" },
	{ ".5", "fault at 0: a value" },
	{ "1-1", "fault at 0: a number of JSON" },
	{ "tru", "fault at 0: a value" },
	{ "truex", "fault at 0: a value" },
	{ "NaN", "fault at 0: a value" },
	{ "\"a", "fault at 2: the end of the string" },
	{ "\"a\\", "fault at 3: the end of the string" },
	{ "\"a\nb\"", "fault at 2: no control character in a string" },
	{ "\"a\\\nb\"", "fault at 3: no control character in a string" },
	{ "\"a\\x\"", "fault at 2: an escape of JSON" },
	{ "\"\\u12g4\"", "fault at 1: an escape of JSON" },
	{ "\"\\u12\"", "fault at 1: an escape of JSON" },
	{ "\"x\\ud83d\"", "fault at 2: an escape of JSON" },
	{ "\"\\ud83d\\u0041\"", "fault at 1: an escape of JSON" },
	{ "\"\\udc00\"", "fault at 1: an escape of JSON" },
	{ "\"\xff\"", "fault at 0: a string in UTF-8" },
	{ "\"\xc3\"", "fault at 0: a string in UTF-8" },
	{ "\"\xc0\xaf\"", "fault at 0: a string in UTF-8" },
	{ "\"\xed\xa0\x80\"", "fault at 0: a string in UTF-8" },
	{ "\xef\xbb\xbf{}", "fault at 0: a value" },
	{ "/**/1", "fault at 0: a value" },
	{ "'a'", "fault at 0: a value" },
};

static void what_is_no_json_is_refused_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refusals); i++) {
		assert_told(refusals[i].text, strlen(refusals[i].text), refusals[i].told);
	}
	assert_told("\"a\0b\"", 5, "fault at 2: no control character in a string");
	assert_told("\0", 1, "fault at 0: a value");
}

static void nesting_has_a_bound(void **state)
{
	char text[2 * (JSON_DEPTH_MAX + 1) + 1] = { 0 };
	char told[TOLD_BYTES_MAX];

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	tell(text, 2 * (size_t)JSON_DEPTH_MAX, 7, told);
	assert_non_null(strstr(told, "end"));
	memset(text, '[', JSON_DEPTH_MAX + 1);
	tell(text, 2 * (size_t)JSON_DEPTH_MAX, 7, told);
	assert_non_null(strstr(told, "fault at 16: at most 16 levels"));
}

/* A string or number of so many bytes as written, cut into pieces. */
static void assert_token(char with, size_t bytes_count, const char *part)
{
	static char text[JSON_TOKEN_BYTES_MAX + 8];
	static const size_t pieces[] = { 1, 3, 512, 1023, 1024, 1025, 1026, 4096 };
	size_t quote = with == 'x' ? 1 : 0;

	memset(text, with, sizeof text);
	text[0] = quote ? '"' : '1';
	text[bytes_count + quote] = quote ? '"' : ' ';
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		char told[TOLD_BYTES_MAX];

		tell(text, bytes_count + 2 * quote, pieces[i], told);
		assert_non_null(strstr(told, part));
	}
}

static void strings_and_numbers_have_a_bound(void **state)
{
	(void)state;
	assert_token('x', JSON_TOKEN_BYTES_MAX, "end");
	assert_token('x', JSON_TOKEN_BYTES_MAX + 1, "fault at 0: a string of at most 1024 bytes");
	assert_token('1', JSON_TOKEN_BYTES_MAX, "end");
	assert_token('1', JSON_TOKEN_BYTES_MAX + 1, "fault at 0: a value of at most 1024 bytes");
}

static void members_are_held_to_a_closed_list(void **state)
{
	static const char *const names[] = { "a", "b", "c" };
	static const char text[] = "{\"b\":1,\"a\":2,\"b\":3}";
	static const uint32_t places[] = { 1, 0, JSON_NO_MEMBER };
	struct json in;
	struct slice view = { 0 };
	uint32_t seen = 0;

	(void)state;
	json_init(&in);
	json_feed(&in, (struct slice){ (const uint8_t *)text, strlen(text) }, true);
	assert_int_equal(json_next(&in, &view), JSON_OBJECT);
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		assert_int_equal(json_next(&in, &view), JSON_NAME);
		assert_int_equal(json_member(&in, view, names, 3, &seen), places[i]);
		if (i < 2) {
			assert_int_equal(json_next(&in, &view), JSON_NUMBER);
		}
	}
	assert_int_equal(in.fault.at, 13);
	assert_string_equal(in.fault.expected, "once only the member");
	assert_string_equal(in.fault.name, "b");
	assert_int_equal(json_next(&in, &view), JSON_FAULT);
	assert_false(json_fail(&in, "something later", NULL));
	assert_string_equal(in.fault.name, "b"); /* the first fault stands */
}

static void a_member_that_is_missing_or_not_known_is_a_fault(void **state)
{
	static const char *const names[] = { "a", "b" };
	struct json in;
	struct slice view = { 0 };
	uint32_t seen = 0;

	(void)state;
	json_init(&in);
	json_feed(&in, (struct slice){ (const uint8_t *)"{\"a\":1}", 7 }, true);
	for (int i = 0; i < 3; i++) {
		if (json_next(&in, &view) == JSON_NAME) {
			assert_int_equal(json_member(&in, view, names, 2, &seen), 0);
		}
	}
	assert_int_equal(json_next(&in, &view), JSON_OBJECT_END);
	assert_true(json_members_whole(&in, names, seen, 1));
	assert_false(json_members_whole(&in, names, seen, 3));
	assert_string_equal(in.fault.name, "b");
	assert_int_equal(in.fault.at, 6);

	json_init(&in);
	json_feed(&in, (struct slice){ (const uint8_t *)"{\"ab\":1}", 8 }, true);
	assert_int_equal(json_next(&in, &view), JSON_OBJECT);
	assert_int_equal(json_next(&in, &view), JSON_NAME);
	seen = 0;
	assert_int_equal(json_member(&in, view, names, 2, &seen), JSON_NO_MEMBER);
	assert_int_equal(in.fault.at, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_is_told_event_by_event),
		cmocka_unit_test(escapes_are_undone),
		cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
		cmocka_unit_test(nesting_has_a_bound),
		cmocka_unit_test(strings_and_numbers_have_a_bound),
		cmocka_unit_test(members_are_held_to_a_closed_list),
		cmocka_unit_test(a_member_that_is_missing_or_not_known_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
