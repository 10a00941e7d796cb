#ifndef CORE_BLAKE3_H
#define CORE_BLAKE3_H

#include <stddef.h>
#include <stdint.h>

#include "common/types.h"

/* BLAKE3 (the paper of 2020, sections 2.1 to 2.6), 32-byte output. Written from the
 * specification, portable. No function fails. `bytes` may be NULL when the
 * count is 0. */

#define BLAKE3_KEY_BYTES   32u
#define BLAKE3_BLOCK_BYTES 64u

/* 2^64 input bytes are 2^54 chunks of 1024 bytes: a stack of one subtree a level. */
#define BLAKE3_DEPTH_MAX 54u

void blake3_hash(const void *bytes, size_t bytes_count, struct hash *ret_hash);
void blake3_keyed_hash(const uint8_t key[BLAKE3_KEY_BYTES], const void *bytes, size_t bytes_count,
	struct hash *ret_hash);

/* Streaming: start in one of the three modes, add any number of times, finish. finish
 * changes nothing: one may add more and finish again. */
struct blake3 {
	uint32_t key[8];
	uint32_t flags;
	/* The chunk that is being filled; its last block waits until it is known whether more
	 * follows, because the last block of all is compressed differently. */
	uint32_t chunk_cv[8];
	uint64_t chunk_index;
	uint8_t block[BLAKE3_BLOCK_BYTES];
	uint32_t block_bytes;
	uint32_t blocks_compressed;
	/* Roots of the complete subtrees left of that chunk, the largest first. */
	uint32_t stack[BLAKE3_DEPTH_MAX][8];
	uint32_t stack_count;
};

void blake3_start(struct blake3 *stream);
void blake3_start_keyed(struct blake3 *stream, const uint8_t key[BLAKE3_KEY_BYTES]);
/* context: a constant of the program, different for each use (paper, section 6.2). The
 * bytes added are the key material. */
void blake3_start_derive_key(struct blake3 *stream, const char *context);
void blake3_add(struct blake3 *stream, const void *bytes, size_t bytes_count);
void blake3_finish(const struct blake3 *stream, struct hash *ret_hash);

#endif
