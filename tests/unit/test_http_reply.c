#include "core/http_reply.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static struct slice text_slice(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static void assert_written(const struct http_reply *reply, const char *expected)
{
	uint8_t bytes[1024];
	size_t bytes_count = 0;

	assert_int_equal(http_reply_write(reply, bytes, sizeof bytes, &bytes_count), ERR_OK);
	assert_int_equal(bytes_count, strlen(expected));
	assert_memory_equal(bytes, expected, bytes_count);
}

static void a_reply_has_date_and_length_and_nothing_that_was_not_asked_for(void **state)
{
	struct http_reply reply = { .status = 200, .date = DATE, .content_length = 0 };

	(void)state;
	assert_written(&reply, "HTTP/1.1 200 OK\r\n"
			       "Date: " DATE "\r\n"
			       "Content-Length: 0\r\n"
			       "\r\n");
}

static void a_reply_says_all_that_it_was_given(void **state)
{
	static const struct http_reply_field fields[] = {
		{ "Idempotency-Replayed", { (const uint8_t *)"true", 4 } },
		{ "X-Empty", { NULL, 0 } },
	};
	struct http_reply reply = {
		.status = 429,
		.date = DATE,
		.content_type = "application/json; charset=utf-8",
		.content_length = UINT64_MAX,
		.close = true,
		.retry_after_s = 1,
		.allow = HTTP_METHOD_BIT(HTTP_METHOD_POST),
		.corr_id = text_slice("01ARZ3NDEKTSV4RRFFQ69G5FAV"),
		.www_authenticate = "Bearer",
		.fields = fields,
		.fields_count = COUNT_OF(fields),
	};

	(void)state;
	assert_written(&reply, "HTTP/1.1 429 Too Many Requests\r\n"
			       "Date: " DATE "\r\n"
			       "Content-Type: application/json; charset=utf-8\r\n"
			       "X-Content-Type-Options: nosniff\r\n"
			       "Content-Length: 18446744073709551615\r\n"
			       "Connection: close\r\n"
			       "Retry-After: 1\r\n"
			       "Allow: POST, OPTIONS\r\n"
			       "X-Corr-ID: 01ARZ3NDEKTSV4RRFFQ69G5FAV\r\n"
			       "X-Request-Id: 01ARZ3NDEKTSV4RRFFQ69G5FAV\r\n"
			       "WWW-Authenticate: Bearer\r\n"
			       "Idempotency-Replayed: true\r\n"
			       "X-Empty: \r\n"
			       "\r\n");
}

static void a_204_has_no_length_and_allow_adds_head_and_options(void **state)
{
	struct http_reply reply = {
		.status = 204,
		.date = DATE,
		.allow = HTTP_METHOD_BIT(HTTP_METHOD_GET),
	};

	(void)state;
	assert_written(&reply, "HTTP/1.1 204 No Content\r\n"
			       "Date: " DATE "\r\n"
			       "Allow: GET, HEAD, OPTIONS\r\n"
			       "\r\n");
}

static void a_stream_closes_instead_of_having_a_length(void **state)
{
	struct http_reply reply = {
		.status = 200,
		.date = DATE,
		.content_type = "text/event-stream",
		.until_close = true,
	};

	(void)state;
	assert_written(&reply, "HTTP/1.1 200 OK\r\n"
			       "Date: " DATE "\r\n"
			       "Content-Type: text/event-stream\r\n"
			       "X-Content-Type-Options: nosniff\r\n"
			       "Connection: close\r\n"
			       "\r\n");
}

static void each_room_that_is_too_small_is_refused(void **state)
{
	struct http_reply reply = { .status = 404, .date = DATE, .content_length = 12 };
	uint8_t bytes[256];
	size_t whole = 0, bytes_count = 4711;

	(void)state;
	assert_int_equal(http_reply_write(&reply, bytes, sizeof bytes, &whole), ERR_OK);
	for (size_t bytes_max = 0; bytes_max < whole; bytes_max++) {
		bytes[bytes_max] = 0xa5;
		assert_int_equal(
			http_reply_write(&reply, bytes, bytes_max, &bytes_count), ERR_TOO_LARGE);
		assert_int_equal(bytes[bytes_max], 0xa5);
		assert_int_equal(bytes_count, 4711);
	}
	assert_int_equal(http_reply_write(&reply, bytes, whole, &bytes_count), ERR_OK);
	assert_int_equal(bytes_count, whole);
}

