/* What archive answers with BLOB, and long answers that are pulled from it piece by piece. */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/reads.h"
#include "services/edge/edge.h"
#include "tests/worker/edge_driver.h"

#define BUNDLE_BYTES (200u * 1024u)
#define GET_BUNDLE   "GET /tlog/tile/entries/000 HTTP/1.1\r\n" HOST BEARER "\r\n"

/* The bytes of bundle `number`, each another from its neighbours. */
static uint8_t byte_at(unsigned number, size_t at)
{
	return (uint8_t)(number + at * 7 + at / 251);
}

static void send_piece(uint64_t ticket, unsigned number, uint64_t offset, uint64_t total)
{
	static uint8_t bytes[VERB_REPLY_BYTES_MAX];
	uint64_t left = total - offset;
	size_t count = left < sizeof bytes ? (size_t)left : sizeof bytes;

	for (size_t i = 0; i < count; i++) {
		bytes[i] = byte_at(number, offset + i);
	}
	harness_send_blob(archive, ticket,
		&(struct oap_blob){ .content = READ_CONTENT_BYTES,
			.cache = READ_CACHE_FOREVER_OWN,
			.total = total,
			.offset = offset,
			.bytes = { bytes, count } });
}

static void check_bytes(const char *bytes, unsigned number, size_t bytes_count)
{
	for (size_t i = 0; i < bytes_count; i++) {
		if ((uint8_t)bytes[i] != byte_at(number, i)) {
			fail_msg("byte %zu of bundle %u is another", i, number);
		}
	}
}

/* --- routes --- */

static void reads_go_to_archive_with_what_they_ask_for(void **state)
{
	static const struct {
		const char *target;
		enum route route;
		const char *query;
	} rows[] = {
		{ "/entries/17", ROUTE_ENTRY, "17" },
		{ "/entries/17?x=1", ROUTE_ENTRY, "17?x=1" },
		{ "/tlog/checkpoint", ROUTE_TLOG_CHECKPOINT, "" },
		{ "/tlog/checkpoint?x=1", ROUTE_TLOG_CHECKPOINT, "x=1" },
		{ "/tlog/tile/0/x001/067", ROUTE_TLOG_TILE, "0/x001/067" },
		{ "/tlog/tile/entries/000.p/8", ROUTE_TLOG_TILE, "entries/000.p/8" },
		{ "/tlog/tile/0/000?x=1", ROUTE_TLOG_TILE, "0/000?x=1" },
		{ "/tlog/tile/0/000?", ROUTE_TLOG_TILE, "0/000" },
		{ "/proofs/entries/17", ROUTE_PROOF_ENTRY, "17" },
		{ "/proofs/entries/17?size=20", ROUTE_PROOF_ENTRY, "17?size=20" },
		{ "http://localhost/proofs/entries/17?size=20", ROUTE_PROOF_ENTRY, "17?size=20" },
		{ "/proofs/consistency?from=1&to=2", ROUTE_PROOF_CONSISTENCY, "from=1&to=2" },
		{ "/v1/balance?account=a&asset=b&at=1", ROUTE_BALANCE, "account=a&asset=b&at=1" },
		{ "/v1/tx/tx_1", ROUTE_TX, "tx_1" },
		{ "/v1/tx/tx_1/proof", ROUTE_TX_PROOF, "tx_1" },
		{ "/v1/accounts/a/history?asset=b", ROUTE_HISTORY, "a/history?asset=b" },
		{ "/v1/events?after=7", ROUTE_EVENTS, "after=7" },
	};
	static const char *const strangers[] = { "/tlog", "/tlog/tile", "/tlog/tile/",
		"/tlog/checkpoint/", "/proofs", "/proofs/entries/", "/proofs/entries/1/2",
		"/proofs/consistency/", "/v1/balance/a", "/export", "/v1/tx/", "/v1/tx/a/b",
		"/v1/accounts/a", "/v1/accounts/a/b/history", "/v1/events/1" };
	struct oap_request request;
	struct conn *conn;
	char text[256];

	(void)state;
	start();
	conn = connect_tcp();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		(void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST BEARER "\r\n",
			rows[i].target);
		say(conn, text);
		uint64_t ticket = take_request(rows[i].route, &request);
		expect_slice(request.query, rows[i].query);
		expect_slice(request.token, "token");
		assert_int_equal(request.offset, 0);
		refuse(ticket, 404, REASON_UNKNOWN_KIND, "no");
		(void)expect(conn, 404);
	}
	for (size_t i = 0; i < COUNT_OF(strangers); i++) {
		(void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST "\r\n", strangers[i]);
		say(conn, text);
		(void)expect(conn, 404);
	}
}

