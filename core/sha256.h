#ifndef CORE_SHA256_H
#define CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "common/types.h"

/* SHA-256 (FIPS 180-4) and HMAC-SHA256 (RFC 2104), computed by nettle, which picks the
 * processor's own instructions. No function fails. `bytes` may be NULL when the count is 0. */

void sha256_hash(const void *bytes, size_t bytes_count, struct hash *ret_hash);

/* The hash of the parts one after another, without copying them together. */
void sha256_hash_parts(const struct slice *parts, size_t part_count, struct hash *ret_hash);

/* HMAC of the parts one after another. A key of any length, also longer than a block. */
void sha256_hmac(
	struct slice key, const struct slice *parts, size_t part_count, struct hash *ret_mac);

/* Streaming: start, add any number of times, finish once; then start again.
 * The content is nettle's context, of which only sha256.c knows. */
struct sha256 {
	uint64_t opaque[14];
};

void sha256_start(struct sha256 *stream);
void sha256_add(struct sha256 *stream, const void *bytes, size_t bytes_count);
void sha256_finish(struct sha256 *stream, struct hash *ret_hash);

#endif
