#include "core/cbor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"

/* Goal: every number has one head, the shortest, and comes back from it. */
static void a_number_has_one_spelling(void **state)
{
	static const struct {
		uint64_t number;
		size_t bytes_count;
		const char *bytes;
	} rows[] = {
		{ 0, 1, "\x00" },
		{ 23, 1, "\x17" },
		{ 24, 2, "\x18\x18" },
		{ 255, 2, "\x18\xff" },
		{ 256, 3, "\x19\x01\x00" },
		{ 65535, 3, "\x19\xff\xff" },
		{ 65536, 5, "\x1a\x00\x01\x00\x00" },
		{ UINT32_MAX, 5, "\x1a\xff\xff\xff\xff" },
		{ UINT64_C(1) << 32, 9, "\x1b\x00\x00\x00\x01\x00\x00\x00\x00" },
		{ UINT64_MAX, 9, "\x1b\xff\xff\xff\xff\xff\xff\xff\xff" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t bytes[9];
		struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
		struct byte_reader in;

		cbor_put(&out, CBOR_UINT, rows[i].number);
		assert_int_equal(out.used, rows[i].bytes_count);
		assert_memory_equal(bytes, rows[i].bytes, out.used);
		in = byte_reader_of((struct slice){ bytes, out.used });
		assert_true(cbor_get(&in, CBOR_UINT, UINT64_MAX) == rows[i].number);
		assert_true(byte_reader_done(&in));
		in = byte_reader_of((struct slice){ bytes, out.used });
		if (rows[i].number > 0) {
			(void)cbor_get(&in, CBOR_UINT, rows[i].number - 1);
			assert_true(in.failed);
		}
	}
}

/* Goal: a longer head than is needed, a length left open, and what is no kind of ours are refused.
 */
static void other_spellings_are_refused(void **state)
{
	static const struct slice rows[] = {
		{ (const uint8_t *)"\x18\x17", 2 },
		{ (const uint8_t *)"\x19\x00\xff", 3 },
		{ (const uint8_t *)"\x1a\x00\x00\xff\xff", 5 },
		{ (const uint8_t *)"\x1b\x00\x00\x00\x00\xff\xff\xff\xff", 9 },
		{ (const uint8_t *)"\x1c", 1 },
		{ (const uint8_t *)"\x1f", 1 },
		{ (const uint8_t *)"\x20", 1 }, /* -1 */
		{ (const uint8_t *)"\xc0\x00", 2 },
		{ (const uint8_t *)"\xf9\x00\x00", 3 },
		{ (const uint8_t *)"", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct byte_reader in = byte_reader_of(rows[i]);

		(void)cbor_get(&in, CBOR_UINT, UINT64_MAX);
		assert_true(in.failed);
	}
}

static void a_text_is_bounded_and_utf8(void **state)
{
	struct slice good = { (const uint8_t *)"\x63"
					       "abc",
		4 };
	struct slice bad = { (const uint8_t *)"\x62\xc0\x80", 3 };
	struct byte_reader in = byte_reader_of(good);

	(void)state;
	assert_int_equal(cbor_get_text(&in, 3).bytes_count, 3);
	assert_true(byte_reader_done(&in));
	in = byte_reader_of(good);
	(void)cbor_get_text(&in, 2);
	assert_true(in.failed);
	in = byte_reader_of(bad);
	(void)cbor_get_text(&in, 8);
	assert_true(in.failed);
	in = byte_reader_of(good);
	assert_false(cbor_get_key(&in, "abd"));
	assert_false(in.failed);
	assert_true(cbor_get_key(&in, "abc"));
	assert_true(byte_reader_done(&in));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_has_one_spelling),
		cmocka_unit_test(other_spellings_are_refused),
		cmocka_unit_test(a_text_is_bounded_and_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
