#include "core/http_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ROOM_BYTES 1000u

static const struct http_head chunked = { .chunked = true };

static struct http_head of_length(uint64_t length)
{
	return (struct http_head){ .content_length = length, .content_length_known = true };
}

struct outcome {
	enum http_decision decision;
	size_t used;
	size_t data_bytes;
	uint8_t data[ROOM_BYTES];
};

/* Feeds bytes in pieces of piece_bytes and joins the runs. */
static void decode(const struct http_head *head, uint64_t bytes_max, struct slice bytes,
	size_t piece_bytes, struct outcome *ret_outcome)
{
	struct http_body body;
	struct outcome got = { .decision = http_body_begin(&body, head, bytes_max) };

	while (got.decision == HTTP_MORE && got.used < bytes.bytes_count) {
		size_t left = bytes.bytes_count - got.used;
		struct slice piece = { bytes.bytes + got.used,
			left < piece_bytes ? left : piece_bytes };
		struct slice data = { NULL, 0 };
		size_t used = 0;

		got.decision = http_body_feed(&body, &http_limits_default, piece, &used, &data);
		if (data.bytes_count > 0) {
			memcpy(got.data + got.data_bytes, data.bytes, data.bytes_count);
			got.data_bytes += data.bytes_count;
		}
		got.used += used;
	}
	*ret_outcome = got;
}

struct row {
	const char *wire;
	size_t wire_bytes;
	enum http_decision decision;
	const char *data;
};

#define ROW(decision, wire, data)                             \
	{                                                     \
		wire, sizeof(wire) - 1, HTTP_##decision, data \
	}

static const struct row rows[] = {
	ROW(OK, "0\r\n\r\n", ""),
	ROW(OK, "00000000\r\n\r\n", ""),
	ROW(OK, "5\r\nhello\r\n0\r\n\r\n", "hello"),
	ROW(OK, "5\r\nhello\r\n00000006\r\n world\r\n0\r\n\r\n", "hello world"),
	ROW(OK, "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", "01234567890123456789a"),
	ROW(OK, "2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
	ROW(OK, "1\r\na\r\n0\r\nX-Sum: 1\r\nHost: other\r\nContent-Length: 9\r\n\r\n", "a"),
	ROW(MORE, "5\r\nhel", "hel"),
	ROW(MORE, "5\r\nhello\r\n0\r\n", "hello"),
	ROW(MORE, "5\r\nhello\r\n0\r\n\r", "hello"),
	ROW(CHUNK_SIZE, "\r\n", ""),
	ROW(CHUNK_SIZE, "x\r\n", ""),
	ROW(CHUNK_SIZE, "0x5\r\nhello", ""),
	ROW(CHUNK_SIZE, "+5\r\nhello", ""),
	ROW(CHUNK_SIZE, "-5\r\nhello", ""),
	ROW(CHUNK_SIZE, " 5\r\nhello", ""),
	ROW(CHUNK_SIZE, "5 \r\nhello", ""),
	ROW(CHUNK_SIZE, "5\t\r\nhello", ""),
	ROW(CHUNK_SIZE, "5\nhello", ""),
	ROW(CHUNK_SIZE, "5\rhello", ""),
	ROW(CHUNK_SIZE, "5\0\r\nhello", ""),
	ROW(CHUNK_SIZE, "5\r\r\nhello", ""),
	ROW(CHUNK_SIZE, "5G\r\n", ""),
	ROW(CHUNK_SIZE, "000000005\r\nhello", ""),
	ROW(CHUNK_SIZE, "100000000\r\nhello", ""),
	ROW(CHUNK_SIZE, "1\r\na\r\n\r\n", "a"),
	ROW(CHUNK_EXTENSION, "5;a=b\r\nhello", ""),
	ROW(CHUNK_EXTENSION, "5;\r\nhello", ""),
	ROW(CHUNK_EXTENSION, ";", ""),
	ROW(CHUNK_EXTENSION, "0;a\r\n\r\n", ""),
	ROW(CHUNK_END, "5\r\nhelloX", "hello"),
	ROW(CHUNK_END, "5\r\nhello\n", "hello"),
	ROW(CHUNK_END, "5\r\nhello\rX", "hello"),
	ROW(CHUNK_END, "3\r\nhello\r\n0\r\n\r\n", "hel"),
	ROW(BODY_TOO_LARGE, "FFFFFFFF\r\n", ""),
	ROW(BODY_TOO_LARGE, "3E9\r\n", ""),
	/* trailers under the grammar of a head */
	ROW(BARE_LF, "0\r\n\n", ""),
	ROW(BARE_LF, "0\r\nX: a\n\r\n", ""),
	ROW(BARE_CR, "0\r\n\rX", ""),
	ROW(OBS_FOLD, "0\r\nX: a\r\n b\r\n\r\n", ""),
	ROW(SPACE_BEFORE_COLON, "0\r\nX : a\r\n\r\n", ""),
	ROW(SPACE_BEFORE_COLON, "0\r\nGET / HTTP/1.1\r\n\r\n", ""),
	ROW(FIELD_NAME, "0\r\n: a\r\n\r\n", ""),
	ROW(BYTE, "0\r\nX: \0\r\n\r\n", ""),
};

static void each_chunked_body_is_decided_alike_in_pieces_of_any_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct slice wire = { (const uint8_t *)rows[i].wire, rows[i].wire_bytes };

		for (size_t piece_bytes = 1; piece_bytes <= wire.bytes_count; piece_bytes++) {
			struct outcome got;

			decode(&chunked, ROOM_BYTES, wire, piece_bytes, &got);
			if (got.decision != rows[i].decision) {
				fail_msg("%s: %s", rows[i].wire, http_answer(got.decision)->name);
			}
			assert_int_equal(got.data_bytes, strlen(rows[i].data));
			assert_memory_equal(got.data, rows[i].data, got.data_bytes);
		}
	}
}

