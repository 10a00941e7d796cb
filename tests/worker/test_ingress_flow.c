/* Requests on their way through ingress: order, credit, losses, time. */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "core/grant.h"
#include "proto/links.h"
#include "tests/skip.h"
#include "tests/worker/edge_driver.h"

#define EMPTY_ROOTS "{\"roots\":[],\"next\":1}"

static void send_empty_roots(uint64_t ticket)
{
	harness_send_roots(archive, ticket, &(struct oap_roots){ .next = 1 });
}

static void send_no_entry(uint64_t ticket)
{
	harness_send_entry(archive, ticket, &(struct oap_entry){ .status = 404 });
}

/* --- what is handed on --- */

static void a_write_carries_what_the_client_said_and_nothing_else(void **state)
{
	uint64_t now_ms = (uint64_t)clock_now().monotonic_us / 1000;
	struct oap_request request;
	struct conn *conn;
	struct response response;

	(void)state;
	start();
	conn = connect_tcp();
	say_ingest(conn, "{\"batch\":[]}");
	uint64_t ticket = take_request(ROUTE_INGEST, &request);
	expect_slice(request.token, "token");
	expect_slice(request.query, "");
	expect_slice(request.body, "{\"batch\":[]}");
	assert_int_equal(request.body_bytes, 12);
	assert_int_equal(request.peer_class, GRANT_PEER_TCP);
	assert_int_equal(request.is_oap, 0);
	assert_in_range(request.deadline_mono_ms, now_ms + 4000, now_ms + 25000);
	admit(ticket, 7);
	response = expect(conn, 200);
	expect_body(&response,
		"{\"accepted\":true,\"seq_start\":7,\"seq_end\":7,\"new_root\":\"" ZERO_ROOT
		"\",\"reasons\":[]}");
	assert_string_equal(field(&response, "Content-Type"), "application/json; charset=utf-8");
	assert_string_equal(field(&response, "Cache-Control"), "no-store");
}

/* Goal: everybody behind it reads there whether a request is traced. */
static void the_lowest_bit_of_a_ticket_is_the_clients_word(void **state)
{
	static const char *const flags[] = { "00", "01" };

	(void)state;
	h.config.otel_traces_per_second_max = 1000;
	start();
	for (unsigned i = 0; i < 64; i++) { /* by chance alone it would not hold so often */
		struct oap_request request;
		struct conn *conn = connect_tcp();
		char text[256];
		uint64_t ticket;

		(void)snprintf(text, sizeof text,
			"GET /roots HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
			"traceparent: "
			"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-%s\r\n\r\n",
			flags[i % 2]);
		say(conn, text);
		ticket = take_request(ROUTE_ROOTS, &request);
		assert_int_equal(ticket & 1, i % 2);
		send_empty_roots(ticket);
		(void)expect(conn, 200);
	}
}

static void a_read_carries_its_query_or_its_seq(void **state)
{
	struct oap_request request;
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET("/roots?since=5&limit=2"));
	ticket = take_request(ROUTE_ROOTS, &request);
	expect_slice(request.query, "since=5&limit=2");
	expect_slice(request.token, "");
	send_empty_roots(ticket);
	(void)expect(conn, 200);
	say(conn, GET("/roots"));
	harness_send_roots(archive, take(ROUTE_ROOTS), &(struct oap_roots){ .next = 0 });
	(void)expect(conn, 503); /* no store is open there */
	assert_int_equal(counted(METRIC_REJECTED, metrics_label_reason(REASON_INTERNAL)), 1);
	say(conn, "GET /entries/17 HTTP/1.1\r\n" HOST BEARER "\r\n");
	ticket = take_request(ROUTE_ENTRY, &request);
	expect_slice(request.query, "17");
	expect_slice(request.token, "token");
	send_no_entry(ticket);
	(void)expect(conn, 404);
}

