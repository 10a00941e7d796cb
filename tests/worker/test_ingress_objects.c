/* Objects through ingress: their bytes go to archive as far as it says, and come from it in pieces
 * that the client's wishes were settled with. The test is prevalidator and archive. */
#include "common/object_faults.h"
#include "core/object.h"
#include "tests/worker/edge_driver.h"

#define ID     "b3:d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24"
#define BIG    300000u
#define PUT_OF "POST /put HTTP/1.1\r\n" HOST BEARER "Content-Type: text/csv\r\n"
#define GET_OF "GET /o/" ID " HTTP/1.1\r\n" HOST BEARER

static char *big(void)
{
	static char bytes[BIG];

	for (unsigned i = 0; i < BIG; i++) {
		bytes[i] = (char)(i * 7 >> 2);
	}
	return bytes;
}

/* --- put --- */

static uint64_t begin_put(struct conn *conn)
{
	struct oap_request request;
	char head[512];
	uint64_t ticket;

	(void)snprintf(head, sizeof head, PUT_OF "Content-Length: %u\r\n\r\n", BIG);
	say(conn, head);
	say_bytes(conn, big(), BIG / 2);
	ticket = take_request(ROUTE_OBJECT_PUT, &request);
	assert_int_equal(request.body_bytes, BIG);
	assert_int_equal(request.body.bytes_count, 0);
	expect_slice(request.query, "text/csv");
	return ticket;
}

static void want(uint64_t ticket, uint64_t upto)
{
	harness_send_put_want(archive, ticket, &(struct oap_put_want){ .upto = upto });
}

static void expect_bytes(uint64_t ticket, uint64_t from, uint64_t to)
{
	while (from < to) {
		struct oap_put_bytes piece;

		assert_int_equal(harness_expect_put_bytes(archive, &piece), ticket);
		assert_int_equal(piece.offset, from);
		assert_in_range(piece.bytes.bytes_count, 1, VERB_BODY_CHUNK_BYTES_MAX);
		assert_memory_equal(piece.bytes.bytes, big() + from, piece.bytes.bytes_count);
		from += piece.bytes.bytes_count;
	}
	assert_int_equal(from, to);
}

static void done(uint64_t ticket, enum object_fault fault)
{
	struct oap_put_done msg = { .fault = (uint8_t)fault, .size = BIG, .chunks = 5 };

	if (fault != OBJECT_FAULT_NONE) {
		msg = (struct oap_put_done){ .fault = (uint8_t)fault };
	}
	harness_send_put_done(archive, ticket, &msg);
}

static void bytes_go_as_far_as_archive_says(void **state)
{
	struct conn *conn;
	struct response response;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	ticket = begin_put(conn);
	harness_expect_nothing(archive); /* nobody said that it may */
	want(ticket, 70000);
	expect_bytes(ticket, 0, 70000);
	harness_expect_nothing(archive);
	want(ticket, 140000);
	expect_bytes(ticket, 70000, 140000);
	want(ticket, BIG);
	say_bytes(conn, big() + BIG / 2, BIG - BIG / 2);
	expect_bytes(ticket, 140000, BIG);
	done(ticket, OBJECT_FAULT_NONE);
	response = expect(conn, 201);
	expect_body(&response, "{\"id\":\"b3:" ZERO_ROOT "\",\"size\":300000,\"chunks\":5}");
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
}

/* Goal: refused in the middle, its connection ends; gone, archive hears of it. */
static void what_is_given_up_is_told(void **state)
{
	struct oap_put_drop drop;
	struct response response;
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	ticket = begin_put(conn);
	want(ticket, 1000);
	expect_bytes(ticket, 0, 1000);
	done(ticket, OBJECT_FAULT_QUOTA);
	response = expect(conn, 429);
	assert_non_null(strstr(response.body, "QuotaExceeded"));
	assert_string_equal(field(&response, "Connection"), "close");
	conn = connect_tcp();
	ticket = begin_put(conn);
	want(ticket, 1000);
	expect_bytes(ticket, 0, 1000);
	hang_up(conn);
	assert_int_equal(harness_expect_put_drop(archive, &drop), ticket);
}

static void archive_that_is_lost_is_an_unknown_outcome(void **state)
{
	struct response response;
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	ticket = begin_put(conn);
	want(ticket, 1000);
	expect_bytes(ticket, 0, 1000);
	harness_link_down(archive);
	response = expect(conn, 503);
	assert_non_null(strstr(response.body, "outcome_unknown"));
}

static void archive_that_wants_what_there_is_not_is_accused(void **state)
{
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	ticket = begin_put(conn);
	want(ticket, BIG + 1);
	harness_expect_accusation(archive, OAP_PUT_WANT, ERR_CONFLICT);
	hang_up(conn);
}

