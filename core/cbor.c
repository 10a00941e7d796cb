#include "core/cbor.h"

#include "core/utf8.h"

/* The low five bits of a head: the number itself below 24, else the width of what follows. */
#define INFO_BITS  0x1fu
#define INFO_BYTES 24u /* 24, 25, 26, 27: one, two, four, eight bytes */

/* Below it a number has a shorter head. */
static uint64_t least_of_width(size_t width)
{
	return width == 1 ? INFO_BYTES : UINT64_C(1) << (width * 4);
}

static uint64_t get_big_endian(struct byte_reader *in, size_t width)
{
	const uint8_t *bytes = byte_take(in, width);
	uint64_t number = 0;

	for (size_t i = 0; bytes != NULL && i < width; i++) {
		number = number << 8 | bytes[i];
	}
	return number;
}

uint64_t cbor_get(struct byte_reader *in, enum cbor_major major, uint64_t count_max)
{
	unsigned head = byte_get_u8(in);
	unsigned info = head & INFO_BITS;
	uint64_t number = info;
	bool is_short = false;

	if (info >= INFO_BYTES && info < INFO_BYTES + 4) {
		size_t width = (size_t)1 << (info - INFO_BYTES);

		number = get_big_endian(in, width);
		is_short = number < least_of_width(width);
	}
	if (in->failed || head >> 5 != (unsigned)major || info >= INFO_BYTES + 4 || is_short ||
		number > count_max) {
		in->failed = true;
		return 0;
	}
	return number;
}

struct slice cbor_get_text(struct byte_reader *in, size_t bytes_max)
{
	struct slice text = byte_get_view(in, (size_t)cbor_get(in, CBOR_TEXT, bytes_max));

	if (!in->failed && !utf8_valid(text.bytes, text.bytes_count)) {
		in->failed = true;
	}
	return in->failed ? (struct slice){ NULL, 0 } : text;
}

bool cbor_get_key(struct byte_reader *in, const char *key)
{
	struct byte_reader ahead = *in;
	struct slice text = cbor_get_text(&ahead, strlen(key));

	if (ahead.failed || text.bytes_count != strlen(key) ||
		memcmp(text.bytes, key, text.bytes_count) != 0) {
		return false;
	}
	*in = ahead;
	return true;
}

void cbor_put(struct byte_writer *out, enum cbor_major major, uint64_t count)
{
	unsigned bits = (unsigned)major << 5;
	unsigned exponent = 0;

	if (count < INFO_BYTES) {
		byte_put_u8(out, (uint8_t)(bits | (unsigned)count));
		return;
	}
	while (exponent < 3 && count >= least_of_width((size_t)2 << exponent)) {
		exponent++;
	}
	byte_put_u8(out, (uint8_t)(bits | (INFO_BYTES + exponent)));
	for (size_t left = (size_t)1 << exponent; left > 0; left--) {
		byte_put_u8(out, (uint8_t)(count >> (left - 1) * 8));
	}
}

void cbor_put_text(struct byte_writer *out, struct slice text)
{
	cbor_put(out, CBOR_TEXT, text.bytes_count);
	byte_put_bytes(out, text.bytes, text.bytes_count);
}

void cbor_put_key(struct byte_writer *out, const char *key)
{
	cbor_put_text(out, (struct slice){ (const uint8_t *)key, strlen(key) });
}
