/* Packed bodies: what is one whole gzip member within its bounds comes out, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "services/prevalidator/inflate.h"

#define ROOM_BYTES (4u * BODY_BYTES_MAX)
#define GZIP       (15 + 16)
#define TEXT       "{\"batch\":[{\"id\":\"9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\"}]}"

static struct inflater inflater; /* one for all tests: what came before must not matter */
static uint8_t packed[ROOM_BYTES];
static uint8_t plain[ROOM_BYTES];

/* As zlib packs it. A field of `extra_bytes` in the head makes it longer, and nothing else. */
static size_t pack(const void *bytes, size_t bytes_count, int window_bits, unsigned extra_bytes)
{
	static uint8_t extra[65536];
	gz_header head = { .extra = extra, .extra_len = extra_bytes };
	z_stream stream = { .next_in = (uint8_t *)(uintptr_t)bytes,
		.avail_in = (unsigned)bytes_count,
		.next_out = packed,
		.avail_out = sizeof packed };

	assert_int_equal(
		deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	if (extra_bytes > 0) {
		assert_int_equal(deflateSetHeader(&stream, &head), Z_OK);
	}
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(deflateEnd(&stream), Z_OK);
	return sizeof packed - stream.avail_out;
}

static size_t pack_text(void)
{
	return pack(TEXT, sizeof TEXT - 1, GZIP, 0);
}

static enum inflate_result unpack_at_most(size_t bytes_count, size_t max, struct slice *ret)
{
	/* on the heap, so that a sanitizer sees a read behind it */
	uint8_t *copy = malloc(bytes_count + 1);
	enum inflate_result result;

	assert_non_null(copy);
	memcpy(copy, packed, bytes_count);
	result = inflate_body(&inflater, (struct slice){ copy, bytes_count }, max, ret);
	free(copy);
	return result;
}

static enum inflate_result unpack(size_t bytes_count)
{
	struct slice got = { NULL, 0 };

	return unpack_at_most(bytes_count, BODY_BYTES_MAX, &got);
}

static void expect_text(size_t bytes_count)
{
	struct slice got;

	assert_int_equal(unpack_at_most(bytes_count, BODY_BYTES_MAX, &got), INFLATE_OK);
	assert_int_equal(got.bytes_count, sizeof TEXT - 1);
	assert_memory_equal(got.bytes, TEXT, sizeof TEXT - 1);
}

/* Text of 4 bits a byte, which packs to about half. */
static void fill_random(size_t bytes_count)
{
	uint32_t random = 1;

	for (size_t i = 0; i < bytes_count; i++) {
		random = random * 1664525 + 1013904223;
		plain[i] = (uint8_t) "0123456789abcdef"[random >> 28];
	}
}

static void what_was_packed_comes_out(void **state)
{
	struct slice got;
	size_t bytes_count;

	(void)state;
	expect_text(pack_text());
	fill_random(BODY_BYTES_MAX);
	bytes_count = pack(plain, BODY_BYTES_MAX, GZIP, 0);
	assert_int_equal(unpack_at_most(bytes_count, BODY_BYTES_MAX, &got), INFLATE_OK);
	assert_int_equal(got.bytes_count, BODY_BYTES_MAX);
	assert_memory_equal(got.bytes, plain, BODY_BYTES_MAX);
}

static void a_member_of_nothing_is_an_empty_body(void **state)
{
	struct slice got;

	(void)state;
	assert_int_equal(unpack_at_most(pack("", 0, GZIP, 0), BODY_BYTES_MAX, &got), INFLATE_OK);
	assert_int_equal(got.bytes_count, 0);
}

static void no_bytes_at_all_are_no_member(void **state)
{
	(void)state;
	assert_int_equal(unpack(0), INFLATE_BROKEN);
}

static void cut_at_every_byte_it_is_broken(void **state)
{
	size_t whole = pack_text();

	(void)state;
	for (size_t cut = 0; cut < whole; cut++) {
		assert_int_equal(unpack(cut), INFLATE_BROKEN);
	}
	expect_text(whole);
}

static void bytes_behind_it_are_refused(void **state)
{
	size_t whole = pack_text();

	(void)state;
	packed[whole] = 0; /* gzip(1) passes over zeros */
	assert_int_equal(unpack(whole + 1), INFLATE_BROKEN);
	packed[whole] = 'x';
	assert_int_equal(unpack(whole + 1), INFLATE_BROKEN);
}

static void two_members_are_refused(void **state)
{
	size_t whole = pack_text();

	(void)state;
	memcpy(packed + whole, packed, whole);
	assert_int_equal(unpack(2 * whole), INFLATE_BROKEN);
}

/* Of a byte wrong anywhere either the result is right all the same (time and system of the head),
 * or it is broken; never other bytes. */
static void a_wrong_byte_never_gives_another_body(void **state)
{
	size_t whole = pack_text();

	(void)state;
	for (size_t i = 0; i < whole; i++) {
		struct slice got = { NULL, 0 };
		packed[i] ^= 0x11;
		enum inflate_result result = unpack_at_most(whole, BODY_BYTES_MAX, &got);
		packed[i] ^= 0x11;
		if (result == INFLATE_OK) {
			assert_in_range(i, 4, 9);
			assert_int_equal(got.bytes_count, sizeof TEXT - 1);
			assert_memory_equal(got.bytes, TEXT, sizeof TEXT - 1);
		} else {
			assert_false(i >= 4 && i <= 9);
		}
	}
}

static void a_wrong_checksum_or_length_is_broken(void **state)
{
	size_t whole = pack_text();

	(void)state;
	packed[whole - 8] ^= 1;
	assert_int_equal(unpack(whole), INFLATE_BROKEN);
	packed[whole - 8] ^= 1;
	packed[whole - 4] ^= 1;
	assert_int_equal(unpack(whole), INFLATE_BROKEN);
}

static void what_is_not_gzip_is_broken(void **state)
{
	size_t whole;

	(void)state;
	assert_int_equal(unpack(pack(TEXT, sizeof TEXT - 1, 15, 0)), INFLATE_BROKEN);
	assert_int_equal(unpack(pack(TEXT, sizeof TEXT - 1, -15, 0)), INFLATE_BROKEN);
	memcpy(packed, TEXT, sizeof TEXT - 1);
	assert_int_equal(unpack(sizeof TEXT - 1), INFLATE_BROKEN);
	whole = pack_text();
	packed[2] = 7; /* a method that nobody ever defined */
	assert_int_equal(unpack(whole), INFLATE_BROKEN);
}

static void a_bomb_of_zeros_is_refused(void **state)
{
	size_t whole;

	(void)state;
	memset(plain, 0, sizeof plain);
	whole = pack(plain, BODY_BYTES_MAX / 2, GZIP, 0);
	assert_true(whole < 2000);
	assert_int_equal(unpack(whole), INFLATE_RATIO);
	whole = pack(plain, sizeof plain, GZIP, 0);
	assert_int_equal(unpack(whole), INFLATE_RATIO);
}

/* The inner one is just bytes. */
static void a_bomb_in_a_member_stays_packed(void **state)
{
	static uint8_t inner[65536];
	struct slice got;
	size_t inner_bytes, whole;

	(void)state;
	memset(plain, 0, sizeof plain);
	inner_bytes = pack(plain, sizeof plain, GZIP, 0);
	assert_true(inner_bytes <= sizeof inner);
	memcpy(inner, packed, inner_bytes);
	/* all zeros twice is small enough to need a longer head to stay under the ratio */
	whole = pack(inner, inner_bytes, GZIP, (unsigned)(inner_bytes / INFLATE_RATIO_MAX));
	assert_int_equal(unpack_at_most(whole, BODY_BYTES_MAX, &got), INFLATE_OK);
	assert_int_equal(got.bytes_count, inner_bytes);
	assert_memory_equal(got.bytes, inner, inner_bytes);
}

static void the_ratio_holds_to_the_byte(void **state)
{
	const unsigned extra_bytes = 1000;
	struct slice got;
	size_t whole;

	(void)state;
	memset(plain, 0, sizeof plain);
	/* zeros come in runs of 258, so that a few more of them mostly pack into as many bytes */
	whole = pack(plain, 10200, GZIP, extra_bytes);
	for (size_t count = whole * INFLATE_RATIO_MAX - 2; count < whole * INFLATE_RATIO_MAX + 3;
		count++) {
		size_t now = pack(plain, count, GZIP, extra_bytes);

		assert_int_equal(unpack_at_most(now, BODY_BYTES_MAX, &got),
			count <= now * INFLATE_RATIO_MAX ? INFLATE_OK : INFLATE_RATIO);
	}
}

static void the_bound_of_a_body_holds_to_the_byte(void **state)
{
	struct slice got;
	size_t whole = pack_text();

	(void)state;
	assert_int_equal(unpack_at_most(whole, sizeof TEXT - 1, &got), INFLATE_OK);
	assert_int_equal(unpack_at_most(whole, sizeof TEXT - 2, &got), INFLATE_TOO_LARGE);
	fill_random(BODY_BYTES_MAX + 1);
	whole = pack(plain, BODY_BYTES_MAX + 1, GZIP, 0);
	assert_in_range(whole, BODY_BYTES_MAX / INFLATE_RATIO_MAX, BODY_BYTES_MAX);
	assert_int_equal(unpack(whole), INFLATE_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_packed_comes_out),
		cmocka_unit_test(a_member_of_nothing_is_an_empty_body),
		cmocka_unit_test(no_bytes_at_all_are_no_member),
		cmocka_unit_test(cut_at_every_byte_it_is_broken),
		cmocka_unit_test(bytes_behind_it_are_refused),
		cmocka_unit_test(two_members_are_refused),
		cmocka_unit_test(a_wrong_byte_never_gives_another_body),
		cmocka_unit_test(a_wrong_checksum_or_length_is_broken),
		cmocka_unit_test(what_is_not_gzip_is_broken),
		cmocka_unit_test(a_bomb_of_zeros_is_refused),
		cmocka_unit_test(a_bomb_in_a_member_stays_packed),
		cmocka_unit_test(the_ratio_holds_to_the_byte),
		cmocka_unit_test(the_bound_of_a_body_holds_to_the_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
