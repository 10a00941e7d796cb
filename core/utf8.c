#include "core/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* The well-formed sequences (RFC 3629, section 4), by the first byte: how many bytes, and
 * what the second one may be. That range alone excludes the overlong, the surrogates and
 * what lies past U+10FFFF. bytes 0: no first byte. */
struct form {
	uint8_t bytes;
	uint8_t second_min;
	uint8_t second_max;
};

static struct form form_of(uint8_t first)
{
	if (first < 0xc2 || first > 0xf4) {
		return (struct form){ 0, 0, 0 };
	}
	if (first < 0xe0) {
		return (struct form){ 2, 0x80, 0xbf };
	}
	if (first < 0xf0) {
		return (struct form){ 3, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf };
	}
	return (struct form){ 4, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf };
}

/* Bytes of the character that starts here, which is not ASCII; 0: there is none. */
static size_t character_bytes(const uint8_t *bytes, size_t left)
{
	struct form form = form_of(bytes[0]);

	if (form.bytes == 0 || form.bytes > left) {
		return 0;
	}
	if (bytes[1] < form.second_min || bytes[1] > form.second_max) {
		return 0;
	}
	for (size_t i = 2; i < form.bytes; i++) {
		if (bytes[i] < 0x80 || bytes[i] > 0xbf) {
			return 0;
		}
	}
	return form.bytes;
}

bool utf8_valid(const uint8_t *bytes, size_t bytes_count)
{
	size_t i = 0;

	while (i < bytes_count) {
		uint64_t eight = 0;
		size_t count = 1;

		/* Bodies are nearly all ASCII: eight at a time where it is. */
		if (bytes_count - i >= sizeof eight) {
			memcpy(&eight, bytes + i, sizeof eight);
			if ((eight & HIGH_BITS) == 0) {
				i += sizeof eight;
				continue;
			}
		}
		if (bytes[i] >= 0x80) {
			count = character_bytes(bytes + i, bytes_count - i);
		}
		if (count == 0) {
			return false;
		}
		i += count;
	}
	return true;
}
