#include "core/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOST "Host: localhost\r\n"
#define POST "POST /v1/transfer HTTP/1.1\r\n" HOST
#define GET  "GET /v1/balance HTTP/1.1\r\n" HOST
#define END  "\r\n"
#define ULID "01ARZ3NDEKTSV4RRFFQ69G5FAV"
#define UUID "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"

/* Scans in pieces of piece_bytes, then parses what was accepted. */
static enum http_decision decide(
	struct slice bytes, size_t piece_bytes, struct http_head *ret_head, size_t *ret_used)
{
	struct http_scan scan = { .bytes_count = 0 };
	enum http_decision decision = HTTP_MORE;
	size_t at = 0;

	while (decision == HTTP_MORE && at < bytes.bytes_count) {
		size_t left = bytes.bytes_count - at;
		struct slice piece = { bytes.bytes + at, left < piece_bytes ? left : piece_bytes };
		size_t used = 0;

		decision = http_scan(&scan, &http_limits_default, piece, &used);
		at += used;
	}
	*ret_used = at;
	if (decision != HTTP_OK) {
		return decision;
	}
	assert_int_equal(scan.bytes_count, at);
	return http_head_parse((struct slice){ bytes.bytes, at }, &scan, ret_head);
}

static enum http_decision decide_text(const char *text, struct http_head *ret_head)
{
	struct slice bytes = { (const uint8_t *)text, strlen(text) };
	size_t used;

	return decide(bytes, bytes.bytes_count, ret_head, &used);
}

static void assert_slice(struct slice got, const char *expected)
{
	assert_non_null(got.bytes);
	assert_int_equal(got.bytes_count, strlen(expected));
	assert_memory_equal(got.bytes, expected, got.bytes_count);
}

struct row {
	const char *bytes;
	size_t bytes_count;
	enum http_decision decision;
};

#define ROW(decision, bytes)                              \
	{                                                 \
		bytes, sizeof(bytes) - 1, HTTP_##decision \
	}

