/* The bodies of writes through ingress: when they are read, in what pieces they go on, and what
 * becomes of those that nobody wants. */
#include "tests/worker/edge_driver.h"

#define LARGE 200000u

static char *large_body(void)
{
	static char body[LARGE];

	for (unsigned i = 0; i < LARGE; i++) {
		body[i] = (char)('a' + i % 26);
	}
	return body;
}

static uint64_t take_large(struct conn *conn, bool expects)
{
	struct oap_request request;
	char head[512];
	uint64_t ticket;

	(void)snprintf(head, sizeof head, INGEST_HEAD "Content-Length: %u\r\n%s\r\n", LARGE,
		expects ? "Expect: 100-continue\r\n" : "");
	say(conn, head);
	ticket = take_request(ROUTE_INGEST, &request);
	assert_int_equal(request.body_bytes, LARGE);
	assert_int_equal(request.body.bytes_count, 0);
	return ticket;
}

static void expect_whole_body(uint64_t ticket)
{
	uint32_t done = 0;

	while (done < LARGE) {
		struct oap_body body;

		assert_int_equal(harness_expect_body(checker, &body), ticket);
		assert_int_equal(body.offset, done);
		assert_in_range(body.bytes.bytes_count, 1, VERB_BODY_CHUNK_BYTES_MAX);
		assert_memory_equal(body.bytes.bytes, large_body() + done, body.bytes.bytes_count);
		done += (uint32_t)body.bytes.bytes_count;
	}
	assert_int_equal(done, LARGE);
}

static void a_large_body_is_read_when_the_head_was_accepted(void **state)
{
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	ticket = take_large(conn, true);
	expect_silence(conn);
	harness_send_proceed(checker, ticket, &(struct oap_proceed){ LARGE });
	assert_memory_equal(hear_bytes(conn, 25), "HTTP/1.1 100 Continue\r\n\r\n", 25);
	forget(conn, 25);
	say_bytes(conn, large_body(), LARGE);
	expect_whole_body(ticket);
	admit(ticket, 1);
	(void)expect(conn, 200);
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
}

static void a_large_body_of_a_refused_head_is_never_handed_on(void **state)
{
	struct conn *conn;
	struct response response;

	(void)state;
	start();
	conn = connect_tcp();
	refuse(take_large(conn, true), 401, REASON_UNAUTH, "");
	response = expect(conn, 401);
	assert_string_equal(field(&response, "Connection"), "close");
	expect_end(conn);
	harness_expect_nothing(checker);
}

static void a_small_rest_of_a_refused_body_is_drained(void **state)
{
	static char text[65536];
	struct conn *conn;

	(void)state;
	h.config.limits_max_body_bytes = 1024;
	start();
	conn = connect_tcp();
	memset(text, 'x', sizeof text - 1);
	say(conn, INGEST_HEAD "Content-Length: 65535\r\n\r\n");
	(void)expect(conn, 413);
	say(conn, text);
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
	say(conn, INGEST_HEAD "Content-Length: 65537\r\n\r\n");
	(void)expect(conn, 413);
	expect_end(conn);
}

static void chunks_arrive_as_one_body(void **state)
{
	struct oap_request request;
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, INGEST_HEAD "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
	assert_memory_equal(hear_bytes(conn, 25), "HTTP/1.1 100 Continue\r\n\r\n", 25);
	forget(conn, 25);
	say(conn, "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: y\r\n\r\n");
	ticket = take_request(ROUTE_INGEST, &request);
	expect_slice(request.token, "token");
	expect_slice(request.body, "abcde");
	admit(ticket, 1);
	(void)expect(conn, 200);
}

static void many_chunks_wait_for_proceed_too(void **state)
{
	struct oap_request request;
	struct conn *conn;
	uint64_t ticket;
	char size[16];

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, INGEST_HEAD "Transfer-Encoding: chunked\r\n\r\n");
	for (uint32_t done = 0; done < LARGE; done += LARGE / 8) {
		(void)snprintf(size, sizeof size, "%x\r\n", LARGE / 8);
		say(conn, size);
		say_bytes(conn, large_body() + done, LARGE / 8);
		say(conn, "\r\n");
	}
	say(conn, "0\r\n\r\n");
	ticket = take_request(ROUTE_INGEST, &request);
	assert_int_equal(request.body_bytes, LARGE);
	expect_slice(request.token, "token");
	harness_expect_nothing(checker);
	harness_send_proceed(checker, ticket, &(struct oap_proceed){ LARGE });
	expect_whole_body(ticket);
	admit(ticket, 1);
	(void)expect(conn, 200);
}

static void a_body_that_breaks_off_is_abandoned(void **state)
{
	struct oap_body body;
	struct oap_abandon abandon;
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	ticket = take_large(conn, false);
	harness_send_proceed(checker, ticket, &(struct oap_proceed){ LARGE });
	say_bytes(conn, large_body(), 1000);
	(void)harness_expect_body(checker, &body);
	hang_up(conn);
	assert_int_equal(harness_expect_abandon(checker, &abandon), ticket);
}

static void a_body_that_stops_coming_is_a_408_and_abandoned(void **state)
{
	struct oap_body body;
	struct oap_abandon abandon;
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	h.config.api_read_timeout_ms = 100;
	start();
	conn = connect_tcp();
	ticket = take_large(conn, false);
	harness_send_proceed(checker, ticket, &(struct oap_proceed){ LARGE });
	say_bytes(conn, large_body(), 1000);
	(void)harness_expect_body(checker, &body);
	assert_int_equal(harness_expect_abandon(checker, &abandon), ticket);
	(void)expect(conn, 408);
	expect_end(conn);
}

/* Goal: with the budget of bodies taken, the next large one is refused unread. */
static void bodies_have_a_budget(void **state)
{
	struct conn *conn;
	struct response response;
	uint64_t last = 0;
	unsigned begun = 0;

	(void)state;
	start();
	for (;;) {
		struct oap_request request;

		conn = connect_tcp();
		say(conn, INGEST_HEAD "Content-Length: 1048576\r\n\r\n");
		harness_settle(&h);
		if (begun == 40) { /* EDGE_BODIES_BYTES_MAX */
			break;
		}
		last = take_request(ROUTE_INGEST, &request);
		begun++;
	}
	response = expect(conn, 429);
	assert_non_null(strstr(response.body, "\"reason\":\"busy\""));
	refuse(last, 403, REASON_CAP_INVALID, "caveat"); /* gives its share back */
	conn = connect_tcp();
	say(conn, INGEST_HEAD "Content-Length: 1048576\r\n\r\n");
	(void)take(ROUTE_INGEST);
}

static void proceed_for_a_small_body_accuses_its_sender(void **state)
{
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	say_ingest(conn, "{}");
	harness_send_proceed(checker, take(ROUTE_INGEST), &(struct oap_proceed){ 2 });
	harness_expect_accusation(checker, OAP_PROCEED, ERR_CONFLICT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_ingress, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_large_body_is_read_when_the_head_was_accepted),
		TEST(a_large_body_of_a_refused_head_is_never_handed_on),
		TEST(a_small_rest_of_a_refused_body_is_drained),
		TEST(chunks_arrive_as_one_body),
		TEST(many_chunks_wait_for_proceed_too),
		TEST(a_body_that_breaks_off_is_abandoned),
		TEST(a_body_that_stops_coming_is_a_408_and_abandoned),
		TEST(bodies_have_a_budget),
		TEST(proceed_for_a_small_body_accuses_its_sender),
	};
#undef TEST

	return cmocka_run_group_tests_name("ingress bodies", tests, NULL, NULL);
}
