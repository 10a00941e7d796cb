#include "services/prevalidator/inflate.h"

#include <zlib.h>

/* The largest window there is, and 16: gzip and neither zlib's own format nor raw deflate. */
#define WINDOW_BITS (15 + 16)

static void *arena_take(void *context, unsigned count, unsigned item_bytes)
{
	struct inflater *inflater = context;
	size_t bytes_count = ((size_t)count * item_bytes + 15) / 16 * 16;
	void *block = inflater->arena + inflater->arena_used;

	if (bytes_count > INFLATE_ARENA_BYTES - inflater->arena_used) {
		return Z_NULL;
	}
	inflater->arena_used += bytes_count;
	return block;
}

static void arena_give(void *context, void *block)
{
	(void)context;
	(void)block; /* what zlib took it keeps */
}

/* The stream itself stands first in the arena, so that no header needs zlib's. */
static z_stream *stream_of(struct inflater *inflater)
{
	z_stream *stream = (z_stream *)(void *)inflater->arena;
	int status;

	if (inflater->is_ready) {
		status = inflateReset(stream);
	} else {
		(void)arena_take(inflater, 1, sizeof *stream);
		*stream =
			(z_stream){ .zalloc = arena_take, .zfree = arena_give, .opaque = inflater };
		status = inflateInit2(stream, WINDOW_BITS);
		inflater->is_ready = true;
	}
	assert(status == Z_OK); /* the arena is large enough, and the stream is ours */
	return stream;
}

enum inflate_result inflate_body(struct inflater *inflater, struct slice packed,
	size_t body_bytes_max, struct slice *ret_plain)
{
	bool is_small = packed.bytes_count < body_bytes_max / INFLATE_RATIO_MAX;
	size_t plain_bytes_max = is_small ? packed.bytes_count * INFLATE_RATIO_MAX : body_bytes_max;
	z_stream *stream;
	int status;

	assert(body_bytes_max <= BODY_BYTES_MAX);
	if (packed.bytes_count == 0 || packed.bytes_count > BODY_BYTES_MAX) {
		return INFLATE_BROKEN;
	}
	stream = stream_of(inflater);
	stream->next_in = (uint8_t *)(uintptr_t)packed.bytes; /* zlib only reads it */
	stream->avail_in = (unsigned)packed.bytes_count;
	stream->next_out = inflater->bytes;
	stream->avail_out = (unsigned)plain_bytes_max + 1;
	status = inflate(stream, Z_FINISH);
	assert(status != Z_MEM_ERROR && status != Z_STREAM_ERROR); /* it is our arena, our stream */
	if (stream->avail_out == 0) {
		return is_small ? INFLATE_RATIO : INFLATE_TOO_LARGE;
	}
	if (status != Z_STREAM_END || stream->avail_in > 0) {
		return INFLATE_BROKEN;
	}
	*ret_plain = (struct slice){ inflater->bytes, plain_bytes_max + 1 - stream->avail_out };
	return INFLATE_OK;
}