static const struct row rows[] = {
	/* what is accepted */
	ROW(OK, GET END),
	ROW(OK, POST "Content-Length: 0" END END),
	ROW(OK, POST "Content-Length: 9223372036854775807" END END),
	ROW(OK, POST "content-length:0000000000000000005" END END),
	ROW(OK, POST "Transfer-Encoding: Chunked \t" END END),
	ROW(OK, GET "Content-Length: 0" END END),
	ROW(OK, GET "X-Empty:" END "X-Tab:\ta\tb\t" END END),
	ROW(OK, "HEAD / HTTP/1.1" END HOST END),
	ROW(OK, "OPTIONS * HTTP/1.1" END HOST END),
	ROW(OK, "OPTIONS /ingest HTTP/1.1" END HOST "Origin: https://example.com" END END),
	ROW(OK, "GET http://LocalHost/roots?since=1 HTTP/1.1" END HOST END),
	ROW(OK, "GET HTTPS://localhost:8080/ HTTP/1.1" END "Host: localhost:8080" END END),
	ROW(OK, GET "Upgrade: websocket" END "Connection: Upgrade" END END),
	ROW(OK, POST "Content-Encoding: Identity" END END),
	ROW(OK, POST "Content-Encoding: GZip" END END),
	ROW(OK, GET "Origin: https://example.com" END END),
	ROW(MORE, ""),
	ROW(MORE, GET),
	ROW(MORE, GET "\r"),
	/* path and target */
	ROW(PATH, "GET /%61 HTTP/1.1" END HOST END),
	ROW(PATH, "GET /a%2Fb HTTP/1.1" END HOST END),
	ROW(PATH, "GET /a%00 HTTP/1.1" END HOST END),
	ROW(PATH, "GET //a HTTP/1.1" END HOST END),
	ROW(PATH, "GET /a/. HTTP/1.1" END HOST END),
	ROW(PATH, "GET /a/../b HTTP/1.1" END HOST END),
	ROW(PATH, "GET /a;b HTTP/1.1" END HOST END),
	ROW(PATH, "GET /a\\b HTTP/1.1" END HOST END),
	ROW(PATH, "GET http://localhost HTTP/1.1" END HOST END),
	ROW(BYTE, "GET /\xc3\xa4 HTTP/1.1" END HOST END),
	ROW(QUERY, "GET /a?%0A HTTP/1.1" END HOST END),
	ROW(QUERY, "GET /a?b#c HTTP/1.1" END HOST END),
	ROW(PATH, "GET /a#c HTTP/1.1" END HOST END),
	ROW(TARGET_FORM, "GET a HTTP/1.1" END HOST END),
	ROW(TARGET_FORM, "GET ftp://localhost/ HTTP/1.1" END HOST END),
	ROW(TARGET_ASTERISK, "GET * HTTP/1.1" END HOST END),
	ROW(TARGET_ASTERISK, "BREW * HTTP/1.1" END HOST END),
	ROW(TARGET_AUTHORITY, "GET http://other/ HTTP/1.1" END HOST END),
	ROW(TARGET_AUTHORITY, "GET http://localhost:80/ HTTP/1.1" END HOST END),
	ROW(TARGET_AUTHORITY, "GET http://user@localhost/ HTTP/1.1" END HOST END),
	ROW(TARGET_AUTHORITY, "GET http:///a HTTP/1.1" END HOST END),
	ROW(AUTHORITY_FORM, "GET example.com:443 HTTP/1.1" END HOST END),
	ROW(CONNECT, "CONNECT example.com:443 HTTP/1.1" END "Host: example.com:443" END END),
	ROW(CONNECT, "CONNECT / HTTP/1.1" END HOST END),
	/* methods */
	ROW(UNKNOWN_METHOD, "BREW / HTTP/1.1" END HOST END),
	ROW(UNKNOWN_METHOD, "get / HTTP/1.1" END HOST END),
	ROW(TRACE, "TRACE / HTTP/1.1" END HOST END),
	/* versions */
	ROW(VERSION, "GET / HTTP/1.0" END END),
	ROW(VERSION, "GET / HTTP/0.9" END END),
	ROW(VERSION, "GET / HTTP/1.2" END HOST END),
	ROW(VERSION, "PRI * HTTP/2.0" END END "SM" END END),
	ROW(REQUEST_LINE, "GET / http/1.1" END HOST END),
	ROW(REQUEST_LINE, "GET / HTTP/1" END HOST END),
	ROW(REQUEST_LINE, "GET / HTTP/11" END HOST END),
	ROW(REQUEST_LINE, "GET / HTTP/1.1x" END HOST END),
	ROW(REQUEST_LINE, "GET / HTTP/1x1" END HOST END),
	ROW(REQUEST_LINE, "GET / JUNK/1.1" END HOST END),
	/* the request line */
	ROW(REQUEST_LINE, "GET /" END HOST END),
	ROW(REQUEST_LINE, "GET / " END HOST END),
	ROW(REQUEST_LINE, "GET  / HTTP/1.1" END HOST END),
	ROW(REQUEST_LINE, "GET /  HTTP/1.1" END HOST END),
	ROW(REQUEST_LINE, "GET / HTTP/1.1 " END HOST END),
	ROW(REQUEST_LINE, "GET\t/ HTTP/1.1" END HOST END),
	ROW(REQUEST_LINE, "GET /\tHTTP/1.1" END HOST END),
	ROW(REQUEST_LINE, " GET / HTTP/1.1" END HOST END),
	ROW(REQUEST_LINE, "G(T / HTTP/1.1" END HOST END),
	ROW(REQUEST_LINE, END "GET / HTTP/1.1" END HOST END),
	ROW(REQUEST_LINE, "AMETHODNAMEOFTHIRTYTHREELETTERSXX / HTTP/1.1" END HOST END),
	ROW(UNKNOWN_METHOD, "AMETHODNAMEOFTHIRTYTWOLETTERSXXX / HTTP/1.1" END HOST END),
	ROW(BYTE, "\x16\x03\x01\x02" END END), /* a TLS hello */
	/* Host */
	ROW(HOST_MISSING, "GET / HTTP/1.1" END END),
	ROW(HOST_REPEATED, GET HOST END),
	ROW(HOST_REPEATED, GET "hOsT: other" END END),
	ROW(HOST_MALFORMED, "GET / HTTP/1.1" END "Host:" END END),
	ROW(HOST_MALFORMED, "GET / HTTP/1.1" END "Host: a b" END END),
	ROW(HOST_MALFORMED, "GET / HTTP/1.1" END "Host: a, b" END END),
	ROW(HOST_MALFORMED, "GET / HTTP/1.1" END "Host: a:" END END),
	ROW(HOST_MALFORMED, "GET / HTTP/1.1" END "Host: [::1" END END),
	ROW(HOST_MALFORMED, "GET / HTTP/1.1" END "Host: a@b" END END),
	ROW(HOST_MALFORMED, "GET / HTTP/1.1" END "Host: http://a" END END),
	ROW(ORIGIN, POST "Origin: https://example.com" END END),
	ROW(ORIGIN, "DELETE / HTTP/1.1" END HOST "Origin: null" END END),
	/* line ends and bytes */
	ROW(BARE_LF, "GET / HTTP/1.1\nHost: localhost\n\n"),
	ROW(BARE_LF, "GET / HTTP/1.1" END "Host: localhost\n" END),
	ROW(BARE_LF, GET "\n"),
	ROW(BARE_LF, GET "X: a\nContent-Length: 5" END END),
	ROW(BARE_LF, "\nGET / HTTP/1.1" END HOST END),
	ROW(BARE_CR, "GET / HTTP/1.1\rHost: localhost" END END),
	ROW(BARE_CR, GET "X: a\rContent-Length: 5" END END),
	ROW(BARE_CR, GET "X: a\r\r\n" END),
	ROW(BARE_CR, GET "\rX: a" END END),
	ROW(FIELD_NAME, GET "X\r: a" END END),
	ROW(BYTE, GET "X: a\0b" END END),
	ROW(BYTE, GET "X\0: a" END END),
	ROW(BYTE, "GET /\0 HTTP/1.1" END HOST END),
	ROW(BYTE, "G\0T / HTTP/1.1" END HOST END),
	ROW(BYTE, GET "X: \x7f" END END),
	ROW(BYTE, GET "X: \x80" END END),
	ROW(BYTE, GET "X: \xff" END END),
	ROW(BYTE, GET "X: \v" END END),
	ROW(BYTE, GET "Transfer-Encoding:\x0b"
		      "chunked" END END),
	ROW(OBS_FOLD, GET "X: a" END " b" END END),
	ROW(OBS_FOLD, GET "X: a" END "\tb" END END),
	ROW(OBS_FOLD, "GET / HTTP/1.1" END " Host: localhost" END END),
	ROW(OBS_FOLD, POST "Transfer-Encoding:" END " chunked" END END),
	ROW(SPACE_BEFORE_COLON, "GET / HTTP/1.1" END "Host : localhost" END END),
	ROW(SPACE_BEFORE_COLON, POST "Content-Length : 5" END END),
	ROW(SPACE_BEFORE_COLON, POST "Transfer-Encoding\t: chunked" END END),
	ROW(SPACE_BEFORE_COLON, GET "no colon" END END),
	ROW(FIELD_NAME, GET ": no name" END END),
	ROW(FIELD_NAME, GET "X(: a" END END),
	ROW(FIELD_NAME, GET "X" END END),
	ROW(BYTE, GET "X\xc3: a" END END),
	/* framing: what two readers could read in two ways */
	ROW(LENGTH_AND_CODING, POST "Content-Length: 5" END "Transfer-Encoding: chunked" END END),
	ROW(LENGTH_AND_CODING, POST "Transfer-Encoding: chunked" END "Content-Length: 5" END END),
	ROW(LENGTH_AND_CODING, POST "Transfer-Encoding: x" END "Content-Length: 0" END END),
	ROW(LENGTH_AND_CODING, POST "Content-Length: x" END "Transfer-Encoding: chunked" END END),
	ROW(LENGTH_REPEATED, POST "Content-Length: 5" END "Content-Length: 6" END END),
	ROW(LENGTH_REPEATED, POST "Content-Length: 5" END "content-length: 5" END END),
	ROW(LENGTH_MALFORMED, POST "Content-Length:" END END),
	ROW(LENGTH_MALFORMED, POST "Content-Length: 5, 5" END END),
	ROW(LENGTH_MALFORMED, POST "Content-Length: +5" END END),
	ROW(LENGTH_MALFORMED, POST "Content-Length: -5" END END),
	ROW(LENGTH_MALFORMED, POST "Content-Length: 5 5" END END),
	ROW(LENGTH_MALFORMED, POST "Content-Length: 0x5" END END),
	ROW(LENGTH_MALFORMED, POST "Content-Length: 5.0" END END),
	ROW(LENGTH_MALFORMED, POST "Content-Length: \"5\"" END END),
	ROW(LENGTH_MALFORMED, POST "Content-Length: 9223372036854775808" END END),
	ROW(LENGTH_MALFORMED, POST "Content-Length: 9999999999999999999" END END),
	ROW(LENGTH_MALFORMED, POST "Content-Length: 18446744073709551621" END END),
	ROW(LENGTH_MALFORMED, POST "Content-Length: 00000000000000000005" END END),
	ROW(CODING_REPEATED,
		POST "Transfer-Encoding: chunked" END "Transfer-Encoding: identity" END END),
	ROW(CODING_REPEATED,
		POST "Transfer-Encoding: chunked" END "Transfer-encoding: chunked" END END),
	ROW(CODING_UNKNOWN, POST "Transfer-Encoding:" END END),
	ROW(CODING_UNKNOWN, POST "Transfer-Encoding: xchunked" END END),
	ROW(CODING_UNKNOWN, POST "Transfer-Encoding: gzip, chunked" END END),
	ROW(CODING_UNKNOWN, POST "Transfer-Encoding: chunked, chunked" END END),
	ROW(CODING_UNKNOWN, POST "Transfer-Encoding: chunked, identity" END END),
	ROW(CODING_UNKNOWN, POST "Transfer-Encoding: identity" END END),
	ROW(CODING_UNKNOWN, POST "Transfer-Encoding: chunked;q=1" END END),
	ROW(CODING_UNKNOWN, POST "Transfer-Encoding: \"chunked\"" END END),
	ROW(CODING_UNKNOWN, POST "Transfer-Encoding: ,chunked" END END),
	ROW(CODING_UNKNOWN, "GET / HTTP/1.1" END HOST "Transfer-Encoding: gzip" END END),
	ROW(BODY_UNEXPECTED, GET "Content-Length: 1" END END),
	ROW(BODY_UNEXPECTED, GET "Transfer-Encoding: chunked" END END),
	ROW(BODY_UNEXPECTED, "HEAD / HTTP/1.1" END HOST "Content-Length: 1" END END),
	ROW(BODY_UNEXPECTED, "DELETE / HTTP/1.1" END HOST "Content-Length: 1" END END),
	/* the other fields */
	ROW(FIELD_REPEATED, GET "Authorization: Bearer a" END "authorization: Bearer a" END END),
	ROW(FIELD_REPEATED, POST "Content-Type: a/b" END "Content-Type: a/b" END END),
	ROW(FIELD_REPEATED, POST "Idempotency-Key: a" END "Idempotency-Key: a" END END),
	ROW(FIELD_REPEATED, POST "Content-Encoding: identity" END "Content-Encoding: gzip" END END),
	ROW(EXPECTATION, POST "Expect: 200-ok" END END),
	ROW(EXPECTATION, POST "Expect:" END END),
	ROW(EXPECTATION, POST "Expect: 100-continue, x" END END),
	ROW(EXPECTATION, POST "Expect: 100-continue" END "Expect: 100-continue" END END),
	ROW(ENCODING, GET "Content-Encoding: gzip" END END),
	ROW(ENCODING, POST "Content-Encoding: gzip, gzip" END END),
	ROW(ENCODING, POST "Content-Encoding: x-gzip" END END),
	ROW(ENCODING, POST "Content-Encoding: br" END END),
	ROW(ENCODING, POST "Content-Encoding:" END END),
	ROW(CORR_CONFLICT, GET "X-Corr-ID: " ULID END "X-Request-Id: " UUID END END),
	ROW(CORR_CONFLICT, GET "X-Corr-ID: " UUID END "X-Corr-ID: " ULID END END),
};