static void a_chunked_body_ends_where_its_trailers_end(void **state)
{
	static const char wire[] = "1\r\na\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n";
	struct slice bytes = { (const uint8_t *)wire, sizeof wire - 1 };
	struct outcome got;

	(void)state;
	decode(&chunked, ROOM_BYTES, bytes, SIZE_MAX, &got);
	assert_int_equal(got.decision, HTTP_OK);
	assert_int_equal(got.used, sizeof wire - 1 - strlen("GET / HTTP/1.1\r\n"));
}

static void each_cut_of_a_chunked_body_waits_for_more(void **state)
{
	static const char wire[] = "5\r\nhello\r\n6\r\n world\r\n0\r\nX: y\r\n\r\n";

	(void)state;
	for (size_t cut = 0; cut < sizeof wire - 1; cut++) {
		struct outcome got;

		decode(&chunked, ROOM_BYTES, (struct slice){ (const uint8_t *)wire, cut }, SIZE_MAX,
			&got);
		assert_int_equal(got.decision, HTTP_MORE);
		assert_int_equal(got.used, cut);
	}
}

static void chunks_together_may_fill_the_room_and_no_more(void **state)
{
	static const char wire[] = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
	struct slice bytes = { (const uint8_t *)wire, sizeof wire - 1 };
	struct outcome got;

	(void)state;
	decode(&chunked, 11, bytes, SIZE_MAX, &got);
	assert_int_equal(got.decision, HTTP_OK);
	decode(&chunked, 10, bytes, SIZE_MAX, &got);
	assert_int_equal(got.decision, HTTP_BODY_TOO_LARGE);
	assert_int_equal(got.data_bytes, 5);
	decode(&chunked, 0, (struct slice){ (const uint8_t *)"0\r\n\r\n", 5 }, SIZE_MAX, &got);
	assert_int_equal(got.decision, HTTP_OK);
}