static void other_methods_are_told_what_would_do(void **state)
{
	struct response response;
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, "DELETE /tlog/tile/0/000 HTTP/1.1\r\n" HOST "\r\n");
	response = expect(conn, 405);
	assert_string_equal(field(&response, "Allow"), "GET, HEAD, OPTIONS");
	say(conn, "OPTIONS /proofs/entries/1 HTTP/1.1\r\n" HOST "\r\n");
	response = expect(conn, 204);
	assert_string_equal(field(&response, "Allow"), "GET, HEAD, OPTIONS");
}

/* --- short answers --- */

static void answers_say_what_they_are_and_who_may_keep_them(void **state)
{
	static const struct {
		enum read_content content;
		enum read_cache cache;
		const char *type, *keep;
	} rows[] = {
		{ READ_CONTENT_TEXT, READ_CACHE_ASK, "text/plain; charset=utf-8", "no-cache" },
		{ READ_CONTENT_BYTES, READ_CACHE_FOREVER, "application/octet-stream",
			"public, max-age=31536000, immutable" },
		{ READ_CONTENT_BYTES, READ_CACHE_FOREVER_OWN, "application/octet-stream",
			"private, max-age=31536000, immutable" },
		{ READ_CONTENT_JSON, READ_CACHE_NEVER, "application/json; charset=utf-8",
			"no-store" },
	};
	struct response response;
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		say(conn, GET("/tlog/checkpoint"));
		harness_send_blob(archive, take(ROUTE_TLOG_CHECKPOINT),
			&(struct oap_blob){ .content = (uint8_t)rows[i].content,
				.cache = (uint8_t)rows[i].cache,
				.total = 3,
				.bytes = { (const uint8_t *)"a\0b", 3 } });
		response = expect(conn, 200);
		assert_int_equal(response.body_bytes, 3);
		assert_memory_equal(response.body, "a\0b", 3);
		assert_string_equal(field(&response, "Content-Type"), rows[i].type);
		assert_string_equal(field(&response, "Cache-Control"), rows[i].keep);
	}
}

static void faults_are_told_counted_and_may_be_tried_again(void **state)
{
	struct response response;
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	for (unsigned fault = READ_FAULT_NONE + 1; fault < READ_FAULT_COUNT; fault++) {
		enum reason reason = reads_fault_reason(fault);
		uint64_t before = counted(METRIC_REJECTED, metrics_label_reason(reason));
		uint16_t status = reads_fault_status(fault);

		say(conn, GET("/proofs/entries/1"));
		harness_send_blob(archive, take(ROUTE_PROOF_ENTRY),
			&(struct oap_blob){ .fault = (uint8_t)fault });
		response = expect(conn, status);
		assert_non_null(strstr(response.body, reads_fault_text(fault)));
		assert_int_equal(
			field(&response, "Retry-After") != NULL, status == 503 || status == 429);
		assert_int_equal(
			counted(METRIC_REJECTED, metrics_label_reason(reason)), before + 1);
	}
}

static void a_blob_that_makes_no_sense_accuses_its_sender(void **state)
{
	static const uint8_t bytes[8];
	static const struct {
		struct oap_blob blob;
		enum err err;
	} rows[] = {
		{ { .fault = READ_FAULT_COUNT }, ERR_MALFORMED },
		{ { .fault = 1, .total = 8, .bytes = { bytes, 8 } }, ERR_MALFORMED },
		{ { .content = READ_CONTENT_COUNT, .total = 8, .bytes = { bytes, 8 } },
			ERR_MALFORMED },
		{ { .cache = READ_CACHE_COUNT, .total = 8, .bytes = { bytes, 8 } }, ERR_MALFORMED },
		{ { .total = 7, .bytes = { bytes, 8 } }, ERR_MALFORMED },
		{ { .total = 8 }, ERR_MALFORMED },
		{ { .total = READS_BYTES_MAX + 1, .bytes = { bytes, 8 } }, ERR_MALFORMED },
		{ { .total = 8, .offset = UINT64_MAX, .bytes = { bytes, 8 } }, ERR_MALFORMED },
		{ { .total = 9, .offset = 1, .bytes = { bytes, 8 } }, ERR_CONFLICT },
		{ { .total = 9, .bytes = { bytes, 8 } }, ERR_CONFLICT }, /* of a short one */
	};
	struct conn *conn;

	(void)state;
	start();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		conn = connect_tcp();
		say(conn, GET("/proofs/entries/1"));
		harness_send_blob(archive, take(ROUTE_PROOF_ENTRY), &rows[i].blob);
		harness_expect_accusation(archive, OAP_BLOB, rows[i].err);
		archive = harness_link_up(&h, PROCESS_ARCHIVE, 0); /* once accused, all is said */
	}
	conn = connect_tcp();
	say(conn, GET("/roots"));
	send_piece(take(ROUTE_ROOTS), 0, 0, 8);
	harness_expect_accusation(archive, OAP_BLOB, ERR_CONFLICT);
}