static void a_client_of_the_local_socket_is_known_by_its_uid(void **state)
{
	struct oap_request request;
	struct conn *conn;

	(void)state;
	start();
	conn = connect_local();
	say_ingest(conn, "{}");
	(void)take_request(ROUTE_INGEST, &request);
	assert_int_equal(request.peer_class, GRANT_PEER_UNIX);
	assert_int_equal(request.peer_uid, geteuid());
}

static struct conn *connect_as(uid_t uid)
{
	struct conn *conn;

	assert_int_equal(seteuid(uid), 0);
	conn = connect_local();
	assert_int_equal(seteuid(0), 0);
	return conn;
}

static void a_uid_that_is_not_listed_is_not_let_in(void **state)
{
	struct conn *conn;

	(void)state;
	if (geteuid() != 0) {
		SKIP_ALOUD("needs a second uid");
	}
	h.config.uds_allow_uids = (struct config_numbers){ .count = 1, .values = { 4711 } };
	start();
	assert_int_equal(chmod(h.dir, 0755), 0);
	conn = connect_as(4711);
	struct conn *other = connect_as(4712);
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
	expect_end(other);
	assert_int_equal(counted(METRIC_UDS_DENIED, METRIC_PLAIN), 1);
}

static void a_refusal_of_the_prevalidator_is_told_with_its_place(void **state)
{
	struct conn *conn;
	struct response response;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	say_ingest(conn, "{}");
	ticket = take(ROUTE_INGEST);
	harness_send_refused(checker, ticket,
		&(struct oap_refused){ .status = 401, .reason = REASON_UNAUTH, .entry_index = 3 });
	response = expect(conn, 401);
	assert_string_equal(field(&response, "WWW-Authenticate"), "Bearer");
	assert_non_null(strstr(response.body, "\"reasons\":[{\"idx\":3,\"reason\":\"unauth\"}]"));
	say(conn, GET("/roots?since=x"));
	refuse(take(ROUTE_ROOTS), 400, REASON_UNKNOWN_KIND, "since");
	response = expect(conn, 400);
	assert_non_null(strstr(response.body, "\"code\":\"BadRequest\",\"message\":\"since\""));
}

/* --- pipelines --- */

static void safe_requests_overlap_and_are_answered_in_order(void **state)
{
	uint64_t tickets[16];
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	for (unsigned i = 0; i < 17; i++) {
		say(conn, GET("/entries/1"));
	}
	for (unsigned i = 0; i < 16; i++) {
		tickets[i] = take(ROUTE_ENTRY);
	}
	harness_expect_nothing(checker); /* the seventeenth waits */
	for (unsigned i = 16; i > 1; i--) {
		harness_send_entry(archive, tickets[i - 1],
			&(struct oap_entry){ .status = i % 2 ? 404 : 503 });
	}
	expect_silence(conn);
	send_no_entry(tickets[0]);
	for (unsigned i = 1; i <= 16; i++) {
		(void)expect(conn, i % 2 ? 404 : 503);
	}
	send_no_entry(take(ROUTE_ENTRY));
	(void)expect(conn, 404);
}

static void a_write_is_a_barrier(void **state)
{
	struct conn *conn;
	uint64_t read, write;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET("/entries/1"));
	say_ingest(conn, "{}");
	say_ingest(conn, "{}");
	say(conn, GET("/entries/2"));
	read = take(ROUTE_ENTRY);
	harness_expect_nothing(checker);
	send_no_entry(read);
	(void)expect(conn, 404);
	write = take(ROUTE_INGEST);
	harness_expect_nothing(checker);
	admit(write, 1);
	(void)expect(conn, 200);
	write = take(ROUTE_INGEST);
	harness_expect_nothing(checker);
	admit(write, 2);
	(void)expect(conn, 200);
	send_no_entry(take(ROUTE_ENTRY));
	(void)expect(conn, 404);
}

