#include "core/toml_scan.h"

#include <assert.h>
#include <string.h>

#include "core/utf8.h"

/* ---- the whole text, once ---- */

/* Bytes of the character that starts here; 0: it is none (core/utf8.h). */
static size_t character_bytes(const uint8_t *bytes, size_t left)
{
	size_t count = bytes[0] < 0x80 ? 1 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;

	return count <= left && utf8_valid(bytes, count) ? count : 0;
}

/* NULL: the character may stand somewhere in a document. */
static const char *character_fault(const uint8_t *bytes, size_t left)
{
	if (character_bytes(bytes, left) == 0) {
		return "expected UTF-8, found a byte that is not part of any character";
	}
	if (bytes[0] == '\r' && (left < 2 || bytes[1] != '\n')) {
		return "expected a line feed after a carriage return, found none";
	}
	if (bytes[0] == 0x7F ||
		(bytes[0] < 0x20 && bytes[0] != '\t' && bytes[0] != '\n' && bytes[0] != '\r')) {
		return "expected text, found a control character; write it as an escape in a "
		       "string";
	}
	return NULL;
}

bool toml_scan_check(struct slice text, struct toml_error *ret_error)
{
	uint32_t line = 1, column = 1;
	size_t at = 0;

	if (text.bytes_count >= 3 && memcmp(text.bytes, "\xEF\xBB\xBF", 3) == 0) {
		toml_error_begin(ret_error, ERR_MALFORMED, 1, 1);
		toml_error_put(
			ret_error, "expected TOML, found a byte order mark; save without it");
		return false;
	}
	while (at < text.bytes_count) {
		const char *fault = character_fault(text.bytes + at, text.bytes_count - at);

		if (fault != NULL) {
			toml_error_begin(ret_error, ERR_MALFORMED, line, column);
			toml_error_put(ret_error, fault);
			return false;
		}
		if (text.bytes[at] == '\n') {
			line++;
			column = 1;
		} else {
			column++;
		}
		at += character_bytes(text.bytes + at, text.bytes_count - at);
	}
	return true;
}

/* ---- the cursor ---- */

void toml_scan_init(struct toml_scan *scan, struct slice text, struct toml_error *error)
{
	scan->text = text;
	scan->here = (struct toml_mark){ .at = 0, .line = 1, .column = 1 };
	scan->error = error;
}

int toml_scan_peek_at(const struct toml_scan *scan, size_t offset)
{
	return offset < scan->text.bytes_count - scan->here.at
		       ? scan->text.bytes[scan->here.at + offset]
		       : TOML_SCAN_END;
}

int toml_scan_peek(const struct toml_scan *scan)
{
	return toml_scan_peek_at(scan, 0);
}

void toml_scan_step(struct toml_scan *scan)
{
	assert(scan->here.at < scan->text.bytes_count);
	scan->here.at++;
	if (scan->text.bytes[scan->here.at - 1] == '\n') {
		scan->here.line++;
		scan->here.column = 1;
	} else if ((toml_scan_peek(scan) & 0xC0) != 0x80 || toml_scan_peek(scan) < 0) {
		scan->here.column++; /* the last byte of a character */
	}
}

void toml_scan_steps(struct toml_scan *scan, size_t count)
{
	for (; count > 0; count--) {
		toml_scan_step(scan);
	}
}

bool toml_scan_take(struct toml_scan *scan, char byte)
{
	if (toml_scan_peek(scan) != byte) {
		return false;
	}
	toml_scan_step(scan);
	return true;
}

bool toml_scan_at_newline(const struct toml_scan *scan)
{
	int byte = toml_scan_peek(scan);

	return byte == '\n' || byte == '\r'; /* never a bare one: toml_scan_check */
}

void toml_scan_newline(struct toml_scan *scan)
{
	(void)toml_scan_take(scan, '\r');
	(void)toml_scan_take(scan, '\n');
}

void toml_scan_blanks(struct toml_scan *scan)
{
	while (toml_scan_peek(scan) == ' ' || toml_scan_peek(scan) == '\t') {
		toml_scan_step(scan);
	}
}

void toml_scan_comment(struct toml_scan *scan)
{
	if (toml_scan_peek(scan) != '#') {
		return;
	}
	while (toml_scan_peek(scan) != TOML_SCAN_END && !toml_scan_at_newline(scan)) {
		toml_scan_step(scan);
	}
}

void toml_scan_filler(struct toml_scan *scan)
{
	size_t before;

	do {
		before = scan->here.at;
		toml_scan_blanks(scan);
		toml_scan_comment(scan);
		toml_scan_newline(scan);
	} while (scan->here.at != before);
}

/* ---- what is wrong ---- */

static void put_found(struct toml_scan *scan)
{
	size_t left = scan->text.bytes_count - scan->here.at;

	if (left == 0) {
		toml_error_put(scan->error, "the end of the file");
	} else if (toml_scan_at_newline(scan)) {
		toml_error_put(scan->error, "the end of the line");
	} else {
		struct slice found = { .bytes = scan->text.bytes + scan->here.at };

		found.bytes_count = character_bytes(found.bytes, left);
		toml_error_put_quoted(scan->error, found);
	}
}

static void begin(struct toml_scan *scan, struct toml_mark where)
{
	toml_error_begin(scan->error, ERR_MALFORMED, where.line, where.column);
}

bool toml_scan_expected(struct toml_scan *scan, const char *what)
{
	begin(scan, scan->here);
	toml_error_put(scan->error, "expected ");
	toml_error_put(scan->error, what);
	toml_error_put(scan->error, ", found ");
	put_found(scan);
	return false;
}

bool toml_scan_refuse(struct toml_scan *scan, struct toml_mark where, const char *sentence)
{
	begin(scan, where);
	toml_error_put(scan->error, sentence);
	return false;
}

bool toml_scan_refuse_piece(
	struct toml_scan *scan, struct toml_mark where, struct slice piece, const char *sentence)
{
	begin(scan, where);
	toml_error_put_quoted(scan->error, piece);
	toml_error_put(scan->error, sentence);
	return false;
}
