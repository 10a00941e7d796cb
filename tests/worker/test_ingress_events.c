/* GET /v1/events over the edge: pages that wait, streams that go on, and what becomes of them when
 * the client, the archive or the token goes. */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/reads.h"
#include "services/edge/edge.h"
#include "tests/worker/edge_driver.h"

#define GET_PAGE   "GET /v1/events?after=7 HTTP/1.1\r\n" HOST BEARER "\r\n"
#define GET_STREAM "GET /v1/events HTTP/1.1\r\n" HOST BEARER "Accept: text/event-stream\r\n"

/* --- archive's part --- */

static char lines[VERB_REPLY_BYTES_MAX + 1];

/* One line a seq, each of about so many bytes. */
static const char *lines_of(uint64_t first, uint64_t last, size_t line_bytes)
{
	size_t used = 0;

	lines[0] = '\0';
	for (uint64_t seq = first; seq <= last; seq++) {
		used += (size_t)snprintf(lines + used, sizeof lines - used,
			"{\"seq\":%llu,\"kind\":\"Transfer\",\"text\":\"%0*d\"}\n",
			(unsigned long long)seq, (int)line_bytes - 40, 0);
		assert_true(used < sizeof lines);
	}
	return lines;
}

static void send_events(uint64_t ticket, uint64_t next, uint64_t size, const char *text)
{
	harness_send_events(archive, ticket,
		&(struct oap_events){ .next = next,
			.size = size,
			.lines = { (const uint8_t *)text, strlen(text) } });
}

/* The next question about events, which goes on behind `after`. */
static uint64_t take_events(uint64_t after)
{
	struct oap_request request;
	uint64_t ticket = take_request(ROUTE_EVENTS, &request);

	assert_int_equal(request.offset, after);
	expect_slice(request.token, "token");
	return ticket;
}

static void grow(uint64_t size)
{
	harness_send_grew(archive, 0, &(struct oap_grew){ .size = size });
}

/* --- pages --- */

static void a_page_is_its_lines_and_where_to_go_on(void **state)
{
	struct response response;
	struct oap_request request;
	struct conn *conn;
	char wanted[512];
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET_PAGE);
	ticket = take_request(ROUTE_EVENTS, &request);
	expect_slice(request.query, "after=7");
	send_events(ticket, 9, 12, lines_of(8, 9, 80));
	response = expect(conn, 200);
	assert_string_equal(field(&response, "Content-Type"), "application/x-ndjson");
	(void)snprintf(wanted, sizeof wanted, "%s{\"next\":9,\"size\":12}\n", lines_of(8, 9, 80));
	expect_body(&response, wanted);
	say(conn, GET("/healthz")); /* the connection is as before */
	(void)expect(conn, 200);
	harness_expect_nothing(checker);
}

static void an_empty_page_waits_for_the_ledger_to_grow(void **state)
{
	struct response response;
	struct oap_request request;
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET_PAGE);
	send_events(take_request(ROUTE_EVENTS, &request), 9, 9, "");
	expect_silence(conn);
	harness_expect_nothing(checker);
	grow(10);
	send_events(take_events(9), 10, 10, ""); /* not for this token */
	expect_silence(conn);
	grow(11);
	send_events(take_events(10), 11, 11, lines_of(11, 11, 80));
	response = expect(conn, 200);
	assert_non_null(strstr(response.body, "{\"seq\":11,"));
	assert_non_null(strstr(response.body, "{\"next\":11,\"size\":11}\n"));
}

static void of_a_page_that_nothing_comes_for_the_end_is_told(void **state)
{
	struct response response;
	struct oap_request request;
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET_PAGE);
	ticket = take_request(ROUTE_EVENTS, &request);
	send_events(ticket, 9, 9, "");
	send_events(take_events(9), 9, 9, ""); /* asked once more when it has waited enough */
	response = expect(conn, 200);
	expect_body(&response, "{\"next\":9,\"size\":9}\n");
}

