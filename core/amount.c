#include "core/amount.h"

#include <stdint.h>
#include <string.h>

/* The largest power of ten below 2^64: printing divides 128 bits at most twice. */
#define CHUNK_DIGITS 19u
#define CHUNK        ((uint64_t)10000000000000000000u)

enum amount_error amount_parse(const char *text, size_t text_bytes, u128 *ret_amount)
{
	uint64_t head = 0; /* as many digits as 64 bits hold, which most amounts are */
	size_t i = 0;
	u128 amount;

	if (text_bytes == 0) {
		return AMOUNT_EMPTY;
	}
	for (size_t at = 0; at < text_bytes; at++) {
		if (text[at] < '0' || text[at] > '9') {
			return AMOUNT_NOT_A_DIGIT;
		}
	}
	if (text[0] == '0' && text_bytes > 1) {
		return AMOUNT_LEADING_ZERO;
	}
	if (text_bytes > AMOUNT_DIGITS_MAX) {
		return AMOUNT_TOO_LARGE;
	}
	for (; i < text_bytes && i < CHUNK_DIGITS; i++) {
		head = 10 * head + (unsigned)(text[i] - '0');
	}
	for (amount = head; i < text_bytes; i++) {
		unsigned digit = (unsigned)(text[i] - '0');

		if (amount > U128_MAX / 10 || 10 * amount > U128_MAX - digit) {
			return AMOUNT_TOO_LARGE;
		}
		amount = 10 * amount + digit;
	}
	*ret_amount = amount;
	return AMOUNT_OK;
}

size_t amount_print(u128 amount, char ret_text[AMOUNT_TEXT_BYTES_MAX])
{
	char digits[AMOUNT_DIGITS_MAX];
	size_t first = sizeof digits;
	size_t digit_count;

	while (amount >= CHUNK) {
		uint64_t chunk = (uint64_t)(amount % CHUNK);

		amount /= CHUNK;
		for (size_t i = 0; i < CHUNK_DIGITS; i++) {
			digits[--first] = (char)('0' + chunk % 10);
			chunk /= 10;
		}
	}
	for (uint64_t rest = (uint64_t)amount; rest > 0 || first == sizeof digits; rest /= 10) {
		digits[--first] = (char)('0' + rest % 10);
	}
	digit_count = sizeof digits - first;
	memcpy(ret_text, digits + first, digit_count);
	ret_text[digit_count] = '\0';
	return digit_count;
}

bool amount_add(u128 augend, u128 addend, u128 *ret_sum)
{
	if (addend > U128_MAX - augend) {
		return false;
	}
	*ret_sum = augend + addend;
	return true;
}

bool amount_sub(u128 minuend, u128 subtrahend, u128 *ret_difference)
{
	if (subtrahend > minuend) {
		return false;
	}
	*ret_difference = minuend - subtrahend;
	return true;
}
