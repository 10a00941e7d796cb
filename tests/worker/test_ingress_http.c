/* What ingress decides by itself: the rows of DESIGN-WALL.md section 5, byte for byte. */
#include "tests/worker/edge_driver.h"

#include "core/http.h"

/* --- the table --- */

enum then { STAYS, CLOSES };

static const struct decision {
	const char *what;
	const char *bytes;
	int status;
	enum then then;
} decisions[] = {
	{ "an escaped unreserved byte", GET("/r%6fots"), 400, CLOSES },
	{ "an escaped slash", GET("/entries/%2F"), 400, CLOSES },
	{ "an escaped NUL", GET("/entries/%00"), 400, CLOSES },
	{ "two slashes", GET("//roots"), 400, CLOSES },
	{ "a dot segment", GET("/./roots"), 400, CLOSES },
	{ "a double dot segment", GET("/entries/../roots"), 400, CLOSES },
	{ "a semicolon", GET("/roots;x"), 400, CLOSES },
	{ "a backslash", GET("/roots\\x"), 400, CLOSES },
	{ "a byte over 0x7E", GET("/roots\x7f"), 400, CLOSES },
	{ "another authority than Host", GET("http://other/healthz"), 400, CLOSES },
	{ "authority-form", GET("localhost:80"), 501, CLOSES },
	{ "CONNECT", "CONNECT localhost:80 HTTP/1.1\r\n" HOST "\r\n", 501, CLOSES },
	{ "an asterisk for GET", GET("*"), 400, CLOSES },
	{ "TRACE", "TRACE /healthz HTTP/1.1\r\n" HOST "\r\n", 405, STAYS },
	{ "an unknown method", "BREW /healthz HTTP/1.1\r\n" HOST "\r\n", 501, STAYS },
	{ "a known method elsewhere", "DELETE /roots HTTP/1.1\r\n" HOST "\r\n", 405, STAYS },
	{ "an unknown path", GET("/nowhere"), 404, STAYS },
	{ "a template without its value", GET("/entries/"), 404, STAYS },
	{ "a template with too much", GET("/entries/1/2"), 404, STAYS },
	{ "a path of admin", GET("/metrics"), 404, STAYS },
	{ "a route that is no HTTP", GET("verify"), 400, CLOSES },
	{ "HTTP/1.0", "GET /healthz HTTP/1.0\r\n" HOST "\r\n", 505, CLOSES },
	{ "HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, CLOSES },
	{ "no Host", "GET /healthz HTTP/1.1\r\n\r\n", 400, CLOSES },
	{ "two Hosts", "GET /healthz HTTP/1.1\r\n" HOST HOST "\r\n", 400, CLOSES },
	{ "a malformed Host", "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", 400, CLOSES },
	{ "another Host", "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, STAYS },
	{ "a write with Origin",
		"POST /ingest HTTP/1.1\r\n" HOST JSON "Origin: http://a\r\nContent-Length: 2\r\n"
		"\r\n{}",
		403, STAYS },
	{ "length and coding",
		INGEST_HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"
			    "\r\n{}",
		400, CLOSES },
	{ "two lengths", INGEST_HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400,
		CLOSES },
	{ "a bare LF", "GET /healthz HTTP/1.1\nHost: localhost\n\n", 400, CLOSES },
	{ "a folded field", "GET /healthz HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400, CLOSES },
	{ "a space before the colon", "GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n", 400,
		CLOSES },
	{ "another coding", INGEST_HEAD "Transfer-Encoding: gzip\r\n\r\n", 501, CLOSES },
	{ "a chunk extension", INGEST_HEAD "Transfer-Encoding: chunked\r\n\r\n2;x\r\n{}\r\n", 400,
		CLOSES },
	{ "nine digits of a chunk size",
		INGEST_HEAD "Transfer-Encoding: chunked\r\n\r\n000000002\r\n{}\r\n", 400, CLOSES },
	{ "another expectation", INGEST_HEAD "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}", 417,
		CLOSES },
	{ "a coding that we don't take",
		INGEST_HEAD "Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}", 415, STAYS },
	{ "no JSON",
		"POST /ingest HTTP/1.1\r\n" HOST "Content-Type: text/plain\r\n"
		"Content-Length: 2\r\n\r\n{}",
		415, STAYS },
	{ "a body on GET", "GET /roots HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 400,
		CLOSES },
	{ "a repeated Authorization", INGEST_HEAD BEARER "Content-Length: 2\r\n\r\n{}", 400,
		CLOSES },
	{ "too large a body", INGEST_HEAD "Content-Length: 1048577\r\n\r\n", 413, CLOSES },
	{ "a chunk over the bound", INGEST_HEAD "Transfer-Encoding: chunked\r\n\r\n00100001\r\n",
		413, CLOSES },
};

/* Goal: one answer each, and behind it the end or the next request, as the row says. */
static void each_row_is_answered_as_it_says(void **state)
{
	(void)state;
	start();
	for (size_t i = 0; i < COUNT_OF(decisions); i++) {
		struct conn *conn = connect_tcp();
		struct response response;

		say(conn, decisions[i].bytes);
		say(conn, GET("/healthz")); /* discarded where it closes */
		response = hear(conn);
		if (response.status != decisions[i].status) {
			fail_msg("%s: %s%s", decisions[i].what, response.head, response.body);
		}
		assert_non_null(field(&response, "X-Corr-ID"));
		assert_non_null(field(&response, "Date"));
		if (decisions[i].then == CLOSES) {
			assert_string_equal(field(&response, "Connection"), "close");
			expect_end(conn);
		} else {
			assert_null(field(&response, "Connection"));
			(void)expect(conn, 200);
		}
		close_conns();
	}
	harness_expect_nothing(checker);
}

static void what_is_too_long_is_named_by_its_kind(void **state)
{
	static char text[40000];
	struct conn *conn;
	size_t used;

	(void)state;
	start();
	conn = connect_tcp();
	used = (size_t)snprintf(text, sizeof text, "GET /");
	memset(text + used, 'a', HTTP_TARGET_BYTES_MAX);
	say(conn, text);
	(void)expect(conn, 414);
	expect_end(conn);
	conn = connect_tcp();
	used = (size_t)snprintf(text, sizeof text, "GET /healthz HTTP/1.1\r\n" HOST "X: ");
	memset(text + used, 'a', sizeof text - used - 1);
	say(conn, text);
	(void)expect(conn, 431);
	expect_end(conn);
}

static void options_names_the_methods_and_allows_no_other_origin(void **state)
{
	struct conn *conn;
	struct response response;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, "OPTIONS /ingest HTTP/1.1\r\n" HOST "Origin: http://a\r\n\r\n");
	response = expect(conn, 204);
	assert_string_equal(field(&response, "Allow"), "POST, OPTIONS");
	assert_null(field(&response, "Access-Control-Allow-Origin"));
	say(conn, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
	response = expect(conn, 204);
	assert_string_equal(field(&response, "Allow"), "GET, HEAD, POST, OPTIONS");
	say(conn, "OPTIONS /nowhere HTTP/1.1\r\n" HOST "\r\n");
	(void)expect(conn, 404);
	say(conn, "PUT /roots HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	response = expect(conn, 405);
	assert_string_equal(field(&response, "Allow"), "GET, HEAD, OPTIONS");
}

static void head_is_a_get_without_its_body(void **state)
{
	struct conn *conn;
	struct response response;
	char length[32];

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET("/version"));
	response = expect(conn, 200);
	(void)snprintf(length, sizeof length, "%zu", response.body_bytes);
	say(conn, "HEAD /version HTTP/1.1\r\n" HOST "\r\n");
	response = hear_of(conn, true);
	assert_int_equal(response.status, 200);
	assert_string_equal(field(&response, "Content-Length"), length);
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
}

static void a_listed_name_is_ours(void **state)
{
	struct conn *conn;

	(void)state;
	h.config.api_host_names.count = 1;
	(void)snprintf(h.config.api_host_names.texts[0], CONFIG_NAME_BYTES_MAX, "ledger.example");
	start();
	conn = connect_tcp();
	say(conn, "GET /healthz HTTP/1.1\r\nHost: Ledger.example:5082\r\n\r\n");
	(void)expect(conn, 200);
	say(conn, "GET /healthz HTTP/1.1\r\nHost: [::1]:5082\r\n\r\n");
	(void)expect(conn, 200);
	say(conn, "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	(void)expect(conn, 421);
}

static void a_good_correlation_id_comes_back_and_another_is_replaced(void **state)
{
	static const char uuid[] = "9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10";
	static const char ulid[] = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
	struct conn *conn;
	struct response response;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, "GET /healthz HTTP/1.1\r\n" HOST
		  "X-Corr-ID: 9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\r\n\r\n");
	response = expect(conn, 200);
	assert_string_equal(field(&response, "X-Corr-ID"), uuid);
	assert_string_equal(field(&response, "X-Request-Id"), uuid);
	say(conn, "GET /healthz HTTP/1.1\r\n" HOST "X-Request-Id: 01ARZ3NDEKTSV4RRFFQ69G5FAV\r\n"
		  "\r\n");
	response = expect(conn, 200);
	assert_string_equal(field(&response, "X-Corr-ID"), ulid);
	say(conn, "GET /healthz HTTP/1.1\r\n" HOST "X-Corr-ID: <script>\r\n\r\n");
	response = expect(conn, 200);
	assert_int_equal(strlen(field(&response, "X-Corr-ID")), 36);
}

static void errors_are_told_in_the_envelope_of_the_route(void **state)
{
	struct conn *conn;
	struct response response;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, "GET /nowhere HTTP/1.1\r\n" HOST
		  "X-Corr-ID: 9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\r\n\r\n");
	response = expect(conn, 404);
	expect_body(&response, "{\"error\":{\"code\":\"NotFound\",\"message\":\"there is no such "
			       "path\",\"corr_id\":\"9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\"}}");
	say(conn, INGEST_HEAD "Content-Length: 1048577\r\n\r\n");
	response = expect(conn, 413);
	expect_body(&response,
		"{\"accepted\":false,\"seq_start\":null,\"seq_end\":null,\"new_root\":null,"
		"\"reasons\":[{\"idx\":0,\"reason\":\"too_large\",\"details\":\"the body is "
		"larger than limits.max_body_bytes\"}]}");
}

/* --- what it says of the node --- */

static void health_says_ok_before_anything_is_linked(void **state)
{
	struct conn *conn;
	struct response response;

	(void)state;
	start_alone();
	conn = connect_tcp();
	say(conn, GET("/healthz"));
	response = expect(conn, 200);
	assert_memory_equal(response.body, "{\"ok\":true,\"version\":\"", 22);
	say(conn, GET("/readyz"));
	response = expect(conn, 503);
	assert_non_null(field(&response, "Retry-After"));
	assert_non_null(strstr(response.body, "\"reason\":\"starting:supervisor\""));
	assert_non_null(strstr(response.body, "\"missing\":[\"kms\",\"policy\",\"sequencer\","
					      "\"storage\",\"archive\",\"wallet\"]"));
	say_ingest(conn, "{}");
	response = expect(conn, 503);
	assert_string_equal(field(&response, "Retry-After"), "1");
	say(conn, GET("/roots"));
	(void)expect(conn, 503);
}

static void readiness_is_what_the_supervisor_said(void **state)
{
	struct oap_readiness lagging = all_ready;
	struct conn *conn;
	struct response response;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET("/readyz"));
	response = expect(conn, 200);
	expect_body(&response,
		"{\"ready\":true,\"degraded\":false,\"kms_ready\":true,\"policy_ready\":true,"
		"\"wallet_ready\":true,"
		"\"backpressure_ok\":true,\"committer_lag_ms\":3,\"pq_mode\":\"off\","
		"\"amnesia\":false,"
		"\"missing\":[],\"deps\":{\"config\":\"loaded\",\"network\":\"ok\","
		"\"storage\":\"ok\"}}");
	lagging.ready = 0;
	lagging.degraded = 1;
	lagging.kms_ready = 0;
	lagging.reason = (struct slice){ (const uint8_t *)"down:kms; committer_lag", 23 };
	harness_send_readiness(&h.control, 0, &lagging);
	harness_settle(&h);
	say(conn, GET("/readyz"));
	response = expect(conn, 503);
	assert_string_equal(field(&response, "Retry-After"), "5");
	expect_body(&response,
		"{\"ready\":false,\"degraded\":true,\"kms_ready\":false,\"policy_ready\":true,"
		"\"wallet_ready\":true,"
		"\"backpressure_ok\":false,\"committer_lag_ms\":3,\"pq_mode\":\"off\","
		"\"amnesia\":false,"
		"\"reason\":\"down:kms; committer_lag\",\"missing\":[\"kms\"],\"deps\":{"
		"\"config\":\"loaded\",\"network\":\"ok\",\"storage\":\"ok\"},"
		"\"retry_after\":5}");
}

static void writes_fail_closed_and_reads_go_on_in_safe_mode(void **state)
{
	struct oap_readiness safe = all_ready;
	struct conn *conn;
	struct response response;

	(void)state;
	start();
	safe.ready = 0;
	safe.safe_mode = 1;
	harness_send_readiness(&h.control, 0, &safe);
	harness_settle(&h);
	conn = connect_tcp();
	say_ingest(conn, "{}");
	response = expect(conn, 503);
	assert_non_null(strstr(response.body, "\"reason\":\"internal\",\"details\":\"safe_mode\""));
	safe.disk_full = 1;
	harness_send_readiness(&h.control, 0, &safe);
	harness_settle(&h);
	say_ingest(conn, "{}");
	response = expect(conn, 503);
	assert_non_null(strstr(response.body, "\"reason\":\"internal\",\"details\":\"disk_full\""));
	say(conn, GET("/roots"));
	harness_send_roots(archive, take(ROUTE_ROOTS), &(struct oap_roots){ .next = 1 });
	response = expect(conn, 200);
	expect_body(&response, "{\"roots\":[],\"next\":1}");
}

/* --- time --- */

static void a_head_that_does_not_end_is_a_408(void **state)
{
	struct conn *conn;

	(void)state;
	h.config.api_read_timeout_ms = 50;
	start();
	conn = connect_tcp();
	say(conn, "GET /healthz HTT");
	(void)expect(conn, 408);
	expect_end(conn);
}

static void a_body_that_does_not_end_is_a_408(void **state)
{
	struct conn *conn;

	(void)state;
	h.config.api_read_timeout_ms = 50;
	start();
	conn = connect_tcp();
	say(conn, INGEST_HEAD "Content-Length: 10\r\n\r\n{");
	(void)expect(conn, 408);
	expect_end(conn);
	harness_expect_nothing(checker);
	assert_int_equal(counted(METRIC_IO_TIMEOUTS, METRIC_IO_READ), 1);
}

static void who_says_nothing_is_left_in_silence(void **state)
{
	struct conn *fresh, *used;

	(void)state;
	h.config.api_idle_timeout_ms = 50;
	start();
	fresh = connect_tcp();
	used = connect_tcp();
	say(used, GET("/healthz"));
	(void)expect(used, 200);
	expect_end(fresh);
	expect_end(used);
}

static void a_connection_too_many_is_told_so(void **state)
{
	struct conn *first, *second;

	(void)state;
	h.config.api_max_conns = 1;
	start();
	first = connect_tcp();
	say(first, GET("/healthz"));
	(void)expect(first, 200);
	second = connect_tcp();
	(void)expect(second, 503);
	assert_int_equal(counted(METRIC_BUSY_REJECTIONS, METRIC_BUSY_INGRESS), 1);
	assert_int_equal(counted(METRIC_REJECTED, metrics_label_reason(REASON_BUSY)), 1);
	hang_up(first);
	/* there is room again as soon as the end of the first was seen */
	for (int status = 503; status == 503;) {
		second = connect_tcp();
		say(second, GET("/healthz"));
		status = hear(second).status;
		hang_up(second);
	}
}

static void the_rate_is_a_second_of_burst(void **state)
{
	struct conn *conn;
	struct response response;

	(void)state;
	h.config.limits_rps = 2;
	h.config.concurrency_ingress_workers = 2; /* one a second is our share */
	start();
	conn = connect_tcp();
	say(conn, GET("/roots"));
	harness_send_roots(archive, take(ROUTE_ROOTS), &(struct oap_roots){ .next = 1 });
	(void)expect(conn, 200);
	say(conn, GET("/roots"));
	response = expect(conn, 429);
	assert_string_equal(field(&response, "Retry-After"), "1");
	assert_int_equal(counted(METRIC_QUOTA_EXHAUSTIONS, METRIC_PLAIN), 1);
	say(conn, GET("/healthz")); /* the node's own health is not rationed */
	(void)expect(conn, 200);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_ingress, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(each_row_is_answered_as_it_says),
		TEST(what_is_too_long_is_named_by_its_kind),
		TEST(options_names_the_methods_and_allows_no_other_origin),
		TEST(head_is_a_get_without_its_body),
		TEST(a_listed_name_is_ours),
		TEST(a_good_correlation_id_comes_back_and_another_is_replaced),
		TEST(errors_are_told_in_the_envelope_of_the_route),
		TEST(health_says_ok_before_anything_is_linked),
		TEST(readiness_is_what_the_supervisor_said),
		TEST(writes_fail_closed_and_reads_go_on_in_safe_mode),
		TEST(a_head_that_does_not_end_is_a_408),
		TEST(a_body_that_does_not_end_is_a_408),
		TEST(who_says_nothing_is_left_in_silence),
		TEST(a_connection_too_many_is_told_so),
		TEST(the_rate_is_a_second_of_burst),
	};
#undef TEST

	return cmocka_run_group_tests_name("ingress http", tests, NULL, NULL);
}