static void what_is_answered_here_waits_for_its_elders(void **state)
{
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET("/entries/1"));
	say(conn, GET("/healthz"));
	say(conn, GET("/nowhere"));
	uint64_t ticket = take(ROUTE_ENTRY);
	expect_silence(conn);
	harness_send_entry(archive, ticket, &(struct oap_entry){ .status = 503 });
	(void)expect(conn, 503);
	(void)expect(conn, 200);
	(void)expect(conn, 404);
}

/* Goal: more answers than fit the out-buffer come all the same, in one connection. */
static void a_thousand_pipelined_requests_are_answered(void **state)
{
	struct conn *conn;
	unsigned said = 0;

	(void)state;
	start();
	conn = connect_tcp();
	for (unsigned heard = 0; heard < 1000; heard++) {
		while (said < 1000 && said < heard + 100) {
			say(conn, GET("/version"));
			said++;
		}
		(void)expect(conn, 200);
	}
}

static void a_client_that_says_close_is_answered_and_left(void **state)
{
	struct conn *conn;
	struct response response;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, "GET /entries/1 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n" GET("/healthz"));
	send_no_entry(take(ROUTE_ENTRY));
	response = expect(conn, 404);
	assert_string_equal(field(&response, "Connection"), "close");
	expect_end(conn);
}

static void reset(struct conn *conn)
{
	struct linger now = { .l_onoff = 1 };

	assert_int_equal(setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
	hang_up(conn);
}

/* Goal: whatever the moment of the reset, it is that client's alone. */
static void who_resets_amid_its_answers_harms_nobody(void **state)
{
	struct conn *conn;

	(void)state;
	start();
	for (unsigned i = 0; i < 200; i++) {
		conn = connect_tcp();
		for (unsigned said = 0; said <= i % 8; said++) {
			say(conn, GET("/version") GET("/nowhere"));
		}
		reset(conn);
	}
	conn = connect_tcp();
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
}

static void who_shuts_its_side_still_gets_its_answers(void **state)
{
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET("/entries/1") GET("/healthz"));
	assert_int_equal(shutdown(conn->fd, SHUT_WR), 0);
	send_no_entry(take(ROUTE_ENTRY));
	(void)expect(conn, 404);
	(void)expect(conn, 200);
	expect_end(conn);
}

/* --- credit and losses --- */

static void without_credit_anywhere_it_is_busy_at_once(void **state)
{
	struct link_window window = links_window(PROCESS_INGRESS, PROCESS_PREVALIDATOR);
	struct conn *conn = NULL;
	struct response response;

	(void)state;
	start();
	for (unsigned i = 0; i < window.requests; i++) {
		if (i % 16 == 0) {
			conn = connect_tcp();
		}
		say(conn, GET("/entries/1"));
		(void)take(ROUTE_ENTRY);
	}
	conn = connect_tcp();
	say(conn, GET("/entries/1"));
	response = expect(conn, 429);
	assert_string_equal(field(&response, "Retry-After"), "1");
	assert_int_equal(counted(METRIC_BUSY_REJECTIONS, METRIC_BUSY_INGRESS), 1);
	assert_int_equal(counted(METRIC_REJECTED, metrics_label_reason(REASON_BUSY)), 1);
	assert_int_equal(counted(METRIC_QUEUE_DEPTH, METRIC_QUEUE_INGRESS), window.requests);
	harness_send_credit(checker, 0, &(struct oap_credit){ 1, 33 });
	harness_settle(&h);
	say(conn, GET("/entries/1"));
	(void)take(ROUTE_ENTRY);
}

static void the_least_busy_prevalidator_is_asked(void **state)
{
	struct harness_link *second;
	struct oap_request request;
	struct conn *conn;

	(void)state;
	start();
	second = harness_link_up(&h, PROCESS_PREVALIDATOR, 1);
	harness_settle(&h);
	conn = connect_tcp();
	say(conn, GET("/entries/1") GET("/entries/2"));
	(void)take(ROUTE_ENTRY);
	(void)harness_expect_request(second, &request);
	expect_slice(request.query, "2");
}

