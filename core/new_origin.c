#include "core/new_origin.h"

#include <string.h>

#include "core/bytes.h"
#include "core/hex.h"
#include "core/merkle.h"

static const char heading[] = "macronode new-origin v1";

static void put_decimal(struct byte_writer *out, uint64_t number)
{
	uint8_t digits[20];
	size_t count = 0;

	do {
		digits[sizeof digits - ++count] = (uint8_t)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	byte_put_bytes(out, digits + sizeof digits - count, count);
}

size_t new_origin_print(const struct new_origin *ask, char ret_text[NEW_ORIGIN_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of((uint8_t *)ret_text, NEW_ORIGIN_BYTES_MAX - 1);
	char root[HEX_TEXT_BYTES(HASH_BYTES) + 1];

	assert(ask->origin.bytes_count <= ORIGIN_BYTES_MAX && ask->size <= MERKLE_SIZE_MAX);
	hex_encode(ask->root.bytes, HASH_BYTES, root);
	byte_put_bytes(&out, heading, sizeof heading - 1);
	byte_put_u8(&out, '\n');
	byte_put_bytes(&out, ask->origin.bytes, ask->origin.bytes_count);
	byte_put_u8(&out, '\n');
	put_decimal(&out, ask->size);
	byte_put_u8(&out, '\n');
	byte_put_bytes(&out, root, sizeof root - 1);
	byte_put_u8(&out, '\n');
	assert(!out.failed);
	ret_text[out.used] = '\0';
	return out.used;
}

/* False: no line ends here. */
static bool take_line(struct slice *text, struct slice *ret_line)
{
	const uint8_t *end =
		text->bytes_count == 0 ? NULL : memchr(text->bytes, '\n', text->bytes_count);

	if (end == NULL) {
		return false;
	}
	*ret_line = (struct slice){ text->bytes, (size_t)(end - text->bytes) };
	text->bytes_count -= ret_line->bytes_count + 1;
	text->bytes = end + 1;
	return true;
}

static bool take_size(struct slice line, uint64_t *ret_size)
{
	uint64_t size = 0;

	if (line.bytes_count == 0 || line.bytes_count > 19 ||
		(line.bytes[0] == '0' && line.bytes_count > 1)) {
		return false;
	}
	for (size_t i = 0; i < line.bytes_count; i++) {
		if (line.bytes[i] < '0' || line.bytes[i] > '9') {
			return false;
		}
		size = size * 10 + (uint64_t)(line.bytes[i] - '0');
	}
	*ret_size = size;
	return size <= MERKLE_SIZE_MAX;
}

enum err new_origin_parse(struct slice text, struct new_origin *ret_ask)
{
	struct new_origin ask;
	struct slice first, size, root;

	if (!take_line(&text, &first) || !take_line(&text, &ask.origin) ||
		!take_line(&text, &size) || !take_line(&text, &root) || text.bytes_count != 0) {
		return ERR_MALFORMED;
	}
	if (first.bytes_count != sizeof heading - 1 ||
		memcmp(first.bytes, heading, sizeof heading - 1) != 0 ||
		ask.origin.bytes_count == 0 || ask.origin.bytes_count > ORIGIN_BYTES_MAX ||
		!take_size(size, &ask.size) ||
		hex_decode((const char *)root.bytes, root.bytes_count, ask.root.bytes,
			HASH_BYTES) != ERR_OK) {
		return ERR_MALFORMED;
	}
	*ret_ask = ask;
	return ERR_OK;
}
