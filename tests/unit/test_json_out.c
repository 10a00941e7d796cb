#include "core/json_out.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ROOM_BYTES 512u

static struct slice bytes_slice(const char *bytes, size_t bytes_count)
{
	return (struct slice){ (const uint8_t *)bytes, bytes_count };
}

static void assert_finished(const struct json_out *out, const char *expected)
{
	size_t bytes_count = 0;

	assert_int_equal(json_out_finish(out, &bytes_count), ERR_OK);
	assert_int_equal(bytes_count, strlen(expected));
	assert_memory_equal(out->bytes, expected, bytes_count);
}

static const char document[] = "{\"accepted\":true,\"seq\":1024,\"root\":null,\"delta\":-5,"
			       "\"amount\":\"340282366920938463463"
			       "374607431768211455\",\"hash\":\"00ff1a\",\"reasons\":[{\"idx\":0},{"
			       "},[],\"x\"],\"last\":false}";

static void write_document(struct json_out *out)
{
	json_out_object_begin(out);
	json_out_key(out, "accepted");
	json_out_bool(out, true);
	json_out_key(out, "seq");
	json_out_u64(out, 1024);
	json_out_key(out, "root");
	json_out_null(out);
	json_out_key(out, "delta");
	json_out_i64(out, -5);
	json_out_key(out, "amount");
	json_out_u128(out, U128_MAX);
	json_out_key(out, "hash");
	json_out_hex(out, bytes_slice("\x00\xff\x1a", 3));
	json_out_key(out, "reasons");
	json_out_array_begin(out);
	json_out_object_begin(out);
	json_out_key(out, "idx");
	json_out_u64(out, 0);
	json_out_object_end(out);
	json_out_object_begin(out);
	json_out_object_end(out);
	json_out_array_begin(out);
	json_out_array_end(out);
	json_out_text(out, "x");
	json_out_array_end(out);
	json_out_key(out, "last");
	json_out_bool(out, false);
	json_out_object_end(out);
}

static void a_document_has_its_commas_where_they_belong(void **state)
{
	struct json_out out;
	uint8_t bytes[ROOM_BYTES];

	(void)state;
	json_out_init(&out, bytes, sizeof bytes);
	write_document(&out);
	assert_finished(&out, document);
}

/* Goal: a writer that is full stays full, and writes nothing beyond its room. */
static void each_room_that_is_too_small_is_reported_at_the_end(void **state)
{
	(void)state;
	for (size_t bytes_max = 0; bytes_max < sizeof document - 1; bytes_max++) {
		struct json_out out;
		uint8_t bytes[ROOM_BYTES];
		size_t bytes_count = 4711;

		bytes[bytes_max] = 0xa5;
		json_out_init(&out, bytes, bytes_max);
		write_document(&out);
		assert_int_equal(json_out_finish(&out, &bytes_count), ERR_TOO_LARGE);
		assert_int_equal(bytes_count, 4711);
		assert_int_equal(bytes[bytes_max], 0xa5);
	}
	{
		struct json_out out;
		uint8_t bytes[ROOM_BYTES];

		json_out_init(&out, bytes, sizeof document - 1);
		write_document(&out);
		assert_finished(&out, document);
	}
}

static void a_string_is_escaped_and_made_valid(void **state)
{
#define TEXT(in, out)                             \
	{                                         \
		in, sizeof(in) - 1, "\"" out "\"" \
	}
	static const struct {
		const char *in;
		size_t in_bytes;
		const char *out;
	} texts[] = {
		TEXT("", ""),
		TEXT("plain /", "plain /"),
		TEXT("\"\\\b\f\n\r\t", "\\\"\\\\\\b\\f\\n\\r\\t"),
		TEXT("a\0b", "a\\u0000b"),
		TEXT("\x01\x1f\x7f", "\\u0001\\u001f\x7f"),
		TEXT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
			"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
		TEXT("a\xff", "a\xef\xbf\xbd"),
		TEXT("\x80"
		     "b",
			"\xef\xbf\xbd"
			"b"),
		TEXT("\xc3", "\xef\xbf\xbd"),
		TEXT("\xc3\"", "\xef\xbf\xbd\\\""),
		TEXT("\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"),
		TEXT("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
		TEXT("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
	};
#undef TEXT

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct json_out out;
		uint8_t bytes[ROOM_BYTES];

		json_out_init(&out, bytes, sizeof bytes);
		json_out_string(&out, bytes_slice(texts[i].in, texts[i].in_bytes));
		assert_finished(&out, texts[i].out);
	}
}

static void a_character_that_the_end_cuts_is_replaced(void **state)
{
	static const char whole[] = "\xf0\x9f\x98\x80";
	struct json_out out;
	uint8_t bytes[ROOM_BYTES];

	(void)state;
	json_out_init(&out, bytes, sizeof bytes);
	json_out_string(&out, bytes_slice(whole, 1));
	assert_finished(&out, "\"\xef\xbf\xbd\"");
}

static void a_level_that_opens_again_starts_without_a_comma(void **state)
{
	struct json_out out;
	uint8_t bytes[ROOM_BYTES];

	(void)state;
	json_out_init(&out, bytes, sizeof bytes);
	json_out_array_begin(&out);
	for (unsigned i = 0; i < 2; i++) {
		json_out_array_begin(&out);
		json_out_u64(&out, i);
		json_out_array_end(&out);
	}
	json_out_array_end(&out);
	assert_finished(&out, "[[0],[1]]");
}

static void numbers_reach_their_ends(void **state)
{
	struct json_out out;
	uint8_t bytes[ROOM_BYTES];

	(void)state;
	json_out_init(&out, bytes, sizeof bytes);
	json_out_array_begin(&out);
	json_out_u64(&out, 0);
	json_out_u64(&out, UINT64_MAX);
	json_out_i64(&out, INT64_MIN);
	json_out_i64(&out, INT64_MAX);
	json_out_i64(&out, 0);
	json_out_u128(&out, 0);
	json_out_u128(&out, (u128)UINT64_MAX + 1);
	json_out_array_end(&out);
	assert_finished(&out, "[0,18446744073709551615,-9223372036854775808,9223372036854775807,0,"
			      "\"0\",\"18446744073709551616\"]");
}

static void arrays_nest_to_the_bound(void **state)
{
	struct json_out out;
	uint8_t bytes[ROOM_BYTES];

	(void)state;
	json_out_init(&out, bytes, sizeof bytes);
	for (unsigned i = 0; i < JSON_OUT_DEPTH_MAX; i++) {
		json_out_array_begin(&out);
	}
	for (unsigned i = 0; i < JSON_OUT_DEPTH_MAX; i++) {
		json_out_array_end(&out);
	}
	assert_finished(&out, "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_has_its_commas_where_they_belong),
		cmocka_unit_test(each_room_that_is_too_small_is_reported_at_the_end),
		cmocka_unit_test(a_string_is_escaped_and_made_valid),
		cmocka_unit_test(a_character_that_the_end_cuts_is_replaced),
		cmocka_unit_test(a_level_that_opens_again_starts_without_a_comma),
		cmocka_unit_test(numbers_reach_their_ends),
		cmocka_unit_test(arrays_nest_to_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
