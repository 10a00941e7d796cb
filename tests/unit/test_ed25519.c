#include "common/ed25519.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/hex.h"

#define MESSAGE_BYTES_MAX 64u

struct vector {
	const char *public_key;
	const char *message;
	const char *signature;
};

/* RFC 8032, section 7.1: tests 1, 2, 3 and SHA(abc). */
static const struct vector vectors[] = {
	{ "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		"e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
		"c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
		"92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
		"458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
		"6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290"
		"ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
	{ "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a8"
		"36ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
		"dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ec"
		"fdfbc7c66431e0303dca179c138ac17ad9bef1177331a704" },
};

struct signed_message {
	uint8_t public_key[ED25519_PUBLIC_KEY_BYTES];
	uint8_t message[MESSAGE_BYTES_MAX];
	size_t message_bytes;
	uint8_t signature[ED25519_SIGNATURE_BYTES];
};

static void from_hex(const char *hex, uint8_t *ret_bytes, size_t bytes_count)
{
	assert_int_equal(hex_decode(hex, strlen(hex), ret_bytes, bytes_count), ERR_OK);
}

static struct signed_message read_vector(const struct vector *vector)
{
	struct signed_message out = { .message_bytes = strlen(vector->message) / 2 };

	from_hex(vector->public_key, out.public_key, sizeof out.public_key);
	from_hex(vector->message, out.message, out.message_bytes);
	from_hex(vector->signature, out.signature, sizeof out.signature);
	return out;
}

static bool verifies(const struct signed_message *one)
{
	return ed25519_verify(one->public_key, (struct slice){ one->message, one->message_bytes },
		one->signature);
}

static void the_vectors_of_the_rfc_verify(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(vectors); i++) {
		struct signed_message one = read_vector(&vectors[i]);

		assert_true(verifies(&one));
	}
}

static void any_flipped_bit_of_signature_key_or_message_is_found(void **state)
{
	struct signed_message good = read_vector(&vectors[2]);

	(void)state;
	for (unsigned bit = 0; bit < 8 * ED25519_SIGNATURE_BYTES; bit++) {
		struct signed_message one = good;

		one.signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(verifies(&one));
	}
	for (unsigned bit = 0; bit < 8 * ED25519_PUBLIC_KEY_BYTES; bit++) {
		struct signed_message one = good;

		one.public_key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(verifies(&one));
	}
	for (unsigned bit = 0; bit < 8 * good.message_bytes; bit++) {
		struct signed_message one = good;

		one.message[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(verifies(&one));
	}
	good.message_bytes++;
	assert_false(verifies(&good));
}

/* The order of the group, little-endian: S + L is the same number to a careless verifier, and a
 * second signature of the same text. */
static void a_signature_has_one_spelling(void **state)
{
	static const char order[] =
		"edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
	struct signed_message one = read_vector(&vectors[0]);
	uint8_t add[32];
	unsigned carry = 0;

	(void)state;
	from_hex(order, add, sizeof add);
	for (size_t i = 0; i < sizeof add; i++) {
		unsigned sum = one.signature[32 + i] + add[i] + carry;

		one.signature[32 + i] = (uint8_t)sum;
		carry = sum >> 8;
	}
	assert_int_equal(carry, 0);
	assert_false(verifies(&one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc_verify),
		cmocka_unit_test(any_flipped_bit_of_signature_key_or_message_is_found),
		cmocka_unit_test(a_signature_has_one_spelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