static void a_page_that_waits_is_not_refused_because_many_wake_up(void **state)
{
	struct response response;
	struct oap_request request;
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET_PAGE);
	refuse(take_request(ROUTE_EVENTS, &request), 429, REASON_BUSY, "busy");
	(void)expect(conn, 429); /* it has not begun to wait */
	say(conn, GET_PAGE);
	send_events(take_request(ROUTE_EVENTS, &request), 9, 9, "");
	grow(10);
	harness_send_events(
		archive, take_events(9), &(struct oap_events){ .fault = (uint8_t)READ_FAULT_BUSY });
	expect_silence(conn);
	send_events(take_events(9), 10, 10, lines_of(10, 10, 80));
	response = expect(conn, 200);
	assert_non_null(strstr(response.body, "{\"next\":10,\"size\":10}\n"));
	say(conn, GET_PAGE);
	send_events(take_request(ROUTE_EVENTS, &request), 10, 10, "");
	grow(11);
	refuse(take_events(10), 401, REASON_CAP_INVALID, "revoked");
	(void)expect(conn, 401);
}

/* --- streams --- */

static struct conn *open_stream(struct conn *conn, const char *last_event_id)
{
	char text[512];

	(void)snprintf(text, sizeof text, GET_STREAM "%s%s%s\r\n",
		last_event_id == NULL ? "" : "Last-Event-ID: ",
		last_event_id == NULL ? "" : last_event_id, last_event_id == NULL ? "" : "\r\n");
	say(conn, text);
	return conn;
}

static void expect_head(struct conn *conn)
{
	struct response response = expect(conn, 200);

	assert_string_equal(field(&response, "Content-Type"), "text/event-stream");
	assert_null(field(&response, "Content-Length"));
}

static void expect_text(struct conn *conn, const char *text)
{
	const char *got = hear_bytes(conn, strlen(text));

	if (strncmp(got, text, strlen(text)) != 0) {
		fail_msg("\"%s\" is not \"%s\"", got, text);
	}
	forget(conn, strlen(text));
}

static void expect_event(struct conn *conn, uint64_t seq, size_t line_bytes)
{
	char text[2048];
	const char *line = lines_of(seq, seq, line_bytes);

	(void)snprintf(text, sizeof text, "id: %llu\ndata: %s\n", (unsigned long long)seq, line);
	expect_text(conn, text);
}

static void a_stream_goes_on_page_by_page_and_waits_at_the_end(void **state)
{
	struct conn *conn;

	(void)state;
	start();
	conn = open_stream(connect_tcp(), NULL);
	send_events(take_events(0), 2, 5, lines_of(1, 2, 80));
	expect_head(conn);
	expect_event(conn, 1, 80);
	expect_event(conn, 2, 80);
	send_events(take_events(2), 4, 5, ""); /* nothing to see there */
	send_events(take_events(4), 5, 5, lines_of(5, 5, 80));
	expect_event(conn, 5, 80);
	harness_expect_nothing(checker);
	grow(6);
	send_events(take_events(5), 6, 6, lines_of(6, 6, 80));
	expect_event(conn, 6, 80);
	expect_silence(conn);
}

static void a_stream_resumes_behind_the_last_event(void **state)
{
	static const char *const no_seqs[] = { "x", "-1", "01", "9223372036854775808" };
	struct conn *conn;

	(void)state;
	start();
	conn = open_stream(connect_tcp(), "41");
	send_events(take_events(41), 42, 42, lines_of(42, 42, 80));
	expect_head(conn);
	expect_event(conn, 42, 80);
	open_stream(connect_tcp(), "9223372036854775807");
	(void)take_events(INT64_MAX);
	for (size_t i = 0; i < COUNT_OF(no_seqs); i++) {
		conn = open_stream(connect_tcp(), no_seqs[i]);
		(void)expect(conn, 400);
	}
	harness_expect_nothing(checker);
}

