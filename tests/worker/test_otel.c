/* The exporter, driven by hand: the test is its supervisor, and the collector at the other end of
 * the socket that it is given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/worker/harness.h"

#define BATCH_TRACES 32u
#define ANSWER_OK    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

static struct harness h;
static int collector = -1; /* our end */
static char request[256 * 1024];

static int begin(void **state)
{
	(void)state;
	harness_init(&h, PROCESS_OTEL);
	(void)snprintf(h.config.otel_endpoint, sizeof h.config.otel_endpoint,
		"http://127.0.0.1:4318/base/");
	h.config.otel_timeout_ms = 20000;
	return 0;
}

static int end(void **state)
{
	(void)state;
	if (collector >= 0) {
		(void)close(collector);
		collector = -1;
	}
	harness_finish(&h);
	return 0;
}

static uint16_t expect_want(bool wants_socket)
{
	struct oap_otel_want want;

	(void)harness_expect_otel_want(&h.control, &want);
	assert_int_equal(want.wants_socket, wants_socket);
	return want.traces;
}

static void start(void)
{
	harness_start(&h);
	assert_int_equal(expect_want(false), BATCH_TRACES); /* its first word */
	harness_expect_up(&h);
}

static void send_trace(const char *spans, uint16_t count)
{
	struct oap_otel_spans msg = {
		.count = count,
		.spans = { (const uint8_t *)spans, strlen(spans) },
	};

	harness_send_otel_spans(&h.control, 0, &msg);
}

