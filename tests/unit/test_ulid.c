#include "core/ulid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t random_bytes[ULID_RANDOM_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

static struct id128 id_of(const char *text)
{
	struct id128 id;

	assert_int_equal(ulid_parse(text, strlen(text), &id), ERR_OK);
	return id;
}

static void assert_text(const struct id128 *id, const char *expected)
{
	char text[ULID_TEXT_BYTES + 1];

	ulid_print(id, text);
	assert_string_equal(text, expected);
}

static void text_and_bytes_go_both_ways(void **state)
{
	static const uint8_t lowest[ID_BYTES] = { [15] = 1 };
	struct id128 id = id_of("00000000000000000000000001");

	(void)state;
	assert_memory_equal(id.bytes, lowest, ID_BYTES);
	assert_text(&id, "00000000000000000000000001");
	id = id_of("7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
	for (size_t i = 0; i < ID_BYTES; i++) {
		assert_int_equal(id.bytes[i], 0xff);
	}
	assert_text(&id, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
	/* Every bit alone. */
	for (size_t bit = 0; bit < 8 * ID_BYTES; bit++) {
		struct id128 one = { { 0 } }, back;
		char text[ULID_TEXT_BYTES + 1];

		one.bytes[bit / 8] = (uint8_t)(1u << bit % 8);
		ulid_print(&one, text);
		back = id_of(text);
		assert_memory_equal(back.bytes, one.bytes, ID_BYTES);
	}
}

static void all_thirty_two_digits_have_their_values(void **state)
{
	struct id128 id = id_of("0123456789ABCDEFGHJKMNPQRS");
	/* 0 1 2 .. 25 in five bits each, of 130 bits the lower 128. */
	static const uint8_t first[] = { 0x01, 0x10, 0xc8, 0x53, 0x1d };

	(void)state;
	assert_memory_equal(id.bytes, first, sizeof first);
	assert_text(&id, "0123456789ABCDEFGHJKMNPQRS");
	id = id_of("00000000000000000000TVWXYZ");
	assert_text(&id, "00000000000000000000TVWXYZ");
}

static void other_characters_and_lengths_are_refused(void **state)
{
	static const char good[] = "01JFA7Z2A7YQ4QW3EJ7N3N6D1X0";
	static const char wrong[] = "ILOUilouaz-/:@[`{ ";
	struct id128 id;

	(void)state;
	for (size_t count = 0; count <= strlen(good); count++) {
		assert_int_equal(ulid_parse(good, count, &id),
			count == ULID_TEXT_BYTES ? ERR_OK : ERR_MALFORMED);
	}
	for (size_t i = 0; i < ULID_TEXT_BYTES; i++) {
		for (size_t j = 0; j < sizeof wrong; j++) { /* with its NUL */
			char text[sizeof good];

			memcpy(text, good, sizeof good);
			text[i] = wrong[j];
			assert_int_equal(ulid_parse(text, ULID_TEXT_BYTES, &id), ERR_MALFORMED);
		}
	}
	for (const char *first = "89ABCDEFGHJKMNPQRSTVWXYZ"; *first != '\0'; first++) {
		char text[] = "0ZZZZZZZZZZZZZZZZZZZZZZZZZ";

		text[0] = *first;
		assert_int_equal(ulid_parse(text, ULID_TEXT_BYTES, &id), ERR_MALFORMED);
	}
}

static void a_later_millisecond_takes_time_and_random(void **state)
{
	struct id128 id = { { 0 } };

	(void)state;
	ulid_advance(&id, 0x010203040506, random_bytes);
	assert_memory_equal(id.bytes, ((const uint8_t[]){ 1, 2, 3, 4, 5, 6 }), 6);
	assert_memory_equal(id.bytes + 6, random_bytes, sizeof random_bytes);
}

static void ids_rise_while_the_clock_stands_or_goes_back(void **state)
{
	static const int64_t clocks_ms[] = { 1000, 1000, 999, 0, -5, INT64_MIN, 1000, 1001, 1001 };
	struct id128 last = { { 0 } }, next = { { 0 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(clocks_ms); i++) {
		ulid_advance(&next, clocks_ms[i], random_bytes);
		assert_true(memcmp(next.bytes, last.bytes, ID_BYTES) > 0);
		last = next;
	}
}

/* Goal: whoever draws only when asked to makes the same ids. */
static void random_is_asked_for_exactly_when_it_is_taken(void **state)
{
	static const int64_t clocks_ms[] = { 1000, 1000, 999, INT64_MIN, 1001, INT64_MAX, 1001 };
	static const uint8_t none[ULID_RANDOM_BYTES] = { 0 };
	struct id128 drawn = { { 0 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(clocks_ms); i++) {
		struct id128 undrawn = drawn;
		bool takes = ulid_takes_random(&drawn, clocks_ms[i]);

		ulid_advance(&undrawn, clocks_ms[i], none);
		ulid_advance(&drawn, clocks_ms[i], random_bytes);
		assert_int_equal(memcmp(&drawn, &undrawn, sizeof drawn) != 0, takes);
	}
}

static void plus_one_carries_into_the_time(void **state)
{
	struct id128 id = id_of("0000000001ZZZZZZZZZZZZZZZZ");

	(void)state;
	ulid_advance(&id, 1, random_bytes);
	assert_text(&id, "00000000020000000000000000");
}

static void a_start_goes_on_from_the_last_stored_id(void **state)
{
	struct id128 id = id_of("01JFA7Z2A7YQ4QW3EJ7N3N6D1X");

	(void)state;
	ulid_advance(&id, 5, random_bytes);
	assert_text(&id, "01JFA7Z2A7YQ4QW3EJ7N3N6D1Y");
}

static void a_clock_past_the_range_is_held_at_its_end(void **state)
{
	struct id128 id = { { 0 } };

	(void)state;
	ulid_advance(&id, INT64_MAX, random_bytes);
	assert_memory_equal(id.bytes, "\xff\xff\xff\xff\xff\xff", 6);
	assert_memory_equal(id.bytes + 6, random_bytes, sizeof random_bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_bytes_go_both_ways),
		cmocka_unit_test(all_thirty_two_digits_have_their_values),
		cmocka_unit_test(other_characters_and_lengths_are_refused),
		cmocka_unit_test(a_later_millisecond_takes_time_and_random),
		cmocka_unit_test(ids_rise_while_the_clock_stands_or_goes_back),
		cmocka_unit_test(random_is_asked_for_exactly_when_it_is_taken),
		cmocka_unit_test(plus_one_carries_into_the_time),
		cmocka_unit_test(a_start_goes_on_from_the_last_stored_id),
		cmocka_unit_test(a_clock_past_the_range_is_held_at_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
