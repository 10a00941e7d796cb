#include "core/toml_error.h"

#include <stdbool.h>
#include <string.h>

static void put_byte(struct toml_error *error, char byte)
{
	size_t used = strlen(error->text);

	if (used + 1 < sizeof error->text) {
		error->text[used] = byte;
		error->text[used + 1] = '\0';
	}
}

void toml_error_begin(struct toml_error *error, enum err code, uint32_t line, uint32_t column)
{
	error->code = code;
	error->line = line;
	error->column = column;
	error->text[0] = '\0';
}

void toml_error_put(struct toml_error *error, const char *text)
{
	for (; *text != '\0'; text++) {
		put_byte(error, *text);
	}
}

void toml_error_put_number(struct toml_error *error, uint64_t number)
{
	char digits[20];
	size_t count = 0;

	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	while (count > 0) {
		put_byte(error, digits[--count]);
	}
}

/* Cutting inside a character would make the sentence itself invalid UTF-8. */
static size_t cut_at_character(struct slice piece)
{
	size_t count = TOML_ERROR_QUOTE_BYTES_MAX;

	while (count > 0 && (piece.bytes[count] & 0xC0) == 0x80) {
		count--;
	}
	return count;
}

void toml_error_put_quoted(struct toml_error *error, struct slice piece)
{
	static const char hex[] = "0123456789ABCDEF";
	bool cut = piece.bytes_count > TOML_ERROR_QUOTE_BYTES_MAX;
	size_t count = cut ? cut_at_character(piece) : piece.bytes_count;

	put_byte(error, '"');
	for (size_t i = 0; i < count; i++) {
		uint8_t byte = piece.bytes[i];

		if (byte < 0x20 || byte == 0x7F) {
			toml_error_put(error, "\\x");
			put_byte(error, hex[byte >> 4]);
			put_byte(error, hex[byte & 15]);
		} else {
			put_byte(error, (char)byte);
		}
	}
	toml_error_put(error, cut ? "...\"" : "\"");
}