static void trailers_have_the_bounds_of_a_head(void **state)
{
	static const char wire[] = "0\r\nX: y\r\nZ: y\r\n\r\n";
	struct http_limits limits = http_limits_default;
	struct slice bytes = { (const uint8_t *)wire, sizeof wire - 1 };
	struct slice data;
	struct http_body body;
	size_t used;

	(void)state;
	limits.head_bytes_max = (uint32_t)strlen("X: y\r\nZ: y\r\n\r\n");
	limits.fields_max = 2;
	assert_int_equal(http_body_begin(&body, &chunked, 0), HTTP_MORE);
	assert_int_equal(http_body_feed(&body, &limits, bytes, &used, &data), HTTP_OK);
	limits.head_bytes_max--;
	assert_int_equal(http_body_begin(&body, &chunked, 0), HTTP_MORE);
	assert_int_equal(http_body_feed(&body, &limits, bytes, &used, &data), HTTP_HEAD_TOO_LARGE);
	limits.fields_max = 1;
	assert_int_equal(http_body_begin(&body, &chunked, 0), HTTP_MORE);
	assert_int_equal(http_body_feed(&body, &limits, bytes, &used, &data), HTTP_FIELDS_TOO_MANY);
}

static void a_body_of_known_length_ends_there(void **state)
{
	static const char wire[] = "hello world";
	struct http_head head = of_length(5);

	(void)state;
	for (size_t piece_bytes = 1; piece_bytes < sizeof wire; piece_bytes++) {
		struct outcome got;

		decode(&head, 5, (struct slice){ (const uint8_t *)wire, sizeof wire - 1 },
			piece_bytes, &got);
		assert_int_equal(got.decision, HTTP_OK);
		assert_int_equal(got.used, 5);
		assert_int_equal(got.data_bytes, 5);
		assert_memory_equal(got.data, "hello", 5);
	}
}

static void an_announced_length_over_the_bound_is_refused_before_a_byte_is_read(void **state)
{
	struct http_head fits = of_length(1000), over = of_length(1001), all = of_length(INT64_MAX);
	struct http_body body;

	(void)state;
	assert_int_equal(http_body_begin(&body, &fits, 1000), HTTP_MORE);
	assert_int_equal(http_body_begin(&body, &over, 1000), HTTP_BODY_TOO_LARGE);
	assert_true(http_body_drainable(&body));
	assert_int_equal(http_body_begin(&body, &all, 1000), HTTP_BODY_TOO_LARGE);
	assert_false(http_body_drainable(&body));
}

static void no_length_and_length_zero_are_no_body(void **state)
{
	struct http_head none = { .content_length_known = false }, zero = of_length(0);
	struct http_body body;

	(void)state;
	assert_int_equal(http_body_begin(&body, &none, 0), HTTP_OK);
	assert_true(http_body_drainable(&body));
	assert_int_equal(http_body_begin(&body, &zero, 0), HTTP_OK);
	assert_true(http_body_drainable(&body));
}

static void a_rest_is_drained_up_to_64_kib_and_when_it_is_known(void **state)
{
	struct http_head fits = of_length(65536), over = of_length(65537);
	struct http_body body;
	struct slice data;
	size_t used;

	(void)state;
	assert_int_equal(http_body_begin(&body, &fits, UINT64_MAX), HTTP_MORE);
	assert_true(http_body_drainable(&body));
	assert_int_equal(http_body_begin(&body, &over, UINT64_MAX), HTTP_MORE);
	assert_false(http_body_drainable(&body));
	assert_int_equal(http_body_feed(&body, &http_limits_default,
				 (struct slice){ (const uint8_t *)"a", 1 }, &used, &data),
		HTTP_MORE);
	assert_true(http_body_drainable(&body));
	assert_int_equal(http_body_begin(&body, &chunked, UINT64_MAX), HTTP_MORE);
	assert_false(http_body_drainable(&body));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_chunked_body_is_decided_alike_in_pieces_of_any_size),
		cmocka_unit_test(a_chunked_body_ends_where_its_trailers_end),
		cmocka_unit_test(each_cut_of_a_chunked_body_waits_for_more),
		cmocka_unit_test(chunks_together_may_fill_the_room_and_no_more),
		cmocka_unit_test(trailers_have_the_bounds_of_a_head),
		cmocka_unit_test(a_body_of_known_length_ends_there),
		cmocka_unit_test(
			an_announced_length_over_the_bound_is_refused_before_a_byte_is_read),
		cmocka_unit_test(no_length_and_length_zero_are_no_body),
		cmocka_unit_test(a_rest_is_drained_up_to_64_kib_and_when_it_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