static void each_row_of_the_table_is_decided_as_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct slice bytes = { (const uint8_t *)rows[i].bytes, rows[i].bytes_count };
		struct http_head head;
		size_t used;
		enum http_decision got = decide(bytes, SIZE_MAX, &head, &used);

		if (got != rows[i].decision) {
			fail_msg("%s: %s instead of %s", rows[i].bytes, http_answer(got)->name,
				http_answer(rows[i].decision)->name);
		}
	}
}

static void each_row_is_decided_alike_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct slice bytes = { (const uint8_t *)rows[i].bytes, rows[i].bytes_count };

		for (size_t piece_bytes = 1; piece_bytes <= bytes.bytes_count; piece_bytes++) {
			struct http_head head;
			size_t used;

			assert_int_equal(
				decide(bytes, piece_bytes, &head, &used), rows[i].decision);
		}
	}
}

/* Goal: no decision that a head can meet is without its row above. */
static void each_decision_about_a_head_has_a_row(void **state)
{
	static const enum http_decision elsewhere[] = { /* test_http_scan.c */
		HTTP_TARGET_TOO_LONG, HTTP_HEAD_TOO_LARGE, HTTP_FIELDS_TOO_MANY,
		/* test_http_target.c */
		HTTP_PARAMETERS, HTTP_PARAMETER_REPEATED,
		/* test_http_body.c */
		HTTP_BODY_TOO_LARGE, HTTP_CHUNK_SIZE, HTTP_CHUNK_EXTENSION, HTTP_CHUNK_END,
		/* below */
		HTTP_HOST_NOT_OURS, HTTP_CONTENT_TYPE, HTTP_MULTIPART, HTTP_MEDIA_TYPE,
		/* the edge's */
		HTTP_ROUTE_UNKNOWN, HTTP_OTHER_METHODS, HTTP_HEAD_LATE, HTTP_BODY_LATE
	};
	bool seen[HTTP_DECISION_COUNT] = { false };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		seen[rows[i].decision] = true;
	}
	for (size_t i = 0; i < COUNT_OF(elsewhere); i++) {
		assert_false(seen[elsewhere[i]]);
		seen[elsewhere[i]] = true;
	}
	for (unsigned i = 0; i < HTTP_DECISION_COUNT; i++) {
		assert_true(seen[i]);
	}
}

