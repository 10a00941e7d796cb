#ifndef CORE_BYTES_H
#define CORE_BYTES_H

/* Bounded little-endian reading and writing of byte buffers: the one way in which entries,
 * batch records, grants and the payloads of verbs are taken apart and put together.
 *
 * Failure is sticky: after the first read past the end or over a bound every later get
 * yields zero or an empty view and `failed` stays set, so that a decoder is a plain list of
 * gets and one check at its end. A writer fails the same way when its buffer is full.
 * Bounds are compared before a sender's length is used in any arithmetic. */

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/slice.h"
#include "common/types.h"

struct byte_reader {
	const uint8_t *next;
	size_t left;
	bool failed;
};

struct byte_writer {
	uint8_t *next;
	size_t left;
	size_t used;
	bool failed;
};

static inline struct byte_reader byte_reader_of(struct slice bytes)
{
	return (struct byte_reader){ .next = bytes.bytes, .left = bytes.bytes_count };
}

static inline struct byte_writer byte_writer_of(void *buffer, size_t buffer_bytes)
{
	return (struct byte_writer){ .next = buffer, .left = buffer_bytes };
}

/* The whole was read, and nothing but the whole. */
static inline bool byte_reader_done(const struct byte_reader *in)
{
	return !in->failed && in->left == 0;
}

static inline const uint8_t *byte_take(struct byte_reader *in, size_t count)
{
	const uint8_t *bytes = in->next;

	if (in->failed || count > in->left) {
		in->failed = true;
		return NULL;
	}
	in->next += count;
	in->left -= count;
	return bytes;
}

/* The first `width` of a word's bytes: with a width that is known one load, not a loop. */
static inline uint64_t byte_get_uint(struct byte_reader *in, size_t width)
{
	const uint8_t *bytes = byte_take(in, width);
	uint64_t word = 0;

	if (bytes != NULL) {
		memcpy(&word, bytes, width);
	}
	return le64toh(word);
}

static inline uint8_t byte_get_u8(struct byte_reader *in)
{
	return (uint8_t)byte_get_uint(in, 1);
}

static inline uint16_t byte_get_u16(struct byte_reader *in)
{
	return (uint16_t)byte_get_uint(in, 2);
}

static inline uint32_t byte_get_u32(struct byte_reader *in)
{
	return (uint32_t)byte_get_uint(in, 4);
}

static inline uint64_t byte_get_u64(struct byte_reader *in)
{
	return byte_get_uint(in, 8);
}

static inline u128 byte_get_u128(struct byte_reader *in)
{
	u128 low = byte_get_u64(in);

	return low | (u128)byte_get_u64(in) << 64;
}

static inline struct hash byte_get_hash(struct byte_reader *in)
{
	const uint8_t *bytes = byte_take(in, HASH_BYTES);
	struct hash hash = { { 0 } };

	if (bytes != NULL) {
		memcpy(hash.bytes, bytes, HASH_BYTES);
	}
	return hash;
}

static inline struct id128 byte_get_id128(struct byte_reader *in)
{
	const uint8_t *bytes = byte_take(in, ID_BYTES);
	struct id128 id = { { 0 } };

	if (bytes != NULL) {
		memcpy(id.bytes, bytes, ID_BYTES);
	}
	return id;
}

/* A view of `count` bytes whose number the reader knows. */
static inline struct slice byte_get_view(struct byte_reader *in, size_t count)
{
	const uint8_t *bytes = byte_take(in, count);

	return bytes == NULL ? (struct slice){ NULL, 0 } : (struct slice){ bytes, count };
}

static inline struct slice byte_get_prefixed(
	struct byte_reader *in, size_t prefix_width, size_t bytes_max)
{
	uint64_t count = byte_get_uint(in, prefix_width);

	if (count > bytes_max) {
		in->failed = true;
		return (struct slice){ NULL, 0 };
	}
	return byte_get_view(in, (size_t)count);
}

/* Views with a u8, u16 or u32 length before them, and the bound that the reader knows. */
static inline struct slice byte_get_string8(struct byte_reader *in, size_t bytes_max)
{
	return byte_get_prefixed(in, 1, bytes_max);
}

static inline struct slice byte_get_slice16(struct byte_reader *in, size_t bytes_max)
{
	return byte_get_prefixed(in, 2, bytes_max);
}

static inline struct slice byte_get_slice32(struct byte_reader *in, size_t bytes_max)
{
	return byte_get_prefixed(in, 4, bytes_max);
}

static inline void byte_put_bytes(struct byte_writer *out, const void *bytes, size_t count)
{
	if (out->failed || count > out->left) {
		out->failed = true;
		return;
	}
	if (count > 0) {
		memcpy(out->next, bytes, count);
	}
	out->next += count;
	out->left -= count;
	out->used += count;
}

static inline void byte_put_uint(struct byte_writer *out, size_t width, uint64_t value)
{
	uint64_t word = htole64(value);

	byte_put_bytes(out, &word, width);
}

static inline void byte_put_u8(struct byte_writer *out, uint8_t value)
{
	byte_put_uint(out, 1, value);
}

static inline void byte_put_u16(struct byte_writer *out, uint16_t value)
{
	byte_put_uint(out, 2, value);
}

static inline void byte_put_u32(struct byte_writer *out, uint32_t value)
{
	byte_put_uint(out, 4, value);
}

static inline void byte_put_u64(struct byte_writer *out, uint64_t value)
{
	byte_put_uint(out, 8, value);
}

static inline void byte_put_u128(struct byte_writer *out, u128 value)
{
	byte_put_u64(out, (uint64_t)value);
	byte_put_u64(out, (uint64_t)(value >> 64));
}

static inline void byte_put_hash(struct byte_writer *out, const struct hash *hash)
{
	byte_put_bytes(out, hash->bytes, HASH_BYTES);
}

static inline void byte_put_id128(struct byte_writer *out, const struct id128 *id)
{
	byte_put_bytes(out, id->bytes, ID_BYTES);
}

static inline void byte_put_prefixed(
	struct byte_writer *out, size_t prefix_width, struct slice bytes, uint64_t prefix_max)
{
	if (bytes.bytes_count > prefix_max) {
		out->failed = true;
		return;
	}
	byte_put_uint(out, prefix_width, bytes.bytes_count);
	byte_put_bytes(out, bytes.bytes, bytes.bytes_count);
}

static inline void byte_put_string8(struct byte_writer *out, struct slice bytes)
{
	byte_put_prefixed(out, 1, bytes, UINT8_MAX);
}

static inline void byte_put_slice16(struct byte_writer *out, struct slice bytes)
{
	byte_put_prefixed(out, 2, bytes, UINT16_MAX);
}

static inline void byte_put_slice32(struct byte_writer *out, struct slice bytes)
{
	byte_put_prefixed(out, 4, bytes, UINT32_MAX);
}

#endif
