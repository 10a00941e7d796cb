/* Epochs through ingress: what a client says, and how the rewarder's word comes back to it. The
 * test is prevalidator and rewarder. */
#include "common/reward_reasons.h"
#include "proto/frame.h"
#include "tests/worker/edge_driver.h"

#define EPOCH      "/rewarder/epochs/2025-10-01"
#define BODY       "{\"policy_id\":\"rev42\"}"
#define POST_OF    "POST " EPOCH "/compute HTTP/1.1\r\n" HOST BEARER JSON
#define POST       POST_OF "Content-Length: 21\r\n\r\n" BODY
#define GET_OF(to) "GET " to " HTTP/1.1\r\n" HOST BEARER "\r\n"
#define CORR       "X-Corr-ID: 3f2a7c1e-5d0b-4c8e-9a61-0f2b7d4e8c33\r\n"
#define RESULT     "{\"status\":\"ok\"}"

static struct harness_link *rewarder;

static void start_with_rewarder(void)
{
	struct oap_readiness ready = all_ready;

	start();
	rewarder = harness_link_up(&h, PROCESS_REWARDER, 0);
	ready.rewarder_used = 1;
	ready.rewarder_ready = 1;
	harness_send_readiness(&h.control, 0, &ready);
	harness_settle(&h);
}

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static struct oap_run_reply whole(unsigned status, const char *body)
{
	return (struct oap_run_reply){
		.status = (uint16_t)status,
		.total = strlen(body),
		.body = slice_of(body),
	};
}

static struct oap_run_reply refusal(enum reward_reason reason)
{
	return (struct oap_run_reply){
		.status = reward_errors_row(reward_reasons_error(reason))->status,
		.reason = (uint8_t)reason,
	};
}

static void a_run_is_answered_by_the_rewarder(void **state)
{
	struct oap_request request;
	struct oap_run_reply reply = whole(200, RESULT);
	struct response response;
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start_with_rewarder();
	conn = connect_tcp();
	say(conn, POST);
	ticket = take_request(ROUTE_REWARD_COMPUTE, &request);
	expect_slice(request.query, "2025-10-01");
	expect_slice(request.body, BODY);
	assert_int_equal(request.wait_ms, 0);
	harness_send_run_reply(rewarder, ticket, &reply);
	response = expect(conn, 200);
	expect_body(&response, RESULT);
	assert_string_equal(field(&response, "Content-Type"), "application/json; charset=utf-8");
	assert_string_equal(field(&response, "Cache-Control"), "no-store");
	assert_null(field(&response, "ETag"));
}

static void a_pending_run_says_where_it_will_be(void **state)
{
	struct oap_run_reply reply = whole(202, "{\"status\":\"pending\"}");
	struct response response;
	struct conn *conn;

	(void)state;
	start_with_rewarder();
	conn = connect_tcp();
	say(conn, POST);
	reply.location = slice_of(EPOCH);
	reply.retry_after_s = 2;
	harness_send_run_reply(rewarder, take(ROUTE_REWARD_COMPUTE), &reply);
	response = expect(conn, 202);
	assert_string_equal(field(&response, "Location"), EPOCH);
	assert_string_equal(field(&response, "Retry-After"), "2");
}

static void what_a_client_waits_is_told(void **state)
{
	static const char *const bad[] = { "0", "5001", "-1", "1.5", "x", "", "01", "99999999999" };
	struct oap_request request;
	struct oap_run_reply reply = whole(200, RESULT);
	char text[1024];

	(void)state;
	start_with_rewarder();
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct conn *conn = connect_tcp();
		struct response response;

		(void)snprintf(text, sizeof text,
			POST_OF "X-Request-Deadline-Ms: %s\r\nContent-Length: 21\r\n\r\n" BODY,
			bad[i]);
		say(conn, text);
		response = expect(conn, 400);
		assert_non_null(strstr(response.body, "\"reason\":\"schema\""));
		hang_up(conn);
	}
	for (unsigned wait_ms = 1; wait_ms <= 5000; wait_ms += 4999) {
		struct conn *conn = connect_tcp();
		uint64_t ticket;

		(void)snprintf(text, sizeof text,
			POST_OF "X-Request-Deadline-Ms: %u\r\nContent-Length: 21\r\n\r\n" BODY,
			wait_ms);
		say(conn, text);
		ticket = take_request(ROUTE_REWARD_COMPUTE, &request);
		assert_int_equal(request.wait_ms, wait_ms);
		harness_send_run_reply(rewarder, ticket, &reply);
		(void)expect(conn, 200);
	}
}

