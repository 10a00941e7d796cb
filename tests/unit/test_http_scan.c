#include "core/http_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char head[] = "GET /abcdefgh HTTP/1.1\r\n"
			   "Host: localhost\r\n"
			   "X: y\r\n"
			   "\r\n";
#define HEAD_BYTES   (sizeof head - 1)
#define TARGET_BYTES 9u
#define FIELDS_COUNT 2u

static enum http_decision scan_whole(const struct http_limits *limits, size_t *ret_used)
{
	struct http_scan scan = { .bytes_count = 0 };
	struct slice bytes = { (const uint8_t *)head, HEAD_BYTES };

	return http_scan(&scan, limits, bytes, ret_used);
}

static void a_scan_reports_the_parts_of_the_request_line(void **state)
{
	struct http_scan scan = { .bytes_count = 0 };
	struct slice bytes = { (const uint8_t *)head, HEAD_BYTES };
	size_t used = 0;

	(void)state;
	assert_int_equal(http_scan(&scan, &http_limits_default, bytes, &used), HTTP_OK);
	assert_int_equal(used, HEAD_BYTES);
	assert_int_equal(scan.bytes_count, HEAD_BYTES);
	assert_int_equal(scan.method_bytes, 3);
	assert_int_equal(scan.target_bytes, TARGET_BYTES);
	assert_int_equal(scan.version_bytes, 8);
	assert_int_equal(scan.fields_count, FIELDS_COUNT);
	assert_int_equal(scan.state, HTTP_SCAN_DONE);
}

/* Goal: wherever the stream is cut in two or three, nothing changes. */
static void a_scan_resumes_at_each_pair_of_cuts(void **state)
{
	(void)state;
	for (size_t first = 0; first < HEAD_BYTES; first++) {
		for (size_t second = first; second < HEAD_BYTES; second++) {
			struct http_scan scan = { .bytes_count = 0 };
			const uint8_t *bytes = (const uint8_t *)head;
			struct slice parts[] = {
				{ bytes, first },
				{ bytes + first, second - first },
				{ bytes + second, HEAD_BYTES - second },
			};
			size_t used = 0;

			for (size_t i = 0; i < COUNT_OF(parts); i++) {
				assert_int_equal(
					http_scan(&scan, &http_limits_default, parts[i], &used),
					i < 2 ? HTTP_MORE : HTTP_OK);
				assert_int_equal(used, parts[i].bytes_count);
			}
			assert_int_equal(scan.target_bytes, TARGET_BYTES);
		}
	}
}

static void the_target_may_be_as_long_as_its_limit(void **state)
{
	struct http_limits limits = http_limits_default;
	size_t used;

	(void)state;
	limits.target_bytes_max = TARGET_BYTES;
	assert_int_equal(scan_whole(&limits, &used), HTTP_OK);
	limits.target_bytes_max = TARGET_BYTES - 1;
	assert_int_equal(scan_whole(&limits, &used), HTTP_TARGET_TOO_LONG);
}

static void the_head_may_be_as_long_as_its_limit(void **state)
{
	struct http_limits limits = http_limits_default;
	size_t used;

	(void)state;
	limits.head_bytes_max = HEAD_BYTES;
	assert_int_equal(scan_whole(&limits, &used), HTTP_OK);
	for (uint32_t bytes_max = 0; bytes_max < HEAD_BYTES; bytes_max++) {
		limits.head_bytes_max = bytes_max;
		assert_int_equal(scan_whole(&limits, &used), HTTP_HEAD_TOO_LARGE);
	}
}

static void the_head_may_have_as_many_fields_as_its_limit(void **state)
{
	struct http_limits limits = http_limits_default;
	size_t used;

	(void)state;
	limits.fields_max = FIELDS_COUNT;
	assert_int_equal(scan_whole(&limits, &used), HTTP_OK);
	limits.fields_max = FIELDS_COUNT - 1;
	assert_int_equal(scan_whole(&limits, &used), HTTP_FIELDS_TOO_MANY);
}

/* Goal: the limit holds before the rest has come, so nobody can make us wait for more. */
static void a_limit_is_held_while_bytes_come_in(void **state)
{
	struct http_limits limits = http_limits_default;
	struct http_scan scan = { .bytes_count = 0 };
	struct slice byte = { (const uint8_t *)"a", 1 };
	size_t used;

	(void)state;
	limits.head_bytes_max = 4;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(http_scan(&scan, &limits, byte, &used), HTTP_MORE);
	}
	assert_int_equal(http_scan(&scan, &limits, byte, &used), HTTP_HEAD_TOO_LARGE);
}

static void a_version_is_refused_at_its_ninth_byte(void **state)
{
	static const char line[] = "GET / HTTP/1.1x";
	struct http_scan scan = { .bytes_count = 0 };
	struct slice bytes = { (const uint8_t *)line, sizeof line - 2 };
	size_t used;

	(void)state;
	assert_int_equal(http_scan(&scan, &http_limits_default, bytes, &used), HTTP_MORE);
	bytes = (struct slice){ bytes.bytes + used, 1 };
	assert_int_equal(http_scan(&scan, &http_limits_default, bytes, &used), HTTP_REQUEST_LINE);
}

static void trailers_are_field_lines_without_a_request_line(void **state)
{
	static const char trailers[] = "X: y\r\n\r\n";
	struct http_scan scan;
	size_t used = 0;

	(void)state;
	http_scan_trailers(&scan);
	assert_int_equal(http_scan(&scan, &http_limits_default,
				 (struct slice){ (const uint8_t *)trailers, 8 }, &used),
		HTTP_OK);
	assert_int_equal(used, 8);
	http_scan_trailers(&scan);
	assert_int_equal(http_scan(&scan, &http_limits_default,
				 (struct slice){ (const uint8_t *)"\r\n", 2 }, &used),
		HTTP_OK);
	http_scan_trailers(&scan);
	assert_int_equal(http_scan(&scan, &http_limits_default,
				 (struct slice){ (const uint8_t *)head, HEAD_BYTES }, &used),
		HTTP_SPACE_BEFORE_COLON);
}

/* Goal: no control byte and nothing beyond ASCII passes anywhere in a head. */
static void each_byte_at_each_place_is_text_or_refused(void **state)
{
	(void)state;
	for (size_t at = 0; at < HEAD_BYTES; at++) {
		for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
			struct http_scan scan = { .bytes_count = 0 };
			uint8_t bytes[HEAD_BYTES];
			size_t used;
			enum http_decision decision;

			memcpy(bytes, head, HEAD_BYTES);
			bytes[at] = (uint8_t)byte;
			decision = http_scan(&scan, &http_limits_default,
				(struct slice){ bytes, HEAD_BYTES }, &used);
			if (bytes[at] != (uint8_t)head[at] && !http_is_value_byte((uint8_t)byte)) {
				assert_true(http_answer(decision)->close);
			}
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scan_reports_the_parts_of_the_request_line),
		cmocka_unit_test(a_scan_resumes_at_each_pair_of_cuts),
		cmocka_unit_test(the_target_may_be_as_long_as_its_limit),
		cmocka_unit_test(the_head_may_be_as_long_as_its_limit),
		cmocka_unit_test(the_head_may_have_as_many_fields_as_its_limit),
		cmocka_unit_test(a_limit_is_held_while_bytes_come_in),
		cmocka_unit_test(a_version_is_refused_at_its_ninth_byte),
		cmocka_unit_test(trailers_are_field_lines_without_a_request_line),
		cmocka_unit_test(each_byte_at_each_place_is_text_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
