/* OAP/1 on the local socket of ingress. */
#include <inttypes.h>

#include "core/grant.h"
#include "proto/frame.h"
#include "tests/worker/edge_driver.h"

#define CORR UINT64_C(0x1122334455667788)

struct reply {
	struct frame_head head;
	char payload[70000];
};

static void say_frame(
	struct conn *conn, uint16_t verb, uint16_t flags, const void *payload, size_t payload_bytes)
{
	struct frame_head head = {
		.flags = flags,
		.verb = verb,
		.corr_id = CORR,
		.payload_bytes = (uint32_t)payload_bytes,
	};
	uint8_t bytes[FRAME_HEAD_BYTES];

	frame_encode(&head, bytes);
	say_bytes(conn, bytes, sizeof bytes);
	say_bytes(conn, payload, payload_bytes);
}

/* token, then text */
static void say_with_token(struct conn *conn, uint16_t verb, const char *token, const char *text)
{
	char payload[20000];
	size_t token_bytes = strlen(token);

	payload[0] = (char)token_bytes;
	payload[1] = 0;
	memcpy(payload + 2, token, token_bytes);
	memcpy(payload + 2 + token_bytes, text, strlen(text));
	say_frame(conn, verb, FRAME_REQ, payload, 2 + token_bytes + strlen(text));
}

static const struct reply *hear_frame(struct conn *conn, uint16_t verb, uint16_t flags)
{
	static struct reply reply;
	const uint8_t *bytes = (const uint8_t *)hear_bytes(conn, FRAME_HEAD_BYTES);

	assert_int_equal(
		frame_decode((struct slice){ bytes, FRAME_HEAD_BYTES }, &reply.head), FRAME_OK);
	bytes = (const uint8_t *)hear_bytes(conn, FRAME_HEAD_BYTES + reply.head.payload_bytes);
	assert_in_range(reply.head.payload_bytes, 0, FRAME_CHUNK_BYTES_MAX);
	memcpy(reply.payload, bytes + FRAME_HEAD_BYTES, reply.head.payload_bytes);
	reply.payload[reply.head.payload_bytes] = '\0';
	forget(conn, FRAME_HEAD_BYTES + reply.head.payload_bytes);
	assert_int_equal(reply.head.verb, verb);
	assert_int_equal(reply.head.flags, flags);
	assert_int_equal(reply.head.corr_id, CORR);
	return &reply;
}

static const char *hear_answer(struct conn *conn, uint16_t verb)
{
	return hear_frame(conn, verb, FRAME_RESP | FRAME_END)->payload;
}

static void expect_error(struct conn *conn, uint16_t verb, const char *code)
{
	char wanted[128];
	const char *payload = hear_answer(conn, verb);

	(void)snprintf(wanted, sizeof wanted, "{\"error\":{\"code\":\"%s\",", code);
	if (strncmp(payload, wanted, strlen(wanted)) != 0) {
		fail_msg("%s, not %s", payload, code);
	}
	(void)snprintf(wanted, sizeof wanted, "\"corr_id\":\"%" PRIu64 "\"", CORR);
	assert_non_null(strstr(payload, wanted));
}

/* --- verbs --- */

static void the_socket_speaks_both(void **state)
{
	struct conn *http, *oap;

	(void)state;
	start();
	http = connect_local();
	oap = connect_local();
	say(http, GET("/healthz"));
	(void)expect(http, 200);
	say_frame(oap, 0x0011, FRAME_REQ | FRAME_END, "since=4", 7);
	struct oap_request request;
	uint64_t ticket = take_request(ROUTE_ROOTS, &request);
	assert_int_equal(request.is_oap, 1);
	assert_int_equal(request.peer_class, GRANT_PEER_UNIX);
	expect_slice(request.query, "since=4");
	harness_send_roots(archive, ticket, &(struct oap_roots){ .next = 5 });
	assert_string_equal(hear_answer(oap, 0x0011), "{\"roots\":[],\"next\":5}");
}