/* Goal: the envelope is the contract's for each reason there is. */
static void each_reason_has_its_error(void **state)
{
	struct conn *conn;

	(void)state;
	start_with_rewarder();
	conn = connect_tcp();
	for (unsigned reason = 1; reason < REWARD_REASON_COUNT; reason++) {
		const struct reward_error_row *row =
			reward_errors_row(reward_reasons_error(reason));
		struct oap_run_reply reply = refusal((enum reward_reason)reason);
		struct response response;
		char wanted[1024];

		say(conn, POST_OF CORR "Content-Length: 21\r\n\r\n" BODY);
		harness_send_run_reply(rewarder, take(ROUTE_REWARD_COMPUTE), &reply);
		response = expect(conn, row->status);
		(void)snprintf(wanted, sizeof wanted,
			"{\"error\":{\"code\":\"%s\",\"message\":\"%s\",\"corr_id\":"
			"\"3f2a7c1e-5d0b-4c8e-9a61-0f2b7d4e8c33\",\"details\":{\"reason\":\"%s\"%s}"
			"}}",
			row->code, reward_reasons_text(reason), reward_reasons_name(reason),
			reason == REWARD_REASON_CAP_TIMEOUT ? ",\"cap_timeout\":true" : "");
		expect_body(&response, wanted);
		assert_true((field(&response, "Retry-After") != NULL) == (row->retry_after_s > 0));
	}
	assert_int_equal(counted(METRIC_REWARD_REJECTS, REWARD_LABEL_COST_CAP), 2);
}

/* Goal: what stands beside the error of a quarantined run, and in its details. */
static void a_quarantined_run_is_told_with_the_error(void **state)
{
	struct oap_run_reply reply = refusal(REWARD_REASON_INVARIANT);
	struct response response;
	struct conn *conn;

	(void)state;
	start_with_rewarder();
	conn = connect_tcp();
	say(conn, POST_OF CORR "Content-Length: 21\r\n\r\n" BODY);
	reply.text = slice_of("sum of payouts exceeds pool_total");
	reply.details = slice_of("\"kind\":\"conservation\"");
	reply.body = slice_of("\"status\":\"quarantined\",\"reason\":\"conservation\"");
	reply.retry_after_s = 7;
	harness_send_run_reply(rewarder, take(ROUTE_REWARD_COMPUTE), &reply);
	response = expect(conn, 409);
	expect_body(&response,
		"{\"error\":{\"code\":\"QUARANTINED\",\"message\":\"sum of payouts exceeds "
		"pool_total\",\"corr_id\":\"3f2a7c1e-5d0b-4c8e-9a61-0f2b7d4e8c33\",\"details\":{"
		"\"reason\":\"invariant\",\"kind\":\"conservation\"}},\"status\":\"quarantined\","
		"\"reason\":\"conservation\"}");
}

static void what_a_prevalidator_refuses_has_the_same_form(void **state)
{
	static const char denied[] = "the token names no single tenant";
	struct response response;
	struct conn *conn;

	(void)state;
	start_with_rewarder();
	conn = connect_tcp();
	say(conn, POST);
	harness_send_refused(checker, take(ROUTE_REWARD_COMPUTE),
		&(struct oap_refused){ .status = 403,
			.reason = REASON_CAP_INVALID,
			.reward_reason = REWARD_REASON_TENANT,
			.detail = slice_of(denied) });
	response = expect(conn, 403);
	assert_non_null(strstr(response.body, "\"code\":\"UNAUTHORIZED\""));
	assert_non_null(strstr(response.body, denied));
	assert_non_null(strstr(response.body, "\"details\":{\"reason\":\"caveat\"}"));
	say(conn, POST); /* by its status alone */
	refuse(take(ROUTE_REWARD_COMPUTE), 401, REASON_UNAUTH, "a token is needed");
	response = expect(conn, 401);
	assert_non_null(strstr(response.body, "\"code\":\"UNAUTHENTICATED\""));
	assert_string_equal(field(&response, "WWW-Authenticate"), "Bearer");
}