static void the_loss_of_whoever_has_it_in_hand_is_told_at_once(void **state)
{
	struct conn *conn;
	struct response response;

	(void)state;
	start();
	conn = connect_tcp();
	say_ingest(conn, "{}");
	(void)take(ROUTE_INGEST);
	harness_link_down(sequencer);
	response = expect(conn, 503);
	assert_non_null(field(&response, "Retry-After"));
	assert_non_null(
		strstr(response.body, "\"reason\":\"timeout\",\"details\":\"outcome_unknown\""));
	say_ingest(conn, "{}");
	response = expect(conn, 503);
	assert_non_null(strstr(response.body, "\"details\":\"starting\""));
	say(conn, GET("/entries/1"));
	(void)take(ROUTE_ENTRY);
	harness_link_down(checker);
	response = expect(conn, 503);
	assert_non_null(strstr(response.body, "\"code\":\"Timeout\""));
	say(conn, GET("/entries/1"));
	(void)expect(conn, 503);
}

static void a_reply_of_an_earlier_life_reaches_nobody(void **state)
{
	struct conn *conn;
	uint64_t old, new;

	(void)state;
	start();
	conn = connect_tcp();
	say_ingest(conn, "{}");
	old = take(ROUTE_INGEST);
	checker = harness_link_up(&h, PROCESS_PREVALIDATOR, 0);
	(void)expect(conn, 503);
	say_ingest(conn, "{}");
	new = take(ROUTE_INGEST);
	assert_int_not_equal(old, new);
	admit(old, 1);
	expect_silence(conn);
	assert_int_equal(counted(METRIC_LATE_REPLIES, METRIC_PLAIN), 1);
	admit(new, 2);
	(void)expect(conn, 200);
}

static void the_reply_to_a_client_that_is_gone_is_dropped_and_counted(void **state)
{
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	say_ingest(conn, "{}");
	ticket = take(ROUTE_INGEST);
	reset(conn);
	while (counted(METRIC_CONNECTIONS, METRIC_PLAIN) > 0) {
		harness_settle(&h);
	}
	admit(ticket, 1);
	harness_settle(&h);
	assert_int_equal(counted(METRIC_LATE_REPLIES, METRIC_PLAIN), 1);
}

/* The client did not read slowly: there was nothing to read. */
static void a_deadline_longer_than_the_write_timeout_is_answered_all_the_same(void **state)
{
	struct conn *conn;
	struct response response;

	(void)state;
	h.config.limits_req_timeout_ms = 10;
	h.config.api_write_timeout_ms = 10;
	start();
	conn = connect_tcp();
	say_ingest(conn, "{}");
	(void)take(ROUTE_INGEST);
	response = expect(conn, 503);
	assert_non_null(strstr(response.body, "outcome_unknown"));
}

static void a_deadline_that_passes_leaves_the_outcome_open(void **state)
{
	struct conn *conn;
	struct response response;
	uint64_t ticket;

	(void)state;
	h.config.limits_req_timeout_ms = 10;
	start();
	conn = connect_tcp();
	say_ingest(conn, "{}");
	ticket = take(ROUTE_INGEST);
	response = expect(conn, 503);
	assert_non_null(strstr(response.body, "outcome_unknown"));
	admit(ticket, 1);
	expect_silence(conn);
	assert_int_equal(counted(METRIC_LATE_REPLIES, METRIC_PLAIN), 1);
}