/* Goal: a frame whose first byte is a letter is told from a method by its fourth byte. */
static void a_length_that_looks_like_a_letter_is_a_length(void **state)
{
	struct conn *conn;
	char payload[256];

	(void)state;
	start();
	conn = connect_local();
	memset(payload, '0', sizeof payload);
	memcpy(payload, "since=", 6);
	say_frame(conn, 0x0011, FRAME_REQ, payload, 'G' - FRAME_LEN_MIN);
	(void)take(ROUTE_ROOTS);
}

static void ping_crosses_three_roles(void **state)
{
	struct oap_probe probe;
	struct conn *conn;
	const char *pong;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_local();
	say_frame(conn, 0x0001, FRAME_REQ, "{}", 2);
	ticket = harness_expect_probe(checker, &probe);
	harness_send_probe_echo(sequencer, ticket, &(struct oap_probe_echo){ probe.nonce });
	pong = hear_answer(conn, 0x0002);
	assert_memory_equal(
		pong, "{\"ready\":true,\"echoed\":true,\"snapshot\":{\"ready\":true,", 52);
	say_frame(conn, 0x0001, FRAME_REQ, "{}", 2);
	ticket = harness_expect_probe(checker, &probe);
	harness_send_probe_refused(checker, ticket, &(struct oap_probe_refused){ REASON_BUSY });
	pong = hear_answer(conn, 0x0002);
	assert_memory_equal(pong, "{\"ready\":false,\"echoed\":false,", 30);
	harness_link_down(sequencer);
	harness_settle(&h);
	say_frame(conn, 0x0001, FRAME_REQ, "{}", 2);
	pong = hear_answer(conn, 0x0002);
	assert_memory_equal(pong, "{\"ready\":false,\"echoed\":false,", 30);
}

static void a_probe_that_comes_back_changed_accuses(void **state)
{
	struct oap_probe probe;
	struct conn *conn;

	(void)state;
	start();
	conn = connect_local();
	say_frame(conn, 0x0001, FRAME_REQ, "", 0);
	uint64_t ticket = harness_expect_probe(checker, &probe);
	harness_send_probe_echo(sequencer, ticket, &(struct oap_probe_echo){ probe.nonce + 1 });
	harness_expect_accusation(sequencer, OAP_PROBE_ECHO, ERR_CONFLICT);
}

static void ingest_takes_token_and_body(void **state)
{
	struct oap_request request;
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_local();
	say_with_token(conn, 0x0010, "secret", "{\"batch\":[]}");
	ticket = take_request(ROUTE_INGEST, &request);
	expect_slice(request.token, "secret");
	expect_slice(request.body, "{\"batch\":[]}");
	admit(ticket, 9);
	assert_string_equal(hear_answer(conn, 0x0010),
		"{\"accepted\":true,\"seq_start\":9,\"seq_end\":9,\"new_root\":\"" ZERO_ROOT
		"\",\"reasons\":[]}");
	say_with_token(conn, 0x0010, "", "{}");
	refuse(take(ROUTE_INGEST), 401, REASON_UNAUTH, "");
	assert_string_equal(hear_answer(conn, 0x0010),
		"{\"accepted\":false,\"seq_start\":null,\"seq_end\":null,\"new_root\":null,"
		"\"reasons\":[{\"idx\":0,\"reason\":\"unauth\"}]}");
}

static void a_large_body_waits_for_proceed(void **state)
{
	static char payload[100000 + 2];
	struct oap_request request;
	struct conn *conn;
	uint64_t ticket;
	uint32_t done = 0;

	(void)state;
	start();
	conn = connect_local();
	memset(payload + 2, 'x', sizeof payload - 2);
	say_frame(conn, 0x0010, FRAME_REQ, payload, sizeof payload);
	ticket = take_request(ROUTE_INGEST, &request);
	assert_int_equal(request.body_bytes, 100000);
	harness_expect_nothing(checker);
	harness_send_proceed(checker, ticket, &(struct oap_proceed){ 100000 });
	while (done < 100000) {
		struct oap_body body;

		(void)harness_expect_body(checker, &body);
		done += (uint32_t)body.bytes.bytes_count;
	}
	admit(ticket, 1);
	(void)hear_answer(conn, 0x0010);
}