static void each_decision_has_a_status_that_can_be_written(void **state)
{
	(void)state;
	for (unsigned i = HTTP_MORE + 1; i < HTTP_DECISION_COUNT; i++) {
		const struct http_answer *answer = http_answer((enum http_decision)i);
		struct http_reply reply = {
			.status = answer->status,
			.date = DATE,
			.close = answer->close,
		};
		uint8_t bytes[256];
		size_t bytes_count;

		assert_int_equal(
			http_reply_write(&reply, bytes, sizeof bytes, &bytes_count), ERR_OK);
	}
}

/* Writes in a child, because a broken promise of ours aborts. */
static bool write_aborts(const struct http_reply *reply)
{
	pid_t child = fork();
	int status = 0;

	assert_true(child >= 0);
	if (child == 0) {
		uint8_t bytes[256];
		size_t bytes_count;

		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		_exit(http_reply_write(reply, bytes, sizeof bytes, &bytes_count) == ERR_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void a_value_that_would_end_its_line_is_never_written(void **state)
{
	static const char *const values[] = { "a\r\nSet-Cookie: b", "a\rb", "a\nb", "a\x80",
		"\x01" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		struct http_reply_field field = { "Location", text_slice(values[i]) };
		struct http_reply reply = {
			.status = 202, .date = DATE, .fields = &field, .fields_count = 1
		};

		assert_true(write_aborts(&reply));
	}
	assert_false(write_aborts(&(struct http_reply){ .status = 202, .date = DATE }));
	assert_true(write_aborts(&(struct http_reply){ .status = 299, .date = DATE }));
}

static void a_date_is_what_the_c_library_says(void **state)
{
	static const uint64_t seconds[] = { 0, 784111777, 951782399, 951782400, 951868800,
		4107542399, 4107542400, 13574563200, 253402300799 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(seconds); i++) {
		time_t when = (time_t)seconds[i];
		struct tm tm;
		char expected[64], date[HTTP_REPLY_DATE_BYTES];

		assert_non_null(gmtime_r(&when, &tm));
		assert_int_equal(
			strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &tm), 29);
		http_reply_date(seconds[i], date);
		assert_string_equal(date, expected);
	}
}

/* Goal: four hundred years, after which the calendar repeats. */
static void each_day_has_its_date(void **state)
{
	(void)state;
	for (uint64_t day = 0; day < 146097; day++) {
		time_t when = (time_t)(day * 86400 + 86399);
		struct tm tm;
		char expected[64], date[HTTP_REPLY_DATE_BYTES];

		assert_non_null(gmtime_r(&when, &tm));
		strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		http_reply_date((uint64_t)when, date);
		assert_string_equal(date, expected);
	}
}

static void head_and_204_have_no_content(void **state)
{
	struct slice interim = http_reply_continue();

	(void)state;
	assert_true(http_reply_has_content(HTTP_METHOD_GET, 200));
	assert_true(http_reply_has_content(HTTP_METHOD_UNKNOWN, 501));
	assert_false(http_reply_has_content(HTTP_METHOD_HEAD, 200));
	assert_false(http_reply_has_content(HTTP_METHOD_OPTIONS, 204));
	assert_false(http_reply_has_content(HTTP_METHOD_GET, 304));
	assert_int_equal(interim.bytes_count, 25);
	assert_memory_equal(interim.bytes, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

static void times_for_people_are_of_rfc_3339(void **state)
{
	static const struct {
		uint64_t unix_s;
		const char *text;
	} rows[] = { { 0, "1970-01-01T00:00:00Z" }, { 784111777, "1994-11-06T08:49:37Z" },
		{ 951782400, "2000-02-29T00:00:00Z" }, { 1760631130, "2025-10-16T16:12:10Z" },
		{ 253402300799, "9999-12-31T23:59:59Z" } };
	char text[HTTP_REPLY_TIMESTAMP_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		http_reply_timestamp(rows[i].unix_s, text);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_has_date_and_length_and_nothing_that_was_not_asked_for),
		cmocka_unit_test(a_reply_says_all_that_it_was_given),
		cmocka_unit_test(a_204_has_no_length_and_allow_adds_head_and_options),
		cmocka_unit_test(a_stream_closes_instead_of_having_a_length),
		cmocka_unit_test(each_room_that_is_too_small_is_refused),
		cmocka_unit_test(each_decision_has_a_status_that_can_be_written),
		cmocka_unit_test(a_value_that_would_end_its_line_is_never_written),
		cmocka_unit_test(a_date_is_what_the_c_library_says),
		cmocka_unit_test(each_day_has_its_date),
		cmocka_unit_test(head_and_204_have_no_content),
		cmocka_unit_test(times_for_people_are_of_rfc_3339),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