/* Goal: the head is handed out when, and only when, the connection may live on. */
static void a_head_is_written_unless_the_decision_closes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct slice bytes = { (const uint8_t *)rows[i].bytes, rows[i].bytes_count };
		struct http_head head = { .content_length = 4711 };
		size_t used;
		enum http_decision decision = decide(bytes, SIZE_MAX, &head, &used);
		bool written = head.content_length != 4711;

		assert_int_equal(written, decision != HTTP_MORE && !http_answer(decision)->close);
	}
}

static const char whole[] = "POST /v1/transfer?dry=1 HTTP/1.1\r\n"
			    "Host: Node.example:5082\r\n"
			    "Authorization: Bearer AgEEdG9rZW4\r\n"
			    "Content-Type: application/json; charset=utf-8\r\n"
			    "Content-Length:  42 \r\n"
			    "Idempotency-Key: 01JFA1KQ2Q9G2VE8W7\r\n"
			    "Expect: 100-Continue\r\n"
			    "X-Request-Id: " ULID "\r\n"
			    "Accept: application/json\r\n"
			    "Connection: keep-alive, Close\r\n"
			    "User-Agent: test\r\n"
			    "\r\n";

static void a_head_is_read_into_its_fields(void **state)
{
	struct http_head head;

	(void)state;
	assert_int_equal(decide_text(whole, &head), HTTP_OK);
	assert_int_equal(head.method, HTTP_METHOD_POST);
	assert_slice(head.path, "/v1/transfer");
	assert_slice(head.query, "dry=1");
	assert_slice(head.host, "Node.example:5082");
	assert_slice(head.host_name, "Node.example");
	assert_false(head.host_is_ip);
	assert_true(head.content_length_known);
	assert_int_equal(head.content_length, 42);
	assert_false(head.chunked);
	assert_true(head.expect_continue);
	assert_true(head.close);
	assert_slice(head.authorization, "Bearer AgEEdG9rZW4");
	assert_slice(head.content_type, "application/json; charset=utf-8");
	assert_int_equal(head.content, HTTP_CONTENT_JSON);
	assert_slice(head.idempotency_key, "01JFA1KQ2Q9G2VE8W7");
	assert_slice(head.corr_id, ULID);
	assert_false(head.accepts_openmetrics);
}

