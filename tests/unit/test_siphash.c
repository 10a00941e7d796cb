#include "core/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"

/* Appendix A of the paper has the one of 15 bytes; the others come from its authors'
 * reference vectors. Key 00 01 .. 0f, input 00 01 .. */
static const struct {
	size_t bytes_count;
	uint64_t hash;
} vectors[] = {
	{ 0, 0x726fdb47dd0e0e31 },
	{ 1, 0x74f839c593dc67fd },
	{ 2, 0x0d6c8009d9a94f5a },
	{ 3, 0x85676696d7fb7e2d },
	{ 4, 0xcf2794e0277187b7 },
	{ 5, 0x18765564cd99a68d },
	{ 6, 0xcbc9466e58fee3ce },
	{ 7, 0xab0200f58b01d137 },
	{ 8, 0x93f5f5799a932462 },
	{ 15, 0xa129ca6149be45e5 },
	{ 63, 0x958a324ceb064572 },
};

static void the_vectors_of_the_paper_hold(void **state)
{
	uint8_t key[SIPHASH_KEY_BYTES], bytes[64];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] = (uint8_t)i;
		key[i % sizeof key] = (uint8_t)(i % sizeof key);
	}
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		assert_true(siphash_24(key, bytes, vectors[i].bytes_count) == vectors[i].hash);
	}
}

static void every_bit_of_key_and_input_counts(void **state)
{
	uint8_t key[SIPHASH_KEY_BYTES] = { 0 }, bytes[20] = { 0 };
	uint64_t plain = siphash_24(key, bytes, sizeof bytes);

	(void)state;
	for (size_t bit = 0; bit < 8 * sizeof key; bit++) {
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(siphash_24(key, bytes, sizeof bytes) != plain);
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(siphash_24(key, bytes, sizeof bytes) != plain);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_paper_hold),
		cmocka_unit_test(every_bit_of_key_and_input_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
