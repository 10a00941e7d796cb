/* admin: the same code with another route table, and the metrics of everybody. */
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
		"\"instance\":\"9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\",\"error\":{\"code\":\"NotFound\",\"message\":"
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(it_answers_for_the_node_without_any_link),
		TEST(metrics_come_in_both_forms),
		TEST(its_errors_are_problem_documents),
		TEST(it_answers_while_the_node_drains),
	};
#undef TEST

	return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