static void what_http_refuses_has_the_same_form(void **state)
{
	static const struct {
		const char *request;
		int status;
		const char *code, *reason;
	} rows[] = {
		{ "GET /rewarder/nowhere HTTP/1.1\r\n" HOST "\r\n", 404, "NOT_FOUND", "route" },
		{ "DELETE " EPOCH " HTTP/1.1\r\n" HOST "\r\n", 405, "BAD_REQUEST", "method" },
		{ "POST " EPOCH "/compute HTTP/1.1\r\n" HOST BEARER
		  "Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
			415, "BAD_REQUEST", "media_type" },
		{ "POST " EPOCH "/compute?x=1 HTTP/1.1\r\n" HOST BEARER JSON
		  "Content-Length: 0\r\n\r\n",
			400, "BAD_REQUEST", "schema" },
		{ "POST " EPOCH "/compute HTTP/1.1\r\n" HOST BEARER JSON
		  "Content-Length: 1048577\r\n\r\n",
			413, "BAD_REQUEST", "oversize" },
		{ "GET /rewarder//x HTTP/1.1\r\n" HOST "\r\n", 400, "BAD_REQUEST", "http" },
	};

	(void)state;
	start_with_rewarder();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct conn *conn = connect_tcp();
		struct response response;
		char wanted[128];

		say(conn, rows[i].request);
		response = expect(conn, rows[i].status);
		(void)snprintf(wanted, sizeof wanted, "{\"error\":{\"code\":\"%s\"", rows[i].code);
		assert_memory_equal(response.body, wanted, strlen(wanted));
		(void)snprintf(
			wanted, sizeof wanted, "\"details\":{\"reason\":\"%s\"}}}", rows[i].reason);
		assert_non_null(strstr(response.body, wanted));
	}
}

/* Goal: a manifest of any length takes one piece of memory at a time. */
static void a_manifest_is_pulled_piece_by_piece(void **state)
{
	static char bytes[150001];
	struct oap_request request;
	struct response response;
	struct conn *conn;
	uint64_t at = 0;

	(void)state;
	memset(bytes, 'x', sizeof bytes - 1);
	start_with_rewarder();
	conn = connect_tcp();
	say(conn, GET_OF(EPOCH "/manifest"));
	while (at < sizeof bytes - 1) {
		uint64_t ticket = take_request(ROUTE_REWARD_MANIFEST, &request);
		size_t count = sizeof bytes - 1 - at < 65536 ? sizeof bytes - 1 - at : 65536;
		struct oap_run_reply reply = {
			.status = 200,
			.cache = RUN_CACHE_IMMUTABLE,
			.total = sizeof bytes - 1,
			.offset = at,
			.etag = slice_of("b3:00"),
			.body = { (const uint8_t *)bytes + at, count },
		};

		expect_slice(request.query, "2025-10-01");
		assert_int_equal(request.offset, at);
		harness_send_run_reply(rewarder, ticket, &reply);
		at += count;
	}
	response = expect(conn, 200);
	assert_int_equal(response.body_bytes, sizeof bytes - 1);
	assert_string_equal(field(&response, "ETag"), "\"b3:00\"");
	assert_string_equal(
		field(&response, "Cache-Control"), "private, max-age=31536000, immutable");
}

static void a_reply_that_cannot_be_one_is_accused(void **state)
{
	struct oap_run_reply bad[] = { whole(200, RESULT), whole(204, RESULT), whole(200, RESULT),
		whole(200, RESULT), whole(200, RESULT), refusal(REWARD_REASON_STALE),
		whole(200, RESULT), whole(200, "") };
	struct conn *conn;

	(void)state;
	bad[0].total = 3;
	bad[2].etag = slice_of("a\"b");
	bad[3].location = slice_of("/x\r\nSet-Cookie: y");
	bad[4].reason = REWARD_REASON_COUNT;
	bad[5].status = 409;
	bad[6].cache = 2;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		start_with_rewarder();
		conn = connect_tcp();
		say(conn, POST);
		harness_send_run_reply(rewarder, take(ROUTE_REWARD_COMPUTE), &bad[i]);
		harness_expect_accusation(rewarder, OAP_RUN_REPLY, ERR_MALFORMED);
		(void)tear_down(NULL);
		(void)set_up_ingress(NULL);
	}
	start_with_rewarder();
	conn = connect_tcp();
	say(conn, GET("/roots"));
	harness_send_run_reply(rewarder, take(ROUTE_ROOTS), &bad[0]);
	harness_expect_accusation(rewarder, OAP_RUN_REPLY, ERR_MALFORMED);
}

static void a_node_without_a_rewarder_says_so(void **state)
{
	struct response response;
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET_OF(EPOCH));
	response = expect(conn, 404);
	assert_non_null(strstr(response.body, "rewarder.enabled is off"));
	assert_non_null(strstr(response.body, "\"code\":\"NOT_FOUND\""));
}

/* Goal: an edge that was born a moment ago does not say so of a node that has one. */
static void an_edge_that_knows_nothing_yet_says_starting(void **state)
{
	struct response response;
	struct conn *conn;

	(void)state;
	start_alone();
	conn = connect_tcp();
	say(conn, POST);
	response = expect(conn, 503);
	assert_non_null(strstr(response.body, "\"code\":\"DEPENDENCY_UNAVAILABLE\""));
	say(conn, GET_OF(EPOCH));
	response = expect(conn, 503);
	assert_non_null(strstr(response.body, "\"code\":\"DEPENDENCY_UNAVAILABLE\""));
	harness_send_readiness(&h.control, 0, &all_ready);
	harness_settle(&h);
	say(conn, GET_OF(EPOCH));
	(void)expect(conn, 404);
}

