#include "core/http_body.h"

#include <string.h>

#define ROOM_BYTES 4096u

struct decoded {
	enum http_decision decision;
	size_t used;
	size_t data_bytes;
	uint8_t data[ROOM_BYTES];
};

static void decode(struct slice bytes, size_t piece_bytes, struct decoded *decoded)
{
	const struct http_head head = { .chunked = true };
	struct http_body body;

	decoded->used = 0;
	decoded->data_bytes = 0;
	decoded->decision = http_body_begin(&body, &head, ROOM_BYTES);
	while (decoded->decision == HTTP_MORE && decoded->used < bytes.bytes_count) {
		size_t left = bytes.bytes_count - decoded->used;
		struct slice piece = { bytes.bytes + decoded->used,
			left < piece_bytes ? left : piece_bytes };
		struct slice data = { NULL, 0 };
		size_t used = 0;

		decoded->decision =
			http_body_feed(&body, &http_limits_default, piece, &used, &data);
		assert(used <= piece.bytes_count);
		assert(used > 0 || http_answer(decoded->decision)->status != 0);
		decoded->used += used;
		if (data.bytes_count > 0) {
			assert(data.bytes >= piece.bytes);
			assert(data.bytes + data.bytes_count <= piece.bytes + used);
			assert(data.bytes_count <= ROOM_BYTES - decoded->data_bytes);
			memcpy(decoded->data + decoded->data_bytes, data.bytes, data.bytes_count);
			decoded->data_bytes += data.bytes_count;
		}
	}
}

static void assert_same(const struct decoded *left, const struct decoded *right)
{
	assert(left->decision == right->decision);
	assert(left->data_bytes == right->data_bytes);
	assert(memcmp(left->data, right->data, left->data_bytes) == 0);
}

/* The same bytes as one chunk are the same body. */
static void check_round_trip(const struct decoded *whole)
{
	static uint8_t wire[ROOM_BYTES + 32];
	static struct decoded again;
	static const char digits[] = "0123456789abcdef";
	size_t at = 0;

	if (whole->data_bytes > 0) {
		for (unsigned shift = 16; shift > 0; shift -= 4) {
			wire[at++] = (uint8_t)digits[whole->data_bytes >> (shift - 4) & 15u];
		}
		memcpy(wire + at, "\r\n", 2);
		memcpy(wire + at + 2, whole->data, whole->data_bytes);
		at += 2 + whole->data_bytes;
		memcpy(wire + at, "\r\n", 2);
		at += 2;
	}
	memcpy(wire + at, "0\r\n\r\n", 5);
	at += 5;
	decode((struct slice){ wire, at }, SIZE_MAX, &again);
	assert(again.used == at);
	assert_same(whole, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t input_bytes)
{
	static struct decoded whole, pieces;
	struct slice bytes = { input, input_bytes };

	decode(bytes, SIZE_MAX, &whole);
	for (size_t piece_bytes = 1; piece_bytes <= 7; piece_bytes += 2) {
		decode(bytes, piece_bytes, &pieces);
		assert_same(&whole, &pieces);
		assert(whole.decision != HTTP_OK || whole.used == pieces.used);
	}
	if (whole.decision == HTTP_OK) {
		check_round_trip(&whole);
	}
	return 0;
}
