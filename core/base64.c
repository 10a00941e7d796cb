#include "core/base64.h"

#include <assert.h>
#include <stdbool.h>

#define DIGITS_COMMON "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char digits_standard[] = DIGITS_COMMON "+/";
static const char digits_url[] = DIGITS_COMMON "-_";

static size_t encode(
	const uint8_t *bytes, size_t bytes_count, const char *digits, bool padded, char *ret_text)
{
	uint32_t bits = 0; /* the low bit_count of them are still to be written */
	unsigned bit_count = 0;
	size_t used = 0;

	for (size_t i = 0; i < bytes_count; i++) {
		bits = bits << 8 | bytes[i];
		for (bit_count += 8; bit_count >= 6; bit_count -= 6) {
			ret_text[used++] = digits[bits >> (bit_count - 6) & 63];
		}
	}
	if (bit_count > 0) {
		ret_text[used++] = digits[bits << (6 - bit_count) & 63];
	}
	while (padded && used % 4 != 0) {
		ret_text[used++] = '=';
	}
	ret_text[used] = '\0';
	return used;
}

size_t base64_encode(const uint8_t *bytes, size_t bytes_count, char *ret_text)
{
	return encode(bytes, bytes_count, digits_standard, true, ret_text);
}

size_t base64_url_encode(const uint8_t *bytes, size_t bytes_count, char *ret_text)
{
	return encode(bytes, bytes_count, digits_url, false, ret_text);
}

/* One more than the value of a digit that both alphabets have; 0 for any other byte. A look-up
 * has no branch to guess wrong, and nonces are random. */
/* clang-format off */
static const uint8_t common_values[UINT8_MAX + 1] = {
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8,
	['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15,
	['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22,
	['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29,
	['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36,
	['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43,
	['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50,
	['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, ['4'] = 57,
	['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62,
};
/* clang-format on */

/* -1: not a digit. The last two digits are what the alphabets differ in. */
static int digit_value(char digit, const char *digits)
{
	int value = common_values[(uint8_t)digit] - 1;

	if (value >= 0) {
		return value;
	}
	if (digit == digits[62]) {
		return 62;
	}
	return digit == digits[63] ? 63 : -1;
}

/* The digits without padding. The bytes that they make fit ret_bytes. */
static enum err decode(const char *text, size_t digit_count, const char *digits, uint8_t *ret_bytes)
{
	uint32_t bits = 0;
	unsigned bit_count = 0;
	size_t used = 0;

	if (digit_count % 4 == 1) {
		return ERR_MALFORMED; /* six bits are no byte */
	}
	for (size_t i = 0; i < digit_count; i++) {
		int value = digit_value(text[i], digits);

		if (value < 0) {
			return ERR_MALFORMED;
		}
		bits = bits << 6 | (uint32_t)value;
		bit_count += 6;
		if (bit_count >= 8) {
			bit_count -= 8;
			ret_bytes[used++] = (uint8_t)(bits >> bit_count);
		}
	}
	assert(used == digit_count / 4 * 3 + digit_count % 4 * 3 / 4);
	if ((bits & ((1u << bit_count) - 1)) != 0) {
		return ERR_MALFORMED; /* another spelling of the same bytes */
	}
	return ERR_OK;
}

static enum err decode_bounded(const char *text, size_t digit_count, const char *digits,
	uint8_t *ret_bytes, size_t bytes_max, size_t *ret_bytes_count)
{
	size_t bytes_count = digit_count / 4 * 3 + digit_count % 4 * 3 / 4;
	enum err err;

	if (bytes_count > bytes_max) {
		return ERR_TOO_LARGE;
	}
	err = decode(text, digit_count, digits, ret_bytes);
	if (err == ERR_OK) {
		*ret_bytes_count = bytes_count;
	}
	return err;
}

enum err base64_decode(const char *text, size_t text_bytes, uint8_t *ret_bytes, size_t bytes_max,
	size_t *ret_bytes_count)
{
	size_t digit_count = text_bytes;

	if (text_bytes % 4 != 0) {
		return ERR_MALFORMED;
	}
	for (int i = 0; i < 2 && digit_count > 0 && text[digit_count - 1] == '='; i++) {
		digit_count--;
	}
	return decode_bounded(
		text, digit_count, digits_standard, ret_bytes, bytes_max, ret_bytes_count);
}

enum err base64_url_decode(const char *text, size_t text_bytes, uint8_t *ret_bytes,
	size_t bytes_max, size_t *ret_bytes_count)
{
	return decode_bounded(text, text_bytes, digits_url, ret_bytes, bytes_max, ret_bytes_count);
}