static void give_socket(void)
{
	int pair[2];

	if (collector >= 0) {
		(void)close(collector);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	collector = pair[0];
	harness_give_socket(&h, pair[1]);
}

/* All of a request, by its Content-Length; its body. */
static const char *read_request(void)
{
	size_t used = 0;

	for (;;) {
		ssize_t got = read(collector, request + used, sizeof request - used - 1);
		const char *body, *length;

		assert_true(got > 0);
		used += (size_t)got;
		request[used] = '\0';
		body = strstr(request, "\r\n\r\n");
		length = strstr(request, "Content-Length: ");
		if (body != NULL && length != NULL &&
			strlen(body + 4) >= strtoul(length + 16, NULL, 10)) {
			assert_int_equal(strlen(body + 4), strtoul(length + 16, NULL, 10));
			return body + 4;
		}
	}
}

static void answer(const char *text)
{
	assert_int_equal(write(collector, text, strlen(text)), (ssize_t)strlen(text));
}

/* The exporter has let go of the connection. */
static void expect_closed(void)
{
	char byte;

	assert_int_equal(read(collector, &byte, 1), 0);
}

static void a_batch_is_one_request_and_room_is_asked_for_again(void **state)
{
	const char *body;

	(void)state;
	start();
	send_trace("{\"a\":1}", 1);
	send_trace("{\"b\":2},{\"c\":3}", 2);
	assert_int_equal(expect_want(false), 2); /* they are on their way; so much is free again */
	assert_int_equal(expect_want(true), 0);
	give_socket();
	body = read_request();
	assert_int_equal(strncmp(request, "POST /base/v1/traces HTTP/1.1\r\n", 31), 0);
	assert_non_null(strstr(request, "\r\nHost: 127.0.0.1:4318\r\n"));
	assert_non_null(strstr(body, "\"spans\":[{\"a\":1},{\"b\":2},{\"c\":3}]}]}]}"));
	answer(ANSWER_OK);
	expect_closed();
	harness_expect_nothing(&h.control);
	send_trace("{\"d\":4}", 1);
	assert_int_equal(expect_want(false), 1);
	assert_int_equal(expect_want(true), 0); /* a connection for each */
	harness_stop(&h);
}

static void what_is_not_taken_is_sent_again(void **state)
{
	char first[4096];

	(void)state;
	start();
	send_trace("{\"a\":1}", 1);
	assert_int_equal(expect_want(false), 1);
	(void)expect_want(true);
	give_socket();
	(void)snprintf(first, sizeof first, "%s", read_request());
	answer("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
	expect_closed();
	(void)expect_want(true);
	harness_send_otel_socket(
		&h.control, 0, &(struct oap_otel_socket){ .status = ERR_IO, .os_error = 111 });
	(void)expect_want(true);
	give_socket();
	assert_string_equal(read_request(), first);
	answer(ANSWER_OK);
	expect_closed();
	harness_stop(&h);
}

static void what_is_refused_is_not_sent_again(void **state)
{
	(void)state;
	start();
	send_trace("{\"a\":1}", 1);
	(void)expect_want(false);
	(void)expect_want(true);
	give_socket();
	(void)read_request();
	answer("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
	expect_closed();
	send_trace("{\"b\":1}", 1);
	(void)expect_want(false);
	(void)expect_want(true);
	give_socket();
	assert_null(strstr(read_request(), "{\"a\":1}"));
	harness_stop(&h);
}

static void a_full_batch_waits_for_nobody_and_more_is_an_accusation(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < BATCH_TRACES; i++) {
		send_trace("{\"a\":1}", 1);
	}
	assert_int_equal(expect_want(false), BATCH_TRACES);
	(void)expect_want(true);
	for (unsigned i = 0; i < BATCH_TRACES; i++) { /* the next ones, while it is on its way */
		send_trace("{\"b\":1}", 1);
	}
	harness_expect_nothing(&h.control);
	send_trace("{\"c\":1}", 1);
	harness_expect_refusal(&h, "OTEL_SPANS");
}

static void a_socket_that_comes_too_late_is_closed(void **state)
{
	(void)state;
	h.config.otel_timeout_ms = 100;
	start();
	send_trace("{\"a\":1}", 1);
	(void)expect_want(false);
	(void)expect_want(true); /* given none: it asks again */
	(void)expect_want(true);
	give_socket();
	(void)read_request();
	give_socket(); /* a second one, that nobody asked for */
	expect_closed();
	harness_stop(&h);
}

static void a_drain_sends_what_is_there(void **state)
{
	struct oap_drained drained;

	(void)state;
	start();
	send_trace("{\"a\":1}", 1);
	harness_send_drain(&h.control, 0, &(struct oap_drain){ .deadline_mono_ms = UINT64_MAX });
	(void)expect_want(false);
	(void)expect_want(true);
	give_socket();
	assert_non_null(strstr(read_request(), "{\"a\":1}"));
	answer(ANSWER_OK);
	(void)harness_expect_drained(&h.control, &drained);
	harness_stop(&h);
}

static void a_drain_does_not_wait_for_a_collector_that_is_gone(void **state)
{
	struct oap_drained drained;

	(void)state;
	start();
	send_trace("{\"a\":1}", 1);
	(void)expect_want(false);
	(void)expect_want(true);
	harness_send_drain(&h.control, 0, &(struct oap_drain){ .deadline_mono_ms = UINT64_MAX });
	harness_send_otel_socket(
		&h.control, 0, &(struct oap_otel_socket){ .status = ERR_IO, .os_error = 111 });
	(void)harness_expect_drained(&h.control, &drained);
	harness_stop(&h);
}

static void without_its_fields_it_does_not_start(void **state)
{
	(void)state;
	(void)snprintf(h.config.otel_headers_file, sizeof h.config.otel_headers_file, "/x");
	harness_start(&h);
	harness_expect_refusal(&h, "otel.headers_file");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_batch_is_one_request_and_room_is_asked_for_again),
		TEST(what_is_not_taken_is_sent_again),
		TEST(what_is_refused_is_not_sent_again),
		TEST(a_full_batch_waits_for_nobody_and_more_is_an_accusation),
		TEST(a_socket_that_comes_too_late_is_closed),
		TEST(a_drain_sends_what_is_there),
		TEST(a_drain_does_not_wait_for_a_collector_that_is_gone),
		TEST(without_its_fields_it_does_not_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