/* Who has nothing to see knows at once that it is connected, and where it is. */
static void an_empty_stream_begins_with_its_place(void **state)
{
	struct conn *conn;

	(void)state;
	start();
	conn = open_stream(connect_tcp(), "41");
	send_events(take_events(41), 50, 50, "");
	expect_head(conn);
	expect_text(conn, ": heartbeat\nid: 50\n\n");
	send_events(take_events(50), 50, 50, ""); /* in a while, though nothing grew */
	expect_text(conn, ": heartbeat\nid: 50\n\n");
}

/* --- what goes --- */

static struct conn *begin_stream(void)
{
	struct conn *conn = open_stream(connect_tcp(), NULL);

	send_events(take_events(0), 2, 5, lines_of(1, 2, 80));
	expect_head(conn);
	expect_event(conn, 1, 80);
	expect_event(conn, 2, 80);
	return conn;
}

static void a_lost_archive_is_waited_for(void **state)
{
	struct conn *conn;

	(void)state;
	start();
	conn = begin_stream();
	(void)take_events(2);
	harness_link_down(archive);
	expect_silence(conn);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	(void)take_events(2);
	harness_link_down(checker); /* and the prevalidator, too */
	checker = harness_link_up(&h, PROCESS_PREVALIDATOR, 0);
	send_events(take_events(2), 3, 3, lines_of(3, 3, 80));
	expect_event(conn, 3, 80); /* none is missing, none comes twice */
	expect_silence(conn);
}

static void who_cannot_answer_now_is_asked_again(void **state)
{
	static const enum read_fault faults[] = { READ_FAULT_BUSY, READ_FAULT_CLOSED,
		READ_FAULT_STALE, READ_FAULT_NO_STATE, READ_FAULT_DEADLINE };
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = begin_stream();
	for (size_t i = 0; i < COUNT_OF(faults); i++) {
		ticket = take_events(2);
		harness_send_events(
			archive, ticket, &(struct oap_events){ .fault = (uint8_t)faults[i] });
	}
	refuse(take_events(2), 429, REASON_BUSY, "busy");
	send_events(take_events(2), 3, 3, lines_of(3, 3, 80));
	expect_event(conn, 3, 80);
}

static void a_token_that_ends_ends_the_stream(void **state)
{
	static const uint16_t statuses[] = { 401, 403 };
	struct conn *conn;

	(void)state;
	start();
	for (size_t i = 0; i < COUNT_OF(statuses); i++) {
		conn = begin_stream();
		refuse(take_events(2), statuses[i], REASON_CAP_INVALID, "revoked");
		expect_end(conn);
	}
	conn = open_stream(connect_tcp(), NULL);
	refuse(take_events(0), 401, REASON_CAP_INVALID, "revoked"); /* before it began: an answer */
	(void)expect(conn, 401);
}

/* Answers with a line each as long as it asks; until we write, nobody knows that a client is gone.
 */
static void serve_whom_is_gone(uint64_t after)
{
	unsigned asked = 0;

	harness_settle(&h);
	while (!harness_is_silent(checker)) {
		assert_in_range(++asked, 1, 3);
		send_events(take_events(after), after + 1, after + 1,
			lines_of(after + 1, after + 1, 80));
		after++;
		harness_settle(&h);
	}
}

static void a_client_that_goes_is_not_asked_for_any_more(void **state)
{
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = begin_stream(); /* in the middle of a page */
	ticket = take_events(2);
	hang_up(conn);
	harness_settle(&h);
	send_events(ticket, 3, 5, lines_of(3, 3, 80));
	serve_whom_is_gone(3);
	grow(1000);
	harness_expect_nothing(checker);
	conn = begin_stream(); /* while it waits for the ledger to grow */
	send_events(take_events(2), 1000, 1000, "");
	hang_up(conn);
	harness_expect_nothing(checker);
	for (uint64_t size = 1001; size <= 1003; size++) {
		grow(size);
		serve_whom_is_gone(size - 1);
	}
	grow(1004);
	harness_expect_nothing(checker);
	conn = connect_tcp();
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
}

