#include "core/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BYTES_MAX 64u

/* RFC 4648, section 10, and what the two alphabets differ in. */
static const struct {
	const char *bytes;
	const char *standard;
	const char *url;
} vectors[] = {
	{ "", "", "" },
	{ "f", "Zg==", "Zg" },
	{ "fo", "Zm8=", "Zm8" },
	{ "foo", "Zm9v", "Zm9v" },
	{ "foob", "Zm9vYg==", "Zm9vYg" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
	{ "\xfb\xff\xbf", "+/+/", "-_-_" },
};

static enum err standard(const char *text)
{
	uint8_t bytes[BYTES_MAX];
	size_t count;

	return base64_decode(text, strlen(text), bytes, sizeof bytes, &count);
}

static enum err url(const char *text)
{
	uint8_t bytes[BYTES_MAX];
	size_t count;

	return base64_url_decode(text, strlen(text), bytes, sizeof bytes, &count);
}

static void the_vectors_of_the_rfc_hold_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		const uint8_t *bytes = (const uint8_t *)vectors[i].bytes;
		size_t bytes_count = strlen(vectors[i].bytes), got_count = 99, text_bytes;
		char text[BASE64_TEXT_BYTES(BYTES_MAX) + 1];
		uint8_t got[BYTES_MAX];

		text_bytes = base64_encode(bytes, bytes_count, text);
		assert_int_equal(text_bytes, strlen(text));
		assert_string_equal(text, vectors[i].standard);
		assert_int_equal(text_bytes, BASE64_TEXT_BYTES(bytes_count));
		assert_int_equal(
			base64_decode(text, strlen(text), got, sizeof got, &got_count), ERR_OK);
		assert_int_equal(got_count, bytes_count);
		assert_memory_equal(got, bytes, bytes_count);

		text_bytes = base64_url_encode(bytes, bytes_count, text);
		assert_int_equal(text_bytes, strlen(text));
		assert_string_equal(text, vectors[i].url);
		assert_int_equal(text_bytes, BASE64_URL_TEXT_BYTES(bytes_count));
		assert_int_equal(
			base64_url_decode(text, strlen(text), got, sizeof got, &got_count), ERR_OK);
		assert_int_equal(got_count, bytes_count);
		assert_memory_equal(got, bytes, bytes_count);
	}
}

static void each_short_text_is_refused_or_the_only_spelling_of_its_bytes(void **state)
{
	static const char digits[] = "AQgwBZ19+/-_= \n";
	char text[5] = { 0 };

	(void)state;
	for (size_t i = 0; i < 15 * 15 * 15 * 15; i++) {
		char again[BASE64_TEXT_BYTES(3) + 1];
		uint8_t bytes[3];
		size_t count = 0;

		text[0] = digits[i % 15];
		text[1] = digits[i / 15 % 15];
		text[2] = digits[i / 225 % 15];
		text[3] = digits[i / 3375];
		for (size_t text_bytes = 1; text_bytes <= 4; text_bytes++) {
			if (base64_decode(text, text_bytes, bytes, 3, &count) == ERR_OK) {
				assert_int_equal(base64_encode(bytes, count, again), text_bytes);
				assert_memory_equal(again, text, text_bytes);
			}
			if (base64_url_decode(text, text_bytes, bytes, 3, &count) == ERR_OK) {
				assert_int_equal(
					base64_url_encode(bytes, count, again), text_bytes);
				assert_memory_equal(again, text, text_bytes);
			}
		}
	}
}

static void looser_spellings_are_refused(void **state)
{
	static const char *const standard_bad[] = { "Zg", "Zg=", "Zg===", "Z===", "====", "=",
		"==", "Zh==", "Zm9=", "Zm8", "Zm9v=", "Zm9v====", "Zg==Zg==", "Z=g=", "Zm 9",
		"Zm9v\n", "-_-_", "Zm9\x80" };
	static const char *const url_bad[] = { "Zg==", "Zm8=", "Z", "Zm9vY", "Zh", "Zm9", "+/+/",
		"Zm9v\n", "Zm9\x80", "=" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(standard_bad); i++) {
		assert_int_equal(standard(standard_bad[i]), ERR_MALFORMED);
	}
	for (size_t i = 0; i < COUNT_OF(url_bad); i++) {
		assert_int_equal(url(url_bad[i]), ERR_MALFORMED);
	}
}

static void nothing_is_written_past_the_room(void **state)
{
	(void)state;
	for (size_t room = 0; room <= 6; room++) {
		uint8_t bytes[7];
		size_t count = 99;

		memset(bytes, 0x77, sizeof bytes);
		assert_int_equal(base64_decode("Zm9vYmE=", 8, bytes, room, &count),
			room >= 5 ? ERR_OK : ERR_TOO_LARGE);
		assert_int_equal(base64_url_decode("Zm9vYmE", 7, bytes, room, &count),
			room >= 5 ? ERR_OK : ERR_TOO_LARGE);
		assert_int_equal(count, room >= 5 ? 5 : 99);
		assert_int_equal(bytes[room < 5 ? room : 5], 0x77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc_hold_both_ways),
		cmocka_unit_test(each_short_text_is_refused_or_the_only_spelling_of_its_bytes),
		cmocka_unit_test(looser_spellings_are_refused),
		cmocka_unit_test(nothing_is_written_past_the_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
