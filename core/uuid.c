#include "core/uuid.h"

#include <stdbool.h>

#include "core/hex.h"

static bool hyphen_at(size_t place)
{
	return place == 8 || place == 13 || place == 18 || place == 23;
}

enum err uuid_parse(const char *text, size_t text_bytes, struct id128 *ret_id)
{
	char digits[HEX_TEXT_BYTES(ID_BYTES)];
	size_t digit_count = 0;

	if (text_bytes != UUID_TEXT_BYTES) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < UUID_TEXT_BYTES; i++) {
		if (!hyphen_at(i)) {
			bool upper = text[i] >= 'A' && text[i] <= 'F';

			digits[digit_count++] = upper ? (char)(text[i] - 'A' + 'a') : text[i];
		} else if (text[i] != '-') {
			return ERR_MALFORMED;
		}
	}
	return hex_decode(digits, digit_count, ret_id->bytes, ID_BYTES);
}

void uuid_print(const struct id128 *id, char ret_text[UUID_TEXT_BYTES + 1])
{
	char digits[HEX_TEXT_BYTES(ID_BYTES) + 1];
	size_t used = 0;

	hex_encode(id->bytes, ID_BYTES, digits);
	for (size_t i = 0; i < UUID_TEXT_BYTES; i++) {
		ret_text[i] = hyphen_at(i) ? '-' : digits[used++];
	}
	ret_text[UUID_TEXT_BYTES] = '\0';
}