/* --- many --- */

#define MANY      20u
#define ASKED_MAX 4u /* as many pages are asked for again at once, by one edge */

static void begin_many(struct conn *conns[MANY])
{
	start();
	for (unsigned i = 0; i < MANY; i++) {
		conns[i] = begin_stream();
		send_events(take_events(2), 5, 5, "");
		harness_settle(&h);
	}
}

/* Goal: all who wait are served as fast as archive makes pages, in turn, and nobody asks in vain.
 */
static void many_who_wait_are_served_in_turn(void **state)
{
	struct conn *conns[MANY];
	uint64_t tickets[ASKED_MAX];

	(void)state;
	begin_many(conns);
	grow(6);
	for (unsigned i = 0; i < ASKED_MAX; i++) {
		tickets[i] = take_events(5);
	}
	for (unsigned answered = 0; answered < MANY; answered++) {
		harness_expect_nothing(checker); /* until one is answered */
		send_events(tickets[answered % ASKED_MAX], 6, 6, lines_of(6, 6, 80));
		if (answered + ASKED_MAX < MANY) {
			tickets[answered % ASKED_MAX] = take_events(5);
		}
	}
	harness_expect_nothing(checker);
	for (unsigned i = 0; i < MANY; i++) {
		expect_event(conns[i], 6, 80);
	}
}

/* Goal: who goes away holds up nobody, whether he has asked or is in line. */
static void who_leaves_the_line_holds_up_nobody(void **state)
{
	struct conn *conns[MANY];
	uint64_t tickets[ASKED_MAX];

	(void)state;
	begin_many(conns);
	grow(6);
	for (unsigned i = 0; i < ASKED_MAX; i++) {
		tickets[i] = take_events(5);
	}
	harness_expect_nothing(checker);
	for (unsigned i = 0; i + 1 < MANY; i++) {
		hang_up(conns[i]);
	}
	harness_settle(&h);
	for (unsigned i = 0; i < ASKED_MAX; i++) {
		send_events(tickets[i], 6, 6, lines_of(6, 6, 80));
	}
	harness_settle(&h);
	while (!harness_is_silent(checker)) {
		send_events(take_events(5), 6, 6, lines_of(6, 6, 80));
		harness_settle(&h);
	}
	expect_event(conns[MANY - 1], 6, 80);
	conns[0] = begin_stream(); /* and all is as before */
	send_events(take_events(2), 7, 7, lines_of(3, 3, 80));
	expect_event(conns[0], 3, 80);
}

static void a_page_that_makes_no_sense_accuses_archive(void **state)
{
	static const struct {
		uint64_t next, size;
		const char *text;
	} rows[] = { { 1, 5, "" }, { 6, 5, "" }, { 3, 5, "no line" }, { 3, 5, "no event\n" },
		{ 3, 5,
			"{\"seq\":x,\"kind\":\"Transfer\",\"text\":\"0000000000000000000000000000"
			"00000000000\"}\n" } };

	(void)state;
	start();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		(void)begin_stream();
		send_events(take_events(2), rows[i].next, rows[i].size, rows[i].text);
		harness_expect_accusation(archive, OAP_EVENTS, ERR_MALFORMED);
		harness_link_down(archive);
		close_conns();
		harness_settle(&h);
		while (!harness_is_silent(checker)) {
			(void)take(ROUTE_EVENTS);
		}
		archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	}
}

/* --- a slow reader --- */

#define LINE_BYTES  1000u
#define PAGE_EVENTS 60u
#define ALL_EVENTS  3000u

static char whole[4u * 1024u * 1024u];
static size_t whole_bytes;
static uint64_t sent_bytes; /* of lines, by archive */

