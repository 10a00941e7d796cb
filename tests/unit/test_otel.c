#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "services/otel/otel.h"
#include "services/otel/reply.h"

/* --- the collector's answer --- */

static struct reply reply;

/* In pieces of that many bytes. */
static enum reply_state take(const char *text, size_t piece)
{
	size_t count = strlen(text);

	reply_init(&reply);
	for (size_t at = 0; at < count; at += piece) {
		size_t left = count - at;

		reply_take(&reply,
			(struct slice){ (const uint8_t *)text + at, left < piece ? left : piece });
	}
	return reply.state;
}

static void an_answer_is_read_however_it_is_cut(void **state)
{
	static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nServer: x\r\n"
				   "retry-after: 7\r\nContent-Length: 4\r\n\r\nbody";

	(void)state;
	for (size_t piece = 1; piece < sizeof text; piece++) {
		assert_int_equal(take(text, piece), REPLY_DONE);
		assert_int_equal(reply.status, 503);
		assert_int_equal(reply.retry_after_s, 7);
	}
}

static void its_end_is_that_of_its_length_or_of_the_connection(void **state)
{
	(void)state;
	assert_int_equal(take("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody", 1), REPLY_BODY);
	reply_end(&reply);
	assert_int_equal(reply.state, REPLY_DONE);
	assert_int_equal(take("HTTP/1.1 200 OK\r\n\r\nbody", 1), REPLY_BODY);
	assert_int_equal(take("HTTP/1.0 204\r\n\r\n", 1), REPLY_DONE);
	assert_int_equal(take("HTTP/1.1 200 OK\nContent-Length: 0\n\n", 1), REPLY_DONE);
	assert_int_equal(
		take("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Ok\r\ncontent-length:0\r\n\r\n", 1),
		REPLY_DONE);
	assert_int_equal(reply.status, 202);
	assert_int_equal(take("HTTP/1.1 200 OK\r\nCont", 1), REPLY_HEAD);
	reply_end(&reply);
	assert_int_equal(reply.state, REPLY_BAD);
}

static void what_is_no_answer_is_bad(void **state)
{
	static const char *const bad[] = { "\r\n\r\n", "HTTP/2 200 OK\r\n\r\n",
		"HTTP/1.1 99\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n",
		"HTTP/1.1  200\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "SSH-2.0-OpenSSH_9\r\n\r\n",
		"HTTP/1.1 20\r\n\r\n" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (take(bad[i], 3) != REPLY_BAD) {
			fail_msg("%s", bad[i]);
		}
	}
}

static void a_head_and_a_body_without_end_have_one(void **state)
{
	static uint8_t many[REPLY_BODY_BYTES_MAX];

	(void)state;
	memset(many, 'x', sizeof many);
	reply_init(&reply);
	reply_take(&reply, (struct slice){ many, REPLY_HEAD_BYTES_MAX });
	assert_int_equal(reply.state, REPLY_HEAD);
	reply_take(&reply, (struct slice){ many, 1 });
	assert_int_equal(reply.state, REPLY_BAD);
	assert_int_equal(take("HTTP/1.1 200 OK\r\n\r\n", 1), REPLY_BODY);
	reply_take(&reply, (struct slice){ many, sizeof many });
	assert_int_equal(reply.state, REPLY_DONE);
}

static void a_wait_that_is_no_number_of_seconds_is_none(void **state)
{
	(void)state;
	(void)take("HTTP/1.1 429 No\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n\r\n", 9);
	assert_int_equal(reply.retry_after_s, 0);
	(void)take("HTTP/1.1 429 No\r\nRetry-After: -1\r\n\r\n", 9);
	assert_int_equal(reply.retry_after_s, 0);
	(void)take("HTTP/1.1 429 No\r\nRetry-After: 99999999999999999999\r\n\r\n", 9);
	assert_int_equal(reply.retry_after_s, 0);
	(void)take("HTTP/1.1 429 No\r\nRetry-After: 86400\r\n\r\n", 9);
	assert_int_equal(reply.retry_after_s, REPLY_RETRY_AFTER_S_MAX);
}

/* --- fields from a file --- */

static bool read_headers(const char *text, size_t count, char *ret_headers)
{
	const char *why = "";
	int pair[2];
	bool good;

	assert_int_equal(pipe(pair), 0);
	assert_int_equal(write(pair[1], text, count), (ssize_t)count);
	(void)close(pair[1]);
	good = headers_read(pair[0], ret_headers, &why);
	assert_true(good || why[0] != '\0');
	(void)close(pair[0]);
	return good;
}

static void lines_become_fields(void **state)
{
	static const char text[] = "# a key\n\nX-Key: a b\r\napi_key:c";
	char headers[OTEL_HEADERS_BYTES_MAX + 1];

	(void)state;
	assert_true(read_headers(text, sizeof text - 1, headers));
	assert_string_equal(headers, "X-Key: a b\r\napi_key:c\r\n");
	assert_true(read_headers("", 0, headers));
	assert_string_equal(headers, "");
}

static void what_would_change_the_request_is_refused(void **state)
{
	static const char *const bad[] = { "no colon", ": x", "a b: c", "Host: x",
		"content-length: 1", "Content-Type: text/plain", "Transfer-Encoding: chunked",
		"Connection: keep-alive", "X: a\rb", "X: \x01", "X: \x7f", "Expect: 100-continue" };
	static char many[OTEL_HEADERS_BYTES_MAX + 1];
	char headers[OTEL_HEADERS_BYTES_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (read_headers(bad[i], strlen(bad[i]), headers)) {
			fail_msg("%s", bad[i]);
		}
	}
	assert_false(read_headers("X: a\0b", 6, headers));
	memset(many, 'a', sizeof many);
	many[1] = ':';
	assert_false(read_headers(many, sizeof many, headers));
	assert_false(read_headers(many, OTEL_HEADERS_BYTES_MAX, headers)); /* CRLF has no room */
	assert_true(read_headers(many, OTEL_HEADERS_BYTES_MAX - 2, headers));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_read_however_it_is_cut),
		cmocka_unit_test(its_end_is_that_of_its_length_or_of_the_connection),
		cmocka_unit_test(what_is_no_answer_is_bad),
		cmocka_unit_test(a_head_and_a_body_without_end_have_one),
		cmocka_unit_test(a_wait_that_is_no_number_of_seconds_is_none),
		cmocka_unit_test(lines_become_fields),
		cmocka_unit_test(what_would_change_the_request_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