static void unauthorised_answers_are_rationed_for_each_network(void **state)
{
	struct conn *conn;
	unsigned refused = 0, busy = 0;

	(void)state;
	start();
	for (unsigned i = 0; i < 21; i++) { /* all within one second, or the test says nothing */
		conn = connect_tcp();
		say(conn, GET("/entries/1"));
		refuse(take(ROUTE_ENTRY), 401, REASON_UNAUTH, "");
		int status = hear(conn).status;
		refused += status == 401;
		busy += status == 429;
		hang_up(conn);
	}
	assert_int_equal(refused + busy, 21);
	/* whoever refused a token has counted it */
	assert_int_equal(counted(METRIC_REJECTED, metrics_label_reason(REASON_BUSY)), 0);
	assert_int_equal(counted(METRIC_QUOTA_EXHAUSTIONS, METRIC_PLAIN), busy);
	assert_in_range(refused, 20, 21);
}

/* --- siblings that lie --- */

static void an_answer_of_the_wrong_kind_accuses_its_sender(void **state)
{
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET("/entries/1"));
	send_empty_roots(take(ROUTE_ENTRY));
	harness_expect_accusation(archive, OAP_ROOTS, ERR_CONFLICT);
}

static void a_verdict_that_makes_no_sense_accuses_its_sender(void **state)
{
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	say_ingest(conn, "{}");
	harness_send_verdict(sequencer, take(ROUTE_INGEST),
		&(struct oap_verdict){ .status = 207, .accepted = 1 });
	harness_expect_accusation(sequencer, OAP_VERDICT, ERR_MALFORMED);
}

/* --- the end --- */

static void a_drain_finishes_what_is_in_flight_and_takes_nothing_new(void **state)
{
	struct oap_drained drained;
	struct conn *conn;
	struct response response;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	say_ingest(conn, "{}");
	ticket = take(ROUTE_INGEST);
	struct conn *other = connect_tcp();
	say(other, GET("/healthz"));
	(void)expect(other, 200);
	harness_send_drain(&h.control, 0, &(struct oap_drain){ UINT64_MAX });
	harness_settle(&h);
	say_ingest(other, "{}");
	response = expect(other, 503);
	assert_string_equal(field(&response, "Connection"), "close");
	assert_non_null(strstr(response.body, "draining"));
	expect_end(other);
	admit(ticket, 1);
	(void)expect(conn, 200);
	(void)harness_expect_drained(&h.control, &drained);
	assert_int_equal(drained.left_over, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_ingress, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_write_carries_what_the_client_said_and_nothing_else),
		TEST(the_lowest_bit_of_a_ticket_is_the_clients_word),
		TEST(a_read_carries_its_query_or_its_seq),
		TEST(a_client_of_the_local_socket_is_known_by_its_uid),
		TEST(a_uid_that_is_not_listed_is_not_let_in),
		TEST(a_refusal_of_the_prevalidator_is_told_with_its_place),
		TEST(safe_requests_overlap_and_are_answered_in_order),
		TEST(a_write_is_a_barrier),
		TEST(what_is_answered_here_waits_for_its_elders),
		TEST(a_thousand_pipelined_requests_are_answered),
		TEST(a_client_that_says_close_is_answered_and_left),
		TEST(who_resets_amid_its_answers_harms_nobody),
		TEST(who_shuts_its_side_still_gets_its_answers),
		TEST(without_credit_anywhere_it_is_busy_at_once),
		TEST(the_least_busy_prevalidator_is_asked),
		TEST(the_loss_of_whoever_has_it_in_hand_is_told_at_once),
		TEST(a_reply_of_an_earlier_life_reaches_nobody),
		TEST(the_reply_to_a_client_that_is_gone_is_dropped_and_counted),
		TEST(a_deadline_longer_than_the_write_timeout_is_answered_all_the_same),
		TEST(a_deadline_that_passes_leaves_the_outcome_open),
		TEST(unauthorised_answers_are_rationed_for_each_network),
		TEST(an_answer_of_the_wrong_kind_accuses_its_sender),
		TEST(a_verdict_that_makes_no_sense_accuses_its_sender),
		TEST(a_drain_finishes_what_is_in_flight_and_takes_nothing_new),
	};
#undef TEST

	return cmocka_run_group_tests_name("ingress flow", tests, NULL, NULL);
}