/* Answers what is asked for now. */
static void serve(uint64_t *last)
{
	struct oap_request request;

	harness_settle(&h);
	while (!harness_is_silent(checker)) {
		uint64_t ticket = take_request(ROUTE_EVENTS, &request);
		uint64_t next = *last + PAGE_EVENTS < ALL_EVENTS ? *last + PAGE_EVENTS : ALL_EVENTS;
		const char *text = lines_of(*last + 1, next, LINE_BYTES);

		assert_int_equal(request.offset, *last);
		send_events(ticket, next, ALL_EVENTS, text);
		sent_bytes += strlen(text);
		*last = next;
		harness_settle(&h);
	}
}

static size_t take_some(struct conn *conn)
{
	ssize_t got =
		recv(conn->fd, whole + whole_bytes, sizeof whole - 1 - whole_bytes, MSG_DONTWAIT);

	assert_true(got != 0);
	whole_bytes += got > 0 ? (size_t)got : 0;
	return got > 0 ? (size_t)got : 0;
}

static uint64_t held_bytes(const struct conn *conn)
{
	int queued = 0;

	assert_int_equal(ioctl(conn->fd, FIONREAD, &queued), 0);
	return whole_bytes + (uint64_t)queued > sent_bytes
		       ? 0
		       : sent_bytes - whole_bytes - (uint64_t)queued;
}

/* Goal: a client that does not read costs one buffer, and misses nothing when it does. */
static void a_slow_reader_is_slow_and_misses_nothing(void **state)
{
	struct conn *conn;
	uint64_t last = 0, before;
	char *at = whole;

	(void)state;
	start();
	whole_bytes = 0;
	sent_bytes = 0;
	conn = open_stream(connect_local(), NULL);
	serve(&last);
	assert_in_range(last, PAGE_EVENTS, ALL_EVENTS - PAGE_EVENTS); /* nobody asks on */
	assert_in_range(held_bytes(conn), 1, EDGE_OUT_BYTES_MAX);
	grow(ALL_EVENTS + 1);
	harness_expect_nothing(checker);
	grow(ALL_EVENTS);
	do {
		before = whole_bytes;
		while (take_some(conn) > 0) {
		}
		serve(&last);
		assert_in_range(held_bytes(conn), 0, EDGE_OUT_BYTES_MAX);
	} while (last < ALL_EVENTS || before < whole_bytes);
	whole[whole_bytes] = '\0';
	at = strstr(whole, "\r\n\r\n");
	assert_non_null(at);
	for (uint64_t seq = 1; seq <= ALL_EVENTS; seq++) {
		at = strstr(at, "id: ");
		assert_non_null(at);
		assert_int_equal(strtoull(at + 4, &at, 10), seq);
	}
	assert_null(strstr(at, "id: "));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_ingress, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_page_is_its_lines_and_where_to_go_on),
		CASE(an_empty_page_waits_for_the_ledger_to_grow),
		CASE(of_a_page_that_nothing_comes_for_the_end_is_told),
		CASE(a_page_that_waits_is_not_refused_because_many_wake_up),
		CASE(a_stream_goes_on_page_by_page_and_waits_at_the_end),
		CASE(a_stream_resumes_behind_the_last_event),
		CASE(an_empty_stream_begins_with_its_place),
		CASE(a_lost_archive_is_waited_for),
		CASE(who_cannot_answer_now_is_asked_again),
		CASE(a_token_that_ends_ends_the_stream),
		CASE(a_client_that_goes_is_not_asked_for_any_more),
		CASE(many_who_wait_are_served_in_turn),
		CASE(who_leaves_the_line_holds_up_nobody),
		CASE(a_page_that_makes_no_sense_accuses_archive),
		CASE(a_slow_reader_is_slow_and_misses_nothing),
	};

	return cmocka_run_group_tests_name("ingress events", tests, NULL, NULL);
}
