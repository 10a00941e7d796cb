#include "core/blake3.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "core/hex.h"

#define INPUT_BYTES_MAX 102400u
#define KEY             "whats the Elvish word for friend"
#define CONTEXT         "BLAKE3 2019-12-27 16:29:52 test vectors context"
#define VECTOR_COUNT    35

static uint8_t input[INPUT_BYTES_MAX];
static uint8_t key[BLAKE3_KEY_BYTES];

static int fill(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof input; i++) {
		input[i] = (uint8_t)(i % 251);
	}
	memcpy(key, KEY, sizeof key);
	return 0;
}

static void assert_hash(const struct hash *hash, const char *expected)
{
	char text[HEX_TEXT_BYTES(HASH_BYTES) + 1];

	hex_encode(hash->bytes, HASH_BYTES, text);
	assert_string_equal(text, expected);
}

static FILE *open_vectors(void)
{
	char path[4096];
	FILE *file;

	assert_non_null(getenv("MACRONODE_VECTORS"));
	(void)snprintf(path, sizeof path, "%s/blake3.txt", getenv("MACRONODE_VECTORS"));
	file = fopen(path, "r");
	assert_non_null(file);
	return file;
}

static void the_vectors_hold_in_all_three_modes(void **state)
{
	FILE *file = open_vectors();
	char line[512];
	unsigned vector_count = 0;

	(void)state;
	while (fgets(line, sizeof line, file) != NULL) {
		const char *plain, *keyed, *derived;
		struct blake3 stream;
		struct hash hash;
		size_t count;
		char *words = line;

		if (line[0] == '#') {
			continue;
		}
		count = strtoul(strsep(&words, " "), NULL, 10);
		plain = strsep(&words, " ");
		keyed = strsep(&words, " ");
		derived = strsep(&words, "\n");
		assert_non_null(derived);
		assert_true(count <= sizeof input);
		blake3_hash(input, count, &hash);
		assert_hash(&hash, plain);
		blake3_keyed_hash(key, input, count, &hash);
		assert_hash(&hash, keyed);
		blake3_start_derive_key(&stream, CONTEXT);
		blake3_add(&stream, input, count);
		blake3_finish(&stream, &hash);
		assert_hash(&hash, derived);
		vector_count++;
	}
	(void)fclose(file);
	assert_int_equal(vector_count, VECTOR_COUNT);
}

static void abc_has_its_known_hash(void **state)
{
	struct hash hash;

	(void)state;
	blake3_hash("abc", 3, &hash);
	assert_hash(&hash, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
	blake3_hash(NULL, 0, &hash);
	assert_hash(&hash, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
}

static void how_the_input_is_cut_makes_no_difference(void **state)
{
	static const size_t steps[] = { 1, 3, 63, 64, 65, 1000, 1023, 1024, 1025, 5000 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		struct blake3 stream;
		struct hash got, whole;
		size_t done = 0;

		blake3_start(&stream);
		while (done < 10000) {
			size_t count = 10000 - done < steps[i] ? 10000 - done : steps[i];

			blake3_add(&stream, input + done, count);
			blake3_add(&stream, NULL, 0);
			done += count;
		}
		blake3_finish(&stream, &got);
		blake3_hash(input, 10000, &whole);
		assert_memory_equal(got.bytes, whole.bytes, HASH_BYTES);
	}
}

static void finish_leaves_the_stream_as_it_was(void **state)
{
	struct blake3 stream;
	struct hash got, whole;

	(void)state;
	blake3_start(&stream);
	for (size_t count = 0; count < 5000; count++) {
		if (count % 61 == 0) {
			blake3_finish(&stream, &got);
			blake3_hash(input, count, &whole);
			assert_memory_equal(got.bytes, whole.bytes, HASH_BYTES);
		}
		blake3_add(&stream, input + count, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_hold_in_all_three_modes),
		cmocka_unit_test(abc_has_its_known_hash),
		cmocka_unit_test(how_the_input_is_cut_makes_no_difference),
		cmocka_unit_test(finish_leaves_the_stream_as_it_was),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
