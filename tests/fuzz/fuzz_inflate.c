/* Packed bodies. The first two bytes are the bound of what may come out. What comes out is never
 * more than the bound or than ten times what came in, the same body gives the same answer whatever
 * was unpacked before, and what zlib packs comes out as it went in. */
#include <assert.h>
#include <string.h>

#include <zlib.h>

#include "services/prevalidator/inflate.h"

#define PLAIN_BYTES_MAX 65536u

static struct inflater used, fresh;
static uint8_t packed[PLAIN_BYTES_MAX + 1024];

static enum inflate_result unpack(
	struct inflater *inflater, struct slice body, size_t bytes_max, struct slice *ret_plain)
{
	enum inflate_result result = inflate_body(inflater, body, bytes_max, ret_plain);

	if (result == INFLATE_OK) {
		assert(ret_plain->bytes_count <= bytes_max);
		assert(ret_plain->bytes_count <= body.bytes_count * INFLATE_RATIO_MAX);
	}
	return result;
}

static void check_any(struct slice body, size_t bytes_max)
{
	struct slice plain, plain_of_fresh;
	enum inflate_result result = unpack(&used, body, bytes_max, &plain);

	/* as zeros again, but for what would only cost time */
	fresh.is_ready = false;
	fresh.arena_used = 0;
	assert(unpack(&fresh, body, bytes_max, &plain_of_fresh) == result);
	if (result == INFLATE_OK) {
		assert(plain.bytes_count == plain_of_fresh.bytes_count);
		assert(memcmp(plain.bytes, plain_of_fresh.bytes, plain.bytes_count) == 0);
	}
}

static size_t pack(struct slice plain, int level)
{
	z_stream stream = { .next_in = (uint8_t *)(uintptr_t)plain.bytes,
		.avail_in = (unsigned)plain.bytes_count,
		.next_out = packed,
		.avail_out = sizeof packed };
	int status = deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);

	assert(status == Z_OK);
	status = deflate(&stream, Z_FINISH);
	assert(status == Z_STREAM_END);
	(void)deflateEnd(&stream);
	return sizeof packed - stream.avail_out;
}

static void check_packed(struct slice plain, size_t bytes_max, int level)
{
	struct slice body = { packed, pack(plain, level) }, out;
	enum inflate_result result = unpack(&used, body, bytes_max, &out);

	if (plain.bytes_count > body.bytes_count * INFLATE_RATIO_MAX ||
		plain.bytes_count > bytes_max) {
		assert(result == INFLATE_RATIO || result == INFLATE_TOO_LARGE);
		return;
	}
	assert(result == INFLATE_OK && out.bytes_count == plain.bytes_count);
	assert(plain.bytes_count == 0 || memcmp(out.bytes, plain.bytes, plain.bytes_count) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	struct slice rest = { bytes + 2, bytes_count - 2 };
	size_t bytes_max;

	if (bytes_count < 2 || bytes_count > PLAIN_BYTES_MAX) {
		return 0;
	}
	bytes_max = bytes[0] + ((size_t)bytes[1] << 8);
	check_any(rest, bytes_max);
	check_any(rest, BODY_BYTES_MAX);
	check_packed(rest, bytes_max, bytes[0] % 10);
	return 0;
}