static void entry_takes_a_token_and_a_seq(void **state)
{
	struct oap_request request;
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_local();
	say_with_token(conn, 0x0012, "secret", "17");
	ticket = take_request(ROUTE_ENTRY, &request);
	expect_slice(request.token, "secret");
	expect_slice(request.query, "17");
	harness_send_entry(archive, ticket, &(struct oap_entry){ .status = 404 });
	expect_error(conn, 0x0012, "NotFound");
	say_with_token(conn, 0x0012, "bad", "17");
	refuse(take(ROUTE_ENTRY), 403, REASON_CAP_INVALID, "caveat");
	expect_error(conn, 0x0012, "AuthFailed");
}

static void verify_tells_its_progress_and_then_its_end(void **state)
{
	static const char result[] = "{\"ok\":true}";
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_local();
	say_with_token(conn, 0x0013, "secret", "");
	ticket = take(ROUTE_VERIFY);
	harness_send_verified(
		archive, ticket, &(struct oap_verified){ .entries_done = 5, .entries_total = 10 });
	assert_string_equal(hear_frame(conn, 0x0013, FRAME_EVENT)->payload,
		"{\"entries_done\":5,\"entries_total\":10}");
	harness_send_verified(archive, ticket,
		&(struct oap_verified){
			.done = 1, .text = { (const uint8_t *)result, sizeof result - 1 } });
	assert_string_equal(hear_answer(conn, 0x0013), result);
}

/* Goal: a long answer comes in pieces of at most 64 KiB, the last with END. */
static void a_long_answer_comes_in_chunks(void **state)
{
	static uint8_t rows[1365 * 48];
	struct conn *conn;
	const struct reply *reply;

	(void)state;
	start();
	conn = connect_local();
	say_frame(conn, 0x0011, FRAME_REQ, "", 0);
	harness_send_roots(archive, take(ROUTE_ROOTS),
		&(struct oap_roots){ .next = 1, .rows = { rows, sizeof rows } });
	reply = hear_frame(conn, 0x0011, FRAME_RESP | FRAME_CONT);
	assert_int_equal(reply->head.payload_bytes, FRAME_CHUNK_BYTES_MAX);
	assert_memory_equal(reply->payload, "{\"roots\":[{\"seq\":0,", 19);
	reply = hear_frame(conn, 0x0011, FRAME_RESP | FRAME_END);
	assert_memory_equal(reply->payload + reply->head.payload_bytes - 11, "],\"next\":1}", 11);
}

/* --- refusals --- */

static const struct refusal_row {
	const char *what;
	uint16_t verb;
	uint16_t flags;
	const char *payload;
	const char *code;
} refusals[] = {
	{ "an inside verb", 0x0200, FRAME_REQ, "", "NotImplemented" },
	{ "a control verb", 0x0401, FRAME_REQ, "", "NotImplemented" },
	{ "a verb that is not built", 0x0003, FRAME_REQ, "", "NotImplemented" },
	{ "a reply as a request", 0x0002, FRAME_REQ, "", "NotImplemented" },
	{ "compression", 0x0011, FRAME_REQ | FRAME_COMP, "", "NotImplemented" },
	{ "no REQ", 0x0011, FRAME_RESP, "", "BadRequest" },
	{ "a request in pieces", 0x0010, FRAME_REQ | FRAME_CONT, "", "BadRequest" },
	{ "no token", 0x0010, FRAME_REQ, "x", "BadRequest" },
	{ "a token over the payload", 0x0012, FRAME_REQ, "\x05x", "BadRequest" },
	{ "something behind a token", 0x0013, FRAME_REQ, "\x01x", "BadRequest" },
};