/* --- long ones --- */

/* Takes the request for the piece at `offset`. */
static uint64_t take_pull(uint64_t offset)
{
	struct oap_request request;
	uint64_t ticket = take_request(ROUTE_TLOG_TILE, &request);

	assert_int_equal(request.offset, offset);
	expect_slice(request.query, "entries/000");
	expect_slice(request.token, "token");
	return ticket;
}

static void a_long_answer_is_asked_for_piece_by_piece(void **state)
{
	struct response response;
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, GET_BUNDLE);
	for (uint64_t at = 0; at < BUNDLE_BYTES; at += VERB_REPLY_BYTES_MAX) {
		send_piece(take_pull(at), 0, at, BUNDLE_BYTES);
	}
	response = expect(conn, 200);
	assert_int_equal(response.body_bytes, BUNDLE_BYTES);
	check_bytes(response.body, 0, BUNDLE_BYTES);
	assert_string_equal(field(&response, "Content-Type"), "application/octet-stream");
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
	harness_expect_nothing(checker);
}

static void of_a_long_answer_head_is_told_the_length(void **state)
{
	struct response response;
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	say(conn, "HEAD /tlog/tile/entries/000 HTTP/1.1\r\n" HOST BEARER "\r\n");
	send_piece(take_pull(0), 0, 0, BUNDLE_BYTES);
	response = hear_of(conn, true);
	assert_int_equal(response.status, 200);
	assert_string_equal(field(&response, "Content-Length"), "204800");
	expect_silence(conn);
	harness_expect_nothing(checker);
}

/* --- a slow reader --- */

#define PIPELINED 8u

static char whole[PIPELINED * (BUNDLE_BYTES + 2048u)];
static size_t whole_bytes;
static uint64_t pieces_bytes; /* that archive sent */

/* Answers what is asked for now; the offsets of each bundle follow one another. */
static void serve(uint64_t got[PIPELINED])
{
	struct oap_request request;

	harness_settle(&h);
	while (!harness_is_silent(checker)) {
		uint64_t ticket = take_request(ROUTE_TLOG_TILE, &request);
		unsigned number =
			(unsigned)(request.query.bytes[request.query.bytes_count - 1] - '0');
		uint64_t left = BUNDLE_BYTES - request.offset;

		assert_true(number < PIPELINED);
		assert_int_equal(request.offset, got[number]);
		left = left < VERB_REPLY_BYTES_MAX ? left : VERB_REPLY_BYTES_MAX;
		send_piece(ticket, number, request.offset, BUNDLE_BYTES);
		got[number] += left;
		pieces_bytes += left;
		harness_settle(&h);
	}
}

static size_t take_some(struct conn *conn, size_t at_most)
{
	ssize_t got = recv(conn->fd, whole + whole_bytes, at_most, MSG_DONTWAIT);

	assert_true(got != 0);
	whole_bytes += got > 0 ? (size_t)got : 0;
	return got > 0 ? (size_t)got : 0;
}

/* What the worker holds for the client; of a UNIX socket all else is in the client's queue. */
static uint64_t held_bytes(const struct conn *conn)
{
	int queued = 0;

	assert_int_equal(ioctl(conn->fd, FIONREAD, &queued), 0);
	assert_true(pieces_bytes + PIPELINED * 1024 >= whole_bytes + (uint64_t)queued);
	return whole_bytes + (uint64_t)queued > pieces_bytes
		       ? 0
		       : pieces_bytes - whole_bytes - (uint64_t)queued;
}

static void check_pipeline(void)
{
	char *at = whole;

	for (unsigned number = 0; number < PIPELINED; number++) {
		char *end = strstr(at, "\r\n\r\n");

		assert_non_null(end);
		assert_memory_equal(at, "HTTP/1.1 200 ", 13);
		at = end + 4;
		check_bytes(at, number, BUNDLE_BYTES);
		at += BUNDLE_BYTES;
	}
	assert_ptr_equal(at, whole + whole_bytes);
}

/* Goal: whatever a client asks for and does not take, we hold 256 KiB of it at most. */
static void a_slow_reader_holds_no_more_than_its_buffer(void **state)
{
	uint64_t got[PIPELINED] = { 0 };
	struct conn *conn;
	char text[256];
	uint64_t before;

	(void)state;
	start();
	whole_bytes = 0;
	pieces_bytes = 0;
	conn = connect_local();
	for (unsigned number = 0; number < PIPELINED; number++) {
		(void)snprintf(text, sizeof text,
			"GET /tlog/tile/entries/00%u HTTP/1.1\r\n" HOST BEARER "\r\n", number);
		say(conn, text);
	}
	serve(got);
	assert_true(pieces_bytes < (uint64_t)PIPELINED * BUNDLE_BYTES);
	assert_in_range(held_bytes(conn), 1, EDGE_OUT_BYTES_MAX);
	do {
		before = pieces_bytes;
		while (take_some(conn, 60000) > 0 && held_bytes(conn) > EDGE_OUT_BYTES_MAX / 2) {
			harness_settle(&h);
		}
		serve(got);
		assert_in_range(held_bytes(conn), 0, EDGE_OUT_BYTES_MAX);
	} while (pieces_bytes < (uint64_t)PIPELINED * BUNDLE_BYTES || before < pieces_bytes);
	while (whole_bytes < pieces_bytes || take_some(conn, sizeof whole - whole_bytes) > 0) {
		(void)take_some(conn, sizeof whole - whole_bytes);
		harness_settle(&h);
	}
	check_pipeline();
}