static void a_rewarder_that_is_gone_is_a_dependency(void **state)
{
	struct response response;
	struct conn *conn;

	(void)state;
	start_with_rewarder();
	conn = connect_tcp();
	say(conn, POST);
	(void)take(ROUTE_REWARD_COMPUTE);
	harness_link_down(rewarder);
	response = expect(conn, 503);
	assert_non_null(strstr(response.body, "\"code\":\"DEPENDENCY_UNAVAILABLE\""));
	assert_string_equal(field(&response, "Retry-After"), "5");
	say(conn, GET_OF(EPOCH));
	response = expect(conn, 503);
	assert_non_null(strstr(response.body, "dep_outage"));
}

/* --- OAP/1 --- */

static void say_frame(struct conn *conn, uint16_t verb, const char *text)
{
	uint8_t bytes[512];
	struct frame_head head = {
		.flags = FRAME_REQ | FRAME_END,
		.verb = verb,
		.corr_id = 77,
		.payload_bytes = (uint32_t)(2 + 5 + strlen(text)),
	};

	frame_encode(&head, bytes);
	memcpy(bytes + FRAME_HEAD_BYTES, "\5\0token", 7);
	memcpy(bytes + FRAME_HEAD_BYTES + 7, text, strlen(text));
	say_bytes(conn, bytes, FRAME_HEAD_BYTES + head.payload_bytes);
}

static void each_route_has_its_verb(void **state)
{
	static const struct {
		uint16_t verb;
		enum route route;
		const char *text;
		bool is_write;
	} rows[] = {
		{ 0x0030, ROUTE_REWARD_COMPUTE, BODY, true },
		{ 0x0031, ROUTE_REWARD_EPOCH, "2025-10-01", false },
		{ 0x0032, ROUTE_REWARD_MANIFEST, "2025-10-01", false },
		{ 0x0033, ROUTE_REWARD_RUNS, "held=true", false },
		{ 0x0034, ROUTE_REWARD_RELEASE, BODY, true },
		{ 0x0035, ROUTE_REWARD_POLICY_PUT, BODY, true },
		{ 0x0036, ROUTE_REWARD_POLICY, "rev42", false },
	};
	struct conn *conn;

	(void)state;
	start_with_rewarder();
	conn = connect_local();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct oap_run_reply reply = whole(200, RESULT);
		struct frame_head head = { 0 };
		struct oap_request request;
		uint64_t ticket;

		say_frame(conn, rows[i].verb, rows[i].text);
		ticket = take_request(rows[i].route, &request);
		assert_int_equal(request.is_oap, 1);
		expect_slice(rows[i].is_write ? request.body : request.query, rows[i].text);
		harness_send_run_reply(rewarder, ticket, &reply);
		assert_int_equal(
			frame_decode((struct slice){ (const uint8_t *)hear_bytes(conn,
							     FRAME_HEAD_BYTES + strlen(RESULT)),
					     FRAME_HEAD_BYTES + strlen(RESULT) },
				&head),
			FRAME_OK);
		assert_int_equal(head.verb, rows[i].verb);
		assert_int_equal(head.corr_id, 77);
		forget(conn, FRAME_HEAD_BYTES + strlen(RESULT));
	}
}

/* --- what is served of the description --- */

static void the_description_is_served(void **state)
{
	struct response response;
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET("/openapi.json"));
	response = expect(conn, 200);
	assert_memory_equal(response.body, "{\"openapi\":\"3.1.0\"", 18);
	say(conn, GET("/schema/compute.json"));
	response = expect(conn, 200);
	assert_non_null(strstr(response.body, "\"additionalProperties\":false"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_ingress, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_run_is_answered_by_the_rewarder),
		TEST(a_pending_run_says_where_it_will_be),
		TEST(what_a_client_waits_is_told),
		TEST(each_reason_has_its_error),
		TEST(a_quarantined_run_is_told_with_the_error),
		TEST(what_a_prevalidator_refuses_has_the_same_form),
		TEST(what_http_refuses_has_the_same_form),
		TEST(a_manifest_is_pulled_piece_by_piece),
		TEST(a_reply_that_cannot_be_one_is_accused),
		TEST(a_node_without_a_rewarder_says_so),
		TEST(an_edge_that_knows_nothing_yet_says_starting),
		TEST(a_rewarder_that_is_gone_is_a_dependency),
		TEST(each_route_has_its_verb),
		TEST(the_description_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
