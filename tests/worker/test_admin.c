/* admin: the same code with another route table, and the metrics of everybody. */
#include <stdlib.h>

#include "common/node_events.h"
#include "tests/worker/edge_driver.h"

static int set_up(void **state)
{
	(void)state;
	harness_init(&h, PROCESS_ADMIN);
	return 0;
}

static void it_answers_for_the_node_without_any_link(void **state)
{
	struct conn *conn;

	(void)state;
	start_alone();
	conn = connect_tcp();
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
	say(conn, GET("/readyz"));
	(void)expect(conn, 503);
	harness_send_readiness(&h.control, 0, &all_ready);
	harness_settle(&h);
	say(conn, GET("/readyz"));
	(void)expect(conn, 200);
	say(conn, GET("/version"));
	assert_non_null(strstr(expect(conn, 200).body, "\"service\":\"macronode\""));
}

static void metrics_come_in_both_forms(void **state)
{
	struct conn *conn;
	struct response response;

	(void)state;
	start_alone();
	conn = connect_tcp();
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
	say(conn, GET("/metrics"));
	response = expect(conn, 200);
	assert_string_equal(
		field(&response, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
	assert_non_null(strstr(response.body,
		"http_requests_total{service=\"admin\",route=\"/healthz\",method=\"GET\","
		"status=\"200\"} 1\n"));
	assert_non_null(strstr(response.body, "connections{service=\"admin\"} 1\n"));
	say(conn, "GET /metrics HTTP/1.1\r\n" HOST
		  "Accept: application/openmetrics-text; version=1.0.0\r\n\r\n");
	response = expect(conn, 200);
	assert_string_equal(field(&response, "Content-Type"),
		"application/openmetrics-text; version=1.0.0; charset=utf-8");
	assert_string_equal(response.body + response.body_bytes - 6, "# EOF\n");
	say(conn, "HEAD /metrics HTTP/1.1\r\n" HOST "\r\n");
	response = hear_of(conn, true);
	assert_int_equal(response.status, 200);
}

static void its_errors_are_problem_documents(void **state)
{
	struct conn *conn;
	struct response response;

	(void)state;
	start_alone();
	conn = connect_tcp();
	say(conn, "GET /ingest HTTP/1.1\r\n" HOST
		  "X-Corr-ID: 9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\r\n\r\n");
	response = expect(conn, 404);
	assert_string_equal(field(&response, "Content-Type"), "application/problem+json");
	expect_body(&response,
		"{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":"
		"\"there is no such path\","
		"\"instance\":\"9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\",\"error\":{\"code\":"
		"\"NotFound\",\"message\":"
		"\"there is no such path\",\"corr_id\":\"9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\"}}");
}

static void it_answers_while_the_node_drains(void **state)
{
	struct oap_readiness draining = all_ready;
	struct conn *conn;

	(void)state;
	start_alone();
	draining.ready = 0;
	draining.degraded = 1;
	draining.draining = 1;
	harness_send_readiness(&h.control, 0, &draining);
	harness_settle(&h);
	conn = connect_tcp();
	say(conn, GET("/readyz"));
	(void)expect(conn, 503);
	say(conn, GET("/metrics"));
	(void)expect(conn, 200);
}

/* --- administration --- */

#define GET_AS(path)  "GET " path " HTTP/1.1\r\n" HOST BEARER "\r\n"
#define POST_AS(path) "POST " path " HTTP/1.1\r\n" HOST BEARER "\r\n"
#define FIRST_ID      UINT64_C(1700000000000000)

static void start_with_checker(void)
{
	start_alone();
	checker = harness_link_up(&h, PROCESS_PREVALIDATOR, PREVALIDATOR_OF_ADMIN);
	harness_settle(&h);
}

static void answer(uint64_t ticket, uint16_t status, const char *body)
{
	harness_send_admin_answer(&h.control, ticket,
		&(struct oap_admin_answer){
			.status = status, .body = { (const uint8_t *)body, strlen(body) } });
}

static void deny(uint64_t ticket, uint16_t status, const char *text)
{
	harness_send_admin_answer(&h.control, ticket,
		&(struct oap_admin_answer){ .status = status,
			.retry_after_s = status == 429 ? 7 : 0,
			.text = { (const uint8_t *)text, strlen(text) } });
}

static void what_the_supervisor_says_is_passed_on_as_it_is(void **state)
{
	struct oap_request request;
	struct response response;
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start_with_checker();
	conn = connect_tcp();
	say(conn, "GET /api/v1/status HTTP/1.1\r\n" HOST BEARER
		  "X-Corr-ID: 9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\r\n\r\n");
	ticket = take_request(ROUTE_ADMIN_STATUS, &request);
	expect_slice(request.corr_id, "9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10");
	expect_slice(request.token, "token");
	answer(ticket, 200, "{\"ready\":true}");
	response = expect(conn, 200);
	expect_body(&response, "{\"ready\":true}");
	say(conn, POST_AS("/api/v1/shutdown"));
	answer(take(ROUTE_ADMIN_SHUTDOWN), 202, "{\"draining\":true}");
	(void)expect(conn, 202);
	say(conn, POST_AS("/api/v1/reload"));
	deny(take(ROUTE_ADMIN_RELOAD), 422, "line 7 is wrong");
	response = expect(conn, 422);
	assert_non_null(strstr(response.body, "\"detail\":\"line 7 is wrong\""));
	say(conn, POST_AS("/api/v1/reload"));
	deny(take(ROUTE_ADMIN_RELOAD), 429, "at most one a second");
	response = expect(conn, 429);
	assert_string_equal(field(&response, "Retry-After"), "7");
}

static void what_is_no_answer_of_a_supervisor_ends_it(void **state)
{
	struct conn *conn;

	(void)state;
	start_with_checker();
	conn = connect_tcp();
	say(conn, GET_AS("/api/v1/status"));
	answer(take(ROUTE_ADMIN_STATUS), 302, "{}");
	assert_int_not_equal(harness_reap(&h), 0);
}

/* Goal: acts may be asked for whatever the node is able to do, and reads, too. */
static void a_node_that_is_not_ready_is_administrated_all_the_same(void **state)
{
	struct oap_readiness safe_mode = all_ready;
	struct conn *conn;

	(void)state;
	start_with_checker();
	safe_mode.ready = 0;
	safe_mode.safe_mode = 1;
	safe_mode.draining = 1;
	harness_send_readiness(&h.control, 0, &safe_mode);
	harness_settle(&h);
	conn = connect_tcp();
	say(conn, POST_AS("/api/v1/shutdown"));
	answer(take(ROUTE_ADMIN_SHUTDOWN), 202, "{}");
	(void)expect(conn, 202);
	say(conn, GET_AS("/recovery"));
	answer(take(ROUTE_ADMIN_RECOVERY), 200, "{\"safe_mode\":true}");
	(void)expect(conn, 200);
}

/* --- events of the node --- */

static void happen_at(uint64_t number, const char *json)
{
	harness_send_node_event(&h.control, 0,
		&(struct oap_node_event){ .topic = NODE_EVENT_CRASHED,
			.number = number,
			.id = FIRST_ID + number,
			.json = { (const uint8_t *)json, strlen(json) } });
}

static void hear_text(struct conn *conn, const char *text)
{
	const char *heard = hear_bytes(conn, strlen(text));

	assert_memory_equal(heard, text, strlen(text));
	forget(conn, strlen(text));
}

static void expect_stream(struct conn *conn)
{
	static const char end[] = "\r\n\r\n";
	size_t count = 1;

	while (memcmp(hear_bytes(conn, count) + count - 1, "\n", 1) != 0 || count < sizeof end ||
		memcmp(hear_bytes(conn, count) + count - 4, end, 4) != 0) {
		count++;
	}
	assert_memory_equal(hear_bytes(conn, count), "HTTP/1.1 200", 12);
	forget(conn, count);
}

static struct conn *watch(const char *last_event_id)
{
	struct conn *conn = connect_tcp();
	char request[512];

	(void)snprintf(request, sizeof request, "GET /events HTTP/1.1\r\n" HOST BEARER "%s\r\n",
		last_event_id);
	say(conn, request);
	answer(take(ROUTE_ADMIN_EVENTS), 200, "");
	expect_stream(conn);
	return conn;
}

static void events_come_as_they_happen(void **state)
{
	struct conn *conn;

	(void)state;
	start_with_checker();
	conn = watch("");
	hear_text(conn, ": heartbeat\n\n");
	happen_at(0, "{\"a\":1}");
	happen_at(1, "{\"a\":2}");
	hear_text(conn, "event: macronode.service.crashed\nid: 1700000000000000\n"
			"data: {\"a\":1}\n\n");
	hear_text(conn, "event: macronode.service.crashed\nid: 1700000000000001\n"
			"data: {\"a\":2}\n\n");
}

static void a_client_goes_on_behind_what_it_has_seen(void **state)
{
	struct conn *conn;

	(void)state;
	start_with_checker();
	happen_at(0, "{\"a\":1}");
	happen_at(1, "{\"a\":2}");
	harness_settle(&h);
	conn = watch("Last-Event-ID: 1700000000000000\r\n");
	hear_text(conn, "event: macronode.service.crashed\nid: 1700000000000001\n"
			"data: {\"a\":2}\n\n: heartbeat\nid: 1700000000000001\n\n");
	conn = watch("Last-Event-ID: 3\r\n");
	hear_text(conn, "event: macronode.lagged\nid: 1699999999999999\n"
			"data: {\"missed\":null}\n\n"
			"event: macronode.service.crashed\nid: 1700000000000000\n");
}

/* The bytes up to the next empty line. */
static const char *hear_block(struct conn *conn, size_t *ret_count)
{
	size_t count = 2;

	while (memcmp(hear_bytes(conn, count) + count - 2, "\n\n", 2) != 0) {
		count++;
	}
	*ret_count = count;
	return hear_bytes(conn, count);
}

/* Reads up to the event that is the last; how many of those before it were missed. */
static uint64_t hear_all(struct conn *conn)
{
	static const char missed_name[] = "\"missed\":", last_name[] = "\"last\"";
	uint64_t missed = 0;
	bool is_last = false;

	while (!is_last) {
		size_t count = 0;
		const char *text = hear_block(conn, &count);
		const char *at = memmem(text, count, missed_name, sizeof missed_name - 1);

		missed += at == NULL ? 0 : strtoull(at + sizeof missed_name - 1, NULL, 10);
		is_last = memmem(text, count, last_name, sizeof last_name - 1) != NULL;
		forget(conn, count);
	}
	return missed;
}

/* Goal: who does not read loses the oldest, is told how many, and delays nobody. */
static void a_slow_client_loses_the_oldest_and_hears_how_many(void **state)
{
	enum { HAPPENED = 4000 };
	static char json[2100];
	struct conn *slow, *other;

	(void)state;
	start_with_checker();
	slow = watch("");
	other = watch("");
	(void)snprintf(json, sizeof json, "{\"text\":\"%02000d\"}", 0);
	for (unsigned i = 0; i < HAPPENED; i++) {
		happen_at(i, json);
	}
	harness_settle(&h);
	happen_at(HAPPENED, "{\"last\":true}");
	assert_true(hear_all(other) < HAPPENED);
	assert_in_range(hear_all(slow), 1, HAPPENED - 1);
}

static void a_stream_ends_with_its_token(void **state)
{
	struct conn *conn;

	(void)state;
	start_with_checker();
	happen_at(0, "{}");
	harness_settle(&h);
	conn = watch("");
	hear_text(conn, ": heartbeat\nid: 1700000000000000\n\n");
	hear_text(conn, ": heartbeat\nid: 1700000000000000\n\n"); /* seconds later */
	deny(take(ROUTE_ADMIN_EVENTS), 503, "kms is away");
	happen_at(1, "{}");
	hear_text(conn, "event: macronode.service.crashed\nid: 1700000000000001\ndata: {}\n\n");
	hear_text(conn, ": heartbeat\nid: 1700000000000001\n\n");
	deny(take(ROUTE_ADMIN_EVENTS), 403, "the token is revoked");
	expect_end(conn);
}

static void a_head_of_the_stream_is_no_stream(void **state)
{
	struct conn *conn;
	struct response response;

	(void)state;
	start_with_checker();
	conn = connect_tcp();
	say(conn, "HEAD /events HTTP/1.1\r\n" HOST BEARER "\r\n");
	answer(take(ROUTE_ADMIN_EVENTS), 200, "");
	response = hear_of(conn, true);
	assert_int_equal(response.status, 200);
	assert_string_equal(field(&response, "Content-Type"), "text/event-stream");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(it_answers_for_the_node_without_any_link),
		TEST(metrics_come_in_both_forms),
		TEST(its_errors_are_problem_documents),
		TEST(it_answers_while_the_node_drains),
		TEST(what_the_supervisor_says_is_passed_on_as_it_is),
		TEST(what_is_no_answer_of_a_supervisor_ends_it),
		TEST(a_node_that_is_not_ready_is_administrated_all_the_same),
		TEST(events_come_as_they_happen),
		TEST(a_client_goes_on_behind_what_it_has_seen),
		TEST(a_slow_client_loses_the_oldest_and_hears_how_many),
		TEST(a_stream_ends_with_its_token),
		TEST(a_head_of_the_stream_is_no_stream),
	};
#undef TEST

	return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