static void each_refusal_is_an_error_frame_and_the_end(void **state)
{
	(void)state;
	start();
	for (size_t i = 0; i < COUNT_OF(refusals); i++) {
		const struct refusal_row *row = &refusals[i];
		struct conn *conn = connect_local();

		say_frame(conn, row->verb, row->flags, row->payload, strlen(row->payload));
		if (row->verb != 0x0010) {
			expect_error(conn, row->verb, row->code);
		} else {
			(void)hear_answer(conn, row->verb);
		}
		expect_end(conn);
		close_conns();
	}
	harness_expect_nothing(checker);
}

static void a_bad_version_and_a_bad_length_end_it(void **state)
{
	static const uint8_t version[] = { 29, 0, 0, 0, 2 };
	static const uint8_t too_long[] = { 1, 0, 16, 0, 1 };
	static const uint8_t too_short[] = { 28, 0, 0, 0, 1 };
	static const struct {
		const uint8_t *bytes;
		const char *code;
	} rows[] = {
		{ version, "BadVersion" },
		{ too_long, "FrameTooLarge" },
		{ too_short, "BadRequest" },
	};

	(void)state;
	start();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct conn *conn = connect_local();
		struct frame_head head;
		const char *bytes;

		say_bytes(conn, rows[i].bytes, 5);
		bytes = hear_bytes(conn, FRAME_HEAD_BYTES + 20);
		assert_int_equal(
			frame_decode(
				(struct slice){ (const uint8_t *)bytes, FRAME_HEAD_BYTES }, &head),
			FRAME_OK);
		assert_int_equal(head.flags, FRAME_RESP | FRAME_END);
		bytes = hear_bytes(conn, FRAME_HEAD_BYTES + head.payload_bytes);
		assert_non_null(strstr(bytes + FRAME_HEAD_BYTES, rows[i].code));
		forget(conn, FRAME_HEAD_BYTES + head.payload_bytes);
		expect_end(conn);
		close_conns();
	}
}

static void a_frame_with_unknown_flags_is_dropped_and_counted(void **state)
{
	struct conn *conn;

	(void)state;
	start();
	conn = connect_local();
	say_frame(conn, 0x0011, FRAME_REQ | 64, "since=1", 7);
	say_frame(conn, 0x0011, FRAME_REQ | 128, "", 0);
	say_frame(conn, 0x0011, FRAME_REQ, "since=2", 7);
	struct oap_request request;
	(void)take_request(ROUTE_ROOTS, &request);
	expect_slice(request.query, "since=2");
	assert_int_equal(counted(METRIC_REJECTED, metrics_label_reason(REASON_UNKNOWN_KIND)), 2);
}

static void half_a_frame_does_not_wait_for_ever(void **state)
{
	struct conn *conn;

	(void)state;
	h.config.api_read_timeout_ms = 50;
	start();
	conn = connect_local();
	say_bytes(conn, "\x20\0\0\0\x01", 5);
	expect_end(conn);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_ingress, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_socket_speaks_both),
		TEST(a_length_that_looks_like_a_letter_is_a_length),
		TEST(ping_crosses_three_roles),
		TEST(a_probe_that_comes_back_changed_accuses),
		TEST(ingest_takes_token_and_body),
		TEST(a_large_body_waits_for_proceed),
		TEST(entry_takes_a_token_and_a_seq),
		TEST(verify_tells_its_progress_and_then_its_end),
		TEST(a_long_answer_comes_in_chunks),
		TEST(each_refusal_is_an_error_frame_and_the_end),
		TEST(a_bad_version_and_a_bad_length_end_it),
		TEST(a_frame_with_unknown_flags_is_dropped_and_counted),
		TEST(half_a_frame_does_not_wait_for_ever),
	};
#undef TEST

	return cmocka_run_group_tests_name("ingress oap", tests, NULL, NULL);
}
