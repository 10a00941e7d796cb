#include "client/rv.h"

#include <string.h>

enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8 };

static const uint32_t blake3_iv[8] = { 0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F,
	0x9B05688C, 0x1F83D9AB, 0x5BE0CD19 };

static uint32_t rotate(uint32_t word, unsigned count)
{
	return word >> count | word << (32 - count);
}

static void quarter(uint32_t v[16], const uint8_t at[4], uint32_t x, uint32_t y)
{
	uint32_t *a = &v[at[0]], *b = &v[at[1]], *c = &v[at[2]], *d = &v[at[3]];

	*a += *b + x;
	*d = rotate(*d ^ *a, 16);
	*c += *d;
	*b = rotate(*b ^ *c, 12);
	*a += *b + y;
	*d = rotate(*d ^ *a, 8);
	*c += *d;
	*b = rotate(*b ^ *c, 7);
}

/* cv becomes the chaining value behind the block. */
static void compress(
	uint32_t cv[8], const uint8_t block[64], uint64_t counter, uint32_t count, uint32_t flags)
{
	static const uint8_t places[8][4] = { { 0, 4, 8, 12 }, { 1, 5, 9, 13 }, { 2, 6, 10, 14 },
		{ 3, 7, 11, 15 }, { 0, 5, 10, 15 }, { 1, 6, 11, 12 }, { 2, 7, 8, 13 },
		{ 3, 4, 9, 14 } };
	static const uint8_t permuted[16] = { 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15,
		8 };
	uint32_t v[16], words[16], next[16];

	for (unsigned i = 0; i < 16; i++) {
		words[i] = (uint32_t)block[4 * i] | (uint32_t)block[4 * i + 1] << 8 |
			   (uint32_t)block[4 * i + 2] << 16 | (uint32_t)block[4 * i + 3] << 24;
	}
	memcpy(v, cv, 32);
	memcpy(v + 8, blake3_iv, 16);
	v[12] = (uint32_t)counter;
	v[13] = (uint32_t)(counter >> 32);
	v[14] = count;
	v[15] = flags;
	for (unsigned round = 0; round < 7; round++) {
		for (unsigned i = 0; i < 8; i++) {
			quarter(v, places[i], words[2 * i], words[2 * i + 1]);
		}
		for (unsigned i = 0; i < 16; i++) {
			next[i] = words[permuted[i]];
		}
		memcpy(words, next, sizeof words);
	}
	for (unsigned i = 0; i < 8; i++) {
		cv[i] = v[i] ^ v[i + 8];
	}
}

/* At most 1024 bytes. */
static void hash_chunk(struct rv_bytes chunk, uint64_t number, uint32_t root, uint32_t cv[8])
{
	uint32_t flags = CHUNK_START;

	memcpy(cv, blake3_iv, 32);
	do {
		size_t count = chunk.count < 64 ? chunk.count : 64;
		uint8_t block[64] = { 0 };

		memcpy(block, chunk.at, count);
		chunk.at += count;
		chunk.count -= count;
		flags |= chunk.count == 0 ? CHUNK_END | root : 0;
		compress(cv, block, number, (uint32_t)count, flags);
		flags = 0;
	} while (chunk.count > 0);
}

/* right becomes the parent of both. */
static void hash_parent(const uint32_t left[8], uint32_t right[8], uint32_t root)
{
	uint8_t block[64];

	for (unsigned i = 0; i < 16; i++) {
		uint32_t word = i < 8 ? left[i] : right[i - 8];

		for (unsigned byte = 0; byte < 4; byte++) {
			block[4 * i + byte] = (uint8_t)(word >> 8 * byte);
		}
	}
	memcpy(right, blake3_iv, 32);
	compress(right, block, 0, 64, PARENT | root);
}

/* As 64 digits. */
void rv_blake3(struct rv_bytes text, char ret_hex[65])
{
	uint32_t stack[54][8], cv[8];
	size_t depth = 0;
	uint64_t number = 0;

	for (; text.count > 1024; number++) {
		uint64_t whole = number + 1;

		hash_chunk((struct rv_bytes){ text.at, 1024 }, number, 0, cv);
		for (; whole % 2 == 0; whole /= 2) {
			hash_parent(stack[--depth], cv, 0);
		}
		memcpy(stack[depth++], cv, sizeof cv);
		text = (struct rv_bytes){ text.at + 1024, text.count - 1024 };
	}
	hash_chunk(text, number, depth == 0 ? ROOT : 0, cv);
	while (depth > 0) {
		depth--;
		hash_parent(stack[depth], cv, depth == 0 ? ROOT : 0);
	}
	for (unsigned i = 0; i < 32; i++) {
		(void)snprintf(ret_hex + 2 * i, 3, "%02x", cv[i / 4] >> 8 * (i % 4) & 0xff);
	}
}

const char *rv_cid_of(struct rv_bytes text)
{
	char *cid = rv_take(RV_CID_BYTES + 1);

	memcpy(cid, "b3:", 3);
	rv_blake3(text, cid + 3);
	return cid;
}
