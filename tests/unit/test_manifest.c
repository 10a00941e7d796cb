#include "core/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"

#include "core/blake3.h"

static const struct slice hello = { (const uint8_t *)"hello world", 11 };

static struct slice of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

/* The vector of spec/node.md section 9.2, byte for byte. */
static void hello_world_is_173_bytes(void **state)
{
	static const char id[] =
		"b3:d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24";
	struct manifest manifest = { .size = hello.bytes_count };
	uint8_t bytes[256], expected[256];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct byte_writer by_hand = byte_writer_of(expected, sizeof expected);

	(void)state;
	byte_put_bytes(&by_hand, "\xa3\x62id\x78\x43", 6);
	byte_put_bytes(&by_hand, id, sizeof id - 1);
	byte_put_bytes(&by_hand,
		"\x64size\x0b\x66"
		"chunks\x81\xa3\x62id\x78\x43",
		20);
	byte_put_bytes(&by_hand, id, sizeof id - 1);
	byte_put_bytes(&by_hand, "\x63len\x0b\x66offset\x00", 13);
	blake3_hash(hello.bytes, hello.bytes_count, &manifest.id);
	assert_int_equal(manifest_encode(&manifest, &manifest.id, &out), ERR_OK);
	assert_int_equal(out.used, 173);
	assert_int_equal(by_hand.used, 173);
	assert_memory_equal(bytes, expected, 173);
}

/* Encodes one of so many chunks, with everything that it can have. */
static size_t make(uint8_t *bytes, size_t bytes_max, uint32_t chunks, struct hash *ids)
{
	struct manifest manifest = {
		.size = chunks == 0 ? 0 : (uint64_t)chunks * OBJECT_CHUNK_BYTES - 1,
		.content_type = { (const uint8_t *)"text/csv", 8 },
		.meta_count = 2,
		.metas = { { of("b"), of("one") }, { of("aa"), of("") } },
	};
	struct byte_writer out = byte_writer_of(bytes, bytes_max);

	for (uint32_t i = 0; i < chunks; i++) {
		blake3_hash(&i, sizeof i, &ids[i]);
	}
	memset(manifest.id.bytes, 0xab, HASH_BYTES);
	assert_int_equal(manifest_encode(&manifest, ids, &out), ERR_OK);
	return out.used;
}

static void what_was_written_is_read(void **state)
{
	struct hash ids[3], read[3];
	uint8_t bytes[1024];
	struct manifest manifest;

	(void)state;
	for (uint32_t chunks = 0; chunks <= 3; chunks++) {
		size_t used = make(bytes, sizeof bytes, chunks, ids);

		assert_true(used <= MANIFEST_BYTES_OF(chunks));
		assert_int_equal(
			manifest_decode((struct slice){ bytes, used }, &manifest, read, 3), ERR_OK);
		assert_int_equal(object_chunk_count(manifest.size), chunks);
		assert_memory_equal(read, ids, chunks * sizeof ids[0]);
		assert_int_equal(manifest.meta_count, 2);
		assert_int_equal(manifest.content_type.bytes_count, 8);
	}
	assert_int_equal(manifest_decode((struct slice){ bytes, make(bytes, sizeof bytes, 3, ids) },
				 &manifest, read, 2),
		ERR_TOO_LARGE);
}

/* Goal: no prefix is a manifest, no byte more, and no changed byte but in a hash or a text. */
static void every_other_bytes_are_refused_or_spell_themselves(void **state)
{
	struct hash ids[3], read[3];
	uint8_t bytes[1024], again[1024];
	size_t used = make(bytes, sizeof bytes, 2, ids);
	struct manifest manifest;

	(void)state;
	for (size_t cut = 0; cut < used; cut++) {
		assert_int_equal(manifest_decode((struct slice){ bytes, cut }, &manifest, read, 3),
			ERR_MALFORMED);
	}
	bytes[used] = 0;
	assert_int_equal(manifest_decode((struct slice){ bytes, used + 1 }, &manifest, read, 3),
		ERR_MALFORMED);
	for (size_t at = 0; at < used; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			struct byte_writer out = byte_writer_of(again, sizeof again);

			bytes[at] ^= (uint8_t)(1u << bit);
			if (manifest_decode((struct slice){ bytes, used }, &manifest, read, 3) ==
				ERR_OK) {
				assert_int_equal(manifest_encode(&manifest, read, &out), ERR_OK);
				assert_int_equal(out.used, used);
				assert_memory_equal(again, bytes, used);
			}
			bytes[at] ^= (uint8_t)(1u << bit);
		}
	}
}

/* Goal: however the bytes of an object come in, its id is the same. */
static void any_partition_has_the_same_id(void **state)
{
	static uint8_t bytes[200000];
	struct hash whole, parts;

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] = (uint8_t)(i * 31 >> 3);
	}
	blake3_hash(bytes, sizeof bytes, &whole);
	for (size_t piece = 1; piece <= OBJECT_CHUNK_BYTES; piece = piece * 3 + 1) {
		struct blake3 stream;

		blake3_start(&stream);
		for (size_t at = 0; at < sizeof bytes; at += piece) {
			size_t left = sizeof bytes - at;

			blake3_add(&stream, bytes + at, left < piece ? left : piece);
		}
		blake3_finish(&stream, &parts);
		assert_memory_equal(&parts, &whole, sizeof whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_world_is_173_bytes),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(every_other_bytes_are_refused_or_spell_themselves),
		cmocka_unit_test(any_partition_has_the_same_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
