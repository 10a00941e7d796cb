#include "core/sha256.h"

#include <string.h>

#include <nettle/hmac.h>
#include <nettle/sha2.h>

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(struct sha256), "nettle's context does not fit");

/* nettle is never handed an empty part: its memcpy would see our NULL. */
static void update(struct sha256_ctx *context, const void *bytes, size_t bytes_count)
{
	if (bytes_count > 0) {
		nettle_sha256_update(context, bytes_count, bytes);
	}
}

void sha256_hash(const void *bytes, size_t bytes_count, struct hash *ret_hash)
{
	struct sha256_ctx context;

	nettle_sha256_init(&context);
	update(&context, bytes, bytes_count);
	nettle_sha256_digest(&context, HASH_BYTES, ret_hash->bytes);
}

void sha256_hash_parts(const struct slice *parts, size_t part_count, struct hash *ret_hash)
{
	struct sha256_ctx context;

	nettle_sha256_init(&context);
	for (size_t i = 0; i < part_count; i++) {
		update(&context, parts[i].bytes, parts[i].bytes_count);
	}
	nettle_sha256_digest(&context, HASH_BYTES, ret_hash->bytes);
}

void sha256_hmac(
	struct slice key, const struct slice *parts, size_t part_count, struct hash *ret_mac)
{
	struct hmac_sha256_ctx context;
	static const uint8_t no_bytes[1];

	nettle_hmac_sha256_set_key(
		&context, key.bytes_count, key.bytes_count > 0 ? key.bytes : no_bytes);
	for (size_t i = 0; i < part_count; i++) {
		if (parts[i].bytes_count > 0) {
			nettle_hmac_sha256_update(&context, parts[i].bytes_count, parts[i].bytes);
		}
	}
	nettle_hmac_sha256_digest(&context, HASH_BYTES, ret_mac->bytes);
}

/* The stream is words to everybody else, so nettle's context is copied in and out: some
 * hundred bytes, which is little beside one block, and keeps nettle out of the header. */
void sha256_start(struct sha256 *stream)
{
	struct sha256_ctx context;

	nettle_sha256_init(&context);
	memcpy(stream, &context, sizeof context);
}

void sha256_add(struct sha256 *stream, const void *bytes, size_t bytes_count)
{
	struct sha256_ctx context;

	memcpy(&context, stream, sizeof context);
	update(&context, bytes, bytes_count);
	memcpy(stream, &context, sizeof context);
}

void sha256_finish(struct sha256 *stream, struct hash *ret_hash)
{
	struct sha256_ctx context;

	memcpy(&context, stream, sizeof context);
	nettle_sha256_digest(&context, HASH_BYTES, ret_hash->bytes);
	memcpy(stream, &context, sizeof context);
}