/* --- an end in the middle --- */

/* What came is the beginning of the answer, and then the connection ends. */
static void expect_cut(struct conn *conn)
{
	size_t total = 0;
	ssize_t got;

	while ((got = recv(conn->fd, whole, sizeof whole, 0)) > 0) {
		total += (size_t)got;
	}
	assert_in_range(total, 0, BUNDLE_BYTES);
}

static struct conn *begin_bundle(uint64_t *ret_ticket)
{
	struct conn *conn = connect_tcp();

	say(conn, GET_BUNDLE);
	send_piece(take_pull(0), 0, 0, BUNDLE_BYTES);
	*ret_ticket = take_pull(VERB_REPLY_BYTES_MAX);
	return conn;
}

static void a_lost_archive_in_the_middle_closes_the_connection(void **state)
{
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = begin_bundle(&ticket);
	harness_link_down(archive);
	expect_cut(conn);
	assert_int_equal(counted(METRIC_REJECTED, metrics_label_reason(REASON_TIMEOUT)), 1);
	assert_int_equal(
		counted(METRIC_HTTP_REQUESTS, metrics_label_route_status(ROUTE_TLOG_TILE, 503)), 1);
}

static void a_refusal_in_the_middle_closes_the_connection(void **state)
{
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = begin_bundle(&ticket);
	refuse(ticket, 401, REASON_CAP_INVALID, "revoked");
	expect_cut(conn);
	conn = begin_bundle(&ticket);
	harness_send_blob(archive, ticket, &(struct oap_blob){ .fault = READ_FAULT_CLOSED });
	expect_cut(conn);
}

static void who_is_busy_in_the_middle_is_asked_again(void **state)
{
	struct response response;
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = begin_bundle(&ticket);
	for (unsigned i = 0; i < 3; i++) {
		refuse(ticket, 429, REASON_BUSY, "busy");
		ticket = take_pull(VERB_REPLY_BYTES_MAX);
	}
	for (uint64_t at = VERB_REPLY_BYTES_MAX; at < BUNDLE_BYTES; at += VERB_REPLY_BYTES_MAX) {
		send_piece(
			at == VERB_REPLY_BYTES_MAX ? ticket : take_pull(at), 0, at, BUNDLE_BYTES);
	}
	response = expect(conn, 200);
	check_bytes(response.body, 0, BUNDLE_BYTES);
}

static void a_piece_of_another_answer_accuses_archive(void **state)
{
	uint64_t ticket;

	(void)state;
	start();
	(void)begin_bundle(&ticket);
	send_piece(ticket, 0, VERB_REPLY_BYTES_MAX, BUNDLE_BYTES + 1);
	harness_expect_accusation(archive, OAP_BLOB, ERR_CONFLICT);
}

static void a_client_that_goes_in_the_middle_harms_nobody(void **state)
{
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = begin_bundle(&ticket);
	hang_up(conn);
	harness_settle(&h);
	send_piece(ticket, 0, VERB_REPLY_BYTES_MAX, BUNDLE_BYTES);
	conn = connect_tcp();
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
	harness_expect_nothing(checker);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_ingress, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(reads_go_to_archive_with_what_they_ask_for),
		CASE(other_methods_are_told_what_would_do),
		CASE(answers_say_what_they_are_and_who_may_keep_them),
		CASE(faults_are_told_counted_and_may_be_tried_again),
		CASE(a_blob_that_makes_no_sense_accuses_its_sender),
		CASE(a_long_answer_is_asked_for_piece_by_piece),
		CASE(of_a_long_answer_head_is_told_the_length),
		CASE(a_slow_reader_holds_no_more_than_its_buffer),
		CASE(a_lost_archive_in_the_middle_closes_the_connection),
		CASE(a_refusal_in_the_middle_closes_the_connection),
		CASE(who_is_busy_in_the_middle_is_asked_again),
		CASE(a_piece_of_another_answer_accuses_archive),
		CASE(a_client_that_goes_in_the_middle_harms_nobody),
	};

	return cmocka_run_group_tests_name("ingress reads", tests, NULL, NULL);
}
