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

#define IS_DIGIT 0x10u

/* The value of a digit with IS_DIGIT set; 0 for any other byte. A look-up has no branch to
 * guess wrong, and ids are random: this is a fifth of what a request costs its parser else. */
static const uint8_t digit_values[256] = {
	['0'] = IS_DIGIT | 0,
	['1'] = IS_DIGIT | 1,
	['2'] = IS_DIGIT | 2,
	['3'] = IS_DIGIT | 3,
	['4'] = IS_DIGIT | 4,
	['5'] = IS_DIGIT | 5,
	['6'] = IS_DIGIT | 6,
	['7'] = IS_DIGIT | 7,
	['8'] = IS_DIGIT | 8,
	['9'] = IS_DIGIT | 9,
	['a'] = IS_DIGIT | 10,
	['b'] = IS_DIGIT | 11,
	['c'] = IS_DIGIT | 12,
	['d'] = IS_DIGIT | 13,
	['e'] = IS_DIGIT | 14,
	['f'] = IS_DIGIT | 15,
};

enum err hex_decode(const char *text, size_t text_bytes, uint8_t *ret_bytes, size_t bytes_count)
{
	const uint8_t *digits = (const uint8_t *)text;
	unsigned all = IS_DIGIT;

	if (text_bytes % 2 != 0 || text_bytes / 2 != bytes_count) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < text_bytes; i++) {
		all &= digit_values[digits[i]];
	}
	if ((all & IS_DIGIT) == 0) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < bytes_count; i++) {
		unsigned high = digit_values[digits[2 * i]] & 15u;
		unsigned low = digit_values[digits[2 * i + 1]] & 15u;

		ret_bytes[i] = (uint8_t)(high << 4 | low);
	}
	return ERR_OK;
}
