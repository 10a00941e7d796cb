#include "core/blake3.h"

#include <assert.h>
#include <string.h>

/* The input is cut into chunks of 1024 bytes, each a chain of 16 compressions of 64 bytes;
 * the chunks are the leaves of a binary tree whose left subtrees are complete. A parent
 * compresses the two chaining values (cv) of its children as one block. The last
 * compression of all, of a chunk or of a parent, carries the flag ROOT: so nothing is
 * compressed before it is known whether more input follows. */

#define CHUNK_BLOCKS 16u
#define CV_WORDS     8u
#define BLOCK_WORDS  16u

enum flag {
	CHUNK_START = 1,
	CHUNK_END = 2,
	PARENT = 4,
	ROOT = 8,
	KEYED_HASH = 16,
	DERIVE_KEY_CONTEXT = 32,
	DERIVE_KEY_MATERIAL = 64,
};

static const uint32_t iv[CV_WORDS] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
	0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

/* Table 2 of the paper, applied round after round. */
static const uint8_t schedule[7][BLOCK_WORDS] = {
	{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	{ 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8 },
	{ 3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1 },
	{ 10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6 },
	{ 12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4 },
	{ 9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7 },
	{ 11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13 },
};

/* One compression that has not been done yet. */
struct node {
	uint32_t cv[CV_WORDS];
	uint32_t block[BLOCK_WORDS];
	uint64_t counter;
	uint32_t block_bytes;
	uint32_t flags;
};

static uint32_t rotate_right(uint32_t word, unsigned bits)
{
	return word >> bits | word << (32 - bits);
}

static uint32_t load_word(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

static void load_words(const uint8_t *bytes, uint32_t *ret_words, size_t word_count)
{
	for (size_t i = 0; i < word_count; i++) {
		ret_words[i] = load_word(bytes + 4 * i);
	}
}

static void store_words(const uint32_t *words, size_t word_count, uint8_t *ret_bytes)
{
	for (size_t i = 0; i < 4 * word_count; i++) {
		ret_bytes[i] = (uint8_t)(words[i / 4] >> (8 * (i % 4)));
	}
}

static inline void mix(
	uint32_t v[16], unsigned a, unsigned b, unsigned c, unsigned d, uint32_t x, uint32_t y)
{
	v[a] += v[b] + x;
	v[d] = rotate_right(v[d] ^ v[a], 16);
	v[c] += v[d];
	v[b] = rotate_right(v[b] ^ v[c], 12);
	v[a] += v[b] + y;
	v[d] = rotate_right(v[d] ^ v[a], 8);
	v[c] += v[d];
	v[b] = rotate_right(v[b] ^ v[c], 7);
}

static inline void mix_round(uint32_t v[16], const uint32_t m[BLOCK_WORDS], const uint8_t *order)
{
	mix(v, 0, 4, 8, 12, m[order[0]], m[order[1]]);
	mix(v, 1, 5, 9, 13, m[order[2]], m[order[3]]);
	mix(v, 2, 6, 10, 14, m[order[4]], m[order[5]]);
	mix(v, 3, 7, 11, 15, m[order[6]], m[order[7]]);
	mix(v, 0, 5, 10, 15, m[order[8]], m[order[9]]);
	mix(v, 1, 6, 11, 12, m[order[10]], m[order[11]]);
	mix(v, 2, 7, 8, 13, m[order[12]], m[order[13]]);
	mix(v, 3, 4, 9, 14, m[order[14]], m[order[15]]);
}

/* The first half of the output, which is the cv and the 32-byte hash. */
static void compress(const struct node *node, uint32_t ret_cv[CV_WORDS])
{
	uint32_t v[16];

	memcpy(v, node->cv, sizeof node->cv);
	memcpy(v + 8, iv, 4 * sizeof iv[0]);
	v[12] = (uint32_t)node->counter;
	v[13] = (uint32_t)(node->counter >> 32);
	v[14] = node->block_bytes;
	v[15] = node->flags;
	/* Written out: with constant indexes the state stays in registers. */
	mix_round(v, node->block, schedule[0]);
	mix_round(v, node->block, schedule[1]);
	mix_round(v, node->block, schedule[2]);
	mix_round(v, node->block, schedule[3]);
	mix_round(v, node->block, schedule[4]);
	mix_round(v, node->block, schedule[5]);
	mix_round(v, node->block, schedule[6]);
	for (size_t i = 0; i < CV_WORDS; i++) {
		ret_cv[i] = v[i] ^ v[i + 8];
	}
}

/* The chunk's next compression: of whatever the block buffer holds. */
static void chunk_node(const struct blake3 *stream, uint32_t end_flag, struct node *ret_node)
{
	uint32_t start_flag = stream->blocks_compressed == 0 ? CHUNK_START : 0;

	memcpy(ret_node->cv, stream->chunk_cv, sizeof ret_node->cv);
	load_words(stream->block, ret_node->block, BLOCK_WORDS);
	ret_node->counter = stream->chunk_index;
	ret_node->block_bytes = stream->block_bytes;
	ret_node->flags = stream->flags | start_flag | end_flag;
}

static void parent_node(const struct blake3 *stream, const uint32_t left[CV_WORDS],
	const uint32_t right[CV_WORDS], struct node *ret_node)
{
	memcpy(ret_node->cv, stream->key, sizeof ret_node->cv);
	memcpy(ret_node->block, left, CV_WORDS * sizeof left[0]);
	memcpy(ret_node->block + CV_WORDS, right, CV_WORDS * sizeof right[0]);
	ret_node->counter = 0;
	ret_node->block_bytes = BLAKE3_BLOCK_BYTES;
	ret_node->flags = stream->flags | PARENT;
}

static void clear_block(struct blake3 *stream)
{
	memset(stream->block, 0, sizeof stream->block);
	stream->block_bytes = 0;
}

static void begin_chunk(struct blake3 *stream, uint64_t chunk_index)
{
	memcpy(stream->chunk_cv, stream->key, sizeof stream->chunk_cv);
	stream->chunk_index = chunk_index;
	stream->blocks_compressed = 0;
	clear_block(stream);
}

/* A full chunk with more input behind it: its cv joins the stack, where each trailing zero
 * bit of the number of chunks closes one subtree. */
static void end_chunk(struct blake3 *stream)
{
	uint64_t chunk_count = stream->chunk_index + 1;
	struct node node;
	uint32_t cv[CV_WORDS];

	chunk_node(stream, CHUNK_END, &node);
	compress(&node, cv);
	for (uint64_t rest = chunk_count; (rest & 1) == 0; rest >>= 1) {
		stream->stack_count--;
		parent_node(stream, stream->stack[stream->stack_count], cv, &node);
		compress(&node, cv);
	}
	assert(stream->stack_count < BLAKE3_DEPTH_MAX);
	memcpy(stream->stack[stream->stack_count], cv, sizeof cv);
	stream->stack_count++;
	begin_chunk(stream, chunk_count);
}

/* The block buffer is full and more input follows. */
static void end_block(struct blake3 *stream)
{
	struct node node;

	if (stream->blocks_compressed == CHUNK_BLOCKS - 1) {
		end_chunk(stream);
		return;
	}
	chunk_node(stream, 0, &node);
	compress(&node, stream->chunk_cv);
	stream->blocks_compressed++;
	clear_block(stream);
}

static void start(struct blake3 *stream, const uint32_t key[CV_WORDS], uint32_t flags)
{
	memcpy(stream->key, key, sizeof stream->key);
	stream->flags = flags;
	stream->stack_count = 0;
	begin_chunk(stream, 0);
}

void blake3_start(struct blake3 *stream)
{
	start(stream, iv, 0);
}

void blake3_start_keyed(struct blake3 *stream, const uint8_t key[BLAKE3_KEY_BYTES])
{
	uint32_t words[CV_WORDS];

	load_words(key, words, CV_WORDS);
	start(stream, words, KEYED_HASH);
}

void blake3_start_derive_key(struct blake3 *stream, const char *context)
{
	struct hash context_key;
	uint32_t words[CV_WORDS];

	start(stream, iv, DERIVE_KEY_CONTEXT);
	blake3_add(stream, context, strlen(context));
	blake3_finish(stream, &context_key);
	load_words(context_key.bytes, words, CV_WORDS);
	start(stream, words, DERIVE_KEY_MATERIAL);
}

void blake3_add(struct blake3 *stream, const void *bytes, size_t bytes_count)
{
	const uint8_t *next = bytes;

	while (bytes_count > 0) {
		size_t room, count;

		if (stream->block_bytes == BLAKE3_BLOCK_BYTES) {
			end_block(stream);
		}
		room = BLAKE3_BLOCK_BYTES - stream->block_bytes;
		count = bytes_count < room ? bytes_count : room;
		memcpy(stream->block + stream->block_bytes, next, count);
		stream->block_bytes += (uint32_t)count;
		next += count;
		bytes_count -= count;
	}
}

void blake3_finish(const struct blake3 *stream, struct hash *ret_hash)
{
	struct node node;
	uint32_t cv[CV_WORDS];

	chunk_node(stream, CHUNK_END, &node);
	for (uint32_t i = stream->stack_count; i > 0; i--) {
		compress(&node, cv);
		parent_node(stream, stream->stack[i - 1], cv, &node);
	}
	node.flags |= ROOT;
	node.counter = 0; /* the number of the output block, of which we make one */
	compress(&node, cv);
	store_words(cv, CV_WORDS, ret_hash->bytes);
}

void blake3_hash(const void *bytes, size_t bytes_count, struct hash *ret_hash)
{
	struct blake3 stream;

	blake3_start(&stream);
	blake3_add(&stream, bytes, bytes_count);
	blake3_finish(&stream, ret_hash);
}

void blake3_keyed_hash(const uint8_t key[BLAKE3_KEY_BYTES], const void *bytes, size_t bytes_count,
	struct hash *ret_hash)
{
	struct blake3 stream;

	blake3_start_keyed(&stream, key);
	blake3_add(&stream, bytes, bytes_count);
	blake3_finish(&stream, ret_hash);
}
