#include "core/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "core/hex.h"

static void assert_hash(const struct hash *hash, const char *expected)
{
	char text[HEX_TEXT_BYTES(HASH_BYTES) + 1];

	hex_encode(hash->bytes, HASH_BYTES, text);
	assert_string_equal(text, expected);
}

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static void the_vectors_of_fips_180_hold(void **state)
{
	struct hash hash;

	(void)state;
	sha256_hash(NULL, 0, &hash);
	assert_hash(&hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_hash("abc", 3, &hash);
	assert_hash(&hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, &hash);
	assert_hash(&hash, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void parts_and_streams_make_the_hash_of_the_whole(void **state)
{
	uint8_t bytes[150];
	struct hash whole, got;

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] = (uint8_t)i;
	}
	sha256_hash(bytes, sizeof bytes, &whole);
	for (size_t cut = 0; cut <= sizeof bytes; cut++) {
		struct slice parts[] = { { bytes, cut }, { NULL, 0 },
			{ bytes + cut, sizeof bytes - cut } };
		struct sha256 stream;

		sha256_hash_parts(parts, COUNT_OF(parts), &got);
		assert_memory_equal(got.bytes, whole.bytes, HASH_BYTES);
		sha256_start(&stream);
		sha256_add(&stream, bytes, cut);
		sha256_add(&stream, NULL, 0);
		sha256_add(&stream, bytes + cut, sizeof bytes - cut);
		sha256_finish(&stream, &got);
		assert_memory_equal(got.bytes, whole.bytes, HASH_BYTES);
	}
}

static void the_hmac_vectors_of_rfc_4231_hold(void **state)
{
	uint8_t long_key[131];
	struct slice parts[] = { slice_of("what do ya want "), slice_of(""),
		slice_of("for nothing?") };
	struct slice larger = slice_of("Test Using Larger Than Block-Size Key - Hash Key First");
	struct hash mac;

	(void)state;
	sha256_hmac(slice_of("Jefe"), parts, COUNT_OF(parts), &mac);
	assert_hash(&mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(long_key, 0xaa, sizeof long_key);
	sha256_hmac((struct slice){ long_key, sizeof long_key }, &larger, 1, &mac);
	assert_hash(&mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	sha256_hmac((struct slice){ NULL, 0 }, NULL, 0, &mac);
	assert_hash(&mac, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_fips_180_hold),
		cmocka_unit_test(parts_and_streams_make_the_hash_of_the_whole),
		cmocka_unit_test(the_hmac_vectors_of_rfc_4231_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