static void each_cut_of_a_head_waits_for_more(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < sizeof whole - 1; cut++) {
		struct slice bytes = { (const uint8_t *)whole, cut };
		struct http_head head;
		size_t used;

		assert_int_equal(decide(bytes, SIZE_MAX, &head, &used), HTTP_MORE);
		assert_int_equal(used, cut);
	}
}

static void what_follows_a_head_is_not_taken(void **state)
{
	static const char two[] = GET END "POST / HTTP/1.1";
	struct slice bytes = { (const uint8_t *)two, sizeof two - 1 };
	struct http_head head;
	size_t used;

	(void)state;
	assert_int_equal(decide(bytes, SIZE_MAX, &head, &used), HTTP_OK);
	assert_int_equal(used, sizeof GET END - 1);
}

static void what_was_not_sent_is_absent(void **state)
{
	struct http_head head;

	(void)state;
	assert_int_equal(decide_text(GET END, &head), HTTP_OK);
	assert_int_equal(head.query.bytes_count, 0);
	assert_false(head.content_length_known);
	assert_false(head.chunked);
	assert_false(head.expect_continue);
	assert_false(head.close);
	assert_null(head.authorization.bytes);
	assert_null(head.content_type.bytes);
	assert_int_equal(head.content, HTTP_CONTENT_NONE);
	assert_null(head.idempotency_key.bytes);
	assert_null(head.corr_id.bytes);
}