/* --- get --- */

static uint64_t begin_get(struct conn *conn, const char *fields, uint64_t offset)
{
	struct oap_request request;
	char head[512];
	uint64_t ticket;

	(void)snprintf(head, sizeof head, GET_OF "%s\r\n", fields);
	say(conn, head);
	ticket = take_request(ROUTE_OBJECT, &request);
	expect_slice(request.query, ID);
	assert_true(request.offset == offset);
	return ticket;
}

static void send_object(uint64_t ticket, uint64_t offset, uint64_t bytes_count)
{
	harness_send_object(archive, ticket,
		&(struct oap_object){ .total = BIG,
			.offset = offset,
			.content_type = { (const uint8_t *)"text/csv", 8 },
			.bytes = { (const uint8_t *)big() + (bytes_count > 0 ? offset : 0),
				(size_t)bytes_count } });
}

static uint64_t take_next(uint64_t offset)
{
	struct oap_request request;
	uint64_t ticket = take_request(ROUTE_OBJECT, &request);

	assert_true(request.offset == offset);
	return ticket;
}

static void an_object_is_pulled_piece_by_piece(void **state)
{
	struct response response;
	struct conn *conn;
	uint64_t at = 0;

	(void)state;
	start();
	conn = connect_tcp();
	send_object(begin_get(conn, "", 0), 0, OBJECT_CHUNK_BYTES);
	for (at = OBJECT_CHUNK_BYTES; at < BIG; at += OBJECT_CHUNK_BYTES) {
		uint64_t left = BIG - at;

		send_object(
			take_next(at), at, left < OBJECT_CHUNK_BYTES ? left : OBJECT_CHUNK_BYTES);
	}
	response = expect(conn, 200);
	assert_int_equal(response.body_bytes, BIG);
	assert_memory_equal(response.body, big(), BIG);
	assert_string_equal(field(&response, "ETag"), "\"" ID "\"");
}

/* Goal: a part begins with a question for the size, and what archive sends beyond its end is cut.
 */
static void a_part_is_cut_out_of_chunks(void **state)
{
	struct response response;
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	send_object(begin_get(conn, "Range: bytes=65000-66000\r\n", OBJECT_OFFSET_NONE),
		OBJECT_OFFSET_NONE, 0);
	send_object(take_next(65000), 65000, 536);
	send_object(take_next(65536), 65536, OBJECT_CHUNK_BYTES);
	response = expect(conn, 206);
	assert_int_equal(response.body_bytes, 1001);
	assert_memory_equal(response.body, big() + 65000, 1001);
	assert_string_equal(field(&response, "Content-Range"), "bytes 65000-66000/300000");
	say(conn, GET("/healthz"));
	(void)expect(conn, 200);
}

static void damage_behind_the_head_ends_the_connection(void **state)
{
	struct conn *conn;
	uint64_t ticket;

	(void)state;
	start();
	conn = connect_tcp();
	send_object(begin_get(conn, "", 0), 0, OBJECT_CHUNK_BYTES);
	ticket = take_next(OBJECT_CHUNK_BYTES);
	harness_send_object(archive, ticket, &(struct oap_object){ .fault = OBJECT_FAULT_DAMAGED });
	(void)hear_bytes(conn, OBJECT_CHUNK_BYTES);
	forget(conn, conn->used);
	expect_end(conn);
	conn = connect_tcp();
	harness_send_object(archive, begin_get(conn, "", 0),
		&(struct oap_object){ .fault = OBJECT_FAULT_DAMAGED });
	(void)expect(conn, 502);
}

static void archive_that_sends_another_piece_is_accused(void **state)
{
	struct conn *conn;

	(void)state;
	start();
	conn = connect_tcp();
	send_object(begin_get(conn, "", 0), 0, OBJECT_CHUNK_BYTES);
	send_object(take_next(OBJECT_CHUNK_BYTES), 2 * OBJECT_CHUNK_BYTES, 100);
	harness_expect_accusation(archive, OAP_OBJECT, ERR_CONFLICT);
	hang_up(conn);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_ingress, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(bytes_go_as_far_as_archive_says),
		CASE(what_is_given_up_is_told),
		CASE(archive_that_is_lost_is_an_unknown_outcome),
		CASE(archive_that_wants_what_there_is_not_is_accused),
		CASE(an_object_is_pulled_piece_by_piece),
		CASE(a_part_is_cut_out_of_chunks),
		CASE(damage_behind_the_head_ends_the_connection),
		CASE(archive_that_sends_another_piece_is_accused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
