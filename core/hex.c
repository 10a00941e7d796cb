#include "core/hex.h"

void hex_encode(const uint8_t *bytes, size_t bytes_count, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes_count; i++) {
		ret_text[2 * i] = digits[bytes[i] >> 4];
		ret_text[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_text[2 * bytes_count] = '\0';
}

/* -1: not a digit. */
static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9') {
		return digit - '0';
	}
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

enum err hex_decode(const char *text, size_t text_bytes, uint8_t *ret_bytes, size_t bytes_count)
{
	if (text_bytes % 2 != 0 || text_bytes / 2 != bytes_count) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < text_bytes; i++) {
		if (digit_value(text[i]) < 0) {
			return ERR_MALFORMED;
		}
	}
	for (size_t i = 0; i < bytes_count; i++) {
		int high = digit_value(text[2 * i]);
		int low = digit_value(text[2 * i + 1]);

		ret_bytes[i] = (uint8_t)(high << 4 | low);
	}
	return ERR_OK;
}