static void a_hundred_continue_is_owed_only_when_a_body_comes(void **state)
{
	struct http_head head;

	(void)state;
	assert_int_equal(decide_text(POST "Expect: 100-continue" END END, &head), HTTP_OK);
	assert_false(head.expect_continue);
	assert_int_equal(
		decide_text(POST "Expect: 100-continue" END "Transfer-Encoding: chunked" END END,
			&head),
		HTTP_OK);
	assert_true(head.expect_continue);
	assert_true(head.chunked);
}

static void a_packed_body_is_told(void **state)
{
	struct http_head head;

	(void)state;
	assert_int_equal(decide_text(POST "Content-Encoding: identity" END END, &head), HTTP_OK);
	assert_false(head.gzip);
	assert_int_equal(decide_text(POST "Content-Encoding: gzip" END END, &head), HTTP_OK);
	assert_true(head.gzip);
	assert_int_equal(decide_text(POST "Content-Encoding: br" END END, &head), HTTP_ENCODING);
	assert_false(head.gzip);
}

static void close_is_found_in_any_connection_field(void **state)
{
	struct http_head head;

	(void)state;
	assert_int_equal(decide_text(GET "Connection: a" END "Connection: ,b ,CLOSE" END
					 "Connection: keep-alive" END END,
				 &head),
		HTTP_OK);
	assert_true(head.close);
	assert_int_equal(decide_text(GET "Connection: closed, x-close" END END, &head), HTTP_OK);
	assert_false(head.close);
}

