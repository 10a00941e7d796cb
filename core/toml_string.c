#include "core/toml_string.h"

#include <assert.h>

static void put(struct toml_store *store, uint8_t byte)
{
	assert(store->bytes_count < store->bytes_max); /* never longer than the text */
	store->bytes[store->bytes_count++] = byte;
}

static void put_code_point(struct toml_store *store, uint32_t code)
{
	if (code < 0x80) {
		put(store, (uint8_t)code);
	} else if (code < 0x800) {
		put(store, (uint8_t)(0xC0 | code >> 6));
		put(store, (uint8_t)(0x80 | (code & 0x3F)));
	} else if (code < 0x10000) {
		put(store, (uint8_t)(0xE0 | code >> 12));
		put(store, (uint8_t)(0x80 | (code >> 6 & 0x3F)));
		put(store, (uint8_t)(0x80 | (code & 0x3F)));
	} else {
		put(store, (uint8_t)(0xF0 | code >> 18));
		put(store, (uint8_t)(0x80 | (code >> 12 & 0x3F)));
		put(store, (uint8_t)(0x80 | (code >> 6 & 0x3F)));
		put(store, (uint8_t)(0x80 | (code & 0x3F)));
	}
}

static int hex_digit(int byte)
{
	if (byte >= '0' && byte <= '9') {
		return byte - '0';
	}
	if (byte >= 'a' && byte <= 'f') {
		return byte - 'a' + 10;
	}
	if (byte >= 'A' && byte <= 'F') {
		return byte - 'A' + 10;
	}
	return -1;
}

static bool read_code_point(struct toml_scan *scan, struct toml_store *store, unsigned digits)
{
	struct toml_mark first = scan->here;
	uint32_t code = 0;

	for (unsigned i = 0; i < digits; i++) {
		int digit = hex_digit(toml_scan_peek(scan));

		if (digit < 0) {
			return toml_scan_expected(
				scan, digits == 4 ? "four hexadecimal digits after \\u"
						  : "eight hexadecimal digits after \\U");
		}
		code = code << 4 | (uint32_t)digit;
		toml_scan_step(scan);
	}
	if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
		return toml_scan_refuse(scan, first,
			"expected the number of a character, found a surrogate or one past 10FFFF");
	}
	put_code_point(store, code);
	return true;
}

/* Behind a backslash. */
static bool read_escape(struct toml_scan *scan, struct toml_store *store)
{
	int letter = toml_scan_peek(scan);
	uint8_t byte = 0;

	switch (letter) {
	case 'b':
		byte = '\b';
		break;
	case 't':
		byte = '\t';
		break;
	case 'n':
		byte = '\n';
		break;
	case 'f':
		byte = '\f';
		break;
	case 'r':
		byte = '\r';
		break;
	case '"':
	case '\\':
		byte = (uint8_t)letter;
		break;
	case 'u':
	case 'U':
		toml_scan_step(scan);
		return read_code_point(scan, store, letter == 'u' ? 4 : 8);
	default:
		return toml_scan_expected(scan,
			"one of b t n f r \" \\ u U after a backslash (or a literal 'string')");
	}
	toml_scan_step(scan);
	put(store, byte);
	return true;
}

static bool read_one_line(struct toml_scan *scan, struct toml_store *store, char quote)
{
	toml_scan_step(scan);
	while (!toml_scan_take(scan, quote)) {
		int byte = toml_scan_peek(scan);

		if (byte == TOML_SCAN_END || toml_scan_at_newline(scan)) {
			return toml_scan_expected(
				scan, quote == '"' ? "a closing \"" : "a closing '");
		}
		toml_scan_step(scan);
		if (byte == '\\' && quote == '"') {
			if (!read_escape(scan, store)) {
				return false;
			}
		} else {
			put(store, (uint8_t)byte);
		}
	}
	return true;
}

/* Behind a backslash in """: if only blanks follow it on its line, all white space up to
 * the next character is dropped. Else the cursor stays. */
static bool skip_line_end(struct toml_scan *scan)
{
	struct toml_mark behind_backslash = scan->here;

	toml_scan_blanks(scan);
	if (!toml_scan_at_newline(scan)) {
		scan->here = behind_backslash;
		return false;
	}
	while (toml_scan_at_newline(scan)) {
		toml_scan_newline(scan);
		toml_scan_blanks(scan);
	}
	return true;
}

/* Up to five quotes in a row: three of them close, one or two before these belong to the
 * text. True: it was the end. */
static bool read_quotes(struct toml_scan *scan, struct toml_store *store, char quote)
{
	unsigned count = 0;
	bool closes;

	while (count < 5 && toml_scan_take(scan, quote)) {
		count++;
	}
	closes = count >= 3;
	for (count -= closes ? 3 : 0; count > 0; count--) {
		put(store, (uint8_t)quote);
	}
	return closes;
}

static bool read_many_lines(struct toml_scan *scan, struct toml_store *store, char quote)
{
	toml_scan_steps(scan, 3);
	toml_scan_newline(scan); /* the one right behind the opening is not text */
	for (;;) {
		int byte = toml_scan_peek(scan);

		if (byte == TOML_SCAN_END) {
			return toml_scan_expected(
				scan, quote == '"' ? "a closing \"\"\"" : "a closing '''");
		}
		if (byte == quote) {
			if (read_quotes(scan, store, quote)) {
				return true;
			}
		} else if (toml_scan_at_newline(scan)) {
			toml_scan_newline(scan);
			put(store, '\n');
		} else {
			toml_scan_step(scan);
			if (byte != '\\' || quote != '"') {
				put(store, (uint8_t)byte);
			} else if (!skip_line_end(scan) && !read_escape(scan, store)) {
				return false;
			}
		}
	}
}

static bool read(
	struct toml_scan *scan, struct toml_store *store, bool many_lines, struct slice *ret_text)
{
	char quote = (char)toml_scan_peek(scan);
	size_t first = store->bytes_count;

	assert(quote == '"' || quote == '\'');
	many_lines = many_lines && toml_scan_peek_at(scan, 1) == quote &&
		     toml_scan_peek_at(scan, 2) == quote;
	if (many_lines ? !read_many_lines(scan, store, quote)
		       : !read_one_line(scan, store, quote)) {
		return false;
	}
	*ret_text = (struct slice){
		.bytes = store->bytes + first,
		.bytes_count = store->bytes_count - first,
	};
	return true;
}

bool toml_string_value(struct toml_scan *scan, struct toml_store *store, struct slice *ret_text)
{
	return read(scan, store, true, ret_text);
}

bool toml_string_key(struct toml_scan *scan, struct toml_store *store, struct slice *ret_text)
{
	return read(scan, store, false, ret_text);
}