static void only_json_in_utf_8_is_json(void **state)
{
	static const struct {
		const char *field;
		enum http_content content;
	} types[] = {
		{ "Content-Type: application/json\r\n", HTTP_CONTENT_JSON },
		{ "Content-Type: Application/JSON ; Charset=UTF-8\r\n", HTTP_CONTENT_JSON },
		{ "Content-Type: application/json;charset=\"utf-8\"\r\n", HTTP_CONTENT_JSON },
		{ "Content-Type:\r\n", HTTP_CONTENT_OTHER },
		{ "Content-Type: text/plain\r\n", HTTP_CONTENT_OTHER },
		{ "Content-Type: application/jsonx\r\n", HTTP_CONTENT_OTHER },
		{ "Content-Type: application/json, text/plain\r\n", HTTP_CONTENT_OTHER },
		{ "Content-Type: application/json; charset=latin1\r\n", HTTP_CONTENT_OTHER },
		{ "Content-Type: application/json; v=1\r\n", HTTP_CONTENT_OTHER },
		{ "Content-Type: application/json; charset=utf-8; v=1\r\n", HTTP_CONTENT_OTHER },
		{ "", HTTP_CONTENT_NONE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		struct http_head head;
		char text[256] = POST;

		memcpy(text + strlen(text), types[i].field, strlen(types[i].field));
		memcpy(text + strlen(text), END, sizeof END);
		assert_int_equal(decide_text(text, &head), HTTP_OK);
		assert_int_equal(head.content, types[i].content);
		assert_int_equal(http_head_check_json(&head),
			types[i].content == HTTP_CONTENT_JSON ? HTTP_OK : HTTP_CONTENT_TYPE);
	}
}

/* Goal: the body of an object is kept as it is, so it has one type, is not packed and not taken
 * apart. */
static void an_object_is_of_one_type_and_not_packed(void **state)
{
	static const struct {
		const char *fields;
		enum http_decision decision;
	} types[] = {
		{ "", HTTP_OK },
		{ "Content-Type: text/csv; header=present\r\n", HTTP_OK },
		{ "Content-Type: multipart/form-data; boundary=x\r\n", HTTP_MULTIPART },
		{ "Content-Type: Multipart/Mixed\r\n", HTTP_MULTIPART },
		{ "Content-Type: text\r\n", HTTP_MEDIA_TYPE },
		{ "Content-Type:\r\n", HTTP_MEDIA_TYPE },
		{ "Content-Encoding: gzip\r\n", HTTP_ENCODING },
		{ "Content-Encoding: identity\r\n", HTTP_OK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(types); i++) {
		struct http_head head;
		char text[256] = POST;

		memcpy(text + strlen(text), types[i].fields, strlen(types[i].fields));
		memcpy(text + strlen(text), END, sizeof END);
		assert_int_equal(decide_text(text, &head), HTTP_OK);
		assert_int_equal(http_head_check_object(&head), types[i].decision);
	}
}

static void openmetrics_is_found_among_what_is_accepted(void **state)
{
	struct http_head head;

	(void)state;
	assert_int_equal(decide_text(GET "Accept: text/plain, application/OpenMetrics-text;"
					 "version=1.0.0;q=0.5,*/*;q=0.1" END END,
				 &head),
		HTTP_OK);
	assert_true(head.accepts_openmetrics);
	assert_int_equal(
		decide_text(GET "Accept: */*" END "Accept: text/plain" END END, &head), HTTP_OK);
	assert_false(head.accepts_openmetrics);
}

static void a_host_is_ours_by_address_by_localhost_or_by_the_list(void **state)
{
	static const struct slice names[] = {
		{ (const uint8_t *)"ledger.example", 14 },
		{ (const uint8_t *)"node", 4 },
	};
	static const struct {
		const char *text;
		enum http_decision decision;
	} hosts[] = {
		{ "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n", HTTP_OK },
		{ "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n", HTTP_OK },
		{ "GET / HTTP/1.1\r\nHost: LOCALHOST\r\n\r\n", HTTP_OK },
		{ "GET / HTTP/1.1\r\nHost: Ledger.Example:1\r\n\r\n", HTTP_OK },
		{ "GET / HTTP/1.1\r\nHost: node\r\n\r\n", HTTP_OK },
		{ "GET / HTTP/1.1\r\nHost: node.evil.example\r\n\r\n", HTTP_HOST_NOT_OURS },
		{ "GET / HTTP/1.1\r\nHost: localhost.\r\n\r\n", HTTP_HOST_NOT_OURS },
		{ "GET / HTTP/1.1\r\nHost: 127.0.0.1.nip.io\r\n\r\n", HTTP_HOST_NOT_OURS },
		{ "GET / HTTP/1.1\r\nHost: 127.1\r\n\r\n", HTTP_HOST_NOT_OURS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(hosts); i++) {
		struct http_head head;

		assert_int_equal(decide_text(hosts[i].text, &head), HTTP_OK);
		assert_int_equal(
			http_head_check_host(&head, names, COUNT_OF(names)), hosts[i].decision);
	}
}

static void a_correlation_id_is_kept_when_it_is_a_ulid_or_uuid(void **state)
{
	struct http_head head;

	(void)state;
	assert_int_equal(decide_text(GET "X-Corr-ID: " UUID END END, &head), HTTP_OK);
	assert_slice(head.corr_id, UUID);
	assert_int_equal(
		decide_text(GET "X-Corr-ID: " ULID END "X-Request-Id: " ULID END END, &head),
		HTTP_OK);
	assert_slice(head.corr_id, ULID);
	assert_int_equal(
		decide_text(GET "X-Corr-ID: mine" END "X-Request-Id: " ULID END END, &head),
		HTTP_OK);
	assert_slice(head.corr_id, ULID);
	assert_int_equal(decide_text(GET "X-Corr-ID: <script>" END END, &head), HTTP_OK);
	assert_null(head.corr_id.bytes);
}

static void a_bearer_token_is_one_word_behind_its_scheme(void **state)
{
	static const struct {
		const char *value, *token;
	} fields[] = {
		{ "Bearer abc", "abc" },
		{ "bearer  abc==", "abc==" },
		{ "Bearer", NULL },
		{ "Bearer ", NULL },
		{ "Bearer a b", NULL },
		{ "Bearer a, Bearer b", NULL },
		{ "Bearer a,b", NULL },
		{ "Basic abc", NULL },
		{ "Bearerabc", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		struct http_head head = { .authorization = { (const uint8_t *)fields[i].value,
						  strlen(fields[i].value) } };
		struct slice token = { NULL, 0 };

		assert_int_equal(http_head_bearer(&head, &token), fields[i].token != NULL);
		if (fields[i].token != NULL) {
			assert_slice(token, fields[i].token);
		}
	}
	assert_false(http_head_bearer(&(struct http_head){ .close = false }, &(struct slice){ 0 }));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_table_is_decided_as_it_says),
		cmocka_unit_test(each_row_is_decided_alike_in_pieces_of_any_size),
		cmocka_unit_test(each_decision_about_a_head_has_a_row),
		cmocka_unit_test(a_head_is_written_unless_the_decision_closes),
		cmocka_unit_test(a_head_is_read_into_its_fields),
		cmocka_unit_test(each_cut_of_a_head_waits_for_more),
		cmocka_unit_test(what_follows_a_head_is_not_taken),
		cmocka_unit_test(what_was_not_sent_is_absent),
		cmocka_unit_test(a_hundred_continue_is_owed_only_when_a_body_comes),
		cmocka_unit_test(a_packed_body_is_told),
		cmocka_unit_test(close_is_found_in_any_connection_field),
		cmocka_unit_test(only_json_in_utf_8_is_json),
		cmocka_unit_test(an_object_is_of_one_type_and_not_packed),
		cmocka_unit_test(openmetrics_is_found_among_what_is_accepted),
		cmocka_unit_test(a_host_is_ours_by_address_by_localhost_or_by_the_list),
		cmocka_unit_test(a_correlation_id_is_kept_when_it_is_a_ulid_or_uuid),
		cmocka_unit_test(a_bearer_token_is_one_word_behind_its_scheme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
